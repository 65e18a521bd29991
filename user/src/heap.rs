//! The heap: grows on demand, and says no where a program asks politely.

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

use linked_list_allocator::Heap;
use proviso_abi::layout::PAGE;
use proviso_abi::syscall::{Error, Request};

use crate::raw;

/// What the heap grows by where a little is needed: few calls, little waste.
const STEP: u64 = 4 * PAGE;

#[global_allocator]
static HEAP: ProcessHeap = ProcessHeap(UnsafeCell::new(Heap::empty()));

/// The heap of a process, which has one thread.
struct ProcessHeap(UnsafeCell<Heap>);

// SAFETY: 1. A process has one thread. 2. Nothing interrupts it to run other
// code of the process. So nobody shares this.
unsafe impl Sync for ProcessHeap {}

impl ProcessHeap {
    /// Runs `action` on the heap.
    fn with<T>(&self, action: impl FnOnce(&mut Heap) -> T) -> T {
        // SAFETY: 1. There is one thread. 2. `with` is only called by the
        // functions of this file, whose actions do not call it again.
        action(unsafe { &mut *self.0.get() })
    }
}

// SAFETY: memory comes from `Heap`, which hands out what it was given once, and
// it was given only what the kernel added to this process.
unsafe impl GlobalAlloc for ProcessHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|heap| {
            heap.allocate_first_fit(layout)
                .or_else(|()| {
                    extend_for(heap, layout).map_err(|_| ())?;
                    heap.allocate_first_fit(layout)
                })
                .map_or(ptr::null_mut(), ptr::NonNull::as_ptr)
        })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(pointer) = ptr::NonNull::new(pointer) else {
            return;
        };
        // SAFETY: the caller promises that `pointer` came from `alloc` with
        // this `layout`, and is not used again.
        self.with(|heap| unsafe { heap.deallocate(pointer, layout) });
    }
}

/// Makes room for `layout`: by a step, or by just enough near the limit.
fn extend_for(heap: &mut Heap, layout: Layout) -> Result<(), Error> {
    // The heap keeps its list in the holes; a hole is two words.
    let room = (layout.size() as u64)
        .checked_add(layout.align() as u64 + 32)
        .ok_or(Error::NoMemory)?;
    extend(heap, room.max(STEP))
        .or_else(|_| extend(heap, room))
        .map(|_| ())
}

/// Takes memory from the kernel into the heap; tells where it begins.
fn extend(heap: &mut Heap, bytes: u64) -> Result<u64, Error> {
    let bytes = bytes
        .checked_next_multiple_of(PAGE)
        .ok_or(Error::NoMemory)?;
    // SAFETY: the kernel maps new memory and writes to none that exists.
    let start = unsafe { raw::call(Request::Grow { bytes }) }?;
    let size = usize::try_from(bytes).map_err(|_| Error::NoMemory)?;
    if heap.size() == 0 {
        // SAFETY: 1. The kernel has just mapped `size` bytes there, readable
        // and writable, for the life of the process. 2. This is the first
        // growth, so the heap is initialised once.
        unsafe { heap.init(start as *mut u8, size) };
    } else {
        // SAFETY: the kernel has just mapped `size` bytes where the heap ended,
        // since all growth goes through here.
        unsafe { heap.extend(size) };
    }
    Ok(start)
}

/// Grows the heap ahead of need; tells where the new memory begins.
///
/// # Errors
/// [`Error::NoMemory`] at the limit, [`Error::Invalid`] for no bytes at all.
pub fn grow(bytes: u64) -> Result<u64, Error> {
    if bytes == 0 {
        return Err(Error::Invalid);
    }
    HEAP.with(|heap| extend(heap, bytes))
}

/// Memory straight from the kernel, for a program that looks at what it got.
///
/// # Errors
/// [`Error::NoMemory`] at the limit, [`Error::Invalid`] for no bytes and once
/// anything was allocated: from then on new memory is the heap's.
pub fn claim(bytes: usize) -> Result<&'static mut [u8], Error> {
    if bytes == 0 || HEAP.with(|heap| heap.size()) > 0 {
        return Err(Error::Invalid);
    }
    let request = Request::Grow {
        bytes: bytes as u64,
    };
    // SAFETY: the kernel maps new memory and writes to none that exists.
    let start = unsafe { raw::call(request) }?;
    // SAFETY: 1. The kernel has just mapped that much there, for the life of
    // the process. 2. Nobody else has it: the heap begins above it.
    Ok(unsafe { core::slice::from_raw_parts_mut(start as *mut u8, bytes) })
}

/// So many zero bytes, for programs that can do without.
///
/// # Errors
/// [`Error::NoMemory`] where an ordinary allocation would end the program.
pub fn try_zeroed(bytes: usize) -> Result<Vec<u8>, Error> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(bytes)
        .map_err(|_| Error::NoMemory)?;
    memory.resize(bytes, 0);
    Ok(memory)
}
