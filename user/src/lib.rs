//! What programs of Proviso are built on.
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! #![forbid(unsafe_code)]
//!
//! use proviso_user::{Args, println, program};
//!
//! program!(main);
//!
//! fn main(args: Args) {
//!     println!("hello from process {}", args.pid());
//! }
//! ```
//!
//! This crate is the only part of a program that may use `unsafe`: the entry,
//! the system calls, the heap, and (for tests of the kernel) the [`fault`]s.
#![no_std]

extern crate alloc;

mod heap;
mod panic;
mod raw;

pub mod args;
pub mod block;
pub mod device;
pub mod fault;
pub mod fs;
pub mod fuzz;
pub mod guard;
pub mod intent;
pub mod ipc;
pub mod measure;
pub mod output;
pub mod region;
pub mod service;
pub mod start;
pub mod system;

pub use args::Args;
pub use heap::{claim, grow, try_zeroed};
pub use intent::{Intent, submit_console, submit_plan, submit_sentence};
pub use ipc::{Extras, Notification, Port, receive};
pub use proviso_abi as abi;
pub use proviso_abi::syscall::Error;
pub use region::Region;
pub use system::{clock, exit, sleep, yield_now};
