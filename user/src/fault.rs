//! Ways to fault, for trying out that the kernel ends the one who does it.

use core::arch::asm;

use proviso_abi::Handle;
use proviso_abi::layout::{STACK_SIZE, STACK_TOP, USER_END};
use proviso_abi::syscall::{Buffer, EnvelopeAt, OBSERVE_TRACE, REGISTERS, Request};

use crate::raw;

/// An address of the kernel: where it is linked.
pub const KERNEL_ADDRESS: u64 = 0xffff_ffff_8000_0000;
/// An address whose upper bits are no copy of bit 47, which no processor accepts.
const NONCANONICAL_ADDRESS: u64 = 0x8000_0000_0000_0000;

/// The table: `Variant "name" "words of its record" => code`.
macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $words:literal => $code:expr;)+) => {
        /// A way to fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Fault { $($(#[doc = $doc])+ $variant,)+ }

        impl Fault {
            /// Every way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it does, in words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)+ }
            }

            /// What the record of its end says.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }

            /// Does it. That this returns shows a fault of the kernel's.
            pub fn happen(self) {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

/// Instructions that fault, or that ring 3 may not run.
macro_rules! run {
    ($($text:literal),+) => {{
        // SAFETY: the kernel ends the process here, and nothing has changed; of the
        // registers that would change, those that Rust uses are named.
        unsafe { asm!($($text),+, out("rax") _, out("rdx") _) }
    }};
}

/// The same, where the stack or the flags are spoiled before.
macro_rules! run_to_the_end {
    ($($text:literal),+ $(; $name:ident = $value:expr)?) => {{
        // SAFETY: the kernel ends the process here, or it would run into `ud2`.
        unsafe { asm!($($text),+, "ud2", $($name = const $value,)? options(noreturn)) }
    }};
}

faults! {
    /// Reads address 0.
    NullRead "null-read" "page fault (read)" => read(0);
    /// Writes address 0.
    NullWrite "null-write" "page fault (write)" => write(0);
    /// Runs data.
    ExecuteData "execute-data" "page fault (execute)" => run(DATA.as_ptr() as u64);
    /// Runs its stack.
    ExecuteStack "execute-stack" "page fault (execute)" => run_to_the_end!("push 0xc3", "jmp rsp");
    /// Writes to its own code.
    WriteCode "write-code" "page fault (write)" => write(write as *const () as u64);
    /// Divides by zero.
    Divide "divide" "division by zero" => divide();
    /// Runs an instruction that does not exist.
    UndefinedInstruction "undefined-instruction" "undefined instruction" => run!("ud2");
    /// Tries to turn interrupts off.
    PrivilegedInstruction "privileged-instruction" "general protection fault" => run!("cli");
    /// Tries to stop the processor.
    Halt "halt" "general protection fault" => run!("hlt");
    /// Tries to speak to a device.
    PortWrite "port-write" "general protection fault" => run!("out 0x80, al");
    /// Tries to hear from a device.
    PortRead "port-read" "general protection fault" => run!("in al, 0x60");
    /// Tries to read a register of the processor's model.
    ReadModelRegister "read-model-register" "general protection fault" => run!("rdmsr");
    /// Tries to write one.
    WriteModelRegister "write-model-register" "general protection fault" => run!("wrmsr");
    /// Tries to see whether paging is on.
    ReadControlRegister "read-control-register" "general protection fault" => run!("mov rax, cr0");
    /// Tries to change the address space.
    WriteControlRegister "write-control-register" "general protection fault" => run!("mov cr3, rax");
    /// Tries to set a debug register.
    WriteDebugRegister "write-debug-register" "general protection fault" => run!("mov dr7, rax");
    /// Tries to install interrupt handlers of its own.
    LoadInterruptTable "load-interrupt-table" "general protection fault" => run!("lidt [rsp]");
    /// Tries to install segments of its own.
    LoadSegmentTable "load-segment-table" "general protection fault" => run!("lgdt [rsp]");
    /// Tries to load a task state.
    LoadTask "load-task" "general protection fault" => run!("ltr ax");
    /// Tries to swap the base that a kernel may keep its data at.
    SwapBase "swap-base" "general protection fault" => run!("swapgs");
    /// Tries to make the processor forget a translation.
    FlushPage "flush-page" "general protection fault" => run!("invlpg [rsp]");
    /// Tries to make it forget its caches.
    FlushCaches "flush-caches" "general protection fault" => run!("wbinvd");
    /// Pretends to be the timer.
    FakeInterrupt "fake-interrupt" "general protection fault" => run!("int 32");
    /// Makes a system call of another system's.
    SoftwareInterrupt "software-interrupt" "general protection fault" => run!("int 0x80");
    /// Pretends to be a page fault.
    FakePageFault "fake-page-fault" "general protection fault" => run!("int 14");
    /// Loads a segment of the kernel's.
    LoadKernelSegment "load-kernel-segment" "general protection fault"
        => run!("mov eax, 8", "mov ds, eax");
    /// Returns from an interrupt that never was, into ring 0.
    // QEMU 7.2 reads what `iretq` returns to as ring 0 would, and SMAP refuses that.
    ReturnToKernel "return-to-kernel" "fault"
        => run_to_the_end!("push 0", "push rsp", "pushfq", "push 8", "push 0", "iretq");
    /// Runs into a breakpoint without a debugger.
    Breakpoint "breakpoint" "breakpoint" => run!("int3");
    /// Runs step by step without a debugger.
    SingleStep "single-step" "debug trap"
        => run!("pushfq", "or qword ptr [rsp], 0x100", "popfq", "nop");
    /// Makes a system call step by step.
    SingleStepCall "single-step-call" "debug trap"
        => run_to_the_end!("mov eax, 3", "pushfq", "or qword ptr [rsp], 0x100", "popfq", "syscall", "nop", "nop");
    /// Makes a system call with flags that would confuse a kernel that kept them.
    FlagsCall "flags-call" "undefined instruction"
        => run_to_the_end!("mov eax, 3", "pushfq", "or qword ptr [rsp], 0x44400", "popfq", "syscall");
    /// Faults with the same flags.
    FlagsFault "flags-fault" "undefined instruction"
        => run_to_the_end!("pushfq", "or qword ptr [rsp], 0x44400", "popfq");
    /// Makes a system call with a stack that is none.
    WildStackCall "wild-stack-call" "undefined instruction"
        => run_to_the_end!("mov eax, 3", "mov rsp, {at}", "syscall"; at = NONCANONICAL_ADDRESS);
    /// Pushes to a stack that cannot exist.
    // A stack segment fault by the manual; QEMU makes it the general one.
    WildStack "wild-stack" "fault"
        => run_to_the_end!("mov rsp, {at}", "push 0"; at = NONCANONICAL_ADDRESS);
    /// Pushes to a stack in the kernel.
    KernelStack "kernel-stack" "page fault (write)"
        => run_to_the_end!("mov rsp, {at}", "push 0"; at = KERNEL_ADDRESS + 4096);
    /// Uses x87 floating point.
    FloatingPoint "floating-point" "floating point used" => run!("fninit");
    /// Uses vector registers.
    VectorRegister "vector-register" "undefined instruction" => run!("xorps xmm0, xmm0");
    /// Uses more stack than there is.
    StackOverflow "stack-overflow" "page fault (write)" => overflow_stack();
    /// Reads below the end of its stack.
    StackGuard "stack-guard" "page fault (read)" => read(STACK_TOP - STACK_SIZE - 8);
    /// Reads the last address that could be its own.
    LastAddress "last-address" "page fault (read)" => read(USER_END - 8);
    /// Reads the last address there is.
    HighestAddress "highest-address" "page fault (read)" => read(u64::MAX - 7);
    /// Reads memory of the kernel.
    KernelRead "kernel-read" "page fault (read)" => read(KERNEL_ADDRESS);
    /// Writes memory of the kernel.
    KernelWrite "kernel-write" "page fault (write)" => write(KERNEL_ADDRESS);
    /// Runs code of the kernel.
    KernelJump "kernel-jump" "page fault" => run(KERNEL_ADDRESS);
    /// Reads an address that cannot exist.
    Noncanonical "noncanonical" "general protection fault" => read(NONCANONICAL_ADDRESS);
    /// Runs at an address that cannot exist.
    NoncanonicalJump "noncanonical-jump" "general protection fault" => run(NONCANONICAL_ADDRESS);
    /// Makes a system call that does not exist.
    BadSyscall "bad-syscall" "unknown system call 9999" => bad_syscall();
    /// Offers memory of the kernel to a system call.
    BadPointer "bad-pointer" "bad address in system call write"
        => offer(KERNEL_ADDRESS, 16);
    /// Offers memory that cannot exist.
    NoncanonicalPointer "noncanonical-pointer" "bad address in system call write"
        => offer(NONCANONICAL_ADDRESS, 16);
    /// Offers memory that runs over the end of all addresses.
    WrappingPointer "wrapping-pointer" "bad address in system call write"
        => offer(u64::MAX - 7, 16);
    /// Offers memory that begins well and runs over the end of its stack.
    StraddlingPointer "straddling-pointer" "bad address in system call write"
        => offer(STACK_TOP - 8, 16);
    /// Has a system call write to its code.
    KernelWritesCode "kernel-writes-code" "bad address in system call observe"
        => receive_at(write as *const () as u64);
    /// Has a system call write to what it may only read.
    KernelWritesConstant "kernel-writes-constant" "bad address in system call observe"
        => receive_at(DATA.as_ptr() as u64);
    /// Has a system call write to the kernel.
    KernelWritesKernel "kernel-writes-kernel" "bad address in system call observe"
        => receive_at(KERNEL_ADDRESS);
    /// Calls with an envelope in the kernel.
    BadEnvelope "bad-envelope" "bad address in system call receive"
        => envelope_at(KERNEL_ADDRESS);
    /// Calls with an envelope that runs over the end of its stack.
    StraddlingEnvelope "straddling-envelope" "bad address in system call receive"
        => envelope_at(STACK_TOP - 8);
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

fn overflow_stack() {
    // SAFETY: the kernel ends the process when the stack's end is passed; what
    // is overwritten on the way is the unused part of this process's stack.
    unsafe { asm!("2: push 0", "jmp 2b", options(noreturn)) }
}

fn bad_syscall() {
    // SAFETY: no call has this number, so no memory is named.
    let _ = unsafe { raw::call_number(9999, [0; REGISTERS]) };
}

/// Offers memory to be read.
fn offer(address: u64, length: u64) {
    let text = Buffer { address, length };
    // SAFETY: the kernel is asked to read, not to write.
    let _ = unsafe { raw::call(Request::Write { text }) };
}

/// Offers memory to be written, which the kernel must not do.
fn receive_at(address: u64) {
    let buffer = Buffer {
        address,
        length: 4096,
    };
    let (what, from) = (OBSERVE_TRACE, 0);
    // SAFETY: the kernel ends the process, before a byte is written.
    let _ = unsafe { raw::call(Request::Observe { what, buffer, from }) };
}

/// Receives with an envelope where none can be.
fn envelope_at(address: u64) {
    let request = Request::Receive {
        endpoint: Handle::OWN,
        words: [0; 4],
        envelope: EnvelopeAt(address),
    };
    // SAFETY: the kernel is asked to read, not to write.
    let _ = unsafe { raw::call(request) };
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
