//! What a process writes, cut into lines, and how many of them may be shown.

use alloc::string::String;
use alloc::vec::Vec;

/// The most bytes of a line; a longer one goes on in the next.
pub const MAX_LINE: usize = 200;
/// Lines that a process may show at once.
const BURST: u64 = 40;
/// Time after which it may show one more: 20 lines a second, which is more than
/// a person reads and little enough that nobody floods the console.
const LINE_NS: u64 = 50_000_000;

/// The output of one process on its way to the console.
#[derive(Debug)]
pub struct Output {
    partial: Vec<u8>,
    allowance: u64,
    counted_ns: u64,
    skipped: u64,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            partial: Vec::new(),
            allowance: BURST,
            counted_ns: 0,
            skipped: 0,
        }
    }
}

impl Output {
    /// Moves bytes from `input` up to the end of a line, and gives that line if
    /// it is complete. Call again until `input` is empty.
    pub fn take_line(&mut self, input: &mut &[u8]) -> Option<String> {
        while let Some((byte, rest)) = input.split_first() {
            // A continuation byte never starts a line, so characters stay whole.
            if self.partial.len() >= MAX_LINE && byte & 0xC0 != 0x80
                || self.partial.len() >= MAX_LINE + 4
            {
                return self.flush();
            }
            *input = rest;
            match byte {
                b'\n' => return self.flush(),
                b'\r' => {}
                byte => self.partial.push(*byte),
            }
        }
        None
    }

    /// Ends the current line; nothing comes of an empty one.
    pub fn flush(&mut self) -> Option<String> {
        if self.partial.is_empty() {
            return None;
        }
        let line = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        Some(line)
    }

    /// Whether one more line may be shown; if so, how many were not before it.
    pub fn may_show(&mut self, now_ns: u64) -> Option<u64> {
        let earned = now_ns.saturating_sub(self.counted_ns) / LINE_NS;
        self.counted_ns = self
            .counted_ns
            .saturating_add(earned.saturating_mul(LINE_NS));
        self.allowance = self.allowance.saturating_add(earned).min(BURST);
        match self.allowance.checked_sub(1) {
            Some(left) => {
                self.allowance = left;
                Some(core::mem::take(&mut self.skipped))
            }
            None => {
                self.skipped = self.skipped.saturating_add(1);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &mut Output, mut input: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while !input.is_empty() {
            lines.extend(output.take_line(&mut input));
        }
        lines
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut output = Output::default();
        assert!(lines(&mut output, b"hel").is_empty());
        assert_eq!(
            lines(&mut output, b"lo\r\n\nworld\nrest"),
            ["hello", "world"]
        );
        assert_eq!(output.flush().as_deref(), Some("rest"));
        assert_eq!(output.flush(), None);
    }

    #[test]
    fn an_endless_line_is_cut_between_characters() {
        let mut output = Output::default();
        let got = lines(&mut output, "aü".repeat(200).as_bytes());
        assert!(
            got.iter()
                .all(|line| line.len() <= MAX_LINE + 4 && !line.contains('\u{FFFD}'))
        );
        assert!(output.partial.len() <= MAX_LINE + 4);
        // Continuation bytes without end cannot grow it either.
        lines(&mut output, &[0x80; 5000]);
        assert!(output.partial.len() <= MAX_LINE + 4);
    }

    #[test]
    fn a_flood_is_held_back_and_counted() {
        let mut output = Output::default();
        let shown = (0..1000).filter(|_| output.may_show(0).is_some()).count();
        assert_eq!(shown, 40);
        assert_eq!(output.may_show(LINE_NS), Some(960));
        assert_eq!(output.may_show(LINE_NS), None);
    }
}
