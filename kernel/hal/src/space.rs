//! Address spaces: four levels of page tables, accounted to the frame.
//!
//! The lower half belongs to the process. The upper half is the kernel's, the
//! same in every space and complete before the first one is made, so it is
//! copied once and never again.

use core::sync::atomic::{AtomicU64, Ordering};

use proviso_kernel_core::machine::{Access, BadAddress, NoMemory};
use proviso_kernel_core::program::Segment;
use x86_64::PhysAddr;
use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::page_table::PageTableEntry;
use x86_64::structures::paging::{PageTable, PageTableFlags as Flags, PhysFrame};

use crate::memory::{FRAME, FrameNumber, Memory, pointer};

/// User addresses end here.
pub(crate) const USER_END: u64 = 0x0000_8000_0000_0000;
/// Entries of the top table that belong to the process.
const USER_ENTRIES: usize = 256;
/// Entries of a table.
const ENTRIES: usize = 512;
/// Levels of tables; level 1 holds the pages.
pub(crate) const LEVELS: u32 = 4;
/// Marks a page that is a region's, in a bit that the processor ignores (Intel
/// SDM vol. 3A, table 4-20).
pub(crate) const SHARED: Flags = Flags::BIT_9;

/// An address space. Dropping it without [`Space::destroy`] loses its frames.
#[derive(Debug)]
pub struct Space {
    pub(crate) root: FrameNumber,
    /// The same as the processor wants it.
    frame: PhysFrame,
    pub(crate) held: u64,
}

/// Writes of CR3 since boot.
static SWITCHES: AtomicU64 = AtomicU64::new(0);

/// Writes of CR3 since boot.
#[inline]
#[must_use]
pub fn switches() -> u64 {
    SWITCHES.load(Ordering::Relaxed)
}

/// The part of an address that picks the entry in a table of a level.
#[inline(always)]
pub(crate) fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1)) & 0x1ff) as usize
}

#[inline(always)]
pub(crate) fn table<'a>(frame: FrameNumber) -> &'a mut PageTable {
    // SAFETY: 1. Only frames that are page tables come here: roots, and entries
    // above level 1. 2. One processor, and no two references to a table are
    // used at once: each is used up before the next is made.
    unsafe { &mut *pointer(frame.address()).cast::<PageTable>() }
}

#[inline(always)]
pub(crate) fn frame_of(entry: &PageTableEntry) -> Option<FrameNumber> {
    entry
        .flags()
        .contains(Flags::PRESENT)
        .then(|| FrameNumber((entry.addr().as_u64() / FRAME) as usize))
}

pub(crate) fn page_flags(access: Access) -> Flags {
    let flags = Flags::PRESENT | Flags::USER_ACCESSIBLE;
    match access {
        Access::Read => flags | Flags::NO_EXECUTE,
        Access::Write => flags | Flags::NO_EXECUTE | Flags::WRITABLE,
        Access::Execute => flags,
    }
}

impl Space {
    /// A space with nothing but the kernel in it.
    ///
    /// # Errors
    /// [`NoMemory`] if there is no frame for its first table.
    pub fn create(memory: &mut Memory) -> Result<Self, NoMemory> {
        let root = memory.take()?;
        let kernel = table(kernel_root()).iter().skip(USER_ENTRIES);
        for (own, entry) in table(root).iter_mut().skip(USER_ENTRIES).zip(kernel) {
            own.clone_from(entry);
        }
        Ok(Self {
            root,
            frame: physical_frame(root),
            held: 1,
        })
    }

    /// Frames that the space holds, its tables included.
    #[must_use]
    pub const fn held(&self) -> u64 {
        self.held
    }

    /// Maps the pages of a segment; see the machine trait's `map`.
    ///
    /// # Errors
    /// [`NoMemory`] if a bound would be broken or the range is not free and in
    /// the lower half; then nothing has changed.
    pub fn map(
        &mut self,
        memory: &mut Memory,
        segment: &Segment<'_>,
        limit_frames: u64,
        keep_free: u64,
    ) -> Result<(), NoMemory> {
        let (address, pages) = (segment.address, segment.pages);
        let bytes = pages.checked_mul(FRAME).ok_or(NoMemory)?;
        let end = address
            .checked_add(bytes)
            .filter(|end| *end <= USER_END)
            .ok_or(NoMemory)?;
        // An upper bound that no machine of ours reaches keeps the sums below small.
        if !address.is_multiple_of(FRAME) || pages > memory.free() {
            return Err(NoMemory);
        }
        let needed = pages + self.missing_tables(address, end);
        if self.held + needed > limit_frames || memory.free() < keep_free.saturating_add(needed) {
            return Err(NoMemory);
        }
        if spans(address, end).any(|(at, pages)| self.is_mapped(at, pages)) {
            return Err(NoMemory);
        }
        let flags = page_flags(segment.access);
        for (at, pages) in spans(address, end) {
            let below = leaf_table(memory, self.root, LEVELS, at, &mut self.held)?;
            let entries = below.iter_mut().skip(index(at, 1)).take(pages);
            for (entry, page) in entries.zip((at..).step_by(FRAME as usize)) {
                let frame = match segment.data {
                    [] => memory.take(),
                    _ => memory.take_with(segment.content_of(page)),
                }?;
                entry.set_addr(PhysAddr::new_truncate(frame.address()), flags);
            }
            self.held += pages as u64;
        }
        Ok(())
    }

