//! The frames of memory regions. A region is a little tree of page tables, two
//! levels deep, whose pages the tables of processes point to as well: there the
//! entries are marked, so that only the region gives its frames back.

use proviso_kernel_core::machine::{Access, NoMemory, RegionMemory};
use x86_64::structures::paging::PageTableFlags as Flags;
use x86_64::{PhysAddr, VirtAddr};

use crate::memory::{FRAME, FrameNumber, Memory};
use crate::space::{
    LEVELS, SHARED, Space, USER_END, frame_of, give_back_table, index, leaf, page_flags, table,
    table_under,
};

/// Levels of a region's tree.
const TREE: u32 = 2;

/// The root of a region's tree. The number comes from [`create`] and no region is
/// used after [`destroy`]: the kernel's logic sees to both.
fn root(region: RegionMemory) -> FrameNumber {
    FrameNumber(region.0 as usize)
}

/// An empty region.
///
/// # Errors
/// [`NoMemory`] if there is no frame for its root.
pub fn create(memory: &mut Memory) -> Result<RegionMemory, NoMemory> {
    memory.take().map(|root| RegionMemory(root.0 as u64))
}

/// Frames that a region holds, its tables included.
#[must_use]
pub fn held(region: RegionMemory) -> u64 {
    let tables = table(root(region)).iter().filter_map(frame_of);
    tables.fold(1, |sum, below| {
        sum + 1 + table(below).iter().filter_map(frame_of).count() as u64
    })
}

/// The frame of a page, if the region has it.
fn find(region: RegionMemory, page: u64) -> Option<FrameNumber> {
    let below = table_under(root(region), TREE, 1, page * FRAME)?;
    frame_of(&table(below)[index(page * FRAME, 1)])
}

fn put(
    memory: &mut Memory,
    region: RegionMemory,
    page: u64,
    frame: FrameNumber,
) -> Result<(), NoMemory> {
    let entry = leaf(memory, root(region), TREE, page * FRAME, &mut 0)?;
    let flags = Flags::PRESENT | Flags::WRITABLE;
    entry.set_addr(PhysAddr::new(frame.address()), flags);
    Ok(())
}

/// Sees to it that a region has a page; how many frames that took.
///
/// # Errors
/// [`NoMemory`] if it would be more than `allowed`; then nothing was taken.
pub fn fill(
    memory: &mut Memory,
    region: RegionMemory,
    page: u64,
    allowed: u64,
) -> Result<u64, NoMemory> {
    let below = table_under(root(region), TREE, 1, page * FRAME);
    let is_there = |below| frame_of(&table(below)[index(page * FRAME, 1)]).is_some();
    let needed = match below {
        Some(below) if is_there(below) => return Ok(0),
        Some(_) => 1,
        None => 2,
    };
    if needed > allowed.min(memory.free()) {
        return Err(NoMemory);
    }
    let frame = memory.take()?;
    put(memory, region, page, frame)?;
    Ok(needed)
}

/// Fills an empty region with frames in a row.
///
/// # Errors
/// [`NoMemory`] if there is none, or it would be more than `allowed`.
pub fn pin(
    memory: &mut Memory,
    region: RegionMemory,
    pages: u64,
    allowed: u64,
) -> Result<(), NoMemory> {
    // One table holds all pages that may be pinned.
    if pages.saturating_add(1) > allowed.min(memory.free()) {
        return Err(NoMemory);
    }
    let first = memory.take_row(pages as usize)?;
    for page in 0..pages {
        put(memory, region, page, FrameNumber(first.0 + page as usize))?;
    }
    Ok(())
}

/// Gives back every frame of a region; how many that were.
pub fn destroy(memory: &mut Memory, region: RegionMemory) -> u64 {
    give_back_table(memory, root(region), TREE)
}

impl Space {
    /// Maps a page that a region has; see the machine trait's `map_region`.
    ///
    /// # Errors
    /// [`NoMemory`] if it takes more than `allowed` frames for tables, or the
    /// region does not have the page; then nothing has changed.
    pub fn map_region(
        &mut self,
        memory: &mut Memory,
        region: RegionMemory,
        page: u64,
        at: u64,
        access: Access,
        allowed: u64,
    ) -> Result<(), NoMemory> {
        let frame = find(region, page).ok_or(NoMemory)?;
        let is_below = at.checked_add(FRAME).is_some_and(|end| end <= USER_END);
        let is_dear = || self.missing_tables(at, at + FRAME) > allowed.min(memory.free());
        if !is_below || (self.table_at(at, 1).is_none() && is_dear()) {
            return Err(NoMemory);
        }
        let entry = leaf(memory, self.root, LEVELS, at, &mut self.held)?;
        // What is not a region's stays what it is: the kernel's logic maps
        // regions nowhere else.
        if entry.is_unused() || entry.flags().contains(SHARED) {
            entry.set_addr(PhysAddr::new(frame.address()), page_flags(access) | SHARED);
        }
        Ok(())
    }

    /// Changes what the process may do with pages of regions, or takes them away.
    pub fn protect_region(&mut self, address: u64, pages: u64, access: Option<Access>) {
        let is_current = self.is_current();
        for at in (address..USER_END)
            .step_by(FRAME as usize)
            .take(pages as usize)
        {
            let Some(below) = self.table_at(at, 1) else {
                continue;
            };
            let entry = &mut table(below)[index(at, 1)];
            if !entry.flags().contains(SHARED) {
                continue;
            }
            match access {
                Some(access) => entry.set_flags(page_flags(access) | SHARED),
                None => entry.set_unused(),
            }
            // Other spaces are forgotten whole when CR3 is written (Intel SDM
            // vol. 3A, 4.10.4.1: no entry is global, and there are no PCIDs).
            if is_current {
                x86_64::instructions::tlb::flush(VirtAddr::new(at));
            }
        }
    }
}
