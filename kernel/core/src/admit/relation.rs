//! Who may call whom.

use alloc::vec::Vec;

use proviso_abi::action::ActionKind;
use proviso_abi::outcome::Reason::{Malformed, TooMany};
use proviso_abi::target::Target;
use proviso_abi::value::Pid;

use super::Judge;
use super::whom::Need;
use super::words::{Judged, refuse};
use crate::relations::MAX_CUTS;
use crate::view::Operation;

impl Judge<'_> {
    /// Connects or disconnects every pair of the two targets.
    pub(super) fn relate(
        &mut self,
        kind: ActionKind,
        from: &Target,
        to: &Target,
    ) -> Judged<Operation> {
        let callers = self.whom(kind, from, &None, Need::Living)?;
        // A process cuts itself off from others; those it need not own.
        let called = match self.principal {
            crate::view::Principal::Process(_) => {
                self.whom(ActionKind::Inspect, to, &None, Need::Living)?
            }
            _ => self.whom(kind, to, &None, Need::Living)?,
        };
        let (callers, called) = (self.pids(&callers), self.pids(&called));
        // A plan must not have the kernel hold every pair of a full table.
        let count = callers.len().saturating_mul(called.len());
        if count > MAX_CUTS {
            return refuse(
                TooMany,
                format_args!(
                    "{count} pairs are more than the {MAX_CUTS} of one {kind}; name fewer processes"
                ),
            );
        }
        let pairs: Vec<(Pid, Pid)> = callers
            .iter()
            .flat_map(|from| called.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| from != to)
            .collect();
        if pairs.is_empty() {
            return refuse(
                Malformed,
                format_args!("a process needs no leave to call itself; name two"),
            );
        }
        if kind == ActionKind::Connect {
            return Ok(Operation::Connect(pairs));
        }
        self.take_cuts(pairs.len())?;
        Ok(Operation::Disconnect(pairs))
    }

    /// Takes the room that so many disconnections need.
    pub(super) fn take_cuts(&mut self, count: usize) -> Judged<()> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let Some(left) = self.ledger.cut_slots.checked_sub(count) else {
            return refuse(
                TooMany,
                format_args!(
                    "there is room for {} more disconnections, not {count}; connect some again first",
                    self.ledger.cut_slots
                ),
            );
        };
        self.ledger.cut_slots = left;
        Ok(())
    }
}
