//! What the kernel's logic needs of the hardware.
//!
//! The binary implements this with page tables and devices, the host tests with
//! a pretended machine. Nothing here can panic on what a process or the agent
//! chose: such values come in as numbers and leave as errors.

pub use proviso_abi::device::DeviceCall;
pub use proviso_abi::fault::FaultKind;
pub use proviso_abi::region::Access;
pub use proviso_abi::syscall::{REGISTERS, Words};
use proviso_abi::words::ShutdownMode;

use crate::program::Segment;

/// There is no frame left, or the caller's budget does not allow one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

/// A range of addresses that is not mapped in the process, or not with the
/// access that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAddress;

/// The memory of a region, by the machine's number for it. Valid from
/// [`Machine::create_region`] until [`Machine::destroy_region`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionMemory(pub u64);

/// Why a process gave up the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// A device or the timer wants attention; the process did nothing.
    Interrupt,
    /// It made a system call.
    Syscall {
        /// The number, as the process gave it.
        number: u64,
        /// The arguments, as the process gave them.
        arguments: [u64; REGISTERS],
    },
    /// It did something the processor refuses.
    Fault {
        /// What.
        kind: FaultKind,
        /// The instruction.
        instruction: u64,
        /// The address the fault is about, if it has one.
        address: Option<u64>,
    },
}

/// The hardware.
pub trait Machine {
    /// An address space with the saved registers of the one thread in it.
    type Task;

    /// Nanoseconds since boot; never goes back.
    fn now_ns(&self) -> u64;

    /// A count that goes up as time passes, and is cheaper to read than
    /// [`Self::now_ns`].
    fn ticks(&self) -> u64;
    /// So many ticks in nanoseconds.
    fn ticks_to_ns(&self, ticks: u64) -> u64;
    /// Changes of the address space since boot.
    fn space_switches(&self) -> u64;

    /// Frames that nobody holds.
    fn free_frames(&self) -> u64;
    /// Frames that the machine had for everybody when the kernel took over,
    /// and those that the kernel keeps for itself.
    fn total_frames(&self) -> (u64, u64);
    /// Bytes in use in the kernel's heap, and its size.
    fn heap_bytes(&self) -> (u64, u64);

    /// The devices there are, by name, and what each is used for.
    fn devices(&self) -> &'static [(&'static str, &'static str)];

