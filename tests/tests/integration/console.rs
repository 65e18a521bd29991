//! The console without a model: every command and its abuse, keys, lines, the end.

use anyhow::Result;
use proviso_boot::exit::Exit;
use proviso_boot::image;
use proviso_tests::console::{Console, hardware, image};

scenarios! {
    commands_that_look_answer,
    commands_that_change_do_it,
    help_knows_every_command,
    misuse_is_named_with_the_usage,
    the_impossible_is_refused_with_a_reason,
    unknown_commands_suggest_the_nearest,
    lines_can_be_edited_on_a_plain_terminal,
    lines_can_be_edited_on_an_ansi_terminal,
    history_comes_back,
    top_is_redrawn_until_a_key_is_pressed,
    an_overlong_line_is_refused_whole,
    control_c_clears_the_line,
    the_end_of_input_explains_itself,
    hostile_bytes_do_no_harm,
    lines_typed_ahead_are_all_answered,
    output_of_others_does_not_spoil_the_line,
    a_sentence_without_an_agent_fails_within_its_deadline,
    shutdown_is_clean,
    reboot_asks_to_be_started_again,
}

fn commands_that_look_answer() -> Result<()> {
    let mut console = Console::boot()?;
    for (line, parts) in [
        ("/ps", &["pid  name", "init", "shell", "4M"][..]),
        ("/ps cpu", &["init", "shell"]),
        ("/ps memory", &["init", "shell"]),
        ("/ps pid", &["init", "shell"]),
        ("/ps name", &["init", "shell"]),
        (
            "/mem",
            &[
                "total",
                "kernel",
                "its heap: ",
                "processes",
                "reserve",
                "free",
            ],
        ),
        (
            "/status",
            &[
                "up ",
                "processor",
                "2 alive, 0 crashed",
                "not connected",
                "waiting    0 requests",
            ],
        ),
        (
            "/programs",
            &[
                "counter", "crasher", "echo", "hog", "logger", "pinger", "worker", "shell",
            ],
        ),
        ("/log", &["kernel", "Proviso ", "started by process"]),
        ("/log 1", &["kernel"]),
        (
            "/inspect 1",
            &[
                "init 1\n",
                "state",
                "priority",
                "processor",
                "memory",
                "started",
            ],
        ),
        ("/inspect *", &["shell 2\n"]),
        (
            "/top",
            &["switches", "calls", "a second", "plans allowed", "shell"],
        ),
        (
            "/trace",
            &[
                "pid 2  call observe",
                "plan allowed, intent",
                "records before these",
            ],
        ),
        ("/trace 3", &["pid 2  ", "records before these"]),
        ("/history", &["/ps cpu\n", "/inspect 1\n"]),
        ("/clear", &[]),
        ("", &[]),
        ("   ", &[]),
    ] {
        console.expect(line, parts)?;
    }
    console.shut_down()
}

fn commands_that_change_do_it() -> Result<()> {
    let mut console = Console::boot()?;
    let pids = console.spawn("counter x2 priority=low limit=1M 500 x9")?;
    console.ensure(
        pids == [3, 4],
        "two processes started, with the next numbers",
    )?;
    let two = console.living("counter")?;
    let as_asked = two
        .iter()
        .all(|one| one.priority == "low" && one.limit == "1M");
    console.ensure(two.len() == 2 && as_asked, "they are as asked")?;
    console.expect("/inspect 3", &["arguments  500 x9", "by pid 2"])?;
    console.expect("/suspend counter", &["suspended counter 3, counter 4"])?;
    console.expect("/ps", &["suspended"])?;
    console.expect("/resume 3", &["resumed counter 3"])?;
    console.expect("/cap counter 20%", &["cpu limit of counter 3 is 20%"])?;
    console.expect("/inspect 3", &["20% at most"])?;
    for policy in ["round_robin", "fair", "adaptive", "priority"] {
        let says = format!("the scheduler is {policy}, 20 ms a turn");
        console.expect(&format!("/scheduler {policy} 20"), &[&says])?;
        let says = format!("scheduling {policy}, 20 ms a turn");
        console.expect("/status", &[&says])?;
    }
    console.expect("/priority 4 high", &["priority of counter 4 is high"])?;
    console.expect(
        "/priority counter +1",
        &["counter 3 is normal", "counter 4 is realtime"],
    )?;
    console.expect(
        "/priority counter -9",
        &["counter 3 is idle", "counter 4 is idle"],
    )?;
    console.expect("/limit 3 4M", &["memory limit of counter 3 is 4M"])?;
    console.expect("/limit counter x2", &["counter 3 is 8M", "counter 4 is 2M"])?;
    console.expect("/grant 4 512K", &["counter 4 is 2.5M"])?;
    console.expect("/restart 3", &["restarted counter 3"])?;
    console.expect(
        "/inspect 3",
        &["restarts   1", "last end   killed", "arguments  500 x9"],
    )?;
    console.spawn("logger")?;
    console.expect("/send logger hello  you", &["sent to logger 5"])?;
    console.eventually("[logger 5] from process 2: hello  you")?;
    console.expect("/kill *,-shell,-5", &["killed counter 3, counter 4"])?;
    console.expect("/kill logger", &["killed logger 5"])?;
    let left = console.processes()?;
    console.ensure(left.len() == 2, "init and the shell are left")?;
    console.shut_down()
}

