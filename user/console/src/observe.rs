//! `/top` and `/trace`: what the machine does, as text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use proviso_abi::Effect;
use proviso_abi::syscall::Syscall;
use proviso_abi::trace::{Counters, Record, TraceKind};
use proviso_abi::value::Bytes;

use crate::effects;
use crate::table::{Side, Table};

/// A picture of the machine: who uses it, and what happened in the last while.
#[must_use]
pub fn top(before: &Counters, now: &Counters, elapsed: Duration, busiest: &Effect) -> String {
    let mut text = rates(before, now, elapsed);
    text.push('\n');
    text.push_str(&effects::render(busiest));
    text
}

/// What happened in the time between two looks, in a second.
fn rates(before: &Counters, now: &Counters, elapsed: Duration) -> String {
    let micros = u64::try_from(elapsed.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let per_second = |count: u64| count.saturating_mul(1_000_000) / micros;
    let count = |kind| now.of(kind).count.saturating_sub(before.of(kind).count);
    let grown = now
        .of(TraceKind::Grow)
        .sum
        .saturating_sub(before.of(TraceKind::Grow).sum);
    let mut table = Table::bare(&[Side::Left, Side::Right, Side::Left]);
    for (name, rate) in [
        ("switches", per_second(count(TraceKind::Run)).to_string()),
        ("calls", per_second(count(TraceKind::Call)).to_string()),
        ("faults", per_second(count(TraceKind::Fault)).to_string()),
        ("started", per_second(count(TraceKind::Start)).to_string()),
        ("memory", Bytes(per_second(grown)).to_string()),
    ] {
        table.row([name.into(), rate, "a second".into()]);
    }
    let asked = now.of(TraceKind::Intent).count;
    let admitted = now.of(TraceKind::Admit).count;
    let refused = now.of(TraceKind::Reject).count;
    table.row([
        "requests".into(),
        asked.to_string(),
        format!("since boot, {admitted} plans allowed, {refused} refused"),
    ]);
    table.render()
}

/// Records as lines, oldest first, and how many there were before them.
#[must_use]
pub fn trace(records: &[Record], earlier: u64) -> String {
    let mut table = Table::bare(&[Side::Right, Side::Left, Side::Left]);
    for record in records {
        let (seconds, micros) = (record.t_ns / 1_000_000_000, record.t_ns / 1000 % 1_000_000);
        table.row([
            format!("{seconds}.{micros:06}"),
            format!("pid {}", record.pid),
            words(record),
        ]);
    }
    format!("{}  {earlier} records before these\n", table.render())
}

fn words(record: &Record) -> String {
    let value = record.value;
    match record.kind {
        TraceKind::Run => format!("ran {} us", value / 1000),
        TraceKind::Call => match Syscall::from_number(value) {
            Some(call) => format!("call {}", call.name()),
            None => format!("unknown call {value}"),
        },
        TraceKind::Fault => format!("fault at instruction {value:#x}"),
        TraceKind::Grow => format!("got {} more memory", Bytes(value)),
        TraceKind::Start => format!("started by pid {value}"),
        TraceKind::End => "ended".into(),
        TraceKind::Intent => format!("asked, intent {value}"),
        TraceKind::Admit => format!("plan allowed, intent {value}"),
        TraceKind::Reject => format!("plan refused, intent {value}"),
        TraceKind::View => format!("looked at for a plan in {} us", value / 1000),
        TraceKind::Judge => format!("plan judged in {} us", value / 1000),
    }
}

/// The newest of records that come batch by batch.
#[derive(Debug)]
pub struct Newest {
    most: usize,
    /// The newest, oldest first.
    pub records: Vec<Record>,
    /// How many there were before.
    pub earlier: u64,
}

impl Newest {
    /// Keeps at most so many.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            records: Vec::new(),
            earlier: 0,
        }
    }

    /// Takes in what came next, and how many were lost before it.
    pub fn add(&mut self, records: &[Record], lost: u64) {
        self.records.extend_from_slice(records);
        let old = self.records.len().saturating_sub(self.most);
        self.records.drain(..old);
        self.earlier = self.earlier.saturating_add(lost).saturating_add(old as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(t_ns: u64, kind: TraceKind, value: u64) -> Record {
        Record {
            t_ns,
            pid: 4,
            kind,
            value,
        }
    }

    #[test]
    fn rates_are_of_the_time_between_two_looks() {
        let (before, mut now) = (Counters::default(), Counters::default());
        let nobody = Effect::Processes(Vec::new());
        for _ in 0..50 {
            now.note(TraceKind::Call, 3);
        }
        now.note(TraceKind::Grow, 1 << 20);
        now.note(TraceKind::Intent, 1);
        let text = top(&before, &now, Duration::from_millis(500), &nobody);
        assert!(text.contains("  calls     100  a second\n"), "{text}");
        assert!(text.contains("  memory     2M  a second\n"), "{text}");
        assert!(
            text.contains("  requests    1  since boot, 0 plans"),
            "{text}"
        );
        // No time at all divides nothing by zero.
        let text = top(&before, &now, Duration::ZERO, &nobody);
        assert!(text.contains("no processes"), "{text}");
    }

    #[test]
    fn every_kind_of_record_has_its_words() {
        let mut seen = Vec::new();
        for kind in TraceKind::ALL {
            let line = trace(&[record(1_000_234_999, *kind, 3)], 7);
            assert!(line.starts_with("  1.000234  pid 4  "), "{line}");
            assert!(line.ends_with("\n  7 records before these\n"), "{line}");
            assert!(!seen.contains(&line), "{line}");
            seen.push(line);
        }
        assert!(trace(&[record(0, TraceKind::Call, 999)], 0).contains("unknown call 999"));
    }

    #[test]
    fn the_newest_are_kept_and_the_others_counted() {
        let mut newest = Newest::new(3);
        let records: Vec<Record> = (0..5).map(|t| record(t, TraceKind::End, 0)).collect();
        newest.add(&records[..2], 10);
        newest.add(&records[2..], 0);
        assert_eq!(newest.records, records[2..]);
        assert_eq!(newest.earlier, 12);
    }
}
