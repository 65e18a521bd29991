//! Files that survive a power cut.
//!
//! A [`Store`] keeps files on a [`Disk`], which is whatever reads and writes
//! sectors: the virtio block device in the guest, a piece of memory in tests.
//! Underneath is the log-structured store of the crate `ekv`: a change is written
//! beside what is there and becomes valid with its last write, and a checksum
//! stands beside everything.
//!
//! What is promised: once [`Store::write`] or [`Store::delete`] has returned, its
//! effect is there after any power cut; a change that a cut interrupts has
//! happened whole or not at all; nothing on a disk makes the store panic. What is
//! not: anything about a disk that says "flushed" before it is.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod disk;
mod error;
mod format;
mod key;
mod pages;
mod path;
mod store;

pub use disk::{Disk, DiskError, SECTOR};
pub use error::StoreError;
pub use path::{MAX_PATH, check as check_path};
pub use store::{Entry, MAX_FILE, Store};
