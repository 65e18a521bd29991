//! Says hello to everybody who is named: a program to start from.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::String;

use proviso_user::{Args, println, program};

program!(main);

fn main(args: Args) -> Result<(), String> {
    if args.iter().next().is_none() {
        return Err(String::from("whom shall I greet? Try: /spawn hello Ada"));
    }
    for name in args.iter() {
        println!("hello {name}");
    }
    Ok(())
}
