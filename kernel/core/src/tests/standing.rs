//! Rules and relations: what the kernel keeps and enforces by itself.

use proviso_abi::outcome::Reason;
use proviso_abi::syscall::{Error, Syscall};
use proviso_abi::words::{ListWhat, RuleDo, RuleWhen, SearchWhere};
use proviso_abi::{Action, Effect, INIT, IntentEvent, Pid, Priority, Sentence, State, Target};

use super::{Lab, SECOND, SHELL, kill, spawn, title};
use crate::rules::{MAX_BURST, MAX_RULES};

pub(super) fn rule(when: RuleWhen, target: Target, r#do: RuleDo) -> Action {
    Action::SetRule {
        when,
        target,
        r#do,
        threshold: None,
        priority: None,
        bytes: None,
        limit: None,
    }
}

fn limited(action: Action, most: u32) -> Action {
    let mut action = action;
    if let Action::SetRule { limit, .. } = &mut action {
        *limit = Some(most);
    }
    action
}

fn with_threshold(action: Action, value: u64) -> Action {
    let mut action = action;
    if let Action::SetRule { threshold, .. } = &mut action {
        *threshold = Some(value);
    }
    action
}

fn list(what: ListWhat) -> Action {
    Action::List {
        what,
        sort: None,
        limit: None,
        path: None,
    }
}

/// The process crashes by a system call that does not exist.
fn crash(lab: &mut Lab, pid: Pid) {
    lab.raw_call(pid, 9999, [0; 4]);
}

fn reason(lab: &mut Lab, pid: Pid, action: Action) -> Reason {
    match lab.plan(pid, vec![action]) {
        IntentEvent::Rejected { rejections, .. } => rejections[0].reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rule_restarts_what_crashes_at_most_so_many_times() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    let effects = lab.act(vec![limited(
        rule(RuleWhen::Crash, Target::name("worker"), RuleDo::Restart),
        2,
    )]);
    assert!(matches!(&effects[..], [Effect::RuleSet(rule)] if rule.id == 1));
    for _ in 0..2 {
        crash(&mut lab, worker);
        assert_eq!(lab.state(worker), Some(State::Crashed));
        lab.pass(SECOND);
        assert_eq!(lab.state(worker), Some(State::Ready));
    }
    crash(&mut lab, worker);
    lab.pass(SECOND);
    assert_eq!(
        lab.state(worker),
        Some(State::Crashed),
        "two times are over"
    );
    let Effect::Rules(rules) = lab.act(vec![list(ListWhat::Rules)]).remove(0) else {
        panic!("no rules");
    };
    assert_eq!((rules.len(), rules[0].fired), (1, 2));
}

#[test]
fn a_rule_holds_for_what_is_started_later() {
    let mut lab = Lab::new();
    lab.act(vec![rule(
        RuleWhen::Exit,
        Target::name("worker"),
        RuleDo::Restart,
    )]);
    let worker = lab.spawn("worker");
    lab.call(worker, Syscall::Exit, [0; 4]);
    lab.pass(SECOND);
    assert_eq!(lab.state(worker), Some(State::Ready));
    let other = lab.spawn("echo");
    lab.call(other, Syscall::Exit, [0; 4]);
    lab.pass(SECOND);
    assert_eq!(lab.state(other), Some(State::Exited));
}

#[test]
fn what_crashes_again_and_again_does_not_keep_the_machine_busy() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    lab.act(vec![rule(
        RuleWhen::Crash,
        Target::name("worker"),
        RuleDo::Restart,
    )]);
    let mut restarts = 0;
    for _ in 0..100 {
        if lab.state(worker) == Some(State::Ready) {
            crash(&mut lab, worker);
        }
        lab.pass(SECOND / 20);
        restarts = lab.kernel.table.get(worker).unwrap().restarts;
    }
    assert_eq!(restarts, MAX_BURST, "in five seconds");
    lab.pass(10 * SECOND);
    lab.pass(SECOND);
    assert_eq!(lab.state(worker), Some(State::Ready), "its turn came");
}

