//! Changes are taken back, wholly, by those who made them, where that can be.

use proviso_abi::outcome::Reason;
use proviso_abi::words::{RuleDo, RuleWhen};
use proviso_abi::{Action, Bytes, Effect, INIT, IntentEvent, Pid, Priority, State, Target};

use super::standing::rule;
use super::{Lab, SHELL, kill, restart, set_limit, set_priority, spawn, suspend};
use crate::relations::{MAX_CUTS, OPERATORS_CUTS};
use crate::undo::{MAX_CHANGES, MAX_OWN};

fn undo(count: u32) -> Action {
    Action::Undo { count: Some(count) }
}

fn refused(lab: &mut Lab, pid: Pid, actions: Vec<Action>) -> (Reason, String) {
    match lab.plan(pid, actions) {
        IntentEvent::Rejected { rejections, .. } => {
            (rejections[0].reason, rejections[0].text.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_change_that_can_be_is_taken_back() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let other = lab.spawn("echo");
    let before = lab.info(pid).unwrap();
    for change in [
        vec![
            set_priority(pid, Priority::High),
            set_priority(pid, Priority::Low),
        ],
        vec![set_limit(pid, 4 << 20)],
        vec![suspend(pid)],
        vec![Action::Reclaim {
            target: Target::pid(pid),
            except: None,
        }],
        vec![
            set_priority(pid, Priority::Low),
            suspend(pid),
            set_limit(pid, 8 << 20),
        ],
    ] {
        lab.act(change);
        assert_ne!(lab.info(pid).unwrap(), before);
        let effects = lab.act(vec![undo(1)]);
        assert!(matches!(&effects[..], [Effect::Undone(list)] if list.len() == 1));
        assert_eq!(lab.info(pid).unwrap(), before);
    }
    let cut = Action::Disconnect {
        from: Target::pid(pid),
        to: Target::pid(other),
    };
    lab.act(vec![cut]);
    lab.act(vec![undo(1)]);
    assert!(lab.kernel.relations.may_call(pid, other));
}

#[test]
fn a_start_is_taken_back_by_an_end_and_a_rule_comes_back_under_its_number() {
    let mut lab = Lab::new();
    lab.act(vec![spawn("worker", 3)]);
    let started = lab.kernel.table.living().count();
    lab.act(vec![undo(1)]);
    assert_eq!(lab.kernel.table.living().count(), started - 3);
    lab.act(vec![rule(
        RuleWhen::Crash,
        Target::name("worker"),
        RuleDo::Restart,
    )]);
    lab.act(vec![Action::ClearRule { id: 1 }]);
    lab.act(vec![undo(1)]);
    assert!(lab.kernel.rules.get(1).is_some());
    lab.act(vec![undo(1)]);
    assert!(lab.kernel.rules.get(1).is_none());
}

#[test]
fn several_changes_go_newest_first_and_only_once() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    for level in [Priority::Low, Priority::High, Priority::Idle] {
        lab.act(vec![set_priority(pid, level)]);
    }
    lab.act(vec![undo(2)]);
    assert_eq!(lab.info(pid).unwrap().priority, Priority::Low);
    lab.act(vec![undo(1)]);
    assert_eq!(lab.info(pid).unwrap().priority, Priority::Normal);
    // What is left is the start of the shell's worker.
    assert_eq!(refused(&mut lab, SHELL, vec![undo(2)]).0, Reason::TooMany);
}

#[test]
fn what_cannot_be_taken_back_says_why() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.act(vec![restart(pid)]);
    let (reason, text) = refused(&mut lab, SHELL, vec![undo(1)]);
    assert_eq!(reason, Reason::NotUndoable);
    assert!(text.contains("memory is gone"), "{text}");
    lab.act(vec![kill(pid)]);
    assert_eq!(
        refused(&mut lab, SHELL, vec![undo(1)]).0,
        Reason::NotUndoable
    );
    let mut fresh = Lab::new();
    assert_eq!(
        refused(&mut fresh, SHELL, vec![undo(1)]).0,
        Reason::NotUndoable
    );
}

#[test]
fn an_undo_is_judged_like_any_change() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.act(vec![set_limit(pid, 8 << 20)]);
    lab.call(pid, proviso_abi::syscall::Syscall::Grow, [4 << 20, 0, 0, 0]);
    let (reason, text) = refused(&mut lab, SHELL, vec![undo(1)]);
    assert_eq!(reason, Reason::OverQuota, "{text}");
    assert_eq!(lab.info(pid).unwrap().limit, Bytes(8 << 20));
    // A process lowers itself and may not come back above what it may have.
    lab.act(vec![set_priority(pid, Priority::Realtime)]);
    assert!(matches!(
        lab.plan(pid, vec![set_priority(pid, Priority::Low)]),
        IntentEvent::Done { .. }
    ));
    assert_eq!(
        refused(&mut lab, pid, vec![undo(1)]).0,
        Reason::NotPermitted
    );
}

