//! Who runs next: strictly by priority, turn by turn within one.
//!
//! The queues hold exactly the processes that want the processor, the running
//! one included: it stays at the front of its queue until it blocks, yields or
//! its quantum is used up. A process that a more urgent one interrupted goes on
//! with what is left of its quantum, so interruptions cost its peers nothing.

use alloc::collections::VecDeque;

use proviso_abi::{Pid, Priority};

/// How long a process may run before it is its peers' turn.
pub const QUANTUM_NS: u64 = 10_000_000;

const LEVELS: usize = Priority::ALL.len();

#[derive(Debug, Clone, Copy)]
struct Turn {
    pid: Pid,
    left_ns: u64,
}

/// The processes that want the processor.
#[derive(Debug, Default)]
pub struct Scheduler {
    levels: [VecDeque<Turn>; LEVELS],
}

impl Scheduler {
    /// Adds a process behind its peers; it must not be in yet.
    pub fn add(&mut self, pid: Pid, priority: Priority) {
        if let Some(level) = self.levels.get_mut(priority as usize) {
            level.push_back(Turn {
                pid,
                left_ns: QUANTUM_NS,
            });
        }
    }

    /// Takes a process out, if it is in.
    pub fn remove(&mut self, pid: Pid) {
        for level in &mut self.levels {
            level.retain(|turn| turn.pid != pid);
        }
    }

    /// Whether a process is in.
    #[must_use]
    pub fn contains(&self, pid: Pid) -> bool {
        self.levels.iter().flatten().any(|turn| turn.pid == pid)
    }

    /// The process whose turn it is.
    #[must_use]
    pub fn next(&self) -> Option<Pid> {
        self.levels
            .iter()
            .rev()
            .find_map(|level| level.front())
            .map(|turn| turn.pid)
    }

    /// Takes time that a process ran for off its quantum.
    pub fn charge(&mut self, pid: Pid, used_ns: u64) {
        if let Some(turn) = self.turn(pid) {
            turn.left_ns = turn.left_ns.saturating_sub(used_ns);
            if turn.left_ns == 0 {
                self.yield_turn(pid);
            }
        }
    }

    /// Ends a process's turn: it goes behind its peers.
    pub fn yield_turn(&mut self, pid: Pid) {
        for level in &mut self.levels {
            if level.front().is_some_and(|turn| turn.pid == pid) {
                level.pop_front();
                level.push_back(Turn {
                    pid,
                    left_ns: QUANTUM_NS,
                });
            }
        }
    }

    fn turn(&mut self, pid: Pid) -> Option<&mut Turn> {
        self.levels
            .iter_mut()
            .flatten()
            .find(|turn| turn.pid == pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_runs_and_peers_take_turns() {
        let mut scheduler = Scheduler::default();
        assert_eq!(scheduler.next(), None);
        scheduler.add(1, Priority::Normal);
        scheduler.add(2, Priority::Normal);
        scheduler.add(3, Priority::Idle);
        assert_eq!(scheduler.next(), Some(1));
        scheduler.charge(1, QUANTUM_NS - 1);
        assert_eq!(scheduler.next(), Some(1));
        scheduler.charge(1, 1);
        assert_eq!(scheduler.next(), Some(2));
        scheduler.add(4, Priority::Realtime);
        assert_eq!(scheduler.next(), Some(4));
        for pid in [4, 2, 1] {
            scheduler.remove(pid);
        }
        assert_eq!(scheduler.next(), Some(3));
        assert!(!scheduler.contains(2));
    }

    #[test]
    fn an_interruption_neither_ends_nor_renews_a_quantum() {
        let mut scheduler = Scheduler::default();
        scheduler.add(1, Priority::Low);
        scheduler.add(2, Priority::Low);
        for _ in 0..10 {
            scheduler.charge(1, QUANTUM_NS / 10);
            scheduler.add(9, Priority::High);
            assert_eq!(scheduler.next(), Some(9));
            scheduler.remove(9);
        }
        assert_eq!(scheduler.next(), Some(2));
    }

    #[test]
    fn strangers_are_ignored() {
        let mut scheduler = Scheduler::default();
        scheduler.charge(7, u64::MAX);
        scheduler.yield_turn(7);
        scheduler.remove(7);
        assert_eq!(scheduler.next(), None);
    }
}
