//! Ends in the way its argument says: for watching what the system makes of it.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use proviso_user::fault::Fault;
use proviso_user::{Args, println, program};

program!(main);

fn main(args: Args) -> i32 {
    let Some(way) = args.get(0) else {
        return explain();
    };
    match (way, Fault::from_name(way)) {
        (_, Some(fault)) => {
            fault.happen();
            println!("{way} came back: the kernel should have ended this process");
            1
        }
        ("panic", _) => panic!("asked to"),
        ("exit", _) => match args.get(1).unwrap_or("0").parse() {
            Ok(code) => code,
            Err(_) => explain(),
        },
        _ => explain(),
    }
}

fn explain() -> i32 {
    println!("crasher needs to know how: panic, exit CODE, or one of these");
    for fault in Fault::ALL {
        println!("  {}", fault.name());
    }
    2
}
