//! How a service gets what init has for it, and how init gives it.

use core::time::Duration;

use proviso_abi::syscall::{Error, Request, Words};
use proviso_abi::{Handle, INIT};

use crate::ipc::{self, Extras, Port, Received};
use crate::raw;

/// The first word of a call of init's that brings a handle.
const HAND_OVER: u64 = u64::from_le_bytes(*b"handover");
/// The first word of the answer to a call that was not understood.
pub const REFUSED: u64 = u64::MAX;
/// A service that does not take its handles in this time is no service.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until init has handed over so many handles, and answers everybody else
/// with a refusal.
///
/// # Errors
/// What a receive comes to.
pub fn take_over<const N: usize>() -> Result<[Handle; N], Error> {
    let mut handles = [Handle::NONE; N];
    for place in &mut handles {
        let mut received = Port::OWN.receive(None)?;
        while !is_hand_over(&received) {
            received = Port::OWN.reply_receive(refusal(&received))?;
        }
        *place = received.handle;
        answer_now([0; 4])?;
    }
    Ok(handles)
}

/// Answers whoever was received last, and does not wait for the next.
///
/// # Errors
/// None that a service need expect.
pub fn answer_now(words: Words) -> Result<(), Error> {
    // Nobody calls at an endpoint that nobody else has.
    let nowhere = Port::create()?;
    let end = nowhere.reply_receive_with(words, Extras::within(Duration::ZERO));
    ipc::close(nowhere.0)?;
    match end {
        Err(Error::TimedOut) | Ok(_) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_hand_over(received: &Received) -> bool {
    received.badge == INIT.into()
        && received.words.first() == Some(&HAND_OVER)
        && !received.handle.is_none()
}

/// The words that refuse a call; a handle that came with it is given up, or
/// callers could fill the table.
pub fn refusal(received: &Received) -> Words {
    if !received.handle.is_none() {
        let _ = ipc::close(received.handle);
    }
    [REFUSED, 0, 0, 0]
}

/// From now on the kernel's requests about files come to the caller's own endpoint.
///
/// # Errors
/// What a bad handle comes to.
pub fn serve_files(files: Handle) -> Result<(), Error> {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Serve { files }) }.map(|_| ())
}

/// Gives a service copies of these handles.
///
/// # Errors
/// What a call comes to; [`Error::Unanswered`] if it does not understand.
pub fn hand_over(service: Port, handles: &[Handle]) -> Result<(), Error> {
    for handle in handles {
        let extras = Extras {
            handle: *handle,
            ..Extras::within(PATIENCE)
        };
        let reply = service.call_with([HAND_OVER, 0, 0, 0], extras)?;
        if reply.words.first() == Some(&REFUSED) {
            return Err(Error::Unanswered);
        }
    }
    Ok(())
}
