//! Requests that wait for the model: bounded, and fair between who asks.
//!
//! A person at a console comes before processes. Among equals the guests take
//! turns, and in each guest its users and processes do. One turn in four goes to
//! processes first, so that nobody waits for ever.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The most requests of one guest that wait; 32 guests have room for as many.
pub const MAX_PER_GUEST: usize = 16;
/// The most of them by one user or process.
pub const MAX_PER_PRINCIPAL: usize = 8;
/// Every so many turns processes come first.
const TURN_OF_PROCESSES: u64 = 4;
/// Last turns of more principals than that are not kept: all begin anew.
const MAX_REMEMBERED: usize = 1024;

/// The number of a guest's connection.
pub type GuestId = u64;

/// Who asks, as far as turns are concerned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Principal {
    /// The guest.
    pub guest: GuestId,
    /// The user on whose behalf it is.
    pub user: String,
    /// The process that asks; nobody if it is the person at the console.
    pub process: Option<u32>,
}

impl Principal {
    /// Whether it is the person at a console.
    #[must_use]
    pub const fn is_console(&self) -> bool {
        self.process.is_none()
    }
}

/// A queue with a line for every principal.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// Never an empty one.
    lines: BTreeMap<Principal, VecDeque<T>>,
    /// Turns so far, and in which each guest and principal had its last one.
    turn: u64,
    guests: BTreeMap<GuestId, u64>,
    principals: BTreeMap<Principal, u64>,
    is_closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                lines: BTreeMap::new(),
                turn: 0,
                guests: BTreeMap::new(),
                principals: BTreeMap::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Puts an item in the principal's line, or gives it back if that is full.
    ///
    /// # Errors
    /// The item, if its guest or principal has too many.
    pub fn put(&self, principal: &Principal, item: T) -> Result<(), T> {
        let mut state = self.lock();
        let of = |is_its: &dyn Fn(&Principal) -> bool| -> usize {
            let lines = state.lines.iter().filter(|(one, _)| is_its(one));
            lines.map(|(_, line)| line.len()).sum()
        };
        if state.is_closed
            || of(&|one| one.guest == principal.guest) >= MAX_PER_GUEST
            || of(&|one| one == principal) >= MAX_PER_PRINCIPAL
        {
            return Err(item);
        }
        let line = state.lines.entry(principal.clone()).or_default();
        line.push_back(item);
        self.changed.notify_one();
        Ok(())
    }

    /// Puts back what was taken and is not done: next in its line, whose turn is over.
    pub fn put_back(&self, principal: &Principal, item: T) {
        let mut state = self.lock();
        let line = state.lines.entry(principal.clone()).or_default();
        line.push_front(item);
    }

    /// Waits for the next item; nothing once the queue is closed.
    pub fn take(&self) -> Option<(Principal, T)> {
        let mut state = self.lock();
        while !state.is_closed {
            if let Some(next) = state.next() {
                return Some(next);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// The next item, if one waits.
    pub fn take_waiting(&self) -> Option<(Principal, T)> {
        self.lock().next()
    }

    /// Whether somebody waits who comes before (or beside) `principal`.
    pub fn waits_before(&self, principal: &Principal) -> bool {
        let state = self.lock();
        let mut waiting = state.lines.keys();
        waiting.any(|one| one.is_console() >= principal.is_console())
    }

    /// Whether a person at a console waits.
    pub fn has_console(&self) -> bool {
        self.lock().lines.keys().any(Principal::is_console)
    }

    /// Drops what is not wanted any more.
    pub fn retain(&self, mut is_wanted: impl FnMut(&T) -> bool) {
        let mut state = self.lock();
        for line in state.lines.values_mut() {
            line.retain(&mut is_wanted);
        }
        state.lines.retain(|_, line| !line.is_empty());
    }

    /// Takes nothing more and gives nothing more.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Every change to the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// Takes from the line whose turn it is.
    fn next(&mut self) -> Option<(Principal, T)> {
        let are_processes_first = self.turn % TURN_OF_PROCESSES == TURN_OF_PROCESSES - 1;
        let last = |principal: &Principal| {
            (
                principal.is_console() == are_processes_first,
                self.guests.get(&principal.guest),
                self.principals.get(principal),
            )
        };
        let principal = self.lines.keys().min_by_key(|one| last(one))?.clone();
        let line = self.lines.get_mut(&principal)?;
        let item = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&principal);
        }
        self.turn += 1;
        self.guests.insert(principal.guest, self.turn);
        self.principals.insert(principal.clone(), self.turn);
        if self.principals.len() > MAX_REMEMBERED {
            self.guests.clear();
            self.principals.clear();
        }
        Some((principal, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(guest: GuestId, process: u32) -> Principal {
        Principal {
            guest,
            user: "operator".into(),
            process: Some(process),
        }
    }

    fn console(guest: GuestId) -> Principal {
        Principal {
            process: None,
            ..process(guest, 0)
        }
    }

    fn order<T>(queue: &Queue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.take_waiting().map(|(_, item)| item)).collect()
    }

    #[test]
    fn guests_take_turns_and_in_each_its_processes() {
        let queue = Queue::default();
        for item in 0..4 {
            queue.put(&process(1, 7), item).unwrap();
        }
        queue.put(&process(1, 8), 10).unwrap();
        queue.put(&process(2, 7), 100).unwrap();
        queue.put(&process(2, 7), 101).unwrap();
        assert_eq!(order(&queue), [0, 100, 10, 101, 1, 2, 3]);
    }

    #[test]
    fn who_asks_again_at_once_comes_after_who_waited() {
        let queue = Queue::default();
        for item in 0..4 {
            queue.put(&process(1, 1), item).unwrap();
        }
        let mut served = Vec::new();
        for turn in 0..6 {
            queue.put(&process(1, 2), 100 + turn).unwrap();
            served.extend(queue.take_waiting().map(|(_, item)| item));
        }
        assert_eq!(served, [0, 100, 1, 101, 2, 102]);
    }

    #[test]
    fn consoles_come_first_and_starve_nobody() {
        let queue = Queue::default();
        queue.put(&process(1, 7), "process").unwrap();
        for _ in 0..5 {
            queue.put(&console(2), "console").unwrap();
        }
        assert!(queue.has_console() && queue.waits_before(&process(1, 7)));
        let order = order(&queue);
        assert_eq!(order[..3], ["console"; 3]);
        assert_eq!(order[3], "process");
        queue.put(&process(1, 7), "process").unwrap();
        assert!(!queue.waits_before(&console(2)) && !queue.has_console());
    }

    #[test]
    fn what_is_put_back_comes_before_the_rest_of_its_line_only() {
        let queue = Queue::default();
        for item in 0..2 {
            queue.put(&process(1, 1), item).unwrap();
            queue.put(&process(1, 2), 10 + item).unwrap();
        }
        let (principal, item) = queue.take_waiting().unwrap();
        queue.put_back(&principal, item);
        assert_eq!(order(&queue), [10, 0, 11, 1]);
    }

    #[test]
    fn both_bounds_hold_and_no_guest_takes_anothers_room() {
        let queue = Queue::default();
        let put = |principal: Principal| {
            let items = 0..20;
            items.filter(|n| queue.put(&principal, *n).is_ok()).count()
        };
        assert_eq!(put(process(1, 1)), MAX_PER_PRINCIPAL);
        let more: usize = (2..9).map(|pid| put(process(1, pid))).sum();
        assert_eq!(more, MAX_PER_GUEST - MAX_PER_PRINCIPAL);
        assert_eq!(put(console(2)), MAX_PER_PRINCIPAL);
    }

    #[test]
    fn what_is_dropped_is_not_served_and_closing_wakes() {
        let queue = Queue::default();
        queue.put(&process(1, 1), 1).unwrap();
        queue.put(&process(2, 1), 2).unwrap();
        queue.retain(|item| *item != 1);
        assert_eq!(queue.take().map(|(_, item)| item), Some(2));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.take());
            queue.close();
            assert!(waiting.join().unwrap().is_none());
        });
        assert!(queue.put(&process(1, 1), 3).is_err());
    }
}
