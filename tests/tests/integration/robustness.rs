//! What goes wrong in one place stays there: the console answers whatever happens.

use anyhow::{Result, ensure};
use proviso_boot::qemu::MemorySize;
use proviso_tests::console::{Console, hardware, image};
use proviso_tests::scripted::ScriptedAgent;

scenarios! {
    every_workload_can_be_killed,
    hogs_fill_the_memory_and_the_console_answers,
    every_crash_leaves_a_record,
    exits_and_panics_leave_a_record,
    a_killed_shell_comes_back,
    the_shell_can_be_restarted_and_suspended_by_nobody_but_itself,
    what_processes_held_comes_back_to_the_byte,
    a_busy_processor_leaves_the_console_quick_enough,
    a_realtime_process_leaves_the_console_answering,
    a_shell_that_was_lowered_still_answers,
    everybody_at_once_leaves_the_console_answering,
    a_flood_of_output_leaves_the_console_usable,
    the_table_of_processes_is_never_overfull,
    pinger_survives_the_death_of_echo,
    dead_records_are_few_and_can_be_cleared,
}

const WORKLOADS: [&str; 6] = [
    "counter 100",
    "echo",
    "pinger 100",
    "logger",
    "worker 5 50",
    "hog",
];

fn every_workload_can_be_killed() -> Result<()> {
    let mut console = Console::boot()?;
    for _ in 0..3 {
        for workload in WORKLOADS {
            console.spawn(workload)?;
        }
        console.expect(
            "/ps",
            &["counter", "echo", "pinger", "logger", "worker", "hog"],
        )?;
        let answer = console.expect("/kill *,-shell", &["killed counter"])?;
        console.ensure(
            WORKLOADS
                .iter()
                .all(|one| answer.contains(one.split(' ').next().unwrap_or(one))),
            "all are named",
        )?;
        let left = console.processes()?;
        console.ensure(left.len() == 2, "init and the shell are left")?;
    }
    console.shut_down()
}

fn hogs_fill_the_memory_and_the_console_answers() -> Result<()> {
    let machine = hardware()?.memory(MemorySize::mib(64));
    let mut console = Console::boot_with(&machine, &image()?)?;
    console.spawn("counter x2")?;
    // Each may hold all there is; together they get what is free and no more.
    console.spawn("hog x3 limit=32M fast")?;
    console.ask_until("/mem", |answer| {
        let free = answer
            .lines()
            .find(|line| line.trim_start().starts_with("free "));
        free.is_some_and(|line| line.trim().ends_with("0B"))
    })?;
    console.still_answers()?;
    console.expect(
        "/spawn counter",
        &["WouldExhaustMemory", "end something first"],
    )?;
    console.expect("/ps memory", &["hog", "counter", "shell"])?;
    console.expect("/mem", &["reserve", "kept back from every plan"])?;
    let counters = console.living("counter")?;
    console.ensure(counters.len() == 2, "the counters count on")?;
    console.expect("/kill hog", &["killed hog"])?;
    console.spawn("counter")?;
    console.shut_down()
}

/// Ways of each kind that crasher knows, and the words of their records, for the
/// console's part. All of them are tried in the guest's own tests.
const CRASHES: [(&str, &str); 17] = [
    ("null-read", "page fault (read)"),
    ("null-write", "page fault (write)"),
    ("execute-data", "page fault (execute)"),
    ("write-code", "page fault (write)"),
    ("divide", "division by zero"),
    ("undefined-instruction", "undefined instruction"),
    ("privileged-instruction", "general protection fault"),
    ("halt", "general protection fault"),
    ("port-write", "general protection fault"),
    ("breakpoint", "breakpoint"),
    ("stack-overflow", "page fault (write)"),
    ("kernel-read", "page fault (read)"),
    ("kernel-write", "page fault (write)"),
    ("kernel-jump", "page fault"),
    ("noncanonical", "general protection fault"),
    ("bad-syscall", "unknown system call 9999"),
    ("bad-pointer", "bad address in system call write"),
];

