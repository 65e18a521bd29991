//! A process to the processor: an address space and registers.

use alloc::boxed::Box;

use proviso_kernel_core::machine::{NoMemory, REGISTERS, Trap, Words};

use crate::context::Context;
use crate::memory::Memory;
use crate::space::Space;

/// An address space with the registers of the thread in it.
#[derive(Debug)]
pub struct Task {
    /// The address space.
    pub space: Space,
    /// Boxed, because the processor writes to it wherever the task moves.
    context: Box<Context>,
}

impl Task {
    /// A task with nothing in it.
    ///
    /// # Errors
    /// [`NoMemory`] if there is no frame for its first table.
    pub fn create(memory: &mut Memory) -> Result<Self, NoMemory> {
        Ok(Self {
            space: Space::create(memory)?,
            context: Box::default(),
        })
    }

    /// Sets the registers for a start at `entry`.
    pub fn set_start(&mut self, entry: u64, stack: u64, arguments: [u64; 3]) {
        *self.context = Context::start(entry, stack, arguments);
    }

    /// Sets the result of the system call that the task is in.
    #[inline]
    pub fn set_result(&mut self, result: u64) {
        self.context.set_result(result);
    }

    /// Sets the registers that bring a message.
    #[inline]
    pub fn set_words(&mut self, first: u64, words: Words, last: u64) {
        self.context.set_words(first, words, last);
    }

    /// The instruction at which the task stands.
    #[must_use]
    pub fn instruction(&self) -> u64 {
        self.context.instruction()
    }

    /// The system call that the task makes, if it trapped for one.
    #[inline]
    #[must_use]
    pub fn syscall(&self) -> Option<(u64, [u64; REGISTERS])> {
        self.context.is_syscall().then(|| self.context.syscall())
    }

    /// Why the task trapped; an interrupt is handled.
    #[must_use]
    pub fn trap(&self) -> Trap {
        crate::traps::decode(&self.context)
    }

    /// Runs the task until it traps. A task that was never given a start has
    /// null selectors and faults in its first return to ring 3, which ends the
    /// kernel; the kernel's logic starts every task that it makes.
    #[inline]
    pub fn run(&mut self) {
        self.space.enter();
        // SAFETY: 1. The space in force is this task's, as of the line above.
        // 2. Contexts are made and changed only by `Context`'s own methods.
        unsafe { crate::traps::run(&mut self.context) }
    }
}
