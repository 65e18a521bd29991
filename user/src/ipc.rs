//! Talking to other processes: handles, calls, letters, notifications.
//!
//! ```ignore
//! let echo = Port::open("echo")?;            // a handle to a process's endpoint
//! let reply = echo.call([1, 2, 3, 4])?;      // call it, and wait for the answer
//!
//! let mut request = Port::OWN.receive(None)?;          // the other side
//! loop {
//!     request = Port::OWN.reply_receive(request.words, None)?;
//! }
//! ```

use core::time::Duration;

use proviso_abi::ipc::{Envelope, IS_CALL};
use proviso_abi::syscall::{EnvelopeAt, Error, FOREVER, Request, Words};
use proviso_abi::{Handle, ObjectKind, Rights};

use crate::raw::{self, Registers};
use crate::system::{nanoseconds, to_size};

/// A handle to an endpoint, and the calls that need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(pub Handle);

/// The answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// Its words.
    pub words: Words,
    /// How many bytes came, into the room that was given for them.
    pub length: usize,
    /// The handle that came with it, or none.
    pub handle: Handle,
}

/// A call or a letter that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// What names the caller: with a handle from [`Port::open`], its process number.
    pub badge: u64,
    /// Its words; a letter has none.
    pub words: Words,
    /// How many bytes came, into the room that was given for them.
    pub length: usize,
    /// The handle that came with it, or none.
    pub handle: Handle,
    /// Whether somebody waits for an answer.
    pub is_call: bool,
}

/// What goes with words: bytes, room for bytes, a handle, a time limit.
#[derive(Debug, Default)]
pub struct Extras<'a> {
    /// Bytes for the other side.
    pub bytes: &'a [u8],
    /// Room for the other side's bytes.
    pub room: &'a mut [u8],
    /// A handle of which the other side gets a copy.
    pub handle: Handle,
    /// The longest wait; none is forever.
    pub timeout: Option<Duration>,
}

impl Extras<'_> {
    /// Nothing but a time limit.
    #[must_use]
    pub fn within(timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..Self::default()
        }
    }

    fn envelope(&mut self) -> Envelope {
        let (out, room) = (raw::readable(self.bytes), raw::writable(self.room));
        Envelope {
            out_address: out.address,
            out_length: out.length,
            in_address: room.address,
            in_length: room.length,
            timeout_ns: nanoseconds(self.timeout),
            handle: self.handle,
        }
    }
}

impl Port {
    /// The process's own endpoint, which others get who open it by name.
    pub const OWN: Self = Self(Handle::OWN);

    /// Opens the lowest-numbered living process of a name.
    ///
    /// # Errors
    /// [`Error::NoSuchProcess`]; [`Error::NotPermitted`] if the two were disconnected.
    pub fn open(name: &str) -> Result<Self, Error> {
        let request = Request::Open {
            directory: Handle::DIRECTORY,
            name: raw::readable(name.as_bytes()),
        };
        // SAFETY: the kernel reads `name` and writes nothing.
        unsafe { raw::call(request) }.map(|handle| Self(Handle(handle)))
    }

    /// Makes a new endpoint. Unlike [`Port::OWN`] it takes no letters.
    ///
    /// # Errors
    /// [`Error::Full`] if the process has too many handles.
    pub fn create() -> Result<Self, Error> {
        create(ObjectKind::Endpoint).map(Self)
    }

    /// Calls with words alone and waits for the answer, however long it takes.
    ///
    /// # Errors
    /// [`Error::Dead`], [`Error::Deadlock`], [`Error::Unanswered`].
    #[inline]
    pub fn call(self, words: Words) -> Result<Reply, Error> {
        // SAFETY: the call names no memory.
        unsafe { self.call_raw(words, 0) }
    }

