//! Sentences from the console to their outcome, with a scripted agent in the
//! place of the model: what the kernel and the console make of exact plans.

use anyhow::{Result, ensure};
use proviso_abi::{ActionKind, Priority};
use proviso_boot::exit::Exit;
use proviso_tests::console::Console;
use proviso_tests::scripted::ScriptedAgent;

scenarios! {
    a_plan_is_shown_allowed_and_done,
    every_action_has_its_effect,
    every_target_form_finds_its_processes,
    a_request_carries_the_system,
    what_may_not_be_is_refused_with_a_reason,
    one_bad_action_spoils_the_whole_plan,
    a_plan_is_judged_as_a_whole,
    the_models_words_cannot_steer_the_terminal,
    answers_are_bounded,
    a_sentence_can_shut_down,
    a_sentence_can_restart_the_machine,
    a_process_asks_on_its_own_authority,
    a_process_cannot_act_on_others,
    a_process_that_runs_out_asks_for_more,
}

/// A machine whose agent knows these sentences.
fn boot(answers: &[(&str, &str)]) -> Result<(Console, ScriptedAgent)> {
    let agent = ScriptedAgent::answering(answers)?;
    let mut console = Console::boot_with_agent(&agent.socket())?;
    console.ask_until("/status", |status| {
        status.contains("connected, model scripted")
    })?;
    // Plans are the subject here, not the questions before them.
    console.ask("/confirm never")?;
    Ok((console, agent))
}

fn a_plan_is_shown_allowed_and_done() -> Result<()> {
    let plan = r#"[{"action":"spawn","program":"counter","count":2}]"#;
    let (mut console, _agent) = boot(&[("start two counters", plan)])?;
    let answer = console.expect(
        "start two counters",
        &[
            "... heard, asking the model\n",
            "plan\n  1. start 2 counter\n",
            "allowed\n  1. started counter 3, counter 4\n",
            "done in ",
            ": model 1.23 s (37 tokens read, 12 written), kernel ",
        ],
    )?;
    let order = ["heard", "plan\n", "allowed\n", "done in"].map(|part| answer.find(part));
    console.ensure(order.is_sorted(), "the parts come in order")?;
    console.eventually("[counter 4] counting every 1000 ms")?;
    let counters = console.living("counter")?;
    console.ensure(counters.len() == 2, "two counters run")?;
    console.shut_down()
}

