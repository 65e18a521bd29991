//! Actions with amounts: starts, priorities, memory limits, messages.

use alloc::vec::Vec;

use proviso_abi::action::ActionKind;
use proviso_abi::layout::DEFAULT_LIMIT;
use proviso_abi::outcome::Effect;
use proviso_abi::outcome::Reason::{
    NoSuchProgram, NotPermitted, OverQuota, TooMany, WouldExhaustMemory,
};
use proviso_abi::value::{Argument, Bytes, Message, Name, Percent, Pid};
use proviso_abi::words::Priority;
use proviso_abi::{INIT, Text};

use super::ledger::Row;
use super::whom::Need;
use super::words::{Judged, ROOM_FOR_LIST, closest, listed, refuse};
use super::{Judge, authority};
use crate::select::is_same_name;
use crate::view::{Operation, Principal, ProgramView, View};

/// What `reclaim` leaves a process above what it holds: room for a few small
/// allocations, so that taking back what is unused does not end it at once.
const RECLAIM_MARGIN: Bytes = Bytes(64 << 10);

/// What a `spawn` asks for.
pub struct Start<'a> {
    pub program: &'a str,
    pub args: &'a [Argument],
    pub count: u32,
    pub priority: Option<Priority>,
    pub memory_limit: Option<Bytes>,
}

impl Judge<'_> {
    /// Starts processes of a program.
    pub(super) fn spawn(&mut self, start: Start<'_>) -> Judged<Operation> {
        let ProgramView {
            name: program,
            footprint,
        } = find_program(self.view, start.program)?;
        let memory_limit = match start.memory_limit {
            None => Bytes(DEFAULT_LIMIT).max(*footprint),
            Some(limit) => {
                check_start_limit(program, *footprint, limit, self.view.memory_total)?;
                limit
            }
        };
        let priority = start.priority.unwrap_or(Priority::Normal);
        authority::check_start(self.principal, priority)?;
        self.ledger.take(program, start.count, *footprint)?;
        let limits = Bytes(memory_limit.0.saturating_mul(start.count.into()));
        self.ledger.charge(start.count, limits)?;
        Ok(Operation::Spawn {
            program: program.clone(),
            args: start.args.to_vec(),
            count: start.count,
            priority,
            memory_limit,
        })
    }

    /// Sets a priority, or without one goes by `step`.
    pub(super) fn set_priority(
        &mut self,
        rows: &[usize],
        priority: Option<Priority>,
        step: i8,
    ) -> Judged<Operation> {
        let mut changes: Vec<(Pid, Priority)> = Vec::with_capacity(rows.len());
        for index in rows {
            let Some(row) = self.ledger.rows.get_mut(*index) else {
                continue;
            };
            let priority = priority.unwrap_or_else(|| row.priority.stepped(step));
            authority::check_priority(self.principal, row, priority)?;
            row.priority = priority;
            changes.push((row.pid, priority));
        }
        Ok(Operation::SetPriority(changes))
    }

    /// Caps shares of the processor.
    pub(super) fn set_cpu_limit(&mut self, rows: &[usize], percent: Percent) -> Judged<Operation> {
        let mut changes: Vec<(Pid, Percent)> = Vec::with_capacity(rows.len());
        for index in rows {
            let Some(row) = self.ledger.rows.get_mut(*index) else {
                continue;
            };
            authority::check_cpu_limit(self.principal, row, percent)?;
            row.cpu_limit = Some(percent);
            changes.push((row.pid, percent));
        }
        Ok(Operation::SetCpuLimit(changes))
    }

    /// Sets limits to what `next` makes of the present ones; nothing is too
    /// much to count.
    pub(super) fn set_limit(
        &mut self,
        rows: &[usize],
        next: impl Fn(Bytes) -> Option<Bytes>,
    ) -> Judged<Operation> {
        let mut changes: Vec<(Pid, Bytes)> = Vec::with_capacity(rows.len());
        for index in rows {
            let Some(row) = self.ledger.rows.get_mut(*index) else {
                continue;
            };
            let old = row.limit;
            let new = check_limit(self.principal, row, next(old), self.view.memory_total)?;
            row.limit = new;
            changes.push((row.pid, new));
            self.ledger.refund(0, old);
            self.ledger.charge(0, new)?;
        }
        Ok(Operation::SetLimit(changes))
    }

    /// Lowers limits to what is in use, with a little to breathe.
    pub(super) fn reclaim(&mut self, rows: &[usize]) -> Judged<Operation> {
        let mut changes: Vec<(Pid, Bytes)> = Vec::with_capacity(rows.len());
        for index in rows {
            let Some(row) = self.ledger.rows.get_mut(*index) else {
                continue;
            };
            let used = Bytes(row.memory.0.saturating_add(RECLAIM_MARGIN.0)).max(row.footprint);
            if row.pid == INIT || used >= row.limit {
                continue;
            }
            let old = row.limit;
            row.limit = used;
            changes.push((row.pid, used));
            self.ledger.refund(0, old);
            self.ledger.charge(0, used)?;
        }
        if changes.is_empty() {
            let why = "they use what they may have, but for a small margin";
            return Ok(Operation::Say(Effect::Unchanged(Text::cut(why))));
        }
        Ok(Operation::Reclaim(changes))
    }

    /// Starts processes of a program, or ends the youngest, until so many run.
    /// A user's processes alone count for a user.
    pub(super) fn scale(&mut self, program: &str, count: u32) -> Judged<Operation> {
        let name = find_program(self.view, program)?.name.clone();
        let is_counted = |row: &Row<'_>| match self.principal {
            Principal::User(user) => row.owner == user,
            _ => true,
        };
        let mut running: Vec<(u64, Pid)> = self
            .ledger
            .rows
            .iter()
            .filter(|row| row.is_alive() && is_same_name(row.name, &name) && is_counted(row))
            .map(|row| (row.started_ns, row.pid))
            .collect();
        // The youngest first; of equals, the one with the higher number.
        running.sort_unstable_by(|a, b| b.cmp(a));
        let there = u32::try_from(running.len()).unwrap_or(u32::MAX);
        if let Some(more) = count.checked_sub(there).filter(|more| *more > 0) {
            return self.spawn(Start {
                program,
                args: &[],
                count: more,
                priority: None,
                memory_limit: None,
            });
        }
        let less = there.saturating_sub(count) as usize;
        if less == 0 {
            let text = Text::format(format_args!("{count} {name} run already"));
            return Ok(Operation::Say(Effect::Unchanged(text)));
        }
        let pids: Vec<Pid> = running.iter().take(less).map(|(_, pid)| *pid).collect();
        let rows = self.rows_of(ActionKind::Kill, &pids, Need::Living)?;
        rows.iter().try_for_each(|row| self.ledger.kill(*row))?;
        Ok(Operation::Kill(self.pids(&rows)))
    }

    /// Sends a message to those that have room for it, if any has.
    pub(super) fn send(&mut self, rows: &[usize], message: &Message) -> Judged<Operation> {
        let mut to = Vec::with_capacity(rows.len());
        let mut full = Vec::new();
        for index in rows {
            let Some(row) = self.ledger.rows.get_mut(*index) else {
                continue;
            };
            if self.view.closed.contains(&row.pid) {
                return refuse(
                    NotPermitted,
                    format_args!(
                        "{} {} was disconnected from the one who asks; connect them first",
                        row.name, row.pid
                    ),
                );
            }
            match row.mailbox_free.checked_sub(1) {
                Some(left) => {
                    row.mailbox_free = left;
                    to.push(row.pid);
                }
                None => full.push(alloc::format!("{} {}", row.name, row.pid)),
            }
        }
        if to.is_empty() {
            let full = listed(full, ROOM_FOR_LIST);
            return refuse(
                TooMany,
                format_args!("no room for another message to {full}; send it later"),
            );
        }
        Ok(Operation::Send {
            to,
            message: message.clone(),
        })
    }
}

