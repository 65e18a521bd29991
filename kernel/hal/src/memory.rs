//! Physical memory: the kernel's window onto it, and its frames.

use core::sync::atomic::{AtomicU64, Ordering};

use bootloader_api::info::{MemoryRegionKind, MemoryRegions};
use proviso_kernel_core::frames::Frames;
use proviso_kernel_core::machine::NoMemory;

/// The size of a frame, in bytes.
pub const FRAME: u64 = 4096;

/// All of physical memory is mapped from this address up.
static WINDOW: AtomicU64 = AtomicU64::new(0);

/// The number of a frame: its physical address divided by [`FRAME`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameNumber(pub(crate) usize);

impl FrameNumber {
    /// The frame's physical address.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.0 as u64 * FRAME
    }
}

/// A pointer to a physical address, through the window.
#[inline(always)]
pub(crate) fn pointer(physical: u64) -> *mut u8 {
    (WINDOW.load(Ordering::Relaxed) + physical) as *mut u8
}

/// The physical address behind a pointer into the window.
pub(crate) fn physical(pointer: *const u8) -> u64 {
    pointer as u64 - WINDOW.load(Ordering::Relaxed)
}

/// The frames of the machine.
#[derive(Debug)]
pub struct Memory {
    frames: Frames,
    total: u64,
    kernel: u64,
}

impl Memory {
    /// Takes over the memory that the loader says is usable, and gives the heap
    /// its block out of it.
    ///
    /// # Errors
    /// [`NoMemory`] if no region has room for the heap.
    ///
    /// # Safety
    /// 1. `window` is where all of physical memory is mapped writable.
    /// 2. The regions are true: nobody uses what is called usable.
    /// 3. Called once.
    pub unsafe fn take_over(window: u64, regions: &MemoryRegions) -> Result<Self, NoMemory> {
        WINDOW.store(window, Ordering::Relaxed);
        let usable = || {
            regions
                .iter()
                .filter(|region| region.kind == MemoryRegionKind::Usable)
        };
        let sizes = usable().map(|region| region.end.saturating_sub(region.start));
        let heap = crate::heap::size_for(sizes.sum());
        let place = usable()
            .map(|region| (region.start.next_multiple_of(FRAME), region.end))
            .filter(|(start, end)| end.saturating_sub(*start) > heap)
            .max_by_key(|(start, end)| end - start)
            .map(|(start, _)| start)
            .ok_or(NoMemory)?;
        // SAFETY: 1. The block is usable, mapped, and taken out of the frames below. 2. Called once.
        unsafe { crate::heap::init(pointer(place), heap as usize) };
        let end = usable().map(|region| region.end).max().unwrap_or(0);
        let mut frames = Frames::new((end / FRAME) as usize);
        for region in usable() {
            let first = region.start.div_ceil(FRAME);
            for frame in first..region.end / FRAME {
                let address = frame * FRAME;
                if !(place..place + heap).contains(&address) {
                    frames.insert(frame as usize);
                }
            }
        }
        // What the firmware keeps is no memory of ours; what the loader used is.
        let boot: u64 = regions
            .iter()
            .filter(|region| region.kind == MemoryRegionKind::Bootloader)
            .map(|region| (region.end - region.start).div_ceil(FRAME))
            .sum();
        let kernel = boot + heap / FRAME;
        Ok(Self {
            total: frames.free() + kernel,
            kernel,
            frames,
        })
    }

    /// Frames that nobody holds.
    #[must_use]
    pub fn free(&self) -> u64 {
        self.frames.free()
    }

    /// Frames that the machine has, and those that the kernel keeps.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        (self.total, self.kernel)
    }

    /// Takes a zeroed frame.
    ///
    /// # Errors
    /// [`NoMemory`] if there is none.
    #[inline]
    pub(crate) fn take(&mut self) -> Result<FrameNumber, NoMemory> {
        let frame = FrameNumber(self.frames.take().ok_or(NoMemory)?);
        zero(frame);
        Ok(frame)
    }

    /// Takes a frame with these bytes from an offset on, and zeroes elsewhere.
    ///
    /// # Errors
    /// [`NoMemory`] if there is none.
    pub(crate) fn take_with(
        &mut self,
        (offset, bytes): (usize, &[u8]),
    ) -> Result<FrameNumber, NoMemory> {
        let frame = FrameNumber(self.frames.take().ok_or(NoMemory)?);
        let bytes = &bytes[..bytes.len().min(FRAME as usize - offset)];
        if bytes.len() < FRAME as usize {
            zero(frame);
        }
        if !bytes.is_empty() {
            let to = pointer(frame.address() + offset as u64);
            // SAFETY: 1. The frame was just taken, so nobody else uses it, and the
            // window maps it writable. 2. By the line above the bytes end in it.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(frame)
    }

    /// Takes zeroed frames in a row.
    ///
    /// # Errors
    /// [`NoMemory`] if there are not so many in a row.
    pub(crate) fn take_row(&mut self, count: usize) -> Result<FrameNumber, NoMemory> {
        let first = self.frames.take_contiguous(count).ok_or(NoMemory)?;
        (first..first + count).for_each(|frame| zero(FrameNumber(frame)));
        Ok(FrameNumber(first))
    }

    /// Takes zeroed frames in a row for a device, for good.
    ///
    /// # Errors
    /// [`NoMemory`] if there are not so many in a row.
    pub(crate) fn take_for_device(&mut self, count: usize) -> Result<FrameNumber, NoMemory> {
        let first = self.take_row(count)?;
        self.kernel += count as u64;
        Ok(first)
    }

    /// Gives a frame back.
    pub(crate) fn give_back(&mut self, frame: FrameNumber) {
        let was_taken = self.frames.insert(frame.0);
        assert!(was_taken, "frame {} was given back twice", frame.0);
    }
}

/// Zeroes a frame. `rep stosq` counts once for eight bytes where a byte-wise
/// `memset` counts for each (518 instructions instead of 4102 under emulation).
#[inline]
fn zero(frame: FrameNumber) {
    // SAFETY: 1. The frame was just taken, so nobody else uses it. 2. The
    // window maps it writable. 3. The direction flag is clear.
    unsafe {
        core::arch::asm!(
            "rep stosq",
            inout("rcx") FRAME / 8 => _,
            inout("rdi") pointer(frame.address()) => _,
            in("rax") 0u64,
            options(nostack, preserves_flags)
        );
    }
}
