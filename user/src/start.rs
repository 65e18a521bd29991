//! From the kernel's jump to `main`, and from its result to the exit code.

use core::fmt::Display;

use proviso_abi::Pid;
use proviso_abi::syscall::Error;

use crate::args::Args;
use crate::{output, system};

/// What `main` may return, as an exit code.
pub trait Termination {
    /// The exit code; what went wrong has been printed.
    fn code(self) -> i32;
}

impl Termination for () {
    fn code(self) -> i32 {
        0
    }
}

impl Termination for i32 {
    fn code(self) -> i32 {
        self
    }
}

impl<T: Termination, E: Display> Termination for Result<T, E> {
    fn code(self) -> i32 {
        match self {
            Ok(value) => value.code(),
            Err(error) => {
                output::print(format_args!("error: {error}\n"));
                1
            }
        }
    }
}

/// Makes a function the program's `main`: `program!(main);`, for a
/// `fn main(args: Args)` that returns nothing, an `i32`, or a `Result` of these.
#[macro_export]
macro_rules! program {
    ($main:path) => {
        /// Where the kernel starts the program.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        extern "C" fn _start() -> ! {
            // The kernel promises registers, not an alignment of the stack.
            core::arch::naked_asm!(
                "xor ebp, ebp",
                "and rsp, -16",
                "call {begin}",
                "ud2",
                begin = sym begin,
            )
        }

        extern "C" fn begin(arguments: *const u8, length: usize, pid: u32) -> ! {
            // SAFETY: `_start` passes on what the kernel put into the registers.
            unsafe { $crate::start::run(arguments, length, pid, $main) }
        }
    };
}

/// Runs a function on a stack of so many bytes, for programs whose `main` needs
/// more than every program gets. It must be the first thing that takes memory: the
/// new stack lies at the bottom of the heap, and below that is nothing.
///
/// # Errors
/// [`Error::NoMemory`] at the limit, [`Error::Invalid`] if memory was taken before.
pub fn on_stack(bytes: usize, main: extern "C" fn() -> i32) -> Result<i32, Error> {
    let stack = crate::claim(bytes)?;
    let top = stack.as_mut_ptr_range().end as u64 & !0xf;
    let code: u64;
    // SAFETY: 1. The new stack is memory that only this has, for good, aligned as
    // calls need it. 2. `r12` is kept by calls, so the old stack comes back.
    // 3. Everything else that a call may change is declared.
    unsafe {
        core::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {main}",
            "mov rsp, r12",
            top = in(reg) top,
            main = in(reg) main,
            out("r12") _,
            lateout("rax") code,
            clobber_abi("C"),
        );
    }
    // The code is the low half of the register.
    Ok(code as u32 as i32)
}

/// Calls `main` and ends the process with its result.
///
/// # Safety
/// The arguments must be those that the kernel started the process with.
pub unsafe fn run<T: Termination>(
    arguments: *const u8,
    length: usize,
    pid: Pid,
    main: fn(Args) -> T,
) -> ! {
    let joined = if length == 0 {
        &[]
    } else {
        // SAFETY: 1. The kernel placed `length` bytes there, above the initial
        // stack pointer, where nothing else in the program points. 2. They stay
        // for the life of the process.
        unsafe { core::slice::from_raw_parts(arguments, length) }
    };
    system::exit(main(Args::new(joined, pid)).code())
}
