//! The way into ring 3 and back: the only assembly that runs on every switch.
//!
//! `resume` leaves the kernel's callee-saved registers on the kernel stack and
//! loads a process. A trap stores the process in its [`Context`] (the trap stack
//! points at its end), returns to the kernel stack and so returns from `resume`.
//! To the rest of the kernel, running a process is a function call.

use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;

use crate::context::{Context, SYSCALL_VECTOR};
use crate::descriptors::{USER_CODE, USER_DATA};

/// Vectors with a stub: the processor's 32 and the 16 of the interrupt controllers.
pub(crate) const VECTORS: usize = 48;
/// The distance between two stubs in memory, in bytes.
pub(crate) const STUB_SIZE: usize = 16;

/// A word that the entry code shares with the kernel.
#[repr(transparent)]
pub(crate) struct Cell(UnsafeCell<u64>);

// SAFETY: one processor, and every access has interrupts off.
unsafe impl Sync for Cell {}

impl Cell {
    pub(crate) fn set(&self, value: u64) {
        // SAFETY: no reference to the word exists, and no access interrupts another.
        unsafe { *self.0.get() = value };
    }
}

/// The kernel's stack pointer while a process runs.
static KERNEL_STACK: Cell = Cell(UnsafeCell::new(0));
/// The end of the running process's context: the trap stack, for `syscall`,
/// which does not switch stacks by itself.
pub(crate) static TRAP_STACK: Cell = Cell(UnsafeCell::new(0));
/// Holds the process's stack pointer for two instructions.
static SCRATCH: Cell = Cell(UnsafeCell::new(0));

// Vectors for which the processor pushes an error code itself: 8, 10 to 14, 17,
// 21, 29, 30 (Intel SDM vol. 3A, table 6-1; AMD APM vol. 2, table 8-1).
global_asm!(
    ".section .text.trap_stubs, \"ax\"",
    ".global trap_stubs",
    ".balign 16",
    "trap_stubs:",
    ".set vector, 0",
    ".rept {vectors}",
    ".balign {size}",
    ".if (({with_error} >> vector) & 1) == 0",
    "push 0",
    ".endif",
    "push vector",
    "jmp {entry}",
    ".set vector, vector + 1",
    ".endr",
    ".text",
    vectors = const VECTORS,
    size = const STUB_SIZE,
    with_error = const 1u64 << 8 | 0x1f << 10 | 1 << 17 | 1 << 21 | 1 << 29 | 1 << 30,
    entry = sym trap_entry,
);

/// Loads a process and runs it until it traps. With `sysret` set it goes back
/// by `sysret`, which is quicker and takes `rip` and `flags` through `rcx` and
/// `r11`, as the system-call convention allows.
///
/// # Safety
/// 1. `context` is what [`TRAP_STACK`] and the task state segment point at the
///    end of.
/// 2. Its selectors are those of ring 3, its flags have interrupts on.
/// 3. The address space in force is the process's, with the kernel mapped.
/// 4. With `sysret`, `rip` is canonical: `sysret` to another address faults in
///    ring 0 on the process's stack (Intel SDM vol. 2B, SYSRET).
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn resume(context: *mut Context, sysret: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rip + {kernel_stack}], rsp",
        "mov rsp, rdi",
        "mov rax, rsi",
        "test rax, rax",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "jnz 2f",
        "add rsp, 16",
        "iretq",
        "2:",
        "mov rcx, [rsp + 16]",
        "mov r11, [rsp + 32]",
        "mov rsp, [rsp + 40]",
        "sysretq",
        kernel_stack = sym KERNEL_STACK,
    )
}

/// Every stub comes here with the vector and an error code on the stack.
#[unsafe(naked)]
unsafe extern "sysv64" fn trap_entry() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jz {from_kernel}",
        "jmp {save}",
        from_kernel = sym trap_from_kernel,
        save = sym save,
    )
}

/// `syscall` comes here, still on the process's stack.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn syscall_entry() {
    naked_asm!(
        "mov [rip + {scratch}], rsp",
        "mov rsp, [rip + {trap_stack}]",
        "push {user_data}",
        "push [rip + {scratch}]",
        "push r11",
        "push {user_code}",
        "push rcx",
        "push 0",
        "push {vector}",
        "jmp {save}",
        scratch = sym SCRATCH,
        trap_stack = sym TRAP_STACK,
        user_data = const USER_DATA,
        user_code = const USER_CODE,
        vector = const SYSCALL_VECTOR,
        save = sym save,
    )
}

/// Completes the context and returns from `resume`.
#[unsafe(naked)]
unsafe extern "sysv64" fn save() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rsp, [rip + {kernel_stack}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        kernel_stack = sym KERNEL_STACK,
    )
}

/// A trap in ring 0: an interrupt that ends `wait`, or the end of the kernel.
/// The processor aligned the stack to 16 before it pushed five words; with two
/// from the stub and nine here it is aligned again for the call.
#[unsafe(naked)]
unsafe extern "sysv64" fn trap_from_kernel() {
    naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "cld",
        "lea rdi, [rsp + 72]",
        "call {handler}",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "add rsp, 16",
        "iretq",
        handler = sym crate::traps::in_kernel,
    )
}
