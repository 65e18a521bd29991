//! A disk of sectors as `ekv` sees it: pages of flash memory.
//!
//! A sector is written whole, so a few bytes are written by reading their sectors
//! and putting them back. A disk does that to a sector whole or not at all, so
//! the bytes around them stay what they are.

use alloc::vec;

use ekv::config::{ERASE_VALUE, MAX_PAGE_COUNT, PAGE_SIZE};
use ekv::flash::{Flash, PageID};

use crate::disk::{Disk, DiskError, SECTOR};

/// The pages of a disk: all of it but the last sector.
pub struct Pages<D> {
    /// The disk.
    pub disk: D,
    /// Whether what is written need not come to rest in order, because a cut only
    /// means that all is begun anew: while a store is made.
    pub is_new: bool,
}

impl<D: Disk> Pages<D> {
    fn sector(page: PageID, offset: usize) -> u64 {
        let byte = page
            .index()
            .saturating_mul(PAGE_SIZE)
            .saturating_add(offset);
        (byte / SECTOR) as u64
    }
}

impl<D: Disk> Flash for Pages<D> {
    type Error = DiskError;

    fn page_count(&self) -> usize {
        let pages = self.disk.sectors().saturating_sub(1) / (PAGE_SIZE / SECTOR) as u64;
        usize::try_from(pages).map_or(MAX_PAGE_COUNT, |pages| pages.min(MAX_PAGE_COUNT))
    }

    async fn erase(&mut self, page: PageID) -> Result<(), DiskError> {
        let sector = Self::sector(page, 0);
        self.disk.write(sector, &[ERASE_VALUE; PAGE_SIZE])?;
        self.settle()
    }

    async fn read(
        &mut self,
        page: PageID,
        offset: usize,
        data: &mut [u8],
    ) -> Result<(), DiskError> {
        let (sectors, within) = self.around(page, offset, data.len())?;
        let wanted = sectors.get(within..within.saturating_add(data.len()));
        data.copy_from_slice(wanted.ok_or(DiskError)?);
        Ok(())
    }

    /// Each write is flushed: the store counts on them coming to rest in order.
    async fn write(&mut self, page: PageID, offset: usize, data: &[u8]) -> Result<(), DiskError> {
        let (mut sectors, within) = self.around(page, offset, data.len())?;
        let place = sectors.get_mut(within..within.saturating_add(data.len()));
        place.ok_or(DiskError)?.copy_from_slice(data);
        self.disk.write(Self::sector(page, offset), &sectors)?;
        self.settle()
    }
}

impl<D: Disk> Pages<D> {
    fn settle(&mut self) -> Result<(), DiskError> {
        match self.is_new {
            true => Ok(()),
            false => self.disk.flush(),
        }
    }

    /// The sectors around some bytes of a page, and where in them the bytes begin.
    fn around(
        &mut self,
        page: PageID,
        offset: usize,
        count: usize,
    ) -> Result<(alloc::vec::Vec<u8>, usize), DiskError> {
        let within = offset % SECTOR;
        let end = within.saturating_add(count).next_multiple_of(SECTOR);
        let mut sectors = vec![0; end];
        self.disk.read(Self::sector(page, offset), &mut sectors)?;
        Ok((sectors, within))
    }
}
