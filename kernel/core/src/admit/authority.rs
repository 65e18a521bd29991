//! Authority: who may do what to whom, and what nobody may do to init.

use proviso_abi::INIT;
use proviso_abi::action::{ActionKind, Class};
use proviso_abi::outcome::Reason::{NotPermitted, OverQuota, Protected, Stale};
use proviso_abi::value::{Bytes, Percent, Pid};
use proviso_abi::words::Priority;

use super::ledger::{Row, is_alive};
use super::words::{Judged, refuse};
use crate::view::{Principal, View};

/// The most memory that a process can let itself have.
pub const OWN_LIMIT: Bytes = Bytes(8 << 20);

/// A process that asked must still be there to have authority.
pub fn check_principal(principal: Principal, view: &View) -> Judged<()> {
    let Principal::Process(pid) = principal else {
        return Ok(());
    };
    let is_there = |process: &&crate::view::ProcessView| {
        process.info.pid == pid && is_alive(process.info.state)
    };
    if view.processes.iter().find(is_there).is_none() {
        return refuse(
            Stale,
            format_args!("process {pid}, which asked for this, is gone; nothing was done"),
        );
    }
    Ok(())
}

/// A process may look and send; whatever else it may do, it may do to itself
/// alone. The operator may do everything.
pub fn check_kind(kind: ActionKind, principal: Principal) -> Judged<()> {
    let Principal::Process(pid) = principal else {
        return Ok(());
    };
    let is_allowed = match kind {
        ActionKind::Spawn | ActionKind::Shutdown => false,
        kind => kind.class() != Class::Admin,
    };
    if !is_allowed {
        return refuse(
            NotPermitted,
            format_args!("process {pid} may not {kind}; only the operator at the console may"),
        );
    }
    Ok(())
}

/// The processes that `kind` is to change or destroy are the principal's.
pub fn check_whom(kind: ActionKind, principal: Principal, pids: &[Pid]) -> Judged<()> {
    let Principal::Process(own) = principal else {
        return Ok(());
    };
    if kind == ActionKind::Send || kind.class() == Class::Observe {
        return Ok(());
    }
    match pids.iter().find(|pid| **pid != own) {
        None => Ok(()),
        Some(other) => refuse(
            NotPermitted,
            format_args!(
                "process {own} may {kind} only itself, not process {other}; name it by its number, {own}"
            ),
        ),
    }
}

/// Nothing ends, stops or restarts init.
pub fn check_init(kind: ActionKind, pids: &[Pid]) -> Judged<()> {
    let ends = matches!(
        kind,
        ActionKind::Kill | ActionKind::Suspend | ActionKind::Restart
    );
    if ends && pids.contains(&INIT) {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps the system running, so no plan may {kind} it; leave it out"
            ),
        );
    }
    Ok(())
}

/// Nobody lowers init, and no process raises itself above what programs get
/// anyway: else one sentence could starve the console.
pub fn check_priority(principal: Principal, row: &Row<'_>, priority: Priority) -> Judged<()> {
    if row.pid == INIT && priority < row.priority {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps its {} priority; {priority} would be lower",
                row.priority
            ),
        );
    }
    if principal != Principal::Operator && priority > row.priority.max(Priority::Normal) {
        return refuse(
            NotPermitted,
            format_args!(
                "process {} may not raise itself to {priority} priority; only the operator may go above normal",
                row.pid
            ),
        );
    }
    Ok(())
}

/// Nobody lowers init's limit, and a process raises its own only so far.
pub fn check_limit(principal: Principal, row: &Row<'_>, limit: Bytes) -> Judged<()> {
    if row.pid == INIT && limit < row.limit {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps its memory limit of {}; {limit} would be lower",
                row.limit
            ),
        );
    }
    if principal != Principal::Operator && limit > row.limit.max(OWN_LIMIT) {
        return refuse(
            OverQuota,
            format_args!(
                "process {} may raise its own memory limit to {OWN_LIMIT} at most, not {limit}; it has {} now",
                row.pid, row.limit
            ),
        );
    }
    Ok(())
}

/// Nobody caps init, and no process lets itself have more than it was given.
pub fn check_cpu_limit(principal: Principal, row: &Row<'_>, percent: Percent) -> Judged<()> {
    let present = row.cpu_limit.map_or(100, Percent::get);
    let percent = percent.get();
    if row.pid == INIT && percent < 100 {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps the system running, so its share of the processor is not capped; leave it out"
            ),
        );
    }
    if principal != Principal::Operator && percent > present {
        return refuse(
            OverQuota,
            format_args!(
                "process {} may use {present}% of the processor and cannot raise that to {percent}% itself; the operator can",
                row.pid
            ),
        );
    }
    Ok(())
}
