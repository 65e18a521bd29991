//! The `syscall` instruction.

use core::arch::asm;

use proviso_abi::syscall::{Buffer, Error, REGISTERS, Request, Words, decode_result};

/// Makes a system call.
///
/// # Safety
/// Memory that the arguments let the kernel write must be the caller's to
/// have written: valid, and not borrowed by anybody else.
#[inline(always)]
pub unsafe fn call(request: Request) -> Result<u64, Error> {
    let (call, registers) = request.encode();
    // SAFETY: the same promise, passed on.
    unsafe { call_number(call as u64, registers) }.map(|message| message.result)
}

/// What a call that brings a message left in the registers.
#[derive(Debug, Clone, Copy)]
pub struct Registers {
    /// `rax`.
    pub result: u64,
    /// `rdi`: the caller's badge, or the handle that came with a reply.
    pub first: u64,
    /// The words.
    pub words: Words,
    /// `r9`: the handle that came with a call.
    pub last: u64,
}

/// Makes a system call that may not exist.
///
/// # Safety
/// As for [`call`].
#[inline(always)]
pub unsafe fn call_number(
    number: u64,
    [mut first, mut a, mut b, mut c, mut d, mut last]: [u64; REGISTERS],
) -> Result<Registers, Error> {
    let result: u64;
    // SAFETY: 1. The kernel changes rax, rcx, r11 and the arguments' registers
    // and no other, as the abi says. 2. It touches no memory but what the
    // arguments name, which the caller vouches for; the stack is not touched.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            inlateout("rdi") first,
            inlateout("rsi") a,
            inlateout("rdx") b,
            inlateout("r10") c,
            inlateout("r8") d,
            inlateout("r9") last,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    Ok(Registers {
        result: decode_result(result)?,
        first,
        words: [a, b, c, d],
        last,
    })
}

/// Memory that the kernel shall read.
pub fn readable(bytes: &[u8]) -> Buffer {
    Buffer {
        address: bytes.as_ptr() as u64,
        length: bytes.len() as u64,
    }
}

/// Memory that the kernel shall write.
pub fn writable(bytes: &mut [u8]) -> Buffer {
    Buffer {
        address: bytes.as_mut_ptr() as u64,
        length: bytes.len() as u64,
    }
}
