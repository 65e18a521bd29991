//! What happened: counters for ever, and the newest records in a ring.
//!
//! Noting something costs a few writes to memory that was taken at boot, so the
//! trace is always on. Records that nobody read in time are overwritten, and
//! whoever reads is told how many.

use alloc::boxed::Box;
use alloc::vec;

use proviso_abi::Pid;
use proviso_abi::ipc::Identity;
use proviso_abi::snapshot::MAX_PROCESSES;
use proviso_abi::syscall::{
    Error, OBSERVE_BUSIEST, OBSERVE_COUNTERS, OBSERVE_IDENTITY, OBSERVE_TRACE,
};
use proviso_abi::trace::{Batch, Counters, MAX_BATCH, Record, TraceKind};
use proviso_abi::wire::ToAgent;
use proviso_abi::words::SortKey;

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::view::{OPERATOR, Principal};

/// Records that are kept: 48 KiB.
const RECORDS: usize = 2048;
/// The stream's batches are at least so far apart, so that it cannot take the
/// channel for itself.
const BATCH_PAUSE_NS: u64 = 20_000_000;
/// A batch that is not full waits for so long.
const BATCH_WAIT_NS: u64 = 500_000_000;

/// Counters and ring.
#[derive(Debug)]
pub struct Trace {
    counters: Counters,
    /// Calls that went the short way, in no record.
    short_calls: u64,
    ring: Box<[Record]>,
    /// The number of the next record.
    end: u64,
    /// When the newest record was.
    newest_ns: u64,
    /// Who runs, and for how long by now.
    stint: Option<(Pid, u64)>,
    /// From which record on the agent wants them, if it does.
    stream: Option<u64>,
    last_batch_ns: u64,
}

impl Default for Trace {
    fn default() -> Self {
        let nothing = Record {
            t_ns: 0,
            pid: 0,
            kind: TraceKind::Run,
            value: 0,
        };
        Self {
            counters: Counters::default(),
            short_calls: 0,
            ring: vec![nothing; RECORDS].into_boxed_slice(),
            end: 0,
            newest_ns: 0,
            stint: None,
            stream: None,
            last_batch_ns: 0,
        }
    }
}

impl Trace {
    /// Notes that something happened.
    pub fn note(&mut self, t_ns: u64, pid: Pid, kind: TraceKind, value: u64) {
        self.counters.note(kind, value);
        self.newest_ns = t_ns;
        if let Some(place) = self.ring.get_mut(place(self.end)) {
            *place = Record {
                t_ns,
                pid,
                kind,
                value,
            };
        }
        self.end = self.end.wrapping_add(1);
    }

    /// Counts a call that went the short way. It leaves no record of its own:
    /// that would cost more than the rest of the call's account.
    #[inline]
    pub const fn count_call(&mut self) {
        self.short_calls = self.short_calls.wrapping_add(1);
    }

    /// Notes that a process ran. What it does in a row makes one record, and so
    /// does what it did between calls that went the short way.
    pub fn ran(&mut self, now_ns: u64, pid: Pid, used_ns: u64) {
        match &mut self.stint {
            Some((runner, total)) if *runner == pid => *total = total.saturating_add(used_ns),
            _ => {
                // Of those that called each other the short way only the sums are
                // known, so their records may not be put before what is noted.
                self.rested(now_ns.saturating_sub(used_ns).max(self.newest_ns));
                self.stint = Some((pid, used_ns));
            }
        }
    }

    /// Notes that the one who ran does not any more.
    pub fn rested(&mut self, now_ns: u64) {
        if let Some((pid, total)) = self.stint.take() {
            self.note(now_ns, pid, TraceKind::Run, total);
        }
    }

    /// How often everything happened, with the calls that came to no trap.
    #[must_use]
    pub fn counters(&self, quick_calls: u64) -> Counters {
        let mut counters = self.counters;
        if let Some(calls) = counters.0.get_mut(TraceKind::Call as usize) {
            let unnoted = self.short_calls.saturating_add(quick_calls);
            calls.count = calls.count.saturating_add(unnoted);
        }
        counters
    }

    /// Records from a number on, at most a batch, of those that may be seen.
    #[must_use]
    pub fn read(&self, from: u64, may_see: impl Fn(&Record) -> bool) -> Batch {
        let oldest = self.end.saturating_sub(RECORDS as u64);
        let begin = from.clamp(oldest, self.end);
        let next = self.end.min(begin.saturating_add(MAX_BATCH as u64));
        let records = (begin..next).filter_map(|number| self.ring.get(place(number)));
        Batch {
            next,
            end: self.end,
            lost: begin.saturating_sub(from),
            records: records.filter(|record| may_see(record)).copied().collect(),
        }
    }

    /// The agent wants the records from now on, or no more.
    pub const fn set_stream(&mut self, is_on: bool) {
        self.stream = if is_on { Some(self.end) } else { None };
    }

    /// What is to be sent to the agent now.
    fn due(&self, now_ns: u64) -> Option<Batch> {
        let from = self.stream?;
        let since_ns = now_ns.saturating_sub(self.last_batch_ns);
        let is_full = self.end.saturating_sub(from) >= MAX_BATCH as u64;
        let is_due = match is_full {
            true => since_ns >= BATCH_PAUSE_NS,
            false => since_ns >= BATCH_WAIT_NS && self.end > from,
        };
        is_due.then(|| self.read(from, |_| true))
    }
}

