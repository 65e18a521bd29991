//! Ways to fault, for trying out that the kernel ends the one who does it.

use core::arch::asm;
use core::cell::UnsafeCell;

use proviso_abi::layout::{HEAP_BASE, PAGE, PROGRAM_BASE, STACK_SIZE, STACK_TOP, USER_END};
use proviso_abi::syscall::{Buffer, REGISTERS, Request, Syscall};

use crate::{raw, system};

/// An address of the kernel: where it is linked.
pub const KERNEL_ADDRESS: u64 = 0xffff_ffff_8000_0000;
/// An address whose upper bits are no copy of bit 47, which no processor accepts.
const NONCANONICAL_ADDRESS: u64 = 0x8000_0000_0000_0000;

/// The table: `Variant "name" => code`.
macro_rules! faults {
    ($($(#[$doc:meta])+ $variant:ident $name:literal => $code:expr;)+) => {
        /// A way to fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])+ $variant,)+ }

        impl Fault {
            /// Every way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Does it. That this returns shows a fault of the kernel's.
            pub fn happen(self) {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

faults! {
    /// Reads address 0.
    NullRead "null-read" => read(0);
    /// Writes address 0.
    NullWrite "null-write" => write(0);
    /// Runs data.
    ExecuteData "execute-data" => run(DATA.as_ptr() as u64);
    /// Writes to its own code.
    WriteCode "write-code" => write(write as *const () as u64);
    /// Divides by zero.
    Divide "divide" => divide();
    /// Runs an instruction that does not exist.
    UndefinedInstruction "undefined-instruction" => instruction_ud2();
    /// Tries to turn interrupts off.
    PrivilegedInstruction "privileged-instruction" => instruction_cli();
    /// Tries to stop the processor.
    Halt "halt" => instruction_hlt();
    /// Tries to speak to a device.
    PortWrite "port-write" => port_write();
    /// Runs into a breakpoint without a debugger.
    Breakpoint "breakpoint" => instruction_int3();
    /// Uses more stack than there is.
    StackOverflow "stack-overflow" => overflow_stack();
    /// Reads memory of the kernel.
    KernelRead "kernel-read" => read(KERNEL_ADDRESS);
    /// Writes memory of the kernel.
    KernelWrite "kernel-write" => write(KERNEL_ADDRESS);
    /// Runs code of the kernel.
    KernelJump "kernel-jump" => run(KERNEL_ADDRESS);
    /// Reads an address that cannot exist.
    Noncanonical "noncanonical" => read(NONCANONICAL_ADDRESS);
    /// Makes a system call that does not exist.
    BadSyscall "bad-syscall" => bad_syscall();
    /// Offers memory of the kernel to a system call.
    BadPointer "bad-pointer" => bad_pointer();
}

impl Fault {
    /// The way with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

/// A `ret`, but not where code may be.
static DATA: [u8; 1] = [0xc3];

/// Reads an address. Where nothing is mapped the kernel ends the process.
pub fn read(address: u64) {
    // SAFETY: a value that comes is dropped, and no device is mapped that a read
    // would change.
    unsafe { asm!("mov {0:r}, [{0}]", inout(reg) address => _, options(nostack, readonly)) }
}

fn write(address: u64) {
    // SAFETY: the kernel ends the process here, before a byte is written.
    unsafe { asm!("mov byte ptr [{}], 0", in(reg) address, options(nostack)) }
}

fn run(address: u64) {
    // SAFETY: the kernel ends the process here; if it did not, a `ret` comes back.
    unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) }
}

fn divide() {
    // SAFETY: the kernel ends the process here.
    unsafe { asm!("div {0:e}", in(reg) 0u32, inout("eax") 1u32 => _, inout("edx") 0u32 => _) }
}

fn instruction_ud2() {
    // SAFETY: the kernel ends the process here.
    unsafe { asm!("ud2", options(nomem, nostack)) }
}

fn instruction_cli() {
    // SAFETY: the kernel ends the process here.
    unsafe { asm!("cli", options(nomem, nostack)) }
}

fn instruction_hlt() {
    // SAFETY: the kernel ends the process here.
    unsafe { asm!("hlt", options(nomem, nostack)) }
}

fn port_write() {
    // SAFETY: the kernel ends the process here. The port is one that nothing
    // listens on.
    unsafe { asm!("out 0x80, al", in("al") 0u8, options(nomem, nostack)) }
}

fn instruction_int3() {
    // SAFETY: the kernel ends the process here.
    unsafe { asm!("int3", options(nomem, nostack)) }
}

fn overflow_stack() {
    // SAFETY: the kernel ends the process when the stack's end is passed; what
    // is overwritten on the way is the unused part of this process's stack.
    unsafe { asm!("2: push 0", "jmp 2b", options(noreturn)) }
}

fn bad_syscall() {
    // SAFETY: no call has this number, so no memory is named.
    let _ = unsafe { raw::call_number(9999, [0; REGISTERS]) };
}

fn bad_pointer() {
    let text = Buffer {
        address: KERNEL_ADDRESS,
        length: 16,
    };
    // SAFETY: the kernel is asked to read, not to write.
    let _ = unsafe { raw::call(Request::Write { text }) };
}

/// Sends a letter whose bytes lie at any address.
///
/// # Errors
/// As for [`crate::Port::send`]. Where nothing is mapped the kernel ends the process.
pub fn send_from(to: crate::Port, address: u64, length: u64) -> Result<(), crate::Error> {
    let (endpoint, letter) = (to.0, Buffer { address, length });
    // SAFETY: the kernel is asked to read, not to write.
    unsafe { raw::call(Request::Send { endpoint, letter }) }.map(|_| ())
}

/// Memory that a storm lets the kernel write to; nobody reads it.
struct Scratch(UnsafeCell<[u8; SCRATCH_BYTES]>);

const SCRATCH_BYTES: usize = 4096;

// SAFETY: a process has one thread.
unsafe impl Sync for Scratch {}

static SCRATCH: Scratch = Scratch(UnsafeCell::new([0; SCRATCH_BYTES]));

/// Makes system calls at random, with arguments that are wrong in all ways, and
/// exits with 0 if it survives them. Equal seeds make equal storms.
pub fn storm(seed: u64) -> ! {
    let scratch = SCRATCH.0.get() as u64;
    let odd = [
        0,
        1,
        PAGE - 1,
        1 << 32,
        1 << 63,
        u64::MAX,
        scratch,
        scratch + SCRATCH_BYTES as u64 - 1,
        PROGRAM_BASE,
        storm as *const () as u64,
        // No heap is used from here on, so this is nobody's memory.
        HEAP_BASE,
        STACK_TOP - STACK_SIZE - 8,
        STACK_TOP,
        USER_END - 1,
        NONCANONICAL_ADDRESS,
        KERNEL_ADDRESS,
    ];
    let mut state = seed | 1;
    let mut random = |below: usize| {
        // Xorshift: no more than well mixed is needed.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    for _ in 0..1000 {
        let mut argument = || match random(3) {
            0 => random(300) as u64,
            _ => odd.get(random(odd.len())).copied().unwrap_or(0),
        };
        let arguments = [(); REGISTERS].map(|()| argument());
        // Anything but the exit, which would end the storm.
        let number = 1 + random(Syscall::ALL.len() - 1) as u64;
        // What can be read would be shown: code on the console helps nobody.
        let is_own = (PROGRAM_BASE..HEAP_BASE).contains(&arguments[0]);
        if number == Syscall::Write as u64 && is_own {
            continue;
        }
        // SAFETY: the addresses are the scratch memory's, which is for this, or
        // such that the kernel must not write there for this process.
        let _ = unsafe { raw::call_number(number, arguments) };
    }
    system::exit(0)
}
