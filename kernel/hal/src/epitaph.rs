//! The last words of the kernel: where and why, then the failure code.
//!
//! Takes no lock, allocates nothing, and a failure while failing ends at once.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::power::{Exit, exit};
use crate::serial::Emergency;

static FAILING: AtomicBool = AtomicBool::new(false);

/// Prints why the kernel cannot go on and ends the run.
pub fn end(reason: fmt::Arguments<'_>) -> ! {
    x86_64::instructions::interrupts::disable();
    if !FAILING.swap(true, Ordering::SeqCst) {
        // Nothing is left to do if the words cannot be written.
        let _ = write!(Emergency, "\r\nproviso: {reason}\r\n");
    }
    exit(Exit::Failure)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => end(format_args!(
            "kernel panic at {}:{}: {}",
            place.file(),
            place.line(),
            info.message()
        )),
        None => end(format_args!("kernel panic: {}", info.message())),
    }
}
