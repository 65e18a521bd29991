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

mod abuse;
mod calls;
mod crashes;
mod guards;
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
mod storms;
mod time;

use proviso_user::abi::INIT;
use proviso_user::{Args, println, program};

use harness::Test;

program!(main);

/// Tests, and whether they are abuse by name.
const GROUPS: &[(&[Test], bool)] = &[
    (time::TESTS, false),
    (memory::TESTS, false),
    (regions::TESTS, true),
    (messages::TESTS, false),
    (calls::TESTS, false),
    (intents::TESTS, false),
    (life::TESTS, false),
    (limits::TESTS, false),
    (scheduling::TESTS, false),
    (crashes::TESTS, false),
    (abuse::TESTS, false),
    (guards::TESTS, true),
    (storms::TESTS, false),
];

fn main(args: Args) -> i32 {
    if args.pid() != INIT {
        return roles::play(args);
    }
    storms::configure(args);
    let only = args.value("only").unwrap_or_default();
    let chosen = GROUPS
        .iter()
        .flat_map(|(group, is_abuse)| group.iter().map(|test| (test, *is_abuse)))
        .filter(|(test, _)| test.name.contains(only));
    let (mut passed, mut failed) = (0, 0);
    for (test, is_abuse) in chosen {
        match (test.run)() {
            Ok(()) => {
                passed += 1;
                println!("test {} ... ok", test.name);
                if is_abuse {
                    println!("abuse {}: A test of its own.", test.name);
                }
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
