//! A disk for tests.

use std::cell::RefCell;
use std::rc::Rc;

use proviso_store::{Disk, DiskError, SECTOR};

/// What is left of a disk when the power goes.
#[derive(Debug, Default)]
pub struct Platter {
    pub bytes: Vec<u8>,
    /// Written, but not flushed: a cut may lose any of it.
    cached: Vec<(usize, Vec<u8>)>,
    /// Sectors until the power goes.
    left: Option<usize>,
}

/// A disk in memory whose power can go. A clone is another plug of the same disk.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub Rc<RefCell<Platter>>);

impl Memory {
    pub fn blank(bytes: usize) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().bytes = vec![0; bytes];
        disk
    }

    /// The power goes when so many more sectors are written.
    pub fn cut_after(&self, sectors: usize) {
        self.0.borrow_mut().left = Some(sectors);
    }

    /// The power comes back. Of what was not flushed, what `keeps` chooses is there.
    pub fn restart(&self, mut keeps: impl FnMut() -> bool) {
        let mut platter = self.0.borrow_mut();
        platter.left = None;
        for (at, sector) in std::mem::take(&mut platter.cached) {
            if keeps() {
                platter.bytes[at..at + SECTOR].copy_from_slice(&sector);
            }
        }
    }
}

impl Disk for Memory {
    fn sectors(&self) -> u64 {
        (self.0.borrow().bytes.len() / SECTOR) as u64
    }

    fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let platter = self.0.borrow();
        let start = sector as usize * SECTOR;
        let range = start..start + buffer.len();
        buffer.copy_from_slice(platter.bytes.get(range).ok_or(DiskError)?);
        for (at, cached) in &platter.cached {
            if let Some(offset) = at.checked_sub(start).filter(|it| *it < buffer.len()) {
                buffer[offset..offset + SECTOR].copy_from_slice(cached);
            }
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DiskError> {
        let mut platter = self.0.borrow_mut();
        let start = sector as usize * SECTOR;
        if start + data.len() > platter.bytes.len() {
            return Err(DiskError);
        }
        for (index, one) in data.chunks(SECTOR).enumerate() {
            match &mut platter.left {
                Some(0) => return Err(DiskError),
                Some(left) => *left -= 1,
                None => {}
            }
            platter.cached.push((start + index * SECTOR, one.to_vec()));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        let mut platter = self.0.borrow_mut();
        if platter.left == Some(0) {
            return Err(DiskError);
        }
        for (at, sector) in std::mem::take(&mut platter.cached) {
            platter.bytes[at..at + SECTOR].copy_from_slice(&sector);
        }
        Ok(())
    }
}
