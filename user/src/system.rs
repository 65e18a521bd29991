//! The system calls as functions, except those about memory and intents.

use core::time::Duration;

use postcard::from_bytes;
use proviso_abi::Pid;
use proviso_abi::outcome::ExitRecord;
use proviso_abi::syscall::{Error, FOREVER, Syscall};

use crate::raw;

/// Ends the process.
pub fn exit(code: i32) -> ! {
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Syscall::Exit, [i64::from(code).cast_unsigned(), 0, 0, 0]) };
    unreachable!("exit came back")
}

/// Lets others of the same priority run.
pub fn yield_now() {
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Syscall::Yield, [0; 4]) };
}

/// Waits for so long, or longer if others are busy.
pub fn sleep(duration: Duration) {
    // SAFETY: the call names no memory.
    let _ = unsafe { raw::call(Syscall::Sleep, [nanoseconds(Some(duration)), 0, 0, 0]) };
}

/// The time since boot.
#[must_use]
pub fn clock() -> Duration {
    // SAFETY: the call names no memory.
    Duration::from_nanos(unsafe { raw::call(Syscall::Clock, [0; 4]) }.unwrap_or(0))
}

/// Writes bytes to the console and the log; tells how many were taken.
///
/// # Errors
/// If there are more than one call may take.
pub fn write(bytes: &[u8]) -> Result<usize, Error> {
    let [address, length] = raw::readable(bytes);
    // SAFETY: the kernel reads `bytes` and writes nothing.
    unsafe { raw::call(Syscall::Write, [address, length, 0, 0]) }.map(to_size)
}

/// Waits until something is typed, forever if there is no `timeout`.
///
/// # Errors
/// [`Error::Interrupted`] when output of others has overwritten the line,
/// [`Error::TimedOut`], and [`Error::NotPermitted`] for all but the console's owner.
pub fn read_console(buffer: &mut [u8], timeout: Option<Duration>) -> Result<usize, Error> {
    let [address, length] = raw::writable(buffer);
    let arguments = [address, length, nanoseconds(timeout), 0];
    // SAFETY: the kernel writes to `buffer` alone, which is borrowed for it.
    unsafe { raw::call(Syscall::Read, arguments) }.map(to_size)
}

/// Sends a message to a process.
///
/// # Errors
/// [`Error::NoSuchProcess`], [`Error::Full`] if it does not keep up,
/// [`Error::TooLong`].
pub fn send(to: Pid, message: &[u8]) -> Result<(), Error> {
    let [address, length] = raw::readable(message);
    // SAFETY: the kernel reads `message` and writes nothing.
    unsafe { raw::call(Syscall::Send, [to.into(), address, length, 0]) }.map(|_| ())
}

/// Waits for a message: who sent it, and its bytes in `buffer`.
///
/// # Errors
/// [`Error::TimedOut`], and [`Error::TooLong`] if `buffer` is too small.
pub fn receive(buffer: &mut [u8], timeout: Option<Duration>) -> Result<(Pid, &[u8]), Error> {
    let [address, length] = raw::writable(buffer);
    let arguments = [address, length, nanoseconds(timeout), 0];
    // SAFETY: the kernel writes to `buffer` alone, which is borrowed for it.
    let result = unsafe { raw::call(Syscall::Receive, arguments) }?;
    let sender = Pid::try_from(result >> 32).map_err(|_| Error::Invalid)?;
    let length = to_size(result & u64::from(u32::MAX));
    Ok((sender, buffer.get(..length).ok_or(Error::Invalid)?))
}

/// The lowest-numbered living process of a name.
///
/// # Errors
/// [`Error::NoSuchProcess`].
pub fn find(name: &str) -> Result<Pid, Error> {
    let [address, length] = raw::readable(name.as_bytes());
    // SAFETY: the kernel reads `name` and writes nothing.
    let pid = unsafe { raw::call(Syscall::Find, [address, length, 0, 0]) }?;
    Pid::try_from(pid).map_err(|_| Error::Invalid)
}

/// Waits until some process ends, and tells which and how.
///
/// # Errors
/// [`Error::TimedOut`], and [`Error::NotPermitted`] for all but init.
pub fn watch(timeout: Option<Duration>) -> Result<ExitRecord, Error> {
    let mut buffer = [0; 256];
    let [address, length] = raw::writable(&mut buffer);
    let arguments = [address, length, nanoseconds(timeout), 0];
    // SAFETY: the kernel writes to `buffer` alone, which is nobody else's.
    let length = to_size(unsafe { raw::call(Syscall::Watch, arguments) }?);
    from_bytes(buffer.get(..length).ok_or(Error::Invalid)?).map_err(|_| Error::Invalid)
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
