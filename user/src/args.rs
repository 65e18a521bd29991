//! What a program was started with.

use proviso_abi::Pid;

/// A program's arguments and its process number.
#[derive(Debug, Clone, Copy)]
pub struct Args {
    joined: &'static [u8],
    pid: Pid,
}

impl Args {
    pub(crate) const fn new(joined: &'static [u8], pid: Pid) -> Self {
        Self { joined, pid }
    }

    /// The number of this process.
    #[must_use]
    pub const fn pid(self) -> Pid {
        self.pid
    }

    /// The arguments in order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        // No bytes are no arguments, not one empty one.
        (!self.joined.is_empty())
            .then(|| self.joined.split(|byte| *byte == 0))
            .into_iter()
            .flatten()
            .map(|argument| core::str::from_utf8(argument).unwrap_or("?"))
    }

    /// The argument at `index`, counted from 0.
    #[must_use]
    pub fn get(self, index: usize) -> Option<&'static str> {
        self.iter().nth(index)
    }

    /// The value of the first argument `key=value` with this key.
    #[must_use]
    pub fn value(self, key: &str) -> Option<&'static str> {
        self.iter()
            .find_map(|argument| argument.strip_prefix(key)?.strip_prefix('='))
    }

    /// The number at `index`, or `default` if there is none.
    #[must_use]
    pub fn number(self, index: usize, default: u64) -> u64 {
        self.get(index)
            .and_then(|argument| argument.parse().ok())
            .unwrap_or(default)
    }
}
