//! The trace: what the kernel did, as small records, and how much in all.
//!
//! See `docs/trace.md` for the records as they are written to files.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::value::Pid;
use crate::words::words;

words! {
    /// What a record is about, and what its value means.
    TraceKind {
        /// Ran until another did; nanoseconds.
        Run = "run",
        /// Made a system call; its number.
        Call = "call",
        /// Did what the processor refuses; the instruction's address.
        Fault = "fault",
        /// Got more memory; bytes.
        Grow = "grow",
        /// Began; who started it.
        Start = "start",
        /// Ended; nothing.
        End = "end",
        /// Asked for something; the intent.
        Intent = "intent",
        /// Had a plan admitted; the intent.
        Admit = "admit",
        /// Had a plan refused; the intent.
        Reject = "reject",
        /// Had a picture of the system made to judge a plan by; nanoseconds.
        View = "view",
        /// Had a plan judged by it; nanoseconds.
        Judge = "judge",
    }
}

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, in nanoseconds since boot.
    pub t_ns: u64,
    /// Whose doing it was.
    pub pid: Pid,
    /// What.
    pub kind: TraceKind,
    /// How much, or which: see [`TraceKind`].
    pub value: u64,
}

/// The most records in one batch.
pub const MAX_BATCH: usize = 512;

/// Some records in a row. Every record of the machine has a number, counted from
/// 0 at boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batch {
    /// The number from which to ask for more.
    pub next: u64,
    /// The number that the next thing to happen gets.
    pub end: u64,
    /// How many records were overwritten before they could be read.
    pub lost: u64,
    /// The records, oldest first; those of others are left out for a process that
    /// may see only its own.
    pub records: Vec<Record>,
}

/// How often something happened since boot, and the sum of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counter {
    /// How often.
    pub count: u64,
    /// The sum of the values; only of `run`, `grow`, `view` and `judge` it means something.
    pub sum: u64,
}

/// A counter for every [`TraceKind`], in order of definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters(pub [Counter; TraceKind::ALL.len()]);

impl Counters {
    /// The counter of a kind.
    #[must_use]
    pub fn of(&self, kind: TraceKind) -> Counter {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// Counts one more.
    pub fn note(&mut self, kind: TraceKind, value: u64) {
        if let Some(counter) = self.0.get_mut(kind as usize) {
            counter.count = counter.count.saturating_add(1);
            counter.sum = counter.sum.saturating_add(value);
        }
    }
}
