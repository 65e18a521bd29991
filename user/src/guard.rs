//! Faults of processes, handled by others: the guard of a process receives its
//! faults as calls at an endpoint, and its answer lets it go on or end.
//!
//! ```ignore
//! let post = Port::create()?;                    // for faults and nothing else
//! guard(post, child)?;                           // one that we started
//! let mut told = post.receive(None)?;
//! loop {
//!     let fault = guard::Fault::of(&told).ok_or(Error::Invalid)?;
//!     println!("process {}: {} at {:#x}", fault.pid, fault.kind.name(), fault.address);
//!     told = post.reply_receive(guard::END)?;    // or RESUME
//! }
//! ```
//!
//! Whoever can call the endpoint can pretend to be a fault: pass it to nobody.

use proviso_abi::fault;
use proviso_abi::region::Access;
use proviso_abi::syscall::{Error, Request, Words};
use proviso_abi::{FaultKind, Pid};

use crate::ipc::{Extras, Port, Received};
use crate::{Region, raw};

/// The answer that lets a process go on.
pub const RESUME: Words = [fault::RESUME, 0, 0, 0];
/// The answer that ends it by its fault.
pub const END: Words = [fault::END, 0, 0, 0];

/// What a process did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// The address that it is about, for a page fault.
    pub address: u64,
    /// The instruction.
    pub instruction: u64,
    /// The process.
    pub pid: Pid,
}

impl Fault {
    /// The fault that a call tells of.
    #[must_use]
    pub fn of(told: &Received) -> Option<Self> {
        let [kind, address, instruction, pid] = told.words;
        Some(Self {
            kind: FaultKind::from_number(kind).filter(|_| told.is_call)?,
            address,
            instruction,
            pid: Pid::try_from(pid).ok()?,
        })
    }
}

/// Has the faults of a process told at an endpoint: one that the caller started,
/// or itself (0).
///
/// # Errors
/// [`Error::NotPermitted`] for a process that somebody else started,
/// [`Error::NoSuchProcess`], [`Error::Full`] if it has no place for the handle.
pub fn guard(endpoint: Port, pid: Pid) -> Result<(), Error> {
    let (endpoint, pid) = (endpoint.0, pid.into());
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Guard { endpoint, pid }) }.map(|_| ())
}

/// Lets the process whose fault was received last go on, with pages of a region
/// from `first` on mapped at an address, and waits for the next.
///
/// # Errors
/// What mapping can fail with: then it waits for another answer. And as for
/// [`Port::receive_with`].
pub fn supply(
    endpoint: Port,
    region: Region,
    address: u64,
    (first, pages): (u32, u32),
    access: Access,
    mut extras: Extras<'_>,
) -> Result<Received, Error> {
    let pages = u64::from(first) << 32 | u64::from(pages);
    extras.handle = region.0;
    endpoint.reply_receive_with([fault::RESUME, address, pages, access as u64], extras)
}
