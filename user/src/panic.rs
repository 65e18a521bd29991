//! A panic: say where and why, and end with code 101.

use core::panic::PanicInfo;

use crate::{output, system};

/// The exit code of a program that panicked.
const PANICKED: i32 = 101;

#[panic_handler]
fn panicked(info: &PanicInfo<'_>) -> ! {
    output::print(format_args!("{info}\n"));
    system::exit(PANICKED)
}