#[test]
fn memory_over_acts_once_until_it_was_under() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    let mut lower = with_threshold(
        rule(RuleWhen::MemoryOver, Target::All, RuleDo::SetPriority),
        lab.info(worker).unwrap().memory.0 - 1,
    );
    if let Action::SetRule { priority, .. } = &mut lower {
        *priority = Some(Priority::Low);
    }
    lab.act(vec![lower]);
    lab.pass(SECOND);
    assert_eq!(lab.info(worker).unwrap().priority, Priority::Low);
    lab.act(vec![super::set_priority(worker, Priority::High)]);
    lab.pass(SECOND);
    assert_eq!(lab.info(worker).unwrap().priority, Priority::High, "once");
}

#[test]
fn idleness_is_noticed_and_busyness_is_not() {
    let mut lab = Lab::new();
    let idle = lab.spawn("worker");
    lab.receive(idle, proviso_abi::syscall::FOREVER);
    lab.act(vec![with_threshold(
        rule(RuleWhen::Idle, Target::name("worker"), RuleDo::Suspend),
        3000,
    )]);
    let busy = lab.spawn("worker");
    for _ in 0..5 {
        lab.kernel
            .table
            .get_mut(busy)
            .unwrap()
            .cpu
            .add(lab.machine.now_ns, 1000);
        lab.pass(SECOND);
    }
    assert_eq!(lab.state(idle), Some(State::Suspended));
    assert_eq!(lab.state(busy), Some(State::Ready));
}

#[test]
fn no_rule_touches_init_or_outlives_its_clearing() {
    let mut lab = Lab::new();
    let all =
        Target::Many(proviso_abi::List::new(vec![proviso_abi::ProcessRef::Pid(INIT)]).unwrap());
    lab.act(vec![with_threshold(
        rule(RuleWhen::MemoryOver, all, RuleDo::Kill),
        1,
    )]);
    lab.pass(SECOND);
    assert_ne!(lab.state(INIT), None);
    assert!(
        lab.log()
            .iter()
            .any(|line| line.contains("rule 1 was refused: Protected")),
        "{:?}",
        lab.log()
    );
    lab.act(vec![Action::ClearRule { id: 1 }]);
    let worker = lab.spawn("worker");
    crash(&mut lab, worker);
    lab.pass(SECOND);
    assert_eq!(lab.state(worker), Some(State::Crashed));
    assert_eq!(
        reason(&mut lab, SHELL, Action::ClearRule { id: 1 }),
        Reason::NoSuchTarget
    );
}

#[test]
fn rules_are_the_operators_and_bounded() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    let one = rule(RuleWhen::Crash, Target::name("worker"), RuleDo::Notify);
    assert_eq!(reason(&mut lab, worker, one.clone()), Reason::NotPermitted);
    for _ in 0..MAX_RULES {
        lab.act(vec![one.clone()]);
    }
    assert_eq!(reason(&mut lab, SHELL, one), Reason::TooMany);
    let ghost = rule(RuleWhen::Crash, Target::name("ghost"), RuleDo::Notify);
    lab.act(vec![Action::ClearRule { id: 1 }]);
    assert_eq!(reason(&mut lab, SHELL, ghost), Reason::NoSuchTarget);
}

