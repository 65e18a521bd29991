//! Exceptions: a sentence instead of a triple fault.
//!
//! The table stays valid until the kernel loads its own, so the kernel's first
//! instructions are covered too.

use core::{
    arch::{asm, global_asm},
    ptr::addr_of,
};

use crate::console;

/// Exceptions that the processor knows.
const VECTORS: usize = 32;

/// Bytes between two stubs.
const STUB_BYTES: usize = 16;

/// Offset of the 64-bit code segment in the table of `entry`.
const CODE_SELECTOR: u64 = 8;

/// Present, privilege level 0, interrupt gate (Intel SDM volume 3, 7.14.1).
const INTERRUPT_GATE: u64 = 0x8e;

global_asm!(
    r#"
    .section .text.exceptions, "ax"
    .code64
    .balign 16
exception_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    # These push an error code themselves: 8, 10 to 14, 17, 21, 29, 30.
    .if ((0x60227d00 >> vector) & 1) == 0
    push 0
    .endif
    push vector
    jmp exception_common
    .set vector, vector + 1
    .endr
exception_common:
    mov rdi, rsp
    and rsp, -16
    cld
    call loader_exception
    ud2
"#
);

unsafe extern "C" {
    static exception_stubs: u8;
}

/// What the stubs and the processor leave on the stack.
#[repr(C)]
struct Frame {
    vector: u64,
    error_code: u64,
    instruction: u64,
}

/// What `lidt` reads.
#[repr(C, packed)]
struct TablePointer {
    limit: u16,
    base: u64,
}

static mut TABLE: [[u64; 2]; VECTORS] = [[0; 2]; VECTORS];

/// Makes the processor call [`loader_exception`].
pub fn install() {
    let stubs = addr_of!(exception_stubs) as usize;
    let table = &raw mut TABLE;
    // SAFETY:
    // 1. `install` is called once, before anything can raise an exception, and the
    //    processor is the only one running: nothing else uses TABLE.
    // 2. TABLE lives as long as the loader's image, which stays mapped at its own address.
    unsafe {
        for (vector, gate) in (*table).iter_mut().enumerate() {
            *gate = encode_gate((stubs + vector * STUB_BYTES) as u64);
        }
        let pointer = TablePointer {
            limit: (size_of_val(&*table) - 1) as u16,
            base: table as u64,
        };
        asm!("lidt [{}]", in(reg) &raw const pointer, options(readonly, nostack, preserves_flags));
    }
}

const fn encode_gate(handler: u64) -> [u64; 2] {
    let low = handler & 0xffff | CODE_SELECTOR << 16;
    [
        low | INTERRUPT_GATE << 40 | (handler >> 16 & 0xffff) << 48,
        handler >> 32,
    ]
}

#[unsafe(no_mangle)]
extern "C" fn loader_exception(frame: &Frame) -> ! {
    let fault_address: u64;
    // SAFETY: reading CR2 changes nothing.
    unsafe {
        asm!("mov {}, cr2", out(reg) fault_address, options(nomem, nostack, preserves_flags))
    };
    console::fail(format_args!(
        "exception {} (error code {:#x}) at {:#x}, fault address {fault_address:#x}, \
         before the kernel had handlers of its own",
        frame.vector, frame.error_code, frame.instruction
    ))
}
