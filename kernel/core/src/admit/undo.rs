//! Taking changes back: judged like any other change, on what is left.

use alloc::vec::Vec;

use proviso_abi::action::{Action, ActionKind};
use proviso_abi::outcome::Reason::{Malformed, NotUndoable, TooMany};
use proviso_abi::value::{Bytes, Pid};
use proviso_abi::words::State;

use super::ledger::Ledger;
use super::whom::Need;
use super::words::{Judged, refuse};
use super::{Judge, authority};
use crate::view::{Change, Operation};

/// A plan that takes changes back does nothing else but look and talk: what
/// the rest of it changes would be a change that the history does not know yet.
pub fn check_alone(actions: &[Action]) -> Judged<()> {
    use proviso_abi::action::Class::{None, Observe};
    let undoes = |action: &&Action| matches!(action, Action::Undo { .. });
    let count = actions.iter().filter(undoes).count();
    let is_alone = count == 1
        && actions
            .iter()
            .filter(|action| !undoes(action))
            .all(|action| matches!(action.kind().class(), None | Observe));
    if count > 0 && !is_alone {
        return refuse(
            Malformed,
            format_args!("undo stands alone: make the other changes in a plan of their own"),
        );
    }
    Ok(())
}

impl<'a> Judge<'a> {
    /// Takes back the last changes of the principal's own, all of them or none.
    pub(super) fn undo(&mut self, count: u32) -> Judged<Operation> {
        let count = count as usize;
        let there = self.view.history.len();
        if there == 0 {
            return refuse(
                NotUndoable,
                format_args!("there is no change of yours to take back"),
            );
        }
        if count > there {
            return refuse(
                TooMany,
                format_args!("{there} of your changes are remembered, so undo {there} at most"),
            );
        }
        let mut taken = Vec::new();
        let mut live = 0;
        for change in &self.view.history {
            if live == count {
                break;
            }
            if let Some(why) = &change.lost {
                return refuse(
                    NotUndoable,
                    format_args!("\"{}\" cannot be taken back: {why}", change.what),
                );
            }
            let inverse = self.inverses(change)?;
            live += usize::from(!inverse.is_empty());
            taken.push(Change {
                inverse,
                ..change.clone()
            });
        }
        match (live, taken.first()) {
            (0, Some(newest)) => refuse(
                NotUndoable,
                format_args!("\"{}\": nothing of it is left to take back", newest.what),
            ),
            _ if live < count => refuse(
                TooMany,
                format_args!("of your changes {live} can still be taken back; undo {live} at most"),
            ),
            _ => Ok(Operation::Undo(taken)),
        }
    }

    /// What of a change's inverse still makes sense. One of which nothing does
    /// is forgotten with those that are taken back, and does not count.
    fn inverses(&mut self, change: &Change) -> Judged<Vec<Operation>> {
        let mut left = Vec::with_capacity(change.inverse.len());
        for operation in &change.inverse {
            left.extend(self.inverse(operation)?);
        }
        Ok(left)
    }

