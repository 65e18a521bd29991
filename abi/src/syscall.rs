//! The system calls and their errors, each defined once.
//!
//! From the one table below come the numbers, the typed [`Request`] that both
//! sides use (a program encodes one into registers, the kernel decodes it and
//! its dispatcher must have an arm for every call), what the kernel checks of a
//! call's handle before it does anything, the fuzzer, and `docs/syscalls.md`.
//!
//! A program puts the call's number in `rax` and up to six arguments in `rdi`,
//! `rsi`, `rdx`, `r10`, `r8` and `r9`; `syscall` changes `rax` (the result),
//! `rcx` and `r11`, and calls that bring a message also the arguments'
//! registers. A result below zero is an [`Error`]. Misuse that no correct
//! program commits (an unknown call, memory that is not the caller's) is a
//! fault: the caller crashes, and its record says why.

use core::fmt;

use crate::handle::{Handle, ObjectKind, Rights};

/// A pause or wait without an end.
pub const FOREVER: u64 = u64::MAX;
/// The most bytes that one call reads from or writes to its caller's memory.
pub const MAX_BUFFER: usize = 32 * 1024;
/// Registers that carry arguments.
pub const REGISTERS: usize = 6;

/// Memory that the caller names: where it begins, and its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Where it begins.
    pub address: u64,
    /// How many bytes.
    pub length: u64,
}

/// The words of a message.
pub type Words = [u64; crate::ipc::WORDS];

/// The address of an [`crate::ipc::Envelope`], or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeAt(pub u64);

/// How an argument looks; for the reference, and for those who make calls up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A number.
    Number,
    /// A handle of the caller's.
    Handle,
    /// An address and a length.
    Buffer,
    /// Four words.
    Words,
    /// The address of an envelope, or 0.
    Envelope,
}

/// What can be an argument: so many registers.
trait Argument: Sized {
    const KIND: ArgumentKind;
    const REGISTERS: usize;
    fn decode(registers: &mut impl Iterator<Item = u64>) -> Self;
    fn encode(self, put: &mut impl FnMut(u64));
}

macro_rules! arguments {
    ($($type:ty, $kind:ident, $count:literal, |$next:ident| $decode:expr, |$value:ident, $put:ident| $encode:expr;)+) => {
        $(impl Argument for $type {
            const KIND: ArgumentKind = ArgumentKind::$kind;
            const REGISTERS: usize = $count;
            fn decode(registers: &mut impl Iterator<Item = u64>) -> Self {
                let mut $next = || registers.next().unwrap_or(0);
                $decode
            }
            #[inline(always)]
            fn encode(self, $put: &mut impl FnMut(u64)) {
                let $value = self;
                $encode
            }
        })+
    };
}

arguments! {
    u64, Number, 1, |next| next(), |value, put| put(value);
    Handle, Handle, 1, |next| Self(next()), |value, put| put(value.0);
    Buffer, Buffer, 2, |next| Self { address: next(), length: next() },
        |value, put| { put(value.address); put(value.length) };
    Words, Words, 4, |next| [next(), next(), next(), next()],
        |value, put| { let [a, b, c, d] = value; put(a); put(b); put(c); put(d) };
    EnvelopeAt, Envelope, 1, |next| Self(next()), |value, put| put(value.0);
}

/// What a call needs of the handle that is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// The kind of object; none means that any will do.
    pub kind: Option<ObjectKind>,
    /// The rights.
    pub rights: Rights,
}

const fn needs(kind: ObjectKind, rights: Rights) -> Option<Needs> {
    let kind = Some(kind);
    Some(Needs { kind, rights })
}

const fn any(rights: Rights) -> Option<Needs> {
    Some(Needs { kind: None, rights })
}

