//! Priorities and memory limits as numbers: set, stepped, multiplied, refused.

use proviso_user::abi::value::Factor;
use proviso_user::abi::{Action, Bytes, INIT, Pid, Priority, Reason, Target};

use crate::harness::{Check, same, tests};
use crate::kernel::{act, detail, kill, refused, spawn};

tests! {
    a_priority_is_set_and_stepped,
    a_limit_is_set_multiplied_and_raised,
    init_keeps_what_it_has,
}

fn priority(pid: Pid, priority: Option<Priority>, step: Option<i8>) -> Action {
    Action::SetPriority {
        target: Target::pid(pid),
        except: None,
        priority,
        step,
    }
}

fn limit(pid: Pid, bytes: Option<u64>, milli: Option<u32>) -> Action {
    Action::SetMemoryLimit {
        target: Target::pid(pid),
        except: None,
        bytes: bytes.map(Bytes),
        times: milli.map(|milli| Factor { milli }),
    }
}

fn grant(pid: Pid, bytes: u64) -> Action {
    let (target, bytes) = (Target::pid(pid), Bytes(bytes));
    Action::GrantMemory { target, bytes }
}

fn a_priority_is_set_and_stepped() -> Check {
    let pid = spawn("suite", &["sleep"])?;
    for (action, level) in [
        (priority(pid, Some(Priority::Low), None), Priority::Low),
        (priority(pid, None, Some(1)), Priority::Normal),
        (priority(pid, None, Some(2)), Priority::Realtime),
        (priority(pid, None, Some(1)), Priority::Realtime),
        (priority(pid, None, Some(-128)), Priority::Idle),
    ] {
        act(action)?;
        same("priority", detail(pid)?.info.priority, level)?;
    }
    for action in [
        priority(pid, None, None),
        priority(pid, None, Some(0)),
        priority(pid, Some(Priority::Low), Some(1)),
    ] {
        refused(action, Reason::Malformed)?;
    }
    kill(pid)?;
    refused(
        priority(pid, Some(Priority::Low), None),
        Reason::NoSuchTarget,
    )
}

fn a_limit_is_set_multiplied_and_raised() -> Check {
    let pid = spawn("suite", &["sleep"])?;
    for (action, bytes) in [
        (limit(pid, Some(1 << 20), None), 1 << 20),
        (limit(pid, None, Some(2000)), 2 << 20),
        (limit(pid, None, Some(500)), 1 << 20),
        (grant(pid, 3 << 20), 4 << 20),
    ] {
        act(action)?;
        same("limit", detail(pid)?.info.limit, Bytes(bytes))?;
    }
    let held = detail(pid)?.info.memory.0;
    for (action, reason) in [
        (limit(pid, Some(held - 4096), None), Reason::OverQuota),
        (limit(pid, None, Some(0)), Reason::OverQuota),
        (limit(pid, Some(1 << 40), None), Reason::WouldExhaustMemory),
        (grant(pid, u64::MAX), Reason::WouldExhaustMemory),
        (grant(pid, 0), Reason::Malformed),
        (limit(pid, None, None), Reason::Malformed),
        (limit(pid, Some(1 << 20), Some(2000)), Reason::Malformed),
    ] {
        refused(action, reason)?;
    }
    same("limit", detail(pid)?.info.limit, Bytes(4 << 20))?;
    kill(pid)
}

fn init_keeps_what_it_has() -> Check {
    let before = detail(INIT)?.info;
    refused(
        priority(INIT, Some(Priority::Idle), None),
        Reason::Protected,
    )?;
    refused(limit(INIT, None, Some(500)), Reason::Protected)?;
    let after = detail(INIT)?.info;
    same("priority", after.priority, before.priority)?;
    same("limit", after.limit, before.limit)
}
