//! Authority: who may do what to whom, and what nobody may do to init.

use core::fmt;

use proviso_abi::INIT;
use proviso_abi::action::{ActionKind, Class};
use proviso_abi::outcome::Reason::{NotPermitted, OverQuota, Protected, Stale};
use proviso_abi::value::{Bytes, Percent, Pid};
use proviso_abi::words::{ListWhat, Priority};

use super::ledger::{Row, is_alive};
use super::words::{Judged, refuse};
use crate::kernel::{INIT_LIMIT, INIT_PRIORITY};
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

/// What a principal may do at all; to whom is [`check_whom`]'s business.
///
/// The operator may do everything. A user may do what is theirs to do with
/// processes of their own. A process may look, send, and change itself alone:
/// nothing that it could not do, or leave, by itself.
pub fn check_kind(kind: ActionKind, principal: Principal) -> Judged<()> {
    let is_allowed = match principal {
        Principal::Operator => true,
        Principal::User(_) => kind.class() != Class::Admin && kind != ActionKind::Shutdown,
        Principal::Process(_) => {
            kind.class() != Class::Admin
                && !matches!(
                    kind,
                    ActionKind::Spawn
                        | ActionKind::Scale
                        | ActionKind::Connect
                        | ActionKind::Remember
                        | ActionKind::Forget
                        | ActionKind::WriteFile
                        | ActionKind::DeleteFile
                        | ActionKind::Shutdown
                )
        }
    };
    if is_allowed {
        return Ok(());
    }
    let who = Who(principal);
    refuse(
        NotPermitted,
        format_args!("{who} may not {kind}; only the operator at the console may"),
    )
}

/// Lists that show what others asked for are the operator's.
pub fn check_list(what: ListWhat, principal: Principal) -> Judged<()> {
    if what != ListWhat::Audit || principal == Principal::Operator {
        return Ok(());
    }
    let who = Who(principal);
    refuse(
        NotPermitted,
        format_args!(
            "{who} may not list the audit record; search where history shows what it asked for itself"
        ),
    )
}

/// The processes that `kind` is to change or destroy are the principal's.
pub fn check_whom<'r>(
    kind: ActionKind,
    principal: Principal,
    rows: impl IntoIterator<Item = &'r Row<'r>>,
) -> Judged<()> {
    let mut rows = rows.into_iter();
    if kind.class() == Class::Observe {
        return Ok(());
    }
    match principal {
        Principal::Operator => Ok(()),
        Principal::User(user) => match rows.find(|row| row.owner != user) {
            None => Ok(()),
            Some(other) => refuse(
                NotPermitted,
                format_args!(
                    "you may {kind} only processes of your own, not {} {}; ask the operator",
                    other.name, other.pid
                ),
            ),
        },
        Principal::Process(_) if kind == ActionKind::Send => Ok(()),
        Principal::Process(own) => match rows.find(|row| row.pid != own) {
            None => Ok(()),
            Some(other) => refuse(
                NotPermitted,
                format_args!(
                    "process {own} may {kind} only itself, not process {}; name it by its number, {own}",
                    other.pid
                ),
            ),
        },
    }
}

/// A principal at the beginning of a sentence.
struct Who(Principal);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Principal::Operator => f.write_str("the operator"),
            Principal::User(_) => f.write_str("an ordinary user"),
            Principal::Process(pid) => write!(f, "process {pid}"),
        }
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

/// Nobody lowers init, and nobody but the operator raises anything above what
/// programs get anyway: else one sentence could starve the console.
pub fn check_priority(principal: Principal, row: &Row<'_>, priority: Priority) -> Judged<()> {
    // What it got beyond what it began with can be taken back.
    let least = row.priority.min(INIT_PRIORITY);
    if row.pid == INIT && priority < least {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps its {least} priority; {priority} would be lower"
            ),
        );
    }
    if principal != Principal::Operator && priority > row.priority.max(Priority::Normal) {
        let most = row.priority.max(Priority::Normal);
        return match principal {
            Principal::Process(pid) => refuse(
                NotPermitted,
                format_args!(
                    "process {pid} may not raise itself to {priority} priority; only the operator may go above normal; {most} would be allowed"
                ),
            ),
            _ => refuse(
                NotPermitted,
                format_args!(
                    "only the operator may give {priority} priority; {most} would be allowed"
                ),
            ),
        };
    }
    Ok(())
}

/// Nobody but the operator starts anything above what programs get anyway.
pub fn check_start(principal: Principal, priority: Priority) -> Judged<()> {
    if principal != Principal::Operator && priority > Priority::Normal {
        return refuse(
            NotPermitted,
            format_args!(
                "only the operator may start something at {priority} priority; normal would be allowed"
            ),
        );
    }
    Ok(())
}

/// Nobody lowers init's limit, and a process raises its own only so far.
pub fn check_limit(principal: Principal, row: &Row<'_>, limit: Bytes) -> Judged<()> {
    let least = row.limit.min(INIT_LIMIT);
    if row.pid == INIT && limit < least {
        return refuse(
            Protected,
            format_args!(
                "init (process {INIT}) keeps its memory limit of {least}; {limit} would be lower"
            ),
        );
    }
    if matches!(principal, Principal::Process(_)) && limit > row.limit.max(OWN_LIMIT) {
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