/// Sentence, plan, what the console must show. They build on each other.
const EVERY_ACTION: &[(&str, &str, &[&str])] = &[
    (
        "s1",
        r#"[{"action":"status"}]"#,
        &[
            "1. show the status of the system",
            "2 alive",
            "model scripted",
        ],
    ),
    (
        "s2",
        r#"[{"action":"list","what":"processes","sort":"memory"}]"#,
        &["1. show processes sorted by memory", "shell"],
    ),
    (
        "s3",
        r#"[{"action":"list","what":"programs"}]"#,
        &["counter", "worker"],
    ),
    (
        "s4",
        r#"[{"action":"list","what":"memory"}]"#,
        &["1. show the memory", "reserve"],
    ),
    (
        "s5",
        r#"[{"action":"list","what":"log","limit":2}]"#,
        &["show the last 2 lines of the log", "kernel"],
    ),
    (
        "s6",
        r#"[{"action":"inspect","target":"shell"}]"#,
        &["1. inspect shell", "shell 2"],
    ),
    (
        "s7",
        r#"[{"action":"spawn","program":"counter","args":["500"],"count":2,"priority":"low","memory_limit":1048576},{"action":"spawn","program":"logger"}]"#,
        &[
            "1. start 2 counter with 500 at low priority, at most 1M memory",
            "2. start logger",
            "2. started logger 5",
        ],
    ),
    (
        "s8",
        r#"[{"action":"suspend","target":"counter"}]"#,
        &["1. suspended counter 3, counter 4"],
    ),
    (
        "s9",
        r#"[{"action":"resume","target":"*","except":["shell","logger",4]}]"#,
        &[
            "1. resume every process but init, except shell and logger and 4",
            "1. resumed counter 3",
        ],
    ),
    (
        "s10",
        r#"[{"action":"restart","target":3}]"#,
        &["1. restarted counter 3"],
    ),
    (
        "s10b",
        r#"[{"action":"set_cpu_limit","target":"counter","percent":20},{"action":"set_scheduler","policy":"fair","quantum_ms":5}]"#,
        &[
            "1. limit counter to 20% cpu",
            "1. cpu limit of counter 3 is 20%, cpu limit of counter 4 is 20%",
            "2. the scheduler is fair, 5 ms a turn",
        ],
    ),
    (
        "s11",
        r#"[{"action":"set_priority","target":"counter","priority":"high"}]"#,
        &["priority of counter 3 is high, priority of counter 4 is high"],
    ),
    (
        "s12",
        r#"[{"action":"set_priority","target":3,"step":-2}]"#,
        &[
            "1. lower the priority of process 3 by 2",
            "priority of counter 3 is low",
        ],
    ),
    (
        "s13",
        r#"[{"action":"set_memory_limit","target":3,"bytes":4194304}]"#,
        &["memory limit of counter 3 is 4M"],
    ),
    (
        "s14",
        r#"[{"action":"set_memory_limit","target":3,"times":0.5}]"#,
        &[
            "multiply the memory limit of process 3 by 0.5",
            "memory limit of counter 3 is 2M",
        ],
    ),
    (
        "s15",
        r#"[{"action":"grant_memory","target":"counter","bytes":1048576}]"#,
        &["memory limit of counter 3 is 3M, memory limit of counter 4 is 2M"],
    ),
    (
        "s16",
        r#"[{"action":"send","to":"logger","message":"good morning"}]"#,
        &["1. send \"good morning\" to logger", "1. sent to logger 5"],
    ),
    (
        "s17",
        r#"[{"action":"answer","text":"It is quiet."}]"#,
        &["1. answer\n", "1. It is quiet.\n"],
    ),
    (
        "s18",
        r#"[{"action":"ask","question":"Which of the two?"}]"#,
        &["1. ask back\n", "1. the model asks: Which of the two?\n"],
    ),
    (
        "s19",
        r#"[{"action":"refuse","reason":"No action makes coffee."}]"#,
        &[
            "1. say that no action does this",
            "1. the model found no way: No action makes coffee.\n",
        ],
    ),
    (
        "s20",
        r#"[{"action":"kill","target":"counter"},{"action":"kill","target":"logger"},{"action":"answer","text":"All gone."}]"#,
        &[
            "1. killed counter 3, counter 4",
            "2. killed logger 5",
            "3. All gone.",
        ],
    ),
];

fn every_action_has_its_effect() -> Result<()> {
    let answers: Vec<_> = EVERY_ACTION
        .iter()
        .map(|(sentence, plan, _)| (*sentence, *plan))
        .collect();
    let (mut console, _agent) = boot(&answers)?;
    for (sentence, _, parts) in EVERY_ACTION {
        console.expect(sentence, parts)?;
        console.expect("/log 3", &[])?;
    }
    let all = console.transcript();
    console.ensure(
        all.contains("[logger 5] from process 2: good morning"),
        "the message arrived",
    )?;
    let left = console.processes()?;
    console.ensure(left.len() == 2, "init and the shell are left")?;
    console.shut_down()
}

