//! The dry run: what the system would be like after the actions so far.

use alloc::vec::Vec;

use proviso_abi::outcome::Reason::{OverQuota, TooMany, WouldExhaustMemory};
use proviso_abi::value::{Bytes, Name, Percent, Pid};
use proviso_abi::words::{Priority, State};

use super::words::{Judged, refuse};
use crate::view::{ProcessView, Quota, UserId, View};

/// Whether a process in this state still runs or can.
#[must_use]
pub const fn is_alive(state: State) -> bool {
    !matches!(state, State::Crashed | State::Exited)
}

/// One process in the dry run.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its number.
    pub pid: Pid,
    /// Its name.
    pub name: &'a Name,
    /// What it would be doing; nothing once an action has ended it.
    pub state: Option<State>,
    /// Its priority.
    pub priority: Priority,
    /// The most it may hold.
    pub limit: Bytes,
    /// What it holds. The dead hold nothing.
    pub memory: Bytes,
    /// What a fresh start of it takes.
    pub footprint: Bytes,
    /// How many more messages it can be sent.
    pub mailbox_free: u32,
    /// The most of the processor that it may have, if there is a cap.
    pub cpu_limit: Option<Percent>,
    /// Whose it is.
    pub owner: UserId,
    /// When it was last started.
    pub started_ns: u64,
}

impl Row<'_> {
    /// Whether it would still run.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.state.is_some_and(is_alive)
    }
}

/// Memory, places and processes as the actions so far would leave them.
#[derive(Debug, Clone)]
pub struct Ledger<'a> {
    /// Processes, in the order of the view.
    pub rows: Vec<Row<'a>>,
    /// Free memory above the reserve.
    pub memory_free: Bytes,
    /// Free places for living processes. A dead one's record takes none: the
    /// kernel drops old records by itself.
    pub slots_free: u32,
    /// What the principal may still take, if it has a quota.
    pub quota: Option<Quota>,
    /// What it holds beyond its quota.
    pub overdrawn: Quota,
    /// Room for rules.
    pub rule_slots: u32,
    /// Room for disconnections.
    pub cut_slots: u32,
    /// Rules that are there.
    pub rules: Vec<u32>,
}

impl<'a> Ledger<'a> {
    /// The system as it is.
    #[must_use]
    pub fn of(view: &'a View) -> Self {
        Self {
            rows: view.processes.iter().map(row).collect(),
            memory_free: view.memory_free,
            slots_free: view.process_slots,
            quota: view.quota,
            overdrawn: view.overdrawn,
            rule_slots: view.rule_slots,
            cut_slots: view.cut_slots,
            rules: view.rules.clone(),
        }
    }

    /// The row of a process, and its place.
    #[must_use]
    pub fn find(&self, pid: Pid) -> Option<(usize, &Row<'a>)> {
        let place = self.rows.binary_search_by_key(&pid, |row| row.pid).ok()?;
        self.rows.get(place).map(|row| (place, row))
    }

    /// Suspends or resumes a process.
    pub fn set_state(&mut self, index: usize, state: State) -> Judged<()> {
        if let Some(row) = self.rows.get_mut(index) {
            row.state = Some(state);
        }
        Ok(())
    }

    /// Ends a process; of a dead one only the record goes.
    pub fn kill(&mut self, index: usize) -> Judged<()> {
        self.release(index);
        if let Some(row) = self.rows.get_mut(index) {
            row.state = None;
        }
        Ok(())
    }

    /// Ends a process, if it lives, and starts it anew.
    pub fn restart(&mut self, index: usize) -> Judged<()> {
        self.release(index);
        let Some(Row {
            pid,
            name,
            footprint,
            limit,
            ..
        }) = self.rows.get(index).copied()
        else {
            return Ok(());
        };
        if footprint > limit {
            return refuse(
                OverQuota,
                format_args!(
                    "a start of {name} {pid} takes {footprint}, over its limit of {limit}; raise the limit first"
                ),
            );
        }
        self.take(name, 1, footprint)?;
        self.charge(1, limit)?;
        if let Some(row) = self.rows.get_mut(index) {
            row.state = Some(State::Ready);
            row.memory = footprint;
        }
        Ok(())
    }