fn help_knows_every_command() -> Result<()> {
    let mut console = Console::boot()?;
    let overview = console.expect("/help", &["lists the commands"])?;
    let names = overview
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix('/'));
    let names: Vec<String> = names
        .filter_map(|rest| Some(rest.split_once(' ')?.0.into()))
        .collect();
    console.ensure(names.len() >= 15, "there are many commands")?;
    for name in names {
        console.expect(&format!("/help {name}"), &[&format!("/{name}")])?;
    }
    console.shut_down()
}

fn misuse_is_named_with_the_usage() -> Result<()> {
    let mut console = Console::boot()?;
    for (line, says) in [
        ("/ps size", "\"size\" is nothing to sort by"),
        ("/ps cpu now", "\"now\" is one word too many"),
        ("/mem all", "one word too many"),
        ("/log many", "\"many\" is no number of lines"),
        ("/log -1", "no number of lines"),
        ("/inspect", "is missing"),
        ("/spawn", "the name of the program is missing"),
        (
            "/spawn counter priority=urgent",
            "\"urgent\" is no priority",
        ),
        ("/spawn counter limit=lots", "\"lots\" is no size"),
        ("/spawn counter limit=99999999999G", "no size"),
        ("/spawn counter 1 2 3 4 5 6 7 8 9", "longer than 8"),
        ("/kill", "which processes is missing"),
        ("/kill 4 5", "\"5\" is one word too many"),
        ("/kill ,", "empty part"),
        ("/kill -shell", "leaves nobody"),
        ("/priority shell", "the priority is missing"),
        ("/priority shell +999", "no step such as +1"),
        ("/limit shell much", "no size"),
        ("/grant shell x2", "no size"),
        ("/send shell", "the text is missing"),
        ("/shutdown now", "\"now\" is not reboot"),
        ("/clear all", "one word too many"),
    ] {
        console.expect(line, &[says, "\nusage: /"])?;
    }
    console.shut_down()
}

fn the_impossible_is_refused_with_a_reason() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("counter")?;
    for (line, reason) in [
        ("/kill 1", "Protected: "),
        ("/kill init", "Protected: "),
        ("/kill 3,init", "Protected: "),
        ("/suspend init", "Protected: "),
        ("/restart 1", "Protected: "),
        ("/priority init low", "Protected: "),
        ("/cap init 5", "Protected: "),
        ("/scheduler fair 0", "Malformed: "),
        ("/limit init 1M", "Protected: "),
        ("/kill 99", "NoSuchTarget: no process 99"),
        ("/kill 4294967295", "NoSuchTarget: "),
        ("/kill 4294967296", "NoSuchTarget: "),
        ("/inspect nobody", "NoSuchTarget: no process \"nobody\""),
        ("/send nobody hello", "NoSuchTarget: "),
        ("/kill counter,-3", "NoSuchTarget: "),
        ("/spawn nothing", "NoSuchProgram: no program \"nothing\""),
        ("/spawn counter x0", "Malformed: "),
        ("/spawn counter x65", "TooMany: "),
        ("/spawn counter x4294967295", "TooMany: "),
        ("/spawn counter limit=4096", "OverQuota: "),
        ("/spawn counter limit=1G", "WouldExhaustMemory: "),
        ("/limit 3 8K", "OverQuota: "),
        ("/limit 3 16383G", "WouldExhaustMemory: "),
        ("/limit 3 x4000000", "WouldExhaustMemory: "),
        ("/grant 3 0", "Malformed: "),
        ("/grant 3 16777215G", "WouldExhaustMemory: "),
        ("/resume 3", "WrongState: "),
        ("/priority 3 +0", "Malformed: "),
        ("/log 0", "Malformed: "),
    ] {
        console.expect(line, &["refused by the kernel: ", reason])?;
    }
    let counters = console.living("counter")?;
    console.ensure(
        counters.len() == 1 && counters[0].limit == "2M",
        "nothing was done",
    )?;
    console.expect("/log 40", &["refused a plan of process 2: Protected"])?;
    console.shut_down()
}