const fn place(number: u64) -> usize {
    (number % RECORDS as u64) as usize
}

impl<M: Machine> Kernel<M> {
    /// What a process may know of what happened: the operator's all, others what
    /// they did themselves. Encoded as it is handed out.
    pub(crate) fn observe(
        &self,
        machine: &M,
        pid: Pid,
        what: u64,
        from: u64,
    ) -> Result<alloc::vec::Vec<u8>, Error> {
        let is_operator = self.principal(pid) == Principal::Operator;
        let encoded = match what {
            OBSERVE_COUNTERS if is_operator => {
                postcard::to_allocvec(&self.trace.counters(machine.quick_calls()))
            }
            OBSERVE_BUSIEST if is_operator => {
                let most = u32::try_from(MAX_PROCESSES).ok();
                postcard::to_allocvec(&self.show_processes(machine, SortKey::Cpu, most))
            }
            OBSERVE_COUNTERS | OBSERVE_BUSIEST => return Err(Error::NotPermitted),
            OBSERVE_TRACE => {
                let batch = self
                    .trace
                    .read(from, |record| is_operator || record.pid == pid);
                postcard::to_allocvec(&batch)
            }
            OBSERVE_IDENTITY => postcard::to_allocvec(&self.identity(from)?),
            _ => return Err(Error::Invalid),
        };
        encoded.map_err(|_| Error::Invalid)
    }

    /// Who a living process is, for those who know its number from a badge.
    fn identity(&self, number: u64) -> Result<Identity, Error> {
        let pid = Pid::try_from(number).map_err(|_| Error::NoSuchProcess)?;
        let process = self.table.get(pid).filter(|process| process.is_alive());
        let process = process.ok_or(Error::NoSuchProcess)?;
        let is_operators = process.owner == OPERATOR;
        Ok(Identity {
            program: process.name.clone(),
            user: (!is_operators).then(|| self.users.name(process.owner)),
        })
    }

    /// Sends the agent its next batch, if one is due. What does not go out is
    /// tried again; what is overwritten meanwhile is counted as lost.
    pub(crate) fn stream_trace(&mut self, machine: &mut M) {
        let now_ns = machine.now_ns();
        let Some(batch) = self.trace.due(now_ns) else {
            return;
        };
        self.trace.last_batch_ns = now_ns;
        let next = batch.next;
        if self.link.send(machine, ToAgent::Trace(batch)) {
            self.trace.stream = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(batch: &Batch) -> Vec<u64> {
        batch.records.iter().map(|record| record.value).collect()
    }

    #[test]
    fn what_runs_in_a_row_is_one_record() {
        let mut trace = Trace::default();
        trace.ran(10, 4, 10);
        trace.ran(30, 4, 20);
        trace.ran(35, 5, 5);
        trace.rested(36);
        let batch = trace.read(0, |_| true);
        let runs: Vec<_> = batch
            .records
            .iter()
            .map(|it| (it.t_ns, it.pid, it.value))
            .collect();
        assert_eq!(runs, [(30, 4, 30), (36, 5, 5)]);
        let counter = trace.counters(0).of(TraceKind::Run);
        assert_eq!((counter.count, counter.sum), (2, 35));
    }

    #[test]
    fn records_stay_in_order_when_sums_overlap() {
        let mut trace = Trace::default();
        trace.ran(10, 4, 10);
        // Two that called each other from 10 to 100, told at once.
        trace.ran(100, 5, 40);
        trace.ran(100, 6, 50);
        trace.rested(100);
        let batch = trace.read(0, |_| true);
        let runs: Vec<_> = batch.records.iter().map(|it| (it.t_ns, it.pid)).collect();
        assert_eq!(runs, [(60, 4), (60, 5), (100, 6)]);
    }

    #[test]
    fn only_what_may_be_seen_is_read() {
        let mut trace = Trace::default();
        for number in 0..10 {
            trace.note(0, number as Pid % 2, TraceKind::Call, number);
        }
        let batch = trace.read(0, |record| record.pid == 1);
        assert_eq!(numbers(&batch), [1, 3, 5, 7, 9]);
        assert_eq!((batch.next, batch.end, batch.lost), (10, 10, 0));
    }

    proptest! {
        /// Whoever reads at whatever pace sees every record once, in order, or is
        /// told how many were lost.
        #[test]
        fn nothing_is_lost_without_being_counted(steps in proptest::collection::vec((0..3000u64, 0..4u8), 0..20)) {
            let mut trace = Trace::default();
            let (mut noted, mut accounted, mut from) = (0, 0, 0);
            for (count, reads) in steps {
                for _ in 0..count {
                    trace.note(noted, 1, TraceKind::Call, noted);
                    noted += 1;
                }
                for _ in 0..reads {
                    let batch = trace.read(from, |_| true);
                    accounted += batch.lost;
                    for number in numbers(&batch) {
                        prop_assert_eq!(number, accounted);
                        accounted += 1;
                    }
                    from = batch.next;
                    prop_assert_eq!(from, accounted);
                }
            }
            prop_assert!(accounted <= noted);
            prop_assert_eq!(trace.counters(0).of(TraceKind::Call).count, noted);
        }

        #[test]
        fn any_number_can_be_asked_for(from: u64) {
            let mut trace = Trace::default();
            trace.note(0, 1, TraceKind::Call, 7);
            let batch = trace.read(from, |_| true);
            prop_assert_eq!(batch.next, 1);
        }
    }
}
