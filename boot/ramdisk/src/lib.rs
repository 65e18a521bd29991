//! The ramdisk: what the loader finds the kernel in, and the kernel its programs.
//!
//! An ordinary tar archive (`tar tf` lists it) followed by a 16-byte [`trailer`]
//! that says how long the tar is and carries its CRC-32. Every byte is checked
//! before anything in it is believed, because the file may have been cut short,
//! damaged or exchanged on its way into memory.
//!
//! Entries:
//!
//! | path | what |
//! |---|---|
//! | `kernel` | the kernel, an ELF file |
//! | `bin/<program>` | the ring-3 programs, ELF files |
//! | `boot.cfg` | `key=value` lines, see [`BootConfig`] |

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

mod config;
mod error;
#[cfg(feature = "std")]
mod pack;
mod reader;
pub mod trailer;

pub use config::BootConfig;
pub use error::RamdiskError;
#[cfg(feature = "std")]
pub use pack::Packer;
pub use reader::{Entry, Ramdisk};

/// Path of the kernel's ELF file.
pub const KERNEL_PATH: &str = "kernel";

/// Path of the boot configuration.
pub const CONFIG_PATH: &str = "boot.cfg";

/// Folder of the ring-3 programs, with its slash.
pub const PROGRAM_FOLDER: &str = "bin/";
