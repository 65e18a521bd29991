//! What a process claims to be memory of its own.

use alloc::vec;
use alloc::vec::Vec;

use proviso_abi::layout::PAGE;
use proviso_abi::syscall::{Error, MAX_BUFFER};

use crate::machine::{BadAddress, Machine};

/// An address and a length that a process named: an allegation.
///
/// Having one proves only that the length is one that a call may have. Whether
/// the memory exists, and is the process's, shows when it is touched, which may
/// be much later for a call that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSlice {
    address: u64,
    length: usize,
}

impl UserSlice {
    /// No bytes.
    pub const EMPTY: Self = Self {
        address: 0,
        length: 0,
    };

    /// Takes the words of a process.
    ///
    /// # Errors
    /// [`Error::TooLong`] if the length is over [`MAX_BUFFER`].
    pub fn new(address: u64, length: u64) -> Result<Self, Error> {
        match usize::try_from(length) {
            Ok(length) if length <= MAX_BUFFER => Ok(Self { address, length }),
            _ => Err(Error::TooLong),
        }
    }

    /// How long it claims to be.
    #[must_use]
    pub const fn len(self) -> usize {
        self.length
    }

    /// Whether it claims to be empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The addresses of its pages.
    pub fn pages(self) -> impl Iterator<Item = u64> {
        let first = self.address & !(PAGE.wrapping_sub(1));
        let end = self.address.saturating_add(self.length as u64);
        (first..end).step_by(PAGE as usize)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`BadAddress`] if the claim was wrong.
    pub fn read<M: Machine>(self, machine: &M, task: &M::Task) -> Result<Vec<u8>, BadAddress> {
        let mut bytes = vec![0; self.length];
        if !bytes.is_empty() {
            machine.copy_in(task, self.address, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Writes to its beginning, if `bytes` fit.
    ///
    /// # Errors
    /// [`BadAddress`] if the claim was wrong; inside, [`Error::TooLong`] if
    /// `bytes` do not fit.
    pub fn write<M: Machine>(
        self,
        machine: &mut M,
        task: &mut M::Task,
        bytes: &[u8],
    ) -> Result<Result<(), Error>, BadAddress> {
        if bytes.len() > self.length {
            return Ok(Err(Error::TooLong));
        }
        if !bytes.is_empty() {
            machine.copy_out(task, self.address, bytes)?;
        }
        Ok(Ok(()))
    }
}