fn every_target_form_finds_its_processes() -> Result<()> {
    let (mut console, _agent) = boot(&[
        ("one", r#"[{"action":"suspend","target":4}]"#),
        ("list", r#"[{"action":"suspend","target":[3,"echo"]}]"#),
        (
            "suspended",
            r#"[{"action":"resume","target":{"where":{"state":"suspended"}}}]"#,
        ),
        (
            "second",
            r#"[{"action":"suspend","target":{"where":{"name":"counter"},"nth":2}}]"#,
        ),
        (
            "first",
            r#"[{"action":"suspend","target":{"where":{"name":"counter"},"by":"pid","take":1}}]"#,
        ),
        (
            "biggest",
            r#"[{"action":"kill","target":{"by":"memory","take":1}}]"#,
        ),
        (
            "fat",
            r#"[{"action":"kill","target":{"where":{"memory_over":4194304}}}]"#,
        ),
        (
            "idle ones",
            r#"[{"action":"kill","target":{"where":{"priority":"idle"}}}]"#,
        ),
        (
            "youngest",
            r#"[{"action":"kill","target":{"where":{"name":"counter"},"by":"age","order":"least","take":1}}]"#,
        ),
        (
            "highest",
            r#"[{"action":"kill","target":{"where":{"name":"counter"},"by":"pid","order":"least","take":1}}]"#,
        ),
        (
            "nobody",
            r#"[{"action":"kill","target":{"where":{"state":"crashed"}}}]"#,
        ),
        (
            "all",
            r#"[{"action":"kill","target":"*","except":["shell"]}]"#,
        ),
    ])?;
    for program in ["counter x2", "echo priority=idle", "hog fast limit=6M"] {
        console.spawn(program)?;
    }
    console.eventually("[hog 6] holding")?;
    console.expect("one", &["suspended counter 4\n"])?;
    console.expect("list", &["suspended counter 3, echo 5\n"])?;
    console.expect("suspended", &["resumed counter 3, counter 4, echo 5\n"])?;
    console.expect("second", &["suspended counter 4\n"])?;
    console.expect("first", &["suspended counter 3\n"])?;
    console.expect("biggest", &["killed hog 6\n"])?;
    console.expect("fat", &["NoSuchTarget"])?;
    console.expect("idle ones", &["killed echo 5\n"])?;
    console.expect("youngest", &["killed counter "])?;
    console.spawn("counter")?;
    console.expect("highest", &["killed counter 7\n"])?;
    console.expect("nobody", &["NoSuchTarget", "nothing was done"])?;
    console.expect("all", &["killed counter "])?;
    let left = console.processes()?;
    console.ensure(left.len() == 2, "init and the shell are left")?;
    console.shut_down()
}

fn a_request_carries_the_system() -> Result<()> {
    let (mut console, agent) = boot(&[("how is it?", r#"[{"action":"answer","text":"fine"}]"#)])?;
    console.spawn("counter")?;
    console.eventually("[counter 3] counting")?;
    console.expect("  how is it?  ", &["fine"])?;
    let request = agent.next_request()?;
    let system = request.system;
    ensure!(request.prompt == "how is it?", "{:?}", request.prompt);
    ensure!(
        (50_000..=60_000).contains(&request.deadline_ms),
        "{}",
        request.deadline_ms
    );
    ensure!(
        system.user == "operator" && system.caller.is_none(),
        "{:?} {:?}",
        system.user,
        system.caller
    );
    let names: Vec<&str> = system
        .processes
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    ensure!(names == ["init", "shell", "counter"], "{names:?}");
    let counter = system.processes.iter().find(|one| one.pid == 3);
    ensure!(
        counter.is_some_and(|one| one.memory <= one.limit && one.priority == Priority::Normal),
        "{counter:?}"
    );
    ensure!(
        system.programs.iter().any(|name| *name == "worker"),
        "{:?}",
        system.programs
    );
    ensure!(
        system.memory.free < system.memory.total,
        "{:?}",
        system.memory
    );
    ensure!(
        system.actions.contains(&ActionKind::Spawn),
        "{:?}",
        system.actions
    );
    ensure!(
        !system.actions.contains(&ActionKind::WriteFile),
        "{:?}",
        system.actions
    );
    let logged = system
        .log
        .iter()
        .any(|line| line.pid == 3 && line.text.contains("counting"));
    ensure!(logged && system.log.len() <= 8, "{:?}", system.log);
    console.shut_down()
}

/// Plans that form and authority allow to be said, and the kernel not to be done.
const REFUSED: &[(&str, &str)] = &[
    (r#"[]"#, "Malformed"),
    (r#"[{"action":"kill","target":1}]"#, "Protected"),
    (r#"[{"action":"kill","target":"init"}]"#, "Protected"),
    (
        r#"[{"action":"suspend","target":["init","shell"]}]"#,
        "Protected",
    ),
    (r#"[{"action":"restart","target":1}]"#, "Protected"),
    (
        r#"[{"action":"set_priority","target":1,"priority":"idle"}]"#,
        "Protected",
    ),
    (
        r#"[{"action":"set_memory_limit","target":1,"bytes":4096}]"#,
        "Protected",
    ),
    (r#"[{"action":"kill","target":77}]"#, "NoSuchTarget"),
    (
        r#"[{"action":"inspect","target":"nobody"}]"#,
        "NoSuchTarget",
    ),
    (r#"[{"action":"kill","target":[3,77]}]"#, "NoSuchTarget"),
    (
        r#"[{"action":"kill","target":{"where":{"name":"shell"},"nth":2}}]"#,
        "NoSuchTarget",
    ),
    (r#"[{"action":"spawn","program":"emacs"}]"#, "NoSuchProgram"),
    (
        r#"[{"action":"spawn","program":"counter","count":65}]"#,
        "TooMany",
    ),
    (
        r#"[{"action":"spawn","program":"counter","count":4294967295}]"#,
        "TooMany",
    ),
    (
        r#"[{"action":"spawn","program":"counter","count":0}]"#,
        "Malformed",
    ),
    (
        r#"[{"action":"spawn","program":"hog","memory_limit":18446744073709551615}]"#,
        "WouldExhaustMemory",
    ),
    (
        r#"[{"action":"spawn","program":"hog","memory_limit":1}]"#,
        "OverQuota",
    ),
    (
        r#"[{"action":"spawn","program":"counter","args":["a\u0000b"]}]"#,
        "Malformed",
    ),
    (
        r#"[{"action":"grant_memory","target":3,"bytes":18446744073709551615}]"#,
        "WouldExhaustMemory",
    ),
    (
        r#"[{"action":"set_memory_limit","target":3,"times":4000000}]"#,
        "WouldExhaustMemory",
    ),
    (r#"[{"action":"set_memory_limit","target":3}]"#, "Malformed"),
    (
        r#"[{"action":"set_memory_limit","target":3,"bytes":4194304,"times":2}]"#,
        "Malformed",
    ),
    (r#"[{"action":"set_priority","target":3}]"#, "Malformed"),
    (
        r#"[{"action":"set_priority","target":3,"step":0}]"#,
        "Malformed",
    ),
    (r#"[{"action":"kill","target":{"nth":0}}]"#, "Malformed"),
    (r#"[{"action":"kill","target":{"take":0}}]"#, "Malformed"),
    (r#"[{"action":"resume","target":3}]"#, "WrongState"),
    (r#"[{"action":"send","to":3,"message":" "}]"#, "Malformed"),
    (r#"[{"action":"answer","text":""}]"#, "Malformed"),
    (r#"[{"action":"list","what":"files"}]"#, "WrongState"),
    (r#"[{"action":"explain","target":"ghost"}]"#, "NoSuchTarget"),
    (
        r#"[{"action":"scale","program":"ghost","count":3}]"#,
        "NoSuchProgram",
    ),
    (
        r#"[{"action":"scale","program":"counter","count":65}]"#,
        "TooMany",
    ),
    (r#"[{"action":"search","query":" "}]"#, "Malformed"),
    (r#"[{"action":"clear_rule","id":1}]"#, "NoSuchTarget"),
    (
        r#"[{"action":"write_file","path":"/a","content":"b"}]"#,
        "WrongState",
    ),
    (r#"[{"action":"delete_file","path":"/a"}]"#, "WrongState"),
    (
        r#"[{"action":"set_scheduler","policy":"fair","quantum_ms":0}]"#,
        "Malformed",
    ),
    (
        r#"[{"action":"set_cpu_limit","target":1,"percent":5}]"#,
        "Protected",
    ),
    (
        r#"[{"action":"set_rule","when":"idle","target":"*","do":"restart"}]"#,
        "Malformed",
    ),
    (r#"[{"action":"undo","count":9}]"#, "TooMany"),
    (
        r#"[{"action":"shutdown","mode":"halt"},{"action":"status"}]"#,
        "Malformed",
    ),
];

fn what_may_not_be_is_refused_with_a_reason() -> Result<()> {
    let sentences: Vec<String> = (0..REFUSED.len())
        .map(|number| format!("refuse {number}"))
        .collect();
    let answers: Vec<_> = sentences
        .iter()
        .zip(REFUSED)
        .map(|(sentence, (plan, _))| (sentence.as_str(), *plan))
        .collect();
    let (mut console, _agent) = boot(&answers)?;
    console.spawn("counter")?;
    for (sentence, (plan, reason)) in sentences.iter().zip(REFUSED) {
        let refused = format!("refused by the kernel: {reason}: ");
        let answer = console.expect(
            sentence,
            &["plan\n", &refused, "nothing was done", "refused in "],
        )?;
        console.ensure(!answer.contains("allowed\n"), plan)?;
    }
    let counters = console.living("counter")?;
    let same = counters.len() == 1 && counters[0].limit == "2M" && counters[0].priority == "normal";
    console.ensure(
        same && console.since_asked().contains("shell"),
        "nothing was done",
    )?;
    console.shut_down()
}

fn one_bad_action_spoils_the_whole_plan() -> Result<()> {
    let (mut console, _agent) = boot(&[
        (
            "second",
            r#"[{"action":"spawn","program":"counter"},{"action":"kill","target":99}]"#,
        ),
        (
            "last",
            r#"[{"action":"kill","target":"counter"},{"action":"spawn","program":"counter"},{"action":"list","what":"files"}]"#,
        ),
        (
            "two",
            r#"[{"action":"kill","target":98},{"action":"kill","target":3},{"action":"kill","target":99}]"#,
        ),
        (
            "gone",
            r#"[{"action":"kill","target":"counter"},{"action":"suspend","target":3}]"#,
        ),
    ])?;
    console.spawn("counter")?;
    console.expect(
        "second",
        &[
            "1. start counter",
            "2. kill process 99",
            "  2. refused by the kernel: NoSuchTarget",
            "nothing was done",
        ],
    )?;
    console.expect(
        "last",
        &["  3. refused by the kernel: WrongState", "nothing was done"],
    )?;
    let answer = console.expect(
        "two",
        &[
            "  1. refused by the kernel: NoSuchTarget",
            "  3. refused by the kernel: NoSuchTarget",
        ],
    )?;
    console.ensure(
        !answer.contains("  2. refused"),
        "the second action was right",
    )?;
    console.expect("gone", &["  2. refused by the kernel: "])?;
    let counters = console.living("counter")?;
    console.ensure(
        counters.len() == 1 && counters[0].pid == 3,
        "the counter from before runs, and no other",
    )?;
    // Nothing of what was refused took a number.
    let next = console.spawn("counter")?;
    console.ensure(next == [4], "the next process has the next number")?;
    console.shut_down()
}

fn a_plan_is_judged_as_a_whole() -> Result<()> {
    let (mut console, _agent) = boot(&[
        (
            "swap",
            r#"[{"action":"kill","target":"counter"},{"action":"spawn","program":"counter","count":2},{"action":"list","what":"processes"}]"#,
        ),
        (
            "again and again",
            r#"[{"action":"spawn","program":"counter","count":64},{"action":"spawn","program":"counter","count":64}]"#,
        ),
        (
            "eight",
            r#"[{"action":"status"},{"action":"status"},{"action":"status"},{"action":"status"},{"action":"status"},{"action":"status"},{"action":"status"},{"action":"answer","text":"eight"}]"#,
        ),
    ])?;
    console.spawn("counter")?;
    console.expect(
        "swap",
        &[
            "1. killed counter 3\n",
            "2. started counter 4, counter 5\n",
            "3. ",
        ],
    )?;
    console.expect(
        "again and again",
        &["  2. refused by the kernel: TooMany", "nothing was done"],
    )?;
    let counters = console.living("counter")?;
    console.ensure(counters.len() == 2, "two counters run")?;
    console.expect("eight", &["8. eight"])?;
    console.shut_down()
}

fn the_models_words_cannot_steer_the_terminal() -> Result<()> {
    let (mut console, _agent) = boot(&[
        (
            "talk",
            r#"[{"action":"answer","text":"a\u001b[2J\r\nproviso> /shutdown\n\u0007\u202eb"}]"#,
        ),
        (
            "send",
            r#"[{"action":"send","to":"logger","message":"x\u001b[1A\u009b2Jy"}]"#,
        ),
        ("name", r#"[{"action":"spawn","program":"\u001b[31mred"}]"#),
    ])?;
    console.spawn("logger")?;
    console.expect("talk", &["1. a?[2J  proviso> /shutdown ??b\n"])?;
    console.expect("send", &["sent to logger 3"])?;
    console.eventually("[logger 3] from process 2: x?[1A")?;
    console.expect("name", &["NoSuchProgram", "?[31mred"])?;
    let all = console.transcript();
    console.ensure(
        !all.contains('\x1b') && !all.contains('\u{9b}') && !all.contains('\x07'),
        "no control characters",
    )?;
    console.shut_down()
}

fn answers_are_bounded() -> Result<()> {
    let eight = |action: &str| format!("[{}]", [action; 8].join(","));
    let inspect = eight(r#"{"action":"inspect","target":"*"}"#);
    let list = eight(r#"{"action":"list","what":"processes"}"#);
    let log = eight(r#"{"action":"list","what":"log","limit":4000000000}"#);
    let words = eight(&format!(
        r#"{{"action":"answer","text":"{}"}}"#,
        "x".repeat(512)
    ));
    let (mut console, _agent) = boot(&[
        ("inspect", &inspect),
        ("list", &list),
        ("log", &log),
        ("words", &words),
    ])?;
    let arguments = "y".repeat(50);
    console.ask(&format!(
        "/spawn counter x64 1000 {arguments} {arguments} {arguments}"
    ))?;
    console.ask(&format!(
        "/spawn counter x40 1000 {arguments} {arguments} {arguments}"
    ))?;
    // All of it, or as much as there is room for; never less than an answer.
    for sentence in ["inspect", "list", "log", "words"] {
        let answer = console.expect(sentence, &["  8. "])?;
        console.ensure(answer.contains("done in "), "it was done")?;
        console.still_answers()?;
    }
    console.expect("/kill counter", &["killed counter"])?;
    console.shut_down()
}

fn a_sentence_can_shut_down() -> Result<()> {
    let plan = r#"[{"action":"answer","text":"bye"},{"action":"shutdown","mode":"halt"}]"#;
    let (mut console, _agent) = boot(&[("good night", plan)])?;
    console.enter("good night")?;
    console.wait_for("2. shut the machine down")?;
    console.wait_for("1. bye")?;
    console.ends(Exit::Clean)
}

fn a_sentence_can_restart_the_machine() -> Result<()> {
    let plan = r#"[{"action":"shutdown","mode":"reboot"}]"#;
    let (mut console, _agent) = boot(&[("once more", plan)])?;
    console.enter("once more")?;
    console.ends(Exit::Reboot)
}

fn a_process_asks_on_its_own_authority() -> Result<()> {
    let sentence = "give me 2 more megabytes of memory";
    let (mut console, agent) = boot(&[(
        sentence,
        r#"[{"action":"grant_memory","target":3,"bytes":2097152}]"#,
    )])?;
    console.enter("/spawn worker 10 5000 ask")?;
    console.eventually("[worker 3] asking: give me 2 more megabytes of memory")?;
    console.eventually("[worker 3] plan: give process 3 2M more memory")?;
    console.eventually("[worker 3] allowed: memory limit of worker 3 is 4M")?;
    let system = agent.next_request()?.system;
    ensure!(
        system.caller == Some(3) && system.user == "worker",
        "{:?} {:?}",
        system.caller,
        system.user
    );
    console.still_answers()?;
    let workers = console.living("worker")?;
    console.ensure(
        workers.iter().all(|one| one.limit == "4M"),
        "it has its memory",
    )?;
    console.shut_down()
}

fn a_process_cannot_act_on_others() -> Result<()> {
    let (mut console, _agent) = boot(&[
        ("kill shell", r#"[{"action":"kill","target":"shell"}]"#),
        ("kill all", r#"[{"action":"kill","target":"*"}]"#),
        ("kill init", r#"[{"action":"kill","target":1}]"#),
        ("spawn", r#"[{"action":"spawn","program":"counter"}]"#),
        ("down", r#"[{"action":"shutdown","mode":"halt"}]"#),
        (
            "rise",
            r#"[{"action":"set_priority","target":"worker","priority":"realtime"}]"#,
        ),
        (
            "greed",
            r#"[{"action":"grant_memory","target":"worker","bytes":16777216}]"#,
        ),
        (
            "mixed",
            r#"[{"action":"grant_memory","target":"worker","bytes":4096},{"action":"suspend","target":"shell"}]"#,
        ),
    ])?;
    for (sentence, reason) in [
        ("kill shell", "NotPermitted"),
        ("kill all", "NotPermitted"),
        ("kill init", "NotPermitted"),
        ("spawn", "NotPermitted"),
        ("down", "NotPermitted"),
        ("rise", "NotPermitted"),
        ("greed", "OverQuota"),
        ("mixed", "NotPermitted"),
    ] {
        console.enter(&format!("/spawn worker 1 60000 ask {sentence}"))?;
        console.eventually(&format!("] refused: {reason}: "))?;
        console.still_answers()?;
        console.expect("/kill worker", &["killed worker"])?;
    }
    let left = console.processes()?;
    console.ensure(left.len() == 2, "nothing was started, the shell lives")?;
    console.shut_down()
}

fn a_process_that_runs_out_asks_for_more() -> Result<()> {
    let sentence = "give me 2 more megabytes of memory";
    let (mut console, agent) = boot(&[(
        sentence,
        r#"[{"action":"grant_memory","target":"worker","bytes":2097152}]"#,
    )])?;
    console.enter("/spawn worker 1 1 grow")?;
    console.eventually("[worker 3] no memory for result ")?;
    console.eventually("[worker 3] allowed: memory limit of worker 3 is 4M")?;
    ensure!(agent.next_request()?.system.caller == Some(3));
    console.still_answers()?;
    console.shut_down()
}
