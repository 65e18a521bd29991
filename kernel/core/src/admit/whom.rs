//! Whom an action is about: those who exist, may be touched, and are in a
//! state in which the action makes sense.

use alloc::format;
use alloc::vec::Vec;

use proviso_abi::action::ActionKind;
use proviso_abi::bounded::Text;
use proviso_abi::outcome::Reason::{NoSuchTarget, WrongState};
use proviso_abi::target::{ProcessRef, Target};
use proviso_abi::value::Pid;
use proviso_abi::words::State;

use super::ledger::Row;
use super::words::{Judged, ROOM_FOR_LIST, closest, listed, refuse};
use super::{Except, Judge, authority};
use crate::select::expand;

/// What a process must be for an action to make sense on it.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// In the table, dead or alive.
    Record,
    /// Alive, suspended or not.
    Living,
    /// Alive and not suspended.
    Going,
    /// Suspended.
    Suspended,
}

impl Need {
    pub(super) fn is_met(self, row: &Row<'_>) -> bool {
        match self {
            Self::Record => row.state.is_some(),
            Self::Living => row.is_alive(),
            Self::Going => row.is_alive() && row.state != Some(State::Suspended),
            Self::Suspended => row.state == Some(State::Suspended),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Record => "a process that is still there",
            Self::Living => "a living process (restart brings one back)",
            Self::Going => "a living process that is not suspended",
            Self::Suspended => "a suspended process",
        }
    }
}

impl Judge<'_> {
    /// The rows of the ledger that an action is about. Processes in a state
    /// that does not fit are left out, as long as one is left.
    pub(super) fn whom(
        &self,
        kind: ActionKind,
        target: &Target,
        except: &Except,
        need: Need,
    ) -> Judged<Vec<usize>> {
        let pids = self.meant(target, except.as_deref().unwrap_or_default())?;
        self.rows_of(kind, &pids, need)
    }

    /// The rows of these processes, as for [`Judge::whom`].
    pub(super) fn rows_of(&self, kind: ActionKind, pids: &[Pid], need: Need) -> Judged<Vec<usize>> {
        let rows = || pids.iter().filter_map(|pid| self.ledger.find(*pid));
        authority::check_whom(kind, self.principal, rows().map(|(_, row)| row))?;
        authority::check_init(kind, pids)?;
        let fit: Vec<usize> = rows()
            .filter(|(_, row)| need.is_met(row))
            .map(|(index, _)| index)
            .collect();
        if fit.is_empty() {
            let states = listed(rows().map(|(_, row)| in_words(row)), ROOM_FOR_LIST);
            return refuse(
                WrongState,
                format_args!("{kind} needs {}; {states}", need.words()),
            );
        }
        Ok(fit)
    }

    /// The numbers of some rows.
    pub(super) fn pids(&self, rows: &[usize]) -> Vec<Pid> {
        rows.iter()
            .filter_map(|row| self.ledger.rows.get(*row))
            .map(|row| row.pid)
            .collect()
    }

    /// The processes that a target means; everything it names must exist.
    fn meant(&self, target: &Target, except: &[ProcessRef]) -> Judged<Vec<Pid>> {
        let found = expand(target, except, self.view);
        if let Some(missing) = found.missing.first() {
            return self.refuse_missing(missing);
        }
        if found.pids.is_empty() {
            // Cut here, so that a long target does not push out the rest.
            let target = Text::<120>::format(format_args!("{target}"));
            let less = if except.is_empty() {
                ""
            } else {
                ", less the exceptions"
            };
            return refuse(
                NoSuchTarget,
                format_args!(
                    "\"{target}\"{less} means no process; list processes to see who is there"
                ),
            );
        }
        Ok(found.pids)
    }

    fn refuse_missing<T>(&self, missing: &ProcessRef) -> Judged<T> {
        let there = || self.view.processes.iter().map(|process| &process.info);
        match missing {
            ProcessRef::Pid(pid) => {
                let there = listed(
                    there().map(|info| format!("{} {}", info.name, info.pid)),
                    ROOM_FOR_LIST,
                );
                refuse(
                    NoSuchTarget,
                    format_args!("no process {pid}; there are {there}"),
                )
            }
            ProcessRef::Name(name) => {
                let there = listed(
                    closest(name, there().map(|info| &*info.name)),
                    ROOM_FOR_LIST,
                );
                refuse(
                    NoSuchTarget,
                    format_args!("no process \"{name}\"; there are {there}"),
                )
            }
        }
    }
}

fn in_words(row: &Row<'_>) -> alloc::string::String {
    match row.state {
        Some(state) => format!("{} {} is {state}", row.name, row.pid),
        None => format!("{} {} is ended earlier in this plan", row.name, row.pid),
    }
}