    /// Calls with more than words.
    ///
    /// # Errors
    /// As for [`Port::call`], and [`Error::TimedOut`], [`Error::TooLong`],
    /// [`Error::Full`] if the other side has no place for the handle.
    pub fn call_with(self, words: Words, mut extras: Extras<'_>) -> Result<Reply, Error> {
        let envelope = extras.envelope();
        // SAFETY: the kernel reads the envelope and `bytes`, and writes to
        // `room` alone, which is borrowed for it.
        unsafe { self.call_raw(words, (&raw const envelope) as u64) }
    }

    /// # Safety
    /// `envelope` is 0, or that of one whose room the kernel may write to.
    #[inline]
    unsafe fn call_raw(self, words: Words, envelope: u64) -> Result<Reply, Error> {
        // SAFETY: the caller's promise.
        let registers = unsafe {
            message_call(Request::Call {
                endpoint: self.0,
                words,
                envelope: EnvelopeAt(envelope),
            })
        }?;
        Ok(Reply {
            words: registers.words,
            length: to_size(registers.result),
            handle: Handle(registers.first),
        })
    }

    /// Waits for a call or a letter; bytes of it are put into `room`.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::TooLong`] if nothing came in time but a
    /// letter that does not fit, which stays; [`Error::Busy`] if somebody else
    /// waits there.
    pub fn receive_with(self, mut extras: Extras<'_>) -> Result<Received, Error> {
        let envelope = extras.envelope();
        let request = Request::Receive {
            endpoint: self.0,
            words: [0; 4],
            envelope: EnvelopeAt((&raw const envelope) as u64),
        };
        // SAFETY: the kernel reads the envelope, and writes to `room` alone,
        // which is borrowed for it.
        unsafe { message_call(request) }.map(Received::from)
    }

    /// Waits for a call or a letter without bytes.
    ///
    /// # Errors
    /// As for [`Port::receive_with`].
    pub fn receive(self, timeout: Option<Duration>) -> Result<Received, Error> {
        self.receive_with(Extras {
            timeout,
            ..Extras::default()
        })
    }

    /// Answers whoever was received last with words alone, and waits for the next.
    ///
    /// # Errors
    /// As for [`Port::receive_with`].
    #[inline]
    pub fn reply_receive(self, words: Words) -> Result<Received, Error> {
        let request = Request::ReplyReceive {
            endpoint: self.0,
            words,
            envelope: EnvelopeAt(0),
        };
        // SAFETY: the call names no memory.
        unsafe { message_call(request) }.map(Received::from)
    }

    /// Answers whoever was received last, and waits for the next. The bytes of
    /// the answer may lie in the room that the next message comes into.
    ///
    /// # Errors
    /// As for [`Port::receive_with`]. Where the caller has no room for the answer
    /// or its handle, the caller gets the error and this goes on.
    pub fn reply_receive_with(
        self,
        words: Words,
        mut extras: Extras<'_>,
    ) -> Result<Received, Error> {
        let envelope = extras.envelope();
        let request = Request::ReplyReceive {
            endpoint: self.0,
            words,
            envelope: EnvelopeAt((&raw const envelope) as u64),
        };
        // SAFETY: the kernel reads the envelope and `bytes`, and writes to
        // `room` alone, which is borrowed for it.
        unsafe { message_call(request) }.map(Received::from)
    }

    /// Answers with the first `length` bytes of `buffer`, and waits for the
    /// next message, whose bytes come into it.
    ///
    /// # Errors
    /// As for [`Port::reply_receive_with`]; [`Error::Invalid`] if `buffer` is shorter.
    pub fn echo(self, words: Words, buffer: &mut [u8], length: usize) -> Result<Received, Error> {
        let room = raw::writable(buffer);
        if length > buffer.len() {
            return Err(Error::Invalid);
        }
        let envelope = Envelope {
            out_address: room.address,
            out_length: length as u64,
            in_address: room.address,
            in_length: room.length,
            timeout_ns: FOREVER,
            handle: Handle::NONE,
        };
        let request = Request::ReplyReceive {
            endpoint: self.0,
            words,
            envelope: EnvelopeAt((&raw const envelope) as u64),
        };
        // SAFETY: the kernel reads the envelope and `buffer`, and then writes to
        // `buffer` alone, which is borrowed for it.
        unsafe { message_call(request) }.map(Received::from)
    }

