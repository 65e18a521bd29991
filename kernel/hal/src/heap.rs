//! The kernel's heap: one fixed block of physical memory.

use linked_list_allocator::LockedHeap;

/// The budget for everything that the kernel keeps records of, in bytes.
pub const SIZE: usize = 2 << 20;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

/// Hands the heap its block.
///
/// # Safety
/// 1. `base` is the start of [`SIZE`] writable bytes that nobody else uses.
/// 2. Called once.
pub unsafe fn init(base: *mut u8) {
    // SAFETY: the caller's promises are the ones that are needed.
    unsafe { HEAP.lock().init(base, SIZE) };
}

/// Bytes in use.
pub fn used() -> usize {
    HEAP.lock().used()
}
