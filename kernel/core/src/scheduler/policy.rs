//! What a policy decides: where a client lines up, and for how long it may run.
//!
//! The scheduler keeps the queue and the books; a policy only ranks. So one can
//! be swapped for another at any moment, and none can lose a client.

use alloc::boxed::Box;
use core::fmt::Debug;

use proviso_abi::Priority;
use proviso_abi::words::Policy as Word;

use super::feedback::Feedback;
use super::ready::Place;
use super::stride::Stride;
use super::turns::Turns;

/// Bands where levels share one: realtime before everything else, idle after it.
const REALTIME_BAND: u8 = 0;
const SHARED_BAND: u8 = 1;
const IDLE_BAND: u8 = 2;

/// What policies keep about a client. Fresh with every change of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its level.
    pub priority: Priority,
    /// Stride: how far its virtual time is ahead of its band's.
    pub ahead: u64,
    /// Feedback: how many quanta it used up of late, and when that was.
    pub demotions: u8,
    /// Feedback: what it used of the allotment at its step.
    pub used_ns: u64,
    /// Feedback: the boost that `demotions` counts from.
    pub epoch: u64,
}

impl Account {
    /// Of one who has not run yet.
    #[must_use]
    pub const fn new(priority: Priority) -> Self {
        Self {
            priority,
            ahead: 0,
            demotions: 0,
            used_ns: 0,
            epoch: 0,
        }
    }
}

/// A way to share out the processor.
pub trait Policy: Debug {
    /// Its word in the vocabulary.
    fn word(&self) -> Word;

    /// Where a client lines up that wants the processor (again).
    fn place(&mut self, account: &mut Account) -> Place;

    /// How long its next turn may be, given the quantum that was set.
    fn turn_ns(&self, _: &Account, quantum_ns: u64) -> u64 {
        quantum_ns
    }

    /// A turn ended after so long, in this place: used up, cut short by its
    /// owner's own wish, or, after no time at all, never begun.
    fn ran(&mut self, account: &mut Account, place: Place, used_ns: u64, quantum_ns: u64);

    /// Whether everybody is to be placed anew; asked after each turn.
    fn reorders(&mut self) -> bool {
        false
    }
}

/// The policy behind a word.
#[must_use]
pub fn policy(word: Word) -> Box<dyn Policy> {
    match word {
        Word::RoundRobin => Box::new(Turns),
        Word::Fair => Box::new(Stride::fair()),
        Word::Priority => Box::new(Stride::by_level()),
        Word::Adaptive => Box::new(Feedback::default()),
    }
}

/// The band of a level where low, normal and high share one.
#[must_use]
pub const fn shared_band(priority: Priority) -> u8 {
    match priority {
        Priority::Realtime => REALTIME_BAND,
        Priority::High | Priority::Normal | Priority::Low => SHARED_BAND,
        Priority::Idle => IDLE_BAND,
    }
}

/// The band of a level where each has its own.
#[must_use]
pub const fn own_band(priority: Priority) -> u8 {
    Priority::Realtime as u8 - priority as u8
}
