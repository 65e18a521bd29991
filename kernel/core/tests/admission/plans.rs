//! What is admitted, and what it becomes.

use proviso_abi::Effect;
use proviso_abi::value::{Argument, Bytes, Message, Name, Percent, Sentence};
use proviso_abi::words::{Policy, Priority, ShutdownMode, SortKey};
use proviso_kernel_core::view::{Operation, Principal};

use crate::fixture::{M, OPERATOR, admitted, admitted_on, rejected, view};

#[test]
fn every_supported_action_becomes_its_operation() {
    let message = Message::cut("hi");
    let say = Sentence::cut("x");
    for (action, operation) in [
        (r#"{"action":"status"}"#, Operation::Status),
        (
            r#"{"action":"list","what":"processes"}"#,
            Operation::ListProcesses {
                sort: SortKey::Pid,
                limit: None,
            },
        ),
        (
            r#"{"action":"list","what":"processes","sort":"cpu","limit":3}"#,
            Operation::ListProcesses {
                sort: SortKey::Cpu,
                limit: Some(3),
            },
        ),
        (
            r#"{"action":"list","what":"programs"}"#,
            Operation::ListPrograms,
        ),
        (
            r#"{"action":"list","what":"memory"}"#,
            Operation::ListMemory,
        ),
        (
            r#"{"action":"list","what":"log","limit":5}"#,
            Operation::ListLog { limit: Some(5) },
        ),
        (
            r#"{"action":"inspect","target":[9,1]}"#,
            Operation::Inspect(vec![1, 9]),
        ),
        (
            r#"{"action":"spawn","program":" Counter "}"#,
            Operation::Spawn {
                program: Name::cut("counter"),
                args: vec![],
                count: 1,
                priority: Priority::Normal,
                memory_limit: Bytes(2 * M),
            },
        ),
        (
            r#"{"action":"spawn","program":"hog","args":["a"],"count":2,"priority":"low","memory_limit":1048576}"#,
            Operation::Spawn {
                program: Name::cut("hog"),
                args: vec![Argument::cut("a")],
                count: 2,
                priority: Priority::Low,
                memory_limit: Bytes(M),
            },
        ),
        (
            r#"{"action":"kill","target":"WORKER","except":[4]}"#,
            Operation::Kill(vec![6]),
        ),
        (r#"{"action":"kill","target":9}"#, Operation::Kill(vec![9])),
        (
            r#"{"action":"suspend","target":"worker"}"#,
            Operation::Suspend(vec![4]),
        ),
        (
            r#"{"action":"resume","target":"*"}"#,
            Operation::Resume(vec![6]),
        ),
        (
            r#"{"action":"restart","target":["worker","crasher"]}"#,
            Operation::Restart(vec![4, 6, 9]),
        ),
        (
            r#"{"action":"set_priority","target":[4,7,10],"step":1}"#,
            Operation::SetPriority(vec![(4, Priority::High), (7, Priority::Realtime)]),
        ),
        (
            r#"{"action":"set_priority","target":1,"priority":"realtime"}"#,
            Operation::SetPriority(vec![(1, Priority::Realtime)]),
        ),
        (
            r#"{"action":"set_cpu_limit","target":"worker","percent":20,"except":[6]}"#,
            Operation::SetCpuLimit(vec![(4, Percent::new(20).unwrap())]),
        ),
        (
            r#"{"action":"set_scheduler","policy":"fair"}"#,
            Operation::SetScheduler {
                policy: Policy::Fair,
                quantum_ms: None,
            },
        ),
        (
            r#"{"action":"set_scheduler","policy":"adaptive","quantum_ms":1000}"#,
            Operation::SetScheduler {
                policy: Policy::Adaptive,
                quantum_ms: Some(1000),
            },
        ),
        (
            r#"{"action":"set_memory_limit","target":"hog","times":0.75}"#,
            Operation::SetLimit(vec![(7, Bytes(6 * M))]),
        ),
        (
            r#"{"action":"set_memory_limit","target":1,"bytes":16777216}"#,
            Operation::SetLimit(vec![(1, Bytes(16 * M))]),
        ),
        (
            r#"{"action":"grant_memory","target":"logger","bytes":8388608}"#,
            Operation::SetLimit(vec![(8, Bytes(16 * M))]),
        ),
        (
            r#"{"action":"send","to":"*","message":"hi"}"#,
            Operation::Send {
                to: vec![2, 4, 6, 7],
                message,
            },
        ),
        (
            r#"{"action":"shutdown","mode":"reboot"}"#,
            Operation::Shutdown(ShutdownMode::Reboot),
        ),
        (
            r#"{"action":"answer","text":"x"}"#,
            Operation::Say(Effect::Answer(say.clone())),
        ),
        (
            r#"{"action":"ask","question":"x"}"#,
            Operation::Say(Effect::Ask(say.clone())),
        ),
        (
            r#"{"action":"refuse","reason":"x"}"#,
            Operation::Say(Effect::Refuse(say)),
        ),
    ] {
        assert_eq!(admitted(action), [operation], "{action}");
    }
}

#[test]
fn the_shell_is_not_protected_but_init_is_never_meant_by_all() {
    assert_eq!(
        admitted(r#"{"action":"kill","target":"*"}"#),
        [Operation::Kill(vec![2, 4, 6, 7, 8, 9, 10])]
    );
}

#[test]
fn a_programs_start_can_need_more_than_the_usual_limit() {
    let [Operation::Spawn { memory_limit, .. }] =
        &admitted(r#"{"action":"spawn","program":"whale"}"#)[..]
    else {
        panic!("no spawn");
    };
    assert_eq!(*memory_limit, Bytes(3 * M));
}

#[test]
fn a_plan_is_judged_on_what_its_first_actions_leave() {
    let ten = r#"{"action":"spawn","program":"hog","count":10}"#;
    let six = r#"{"action":"spawn","program":"hog","count":6}"#;
    let kill_hog = r#"{"action":"kill","target":"hog"}"#;
    assert_eq!(
        admitted(&format!("{ten},{kill_hog},{six},{{\"action\":\"status\"}}")).len(),
        4
    );
    assert_eq!(
        rejected(&format!("{ten},{six}")).len(),
        1,
        "too much without the kill"
    );
    assert_eq!(
        rejected(&format!("{ten},{six},{kill_hog}")).len(),
        1,
        "order counts"
    );
    // Two grants add up, and a restart makes room to lower the limit.
    let grant = r#"{"action":"grant_memory","target":8,"bytes":1048576}"#;
    assert_eq!(
        admitted(&format!("{grant},{grant}")),
        [
            Operation::SetLimit(vec![(8, Bytes(9 * M))]),
            Operation::SetLimit(vec![(8, Bytes(10 * M))])
        ]
    );
    let restart = r#"{"action":"restart","target":"hog"}"#;
    let lower = r#"{"action":"set_memory_limit","target":"hog","bytes":2097152}"#;
    assert_eq!(admitted(&format!("{restart},{lower}")).len(), 2);
    assert_eq!(rejected(lower).len(), 1);
    // Two steps up are two steps.
    let raise = r#"{"action":"set_priority","target":6,"step":1}"#;
    assert_eq!(
        admitted(&format!("{raise},{raise}")),
        [
            Operation::SetPriority(vec![(6, Priority::Normal)]),
            Operation::SetPriority(vec![(6, Priority::High)])
        ]
    );
    // Suspended and resumed within one plan.
    let (suspend, resume) = (
        r#"{"action":"suspend","target":4}"#,
        r#"{"action":"resume","target":4}"#,
    );
    assert_eq!(admitted(&format!("{suspend},{resume}")).len(), 2);
    assert_eq!(rejected(&format!("{resume},{suspend}")).len(), 1);
    // Of those meant twice, the second action does the rest.
    let (one, all) = (
        r#"{"action":"kill","target":4}"#,
        r#"{"action":"kill","target":"worker"}"#,
    );
    assert_eq!(
        admitted(&format!("{one},{all}")),
        [Operation::Kill(vec![4]), Operation::Kill(vec![6])]
    );
}

#[test]
fn an_answer_may_close_a_plan_even_behind_a_shutdown() {
    let plan = r#"{"action":"kill","target":4},{"action":"shutdown","mode":"halt"},{"action":"answer","text":"bye"}"#;
    assert_eq!(admitted(plan).len(), 3);
}

#[test]
fn a_process_may_look_send_and_change_itself() {
    let own = Principal::Process(4);
    for (action, operation) in [
        (r#"{"action":"status"}"#, Operation::Status),
        (
            r#"{"action":"inspect","target":"hog"}"#,
            Operation::Inspect(vec![7]),
        ),
        (
            r#"{"action":"list","what":"log"}"#,
            Operation::ListLog { limit: None },
        ),
        (r#"{"action":"kill","target":4}"#, Operation::Kill(vec![4])),
        (
            r#"{"action":"restart","target":"worker","except":[6]}"#,
            Operation::Restart(vec![4]),
        ),
        (
            r#"{"action":"set_priority","target":4,"step":-1}"#,
            Operation::SetPriority(vec![(4, Priority::Low)]),
        ),
        (
            r#"{"action":"send","to":"hog","message":"hi"}"#,
            Operation::Send {
                to: vec![7],
                message: Message::cut("hi"),
            },
        ),
        (
            r#"{"action":"set_memory_limit","target":4,"bytes":8388608}"#,
            Operation::SetLimit(vec![(4, Bytes(8 * M))]),
        ),
    ] {
        assert_eq!(admitted_on(&view(), own, action), [operation], "{action}");
    }
    // It may lower and come back to normal, and keep what the operator gave it.
    let view = {
        let mut view = view();
        view.processes[2].info.limit = Bytes(20 * M);
        view.processes[2].info.priority = Priority::Low;
        view
    };
    let normal = r#"{"action":"set_priority","target":4,"priority":"normal"}"#;
    let less = r#"{"action":"set_memory_limit","target":4,"bytes":18874368}"#;
    assert_eq!(
        admitted_on(&view, own, &format!("{normal},{less}")).len(),
        2
    );
    assert_eq!(
        admitted_on(&view, OPERATOR, &format!("{normal},{less}")).len(),
        2
    );
}
