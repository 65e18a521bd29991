//! What a store needs of a disk.

use core::fmt;

/// Bytes of a sector: what a disk writes whole or not at all.
pub const SECTOR: usize = 512;

/// A disk that failed. What was asked of it may have happened in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskError;

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk does not answer as it should")
    }
}

/// A disk of numbered sectors.
pub trait Disk {
    /// How many sectors it has.
    fn sectors(&self) -> u64;

    /// Reads whole sectors, from `sector` on.
    ///
    /// # Errors
    /// When the disk cannot; `buffer` is then undefined.
    fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), DiskError>;

    /// Writes whole sectors, from `sector` on. They may come to rest in any order
    /// until the next [`Disk::flush`].
    ///
    /// # Errors
    /// When the disk cannot; some of the sectors may have been written.
    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DiskError>;

    /// Returns once everything written is where no power cut reaches it.
    ///
    /// # Errors
    /// When the disk cannot promise that.
    fn flush(&mut self) -> Result<(), DiskError>;
}
