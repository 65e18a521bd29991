//! Counts, and says every ten seconds how far it is. Argument: milliseconds a step.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use proviso_user::{Args, clock, println, program, sleep};

program!(main);

const REPORT: Duration = Duration::from_secs(10);

fn main(args: Args) {
    let step = Duration::from_millis(args.number(0, 1000).max(1));
    println!("counting every {} ms", step.as_millis());
    let mut count = 0u64;
    let mut next_report = clock() + REPORT;
    loop {
        sleep(step);
        count += 1;
        if clock() >= next_report {
            println!("counted to {count}");
            next_report += REPORT;
        }
    }
}
