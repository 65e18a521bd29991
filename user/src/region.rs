//! Memory that several processes can reach.
//!
//! ```ignore
//! let region = Region::create(4)?;                  // four pages, zeroed, on our account
//! let memory = region.map(Access::Write)?;          // where we can reach them
//! memory.write(0, b"for you")?;
//! let theirs = ipc::copy(region.0, Rights::READ, 0)?;   // to be passed along: read only
//! ```

use core::sync::atomic::{AtomicU64, Ordering};

use proviso_abi::Handle;
use proviso_abi::layout::PAGE;
use proviso_abi::region::{Access, MAX_MAPPINGS, MAX_REGION_PAGES, REGIONS_BASE};
use proviso_abi::syscall::{Error, Request};

use crate::raw;

/// Places for mappings lie so far apart: as long as the longest region, and as
/// much again that nobody maps, so that running over an end is a fault.
const STRIDE: u64 = 2 * MAX_REGION_PAGES * PAGE;

/// Which places are taken, a bit each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// A handle to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(pub Handle);

/// Where a region can be reached. Dropped, it ends.
///
/// Others may change the memory at any time, so it is read and written by
/// copying, byte by byte: two sides that want to understand each other agree on
/// who writes what when, by calls or notifications.
#[derive(Debug)]
pub struct Mapping {
    address: u64,
    length: u64,
    region: Region,
}

impl Region {
    /// Makes a region of so many pages, which are taken as they are touched.
    ///
    /// # Errors
    /// [`Error::Invalid`] for none or too many, [`Error::NoMemory`], [`Error::Full`].
    pub fn create(pages: u64) -> Result<Self, Error> {
        new(pages, 0)
    }

    /// Makes a region whose pages are taken at once and lie in a row, for a device.
    ///
    /// # Errors
    /// As for [`Region::create`].
    pub fn pinned(pages: u64) -> Result<Self, Error> {
        new(pages, 1)
    }

    /// Maps `pages` pages from the page `first` on at a free place.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the region has no such pages, [`Error::NotPermitted`]
    /// if the handle does not allow it, [`Error::Full`] if there are too many mappings.
    pub fn map(self, first: u64, pages: u64, access: Access) -> Result<Mapping, Error> {
        let place = (0..MAX_MAPPINGS as u64)
            .find(|place| TAKEN.fetch_or(1 << place, Ordering::Relaxed) & 1 << place == 0)
            .ok_or(Error::Full)?;
        let address = REGIONS_BASE + place * STRIDE;
        let mapping = self.map_at(address, first, pages, access);
        if mapping.is_err() {
            TAKEN.fetch_and(!(1 << place), Ordering::Relaxed);
        }
        mapping
    }

    /// The same at an address of the program's choice.
    ///
    /// # Errors
    /// As for [`Region::map`], and [`Error::Invalid`] for an address that is none
    /// for regions or taken.
    pub fn map_at(
        self,
        address: u64,
        first: u64,
        pages: u64,
        access: Access,
    ) -> Result<Mapping, Error> {
        let request = Request::Map {
            region: self.0,
            address,
            first,
            pages,
            access: access as u64,
        };
        // SAFETY: the kernel maps at addresses that nothing of the program's uses.
        unsafe { raw::call(request) }?;
        Ok(Mapping {
            address,
            length: pages * PAGE,
            region: self,
        })
    }
}

fn new(pages: u64, pinned: u64) -> Result<Region, Error> {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Region { pages, pinned }) }.map(|handle| Region(Handle(handle)))
}

impl Mapping {
    /// Where it begins.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes it has.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The region.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    fn place(&self, offset: u64, length: usize) -> Result<*mut u8, Error> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.length => Ok((self.address + offset) as *mut u8),
            _ => Err(Error::TooLong),
        }
    }

    /// Copies bytes out of the region.
    ///
    /// # Errors
    /// [`Error::TooLong`] if it ends before. A page that cannot be had, or was
    /// taken away, is a fault.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let from = self.place(offset, bytes.len())?;
        for (index, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: 1. The range is within the mapping, where nothing of the
            // program's lies. 2. Every value is a byte; a volatile read does not
            // assume that others leave it alone. 3. Where it is not mapped any
            // more the kernel ends the process.
            *byte = unsafe { from.add(index).read_volatile() };
        }
        Ok(())
    }

    /// Copies bytes into the region.
    ///
    /// # Errors
    /// As for [`Mapping::read`].
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let to = self.place(offset, bytes.len())?;
        for (index, byte) in bytes.iter().enumerate() {
            // SAFETY: as in `read`.
            unsafe { to.add(index).write_volatile(*byte) };
        }
        Ok(())
    }

    /// Changes what it is for.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] if the handle does not allow that,
    /// [`Error::Invalid`] if the mapping is gone.
    pub fn protect(&self, access: Access) -> Result<(), Error> {
        let request = Request::Protect {
            region: self.region.0,
            address: self.address,
            access: access as u64,
        };
        // SAFETY: the kernel writes to no memory.
        unsafe { raw::call(request) }.map(|_| ())
    }
}

/// Ends the mapping that begins at an address. Whoever still uses it faults.
///
/// # Errors
/// [`Error::Invalid`] if none begins there.
pub fn unmap(address: u64) -> Result<(), Error> {
    // SAFETY: memory of mappings is nobody's but theirs, and they only copy: what is
    // gone is a fault that the kernel ends the process by.
    unsafe { raw::call(Request::Unmap { address }) }.map(|_| ())
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let address = self.address;
        // It may be gone already, with its handle.
        let _ = unmap(address);
        let place = address.wrapping_sub(REGIONS_BASE) / STRIDE;
        if address.is_multiple_of(STRIDE) && place < MAX_MAPPINGS as u64 {
            TAKEN.fetch_and(!(1 << place), Ordering::Relaxed);
        }
    }
}

const _: () = assert!(REGIONS_BASE.is_multiple_of(STRIDE));