    /// Whether one of so many pages, for which one table is responsible, is there.
    fn is_mapped(&self, at: u64, pages: usize) -> bool {
        self.table_at(at, 1).is_some_and(|below| {
            let mut entries = table(below).iter().skip(index(at, 1)).take(pages);
            entries.any(|entry| !entry.is_unused())
        })
    }

    /// How many tables a mapping of this range would add.
    pub(crate) fn missing_tables(&self, address: u64, end: u64) -> u64 {
        let mut missing = 0;
        for level in 1..LEVELS {
            // One table of this level spans so many bytes.
            let span = FRAME << (9 * level);
            let mut at = address & !(span - 1);
            while at < end {
                missing += u64::from(self.table_at(at, level).is_none());
                at += span;
            }
        }
        missing
    }

    /// The table of a level that is responsible for an address.
    pub(crate) fn table_at(&self, address: u64, level: u32) -> Option<FrameNumber> {
        table_under(self.root, LEVELS, level, address)
    }

    /// The page's frame and what the process may do with it.
    fn find(&self, address: u64) -> Option<(FrameNumber, Flags)> {
        if address >= USER_END {
            return None;
        }
        let entry = &table(self.table_at(address, 1)?)[index(address, 1)];
        frame_of(entry).map(|frame| (frame, entry.flags()))
    }

    /// Where memory of the process lies in the machine, if it may write there and
    /// it is all in one page.
    #[must_use]
    pub fn physical(&self, address: u64, length: u64) -> Option<u64> {
        let offset = address % FRAME;
        let (frame, flags) = self.find(address)?;
        let fits = offset.checked_add(length)? <= FRAME && flags.contains(Flags::WRITABLE);
        fits.then(|| frame.address() + offset)
    }

    /// Walks a range page by page: the pointer to each piece, and its length.
    fn pieces(
        &self,
        address: u64,
        length: usize,
        needed: Flags,
        mut visit: impl FnMut(*mut u8, usize, usize),
    ) -> Result<(), BadAddress> {
        let mut done = 0;
        while done < length {
            let at = address.checked_add(done as u64).ok_or(BadAddress)?;
            let (frame, flags) = self.find(at).ok_or(BadAddress)?;
            if !flags.contains(needed) {
                return Err(BadAddress);
            }
            let offset = at % FRAME;
            let piece = ((FRAME - offset) as usize).min(length - done);
            visit(pointer(frame.address() + offset), done, piece);
            done += piece;
        }
        Ok(())
    }

    /// Reads memory of the process.
    ///
    /// # Errors
    /// [`BadAddress`] if a byte is not mapped; the buffer's content is then unspecified.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), BadAddress> {
        let to = buffer.as_mut_ptr();
        self.pieces(
            address,
            buffer.len(),
            Flags::USER_ACCESSIBLE,
            |from, done, piece| {
                // SAFETY: 1. `from` is `piece` bytes of a frame of the process's,
                // mapped by the window. 2. `done + piece` is within the buffer.
                // 3. Kernel buffers and frames of processes never overlap.
                unsafe { to.add(done).copy_from_nonoverlapping(from, piece) };
            },
        )
    }

    /// Writes memory of the process.
    ///
    /// # Errors
    /// [`BadAddress`] if a byte is not mapped or not writable; nothing is written.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), BadAddress> {
        let needed = Flags::USER_ACCESSIBLE | Flags::WRITABLE;
        self.pieces(address, bytes.len(), needed, |_, _, _| {})?;
        self.pieces(address, bytes.len(), needed, |to, done, piece| {
            // SAFETY: as in `read`, the other way round; the process does not
            // run, so it sees all of it or none.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr().add(done), piece) };
        })
    }

    /// Whether the space is the one in force.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        current_root() == self.frame.start_address().as_u64()
    }

    /// Makes the space the one in force, unless it is already: writing CR3
    /// costs more than hundreds of instructions.
    #[inline]
    pub fn enter(&self) {
        if !self.is_current() {
            // SAFETY: the kernel's half is the same in every space.
            unsafe { set_root(self.frame) };
        }
    }

    /// Gives back every frame. `kernel` is a root that stays valid.
    pub fn destroy(self, memory: &mut Memory, kernel: KernelRoot) {
        if kernel_root() == self.root {
            // SAFETY: the boot root has the kernel's half and is never freed.
            unsafe { set_root(physical_frame(kernel.0)) };
        }
        let given = 1 + give_back_below(memory, self.root, LEVELS, USER_ENTRIES);
        memory.give_back(self.root);
        assert!(
            given == self.held,
            "a process held {} frames and gave back {given}",
            self.held
        );
    }
}

