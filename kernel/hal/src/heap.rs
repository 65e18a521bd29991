//! The kernel's heap: one fixed block of physical memory.

use linked_list_allocator::LockedHeap;

/// The least that the kernel needs for its records, in bytes.
pub const LEAST: u64 = 2 << 20;
/// The most that it has any use for.
const MOST: u64 = 32 << 20;

/// How much of so much memory the heap gets: the number of processes that there
/// can be follows from it.
#[must_use]
pub const fn size_for(memory_bytes: u64) -> u64 {
    let share = memory_bytes / 64;
    let size = if share < LEAST {
        LEAST
    } else if share > MOST {
        MOST
    } else {
        share
    };
    size.next_multiple_of(crate::memory::FRAME)
}

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Hands the heap its block.
///
/// # Safety
/// 1. `base` is the start of `size` writable bytes that nobody else uses.
/// 2. Called once.
pub unsafe fn init(base: *mut u8, size: usize) {
    // SAFETY: the caller's promises are the ones that are needed.
    unsafe { HEAP.lock().init(base, size) };
}

/// All bytes.
pub fn size() -> usize {
    HEAP.lock().size()
}

/// Bytes in use.
pub fn used() -> usize {
    HEAP.lock().used()
}