    /// Leaves a letter with a process and does not wait.
    ///
    /// # Errors
    /// [`Error::Full`] if it does not keep up, [`Error::TooLong`],
    /// [`Error::Dead`], [`Error::Invalid`] for an endpoint that takes no letters.
    pub fn send(self, letter: &[u8]) -> Result<(), Error> {
        let request = Request::Send {
            endpoint: self.0,
            letter: raw::readable(letter),
        };
        // SAFETY: the kernel reads `letter` and writes nothing.
        unsafe { raw::call(request) }.map(|_| ())
    }
}

impl From<Registers> for Received {
    fn from(registers: Registers) -> Self {
        Self {
            badge: registers.first,
            words: registers.words,
            length: to_size(registers.result & !IS_CALL),
            handle: Handle(registers.last),
            is_call: registers.result & IS_CALL != 0,
        }
    }
}

/// # Safety
/// As for [`raw::call`].
#[inline(always)]
unsafe fn message_call(request: Request) -> Result<Registers, Error> {
    let (call, registers) = request.encode();
    // SAFETY: the caller's promise.
    unsafe { raw::call_number(call as u64, registers) }
}

/// Waits for a letter to the process itself: who sent it, and its bytes. Calls
/// are not answered: their callers get an error at the next receive.
///
/// # Errors
/// [`Error::TimedOut`], or [`Error::TooLong`] then if `buffer` is too small.
pub fn receive(buffer: &mut [u8], timeout: Option<Duration>) -> Result<(u64, &[u8]), Error> {
    let received = Port::OWN.receive_with(Extras {
        room: buffer,
        timeout,
        ..Extras::default()
    })?;
    let bytes = buffer.get(..received.length).ok_or(Error::Invalid)?;
    Ok((received.badge, bytes))
}

/// A handle to a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification(pub Handle);

impl Notification {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`Error::Full`] if the process has too many handles.
    pub fn create() -> Result<Self, Error> {
        create(ObjectKind::Notification).map(Self)
    }

    /// Sets bits and wakes who waits.
    ///
    /// # Errors
    /// [`Error::Dead`], and what a bad handle comes to.
    pub fn notify(self, bits: u64) -> Result<(), Error> {
        let notification = self.0;
        // SAFETY: the call names no memory.
        unsafe { raw::call(Request::Notify { notification, bits }) }.map(|_| ())
    }

    /// Waits until bits are set, and clears them.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::Busy`] if somebody else waits there.
    pub fn wait(self, timeout: Option<Duration>) -> Result<u64, Error> {
        let request = Request::Wait {
            notification: self.0,
            timeout_ns: nanoseconds(timeout),
        };
        // SAFETY: the call names no memory.
        unsafe { raw::call(request) }
    }
}

fn create(kind: ObjectKind) -> Result<Handle, Error> {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Create { kind: kind as u64 }) }.map(Handle)
}

/// Makes another handle to the same object, with those of `rights` that the first
/// has, and with this badge if the first has none (0).
///
/// # Errors
/// [`Error::NotPermitted`] without the right to copy, [`Error::Full`].
pub fn copy(handle: Handle, rights: Rights, badge: u64) -> Result<Handle, Error> {
    let rights = rights.bits();
    // SAFETY: the call names no memory.
    unsafe {
        raw::call(Request::Copy {
            handle,
            rights,
            badge,
        })
    }
    .map(Handle)
}

/// Gives a handle up.
///
/// # Errors
/// [`Error::BadHandle`].
pub fn close(handle: Handle) -> Result<(), Error> {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Close { handle }) }.map(|_| ())
}

/// Takes away every copy of a handle and their copies; how many that were.
///
/// # Errors
/// [`Error::BadHandle`].
pub fn revoke(handle: Handle) -> Result<u64, Error> {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Revoke { handle }) }
}
