//! What passes between a caller and who answers.

use crate::handle::Handle;
use crate::syscall::FOREVER;

/// Words of a message that travel in registers: `rsi`, `rdx`, `r10`, `r8`.
pub const WORDS: usize = 4;
/// The most bytes that a call or a reply carries beside its words.
pub const MAX_MESSAGE: usize = 4096;
/// The most bytes of a letter, which waits in the kernel until it is received.
pub const MAX_LETTER: usize = 256;
/// Set in the result of a receive where somebody waits for a reply; the bytes
/// of the message are counted below it.
pub const IS_CALL: u64 = 1 << 32;

/// What does not fit into registers: bytes out and in, a time limit, a handle.
/// A program passes the address of one; address 0 is no bytes, no handle, and
/// no end to the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Envelope {
    /// The bytes that go with the call or reply.
    pub out_address: u64,
    /// How many.
    pub out_length: u64,
    /// Where the bytes that come may be written.
    pub in_address: u64,
    /// How many fit.
    pub in_length: u64,
    /// The longest wait.
    pub timeout_ns: u64,
    /// A handle that the other side gets a copy of, or none.
    pub handle: Handle,
}

impl Envelope {
    /// Its size in memory, in bytes.
    pub const SIZE: usize = 48;

    /// What address 0 means.
    pub const EMPTY: Self = Self {
        out_address: 0,
        out_length: 0,
        in_address: 0,
        in_length: 0,
        timeout_ns: FOREVER,
        handle: Handle::NONE,
    };

    /// Reads one as a program laid it out in memory.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|chunk| {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or(0);
        Self {
            out_address: next(),
            out_length: next(),
            in_address: next(),
            in_length: next(),
            timeout_ns: next(),
            handle: Handle(next()),
        }
    }
}

/// Who is behind a badge that [`crate::syscall::Syscall::Open`] gave.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The program that the process runs.
    pub program: crate::Name,
    /// The ordinary user whose process it is; none is the operator.
    pub user: Option<crate::Name>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_read_as_it_lies_in_memory() {
        assert_eq!(size_of::<Envelope>(), Envelope::SIZE);
        let mut bytes = [0; Envelope::SIZE];
        for (index, chunk) in bytes.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&(index as u64 + 1).to_le_bytes());
        }
        let envelope = Envelope::from_bytes(&bytes);
        assert_eq!((envelope.out_address, envelope.out_length), (1, 2));
        assert_eq!((envelope.in_address, envelope.in_length), (3, 4));
        assert_eq!((envelope.timeout_ns, envelope.handle), (5, Handle(6)));
    }
}