fn unknown_commands_suggest_the_nearest() -> Result<()> {
    let mut console = Console::boot()?;
    console.expect(
        "/klil 4",
        &["there is no command /klil, did you mean /kill?", "/help"],
    )?;
    console.expect("/shutdwon", &["did you mean /shutdown?"])?;
    console.expect("/frobnicate", &["there is no command /frobnicate\n"])?;
    console.expect("/", &["there is no command /\n"])?;
    console.expect("//ps", &["there is no command //ps"])?;
    console.expect("/PS", &["there is no command /PS"])?;
    console.shut_down()
}

fn lines_can_be_edited_on_a_plain_terminal() -> Result<()> {
    let mut console = Console::boot()?;
    // Backspace, delete a word, delete all: what is left is `/mem`.
    console.send("/px\x7fs now\x17\x15/me\x08em\r")?;
    console.wait_for("reserve")?;
    console.wait_for_prompt()?;
    // A carriage return and a line feed are one line end, a line feed is one too.
    console.send("/log 1\r\n/programs\n")?;
    console.wait_for("pinger")?;
    let all = console.transcript();
    console.ensure(
        !all.contains('\x1b'),
        "a plain terminal gets no escape sequences",
    )?;
    console.wait_for_prompt()?;
    console.shut_down()
}

/// A console for a person, with colours and a cursor.
fn ansi() -> Result<Console> {
    let image = image()?.console(image::Console::Ansi);
    let mut console = Console::start(&hardware()?, &image)?;
    console.wait_for("\x1b[Kproviso> ")?;
    Ok(console)
}

fn lines_can_be_edited_on_an_ansi_terminal() -> Result<()> {
    let mut console = ansi()?;
    // Left, insert, home, delete, end, and again: /programs.
    console.send("x/progrms\x1b[D\x1b[Da\x1b[H\x1b[3~\x05\r")?;
    console.wait_for("pinger")?;
    console.wait_for("\x1b[Kproviso> ")?;
    // Cursor left beyond the start, right beyond the end.
    console.send(&format!(
        "{}/me{}m\r",
        "\x1b[D".repeat(9),
        "\x1b[C".repeat(9)
    ))?;
    console.wait_for("reserve")?;
    console.wait_for("\x1b[Kproviso> ")?;
    // The screen can be cleared in the middle of a line.
    console.send("/stat\x0c")?;
    console.wait_for("\x1b[2J\x1b[H")?;
    console.wait_for("/stat")?;
    console.send("us\r")?;
    console.wait_for("not connected")?;
    console.enter("/shutdown")?;
    console.ends(Exit::Clean)
}

fn history_comes_back() -> Result<()> {
    let mut console = ansi()?;
    for line in ["/help ps", "/help mem"] {
        console.enter(line)?;
        console.wait_for("\x1b[Kproviso> ")?;
    }
    // Two up, one down, and a change: the line is `/help mem` and `ory` goes again.
    console.send("draft\x1b[A\x1b[A\x1b[Bory\x7f\x7f\x7f\r")?;
    console.wait_for("shows where the memory is")?;
    console.wait_for("\x1b[Kproviso> ")?;
    // Up beyond the oldest, down beyond the newest: the draft.
    console.send("/help kil\x1bOA\x1bOA\x1bOA\x1bOA\x1bOB\x1bOB\x1bOB\x1bOB\x1bOBl\r")?;
    console.wait_for("ends processes")?;
    console.wait_for("\x1b[Kproviso> ")?;
    console.enter("/history")?;
    console.wait_for("1  /help ps")?;
    console.wait_for("/help kill")?;
    Ok(())
}

fn top_is_redrawn_until_a_key_is_pressed() -> Result<()> {
    let image = image()?.console(image::Console::Ansi);
    let mut console = Console::start(&hardware()?, &image)?;
    console.wait_for("proviso> ")?;
    console.enter("/top")?;
    for _ in 0..3 {
        console.wait_for("a second")?;
        console.wait_for("any key ends this")?;
    }
    console.send("q")?;
    console.wait_for("proviso> ")?;
    console.enter("/shutdown")?;
    console.ends(Exit::Clean)
}

fn an_overlong_line_is_refused_whole() -> Result<()> {
    let mut console = Console::boot()?;
    console.send(&format!("/help {}\r", "x".repeat(600)))?;
    console.wait_for("longer than 512 bytes and was not read")?;
    console.wait_for_prompt()?;
    console.send(&format!("{}\r", "y".repeat(20_000)))?;
    console.wait_for("longer than 512 bytes")?;
    console.wait_for_prompt()?;
    console.still_answers()?;
    // The longest that is still a line.
    console.expect(
        &format!("/{}", "z".repeat(511)),
        &["there is no command /zzz"],
    )?;
    console.shut_down()
}

