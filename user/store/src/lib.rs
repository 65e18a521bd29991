//! Files that survive a power cut.
//!
//! A [`Store`] keeps files on a [`Disk`], which is whatever reads and writes
//! sectors: the virtio block device in the guest, a piece of memory in tests.
//! Underneath is the log-structured store of the crate `ekv`: a change is written
//! beside what is there and becomes valid with its last write, and a checksum
//! stands beside everything.
//!
//! A [`Service`] carries out upon it what the kernel and programs ask.
//!
//! What is promised: once [`Store::change`] has returned, its effect is there after
//! any power cut; a change that a cut interrupts has happened whole or not at all;
//! nothing on a disk makes the store panic. What is not: anything about a disk that
//! says "flushed" before it is.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod cache;
mod disk;
mod error;
mod format;
mod key;
mod pages;
mod path;
mod service;
mod store;

pub use cache::Cache;
pub use disk::{Disk, DiskError, SECTOR};
pub use error::StoreError;
pub use service::{Service, USER_BYTES, USER_FILES};
pub use store::{MAX_FILE, MAX_FILES, MAX_NAME, Store};
