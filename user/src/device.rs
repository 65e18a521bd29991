//! A device's registers and interrupts, by handle.

use core::time::Duration;

use proviso_abi::Handle;
use proviso_abi::device::DeviceCall;
use proviso_abi::syscall::{Error, Request};

use crate::ipc::Notification;
use crate::raw;

/// A handle to a device's registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device(pub Handle);

impl Device {
    /// One access.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it makes no sense, and what a bad handle comes to.
    pub fn access(self, call: DeviceCall) -> Result<u64, Error> {
        let (access, words) = call.encode();
        let device = self.0;
        // SAFETY: the kernel writes to no memory of ours. What the device may
        // write to is said by `SetQueue`, and by what is put into the queue:
        // that is `block`'s business, and only who holds the handle can do it.
        unsafe {
            raw::call(Request::Device {
                device,
                access,
                words,
            })
        }
    }
}

/// A handle to an interrupt line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line(pub Handle);

impl Line {
    /// Waits for an interrupt. The line is masked at all other times.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::Busy`] if somebody else waits there.
    pub fn wait(self, timeout: Option<Duration>) -> Result<(), Error> {
        Notification(self.0).wait(timeout).map(|_| ())
    }
}
