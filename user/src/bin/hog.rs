//! Takes memory until it gets no more, and holds it. Argument: `fast` for all at once.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use proviso_user::{Args, println, program, sleep, try_zeroed};

program!(main);

const STEP: usize = 256 * 1024;
/// Less than this is not worth asking for.
const SMALLEST: usize = 1024;

fn main(args: Args) {
    let pause = match args.get(0) {
        Some("fast") => Duration::ZERO,
        _ => Duration::from_millis(100),
    };
    let mut held = 0;
    loop {
        let taken = take_all(pause);
        if taken > 0 {
            held += taken;
            println!("holding {} KiB, and there is no more for me", held / 1024);
        }
        // The limit may be raised.
        sleep(Duration::from_secs(1));
    }
}

/// Takes memory in ever smaller steps; how much it was.
fn take_all(pause: Duration) -> usize {
    let mut taken = 0;
    let mut step = STEP;
    while step >= SMALLEST {
        match try_zeroed(step) {
            Ok(memory) => {
                taken += memory.leak().len();
                sleep(pause);
            }
            Err(_) => step /= 2,
        }
    }
    taken
}
