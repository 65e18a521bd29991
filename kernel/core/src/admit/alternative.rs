//! The nearest thing that would be allowed instead of what is not.
//!
//! Whatever is proposed here has itself been judged, in the place of what was
//! rejected, so it is never more than the principal may have.

use alloc::vec::Vec;

use proviso_abi::action::Action;
use proviso_abi::layout::PAGE;
use proviso_abi::value::Bytes;
use proviso_abi::words::Priority;

use super::authority::OWN_LIMIT;
use super::form::MAX_COUNT;
use super::ledger::Row;
use super::{Judge, whom::Need};
use crate::view::Principal;

impl Judge<'_> {
    /// The nearest action that would be admitted, if this one has one. `rest`
    /// are the actions that follow.
    pub(super) fn nearest(&mut self, action: &Action, rest: &[Action]) -> Option<Action> {
        if let Action::Spawn { count, .. } = action {
            return self.fewer(action, count.unwrap_or(1), rest);
        }
        let candidates = self.candidates(action);
        candidates
            .into_iter()
            .find(|candidate| self.would_admit(candidate, rest))
    }

    fn would_admit(&mut self, action: &Action, rest: &[Action]) -> bool {
        let before = self.ledger.clone();
        let is_admitted = self.judge(action, rest).is_ok();
        self.ledger = before;
        is_admitted
    }

    /// As many starts as fit, at a priority that is allowed: at most seven
    /// guesses, since a count is at most 64.
    fn fewer(&mut self, action: &Action, count: u32, rest: &[Action]) -> Option<Action> {
        let principal = self.principal;
        let with = |wanted: u32| {
            let mut other = action.clone();
            if let Action::Spawn {
                count, priority, ..
            } = &mut other
            {
                *count = Some(wanted);
                if principal != Principal::Operator {
                    *priority = priority.map(|level| level.min(Priority::Normal));
                }
            }
            other
        };
        if !self.would_admit(&with(1), rest) {
            return None;
        }
        let (mut fits, mut over) = (1u32, count.min(MAX_COUNT).saturating_add(1));
        while over.saturating_sub(fits) > 1 {
            let middle = fits.midpoint(over);
            match self.would_admit(&with(middle), rest) {
                true => fits = middle,
                false => over = middle,
            }
        }
        Some(with(fits))
    }

    fn candidates(&self, action: &Action) -> Vec<Action> {
        match action {
            Action::SetPriority { target, except, .. } => alloc::vec![Action::SetPriority {
                target: target.clone(),
                except: except.clone(),
                priority: Some(Priority::Normal),
                step: None,
            }],
            Action::GrantMemory { target, .. } => {
                let row = self.only_row(action);
                let more = row.and_then(|row| self.most(row).0.checked_sub(row.limit.0));
                let more = more.filter(|more| *more >= PAGE);
                more.map(|more| Action::GrantMemory {
                    target: target.clone(),
                    bytes: Bytes(more),
                })
                .into_iter()
                .collect()
            }
            Action::SetMemoryLimit { target, except, .. } => {
                let Some(row) = self.only_row(action) else {
                    return Vec::new();
                };
                let held = row.memory.max(row.footprint).0;
                let least = held.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
                [self.most(row), Bytes(least)]
                    .map(|bytes| Action::SetMemoryLimit {
                        target: target.clone(),
                        except: except.clone(),
                        bytes: Some(bytes),
                        times: None,
                    })
                    .into_iter()
                    .filter(|other| is_nearer(action, other, row.limit))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The one process that an action about memory is about, if it is one.
    fn only_row(&self, action: &Action) -> Option<&Row<'_>> {
        let (target, except) = match action {
            Action::GrantMemory { target, .. } => (target, &None),
            Action::SetMemoryLimit { target, except, .. } => (target, except),
            _ => return None,
        };
        let rows = self
            .whom(action.kind(), target, except, Need::Living)
            .ok()?;
        match rows.as_slice() {
            [one] => self.ledger.rows.get(*one),
            _ => None,
        }
    }

    /// The highest limit that a process may be given by the principal.
    fn most(&self, row: &Row<'_>) -> Bytes {
        let own = match self.principal {
            Principal::Process(_) => row.limit.max(OWN_LIMIT),
            _ => Bytes(u64::MAX),
        };
        let quota = self.ledger.quota.map_or(Bytes(u64::MAX), |quota| {
            let over = self.ledger.overdrawn.memory.0;
            Bytes(
                quota
                    .memory
                    .0
                    .saturating_add(row.limit.0)
                    .saturating_sub(over),
            )
        });
        let most = own.min(quota).min(self.view.memory_total);
        Bytes(most.0 / PAGE * PAGE)
    }
}

/// Whether the other limit goes the same way from the present one.
fn is_nearer(wanted: &Action, other: &Action, present: Bytes) -> bool {
    let limit = |action: &Action| match action {
        Action::SetMemoryLimit {
            bytes: Some(bytes), ..
        } => Some(*bytes),
        Action::SetMemoryLimit {
            times: Some(times), ..
        } => times.times(present).or(Some(Bytes(u64::MAX))),
        _ => None,
    };
    match (limit(wanted), limit(other)) {
        (Some(wanted), Some(other)) => (wanted > present) == (other > present) && other != present,
        _ => false,
    }
}
