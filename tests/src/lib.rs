//! What the integration tests stand on: machines, their consoles, and agents.
//!
//! | module | what it is |
//! |---|---|
//! | [`console`] | a booted machine and the conversation on its serial line |
//! | [`scripted`] | an agent that is a script: for exact answers, and for wrong ones |
//! | [`plans`] | plans in the vocabulary's JSON, as scripts give them |
//! | [`ps`] | the table of processes, read back from the console |
//! | [`guest_tests`] | the report of the tests that run inside the guest |
//! | [`fuzz`] | what is fuzzed: bodies that take any bytes |
//! | [`hostile`] | an agent that means harm, and the account of it |
//! | [`command`] | programs of the host, run with a time limit |
//! | [`terminal`] | programs at a terminal |
//! | [`readme`] | the commands that the README promises |
//!
//! Every wait has an end, and whoever waits in vain gets the transcript and the
//! machine's command line. The limits are far beyond what a busy host needs:
//! no test passes or fails by its timing.
#![forbid(unsafe_code)]

use std::time::Duration;

pub mod command;
pub mod console;
pub mod fuzz;
pub mod guest_tests;
pub mod hostile;
pub mod plans;
pub mod ps;
pub mod readme;
pub mod scripted;
pub mod terminal;

/// Far more than a machine needs to boot, answer or end.
pub const PATIENCE: Duration = Duration::from_secs(60);
