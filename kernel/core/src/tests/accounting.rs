//! Whatever happens: every frame has one owner, every queue its members.

use proptest::prelude::*;
use proviso_abi::syscall::Syscall;
use proviso_abi::{Pid, Priority};

use super::{Lab, SECOND, SHELL, kill, restart, resume, set_limit, set_priority, spawn, suspend};
use crate::memory;

/// One thing that may happen to the process at some place of the table.
#[derive(Debug, Clone, Copy)]
enum Step {
    Spawn(u32),
    Kill,
    Suspend,
    Resume,
    Restart,
    Priority(usize),
    Limit(u64),
    Grow(u64),
    Sleep(u64),
    Exit,
    Crash,
    Say,
    Run,
    Fail(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u32..6).prop_map(Step::Spawn),
        Just(Step::Kill),
        Just(Step::Suspend),
        Just(Step::Resume),
        Just(Step::Restart),
        (0usize..5).prop_map(Step::Priority),
        (0u64..8 << 20).prop_map(Step::Limit),
        (0u64..4 << 20).prop_map(Step::Grow),
        (0u64..SECOND).prop_map(Step::Sleep),
        Just(Step::Exit),
        Just(Step::Crash),
        Just(Step::Say),
        Just(Step::Run),
        (0u64..8).prop_map(Step::Fail),
    ]
}

/// A process that can make a call now.
fn is_caller(lab: &Lab, pid: Pid) -> bool {
    pid > SHELL
        && lab
            .kernel
            .table
            .get(pid)
            .is_some_and(crate::process::Process::is_runnable)
}

fn take(lab: &mut Lab, pid: Pid, step: Step) {
    let plan = match step {
        Step::Spawn(count) => spawn("worker", count),
        Step::Kill => kill(pid),
        Step::Suspend => suspend(pid),
        Step::Resume => resume(pid),
        Step::Restart => restart(pid),
        Step::Priority(level) => set_priority(pid, Priority::ALL[level]),
        Step::Limit(bytes) => set_limit(pid, bytes),
        Step::Run => return lab.kernel.step(&mut lab.machine),
        Step::Fail(maps) => {
            lab.machine.maps_left = Some(maps);
            lab.plan(SHELL, vec![spawn("hog", 2), restart(SHELL)]);
            lab.machine.maps_left = None;
            return;
        }
        _ if !is_caller(lab, pid) => return,
        _ => return call(lab, pid, step),
    };
    lab.plan(SHELL, vec![plan]);
}

fn call(lab: &mut Lab, pid: Pid, step: Step) {
    let (number, argument) = match step {
        Step::Grow(bytes) => (Syscall::Grow as u64, bytes),
        Step::Sleep(ns) => (Syscall::Sleep as u64, ns),
        Step::Exit => (Syscall::Exit as u64, 0),
        Step::Crash => (1000, 0),
        _ => {
            // A full queue is fine too.
            let _ = lab.say(pid, "help");
            return;
        }
    };
    lab.raw_call(pid, number, [argument, 0, 0, 0]);
}

pub(super) fn check(lab: &Lab) -> Result<(), TestCaseError> {
    let report = memory::report(&lab.machine, &lab.kernel.table);
    prop_assert_eq!(
        report.total.0,
        report.kernel.0 + report.processes.0 + report.reserve.0 + report.free.0
    );
    for process in lab.kernel.table.iter() {
        prop_assert_eq!(process.is_alive(), process.task.is_some());
        prop_assert_eq!(
            process.is_runnable(),
            lab.kernel.scheduler.contains(process.pid),
            "{}",
            process.pid
        );
    }
    let dead = lab
        .kernel
        .table
        .iter()
        .filter(|process| !process.is_alive())
        .count();
    prop_assert!(dead <= crate::table::MAX_DEAD);
    Ok(())
}

proptest! {
    #[test]
    fn the_books_balance_after_anything(steps in proptest::collection::vec((3u32..20, step()), 1..60)) {
        let mut lab = Lab::with_frames(2048);
        lab.connect();
        for (pid, step) in steps {
            take(&mut lab, pid, step);
            check(&lab)?;
        }
    }
}
