//! The Proviso kernel: joins the logic (`core`) and the hardware (`hal`).
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod boot;
mod hardware;

/// Where the loader enters.
mod entry {
    proviso_hal::kernel_entry!(crate::boot::main);
}