#[test]
fn nobody_takes_back_what_another_changed() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.act(vec![set_priority(pid, Priority::Low)]);
    assert_eq!(refused(&mut lab, pid, vec![undo(1)]).0, Reason::NotUndoable);
    assert_eq!(lab.info(pid).unwrap().priority, Priority::Low);
}

#[test]
fn an_undo_stands_alone() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.act(vec![set_priority(pid, Priority::Low)]);
    for actions in [vec![suspend(pid), undo(1)], vec![undo(1), undo(1)]] {
        assert_eq!(refused(&mut lab, SHELL, actions).0, Reason::Malformed);
    }
    assert_eq!(lab.act(vec![undo(1), Action::Status {}]).len(), 2);
}

#[test]
fn what_is_gone_is_passed_over_and_if_all_is_gone_it_says_so() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.act(vec![
        set_priority(a, Priority::Low),
        set_priority(b, Priority::Low),
    ]);
    lab.call(a, proviso_abi::syscall::Syscall::Exit, [0; 4]);
    lab.act(vec![undo(1)]);
    assert_eq!(lab.info(b).unwrap().priority, Priority::Normal);
    lab.act(vec![suspend(b)]);
    lab.act(vec![super::resume(b)]);
    lab.call(b, proviso_abi::syscall::Syscall::Exit, [0; 4]);
    // Neither suspending nor resuming b can be taken back, but its start can.
    let effects = lab.act(vec![undo(1)]);
    assert!(
        matches!(&effects[..], [Effect::Undone(list)] if list.len() == 1 && list[0].contains("started")),
        "{effects:?}"
    );
    assert_eq!(lab.state(b), None);
    assert_eq!(lab.state(a), Some(State::Exited));
    let history = lab.kernel.history.of(crate::view::Principal::Operator);
    assert_eq!(history.len(), 1, "the dead ones are forgotten");
    lab.act(vec![kill(a)]);
    let mut fresh = Lab::new();
    fresh.act(vec![rule(RuleWhen::Crash, Target::All, RuleDo::Notify)]);
    fresh.kernel.rules.clear(1);
    assert_eq!(
        refused(&mut fresh, SHELL, vec![undo(1)]).0,
        Reason::NotUndoable
    );
}

#[test]
fn the_history_is_bounded() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    for _ in 0..MAX_OWN + 5 {
        lab.act(vec![set_priority(pid, Priority::Low)]);
    }
    assert_eq!(
        refused(&mut lab, SHELL, vec![undo(MAX_OWN as u32 + 1)]).0,
        Reason::TooMany
    );
    for _ in 0..MAX_CHANGES {
        let worker = lab.spawn("echo");
        lab.plan(worker, vec![suspend(worker)]);
        lab.act(vec![kill(worker)]);
    }
    assert!(
        lab.kernel
            .history
            .of(crate::view::Principal::Operator)
            .len()
            <= MAX_OWN
    );
    assert_ne!(lab.state(INIT), None);
}

