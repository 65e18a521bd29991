//! The last words of the kernel: where and why, then the failure code.
//!
//! Takes no lock and allocates nothing. A failure while failing says so and ends;
//! one while saying that ends without words.

use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::power::{Exit, exit};
use crate::serial::Emergency;

/// How many failures there were.
static FAILURES: AtomicU8 = AtomicU8::new(0);

/// Prints why the kernel cannot go on and ends the run.
pub fn end(reason: fmt::Arguments<'_>) -> ! {
    x86_64::instructions::interrupts::disable();
    // Nothing is left to do if the words cannot be written.
    let _ = match FAILURES.fetch_add(1, Ordering::SeqCst) {
        0 => write!(Emergency, "\r\nproviso: {reason}\r\n"),
        1 => Emergency.write_str("\r\nproviso: failed again while saying why\r\n"),
        _ => Ok(()),
    };
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
