//! The `syscall` instruction.

use core::arch::asm;

use proviso_abi::syscall::{Error, Syscall, decode_result};

/// Makes a system call.
///
/// # Safety
/// Memory that the arguments let the kernel write must be the caller's to
/// have written: valid, and not borrowed by anybody else.
pub unsafe fn call(call: Syscall, arguments: [u64; 4]) -> Result<u64, Error> {
    // SAFETY: the same promise, passed on.
    unsafe { call_number(call as u64, arguments) }
}

/// Makes a system call that may not exist.
///
/// # Safety
/// As for [`call`].
pub unsafe fn call_number(number: u64, arguments: [u64; 4]) -> Result<u64, Error> {
    let [first, second, third, fourth] = arguments;
    let result: u64;
    // SAFETY: 1. The kernel changes rax, rcx and r11 and no other register, as
    // the abi says. 2. It touches no memory but what the arguments name, which
    // the caller vouches for; the stack is not touched.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    decode_result(result)
}

/// The address and length of memory that the kernel shall read.
pub fn readable(bytes: &[u8]) -> [u64; 2] {
    [bytes.as_ptr() as u64, bytes.len() as u64]
}

/// The address and length of memory that the kernel shall write.
pub fn writable(bytes: &mut [u8]) -> [u64; 2] {
    [bytes.as_mut_ptr() as u64, bytes.len() as u64]
}