fn every_crash_leaves_a_record() -> Result<()> {
    let mut console = Console::boot()?;
    // More lines than the console shows of one process at a time; the log has them.
    console.spawn("crasher")?;
    let log = console.ask_until("/log 100", |log| log.contains("crasher 3 exited"))?;
    for (way, _) in CRASHES {
        let is_named = log.lines().any(|line| line.trim_end().ends_with(way));
        console.ensure(is_named, way)?;
    }
    for (index, (way, words)) in CRASHES.iter().enumerate() {
        let pid = index + 4;
        console.enter(&format!("/spawn crasher {way}"))?;
        console.eventually(&format!("[kernel] crasher {pid} crashed: {words}"))?;
        console.expect(
            &format!("/inspect {pid}"),
            &[
                "state      crashed",
                &format!("last end   {words}"),
                "at instruction 0x",
            ],
        )?;
        console.expect("/log 2", &[&format!("crasher {pid} crashed: {words}")])?;
    }
    console.shut_down()
}

fn exits_and_panics_leave_a_record() -> Result<()> {
    let mut console = Console::boot()?;
    for (arguments, printed, end) in [
        ("exit 0", "", "exited with code 0"),
        ("exit -7", "", "exited with code -7"),
        ("exit 2147483647", "", "exited with code 2147483647"),
        ("panic", "asked to", "exited with code 101"),
        (
            "nonsense",
            "crasher needs to know how",
            "exited with code 2",
        ),
    ] {
        let pid = console.spawn(&format!("crasher {arguments}"))?[0];
        console.eventually(printed)?;
        let inspect = format!("/inspect {pid}");
        console.ask_until(&inspect, |answer| answer.contains("state      exited"))?;
        console.expect(&inspect, &[&format!("last end   {end}")])?;
        console.expect("/log 5", &[&format!("crasher {pid} {end}")])?;
    }
    // A record can be brought back to life, and crash again.
    let pid = console.spawn("crasher divide")?[0];
    console.eventually("division by zero")?;
    console.enter(&format!("/restart {pid}"))?;
    console.eventually(&format!("[kernel] crasher {pid} crashed: division by zero"))?;
    console.wait_for_prompt()?;
    console.expect(
        &format!("/inspect {pid}"),
        &["restarts   1", "state      crashed"],
    )?;
    console.expect(&format!("/kill {pid}"), &["killed crasher"])?;
    console.shut_down()
}

fn a_killed_shell_comes_back() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("counter")?;
    for _ in 0..3 {
        console.enter("/kill shell")?;
        console.wait_for("Proviso: say what you want")?;
        console.wait_for_prompt()?;
        console.still_answers()?;
    }
    let shells = console.living("shell")?;
    console.ensure(shells.len() == 1, "there is one shell")?;
    let counters = console.living("counter")?;
    console.ensure(counters.len() == 1, "the counter counts on")?;
    console.shut_down()
}

fn the_shell_can_be_restarted_and_suspended_by_nobody_but_itself() -> Result<()> {
    let mut console = Console::boot()?;
    console.enter("/restart shell")?;
    console.wait_for("Proviso: say what you want")?;
    console.wait_for_prompt()?;
    console.expect("/inspect shell", &["restarts   1"])?;
    // A second shell is a program like any other: it gets no console and no rights.
    console.spawn("shell")?;
    console.still_answers()?;
    console.expect("/ps", &["init", "shell"])?;
    console.shut_down()
}

