//! System calls made up from the table: each call with each kind of argument in
//! all the ways that it can be right, nearly right and wrong.
//!
//! Equal seeds make equal storms, as far as the one who makes them goes.

use core::cell::UnsafeCell;

use proviso_abi::handle::MAX_HANDLES;
use proviso_abi::ipc::Envelope;
use proviso_abi::layout::{HEAP_BASE, PAGE, PROGRAM_BASE, STACK_SIZE, STACK_TOP, USER_END};
use proviso_abi::region::{REGIONS_BASE, REGIONS_END};
use proviso_abi::syscall::{ArgumentKind, MAX_BUFFER, REGISTERS, Syscall};
use proviso_abi::{Handle, ObjectKind, Rights};

use crate::fault::KERNEL_ADDRESS;
use crate::raw::{self, Registers};

/// Memory that the kernel may write to; nobody reads it.
struct Scratch(UnsafeCell<[u8; SCRATCH_BYTES]>);

const SCRATCH_BYTES: usize = 8192;
/// Handles that are remembered: living, closed and taken ones.
const POOL: usize = 24;
/// No processor accepts it.
const NONCANONICAL: u64 = 1 << 63;

// SAFETY: a process has one thread.
unsafe impl Sync for Scratch {}

static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; SCRATCH_BYTES]));

/// Names that a storm opens.
const NAMES: [&str; 4] = ["suite", "counter", "nobody", ""];

/// One who makes calls up.
#[derive(Debug)]
struct Storm {
    state: u64,
    pool: [Handle; POOL],
}

/// Makes so many calls, if it survives them.
pub fn storm(seed: u64, calls: u64) {
    let mut storm = Storm {
        state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        pool: [Handle::OWN; POOL],
    };
    for _ in 0..calls {
        storm.call();
    }
}

