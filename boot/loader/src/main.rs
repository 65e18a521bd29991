//! The loader: from QEMU's `-kernel` to an ordinary `bootloader_api` kernel.
//!
//! QEMU starts it in 32-bit protected mode by the PVH protocol, with a ramdisk as
//! module 0. It goes to long mode, takes the kernel out of the ramdisk, maps it with
//! W^X, fills in `BootInfo` and jumps. On the way it says nothing; whatever goes
//! wrong is one sentence on COM1 and exit code 35.
//!
//! `entry` -> `boot::prepare` -> `handover::Handover::enter` -> the kernel. What can be
//! decided without hardware is in `proviso-loader-core`, which tests on the host.

#![no_std]
#![no_main]

mod boot;
mod console;
mod entry;
mod exceptions;
mod handover;
mod image;
mod memory;

use core::panic::PanicInfo;

/// Called by `entry` in long mode, with the address of the PVH start information.
#[unsafe(no_mangle)]
extern "C" fn loader_main(start_info: u64) -> ! {
    exceptions::install();
    match boot::prepare(start_info) {
        Ok(handover) => handover.enter(),
        Err(error) => console::fail(format_args!("{error}")),
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::fail(format_args!("a fault of its own, please report it: {info}"))
}
