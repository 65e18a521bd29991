//! The system calls as functions, except those about memory, intents and
//! other processes.

use core::time::Duration;

use postcard::from_bytes;
use proviso_abi::ipc::Identity;
use proviso_abi::outcome::ExitRecord;
use proviso_abi::syscall::{
    Error, FOREVER, MAX_BUFFER, OBSERVE_BUSIEST, OBSERVE_COUNTERS, OBSERVE_IDENTITY, OBSERVE_TRACE,
    Request,
};
use proviso_abi::trace::{Batch, Counters};
use proviso_abi::{Effect, Handle};

use crate::raw;

/// Ends the process.
pub fn exit(code: i32) -> ! {
    let code = i64::from(code).cast_unsigned();
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Request::Exit { code }) };
    unreachable!("exit came back")
}

/// Lets others of the same priority run.
pub fn yield_now() {
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Request::Yield {}) };
}

/// Waits for so long, or longer if others are busy.
pub fn sleep(duration: Duration) {
    let duration_ns = nanoseconds(Some(duration));
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Request::Sleep { duration_ns }) };
}

/// The time since boot.
#[must_use]
pub fn clock() -> Duration {
    // SAFETY: the call names no memory.
    Duration::from_nanos(unsafe { raw::call(Request::Clock {}) }.unwrap_or(0))
}

/// Writes bytes to the console and the log; tells how many were taken.
///
/// # Errors
/// If there are more than one call may take.
pub fn write(bytes: &[u8]) -> Result<usize, Error> {
    let text = raw::readable(bytes);
    // SAFETY: the kernel reads `bytes` and writes nothing.
    unsafe { raw::call(Request::Write { text }) }.map(to_size)
}

/// Waits until something is typed, forever if there is no `timeout`.
///
/// # Errors
/// [`Error::Interrupted`] when output of others has overwritten the line,
/// [`Error::TimedOut`], and [`Error::NotPermitted`] for all but the console's owner.
pub fn read_console(buffer: &mut [u8], timeout: Option<Duration>) -> Result<usize, Error> {
    let request = Request::Read {
        buffer: raw::writable(buffer),
        timeout_ns: nanoseconds(timeout),
    };
    // SAFETY: the kernel writes to `buffer` alone, which is borrowed for it.
    unsafe { raw::call(request) }.map(to_size)
}

/// Waits until some process ends, and tells which and how.
///
/// # Errors
/// [`Error::TimedOut`], and [`Error::BadHandle`] for those who have no handle
/// to watch with: all but init, unless it passed its own on.
pub fn watch(timeout: Option<Duration>) -> Result<ExitRecord, Error> {
    let mut buffer = [0; 256];
    let request = Request::Watch {
        ends: Handle::ENDS,
        buffer: raw::writable(&mut buffer),
        timeout_ns: nanoseconds(timeout),
    };
    // SAFETY: the kernel writes to `buffer` alone, which is nobody else's.
    let length = to_size(unsafe { raw::call(request) }?);
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
}

/// How often everything happened since boot.
///
/// # Errors
/// [`Error::NotPermitted`] for all but the operator's processes.
pub fn counters() -> Result<Counters, Error> {
    let mut buffer = [0; 256];
    let length = observe(OBSERVE_COUNTERS, &mut buffer, 0)?;
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
}

/// The processes that use the processor most, busiest first.
///
/// # Errors
/// [`Error::NotPermitted`] for all but the operator's processes.
pub fn busiest() -> Result<Effect, Error> {
    let mut buffer = crate::try_zeroed(MAX_BUFFER).map_err(|_| Error::NoMemory)?;
    let length = observe(OBSERVE_BUSIEST, &mut buffer, 0)?;
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
}

/// What happened, from the record of this number on: as much of it as fits a
/// batch. Others than the operator's processes see what they did themselves.
///
/// # Errors
/// [`Error::NoMemory`] if there is none to read it into.
pub fn trace(from: u64) -> Result<Batch, Error> {
    let buffer = crate::try_zeroed(MAX_BUFFER).map_err(|_| Error::NoMemory)?;
    let mut buffer = buffer;
    let length = observe(OBSERVE_TRACE, &mut buffer, from)?;
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
}

/// Who the living process of this number is; a service has the number from the
/// badge of a caller that opened it by name.
///
/// # Errors
/// [`Error::NoSuchProcess`].
pub fn identity(badge: u64) -> Result<Identity, Error> {
    let mut buffer = [0; 128];
    let length = observe(OBSERVE_IDENTITY, &mut buffer, badge)?;
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
}

/// Looks at what happened, as bytes.
fn observe(what: u64, buffer: &mut [u8], from: u64) -> Result<usize, Error> {
    let buffer = raw::writable(buffer);
    // SAFETY: the kernel writes to `buffer` alone, which is borrowed for it.
    unsafe { raw::call(Request::Observe { what, buffer, from }) }.map(to_size)
}

/// A duration as the kernel takes it; none is forever.
pub(crate) fn nanoseconds(duration: Option<Duration>) -> u64 {
    duration.map_or(FOREVER, |duration| {
        u64::try_from(duration.as_nanos()).unwrap_or(FOREVER)
    })
}

/// A length that the kernel returned. The target has 64 bits, so it fits.
pub(crate) fn to_size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
