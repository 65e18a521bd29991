//! Those who want the processor, in the order of their places.
//!
//! An indexed binary heap: the first is there at once, everything else takes
//! at most as many steps as the number of those who wait has binary digits, and
//! nothing is allocated once there is room.

use alloc::vec::Vec;

/// Where a client stands: the lowest band first, in it the lowest key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The lowest runs first, always.
    pub band: u8,
    /// The lowest in the band runs first; who came first, among equals.
    pub key: u64,
}

/// One who waits.
#[derive(Debug, Clone, Copy)]
struct Entry {
    place: Place,
    /// Counts arrivals: the tie-breaker.
    arrival: u64,
    slot: usize,
}

/// Not in the queue.
const NOWHERE: usize = usize::MAX;

/// The queue. Clients are named by small numbers, their slots.
#[derive(Debug, Default)]
pub struct ReadyQueue {
    heap: Vec<Entry>,
    /// By slot: where in the heap.
    positions: Vec<usize>,
    arrivals: u64,
}

impl ReadyQueue {
    /// Makes room for clients with slots below this.
    pub fn make_room(&mut self, slots: usize) {
        if self.positions.len() < slots {
            self.positions.resize(slots, NOWHERE);
            self.heap.reserve(slots.saturating_sub(self.heap.len()));
        }
    }

    /// Who is first, and where.
    #[must_use]
    pub fn first(&self) -> Option<(usize, Place)> {
        self.heap.first().map(|entry| (entry.slot, entry.place))
    }

    /// Whether a client is in.
    #[must_use]
    pub fn contains(&self, slot: usize) -> bool {
        self.position(slot).is_some()
    }

    /// Adds a client that is not in, behind its equals.
    pub fn insert(&mut self, slot: usize, place: Place) {
        if slot >= self.positions.len() || self.contains(slot) {
            return;
        }
        self.arrivals = self.arrivals.wrapping_add(1);
        let at = self.heap.len();
        self.heap.push(Entry {
            place,
            arrival: self.arrivals,
            slot,
        });
        self.note(at);
        self.rise(at);
    }

    /// Takes a client out, if it is in.
    pub fn remove(&mut self, slot: usize) {
        let Some(at) = self.position(slot) else {
            return;
        };
        let last = self.heap.len().saturating_sub(1);
        self.exchange(at, last);
        self.heap.pop();
        if let Some(position) = self.positions.get_mut(slot) {
            *position = NOWHERE;
        }
        // Whoever took its place may belong further up or down.
        self.rise(at);
        self.sink(at);
    }

    /// Everybody in order, for a new one: the queue is empty then.
    pub fn drain(&mut self) -> Vec<usize> {
        let mut slots = Vec::with_capacity(self.heap.len());
        while let Some((slot, _)) = self.first() {
            self.remove(slot);
            slots.push(slot);
        }
        slots
    }

    fn position(&self, slot: usize) -> Option<usize> {
        self.positions
            .get(slot)
            .copied()
            .filter(|at| *at != NOWHERE)
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        let rank = |at| {
            self.heap
                .get(at)
                .map(|entry: &Entry| (entry.place, entry.arrival))
        };
        matches!((rank(a), rank(b)), (Some(a), Some(b)) if a < b)
    }

    fn rise(&mut self, mut at: usize) {
        while let Some(above) = at.checked_sub(1).map(|below| below / 2) {
            if !self.is_before(at, above) {
                return;
            }
            self.exchange(at, above);
            at = above;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let left = at.saturating_mul(2).saturating_add(1);
            let right = left.saturating_add(1);
            let least = if self.is_before(right, left) {
                right
            } else {
                left
            };
            if !self.is_before(least, at) {
                return;
            }
            self.exchange(at, least);
            at = least;
        }
    }

    fn exchange(&mut self, a: usize, b: usize) {
        if a.max(b) < self.heap.len() {
            self.heap.swap(a, b);
            self.note(a);
            self.note(b);
        }
    }

    /// Notes where the client at this place of the heap is now.
    fn note(&mut self, at: usize) {
        if let Some(entry) = self.heap.get(at)
            && let Some(position) = self.positions.get_mut(entry.slot)
        {
            *position = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a sorted list, which is slow and plainly right.
        #[test]
        fn is_a_sorted_list(steps: Vec<(bool, u8, u8, u8)>) {
            let (mut queue, mut list) = (ReadyQueue::default(), Vec::new());
            queue.make_room(32);
            for (arrival, (adds, slot, band, key)) in steps.into_iter().enumerate() {
                let slot = usize::from(slot % 32);
                let place = Place { band: band % 3, key: u64::from(key % 8) };
                let is_in = list.iter().any(|(_, _, other)| *other == slot);
                prop_assert_eq!(queue.contains(slot), is_in);
                if adds && !is_in {
                    list.push((place, arrival, slot));
                    queue.insert(slot, place);
                } else if !adds {
                    list.retain(|(_, _, other)| *other != slot);
                    queue.remove(slot);
                }
                list.sort();
                let first = list.first().map(|(place, _, slot)| (*slot, *place));
                prop_assert_eq!(queue.first(), first);
            }
            let order: Vec<usize> = list.iter().map(|(_, _, slot)| *slot).collect();
            prop_assert_eq!(queue.drain(), order);
            prop_assert_eq!(queue.first(), None);
        }
    }

    #[test]
    fn slots_without_room_are_ignored() {
        let mut queue = ReadyQueue::default();
        queue.make_room(2);
        queue.insert(2, Place { band: 0, key: 0 });
        queue.remove(7);
        assert_eq!(queue.first(), None);
    }
}
