//! Intents: sentences to the model and plans of one's own, and what becomes of them.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use postcard::{from_bytes, to_allocvec};
use proviso_abi::console::ConsoleRequest;
use proviso_abi::syscall::{
    Error, MAX_BUFFER, Request, SUBMIT_CONSOLE, SUBMIT_PLAN, SUBMIT_SENTENCE,
};
use proviso_abi::{IntentEvent, Plan};

use crate::raw;
use crate::system::{nanoseconds, to_size};

/// Something asked of the system that is under way.
#[derive(Debug)]
pub struct Intent {
    number: u64,
    /// Where events arrive; allocated when the first is waited for.
    buffer: Vec<u8>,
}

/// Asks for something in words: a natural-language system call.
///
/// # Errors
/// [`Error::Full`] if too much is being asked already, [`Error::TooLong`].
pub fn submit_sentence(sentence: &str) -> Result<Intent, Error> {
    submit(SUBMIT_SENTENCE, sentence.as_bytes())
}

/// Asks for exactly this plan. The kernel judges it as it judges the model's.
///
/// # Errors
/// [`Error::Full`] if too much is being asked already.
pub fn submit_plan(plan: &Plan) -> Result<Intent, Error> {
    let bytes = to_allocvec(plan).map_err(|_| Error::NoMemory)?;
    submit(SUBMIT_PLAN, &bytes)
}

/// Asks for what only the console's owner may.
///
/// # Errors
/// [`Error::NotPermitted`] for everybody else, [`Error::NoSuchIntent`] for an
/// answer that no intent of the caller's waits for.
pub fn submit_console(request: &ConsoleRequest) -> Result<Intent, Error> {
    let bytes = to_allocvec(request).map_err(|_| Error::NoMemory)?;
    submit(SUBMIT_CONSOLE, &bytes)
}

/// Submits bytes as they are, whatever they are.
///
/// # Errors
/// [`Error::Invalid`] if `kind` or the bytes make no sense, and as for the others.
pub fn submit(kind: u64, bytes: &[u8]) -> Result<Intent, Error> {
    let request = raw::readable(bytes);
    // SAFETY: the kernel reads `bytes` and writes nothing.
    let number = unsafe { raw::call(Request::Submit { kind, request }) }?;
    Ok(Intent::from_number(number))
}

impl Intent {
    /// The intent with this number, which may be nobody's or another's.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self {
            number,
            buffer: Vec::new(),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Waits for the next event, forever if there is no `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::NoSuchIntent`] after the final event.
    pub fn follow(&mut self, timeout: Option<Duration>) -> Result<IntentEvent, Error> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; MAX_BUFFER];
        }
        let request = Request::Follow {
            intent: self.number,
            buffer: raw::writable(&mut self.buffer),
            timeout_ns: nanoseconds(timeout),
        };
        // SAFETY: the kernel writes to the buffer alone, which is ours.
        let length = to_size(unsafe { raw::call(request) }?);
        let event = self.buffer.get(..length).ok_or(Error::Invalid)?;
        from_bytes(event).map_err(|_| Error::Invalid)
    }

    /// Waits for the final event: done, rejected or failed.
    ///
    /// # Errors
    /// As for [`Intent::follow`].
    pub fn finish(&mut self) -> Result<IntentEvent, Error> {
        loop {
            let event = self.follow(None)?;
            if event.is_final() {
                return Ok(event);
            }
        }
    }

    /// Gives the intent up: no plan of it will take effect.
    ///
    /// # Errors
    /// [`Error::NoSuchIntent`] if it is over already.
    pub fn cancel(&self) -> Result<(), Error> {
        let intent = self.number;
        // SAFETY: the call names no memory.
        unsafe { raw::call(Request::Cancel { intent }) }.map(|_| ())
    }
}
