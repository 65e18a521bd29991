//! The system log: the newest lines, in memory.

use alloc::collections::VecDeque;
use core::fmt;

use proviso_abi::snapshot::LogLine;
use proviso_abi::{Pid, Sentence};

use crate::text;

/// The most lines that are kept; the oldest go first.
pub const MAX_LINES: usize = 256;
/// The writer of the kernel's own lines.
pub const KERNEL: Pid = 0;

/// The newest log lines, oldest first.
#[derive(Debug, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
}

impl Log {
    /// Adds a line, without its control characters and cut to a sentence.
    pub fn push(&mut self, now_ns: u64, pid: Pid, line: fmt::Arguments<'_>) {
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        let text = text::harmless(&Sentence::format(line));
        let text = Sentence::cut(&text);
        self.lines.push_back(LogLine {
            t: now_ns / 1_000_000_000,
            pid,
            text,
        });
    }

    /// All lines, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &LogLine> + ExactSizeIterator {
        self.lines.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_make_room() {
        let mut log = Log::default();
        for line in 0..300u64 {
            log.push(line * 1_000_000_000, 4, format_args!("line {line}"));
        }
        assert_eq!(log.lines().len(), MAX_LINES);
        let first = log.lines().next().unwrap();
        assert_eq!(
            (first.t, first.pid, first.text.as_str()),
            (44, 4, "line 44")
        );
    }

    #[test]
    fn a_line_is_cut_and_cannot_steer_a_terminal() {
        let mut log = Log::default();
        log.push(0, 4, format_args!("\x1b[2J{}", "x".repeat(1000)));
        let line = log.lines().next().unwrap();
        assert!(line.text.starts_with("?[2Jxxx"));
        assert_eq!(line.text.len(), 512);
    }
}