#[test]
fn a_cut_relation_stops_messages_by_call_and_by_plan() {
    let mut lab = Lab::new();
    let (from, to) = (lab.spawn("worker"), lab.spawn("echo"));
    let pair = |from, to| (Target::pid(from), Target::pid(to));
    let (a, b) = pair(from, to);
    let effects = lab.act(vec![Action::Disconnect { from: a, to: b }]);
    let names = vec![(title("worker", from), title("echo", to))];
    assert_eq!(effects, [Effect::Disconnected(names)]);
    assert_eq!(lab.send(from, to, "hi"), Some(Err(Error::NotPermitted)));
    let send = |to| Action::Send {
        to: Target::pid(to),
        message: proviso_abi::Message::cut("hi"),
    };
    assert_eq!(reason(&mut lab, from, send(to)), Reason::NotPermitted);
    assert_eq!(
        lab.send(to, from, "hi"),
        Some(Ok(0)),
        "the other way is open"
    );
    let Effect::Endpoints(ends) = lab.act(vec![list(ListWhat::Endpoints)]).remove(0) else {
        panic!("no endpoints");
    };
    let end = ends.iter().find(|end| end.process.pid == to).unwrap();
    assert_eq!(end.cut_off, [from]);
    let (a, b) = pair(from, to);
    assert_eq!(
        reason(&mut lab, from, Action::Connect { from: a, to: b }),
        Reason::NotPermitted,
        "nobody lets itself in"
    );
    let (a, b) = pair(from, to);
    lab.act(vec![Action::Connect { from: a, to: b }]);
    assert_eq!(lab.send(from, to, "hi"), Some(Ok(0)));
}

#[test]
fn a_process_may_cut_itself_off_and_nobody_else() {
    let mut lab = Lab::new();
    let (one, other) = (lab.spawn("worker"), lab.spawn("echo"));
    let cut = |from, to| Action::Disconnect {
        from: Target::pid(from),
        to: Target::pid(to),
    };
    assert_eq!(reason(&mut lab, one, cut(other, one)), Reason::NotPermitted);
    assert!(matches!(
        lab.plan(one, vec![cut(one, other)]),
        IntentEvent::Done { .. }
    ));
}

#[test]
fn scale_starts_what_is_missing_and_ends_the_youngest() {
    let mut lab = Lab::new();
    let scale = |count| Action::Scale {
        program: proviso_abi::action::ProgramName(proviso_abi::Name::cut("worker")),
        count,
    };
    let first = lab.spawn("worker");
    lab.machine.now_ns += SECOND;
    lab.act(vec![scale(3)]);
    let workers = |lab: &Lab| {
        let living = lab.kernel.table.living();
        let pids = living.filter(|p| p.name == "worker").map(|p| p.pid);
        pids.collect::<Vec<_>>()
    };
    assert_eq!(workers(&lab).len(), 3);
    assert!(matches!(
        &lab.act(vec![scale(3)])[..],
        [Effect::Unchanged(_)]
    ));
    lab.act(vec![scale(1)]);
    assert_eq!(workers(&lab), [first]);
    lab.act(vec![scale(0)]);
    assert!(workers(&lab).is_empty());
    assert_eq!(reason(&mut lab, SHELL, scale(65)), Reason::TooMany);
}

#[test]
fn reclaim_takes_what_is_not_used_and_leaves_the_rest() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let reclaim = |pid| Action::Reclaim {
        target: Target::pid(pid),
        except: None,
    };
    let before = lab.info(pid).unwrap();
    lab.act(vec![reclaim(pid)]);
    let after = lab.info(pid).unwrap();
    assert!(after.limit < before.limit && after.limit >= after.memory);
    assert!(matches!(
        &lab.act(vec![reclaim(pid)])[..],
        [Effect::Unchanged(_)]
    ));
    assert!(matches!(
        &lab.act(vec![reclaim(INIT)])[..],
        [Effect::Unchanged(_)]
    ));
}

#[test]
fn the_log_is_searched_and_evidence_names_the_end() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    lab.write(worker, "Disk FULL on line 7\n");
    crash(&mut lab, worker);
    let search = |query: &str| Action::Search {
        query: Sentence::cut(query),
        r#where: Some(SearchWhere::Log),
    };
    let found = lab.act(vec![search("line disk full")]);
    assert!(matches!(&found[..], [Effect::Log(lines)] if lines.len() == 1));
    assert!(
        matches!(&lab.act(vec![search("no such words")])[..], [Effect::Log(lines)] if lines.is_empty())
    );
    let explain = Action::Explain {
        target: Some(Target::pid(worker)),
    };
    let Effect::Explained(evidence) = lab.act(vec![explain]).remove(0) else {
        panic!("no evidence");
    };
    let exit = evidence.processes[0].last_exit.as_ref().unwrap();
    assert!(exit.to_string().contains("unknown system call 9999"));
    let said: Vec<_> = evidence.log.iter().map(|line| line.text.as_str()).collect();
    assert!(said.contains(&"Disk FULL on line 7"), "{said:?}");
    assert!(said.iter().any(|line| line.contains("crashed")), "{said:?}");
}

