//! What is rejected, with its reason and its sentence.

use proviso_abi::value::{Bytes, Name, Percent};
use proviso_abi::{ActionKind, Text};
use proviso_kernel_core::admit::SUPPORTED;
use proviso_kernel_core::view::{FilesView, Operation, Principal};

use crate::fixture::{M, OPERATOR, admitted_on, judge_on, process, rejected, rejected_on, view};

fn check(cases: &[(&str, &str)]) {
    for (action, line) in cases {
        assert_eq!(rejected(action), [format!("0 {line}")], "{action}");
    }
}

#[test]
fn malformed() {
    assert_eq!(
        rejected(""),
        ["plan Malformed: the plan is empty; it takes one to eight actions"]
    );
    check(&[
        (
            r#"{"action":"shutdown","mode":"halt"},{"action":"status"}"#,
            "Malformed: only an answer can follow a shutdown; make it the last thing that the plan does",
        ),
        (
            r#"{"action":"set_priority","target":"hog"}"#,
            "Malformed: set_priority has neither priority nor step; it needs one of them",
        ),
        (
            r#"{"action":"set_priority","target":"hog","priority":"low","step":1}"#,
            "Malformed: set_priority has both priority and step; it takes one of them",
        ),
        (
            r#"{"action":"set_priority","target":"hog","step":0}"#,
            "Malformed: a step of 0 changes nothing; use 1 for up or -1 for down",
        ),
        (
            r#"{"action":"set_memory_limit","target":"hog"}"#,
            "Malformed: set_memory_limit has neither bytes nor times; it needs one of them",
        ),
        (
            r#"{"action":"set_memory_limit","target":"hog","bytes":1,"times":2}"#,
            "Malformed: set_memory_limit has both bytes and times; it takes one of them",
        ),
        (
            r#"{"action":"grant_memory","target":"hog","bytes":0}"#,
            "Malformed: granting 0 bytes changes nothing; say how much more",
        ),
        (
            r#"{"action":"spawn","program":"hog","count":0}"#,
            "Malformed: a count of 0 starts nothing; use at least 1",
        ),
        (
            r#"{"action":"spawn","program":"hog","args":["a\u0000b"]}"#,
            "Malformed: the argument \"a?b\" has a NUL byte in it; leave that out",
        ),
        (
            r#"{"action":"list","what":"log","limit":0}"#,
            "Malformed: a list of at most 0 shows nothing; ask for at least 1",
        ),
        (
            r#"{"action":"send","to":"hog","message":" "}"#,
            "Malformed: the message of send is empty; it needs words",
        ),
        (
            r#"{"action":"answer","text":""}"#,
            "Malformed: the text of answer is empty; it needs words",
        ),
        (
            r#"{"action":"ask","question":""}"#,
            "Malformed: the question of ask is empty; it needs words",
        ),
        (
            r#"{"action":"refuse","reason":"\n"}"#,
            "Malformed: the reason of refuse is empty; it needs words",
        ),
    ]);
    for kind in ["inspect", "kill", "suspend", "resume", "restart"] {
        let action = format!(r#"{{"action":"{kind}","target":{{"nth":0}}}}"#);
        assert_eq!(
            rejected(&action),
            ["0 Malformed: a selector's nth of 0 means nobody; 1 is the first"]
        );
        let action = format!(r#"{{"action":"{kind}","target":{{"take":0}}}}"#);
        assert_eq!(
            rejected(&action),
            ["0 Malformed: a selector's take of 0 means nobody; take at least 1"]
        );
    }
}

#[test]
fn unsupported() {
    check(&[(
        r#"{"action":"search","query":"x","where":"docs"}"#,
        "Unsupported: this machine has no documents; search the log or the history",
    )]);
    check(&[(
        r#"{"action":"search","query":"x","where":"files"}"#,
        "Unsupported: what is in files is not searched; list them, and read one",
    )]);
    assert_eq!(
        SUPPORTED.len(),
        ActionKind::ALL.len(),
        "every action is there"
    );
}

#[test]
fn files_that_are_none_or_not_ones_own() {
    let read = |path: &str| format!(r#"{{"action":"read_file","path":"{path}"}}"#);
    for path in ["", "/", "x", "/a/../b", "//", "/a/", r"/a\u001b[2J"] {
        let lines = rejected(&read(path));
        assert!(lines[0].starts_with("0 Malformed: \""), "{lines:?}");
        assert!(!lines[0].contains('\u{1b}'), "{lines:?}");
    }
    let mut view = view();
    let home = Some(Text::cut("/users/ann"));
    view.files = FilesView::There { home };
    let ann = Principal::User(1);
    for path in ["/x", "/users", "/users/anna/x", "/users/bob/x"] {
        assert_eq!(
            rejected_on(&view, ann, &read(path)),
            [format!(
                "0 NotPermitted: {path} is not among your files, which are below /users/ann"
            )]
        );
    }
    let list = r#"{"action":"list","what":"files"}"#;
    assert_eq!(
        admitted_on(&view, ann, list),
        [Operation::ListFiles(Text::cut("/users/ann"))]
    );
    for (files, why) in [
        (
            FilesView::NoDisk,
            "WrongState: this machine has no disk, so there are no files; start it with one",
        ),
        (
            FilesView::Closed,
            "NotPermitted: this process was disconnected from the store of files",
        ),
    ] {
        view.files = files;
        for action in [
            read("/x").as_str(),
            r#"{"action":"write_file","path":"/x","content":"x"}"#,
            r#"{"action":"delete_file","path":"/x"}"#,
            list,
        ] {
            assert_eq!(
                rejected_on(&view, OPERATOR, action),
                [format!("0 {why}")],
                "{action}"
            );
        }
    }
}

/// What the kernel proposes in the place of the only action.
fn instead_on(principal: Principal, action: &str) -> Option<String> {
    let rejections = judge_on(&view(), principal, action).err()?;
    rejections[0].instead.as_ref().map(ToString::to_string)
}

#[test]
fn the_nearest_that_is_allowed_is_proposed() {
    for (principal, action, words) in [
        (
            OPERATOR,
            r#"{"action":"spawn","program":"whale","count":9}"#,
            "start 3 whale",
        ),
        (
            OPERATOR,
            r#"{"action":"spawn","program":"hog","count":65}"#,
            "start 10 hog",
        ),
        (
            OPERATOR,
            r#"{"action":"set_memory_limit","target":"hog","bytes":1048576}"#,
            "set the memory limit of hog to 6M",
        ),
        (
            OPERATOR,
            r#"{"action":"set_memory_limit","target":"hog","times":100}"#,
            "set the memory limit of hog to 64M",
        ),
        (
            OPERATOR,
            r#"{"action":"grant_memory","target":"hog","bytes":1073741824}"#,
            "give hog 56M more memory",
        ),
        (
            Principal::User(0),
            r#"{"action":"set_priority","target":4,"priority":"high"}"#,
            "set the priority of process 4 to normal",
        ),
        (
            Principal::User(0),
            r#"{"action":"spawn","program":"hog","priority":"high"}"#,
            "start 1 hog at normal priority",
        ),
    ] {
        assert_eq!(
            instead_on(principal, action).as_deref(),
            Some(words),
            "{action}"
        );
    }
    for action in [
        r#"{"action":"kill","target":1}"#,
        r#"{"action":"kill","target":"ghost"}"#,
        r#"{"action":"spawn","program":"ghost","count":9}"#,
        r#"{"action":"shutdown","mode":"halt"},{"action":"status"}"#,
    ] {
        assert_eq!(instead_on(OPERATOR, action), None, "{action}");
    }
}

#[test]
fn no_such_target() {
    check(&[
        (
            r#"{"action":"kill","target":99}"#,
            "NoSuchTarget: no process 99; there are init 1, shell 2, worker 4, worker 6, hog 7, logger 8, crasher 9, pinger 10",
        ),
        (
            r#"{"action":"kill","target":[4,"wrker"]}"#,
            "NoSuchTarget: no process \"wrker\"; there are worker, crasher, logger, pinger, hog, init, shell",
        ),
        (
            r#"{"action":"kill","target":{"where":{"name":"hog","state":"crashed"}}}"#,
            "NoSuchTarget: \"all crashed processes named hog\" means no process; list processes to see who is there",
        ),
        (
            r#"{"action":"kill","target":"worker","except":[4,6]}"#,
            "NoSuchTarget: \"worker\", less the exceptions means no process; list processes to see who is there",
        ),
        (
            r#"{"action":"kill","target":[]}"#,
            "NoSuchTarget: \"\" means no process; list processes to see who is there",
        ),
    ]);
    for kind in [
        "inspect",
        "kill",
        "suspend",
        "resume",
        "restart",
        "set_priority",
        "set_memory_limit",
        "set_cpu_limit",
        "grant_memory",
    ] {
        let more = match kind {
            "set_priority" => r#","step":1"#,
            "set_cpu_limit" => r#","percent":5"#,
            "set_memory_limit" | "grant_memory" => r#","bytes":4194304"#,
            _ => "",
        };
        let lines = rejected(&format!(r#"{{"action":"{kind}","target":"ghost"{more}}}"#));
        assert!(
            lines[0].starts_with("0 NoSuchTarget: no process \"ghost\"; there are "),
            "{lines:?}"
        );
    }
    let lines = rejected(r#"{"action":"send","to":"ghost","message":"x"}"#);
    assert!(lines[0].starts_with("0 NoSuchTarget: "), "{lines:?}");
}

#[test]
fn no_such_program() {
    check(&[(
        r#"{"action":"spawn","program":"conter"}"#,
        "NoSuchProgram: no program \"conter\"; there are counter, hog, whale",
    )]);
}

#[test]
fn wrong_state() {
    check(&[
        (
            r#"{"action":"suspend","target":6}"#,
            "WrongState: suspend needs a living process that is not suspended; worker 6 is suspended",
        ),
        (
            r#"{"action":"suspend","target":9}"#,
            "WrongState: suspend needs a living process that is not suspended; crasher 9 is crashed",
        ),
        (
            r#"{"action":"resume","target":[4,9]}"#,
            "WrongState: resume needs a suspended process; worker 4 is ready, crasher 9 is crashed",
        ),
        (
            r#"{"action":"set_priority","target":9,"step":1}"#,
            "WrongState: set_priority needs a living process (restart brings one back); crasher 9 is crashed",
        ),
        (
            r#"{"action":"set_memory_limit","target":10,"times":2}"#,
            "WrongState: set_memory_limit needs a living process (restart brings one back); pinger 10 is exited",
        ),
        (
            r#"{"action":"grant_memory","target":10,"bytes":1}"#,
            "WrongState: grant_memory needs a living process (restart brings one back); pinger 10 is exited",
        ),
        (
            r#"{"action":"send","to":9,"message":"x"}"#,
            "WrongState: send needs a living process (restart brings one back); crasher 9 is crashed",
        ),
    ]);
}

#[test]
fn actions_that_contradict_each_other() {
    for second in ["kill", "suspend", "resume", "restart", "inspect"] {
        let plan = format!(r#"{{"action":"kill","target":4}},{{"action":"{second}","target":4}}"#);
        let lines = rejected(&plan);
        assert!(lines[0].starts_with("1 WrongState: "), "{lines:?}");
        assert!(
            lines[0].ends_with("worker 4 is ended earlier in this plan"),
            "{lines:?}"
        );
    }
}

#[test]
fn protected() {
    for kind in ["kill", "suspend", "restart"] {
        for target in ["1", r#""init""#, r#"["worker","Init"]"#] {
            assert_eq!(
                rejected(&format!(r#"{{"action":"{kind}","target":{target}}}"#)),
                [format!(
                    "0 Protected: init (process 1) keeps the system running, so no plan may {kind} it; leave it out"
                )]
            );
        }
    }
    check(&[
        (
            r#"{"action":"set_priority","target":["init","hog"],"step":-1}"#,
            "Protected: init (process 1) keeps its high priority; normal would be lower",
        ),
        (
            r#"{"action":"set_cpu_limit","target":["init","hog"],"percent":99}"#,
            "Protected: init (process 1) keeps the system running, so its share of the processor is not capped; leave it out",
        ),
        (
            r#"{"action":"set_memory_limit","target":1,"bytes":3145728}"#,
            "Protected: init (process 1) keeps its memory limit of 4M; 3M would be lower",
        ),
    ]);
}

#[test]
fn not_permitted() {
    let own = Principal::Process(4);
    for kind in [
        "kill",
        "suspend",
        "resume",
        "restart",
        "set_priority",
        "set_memory_limit",
        "set_cpu_limit",
        "grant_memory",
    ] {
        let more = match kind {
            "set_priority" => r#","step":-1"#,
            "set_cpu_limit" => r#","percent":5"#,
            "set_memory_limit" | "grant_memory" => r#","bytes":4194304"#,
            _ => "",
        };
        for target in [
            "7",
            "1",
            "\"*\"",
            "\"worker\"",
            r#"{"by":"memory","take":1}"#,
        ] {
            let lines = rejected_on(
                &view(),
                own,
                &format!(r#"{{"action":"{kind}","target":{target}{more}}}"#),
            );
            let start = format!("0 NotPermitted: process 4 may {kind} only itself, not process ");
            assert!(lines[0].starts_with(&start), "{lines:?}");
        }
    }
    for (action, line) in [
        (
            r#"{"action":"spawn","program":"counter"}"#,
            "0 NotPermitted: process 4 may not spawn; only the operator at the console may",
        ),
        (
            r#"{"action":"shutdown","mode":"halt"}"#,
            "0 NotPermitted: process 4 may not shutdown; only the operator at the console may",
        ),
        (
            r#"{"action":"set_priority","target":4,"priority":"high"}"#,
            "0 NotPermitted: process 4 may not raise itself to high priority; only the operator may go above normal; normal would be allowed",
        ),
        (
            r#"{"action":"grant_memory","target":4,"bytes":1048576}"#,
            "0 OverQuota: process 4 may raise its own memory limit to 8M at most, not 9M; it has 8M now",
        ),
    ] {
        assert_eq!(rejected_on(&view(), own, action), [line], "{action}");
    }
}

#[test]
fn stale() {
    for gone in [9, 99] {
        let status = r#"{"action":"status"}"#;
        assert_eq!(
            rejected_on(&view(), Principal::Process(gone), status),
            [format!(
                "plan Stale: process {gone}, which asked for this, is gone; nothing was done"
            )]
        );
    }
}

#[test]
fn over_quota() {
    check(&[
        (
            r#"{"action":"set_memory_limit","target":"hog","times":0.5}"#,
            "OverQuota: hog 7 holds 6M now, so its limit cannot be 4M; choose more, or restart it first",
        ),
        (
            r#"{"action":"set_memory_limit","target":8,"times":0}"#,
            "OverQuota: logger 8 holds 1M now, so its limit cannot be 0B; choose more, or restart it first",
        ),
        (
            r#"{"action":"spawn","program":"hog","memory_limit":4096}"#,
            "OverQuota: a limit of 4K is too low for hog, whose start takes 1M; allow more",
        ),
    ]);
    let mut view = view();
    view.processes[5].info.memory = Bytes(4096);
    assert_eq!(
        rejected_on(
            &view,
            OPERATOR,
            r#"{"action":"set_memory_limit","target":8,"bytes":8192}"#
        ),
        ["0 OverQuota: a start of logger 8 takes 1M, so its limit cannot be 8K; choose more"]
    );
    view.processes[5].info.limit = Bytes(8192);
    assert_eq!(
        rejected_on(&view, OPERATOR, r#"{"action":"restart","target":8}"#),
        ["0 OverQuota: a start of logger 8 takes 1M, over its limit of 8K; raise the limit first"]
    );
}

#[test]
fn would_exhaust_memory() {
    check(&[
        (
            r#"{"action":"spawn","program":"whale","count":4}"#,
            "WouldExhaustMemory: starting 4 whale takes 12M and 10M is free to give; 3 would fit, or end something first",
        ),
        (
            r#"{"action":"spawn","program":"hog","memory_limit":68157440}"#,
            "WouldExhaustMemory: a limit of 65M is more than the 64M that the machine has for processes",
        ),
        (
            r#"{"action":"set_memory_limit","target":"hog","times":9}"#,
            "WouldExhaustMemory: a limit of 72M for hog 7 is more than the 64M that the machine has for processes",
        ),
        (
            r#"{"action":"grant_memory","target":"hog","bytes":18446744073709551615}"#,
            "WouldExhaustMemory: that limit for hog 7 is more than can be counted; the machine has 64M for processes",
        ),
    ]);
    let mut view = view();
    view.memory_free = Bytes(0);
    let restart = r#"{"action":"restart","target":"crasher"}"#;
    assert_eq!(
        rejected_on(&view, OPERATOR, restart),
        [
            "0 WouldExhaustMemory: starting 1 crasher takes 1M and 0B is free to give; 0 would fit, or end something first"
        ]
    );
}

#[test]
fn too_many() {
    check(&[
        (
            r#"{"action":"spawn","program":"hog","count":65}"#,
            "TooMany: a count of 65 is too many; start at most 64 at once",
        ),
        (
            r#"{"action":"spawn","program":"hog","count":21}"#,
            "TooMany: starting 21 hog needs 21 free places for processes and there are 20; end some first",
        ),
        (
            r#"{"action":"send","to":"logger","message":"x"}"#,
            "TooMany: no room for another message to logger 8; send it later",
        ),
    ]);
    let send = r#"{"action":"send","to":7,"message":"x"}"#;
    assert_eq!(
        rejected(&[send; 3].join(",")),
        ["2 TooMany: no room for another message to hog 7; send it later"],
        "two fit"
    );
}

#[test]
fn every_action_of_a_plan_is_judged_and_what_is_rejected_leaves_no_trace() {
    let plan = [
        r#"{"action":"kill","target":"ghost"}"#,
        r#"{"action":"restart","target":["worker",1]}"#,
        r#"{"action":"spawn","program":"whale","count":4}"#,
        r#"{"action":"spawn","program":"whale","count":3}"#,
        r#"{"action":"kill","target":4}"#,
        r#"{"action":"read_file","path":"x"}"#,
    ];
    let lines = rejected(&plan.join(","));
    let starts: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(
        starts,
        [
            "0 NoSuchTarget",
            "1 Protected",
            "2 WouldExhaustMemory",
            "5 Malformed"
        ]
    );
}

#[test]
fn a_full_table_of_long_names_still_gives_whole_sentences() {
    let mut view = view();
    let long = "x".repeat(32);
    view.processes = (20..84)
        .map(|pid| {
            process(
                pid,
                &long,
                proviso_abi::State::Ready,
                proviso_abi::Priority::Low,
                M,
            )
        })
        .collect();
    view.programs
        .iter_mut()
        .for_each(|program| program.name = Name::cut(&long));
    let wanted = "y".repeat(32);
    for action in [
        format!(r#"{{"action":"spawn","program":"{wanted}"}}"#),
        format!(r#"{{"action":"kill","target":"{wanted}"}}"#),
        r#"{"action":"kill","target":7}"#.into(),
        r#"{"action":"resume","target":"*"}"#.into(),
    ] {
        let line = rejected_on(&view, OPERATOR, &action).remove(0);
        assert!(line.ends_with("...") || line.ends_with(&long), "{line}");
    }
}

#[test]
fn a_process_lowers_its_own_share_and_never_raises_it() {
    let mut view = view();
    let own = Principal::Process(4);
    let cap = |percent| format!(r#"{{"action":"set_cpu_limit","target":4,"percent":{percent}}}"#);
    assert_eq!(admitted_on(&view, own, &cap(20)).len(), 1);
    view.processes[2].cpu_limit = Percent::new(20);
    assert_eq!(admitted_on(&view, own, &cap(20)).len(), 1);
    assert_eq!(
        rejected_on(&view, own, &cap(21)),
        [
            "0 OverQuota: process 4 may use 20% of the processor and cannot raise that to 21% itself; the operator can"
        ]
    );
    // Nor in two steps.
    let two = format!("{},{}", cap(5), cap(6));
    assert!(rejected_on(&view, own, &two)[0].starts_with("1 OverQuota: "));
    assert_eq!(admitted_on(&view, OPERATOR, &cap(100)).len(), 1);
}

#[test]
fn a_scheduler_is_chosen_by_the_operator_with_turns_that_make_sense() {
    let scheduler = r#"{"action":"set_scheduler","policy":"fair"}"#;
    assert_eq!(
        rejected_on(&view(), Principal::Process(4), scheduler),
        ["0 NotPermitted: process 4 may not set_scheduler; only the operator at the console may"]
    );
    for quantum_ms in ["0", "1001", "4294967295"] {
        let action =
            format!(r#"{{"action":"set_scheduler","policy":"fair","quantum_ms":{quantum_ms}}}"#);
        assert_eq!(
            rejected(&action),
            [format!(
                "0 Malformed: turns of {quantum_ms} ms make no sense; choose 1 to 1000 milliseconds"
            )]
        );
    }
}
