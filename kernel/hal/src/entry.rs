//! The way into ring 3 and back: the only assembly that runs on every switch.
//!
//! `resume` leaves where to come back to on the kernel stack and loads a process.
//! A trap stores the process in its [`Context`] (the trap stack points at its end)
//! and comes back there, on the kernel stack.
//! To the rest of the kernel, running a process is a function call.

use core::arch::{asm, global_asm, naked_asm};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};

use proviso_abi::syscall::Syscall;

use crate::context::{Context, SYSCALL_VECTOR};
use crate::{clock, descriptors};

/// Vectors with a stub: the processor's 32 and the 16 of the interrupt controllers.
pub(crate) const VECTORS: usize = 48;
/// The distance between two stubs in memory, in bytes.
pub(crate) const STUB_SIZE: usize = 16;

/// The kernel's stack pointer while a process runs.
static KERNEL_STACK: AtomicU64 = AtomicU64::new(0);
/// Holds one register of the process for a few instructions.
static SCRATCH: AtomicU64 = AtomicU64::new(0);
/// System calls that the entry code answered by itself.
static QUICK_CALLS: AtomicU64 = AtomicU64::new(0);

/// System calls since boot that the entry code answered by itself.
#[must_use]
pub fn quick_calls() -> u64 {
    QUICK_CALLS.load(Ordering::Relaxed)
}

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

/// Loads a process and runs it until it traps. One that trapped by `syscall` goes
/// back by `sysret`, which is quicker and takes `rip` and `flags` through `rcx` and
/// `r11`, as the system-call convention allows; but not to an address that is not
/// canonical, where `sysret` would fault in ring 0 (Intel SDM vol. 2B, SYSRET).
///
/// # Safety
/// 1. `context` is what the trap stack of the task state segment points at the
///    end of.
/// 2. Its selectors are those of ring 3, its flags have interrupts on.
/// 3. The address space in force is the process's, with the kernel mapped.
#[inline(always)]
pub(crate) unsafe fn resume(context: *mut Context) {
    // SAFETY: 1. The caller's promises. 2. A trap comes back to the label with the
    // stack as it was; every register but these two is said to be lost.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rax, [rip + 3f]",
            "push rax",
            "mov [rip + {kernel_stack}], rsp",
            "mov r15, [rdi]",
            "mov r14, [rdi + 8]",
            "mov r13, [rdi + 16]",
            "mov r12, [rdi + 24]",
            "mov r10, [rdi + 40]",
            "mov r9, [rdi + 48]",
            "mov r8, [rdi + 56]",
            "mov rbp, [rdi + 64]",
            "mov rsi, [rdi + 80]",
            "mov rdx, [rdi + 88]",
            "mov rbx, [rdi + 104]",
            "mov rcx, [rdi + {rip}]",
            "mov rax, rcx",
            "shr rax, 47",
            "jnz 2f",
            "cmp dword ptr [rdi + {vector}], {syscall}",
            "jne 2f",
            "mov rax, [rdi + 112]",
            "mov r11, [rdi + {flags}]",
            "mov rsp, [rdi + {rsp}]",
            "mov rdi, [rdi + 72]",
            "sysretq",
            "2:",
            "lea rsp, [rdi + {rip}]",
            "mov rax, [rdi + 112]",
            "mov rcx, [rdi + 96]",
            "mov r11, [rdi + 32]",
            "mov rdi, [rdi + 72]",
            "iretq",
            "3:",
            "pop rbp",
            "pop rbx",
            kernel_stack = sym KERNEL_STACK,
            syscall = const SYSCALL_VECTOR,
            vector = const offset_of!(Context, vector),
            rip = const offset_of!(Context, rip),
            flags = const offset_of!(Context, flags),
            rsp = const offset_of!(Context, rsp),
            inout("rdi") context => _,
            out("rax") _,
            out("rcx") _,
            out("rdx") _,
            out("rsi") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
        );
    }
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

/// `syscall` comes here, still on the process's stack, which is not touched.
///
/// To tell the time is answered at once: two registers and the clock's two words
/// are all it takes. Every other call leaves the process's state in its context
/// and returns from `resume`. Selectors are not stored: ring 3 has but one of
/// each, and they are in the context from its start.
#[unsafe(naked)]
pub(crate) unsafe extern "sysv64" fn syscall_entry() {
    naked_asm!(
        "cmp rax, {clock}",
        "jne 2f",
        // What `sysret` would fault on takes the long way, which does not use it.
        "bt rcx, 47",
        "jc 2f",
        "mov [rip + {scratch}], rdx",
        "rdtsc",
        "shl rdx, 32",
        "or rax, rdx",
        "sub rax, [rip + {begin}]",
        "mul qword ptr [rip + {rate}]",
        "shrd rax, rdx, 32",
        "mov rdx, [rip + {scratch}]",
        "inc qword ptr [rip + {quick_calls}]",
        "sysretq",
        "2:",
        "mov [rip + {scratch}], rsp",
        "mov rsp, [rip + {tables} + {trap_stack}]",
        "mov [rsp - {size} + {flags}], r11",
        "mov [rsp - {size} + {rip}], rcx",
        "mov rcx, [rip + {scratch}]",
        "mov [rsp - {size} + {rsp}], rcx",
        "mov qword ptr [rsp - {size} + {vector}], {syscall}",
        "mov [rsp - {size} + 112], rax",
        "mov [rsp - {size} + 104], rbx",
        "mov [rsp - {size} + 88], rdx",
        "mov [rsp - {size} + 80], rsi",
        "mov [rsp - {size} + 72], rdi",
        "mov [rsp - {size} + 64], rbp",
        "mov [rsp - {size} + 56], r8",
        "mov [rsp - {size} + 48], r9",
        "mov [rsp - {size} + 40], r10",
        "mov [rsp - {size} + 24], r12",
        "mov [rsp - {size} + 16], r13",
        "mov [rsp - {size} + 8], r14",
        "mov [rsp - {size}], r15",
        "mov rsp, [rip + {kernel_stack}]",
        "ret",
        clock = const Syscall::Clock as u64,
        begin = sym clock::BEGIN,
        rate = sym clock::RATE,
        quick_calls = sym QUICK_CALLS,
        scratch = sym SCRATCH,
        tables = sym descriptors::TABLES,
        trap_stack = const descriptors::TRAP_STACK,
        kernel_stack = sym KERNEL_STACK,
        syscall = const SYSCALL_VECTOR,
        size = const size_of::<Context>(),
        vector = const offset_of!(Context, vector),
        rip = const offset_of!(Context, rip),
        flags = const offset_of!(Context, flags),
        rsp = const offset_of!(Context, rsp),
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