#[test]
fn a_process_does_not_take_back_what_the_operator_cut_too() {
    let mut lab = Lab::new();
    let (from, to) = (lab.spawn("worker"), lab.spawn("echo"));
    let cut = || Action::Disconnect {
        from: Target::pid(from),
        to: Target::pid(to),
    };
    let event = lab.plan(from, vec![cut()]);
    assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
    lab.act(vec![cut()]);
    assert_eq!(
        refused(&mut lab, from, vec![undo(1)]).0,
        Reason::NotPermitted
    );
    assert!(!lab.kernel.relations.may_call(from, to));
}

#[test]
fn a_cut_comes_back_only_if_there_is_room_for_it() {
    let mut lab = Lab::new();
    let (from, to) = (lab.spawn("worker"), lab.spawn("echo"));
    let pair = || (Target::pid(from), Target::pid(to));
    let ((a, b), (c, d)) = (pair(), pair());
    lab.act(vec![Action::Disconnect { from: a, to: b }]);
    lab.act(vec![Action::Connect { from: c, to: d }]);
    for pid in 0..MAX_CUTS as Pid {
        assert!(lab.kernel.relations.cut(pid, 1000));
    }
    assert_eq!(refused(&mut lab, SHELL, vec![undo(1)]).0, Reason::TooMany);
}

#[test]
fn a_rule_set_and_cleared_is_taken_back_in_one() {
    let mut lab = Lab::new();
    let crash = rule(RuleWhen::Crash, Target::name("worker"), RuleDo::Restart);
    lab.act(vec![crash]);
    lab.act(vec![Action::ClearRule { id: 1 }]);
    let effects = lab.act(vec![undo(2)]);
    assert!(matches!(&effects[..], [Effect::Undone(list)] if list.len() == 2));
    assert!(lab.kernel.rules.get(1).is_none());
}

#[test]
fn a_crowd_of_processes_does_not_make_the_operator_forget() {
    let mut lab = Lab::with_frames(65536);
    let workers: Vec<Pid> = (0..MAX_CHANGES).map(|_| lab.spawn("worker")).collect();
    for pid in workers {
        let lower = vec![set_priority(pid, Priority::Low)];
        let event = lab.plan(pid, lower);
        assert!(matches!(event, IntentEvent::Done { .. }), "{event:?}");
    }
    let own = lab.kernel.history.of(crate::view::Principal::Operator);
    assert_eq!(own.len(), MAX_OWN);
}

#[test]
fn the_last_cuts_are_the_operators() {
    let mut lab = Lab::new();
    let (from, to) = (lab.spawn("worker"), lab.spawn("echo"));
    for pid in 0..(MAX_CUTS - OPERATORS_CUTS) as Pid {
        assert!(lab.kernel.relations.cut(pid, 1000));
    }
    let cut = || Action::Disconnect {
        from: Target::pid(from),
        to: Target::pid(to),
    };
    assert_eq!(refused(&mut lab, from, vec![cut()]).0, Reason::TooMany);
    lab.act(vec![cut()]);
}

#[test]
fn what_init_got_is_taken_back_and_no_more() {
    let mut lab = Lab::new();
    let before = lab.info(INIT).unwrap();
    lab.act(vec![
        set_priority(INIT, Priority::Realtime),
        set_limit(INIT, 8 << 20),
    ]);
    lab.act(vec![undo(1)]);
    assert_eq!(lab.info(INIT).unwrap(), before);
    for less in [
        set_priority(INIT, Priority::Normal),
        set_limit(INIT, 2 << 20),
    ] {
        let (reason, _) = refused(&mut lab, SHELL, vec![less]);
        assert_eq!(reason, Reason::Protected);
    }
}

#[test]
fn a_rule_comes_back_even_if_whom_it_watched_is_gone() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let when = rule(RuleWhen::Exit, Target::pid(pid), RuleDo::Notify);
    lab.act(vec![when]);
    lab.act(vec![kill(pid)]);
    lab.act(vec![Action::ClearRule { id: 1 }]);
    lab.act(vec![undo(1)]);
    assert!(lab.kernel.rules.get(1).is_some());
}
