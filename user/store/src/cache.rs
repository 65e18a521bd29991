//! Pages of a disk that were read of late.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec;
use alloc::vec::Vec;

use crate::disk::{Disk, DiskError, SECTOR};

/// Sectors of a page.
const PAGE: usize = 8;
/// The most pages that are kept.
const MAX_PAGES: usize = 128;

/// A disk of which pages are kept: what is read often is read once. Writes go
/// through at once, so nothing is lost that the disk would not lose.
pub struct Cache<D> {
    disk: D,
    pages: BTreeMap<u64, Vec<u8>>,
    /// The numbers of the pages, oldest first.
    order: VecDeque<u64>,
}

impl<D: Disk> Cache<D> {
    /// Nothing is kept yet.
    pub const fn new(disk: D) -> Self {
        Self {
            disk,
            pages: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// A page, from the disk if it must be.
    fn page(&mut self, number: u64) -> Result<&[u8], DiskError> {
        if !self.pages.contains_key(&number) {
            let first = number.saturating_mul(PAGE as u64);
            let left = self.disk.sectors().saturating_sub(first);
            let count = usize::try_from(left).map_or(PAGE, |left| left.min(PAGE));
            let mut page = vec![0; count.saturating_mul(SECTOR)];
            self.disk.read(first, &mut page)?;
            if self.pages.len() >= MAX_PAGES
                && let Some(oldest) = self.order.pop_front()
            {
                self.pages.remove(&oldest);
            }
            self.pages.insert(number, page);
            self.order.push_back(number);
        }
        self.pages.get(&number).map(Vec::as_slice).ok_or(DiskError)
    }

    fn forget(&mut self, number: u64) {
        if self.pages.remove(&number).is_some() {
            self.order.retain(|one| *one != number);
        }
    }
}

/// The page of a sector, and where in it the sector begins.
fn place(sector: u64) -> (u64, usize) {
    let within = usize::try_from(sector % PAGE as u64).unwrap_or(0);
    (sector / PAGE as u64, within.saturating_mul(SECTOR))
}

impl<D: Disk> Disk for Cache<D> {
    fn sectors(&self) -> u64 {
        self.disk.sectors()
    }

    fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        for (piece, sector) in buffer.chunks_mut(SECTOR).zip(sector..) {
            let (number, at) = place(sector);
            let page = self.page(number)?;
            let from = page.get(at..at.saturating_add(piece.len()));
            piece.copy_from_slice(from.ok_or(DiskError)?);
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DiskError> {
        let written = self.disk.write(sector, data);
        for (piece, sector) in data.chunks(SECTOR).zip(sector..) {
            let (number, at) = place(sector);
            let kept = self.pages.get_mut(&number);
            let kept = kept.and_then(|page| page.get_mut(at..at.saturating_add(piece.len())));
            match (written, kept) {
                (Ok(()), Some(kept)) => kept.copy_from_slice(piece),
                // Nobody knows what is there now.
                _ => self.forget(number),
            }
        }
        written
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.disk.flush()
    }
}
