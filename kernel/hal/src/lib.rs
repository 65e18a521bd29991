//! The only unsafe code of the kernel: processor, page tables, devices.
//!
//! Each module wraps one piece of hardware in a type that safe code cannot
//! misuse. The kernel runs on one processor with interrupts off in ring 0, so
//! there is no concurrency in here but that of devices writing to memory.
#![no_std]

extern crate alloc;

pub use bootloader_api;

pub mod boot;
pub mod clock;
pub mod context;
pub mod descriptors;
pub mod disk;
pub mod entry;
pub mod epitaph;
pub mod heap;
pub mod interrupts;
pub mod memory;
pub mod pci;
pub mod power;
pub mod processor;
pub mod region;
pub mod serial;
pub mod space;
pub mod task;
pub mod traps;
pub mod virtio;