/// The table: `number Variant "name" (arguments) on what handle -> "result" fails [errors]`.
macro_rules! syscalls {
    ($($(#[doc = $doc:literal])+ $number:literal $variant:ident $name:literal
        ($($field:ident: $type:ty),*) on $needs:expr => $result:literal fails [$($error:ident)*];)+) => {
        /// A system call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Syscall { $($(#[doc = $doc])+ $variant = $number,)+ }

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

            /// What it does, in sentences.
            #[must_use]
            pub const fn text(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($doc),+],)+ }
            }

            /// Its arguments, in order: name, kind, how many registers.
            #[must_use]
            pub const fn arguments(self) -> &'static [(&'static str, ArgumentKind, usize)] {
                match self {
                    $(Self::$variant => &[$((
                        stringify!($field),
                        <$type as Argument>::KIND,
                        <$type as Argument>::REGISTERS,
                    )),*],)+
                }
            }

            /// What it needs of its handle, if it has one.
            #[must_use]
            pub const fn needs(self) -> Option<Needs> {
                match self { $(Self::$variant => $needs,)+ }
            }

            /// What it returns.
            #[must_use]
            pub const fn result(self) -> &'static str {
                match self { $(Self::$variant => $result,)+ }
            }

            /// How it can fail, beside what a bad handle comes to.
            #[must_use]
            pub const fn errors(self) -> &'static [Error] {
                match self { $(Self::$variant => &[$(Error::$error),*],)+ }
            }
        }

        /// A call with its arguments.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the table is the documentation")]
        pub enum Request { $($(#[doc = $doc])+ $variant { $($field: $type),* },)+ }

        impl Request {
            /// Makes sense of registers.
            #[must_use]
            pub fn decode(call: Syscall, registers: &[u64; REGISTERS]) -> Self {
                let mut registers = registers.iter().copied();
                match call {
                    $(Syscall::$variant => Self::$variant {
                        $($field: <$type as Argument>::decode(&mut registers)),*
                    },)+
                }
            }

            /// The call and its registers. Programs know the call where they make
            /// it, so that inlined this comes to nothing.
            #[inline(always)]
            #[must_use]
            pub fn encode(self) -> (Syscall, [u64; REGISTERS]) {
                let mut registers = [0; REGISTERS];
                let mut free = registers.iter_mut();
                let mut put = |value: u64| {
                    if let Some(register) = free.next() {
                        *register = value;
                    }
                };
                let call = match self {
                    $(Self::$variant { $($field),* } => {
                        $($field.encode(&mut put);)*
                        Syscall::$variant
                    })+
                };
                (call, registers)
            }
        }
    };
}

syscalls! {
    /// Ends the caller.
    0 Exit "exit" (code: u64) on None => "never" fails [];
    /// Lets others of the same priority run.
    1 Yield "yield" () on None => "0" fails [];
    /// Waits.
    2 Sleep "sleep" (duration_ns: u64) on None => "0" fails [];
    /// Tells the time since boot.
    3 Clock "clock" () on None => "nanoseconds" fails [];
    /// Writes text to the console and the log.
    4 Write "write" (text: Buffer) on None => "bytes written" fails [TooLong];
    /// Reads what was typed. Only the console's owner may. `Interrupted` comes
    /// once when other output has overwritten the line.
    5 Read "read" (buffer: Buffer, timeout_ns: u64) on None => "bytes read"
        fails [NotPermitted Interrupted TimedOut TooLong];
    /// Adds zeroed memory to the end of the heap, rounded up to pages.
    6 Grow "grow" (bytes: u64) on None => "address of the new memory" fails [NoMemory];
    /// Makes a natural-language system call (`kind` 0, text) or submits a plan
    /// of the caller's own (`kind` 1, postcard). Only the console's owner may make
    /// the requests of `kind` 2.
    7 Submit "submit" (kind: u64, request: Buffer) on None => "intent"
        fails [Full Invalid NoSuchIntent NotPermitted TooLong TooOften];
    /// Waits for the next event of an intent of the caller's.
    8 Follow "follow" (intent: u64, buffer: Buffer, timeout_ns: u64) on None => "bytes of the event"
        fails [NoSuchIntent TimedOut TooLong];
    /// Gives up an intent of the caller's: no plan of it will take effect.
    9 Cancel "cancel" (intent: u64) on None => "0" fails [NoSuchIntent];
    /// Calls whoever receives on an endpoint and waits for the reply, whose
    /// words come back in the registers of these and whose handle comes in `rdi`.
    10 Call "call" (endpoint: Handle, words: Words, envelope: EnvelopeAt)
        on needs(ObjectKind::Endpoint, Rights::CALL) => "bytes of the reply"
        fails [Dead Deadlock Unanswered TimedOut TooLong Full BadHandle];
    /// Waits for a call or a letter: its words come in the registers of `words`,
    /// the caller's badge in `rdi`, a handle in `r9`. Whoever was received
    /// before and not answered fails with `Unanswered`. A letter that does not
    /// fit stays, and calls pass it; `TooLong` tells of it when time is up.
    11 Receive "receive" (endpoint: Handle, words: Words, envelope: EnvelopeAt)
        on needs(ObjectKind::Endpoint, Rights::RECEIVE) => "bytes of the message; bit 32 is set for a call"
        fails [Busy TimedOut TooLong];
    /// Answers whoever was received last, and receives. Where nobody waits for
    /// the answer any more it only receives; where the caller has no room for
    /// the answer, the caller fails and not this call.
    12 ReplyReceive "reply_receive" (endpoint: Handle, words: Words, envelope: EnvelopeAt)
        on needs(ObjectKind::Endpoint, Rights::RECEIVE) => "as for receive"
        fails [Busy TimedOut TooLong];
    /// Leaves a letter for a process and does not wait. It must be the process's
    /// own endpoint, the one that it was started with.
    13 Send "send" (endpoint: Handle, letter: Buffer)
        on needs(ObjectKind::Endpoint, Rights::CALL) => "0" fails [Dead Full TooLong];
    /// Gives a handle to the own endpoint of the lowest-numbered living process
    /// of a name; its badge is the caller's process number. Asked again, it
    /// gives the same handle.
    14 Open "open" (directory: Handle, name: Buffer)
        on needs(ObjectKind::Directory, Rights::READ) => "handle"
        fails [NoSuchProcess NotPermitted Full TooLong];
    /// Waits for the next record of how a process ended.
    15 Watch "watch" (ends: Handle, buffer: Buffer, timeout_ns: u64)
        on needs(ObjectKind::Ends, Rights::WAIT) => "bytes of the record"
        fails [TimedOut TooLong];
    /// Makes an object (`kind` 0 an endpoint, 1 a notification).
    16 Create "create" (kind: u64) on None => "handle" fails [Full Invalid];
    /// Makes another handle to the same object, with those of `rights` that the
    /// first has. A badge that the first has stays; where it has none (0) the
    /// copy gets this one.
    17 Copy "copy" (handle: Handle, rights: u64, badge: u64) on any(Rights::COPY) => "handle"
        fails [Full];
    /// Gives a handle up. Copies of it stay.
    18 Close "close" (handle: Handle) on any(Rights::NONE) => "0" fails [];
    /// Takes away every handle that was copied from this one, by whomever, and
    /// the copies of those.
    19 Revoke "revoke" (handle: Handle) on any(Rights::NONE) => "how many" fails [];
    /// Sets bits of a notification and wakes who waits for it.
    20 Notify "notify" (notification: Handle, bits: u64)
        on needs(ObjectKind::Notification, Rights::NOTIFY) => "0" fails [];
    /// Waits until bits of a notification are set, and clears them; or until an
    /// interrupt line interrupts. A line is let through only while somebody waits
    /// for it, and once for each wait, so that none can keep the machine busy.
    21 Wait "wait" (notification: Handle, timeout_ns: u64)
        on any(Rights::WAIT) => "the bits; 1 for a line" fails [TimedOut Busy WrongObject];
    /// Tells a counter of the kernel's: 0 is changes of the address space since boot.
    22 Count "count" (counter: u64) on None => "the count" fails [Invalid];
    /// Looks at what happened: the counters (`what` 0, the operator only) or a
    /// batch of records from a number on (`what` 1; others than the operator see
    /// their own). With `what` 3, who the living process of that number is.
    23 Observe "observe" (what: u64, buffer: Buffer, from: u64) on None => "bytes"
        fails [NotPermitted Invalid NoSuchProcess TooLong];
    /// Makes a memory region of so many zeroed pages. Its memory counts against
    /// the caller's limit, and goes with the caller or its last handle. A page is
    /// taken when it is first touched; if `pinned` is 1, all are taken at once,
    /// in a row.
    24 Region "region" (pages: u64, pinned: u64) on None => "handle"
        fails [Invalid NoMemory Full];
    /// Maps pages of a region from `first` on at an address, to be read
    /// (`access` 0), changed (1) or run (2): as far as the handle's rights go. The
    /// mapping ends when the caller has no handle with these rights any more.
    25 Map "map" (region: Handle, address: u64, first: u64, pages: u64, access: u64)
        on needs(ObjectKind::Region, Rights::NONE) => "0" fails [Invalid NotPermitted Full];
    /// Ends the mapping that begins at an address.
    26 Unmap "unmap" (address: u64) on None => "0" fails [Invalid];
    /// Changes what the mapping that begins at an address is for.
    27 Protect "protect" (region: Handle, address: u64, access: u64)
        on needs(ObjectKind::Region, Rights::NONE) => "0" fails [Invalid NotPermitted];
    /// Has the faults of a process told at an endpoint, by calls of the kernel's in
    /// its name: those of the caller (`pid` 0) or of one that the caller started,
    /// which gets a copy of the handle for that. Whoever answers says whether it
    /// goes on; without an answer it ends.
    28 Guard "guard" (endpoint: Handle, pid: u64)
        on needs(ObjectKind::Endpoint, Rights::CALL) => "0" fails [NoSuchProcess NotPermitted Full];
    /// Accesses a device: `access` and `words` are a [`crate::device::DeviceCall`].
    29 Device "device" (device: Handle, access: u64, words: Words)
        on needs(ObjectKind::Device, Rights::WRITE) => "what the access gives" fails [Invalid];
    /// From now on the kernel asks the caller about files: its requests come as
    /// calls with badge 0 at the caller's own endpoint, and are answered like any
    /// others ([`crate::files`]).
    30 Serve "serve" (files: Handle) on needs(ObjectKind::Files, Rights::RECEIVE) => "0" fails [];
}

/// `kind` of [`Syscall::Submit`]: a sentence.
pub const SUBMIT_SENTENCE: u64 = 0;
/// `kind` of [`Syscall::Submit`]: a plan.
pub const SUBMIT_PLAN: u64 = 1;
/// `kind` of [`Syscall::Submit`]: a [`crate::console::ConsoleRequest`], which
/// only the console's owner may make.
pub const SUBMIT_CONSOLE: u64 = 2;

/// `what` of [`Syscall::Observe`]: the counters.
pub const OBSERVE_COUNTERS: u64 = 0;
/// `what` of [`Syscall::Observe`]: records.
pub const OBSERVE_TRACE: u64 = 1;
/// `what` of [`Syscall::Observe`]: the processes that use the processor most, at
/// most [`crate::snapshot::MAX_PROCESSES`]. Only a look: it leaves no record.
pub const OBSERVE_BUSIEST: u64 = 2;
/// `what` of [`Syscall::Observe`]: an [`Identity`](crate::ipc::Identity).
pub const OBSERVE_IDENTITY: u64 = 3;

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
    -10 BadHandle "no such handle"
    -11 WrongObject "the handle is for another kind of object"
    -12 Dead "the other side is no more"
    -13 Deadlock "everybody would wait for everybody else"
    -14 Unanswered "the other side went on without an answer"
    -15 Busy "somebody else waits there already"
    -16 TooOften "the caller asks too often; it can ask again soon"
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
            let count: usize = call.arguments().iter().map(|(.., count)| count).sum();
            assert!(count <= REGISTERS, "{}", call.name());
            // What needs a handle has it in the first place, and only that.
            let first = call.arguments().first().map(|(_, kind, _)| *kind);
            assert_eq!(call.needs().is_some(), first == Some(ArgumentKind::Handle));
        }
        assert_eq!(Syscall::from_number(Syscall::ALL.len() as u64), None);
        assert_eq!(Syscall::from_number(u64::MAX), None);
    }

    #[test]
    fn requests_round_trip() {
        for call in Syscall::ALL {
            let count: usize = call.arguments().iter().map(|(.., count)| count).sum();
            let mut registers = [0; REGISTERS];
            for (register, value) in registers.iter_mut().take(count).zip(1..) {
                *register = value;
            }
            let request = Request::decode(*call, &registers);
            assert_eq!(request.encode(), (*call, registers), "{request:?}");
        }
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