#[test]
fn what_is_remembered_goes_to_the_agent_or_is_refused() {
    let mut lab = Lab::new();
    let remember = || Action::Remember {
        fact: Sentence::cut("tea"),
    };
    assert_eq!(reason(&mut lab, SHELL, remember()), Reason::WrongState);
    lab.connect();
    lab.heard_by_agent();
    let worker = lab.spawn("worker");
    assert_eq!(reason(&mut lab, worker, remember()), Reason::NotPermitted);
    assert!(lab.heard_by_agent().is_empty());
    lab.act(vec![remember(), remember()]);
    let heard = lab.heard_by_agent();
    assert!(
        matches!(&heard[..], [proviso_abi::wire::ToAgent::Memory { user, facts }] if user == "operator" && facts.len() == 2),
        "{heard:?}"
    );
    // The channel is full: nothing of the plan is done.
    lab.machine.is_agent_reachable = false;
    let (living, free) = (lab.kernel.table.living().count(), lab.machine.free);
    assert_eq!(reason_of_two(&mut lab, remember()), Reason::WrongState);
    assert_eq!(lab.kernel.table.living().count(), living);
    assert_eq!(
        lab.machine.free, free,
        "what was built for it is given back"
    );
}

fn reason_of_two(lab: &mut Lab, action: Action) -> Reason {
    match lab.plan(SHELL, vec![spawn("worker", 1), action]) {
        IntentEvent::Rejected { rejections, .. } => rejections[0].reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_dead_leave_no_relations() {
    let mut lab = Lab::new();
    let (from, to) = (lab.spawn("worker"), lab.spawn("echo"));
    lab.act(vec![Action::Disconnect {
        from: Target::pid(from),
        to: Target::pid(to),
    }]);
    let room = lab.kernel.relations.room();
    lab.act(vec![kill(to)]);
    assert_eq!(lab.kernel.relations.room(), room + 1);
}

#[test]
fn no_rule_takes_the_console_away() {
    for r#do in [RuleDo::Kill, RuleDo::Restart, RuleDo::Suspend] {
        let mut lab = Lab::new();
        let all = rule(RuleWhen::MemoryOver, Target::All, r#do);
        lab.act(vec![with_threshold(all, 1)]);
        lab.pass(SECOND);
        let shell = lab.kernel.table.get(SHELL).unwrap();
        assert_eq!((shell.restarts, shell.is_suspended), (0, false), "{do}");
        lab.act(vec![Action::ClearRule { id: 1 }]);
    }
}

#[test]
fn everybody_with_everybody_is_refused_before_it_is_listed() {
    // 64 MiB, for there are more pairs than cuts from 17 processes on.
    let mut lab = Lab::with_frames(16384);
    for _ in 0..5 {
        lab.act(vec![spawn("echo", 4)]);
    }
    let (from, to) = (Target::All, Target::All);
    let (again, others) = (from.clone(), to.clone());
    for action in [
        Action::Connect { from, to },
        Action::Disconnect {
            from: again,
            to: others,
        },
    ] {
        assert_eq!(reason(&mut lab, SHELL, action), Reason::TooMany);
    }
}

#[test]
fn a_rule_leaves_the_reserve_of_memory_alone() {
    let mut lab = Lab::new();
    let worker = lab.spawn("worker");
    lab.act(vec![rule(
        RuleWhen::Crash,
        Target::name("worker"),
        RuleDo::Restart,
    )]);
    crash(&mut lab, worker);
    lab.machine.free = crate::memory::reserve_frames(&lab.machine);
    lab.pass(SECOND);
    assert_eq!(lab.state(worker), Some(State::Crashed));
}
