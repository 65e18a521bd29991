//! The console: input for its owner, and output of many on one line.
//!
//! The owner writes as it likes. Everybody else's output comes in whole lines
//! that never mix with the owner's: where the owner has begun a line, that line
//! is erased or left, and the owner's next read says so, once, so that it can
//! draw its prompt and input again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use crate::machine::Machine;
use crate::text;

/// Typed bytes that are kept until they are read; more stay in the device.
const MAX_INPUT: usize = 1024;

/// The state of the console.
#[derive(Debug)]
pub struct Tty {
    input: VecDeque<u8>,
    is_ansi: bool,
    is_at_line_start: bool,
    is_disturbed: bool,
}

impl Tty {
    /// A console that understands ANSI sequences, or does not.
    #[must_use]
    pub const fn new(is_ansi: bool) -> Self {
        Self {
            input: VecDeque::new(),
            is_ansi,
            is_at_line_start: true,
            is_disturbed: false,
        }
    }

    /// Fetches what was typed, as much as there is room for.
    pub fn poll<M: Machine>(&mut self, machine: &mut M) {
        let mut buffer = [0; 256];
        loop {
            let room = MAX_INPUT.saturating_sub(self.input.len()).min(buffer.len());
            let Some(free) = buffer.get_mut(..room) else {
                return;
            };
            if free.is_empty() {
                return;
            }
            let count = machine.console_read(free);
            if count == 0 {
                return;
            }
            self.input.extend(free.iter().take(count));
        }
    }

    /// Whether something typed waits to be read.
    #[must_use]
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Up to `count` typed bytes, which stay.
    #[must_use]
    pub fn typed(&self, count: usize) -> Vec<u8> {
        self.input.iter().take(count).copied().collect()
    }

    /// Forgets the first `count` typed bytes.
    pub fn consume(&mut self, count: usize) {
        self.input.drain(..count.min(self.input.len()));
    }

    /// Whether the owner's line was disturbed since it last wrote; asked once.
    pub fn take_disturbed(&mut self) -> bool {
        core::mem::take(&mut self.is_disturbed)
    }

    /// The owner writes.
    pub fn write_owner<M: Machine>(&mut self, machine: &mut M, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        machine.console_write(bytes);
        self.is_at_line_start = *last == b'\n';
        self.is_disturbed = false;
    }

    /// Somebody else writes a line; `is_reading` says whether the owner waits
    /// for input, so that its line is one that it can draw again.
    pub fn write_line<M: Machine>(
        &mut self,
        machine: &mut M,
        is_reading: bool,
        line: fmt::Arguments<'_>,
    ) {
        if !self.is_at_line_start {
            let erase = is_reading && self.is_ansi;
            machine.console_write(if erase { b"\r\x1b[K" } else { self.newline() });
            self.is_disturbed = true;
        }
        machine.console_write(text::harmless(&alloc::fmt::format(line)).as_bytes());
        machine.console_write(self.newline());
        self.is_at_line_start = true;
    }

    /// What ends a line. A terminal in raw mode needs the carriage return, a
    /// transcript does not want it.
    const fn newline(&self) -> &'static [u8] {
        if self.is_ansi { b"\r\n" } else { b"\n" }
    }
}