    /// Takes what `count` starts of a program need, or nothing.
    pub fn take(&mut self, program: &Name, count: u32, footprint: Bytes) -> Judged<()> {
        if count > self.slots_free {
            return refuse(
                TooMany,
                format_args!(
                    "starting {count} {program} needs {count} free places for processes and there are {}; end some first",
                    self.slots_free
                ),
            );
        }
        let free = self.memory_free;
        let left = footprint
            .0
            .checked_mul(count.into())
            .and_then(|need| free.0.checked_sub(need));
        let Some(left) = left else {
            let need = Bytes(footprint.0.saturating_mul(count.into()));
            // The footprint is not 0, or nothing would be left only if free was.
            let fit = free.0.checked_div(footprint.0).unwrap_or_default();
            return refuse(
                WouldExhaustMemory,
                format_args!(
                    "starting {count} {program} takes {need} and {free} is free to give; {fit} would fit, or end something first"
                ),
            );
        };
        self.memory_free = Bytes(left);
        self.slots_free -= count;
        Ok(())
    }

    /// Takes living processes and the sum of their limits from the quota, if
    /// the principal has one.
    pub fn charge(&mut self, processes: u32, memory: Bytes) -> Judged<()> {
        let Some(quota) = self.quota.as_mut() else {
            return Ok(());
        };
        let Some(left) = quota.processes.checked_sub(processes) else {
            return refuse(
                OverQuota,
                format_args!(
                    "your quota has room for {} more processes, not {processes}; end some of yours first",
                    quota.processes
                ),
            );
        };
        let Some(memory_left) = quota.memory.0.checked_sub(memory.0) else {
            return refuse(
                OverQuota,
                format_args!(
                    "your quota has {} of memory limits left, not {memory}; up to {} would be allowed",
                    quota.memory, quota.memory
                ),
            );
        };
        quota.processes = left;
        quota.memory = Bytes(memory_left);
        Ok(())
    }

    /// Gives back to the quota what [`Ledger::charge`] took, after what is held
    /// beyond it.
    pub fn refund(&mut self, processes: u32, memory: Bytes) {
        let over = self.overdrawn;
        self.overdrawn = Quota {
            processes: over.processes.saturating_sub(processes),
            memory: Bytes(over.memory.0.saturating_sub(memory.0)),
        };
        let processes = processes.saturating_sub(over.processes);
        let memory = memory.0.saturating_sub(over.memory.0);
        if let Some(quota) = self.quota.as_mut() {
            quota.processes = quota.processes.saturating_add(processes);
            quota.memory = Bytes(quota.memory.0.saturating_add(memory));
        }
    }

    /// Gives back what a process holds, if it lives. Whoever has a quota ends
    /// processes of their own alone, so the quota gets its part.
    fn release(&mut self, index: usize) {
        let Some(row) = self.rows.get(index).filter(|row| row.is_alive()).copied() else {
            return;
        };
        self.memory_free = Bytes(self.memory_free.0.saturating_add(row.memory.0));
        self.slots_free = self.slots_free.saturating_add(1);
        self.refund(1, row.limit);
    }
}

fn row(process: &ProcessView) -> Row<'_> {
    let ProcessView {
        info,
        footprint,
        mailbox_free,
        cpu_limit,
        owner,
        started_ns,
    } = process;
    Row {
        pid: info.pid,
        name: &info.name,
        state: Some(info.state),
        priority: info.priority,
        limit: info.limit,
        memory: if is_alive(info.state) {
            info.memory
        } else {
            Bytes(0)
        },
        footprint: *footprint,
        mailbox_free: *mailbox_free,
        cpu_limit: *cpu_limit,
        owner: *owner,
        started_ns: *started_ns,
    }
}
