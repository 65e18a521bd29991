//! Plans take effect whole, in order, or not at all.

use proviso_abi::action::ProgramName;
use proviso_abi::outcome::Reason;
use proviso_abi::syscall::FOREVER;
use proviso_abi::value::Argument;
use proviso_abi::wire::ToAgent;
use proviso_abi::words::{ListWhat, SortKey};
use proviso_abi::{
    Action, Bytes, Effect, INIT, IntentEvent, List, Message, Name, Priority, State, Target,
};

use super::{
    Lab, SECOND, SHELL, kill, restart, resume, set_limit, set_priority, spawn, suspend, title,
};

fn list(what: ListWhat, sort: Option<SortKey>, limit: Option<u32>) -> Action {
    Action::List {
        what,
        sort,
        limit,
        path: None,
    }
}

fn rejection(event: IntentEvent) -> (Option<u8>, Reason) {
    match event {
        IntentEvent::Rejected { rejections, .. } => (rejections[0].action, rejections[0].reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_spawn_gets_what_it_was_given() {
    let mut lab = Lab::new();
    let action = Action::Spawn {
        program: ProgramName(Name::cut("worker")),
        args: Some(List::new(vec![Argument::cut("a"), Argument::cut("b c")]).unwrap()),
        count: Some(2),
        priority: Some(Priority::Low),
        memory_limit: Some(Bytes(1 << 20)),
    };
    let effects = lab.act(vec![action]);
    assert_eq!(
        effects,
        [Effect::Spawned(vec![
            title("worker", 3),
            title("worker", 4)
        ])]
    );
    let process = lab.kernel.table.get(4).unwrap();
    assert_eq!(
        (process.parent, process.priority, process.limit),
        (SHELL, Priority::Low, Bytes(1 << 20))
    );
    let [args, length, pid] = process.task.as_ref().unwrap().start.2;
    use crate::machine::Machine;
    let mut text = vec![0; length as usize];
    lab.machine
        .copy_in(process.task.as_ref().unwrap(), args, &mut text)
        .unwrap();
    assert_eq!((text.as_slice(), pid), (&b"a\0b c"[..], 4));
}

#[test]
fn memory_that_runs_out_half_way_leaves_everything_as_it_was() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    for maps in 0..11 {
        let (free, infos) = (lab.machine.free, lab.info(pid));
        lab.machine.maps_left = Some(maps);
        let plan = vec![
            set_priority(pid, Priority::High),
            restart(pid),
            spawn("echo", 3),
            kill(pid),
        ];
        assert_eq!(
            rejection(lab.plan(SHELL, plan)).1,
            Reason::WouldExhaustMemory,
            "{maps}"
        );
        lab.machine.maps_left = None;
        assert_eq!((lab.machine.free, lab.info(pid)), (free, infos), "{maps}");
        assert_eq!(lab.kernel.table.iter().count(), 3);
    }
    let next = lab.spawn("worker");
    assert_eq!(next, pid + 1, "numbers of what never was are not lost");
}

#[test]
fn the_reserve_bridges_a_kill_and_a_spawn() {
    let mut lab = Lab::with_frames(1024);
    let hog = lab.spawn("hog");
    lab.kernel.table.get_mut(hog).unwrap().limit = Bytes(8 << 20);
    while lab
        .call(hog, proviso_abi::syscall::Syscall::Grow, [4096, 0, 0, 0])
        .unwrap()
        .is_ok()
    {}
    assert_eq!(
        rejection(lab.plan(SHELL, vec![spawn("worker", 1)])),
        (Some(0), Reason::WouldExhaustMemory)
    );
    let effects = lab.act(vec![kill(hog), spawn("worker", 1)]);
    assert!(matches!(
        &effects[..],
        [Effect::Killed(_), Effect::Spawned(_)]
    ));
    assert!(lab.machine.free > 256);
}

#[test]
fn a_limit_raised_in_the_plan_holds_for_the_restart_in_it() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.kernel.table.get_mut(pid).unwrap().limit = Bytes(4096);
    assert_eq!(
        rejection(lab.plan(SHELL, vec![restart(pid)])),
        (Some(0), Reason::OverQuota)
    );
    let effects = lab.act(vec![set_limit(pid, 1 << 20), restart(pid)]);
    assert!(
        matches!(&effects[..], [Effect::LimitSet(_), Effect::Restarted(list)] if list.len() == 1)
    );
}

#[test]
fn a_process_may_end_suspend_or_restart_itself() {
    let mut lab = Lab::new();
    let (a, b, c) = (
        lab.spawn("worker"),
        lab.spawn("worker"),
        lab.spawn("worker"),
    );
    assert_eq!(lab.submit(a, vec![kill(a)]), None);
    assert_eq!(lab.state(a), None);
    assert!(matches!(lab.submit(b, vec![suspend(b)]), Some(Ok(_))));
    assert_eq!(lab.state(b), Some(State::Suspended));
    assert_eq!(
        lab.submit(c, vec![restart(c)]),
        None,
        "the new life owes no answer"
    );
    assert_eq!(lab.state(c), Some(State::Ready));
    assert!(lab.kernel.intents.of(c).is_empty());
    assert!(
        !lab.heard_by_agent()
            .iter()
            .any(|frame| matches!(frame, ToAgent::Cancel { .. }))
    );
}

#[test]
fn observing_shows_the_system_as_the_plan_has_made_it() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let effects = lab.act(vec![
        suspend(pid),
        list(ListWhat::Processes, Some(SortKey::Name), Some(1)),
        resume(pid),
        Action::Inspect {
            target: Target::pid(pid),
        },
        list(ListWhat::Memory, None, None),
        list(ListWhat::Programs, None, None),
        list(ListWhat::Log, None, Some(2)),
        Action::Status {},
    ]);
    let [
        _,
        Effect::Processes(processes),
        _,
        Effect::Inspected(details),
        Effect::Memory(memory),
        Effect::Programs(programs),
        Effect::Log(log),
        Effect::Status(status),
    ] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!(processes[0].name, "init");
    assert_eq!(
        (
            details[0].info.pid,
            details[0].info.state,
            details[0].parent
        ),
        (pid, State::Ready, SHELL)
    );
    assert_eq!(
        memory.total.0,
        memory.kernel.0 + memory.processes.0 + memory.reserve.0 + memory.free.0
    );
    assert_eq!(programs.len(), 5);
    let last: Vec<_> = log.iter().map(|line| line.text.to_string()).collect();
    assert_eq!(
        last,
        [
            format!("worker {pid} suspended"),
            format!("worker {pid} resumed")
        ]
    );
    assert_eq!(
        (
            status.alive,
            status.crashed,
            status.intents,
            status.agent.as_ref()
        ),
        (3, 0, 0, None),
        "a plan that is being decided on does not wait for the agent"
    );
}