impl Storm {
    /// Xorshift: no more than well mixed is needed.
    fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) % below.max(1)
    }

    fn one_of(&mut self, choices: &[u64]) -> u64 {
        let index = self.random(choices.len() as u64);
        choices.get(index as usize).copied().unwrap_or(0)
    }

    /// Makes one call, and remembers the handles that it brings.
    fn call(&mut self) {
        let index = self.random(Syscall::ALL.len() as u64) as usize;
        let call = match Syscall::ALL.get(index) {
            // The exit would end the storm.
            Some(call) if *call != Syscall::Exit => *call,
            _ => return,
        };
        let mut registers = [0; REGISTERS];
        let mut free = registers.iter_mut();
        for (name, kind, _) in call.arguments() {
            let (values, count) = self.argument(call, name, *kind);
            for value in values.into_iter().take(count) {
                if let Some(register) = free.next() {
                    *register = value;
                }
            }
        }
        // SAFETY: addresses are the scratch memory's, which is for this, those of
        // memory that nothing of the program's lies in, or such that the kernel
        // must not write there for this process.
        let done = unsafe { raw::call_number(call as u64, registers) };
        if let Ok(Registers {
            result,
            first,
            last,
            ..
        }) = done
        {
            if call.result() == "handle" {
                self.remember(result);
            }
            match call {
                Syscall::Call => self.remember(first),
                Syscall::Receive | Syscall::ReplyReceive => self.remember(last),
                _ => {}
            }
        }
    }

    fn remember(&mut self, handle: u64) {
        let index = self.random(POOL as u64) as usize;
        if let Some(place) = self.pool.get_mut(index) {
            *place = Handle(handle);
        }
    }

    /// An argument in registers, and how many these are.
    fn argument(&mut self, call: Syscall, name: &str, kind: ArgumentKind) -> ([u64; 4], usize) {
        match kind {
            ArgumentKind::Number => ([self.number(name), 0, 0, 0], 1),
            ArgumentKind::Handle => ([self.handle(), 0, 0, 0], 1),
            ArgumentKind::Buffer => {
                let (address, length) = self.buffer(call);
                ([address, length, 0, 0], 2)
            }
            ArgumentKind::Words => ([(); 4].map(|()| self.number("")), 4),
            ArgumentKind::Envelope => ([self.envelope(call), 0, 0, 0], 1),
        }
    }

    fn number(&mut self, name: &str) -> u64 {
        let edges = [
            0,
            1,
            2,
            PAGE - 1,
            PAGE,
            1 << 31,
            1 << 32,
            NONCANONICAL,
            u64::MAX - 1,
            u64::MAX,
        ];
        match (name, self.random(8)) {
            // Who waits for ever makes no more calls, and is ended in the end.
            ("timeout_ns" | "duration_ns", 1..) => self.random(100_000),
            ("address", 1..) => REGIONS_BASE + self.random(64) * PAGE,
            ("rights", 1..) => self.random(Rights::ALL.bits() + 1),
            ("kind", 1..) => self.random(ObjectKind::ALL.len() as u64 + 2),
            ("pages" | "first" | "bytes", 1..3) => self.random(40),
            ("pid" | "intent", 1..) => self.random(200),
            (_, 0..3) => self.one_of(&edges),
            (_, 3..6) => self.random(5),
            _ => self.random(300),
        }
    }

    /// A handle that was good once and may be so still, one of a process's first,
    /// or one that never was.
    fn handle(&mut self) -> u64 {
        match self.random(16) {
            0 => self.random(u64::MAX),
            1 => Handle::new(self.random(MAX_HANDLES as u64) as usize, u32::MAX).0,
            2 => self.random(5) << 8 | self.random(MAX_HANDLES as u64),
            3 => Handle::NONE.0,
            4 => Handle::OWN.0,
            5 => Handle::DIRECTORY.0,
            _ => {
                let index = self.random(POOL as u64) as usize;
                self.pool.get(index).map_or(0, |handle| handle.0)
            }
        }
    }

    /// Memory that the kernel must not touch for this process. Offering it is the
    /// end of who does, so it is done seldom.
    fn bad_address(&mut self) -> u64 {
        self.one_of(&[
            0,
            1,
            PROGRAM_BASE - 1,
            HEAP_BASE - 1,
            STACK_TOP - STACK_SIZE - 8,
            STACK_TOP,
            REGIONS_END,
            USER_END - 1,
            USER_END,
            NONCANONICAL,
            KERNEL_ADDRESS,
            u64::MAX,
        ])
    }

    fn scratch() -> u64 {
        SCRATCH.0.get() as u64
    }

    fn buffer(&mut self, call: Syscall) -> (u64, u64) {
        let room = SCRATCH_BYTES as u64;
        if call == Syscall::Open {
            let index = self.random(NAMES.len() as u64) as usize;
            let name = NAMES.get(index).copied().unwrap_or_default();
            return (name.as_ptr() as u64, name.len() as u64);
        }
        match self.random(500) {
            0 => (self.bad_address(), 1 + self.random(64)),
            // It begins well and runs over the end of the last page.
            1 => (Self::scratch(), MAX_BUFFER as u64),
            2 => (storm as *const () as u64, 16),
            3 => (REGIONS_BASE + self.random(64 * PAGE), 1 + self.random(PAGE)),
            4..40 => (
                Self::scratch(),
                self.one_of(&[MAX_BUFFER as u64 + 1, 1 << 32, NONCANONICAL, u64::MAX]),
            ),
            40..60 => (self.bad_address(), 0),
            // What can be read would be shown: noise on the console helps nobody.
            _ if call == Syscall::Write => (Self::scratch(), 0),
            _ => {
                let length = self.one_of(&[0, 1, 8, 48, 256, 257, PAGE, room]);
                (Self::scratch() + self.random(room - length + 1), length)
            }
        }
    }

    /// An envelope in the scratch memory, or an address where none can be.
    fn envelope(&mut self, call: Syscall) -> u64 {
        match self.random(200) {
            0 => return self.bad_address(),
            1..4 => return 0,
            _ => {}
        }
        let (out_address, out_length) = self.buffer(call);
        let (in_address, in_length) = self.buffer(call);
        let passes = self.random(3) == 0;
        let envelope = Envelope {
            out_address,
            out_length,
            in_address,
            in_length,
            timeout_ns: self.number("timeout_ns"),
            handle: Handle(if passes { self.handle() } else { 0 }),
        };
        let at = SCRATCH.0.get().cast::<Envelope>();
        // SAFETY: 1. The scratch memory has room for an envelope. 2. A process has
        // one thread, and the kernel writes there during its calls alone.
        unsafe { at.write_unaligned(envelope) };
        at as u64
    }
}