    /// An empty address space.
    ///
    /// # Errors
    /// [`NoMemory`] if there is none for its tables.
    fn create_task(&mut self) -> Result<Self::Task, NoMemory>;
    /// Frames that a task holds, page tables included.
    fn frames_of(&self, task: &Self::Task) -> u64;
    /// Gives a task the pages of a segment, as long as it then holds at most
    /// `limit_frames` and `keep_free` frames stay free.
    ///
    /// # Errors
    /// [`NoMemory`]; then nothing was mapped and no frame is lost.
    fn map(
        &mut self,
        task: &mut Self::Task,
        segment: &Segment<'_>,
        limit_frames: u64,
        keep_free: u64,
    ) -> Result<(), NoMemory>;
    /// Memory for a region, which holds one frame so far.
    ///
    /// # Errors
    /// [`NoMemory`] if there is none.
    fn create_region(&mut self) -> Result<RegionMemory, NoMemory>;
    /// Frames that a region holds, its tables included.
    fn region_frames(&self, region: RegionMemory) -> u64;
    /// Fills the first `pages` pages of an empty region with frames in a row.
    ///
    /// # Errors
    /// [`NoMemory`] if there is no such row, or it takes more than `allowed`.
    fn pin_region(
        &mut self,
        region: RegionMemory,
        pages: u64,
        allowed: u64,
    ) -> Result<(), NoMemory>;
    /// Sees to it that a region has a page, zeroed at first; how many frames
    /// were taken.
    ///
    /// # Errors
    /// [`NoMemory`] if it takes more than `allowed`; then nothing was taken.
    fn fill_region(
        &mut self,
        region: RegionMemory,
        page: u64,
        allowed: u64,
    ) -> Result<u64, NoMemory>;
    /// Lets a task reach a page that a region has. The task may hold `allowed`
    /// more frames, for its tables.
    ///
    /// # Errors
    /// [`NoMemory`]; then nothing has changed.
    fn map_region(
        &mut self,
        task: &mut Self::Task,
        region: RegionMemory,
        page: u64,
        address: u64,
        access: Access,
        allowed: u64,
    ) -> Result<(), NoMemory>;
    /// Changes what a task may do with pages of regions, or (`None`) takes them
    /// away. Pages that it does not reach stay so.
    fn protect_region(
        &mut self,
        task: &mut Self::Task,
        address: u64,
        pages: u64,
        access: Option<Access>,
    );
    /// Gives back every frame of a region, which no task reaches any more; how
    /// many that were.
    fn destroy_region(&mut self, region: RegionMemory) -> u64;
    /// Reads what the process may read.
    ///
    /// # Errors
    /// [`BadAddress`] if it may not.
    fn copy_in(&self, task: &Self::Task, address: u64, buffer: &mut [u8])
    -> Result<(), BadAddress>;
    /// Writes where the process may write.
    ///
    /// # Errors
    /// [`BadAddress`] if it may not; then nothing was written.
    fn copy_out(
        &mut self,
        task: &mut Self::Task,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), BadAddress>;
    /// Sets the registers for a start at `entry`, with up to three arguments
    /// (`rdi`, `rsi`, `rdx`).
    fn set_start(&mut self, task: &mut Self::Task, entry: u64, stack: u64, arguments: [u64; 3]);
    /// Sets the result of the system call that the task is in.
    fn set_result(&mut self, task: &mut Self::Task, result: u64);
    /// Sets the registers that bring a message: `rdi`, the four of its words,
    /// `r9`.
    fn set_words(&mut self, task: &mut Self::Task, first: u64, words: Words, last: u64);
    /// Sets both for a call that brings a message.
    #[inline(always)]
    fn set_message(
        &mut self,
        task: &mut Self::Task,
        result: u64,
        first: u64,
        words: Words,
        last: u64,
    ) {
        self.set_words(task, first, words, last);
        self.set_result(task, result);
    }
    /// Where the task goes on when it runs next; for crash records.
    fn instruction(&self, task: &Self::Task) -> u64;
    /// Gives back every frame of a task. The task must not be running.
    fn destroy_task(&mut self, task: Self::Task);

    /// Runs a task until it traps.
    fn run(&mut self, task: &mut Self::Task);
    /// The number and arguments of the system call that the task trapped for,
    /// if it did.
    fn request(&self, task: &Self::Task) -> Option<(u64, [u64; REGISTERS])>;
    /// Why the task trapped. Asked for once, since it ends an interrupt; not at
    /// all if the trap was a system call that is done.
    fn trap(&mut self, task: &Self::Task) -> Trap;
    /// System calls since boot that were answered without a trap.
    fn quick_calls(&self) -> u64;
    /// Halts until an interrupt.
    fn wait(&mut self);

    /// Bytes that were typed since the last call, as many as fit.
    fn console_read(&mut self, buffer: &mut [u8]) -> usize;
    /// Writes to the serial line.
    fn console_write(&mut self, bytes: &[u8]);
    /// Bytes that came from the agent since the last call, as many as fit.
    fn agent_read(&mut self, buffer: &mut [u8]) -> usize;
    /// Sends bytes to the agent; false if they could not all be sent.
    fn agent_write(&mut self, bytes: &[u8]) -> bool;

    /// Whether there is a disk, for a driver in ring 3.
    fn has_disk(&self) -> bool;
    /// One access of a driver's to the disk's registers; addresses are its own.
    /// None if it makes no sense.
    fn access_disk(&mut self, task: &Self::Task, call: DeviceCall) -> Option<u64>;
    /// Stops the disk: afterwards it uses no memory of its driver's any more.
    fn reset_disk(&mut self);
    /// Whether the disk's line interrupted since the last call; it is masked then.
    fn take_disk_interrupt(&mut self) -> bool;
    /// Lets the disk's line through until it interrupts.
    fn listen_to_disk(&mut self);

    /// Ends the machine's run, well or (`ok` false) not.
    fn power(&mut self, mode: ShutdownMode, ok: bool) -> !;
}
