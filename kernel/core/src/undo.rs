//! What was changed, by whom, and how it would be taken back.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use proviso_abi::{Percent, Pid, Text};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::view::{Change, Operation, Principal};

/// The most changes that are remembered of one principal.
pub const MAX_OWN: usize = 16;
/// The most changes that are remembered in all.
pub const MAX_CHANGES: usize = 64;
/// The most processes or pairs in the inverse of one change; with more it is
/// remembered as one that cannot be taken back, so that 64 of them stay small.
const MAX_ITEMS: usize = 128;

/// The changes of all principals, oldest first.
#[derive(Debug, Default)]
pub struct History {
    changes: VecDeque<(Principal, Change)>,
    last: u64,
}

impl History {
    /// Remembers a change; the oldest make room.
    pub fn add(&mut self, principal: Principal, what: Text<120>, inverse: Inverse) {
        let own = self.changes.iter().filter(|(of, _)| *of == principal);
        if own.count() >= MAX_OWN {
            let oldest = self.changes.iter().position(|(of, _)| *of == principal);
            oldest.map(|place| self.changes.remove(place));
        }
        if self.changes.len() >= MAX_CHANGES {
            self.make_room();
        }
        self.last = self.last.saturating_add(1);
        let change = Change {
            number: self.last,
            what,
            inverse: inverse.operations,
            lost: inverse.lost.map(Text::cut),
        };
        self.changes.push_back((principal, change));
    }

    /// Drops the oldest change of whoever has most, the operator last: a crowd
    /// of processes must not make them forget theirs.
    fn make_room(&mut self) {
        let count = |of: Principal| self.changes.iter().filter(|(one, _)| *one == of).count();
        let rank = |of: Principal| (of != Principal::Operator, count(of));
        let most = self.changes.iter().map(|(of, _)| rank(*of)).max();
        let oldest = self
            .changes
            .iter()
            .position(|(of, _)| Some(rank(*of)) == most);
        oldest.map(|place| self.changes.remove(place));
    }

    /// A principal's changes, the newest first.
    #[must_use]
    pub fn of(&self, principal: Principal) -> Vec<Change> {
        let own = self.changes.iter().rev().filter(|(of, _)| *of == principal);
        own.map(|(_, change)| change.clone()).collect()
    }

    /// What would take changes back, all of them.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.changes.iter().flat_map(|(_, change)| &change.inverse)
    }

    /// Forgets a change, because it was taken back.
    pub fn forget(&mut self, number: u64) {
        self.changes.retain(|(_, change)| change.number != number);
    }
}

/// How a plan would be taken back.
#[derive(Debug, Default)]
pub struct Inverse {
    operations: Vec<Operation>,
    lost: Option<&'static str>,
    items: usize,
    is_change: bool,
}

impl Inverse {
    /// Whether the plan changed anything.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        self.is_change
    }

    /// Later operations are taken back first.
    fn push(&mut self, operation: Operation, items: usize) {
        self.is_change = true;
        self.items = self.items.saturating_add(items);
        if self.items > MAX_ITEMS {
            self.lost(Some("it changed more at once than is remembered"));
        } else if items > 0 && !self.operations.contains(&operation) {
            self.operations.insert(0, operation);
        }
    }

    /// What was done cannot be taken back.
    fn lost(&mut self, why: Option<&'static str>) {
        self.is_change = true;
        self.lost = self.lost.or(why);
        self.operations.clear();
    }
}

/// Why an operation cannot be taken back, said before it is done and after.
#[must_use]
pub const fn why_lost(operation: &Operation) -> Option<&'static str> {
    match operation {
        Operation::Kill(_) => Some("what a killed process had in memory is gone"),
        Operation::Restart(_) => Some("what a restarted process had in memory is gone"),
        Operation::Forget(_) => Some("only the agent knew which facts that were"),
        Operation::Send { .. } => Some("a message cannot be called back"),
        Operation::Shutdown(_) => Some("the machine is down"),
        _ => None,
    }
}

impl<M: Machine> Kernel<M> {
    /// Adds to `inverse` what takes an operation back. Call before it is done;
    /// `born` are the processes that it starts.
    pub(crate) fn note_inverse(&self, operation: &Operation, born: &[Pid], inverse: &mut Inverse) {
        let old = |pid: &Pid| self.table.get(*pid);
        match operation {
            Operation::Spawn { .. } => inverse.push(Operation::Kill(born.to_vec()), born.len()),
            Operation::Suspend(pids) => inverse.push(Operation::Resume(pids.clone()), pids.len()),
            Operation::Resume(pids) => inverse.push(Operation::Suspend(pids.clone()), pids.len()),
            Operation::SetPriority(list) => {
                let list: Vec<_> = list
                    .iter()
                    .filter_map(|(pid, _)| Some((*pid, old(pid)?.priority)))
                    .collect();
                let items = list.len();
                inverse.push(Operation::SetPriority(list), items);
            }
            Operation::SetLimit(list) | Operation::Reclaim(list) => {
                let list: Vec<_> = list
                    .iter()
                    .filter_map(|(pid, _)| Some((*pid, old(pid)?.limit)))
                    .collect();
                let items = list.len();
                inverse.push(Operation::SetLimit(list), items);
            }
            Operation::SetCpuLimit(list) => {
                // 100 percent are no cap.
                let cap = |pid: &Pid| old(pid)?.cpu_cap.percent().or(Percent::new(100));
                let list: Vec<_> = list
                    .iter()
                    .filter_map(|(pid, _)| Some((*pid, cap(pid)?)))
                    .collect();
                let items = list.len();
                inverse.push(Operation::SetCpuLimit(list), items);
            }
            Operation::SetScheduler { .. } => {
                let before = Operation::SetScheduler {
                    policy: self.scheduler.policy(),
                    quantum_ms: Some(self.quantum_ms()),
                };
                inverse.push(before, 1);
            }
            Operation::Connect(pairs) => {
                let cut = |pair: &&(Pid, Pid)| !self.relations.may_call(pair.0, pair.1);
                let pairs: Vec<_> = pairs.iter().filter(cut).copied().collect();
                let items = pairs.len();
                inverse.push(Operation::Disconnect(pairs), items);
            }
            Operation::Disconnect(pairs) => {
                let open = |pair: &&(Pid, Pid)| self.relations.may_call(pair.0, pair.1);
                let pairs: Vec<_> = pairs.iter().filter(open).copied().collect();
                let items = pairs.len();
                inverse.push(Operation::Connect(pairs), items);
            }
            Operation::SetRule(_) => inverse.push(Operation::ClearRule(self.rules.next_id()), 1),
            Operation::ClearRule(id) => {
                if let Some(rule) = self.rules.get(*id) {
                    inverse.push(Operation::SetRule(rule.clone()), 1);
                }
            }
            // One for all files of the plan.
            Operation::WriteFile(..) | Operation::DeleteFile(_) => {
                inverse.push(self.files.inverse(), 1);
            }
            Operation::Remember(fact) => inverse.push(Operation::Forget(fact.clone()), 1),
            other => {
                if let Some(why) = why_lost(other) {
                    inverse.lost(Some(why));
                }
            }
        }
    }
}