fn find_program<'a>(view: &'a View, wanted: &str) -> Judged<&'a ProgramView> {
    let wanted = wanted.trim();
    let found = view
        .programs
        .iter()
        .find(|program| is_same_name(&program.name, wanted));
    found.map_or_else(
        || {
            let names = view.programs.iter().map(|program| &*program.name);
            let there = listed(closest(wanted, names), ROOM_FOR_LIST);
            refuse(
                NoSuchProgram,
                format_args!("no program \"{wanted}\"; there are {there}"),
            )
        },
        Ok,
    )
}

fn check_start_limit(program: &Name, footprint: Bytes, limit: Bytes, total: Bytes) -> Judged<()> {
    if limit < footprint {
        return refuse(
            OverQuota,
            format_args!(
                "a limit of {limit} is too low for {program}, whose start takes {footprint}; allow more"
            ),
        );
    }
    if limit > total {
        return refuse(
            WouldExhaustMemory,
            format_args!(
                "a limit of {limit} is more than the {total} that the machine has for processes"
            ),
        );
    }
    Ok(())
}

fn check_limit(
    principal: Principal,
    row: &Row<'_>,
    limit: Option<Bytes>,
    total: Bytes,
) -> Judged<Bytes> {
    let Row {
        pid,
        name,
        memory,
        footprint,
        ..
    } = row;
    let Some(limit) = limit else {
        return refuse(
            WouldExhaustMemory,
            format_args!(
                "that limit for {name} {pid} is more than can be counted; the machine has {total} for processes"
            ),
        );
    };
    authority::check_limit(principal, row, limit)?;
    if limit > total {
        return refuse(
            WouldExhaustMemory,
            format_args!(
                "a limit of {limit} for {name} {pid} is more than the {total} that the machine has for processes"
            ),
        );
    }
    if limit < *memory {
        return refuse(
            OverQuota,
            format_args!(
                "{name} {pid} holds {memory} now, so its limit cannot be {limit}; choose more, or restart it first"
            ),
        );
    }
    if limit < *footprint {
        return refuse(
            OverQuota,
            format_args!(
                "a start of {name} {pid} takes {footprint}, so its limit cannot be {limit}; choose more"
            ),
        );
    }
    Ok(limit)
}
