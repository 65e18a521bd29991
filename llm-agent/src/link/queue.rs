//! Requests that wait for the model: bounded, and fair between guests.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The most requests of one guest that wait.
pub const MAX_PER_GUEST: usize = 8;
/// The most requests that wait in all.
pub const MAX_TOTAL: usize = 64;

/// The number of a guest's connection.
pub type GuestId = u64;

/// A queue that serves the guests in turn, each in its own order.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// Guests with something in line; the first is served next.
    lines: VecDeque<(GuestId, VecDeque<T>)>,
    is_closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                lines: VecDeque::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Puts an item in the guest's line, or gives it back if that is full.
    ///
    /// # Errors
    /// The item, if the guest or all together have too many.
    pub fn put(&self, guest: GuestId, item: T) -> Result<(), T> {
        let mut state = self.lock();
        let total: usize = state.lines.iter().map(|(_, line)| line.len()).sum();
        if state.is_closed || total >= MAX_TOTAL {
            return Err(item);
        }
        match state.lines.iter_mut().find(|(id, _)| *id == guest) {
            Some((_, line)) if line.len() >= MAX_PER_GUEST => return Err(item),
            Some((_, line)) => line.push_back(item),
            None => state.lines.push_back((guest, VecDeque::from([item]))),
        }
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next item; nothing once the queue is closed.
    pub fn take(&self) -> Option<T> {
        let mut state = self.lock();
        while !state.is_closed {
            if let Some((guest, mut line)) = state.lines.pop_front() {
                let item = line.pop_front();
                if !line.is_empty() {
                    state.lines.push_back((guest, line));
                }
                if item.is_some() {
                    return item;
                }
            } else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        None
    }

    /// Drops what is not wanted any more.
    pub fn retain(&self, mut is_wanted: impl FnMut(&T) -> bool) {
        let mut state = self.lock();
        for (_, line) in &mut state.lines {
            line.retain(&mut is_wanted);
        }
        state.lines.retain(|(_, line)| !line.is_empty());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_guest_does_not_keep_another_waiting() {
        let queue = Queue::default();
        for item in 0..5 {
            queue.put(1, item).unwrap();
        }
        queue.put(2, 100).unwrap();
        let order: Vec<_> = (0..6).filter_map(|_| queue.take()).collect();
        assert_eq!(order, [0, 100, 1, 2, 3, 4]);
    }

    #[test]
    fn both_bounds_hold() {
        let queue = Queue::default();
        let taken = (0..20).filter(|item| queue.put(1, *item).is_ok()).count();
        assert_eq!(taken, MAX_PER_GUEST);
        let taken = (0..200)
            .filter(|item| queue.put(2 + item / 4, *item).is_ok())
            .count();
        assert_eq!(taken, MAX_TOTAL - MAX_PER_GUEST);
    }

    #[test]
    fn what_is_dropped_is_not_served_and_closing_wakes() {
        let queue = Queue::default();
        queue.put(1, 1).unwrap();
        queue.put(2, 2).unwrap();
        queue.retain(|item| *item != 1);
        assert_eq!(queue.take(), Some(2));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.take());
            queue.close();
            assert_eq!(waiting.join().unwrap(), None);
        });
        assert!(queue.put(1, 3).is_err());
    }
}