#[test]
fn lists_are_sorted_and_cut_as_asked() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    lab.call(b, proviso_abi::syscall::Syscall::Grow, [1 << 19, 0, 0, 0]);
    let pids = |lab: &mut Lab, sort, limit| match lab
        .act(vec![list(ListWhat::Processes, sort, limit)])
        .remove(0)
    {
        Effect::Processes(list) => list.iter().map(|info| info.pid).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pids(&mut lab, None, None), [INIT, SHELL, a, b]);
    assert_eq!(pids(&mut lab, Some(SortKey::Memory), Some(1)), [b]);
    assert_eq!(
        pids(&mut lab, Some(SortKey::Name), None),
        [b, INIT, SHELL, a]
    );
    assert_eq!(pids(&mut lab, Some(SortKey::Cpu), Some(9)).len(), 4);
}

#[test]
fn a_message_of_a_plan_wakes_its_receiver() {
    let mut lab = Lab::new();
    let pid = lab.spawn("echo");
    lab.receive(pid, FOREVER);
    let action = Action::Send {
        to: Target::pid(pid),
        message: Message::cut("hello"),
    };
    assert_eq!(
        lab.act(vec![action]),
        [Effect::Sent(vec![title("echo", pid)])]
    );
    assert_eq!(lab.result(pid), Some(Ok(5)));
}

#[test]
fn the_longest_outcome_fits_its_event() {
    let mut lab = Lab::with_frames(1 << 16);
    lab.act(vec![spawn("worker", 50)]);
    lab.act(vec![spawn("hog", 50)]);
    for line in 0..300 {
        lab.write(INIT, &format!("{line} {}\n", "x".repeat(190)));
    }
    let all = || Action::Inspect {
        target: Target::All,
    };
    let log = || list(ListWhat::Log, None, Some(1000));
    for plan in [
        vec![log(); 8],
        vec![all(); 8],
        vec![log(), all(), list(ListWhat::Processes, None, None)],
        vec![log()],
    ] {
        let effects = lab.act(plan.clone());
        assert_eq!(effects.len(), plan.len());
        for effect in effects {
            match effect {
                Effect::Log(lines) => {
                    assert!(!lines.is_empty());
                    assert!(lines.last().unwrap().text.starts_with("299 "));
                }
                Effect::Inspected(list) => assert!(!list.is_empty()),
                Effect::Processes(list) => assert_eq!(list.len(), 102),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn what_a_plan_says_comes_back() {
    let mut lab = Lab::new();
    let text = proviso_abi::Sentence::cut("all is well");
    let effects = lab.act(vec![Action::Answer { text: text.clone() }]);
    assert_eq!(effects, [Effect::Answer(text)]);
    lab.pass(SECOND);
}
