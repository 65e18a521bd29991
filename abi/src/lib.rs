//! The one definition of everything Proviso's parts say to each other.
//!
//! Kernel, user programs, host agent and tests share these types, so an action,
//! a system call or a wire frame cannot mean two things. Everything else (the
//! model's grammar, the console's words, the kernel's decoder) derives from here.
//!
//! Two serialisations of the same types exist. On the virtio channel and across
//! the system-call boundary they travel as [postcard]; at the edges people see
//! (evaluation cases, exports) as the JSON of the action vocabulary. Types whose
//! two forms differ choose by [`serde::Serializer::is_human_readable`].
#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod audit;
pub mod bounded;
pub mod console;
pub mod describe;
pub mod device;
pub mod fault;
pub mod files;
pub mod handle;
pub mod ipc;
pub mod layout;
pub mod outcome;
pub mod plan;
#[cfg(any(test, feature = "std"))]
pub mod reference;
pub mod region;
pub mod report;
pub mod snapshot;
pub mod syscall;
pub mod target;
pub mod trace;
pub mod value;
pub mod wire;
pub mod words;

pub use action::{Action, ActionKind, Class, Field, FieldKind};
pub use bounded::{List, Text};
pub use fault::FaultKind;
pub use handle::{Handle, ObjectKind, Rights};
pub use outcome::{Effect, IntentEvent, Reason, Rejection};
pub use plan::Plan;
pub use region::Access;
pub use snapshot::System;
pub use target::{ProcessRef, Selector, Target};
pub use value::{Bytes, Factor, Message, Name, Path, Percent, Pid, Sentence};
pub use words::{Priority, State};

/// The process that supervises all others; no plan can end it.
pub const INIT: Pid = 1;
