//! The audit record: who asked for what, what was decided, and what was done.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use proviso_abi::audit::{AuditEvent, AuditRecord, Dropped, Hash};
use proviso_abi::wire::{IntentId, ToAgent};
use proviso_abi::{Effect, Name};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::view::Principal;

/// The most records that are kept; the oldest go first, [`BATCH`] at a time.
pub const MAX_RECORDS: usize = 256;
/// How many go at once: one record of the chain then says so.
const BATCH: usize = 32;
/// Records in one frame of an export. A record is below 700 bytes.
const PER_FRAME: usize = 16;
/// Records that are shown if nobody says how many.
const DEFAULT_SHOWN: usize = 20;

/// Records by number: the first, and the one behind the last.
type Span = (u64, u64);

/// The chain, and how far an export of it is.
#[derive(Debug, Default)]
pub struct Audit {
    records: VecDeque<AuditRecord>,
    next: u64,
    last: Hash,
    committed: u64,
    rejected: u64,
    /// The next record to be sent, and the first that is not.
    export: Option<Span>,
}

impl Audit {
    /// Adds a record to the chain.
    pub fn add(&mut self, now_ns: u64, intent: IntentId, who: Name, event: AuditEvent) {
        if self.records.len() >= MAX_RECORDS {
            self.drop_oldest(now_ns);
        }
        self.push(now_ns, intent, who, event);
    }

    fn push(&mut self, now_ns: u64, intent: IntentId, who: Name, event: AuditEvent) {
        let mut record = AuditRecord {
            number: self.next,
            t_ms: now_ns / 1_000_000,
            intent,
            who,
            event,
            hash: Hash::START,
        };
        record.hash = record.link(self.last);
        self.last = record.hash;
        self.next = self.next.saturating_add(1);
        self.records.push_back(record);
    }

    fn drop_oldest(&mut self, now_ns: u64) {
        let mut newest = None;
        for _ in 0..BATCH {
            let Some(record) = self.records.pop_front() else {
                break;
            };
            match &record.event {
                AuditEvent::Committed(_) => self.committed = self.committed.saturating_add(1),
                AuditEvent::Rejected(_) => self.rejected = self.rejected.saturating_add(1),
                _ => {}
            }
            newest = Some((record.number, record.hash));
        }
        let Some((up_to, hash)) = newest else { return };
        let dropped = Dropped {
            up_to,
            hash,
            committed: self.committed,
            rejected: self.rejected,
        };
        let event = AuditEvent::Dropped(dropped);
        self.push(now_ns, 0, Name::cut("kernel"), event);
    }

    /// The records that are kept, oldest first.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &AuditRecord> + ExactSizeIterator {
        self.records.iter()
    }

    /// Begins to send all that is kept; says how many records that are.
    pub fn export(&mut self) -> usize {
        let first = self
            .records
            .front()
            .map_or(self.next, |record| record.number);
        self.export = Some((first, self.next));
        self.records.len()
    }

    /// The next part of an export: what to send, and where it goes on.
    fn part(&self) -> Option<(Vec<AuditRecord>, Option<Span>)> {
        let (from, end) = self.export?;
        let part: Vec<AuditRecord> = self
            .records
            .iter()
            .filter(|record| record.number >= from && record.number < end)
            .take(PER_FRAME)
            .cloned()
            .collect();
        let next = part
            .last()
            .map_or(end, |record| record.number.saturating_add(1));
        Some((part, (next < end).then_some((next, end))))
    }
}

impl<M: Machine> Kernel<M> {
    /// Puts something on record.
    pub(crate) fn note(
        &mut self,
        machine: &M,
        principal: Principal,
        intent: IntentId,
        event: AuditEvent,
    ) {
        let who = self.principal_name(principal);
        self.audit.add(machine.now_ns(), intent, who, event);
    }

    /// Sends the next part of an export, if one is under way and the channel
    /// takes it.
    pub(crate) fn export_audit(&mut self, machine: &mut M) {
        let Some((records, next)) = self.audit.part() else {
            return;
        };
        let is_last = next.is_none();
        if self.link.send(machine, ToAgent::Audit { records, is_last }) {
            self.audit.export = next;
        }
    }

    /// The newest records, oldest first.
    pub(crate) fn show_audit(&self, limit: Option<u32>) -> Effect {
        let most = limit.map_or(DEFAULT_SHOWN, |limit| limit as usize);
        Effect::Audit(newest(self.audit.records().rev(), most))
    }

    /// The newest records with all the words of a query; of others than the
    /// operator only their own.
    pub(crate) fn search_history(&self, principal: Principal, query: &str) -> Effect {
        let own = self.principal_name(principal);
        let query = query.to_lowercase();
        let is_meant = |record: &&AuditRecord| {
            let text = words(&record.event).to_lowercase();
            (principal == Principal::Operator || record.who == own)
                && query.split_whitespace().all(|word| text.contains(word))
        };
        let found = self.audit.records().rev().filter(is_meant);
        Effect::Audit(newest(found, DEFAULT_SHOWN))
    }
}

fn newest<'a>(records: impl Iterator<Item = &'a AuditRecord>, most: usize) -> Vec<AuditRecord> {
    let mut records: Vec<AuditRecord> = records.take(most).cloned().collect();
    records.reverse();
    records
}

fn words(event: &AuditEvent) -> String {
    alloc::format!("{event}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::Sentence;
    use proviso_abi::audit::Verifier;

    #[test]
    fn what_is_dropped_is_summarised_in_the_chain() {
        let mut audit = Audit::default();
        for number in 0..1000u64 {
            let text = Sentence::format(format_args!("plan {number}"));
            let event = match number % 2 {
                0 => AuditEvent::Committed(text),
                _ => AuditEvent::Rejected(text),
            };
            audit.add(number * 1_000_000, number, Name::cut("operator"), event);
        }
        assert!(audit.records().len() <= MAX_RECORDS);
        let mut verifier = Verifier::default();
        for record in audit.records() {
            verifier.check(record).unwrap();
        }
        let first = audit.records().next().unwrap();
        let mut summaries = audit.records().filter_map(|record| match &record.event {
            AuditEvent::Dropped(dropped) => Some(*dropped),
            _ => None,
        });
        let last = summaries.next_back().unwrap();
        assert_eq!(last.up_to + 1, first.number);
        assert_eq!(first.link(last.hash), first.hash, "the summary anchors it");
        assert!(last.committed.abs_diff(last.rejected) <= 1 && last.committed > 300);
    }

    #[test]
    fn an_export_comes_in_parts_and_whole() {
        let mut audit = Audit::default();
        for number in 0..40 {
            audit.add(0, number, Name::cut("operator"), AuditEvent::Boot);
        }
        assert_eq!(audit.export(), 40);
        let mut numbers = Vec::new();
        while let Some((part, next)) = audit.part() {
            numbers.extend(part.iter().map(|record| record.number));
            audit.export = next;
        }
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    }
}
