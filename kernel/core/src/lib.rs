//! The kernel's logic without its hardware.
//!
//! Everything here is safe, deterministic and runs on the host, which is where
//! it is tested. What it needs of the machine it asks of a [`machine::Machine`].
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod admit;
pub mod frames;
pub mod machine;
pub mod select;
pub mod view;
