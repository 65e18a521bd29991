//! The host side of Proviso: takes sentences from guests, answers with plans.
//!
//! A guest sends a sentence and a picture of its system; the [`planner`] lets a
//! [`model`] continue a [`prompt`] within a [`grammar`] made for that very
//! request; the typed plan goes back over the [`link`]. Nothing here has any
//! authority: what a plan may do is decided by the guest's kernel.
#![forbid(unsafe_code)]

pub mod audit;
pub mod bench;
pub mod check;
pub mod cli;
mod confidence;
pub mod eval;
pub mod grammar;
pub mod link;
pub mod memory;
pub mod metrics;
pub mod model;
pub mod planner;
pub mod prompt;
pub mod replies;
pub mod revise;
pub mod rounds;
pub mod short;
pub mod slots;
