//! The saved registers of a process, laid out as the processor stores them.

use proviso_kernel_core::machine::{REGISTERS, Words};

use crate::descriptors::{USER_CODE, USER_DATA};

/// The vector that stands for `syscall`, which has none of its own.
pub const SYSCALL_VECTOR: u64 = 0x100;
/// Interrupts on, and the bit that always reads as one.
const USER_FLAGS: u64 = 0x202;

/// Everything a process needs to go on. When it traps, the processor pushes the
/// upper five words straight into this record and the entry stub the rest, so
/// order and alignment are fixed (Intel SDM vol. 3A, figure 6-9).
#[derive(Debug, Clone, Default)]
#[repr(C, align(16))]
pub struct Context {
    /// r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax.
    pub(crate) registers: [u64; 15],
    pub(crate) vector: u64,
    pub(crate) error: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) flags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

const R10: usize = 5;
const R9: usize = 6;
const R8: usize = 7;
const RDI: usize = 9;
const RSI: usize = 10;
const RDX: usize = 11;
const RAX: usize = 14;

impl Context {
    /// Registers for a start at `entry`: all zero but the first three arguments.
    #[must_use]
    pub fn start(entry: u64, stack: u64, arguments: [u64; 3]) -> Self {
        let mut context = Self {
            rip: entry,
            cs: USER_CODE.into(),
            flags: USER_FLAGS,
            rsp: stack,
            ss: USER_DATA.into(),
            ..Self::default()
        };
        let [first, second, third] = arguments;
        context.registers[RDI] = first;
        context.registers[RSI] = second;
        context.registers[RDX] = third;
        context
    }

    /// Whether the process trapped to make a system call.
    #[inline]
    #[must_use]
    pub const fn is_syscall(&self) -> bool {
        self.vector == SYSCALL_VECTOR
    }

    /// The number and arguments of the system call that the process makes.
    #[inline]
    #[must_use]
    pub const fn syscall(&self) -> (u64, [u64; REGISTERS]) {
        let it = &self.registers;
        let arguments = [it[RDI], it[RSI], it[RDX], it[R10], it[R8], it[R9]];
        (it[RAX], arguments)
    }

    /// Sets the registers that bring a message: those of arguments, in order.
    #[inline]
    pub const fn set_words(&mut self, first: u64, [a, b, c, d]: Words, last: u64) {
        self.registers[RDI] = first;
        self.registers[RSI] = a;
        self.registers[RDX] = b;
        self.registers[R10] = c;
        self.registers[R8] = d;
        self.registers[R9] = last;
    }

    /// Sets the result of a system call.
    #[inline]
    pub const fn set_result(&mut self, result: u64) {
        self.registers[RAX] = result;
    }

    /// The instruction at which the process stands.
    #[must_use]
    pub fn instruction(&self) -> u64 {
        self.rip
    }
}
