//! Where things are in a process's address space, in bytes.

/// The size of a page and the unit of all memory accounting.
pub const PAGE: u64 = 4096;
/// Programs are linked here.
pub const PROGRAM_BASE: u64 = 0x40_0000;
/// The heap begins here and grows upwards, by [`crate::syscall`]'s `grow`.
pub const HEAP_BASE: u64 = 0x1_0000_0000;
/// The most a heap can span.
pub const HEAP_SPAN: u64 = 0x1_0000_0000;
/// The stack ends here and grows downwards; the page below it stays unmapped.
pub const STACK_TOP: u64 = 0x7000_0000_0000;
/// The size of the stack.
pub const STACK_SIZE: u64 = 32 * 1024;
/// User addresses are below this.
pub const USER_END: u64 = 0x8000_0000_0000;
/// What a program may hold if nobody says otherwise.
pub const DEFAULT_LIMIT: u64 = 2 << 20;
