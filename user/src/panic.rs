//! A panic: say where and why, and end with code 101.

use core::panic::PanicInfo;

use crate::{output, system};

/// The exit code of a program that panicked.
const PANICKED: i32 = 101;

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    let message = info.message();
    match info.location() {
        Some(at) => output::print(format_args!("panicked at {at}: {message}\n")),
        None => output::print(format_args!("panicked: {message}\n")),
    }
    system::exit(PANICKED)
}
