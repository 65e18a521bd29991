//! The kernel's logic without its hardware.
//!
//! Everything here is safe, deterministic and runs on the host, which is where
//! it is tested. What it needs of the machine it asks of a [`machine::Machine`].
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod admit;
mod agent;
pub mod audit;
pub mod capabilities;
mod commit;
pub mod confirm;
mod connections;
mod console;
pub mod cpu;
pub mod cpu_cap;
mod disk;
mod effects;
mod evidence;
mod fast_path;
mod faults;
mod files;
pub mod frames;
pub mod intents;
pub mod ipc;
pub mod kernel;
mod lifecycle;
pub mod link;
pub mod loader;
pub mod log;
pub mod machine;
pub mod mailbox;
pub mod memory;
pub mod object;
pub mod output;
pub mod process;
pub mod program;
mod question;
pub mod rate;
mod regions;
pub mod relations;
mod rounds;
pub mod rules;
pub mod scheduler;
pub mod select;
mod session;
mod snapshot;
mod syscalls;
pub mod table;
pub mod text;
pub mod trace;
pub mod tty;
pub mod undo;
pub mod user_slice;
pub mod users;
pub mod view;
mod waits;

/// By this name the generator of plans, which tests from outside share, finds it.
#[cfg(test)]
extern crate self as proviso_kernel_core;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
