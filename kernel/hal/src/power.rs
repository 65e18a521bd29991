//! Ending the run: QEMU's isa-debug-exit device.
//!
//! The device turns a written value `v` into the exit status `2v + 1`. QEMU's
//! own failures exit with 1, so 0 cannot be used for success.

use x86_64::instructions::port::Port;
use x86_64::instructions::{hlt, interrupts};

/// How the run ends; the number is what is written to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Exit {
    /// A clean shutdown: QEMU exits with 33.
    Clean = 16,
    /// A failure: QEMU exits with 35.
    Failure = 17,
    /// The machine wants to be started again: QEMU exits with 37.
    Reboot = 18,
}

/// Ends the run. On a machine without the device it halts for good.
pub fn exit(how: Exit) -> ! {
    // SAFETY: 1. Port 0xf4 belongs to isa-debug-exit or to nobody. 2. The
    // device does not touch memory.
    unsafe { Port::new(0xf4).write(how as u32) };
    loop {
        interrupts::disable();
        hlt();
    }
}
