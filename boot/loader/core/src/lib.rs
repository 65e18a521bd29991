//! The loader's decisions, without its hardware, so that they can be tested on the host.
//!
//! Start information -> [`memory::MemoryMap`] -> [`arena::Arena`] to allocate from;
//! ELF file -> [`kernel::Kernel`]; both -> [`paging::AddressSpace`]. The loader itself
//! only follows pointers, copies bytes and jumps.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod arena;
pub mod error;
pub mod kernel;
pub mod memory;
pub mod paging;
pub mod pvh;
pub mod space;

pub use error::LoadError;

/// Bytes in a page.
pub const PAGE_BYTES: u64 = 4096;

/// Bytes in a large page.
pub const LARGE_PAGE_BYTES: u64 = 2 << 20;

/// Rounds `address` down to a page boundary.
#[must_use]
pub const fn page_down(address: u64) -> u64 {
    address & !(PAGE_BYTES - 1)
}

/// Rounds `address` up to a page boundary; the topmost page stays where it is.
#[must_use]
pub const fn page_up(address: u64) -> u64 {
    page_down(address.saturating_add(PAGE_BYTES - 1))
}