fn control_c_clears_the_line() -> Result<()> {
    let mut console = Console::boot()?;
    console.send("/shutdown\x03")?;
    console.wait_for("^C")?;
    console.wait_for_prompt()?;
    console.still_answers()?;
    console.send("/shut\x03down\x15\x03/ps\r")?;
    console.wait_for("shell")?;
    console.wait_for_prompt()?;
    console.shut_down()
}

fn the_end_of_input_explains_itself() -> Result<()> {
    let mut console = Console::boot()?;
    console.send("\x04")?;
    console.wait_for("/shutdown stops the machine")?;
    console.wait_for_prompt()?;
    // In a line it is no end.
    console.send("/help ps\x04\r")?;
    console.wait_for("shows processes")?;
    console.wait_for_prompt()?;
    console.shut_down()
}

fn hostile_bytes_do_no_harm() -> Result<()> {
    let mut console = Console::boot()?;
    let controls: String = (0u8..32)
        .filter(|byte| !b"\r\n\x03\x04".contains(byte))
        .map(char::from)
        .collect();
    for bytes in [
        controls.as_str(),
        "\u{1b}[999999999999999999999;1H",
        "\u{1b}[[[[[[",
        "\u{1b}]0;title\u{7}",
        "\u{9b}2J\u{85}\u{feff}\u{202e}\u{200b}",
        "\u{10ffff}\u{fffd}漢字🙂e\u{301}",
        "\u{7f}\u{7f}\u{7f}\u{7f}",
        "%s%n%x{}{0}\\x00\\",
    ] {
        console.send(bytes)?;
        console.send("\x15\x03")?;
        console.wait_for("^C")?;
        console.wait_for_prompt()?;
        console.still_answers()?;
    }
    // More than any buffer holds, in every order of keys.
    let noise: String = (0..6000u32)
        .map(|n| char::from(0x20 + (n * 7919 % 95) as u8))
        .collect();
    console.send(&noise)?;
    console.send("\x15\x03")?;
    console.wait_for("^C")?;
    console.still_answers()?;
    console.shut_down()
}

fn lines_typed_ahead_are_all_answered() -> Result<()> {
    let mut console = Console::boot()?;
    let lines: String = (0..20).map(|n| format!("/nonsense{n}\r")).collect();
    console.send(&lines)?;
    for n in 0..20 {
        console.wait_for(&format!("there is no command /nonsense{n}"))?;
    }
    console.wait_for_prompt()?;
    console.shut_down()
}

fn output_of_others_does_not_spoil_the_line() -> Result<()> {
    for kind in [image::Console::Plain, image::Console::Ansi] {
        let mut console = Console::start(&hardware()?, &image()?.console(kind))?;
        console.wait_for("proviso> ")?;
        console.enter("/spawn logger")?;
        console.wait_for("[logger 3] keeping")?;
        console.enter("/spawn pinger 50")?;
        console.wait_for("[pinger 4] no answer from echo")?;
        // Half a command, a line of somebody else's, the other half.
        console.send("/send logger \x15/spaw")?;
        console.wait_for("/spaw")?;
        console.send("n echo")?;
        console.wait_for("n echo")?;
        console.send("\r")?;
        console.wait_for("[echo 5] answering")?;
        console.wait_for("[pinger 4] echo answers again")?;
        console.send("/kill ec")?;
        console.wait_for("/kill ec")?;
        console.send("ho\r")?;
        console.wait_for("killed echo 5")?;
        console.send("/mem")?;
        // Now the line is disturbed for sure, and drawn again.
        console.wait_for("[pinger 4] no answer from echo")?;
        console.wait_for("proviso> /mem")?;
        console.send("\r")?;
        console.wait_for("reserve")?;
        console.wait_for("proviso> ")?;
        console.enter("/shutdown")?;
        console.ends(Exit::Clean)?;
    }
    Ok(())
}

fn a_sentence_without_an_agent_fails_within_its_deadline() -> Result<()> {
    let mut console = Console::boot()?;
    console.expect(
        "start two counters",
        &[
            "heard",
            "the agent does not answer",
            "none is connected",
            "nothing was done",
            "/help",
        ],
    )?;
    console.still_answers()?;
    console.shut_down()
}

fn shutdown_is_clean() -> Result<()> {
    let mut console = Console::boot()?;
    console.enter("/shutdown")?;
    console.wait_for("shutting down")?;
    console.wait_for("[kernel] the machine halts")?;
    console.ends(Exit::Clean)
}

fn reboot_asks_to_be_started_again() -> Result<()> {
    let mut console = Console::boot()?;
    console.enter("/shutdown reboot")?;
    console.wait_for("restarting the machine")?;
    console.ends(Exit::Reboot)
}