fn what_processes_held_comes_back_to_the_byte() -> Result<()> {
    let agent = ScriptedAgent::answering(&[("look", r#"[{"action":"list","what":"memory"}]"#)])?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| status.contains("connected, model"))?;
    let mut free = Vec::new();
    for round in 0..4 {
        console.expect("look", &["allowed"])?;
        free.push(agent.next_request()?.system.memory.free);
        if round < 3 {
            console.expect("/spawn counter x40", &["started counter"])?;
            console.expect("look", &["allowed"])?;
            let less = agent.next_request()?.system.memory.free;
            ensure!(
                free.last().is_some_and(|before| less < *before),
                "counters take memory"
            );
            console.expect("/kill counter", &["killed counter"])?;
            console.spawn("crasher divide")?;
            console.eventually("division by zero")?;
            console.spawn("hog fast limit=8M")?;
            console.eventually("holding")?;
            console.expect("/restart hog", &["restarted hog"])?;
            console.expect("/kill hog,crasher", &["killed "])?;
        }
    }
    ensure!(
        free.iter().all(|one| Some(one) == free.first()),
        "memory was lost: {free:?}"
    );
    console.shut_down()
}

fn a_busy_processor_leaves_the_console_quick_enough() -> Result<()> {
    let mut console = Console::boot()?;
    // Nothing but work, at the priority of the shell.
    console.spawn("worker x4 1000 0")?;
    for _ in 0..10 {
        console.still_answers()?;
    }
    console.spawn("worker x2 priority=high 1000 0")?;
    console.expect("/kill worker", &["killed worker"])?;
    console.shut_down()
}

fn a_realtime_process_leaves_the_console_answering() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("worker x2 priority=realtime 100000000 0")?;
    console.still_answers()?;
    console.expect("/ps", &["realtime"])?;
    console.expect("/kill worker", &["killed worker"])?;
    console.spawn("worker 100000000 0")?;
    console.expect("/priority worker realtime", &["is realtime"])?;
    console.still_answers()?;
    console.expect("/kill worker", &["killed worker"])?;
    console.shut_down()
}

fn a_shell_that_was_lowered_still_answers() -> Result<()> {
    let mut console = Console::boot()?;
    // Whether this is refused or done is the kernel's affair.
    console.ask("/priority shell idle")?;
    console.spawn("worker x2 100000000 0")?;
    console.still_answers()?;
    console.expect("/kill worker", &["killed worker"])?;
    console.shut_down()
}

fn everybody_at_once_leaves_the_console_answering() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("counter x2 50")?;
    console.enter("/suspend *")?;
    console.send("\x15")?;
    console.wait_for("shell 2 resumed, because somebody typed")?;
    console.wait_for_prompt()?;
    console.still_answers()?;
    for line in [
        "/kill *",
        "/restart *",
        "/limit * x0.5",
        "/priority * -4",
        "/priority * +9",
    ] {
        console.enter(line)?;
        console.wait_for_prompt()?;
        console.still_answers()?;
        console.spawn("counter 50")?;
    }
    console.shut_down()
}

fn a_flood_of_output_leaves_the_console_usable() -> Result<()> {
    let mut console = Console::boot()?;
    console.spawn("logger")?;
    console.spawn("pinger x4 1")?;
    console.spawn("counter x8 1")?;
    for number in 0..8 {
        console.ask(&format!("/send logger message {number}"))?;
    }
    console.eventually("message 7")?;
    console.still_answers()?;
    console.expect("/kill *,-shell", &["killed logger"])?;
    console.shut_down()
}

fn the_table_of_processes_is_never_overfull() -> Result<()> {
    let mut console = Console::boot()?;
    console.expect("/spawn counter x64", &["started counter 3"])?;
    let mut answer = console.ask("/spawn counter x40")?;
    while !answer.contains("refused by the kernel") {
        answer = console.ask("/spawn counter x5")?;
    }
    console.ensure(answer.contains("TooMany: "), "there are no places left")?;
    console.still_answers()?;
    console.expect("/ps", &["counter"])?;
    console.expect("/inspect counter", &["counter 3"])?;
    console.expect("/kill counter", &["killed counter 3"])?;
    let left = console.processes()?;
    console.ensure(left.len() == 2, "init and the shell are left")?;
    console.spawn("counter")?;
    console.shut_down()
}

fn pinger_survives_the_death_of_echo() -> Result<()> {
    let mut console = Console::boot()?;
    console.enter("/spawn pinger 20")?;
    console.eventually("[pinger 3] no answer from echo: no such process")?;
    console.enter("/spawn echo")?;
    console.eventually("[pinger 3] echo answers again")?;
    console.enter("/suspend echo")?;
    console.eventually("[pinger 3] no answer from echo: ")?;
    console.enter("/resume echo")?;
    console.eventually("[pinger 3] echo answers again")?;
    console.enter("/kill echo")?;
    console.eventually("[pinger 3] no answer from echo: no such process")?;
    console.enter("/spawn echo")?;
    console.eventually("[pinger 3] echo answers again")?;
    console.wait_for_prompt()?;
    console.still_answers()?;
    console.shut_down()
}

fn dead_records_are_few_and_can_be_cleared() -> Result<()> {
    let mut console = Console::boot()?;
    for _ in 0..20 {
        console.spawn("crasher exit 1")?;
    }
    console.ask_until("/ps", |answer| answer.matches("exited").count() == 16)?;
    console.expect("/kill crasher", &["killed crasher"])?;
    let left = console.processes()?;
    console.ensure(left.len() == 2, "the records are gone")?;
    console.shut_down()
}