/// The table of a level that is responsible for an address, under a root.
#[inline]
pub(crate) fn table_under(
    root: FrameNumber,
    top: u32,
    level: u32,
    address: u64,
) -> Option<FrameNumber> {
    let (mut frame, mut above) = (root, top);
    while above > level {
        frame = frame_of(&table(frame)[index(address, above)])?;
        above -= 1;
    }
    Some(frame)
}

/// The entry of a page, in tables that are made where they are missing and added
/// to what their owner holds.
pub(crate) fn leaf<'a>(
    memory: &mut Memory,
    root: FrameNumber,
    top: u32,
    page: u64,
    held: &mut u64,
) -> Result<&'a mut PageTableEntry, NoMemory> {
    leaf_table(memory, root, top, page, held).map(|below| &mut below[index(page, 1)])
}

/// The same for the table that the entry is in.
fn leaf_table<'a>(
    memory: &mut Memory,
    root: FrameNumber,
    top: u32,
    page: u64,
    held: &mut u64,
) -> Result<&'a mut PageTable, NoMemory> {
    let mut at = root;
    for level in (2..=top).rev() {
        let slot = index(page, level);
        at = match frame_of(&table(at)[slot]) {
            Some(next) => next,
            None => {
                let next = memory.take()?;
                *held += 1;
                let flags = Flags::PRESENT | Flags::WRITABLE | Flags::USER_ACCESSIBLE;
                table(at)[slot].set_addr(PhysAddr::new(next.address()), flags);
                next
            }
        };
    }
    Ok(table(at))
}

/// A range in pieces for which one table each is responsible: where it begins, and
/// how many pages it has.
fn spans(address: u64, end: u64) -> impl Iterator<Item = (u64, usize)> {
    let span = FRAME << 9;
    (address & !(span - 1)..end)
        .step_by(span as usize)
        .map(move |base| {
            let at = base.max(address);
            (at, ((end.min(base + span) - at) / FRAME) as usize)
        })
}

/// Gives back a table and everything below it but what is a region's; how many
/// frames that was.
pub(crate) fn give_back_table(memory: &mut Memory, frame: FrameNumber, level: u32) -> u64 {
    let given = give_back_below(memory, frame, level, ENTRIES);
    memory.give_back(frame);
    given + 1
}

/// Gives back what is below the first so many entries of a table. Most are not in
/// use, so they are looked at eight at a time.
fn give_back_below(memory: &mut Memory, frame: FrameNumber, level: u32, entries: usize) -> u64 {
    // SAFETY: as in `table`; an entry is a word, and 0 if it is not in use.
    let words = unsafe { &*pointer(frame.address()).cast::<[u64; ENTRIES]>() };
    let mut given = 0;
    for (eight, chunk) in words[..entries].as_chunks::<8>().0.iter().enumerate() {
        if chunk.iter().fold(0, |all, word| all | word) == 0 {
            continue;
        }
        for entry in table(frame).iter().skip(eight * 8).take(8) {
            match frame_of(entry).filter(|_| !entry.flags().contains(SHARED)) {
                Some(below) if level > 1 => given += give_back_table(memory, below, level - 1),
                Some(below) => {
                    memory.give_back(below);
                    given += 1;
                }
                None => {}
            }
        }
    }
    given
}

/// The page tables that the loader made, which no process owns.
#[derive(Debug, Clone, Copy)]
pub struct KernelRoot(FrameNumber);

impl KernelRoot {
    /// The tables in force, at boot.
    #[must_use]
    pub fn current() -> Self {
        Self(kernel_root())
    }
}

/// What CR3 holds; the low bits are never set.
#[inline(always)]
fn current_root() -> u64 {
    let root;
    // SAFETY: reading the register has no effect.
    unsafe {
        core::arch::asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags))
    };
    root
}

/// The root of the tables in force; every root has the kernel's half.
#[inline]
pub(crate) fn kernel_root() -> FrameNumber {
    FrameNumber((Cr3::read().0.start_address().as_u64() / FRAME) as usize)
}

fn physical_frame(root: FrameNumber) -> PhysFrame {
    PhysFrame::containing_address(PhysAddr::new(root.address()))
}

/// # Safety
/// The tables must map the kernel as the present ones do.
#[inline]
unsafe fn set_root(root: PhysFrame) {
    // One processor: nobody writes between the two.
    SWITCHES.store(switches().wrapping_add(1), Ordering::Relaxed);
    // SAFETY: the caller's promise.
    unsafe { Cr3::write(root, Cr3Flags::empty()) };
}
