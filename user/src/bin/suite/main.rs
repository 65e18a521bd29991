//! The tests that run inside the machine: every system call and every action,
//! used and abused from ring 3.
//!
//! Started as init it runs all tests (or, with `only=WORD`, those whose name has
//! the word in it), prints a line for each, and exits with 0 if all passed.
//! Started by itself with a role as argument it is a process for a test to
//! play with.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod calls;
mod crashes;
mod harness;
mod intents;
mod kernel;
mod life;
mod limits;
mod memory;
mod messages;
mod regions;
mod roles;
mod scheduling;
mod time;

use proviso_user::abi::INIT;
use proviso_user::{Args, println, program};

use harness::Test;

program!(main);

const GROUPS: &[&[Test]] = &[
    time::TESTS,
    memory::TESTS,
    regions::TESTS,
    messages::TESTS,
    calls::TESTS,
    intents::TESTS,
    life::TESTS,
    limits::TESTS,
    scheduling::TESTS,
    crashes::TESTS,
];

fn main(args: Args) -> i32 {
    if args.pid() != INIT {
        return roles::play(args);
    }
    let only = args.value("only").unwrap_or_default();
    let chosen = GROUPS
        .iter()
        .flat_map(|group| group.iter())
        .filter(|test| test.name.contains(only));
    let (mut passed, mut failed) = (0, 0);
    for test in chosen {
        match (test.run)() {
            Ok(()) => {
                passed += 1;
                println!("test {} ... ok", test.name);
            }
            Err(why) => {
                failed += 1;
                println!("test {} ... FAILED {why}", test.name);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    // Nothing run is nothing tested.
    i32::from(failed > 0 || passed == 0)
}
