//! An empty store on a blank disk, also when the power goes in the middle.
//!
//! Making one takes several writes. So that a disk left half-way is not taken for
//! somebody else's, the last sector, which the store itself does not use, says
//! what is going on until it is done.

use alloc::vec;

use crate::disk::{Disk, DiskError, SECTOR};

/// What the last sector begins with while the store is being made.
const MARK: &[u8] = b"proviso: this disk is being made a store";
/// Sectors that are looked at in one go.
const STRIDE: usize = 64;

/// Whether this disk is blank, or was when somebody began to make it a store.
pub fn is_wanted<D: Disk>(disk: &mut D) -> Result<bool, DiskError> {
    let mut end = [0; SECTOR];
    disk.read(last(disk), &mut end)?;
    if end.starts_with(MARK) {
        return Ok(true);
    }
    let mut buffer = vec![0; STRIDE * SECTOR];
    // The store may have put its first page anywhere; it is found soon all the same,
    // and a blank disk is read through only once.
    for sector in (0..disk.sectors()).step_by(STRIDE) {
        let left = disk.sectors().saturating_sub(sector);
        let count = usize::try_from(left).map_or(STRIDE, |left| left.min(STRIDE));
        let part = buffer
            .get_mut(..count.saturating_mul(SECTOR))
            .ok_or(DiskError)?;
        disk.read(sector, part)?;
        if part.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Says on the disk that a store is being made.
pub fn begin<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    let mut sector = [0; SECTOR];
    for (byte, letter) in sector.iter_mut().zip(MARK) {
        *byte = *letter;
    }
    disk.write(last(disk), &sector)?;
    disk.flush()
}

/// Takes that back: the store is made.
pub fn end<D: Disk>(disk: &mut D) -> Result<(), DiskError> {
    disk.flush()?;
    disk.write(last(disk), &[0; SECTOR])?;
    disk.flush()
}

fn last<D: Disk>(disk: &D) -> u64 {
    disk.sectors().saturating_sub(1)
}
