//! Physical memory: the one place that makes slices out of addresses.
//!
//! The loader's own page tables map the first 4 GiB where they are.

use core::slice;

use heapless::Vec;
use proviso_loader_core::{
    LoadError, PAGE_BYTES,
    arena::Arena,
    memory::{MemoryMap, PhysRange, REACH},
    paging::{ENTRIES, Table, TableMemory},
};

/// Page tables that can be built: enough for some 200 GiB of memory.
const MAX_TABLES: usize = 256;

/// The `len` bytes at `address`, which the firmware says hold `what`.
///
/// # Safety
/// Nothing writes to these bytes from now on.
pub unsafe fn bytes_at(
    address: u64,
    len: u64,
    what: &'static str,
) -> Result<&'static [u8], LoadError> {
    let in_reach = address
        .checked_add(len)
        .is_some_and(|end| address != 0 && end <= REACH);
    if !in_reach {
        return Err(LoadError::OutOfReach { what, address });
    }
    // SAFETY:
    // 1. The range is not null and below 4 GiB, all of which is mapped.
    // 2. Any bytes are valid `u8`; the caller answers for nobody writing to them.
    Ok(unsafe { slice::from_raw_parts(address as *const u8, len as usize) })
}

/// Free memory, for everything that the kernel gets and for its page tables.
pub struct FreeMemory {
    arena: Arena,
    tables: Vec<&'static mut Table, MAX_TABLES>,
}

impl FreeMemory {
    /// Takes the largest free range of `map`.
    ///
    /// # Safety
    /// `map` keeps everything that is still needed, and nothing else allocates from it.
    pub unsafe fn take(map: &MemoryMap) -> Self {
        Self {
            arena: map.largest_usable(),
            tables: Vec::new(),
        }
    }

    /// Whole pages for `bytes` bytes; their address is where they are in memory.
    #[expect(
        clippy::mut_from_ref,
        reason = "the memory is the arena's, not that of `what`"
    )]
    pub fn allocate(
        &mut self,
        bytes: u64,
        what: &'static str,
    ) -> Result<&'static mut [u8], LoadError> {
        let address = self.arena.allocate(bytes, what)?;
        let len = bytes.next_multiple_of(PAGE_BYTES) as usize;
        // SAFETY:
        // 1. The arena is free memory below 4 GiB (see `take`), all of which is mapped.
        // 2. It hands out every page once, so nobody else has a reference to it.
        Ok(unsafe { slice::from_raw_parts_mut(address as *mut u8, len) })
    }

    /// What has been allocated so far.
    pub const fn used(&self) -> PhysRange {
        self.arena.used()
    }
}

impl TableMemory for FreeMemory {
    fn allocate(&mut self) -> Result<u64, LoadError> {
        let address = self.arena.allocate(PAGE_BYTES, "a page table")?;
        let table = address as *mut Table;
        // SAFETY: as in `FreeMemory::allocate`; a page is a table in size and alignment,
        // and zeros are valid entries.
        let table = unsafe {
            table.write_bytes(0, 1);
            &mut *table
        };
        self.tables
            .push(table)
            .map_err(|_| LoadError::TooManyTables { max: MAX_TABLES })?;
        Ok(address)
    }

    fn table(&mut self, address: u64) -> &mut Table {
        // The latest table is the likeliest.
        let found = self
            .tables
            .iter_mut()
            .rev()
            .find(|table| table.as_ptr() as u64 == address);
        match found {
            Some(table) => table,
            None => panic!("no page table of {ENTRIES} entries at {address:#x}"),
        }
    }
}
