//! Who may not call whom. Whoever is not listed may: `disconnect` cuts a pair,
//! `connect` mends it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proviso_abi::Pid;

use crate::view::Principal;

/// The most pairs that are cut at once.
pub const MAX_CUTS: usize = 256;

/// Of these, so many are left to the operator.
pub const OPERATORS_CUTS: usize = MAX_CUTS / 4;

/// Pairs of caller and called that are cut.
#[derive(Debug, Default)]
pub struct Relations {
    cut: BTreeSet<(Pid, Pid)>,
}

impl Relations {
    /// Whether everybody may call everybody.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cut.is_empty()
    }

    /// Whether one process may call another.
    #[must_use]
    pub fn may_call(&self, from: Pid, to: Pid) -> bool {
        !self.cut.contains(&(from, to))
    }

    /// Cuts a pair; false if there is no room or it was cut before.
    pub fn cut(&mut self, from: Pid, to: Pid) -> bool {
        self.cut.len() < MAX_CUTS && self.cut.insert((from, to))
    }

    /// Mends a pair; false if it was not cut.
    pub fn mend(&mut self, from: Pid, to: Pid) -> bool {
        self.cut.remove(&(from, to))
    }

    /// Room for more that a principal may take; the last are the operator's.
    #[must_use]
    pub fn room_for(&self, principal: Principal) -> usize {
        match principal {
            Principal::Operator => self.room(),
            _ => self.room().saturating_sub(OPERATORS_CUTS),
        }
    }

    /// Room for more.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_CUTS.saturating_sub(self.cut.len())
    }

    /// Those that may not call a process.
    #[must_use]
    pub fn cut_off_from(&self, to: Pid) -> Vec<Pid> {
        let pairs = self.cut.iter().filter(|(_, called)| *called == to);
        pairs.map(|(from, _)| *from).collect()
    }

    /// Those that a process may not call.
    #[must_use]
    pub fn closed_to(&self, from: Pid) -> Vec<Pid> {
        let pairs = self.cut.range((from, Pid::MIN)..=(from, Pid::MAX));
        pairs.map(|(_, to)| *to).collect()
    }

    /// Forgets pairs of processes that are no more; numbers do not come back.
    pub fn retain(&mut self, is_there: impl Fn(Pid) -> bool) {
        self.cut
            .retain(|(from, to)| is_there(*from) && is_there(*to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_holds_one_way_until_it_is_mended() {
        let mut relations = Relations::default();
        assert!(relations.may_call(4, 5));
        assert!(relations.cut(4, 5) && !relations.cut(4, 5));
        assert!(!relations.may_call(4, 5) && relations.may_call(5, 4));
        assert_eq!(relations.cut_off_from(5), [4]);
        assert_eq!(relations.closed_to(4), [5]);
        assert!(relations.mend(4, 5) && !relations.mend(4, 5));
        assert!(relations.may_call(4, 5));
    }

    #[test]
    fn there_is_room_for_so_many_and_the_dead_make_room() {
        let mut relations = Relations::default();
        for pid in 0..MAX_CUTS as Pid {
            assert!(relations.cut(pid, 1000));
        }
        assert!(!relations.cut(999, 1000));
        relations.retain(|pid| pid > 9);
        assert_eq!(relations.room(), 10);
    }
}
