//! The system calls and their errors, each defined once.
//!
//! A program puts the call's number in `rax` and up to four arguments in `rdi`,
//! `rsi`, `rdx` and `r10`; `syscall` changes `rax` (the result), `rcx` and
//! `r11`. A result below zero is an [`Error`]. Misuse that no correct program
//! commits (an unknown call, memory that is not the caller's) is a fault: the
//! caller crashes, and its record says why.

use core::fmt;

/// A pause or wait without an end.
pub const FOREVER: u64 = u64::MAX;
/// The most bytes that one call reads from or writes to its caller's memory.
pub const MAX_BUFFER: usize = 32 * 1024;

/// The table: `number Variant name(arguments) -> result`.
macro_rules! syscalls {
    ($($(#[$doc:meta])+ $number:literal $variant:ident $name:literal ($($argument:literal),*) -> $result:literal)+) => {
        /// A system call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Syscall { $($(#[$doc])+ $variant = $number,)+ }

        impl Syscall {
            /// Every call, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The call with this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// Its name, as in traces.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What its arguments mean, in order, and what it returns.
            #[must_use]
            pub const fn signature(self) -> (&'static [&'static str], &'static str) {
                match self { $(Self::$variant => (&[$($argument),*], $result),)+ }
            }
        }
    };
}

syscalls! {
    /// Ends the caller.
    0 Exit "exit" ("code") -> "never"
    /// Lets others of the same priority run.
    1 Yield "yield" () -> "0"
    /// Waits.
    2 Sleep "sleep" ("duration_ns") -> "0"
    /// Tells the time since boot.
    3 Clock "clock" () -> "nanoseconds"
    /// Writes text to the console and the log.
    4 Write "write" ("address", "length") -> "bytes written"
    /// Reads what was typed. Only the console's owner may. Returns
    /// [`Error::Interrupted`] once when other output has overwritten the line.
    5 Read "read" ("address", "length", "timeout_ns") -> "bytes read"
    /// Adds zeroed memory to the end of the heap, rounded up to pages.
    6 Grow "grow" ("bytes") -> "address of the new memory"
    /// Makes a natural-language system call (`kind` 0, text) or submits a plan
    /// of the caller's own (`kind` 1, postcard).
    7 Submit "submit" ("kind", "address", "length") -> "intent"
    /// Waits for the next [`crate::IntentEvent`] of an intent of the caller's.
    8 Follow "follow" ("intent", "address", "length", "timeout_ns") -> "bytes of the event"
    /// Gives up an intent of the caller's: no plan of it will take effect.
    9 Cancel "cancel" ("intent") -> "0"
    /// Sends a message to a process.
    10 Send "send" ("pid", "address", "length") -> "0"
    /// Waits for a message.
    11 Receive "receive" ("address", "length", "timeout_ns") -> "sender << 32 | bytes"
    /// Finds the lowest-numbered living process of a name.
    12 Find "find" ("address", "length") -> "pid"
    /// Waits for the next [`crate::outcome::ExitRecord`]. Only init may.
    13 Watch "watch" ("address", "length", "timeout_ns") -> "bytes of the record"
}

/// `kind` of [`Syscall::Submit`]: a sentence.
pub const SUBMIT_SENTENCE: u64 = 0;
/// `kind` of [`Syscall::Submit`]: a plan.
pub const SUBMIT_PLAN: u64 = 1;

/// The table: `number Variant "what it means"`.
macro_rules! errors {
    ($($number:literal $variant:ident $text:literal)+) => {
        /// Why a system call did not do what was asked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(i64)]
        pub enum Error { $(#[doc = $text] $variant = $number,)+ }

        impl Error {
            /// Every error.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The error behind a result, if it is one.
            #[must_use]
            pub const fn from_result(result: i64) -> Option<Self> {
                match result { $($number => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)+ })
            }
        }

        impl core::error::Error for Error {}
    };
}

errors! {
    -1 NotPermitted "the caller may not do this"
    -2 NoSuchProcess "no such process"
    -3 NoSuchIntent "no such intent of the caller's"
    -4 NoMemory "the memory limit, or the machine's memory, is reached"
    -5 Full "the queue is full"
    -6 TimedOut "the time is up"
    -7 TooLong "more bytes than fit"
    -8 Interrupted "interrupted by output of others"
    -9 Invalid "an argument makes no sense"
}

/// The result register of a call: a value of at most 63 bits, or an error.
#[must_use]
pub fn encode_result(result: Result<u64, Error>) -> u64 {
    match result {
        Ok(value) => value & i64::MAX.cast_unsigned(),
        Err(error) => (error as i64).cast_unsigned(),
    }
}

/// The inverse of [`encode_result`]; an unknown error reads as [`Error::Invalid`].
///
/// # Errors
/// The error that the register holds.
pub fn decode_result(register: u64) -> Result<u64, Error> {
    let result = register.cast_signed();
    if result >= 0 {
        return Ok(register);
    }
    Err(Error::from_result(result).unwrap_or(Error::Invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_find_their_call() {
        for (number, call) in Syscall::ALL.iter().enumerate() {
            assert_eq!(Syscall::from_number(number as u64), Some(*call));
            assert!(call.signature().0.len() <= 4, "{}", call.name());
        }
        assert_eq!(Syscall::from_number(Syscall::ALL.len() as u64), None);
        assert_eq!(Syscall::from_number(u64::MAX), None);
    }

    #[test]
    fn results_round_trip() {
        for error in Error::ALL {
            assert_eq!(decode_result(encode_result(Err(*error))), Err(*error));
        }
        assert_eq!(decode_result(encode_result(Ok(1 << 62))), Ok(1 << 62));
        assert_eq!(
            decode_result((-4000i64).cast_unsigned()),
            Err(Error::Invalid)
        );
    }
}
