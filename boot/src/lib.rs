//! From source to a running machine: everything that `./qemu.sh` and the tests share.
//!
//! | module | what it does |
//! |---|---|
//! | [`guest`] | builds loader, kernel and programs for the bare machine |
//! | [`image`] | packs them into a ramdisk |
//! | [`qemu`] | puts QEMU's command line together |
//! | [`session`] | runs a machine and talks to its console |
//! | [`exit`] | what a machine's exit code means |
//! | [`agent`], [`model`] | the process on the host that plans, and where its model is |
//! | [`setup`] | finds out what is missing and installs it |
//! | [`launch`] | all of that together, from a person's choices |
//! | [`interactive`], [`script`] | the two ways in which a person uses a machine |
//! | [`suite`], [`mod@bench`] | the tests, and how long it takes to boot |
//! | [`process`], [`terminal`] | nothing left running, and the terminal as it was |
//!
//! A machine for a test, in five lines:
//!
//! ```no_run
//! use std::time::Duration;
//! use proviso_boot::{guest, image::{Console, Image}, qemu::Machine, session::Session};
//!
//! # fn main() -> anyhow::Result<()> {
//! let guest = guest::build()?;
//! let image = Image::of(&guest)?.console(Console::Plain).agent(false);
//! let mut session = Session::boot(&Machine::new(&guest.loader), &image)?;
//! session.wait_for_prompt(Duration::from_secs(20))?;
//! println!("{}", session.ask("/ps", Duration::from_secs(5))?);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

pub mod agent;
pub mod bench;
pub mod disk;
pub mod exit;
pub mod fuzz_bench;
pub mod guest;
pub mod image;
pub mod interactive;
pub mod kernel_bench;
pub mod launch;
pub mod model;
pub mod paths;
pub mod process;
pub mod qemu;
pub mod script;
pub mod session;
pub mod setup;
pub mod suite;
pub mod terminal;
mod toolchain;

/// What the shell prints when it waits for a line.
pub const PROMPT: &str = "proviso> ";

/// What the shell asks before something is destroyed; `y` means yes.
pub const QUESTION: &str = "go ahead? [y/N] ";