    fn inverse(&mut self, operation: &Operation) -> Judged<Option<Operation>> {
        match operation {
            Operation::Kill(pids) => {
                let done = self.still(ActionKind::Kill, pids, Need::Record, Ledger::kill)?;
                Ok(done.map(Operation::Kill))
            }
            Operation::Suspend(pids) => {
                let suspend =
                    |ledger: &mut Ledger<'a>, row| ledger.set_state(row, State::Suspended);
                let done = self.still(ActionKind::Suspend, pids, Need::Going, suspend)?;
                Ok(done.map(Operation::Suspend))
            }
            Operation::Resume(pids) => {
                let resume = |ledger: &mut Ledger<'a>, row| ledger.set_state(row, State::Ready);
                let done = self.still(ActionKind::Resume, pids, Need::Suspended, resume)?;
                Ok(done.map(Operation::Resume))
            }
            Operation::SetPriority(list) => {
                let mut all = Vec::new();
                for (pid, priority) in list {
                    if let Some(rows) = self.rows_left(ActionKind::SetPriority, *pid)?
                        && let Operation::SetPriority(one) =
                            self.set_priority(&rows, Some(*priority), 0)?
                    {
                        all.extend(one);
                    }
                }
                Ok((!all.is_empty()).then_some(Operation::SetPriority(all)))
            }
            Operation::SetLimit(list) => {
                let mut all: Vec<(Pid, Bytes)> = Vec::new();
                for (pid, limit) in list {
                    if let Some(rows) = self.rows_left(ActionKind::SetMemoryLimit, *pid)?
                        && let Operation::SetLimit(one) = self.set_limit(&rows, |_| Some(*limit))?
                    {
                        all.extend(one);
                    }
                }
                Ok((!all.is_empty()).then_some(Operation::SetLimit(all)))
            }
            Operation::SetCpuLimit(list) => {
                let mut all = Vec::new();
                for (pid, percent) in list {
                    if let Some(rows) = self.rows_left(ActionKind::SetCpuLimit, *pid)?
                        && let Operation::SetCpuLimit(one) = self.set_cpu_limit(&rows, *percent)?
                    {
                        all.extend(one);
                    }
                }
                Ok((!all.is_empty()).then_some(Operation::SetCpuLimit(all)))
            }
            Operation::Connect(pairs) => {
                let left = self.pairs_left(ActionKind::Connect, pairs)?;
                Ok((!left.is_empty()).then_some(Operation::Connect(left)))
            }
            Operation::Disconnect(pairs) => {
                let left = self.pairs_left(ActionKind::Disconnect, pairs)?;
                self.take_cuts(left.len())?;
                Ok((!left.is_empty()).then_some(Operation::Disconnect(left)))
            }
            Operation::ClearRule(id) if !self.ledger.rules.contains(id) => Ok(None),
            Operation::ClearRule(id) => self.clear_rule(*id).map(Some),
            Operation::SetRule(rule) => self.set_rule(rule.clone()).map(Some),
            // Whether the files are still as they were left, the store says.
            Operation::RestoreFiles(_) => self
                .path(ActionKind::List, None)
                .map(|_| Some(operation.clone())),
            other => Ok(Some(other.clone())),
        }
    }

    /// The pairs of which both still live, if the principal may do this to
    /// them: somebody else may have cut them meanwhile, too.
    fn pairs_left(&self, kind: ActionKind, pairs: &[(Pid, Pid)]) -> Judged<Vec<(Pid, Pid)>> {
        let lives = |pid: &Pid| {
            let found = self.ledger.find(*pid);
            found.map(|(_, row)| row).filter(|row| row.is_alive())
        };
        let mut left = Vec::new();
        for pair in pairs {
            if let (Some(from), Some(to)) = (lives(&pair.0), lives(&pair.1)) {
                authority::check_kind(kind, self.principal)?;
                authority::check_whom(kind, self.principal, [from, to])?;
                left.push(*pair);
            }
        }
        Ok(left)
    }

    /// The row of a process, if it still lives.
    fn rows_left(&self, kind: ActionKind, pid: Pid) -> Judged<Option<Vec<usize>>> {
        match self.ledger.find(pid) {
            Some((_, row)) if row.is_alive() => self.rows_of(kind, &[pid], Need::Living).map(Some),
            _ => Ok(None),
        }
    }

    /// Does to those of the processes that are still there and in a fitting
    /// state what takes a change back.
    fn still(
        &mut self,
        kind: ActionKind,
        pids: &[Pid],
        need: Need,
        apply: impl Fn(&mut Ledger<'a>, usize) -> Judged<()>,
    ) -> Judged<Option<Vec<Pid>>> {
        let fits = |pid: &&Pid| {
            self.ledger
                .find(**pid)
                .is_some_and(|(_, row)| need.is_met(row))
        };
        let left: Vec<Pid> = pids.iter().filter(fits).copied().collect();
        if left.is_empty() {
            return Ok(None);
        }
        let rows = self.rows_of(kind, &left, need)?;
        rows.iter()
            .try_for_each(|row| apply(&mut self.ledger, *row))?;
        Ok(Some(self.pids(&rows)))
    }
}
