//! The real machine behind the kernel's logic.

use proviso_abi::words::ShutdownMode;
use proviso_hal::memory::Memory;
use proviso_hal::power::Exit;
use proviso_hal::space::KernelRoot;
use proviso_hal::task::Task;
use proviso_hal::{clock, disk, entry, heap, interrupts, power, region, serial, space, virtio};
use proviso_kernel_core::machine::{
    Access, BadAddress, DeviceCall, Machine, NoMemory, REGISTERS, RegionMemory, Trap, Words,
};
use proviso_kernel_core::program::Segment;

/// The processor, the memory and the devices.
pub struct Hardware {
    memory: Memory,
    kernel: KernelRoot,
}

impl Hardware {
    /// The machine, once its parts have been set up.
    pub fn new(memory: Memory, kernel: KernelRoot) -> Self {
        Self { memory, kernel }
    }
}

impl Machine for Hardware {
    type Task = Task;

    fn now_ns(&self) -> u64 {
        clock::now_ns()
    }

    #[inline]
    fn ticks(&self) -> u64 {
        clock::ticks()
    }

    fn ticks_to_ns(&self, ticks: u64) -> u64 {
        clock::ticks_to_ns(ticks)
    }

    fn space_switches(&self) -> u64 {
        space::switches()
    }

    fn free_frames(&self) -> u64 {
        self.memory.free()
    }

    fn total_frames(&self) -> (u64, u64) {
        self.memory.totals()
    }

    fn heap_bytes(&self) -> (u64, u64) {
        (heap::used() as u64, heap::size() as u64)
    }

    fn devices(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("uart0", "16550 serial port: the console"),
            ("virtio-console", "the channel to the agent"),
            (
                "virtio-blk",
                "a disk, if there is one, for a driver in ring 3",
            ),
            ("pit", "8254 interval timer: the tick"),
            ("pic", "two 8259 interrupt controllers"),
            (
                "debug-exit",
                "isa-debug-exit port: how the machine goes down",
            ),
        ]
    }

    fn create_task(&mut self) -> Result<Task, NoMemory> {
        Task::create(&mut self.memory)
    }

    fn frames_of(&self, task: &Task) -> u64 {
        task.space.held()
    }

    fn map(
        &mut self,
        task: &mut Task,
        segment: &Segment<'_>,
        limit_frames: u64,
        keep_free: u64,
    ) -> Result<(), NoMemory> {
        let memory = &mut self.memory;
        task.space.map(memory, segment, limit_frames, keep_free)
    }

    fn create_region(&mut self) -> Result<RegionMemory, NoMemory> {
        region::create(&mut self.memory)
    }

    fn region_frames(&self, memory: RegionMemory) -> u64 {
        region::held(memory)
    }

    fn pin_region(
        &mut self,
        memory: RegionMemory,
        pages: u64,
        allowed: u64,
    ) -> Result<(), NoMemory> {
        region::pin(&mut self.memory, memory, pages, allowed)
    }

    fn fill_region(
        &mut self,
        memory: RegionMemory,
        page: u64,
        allowed: u64,
    ) -> Result<u64, NoMemory> {
        region::fill(&mut self.memory, memory, page, allowed)
    }

    fn map_region(
        &mut self,
        task: &mut Task,
        region: RegionMemory,
        page: u64,
        address: u64,
        access: Access,
        allowed: u64,
    ) -> Result<(), NoMemory> {
        task.space
            .map_region(&mut self.memory, region, page, address, access, allowed)
    }

    fn protect_region(
        &mut self,
        task: &mut Task,
        address: u64,
        pages: u64,
        access: Option<Access>,
    ) {
        task.space.protect_region(address, pages, access);
    }

    fn destroy_region(&mut self, memory: RegionMemory) -> u64 {
        region::destroy(&mut self.memory, memory)
    }

    fn copy_in(&self, task: &Task, address: u64, buffer: &mut [u8]) -> Result<(), BadAddress> {
        task.space.read(address, buffer)
    }

    fn copy_out(&mut self, task: &mut Task, address: u64, bytes: &[u8]) -> Result<(), BadAddress> {
        task.space.write(address, bytes)
    }

    fn set_start(&mut self, task: &mut Task, entry: u64, stack: u64, arguments: [u64; 3]) {
        task.set_start(entry, stack, arguments);
    }

    #[inline]
    fn set_result(&mut self, task: &mut Task, result: u64) {
        task.set_result(result);
    }

    #[inline]
    fn set_words(&mut self, task: &mut Task, first: u64, words: Words, last: u64) {
        task.set_words(first, words, last);
    }

    fn instruction(&self, task: &Task) -> u64 {
        task.instruction()
    }

    fn destroy_task(&mut self, task: Task) {
        task.space.destroy(&mut self.memory, self.kernel);
    }

    #[inline]
    fn run(&mut self, task: &mut Task) {
        task.run();
    }

    #[inline]
    fn request(&self, task: &Task) -> Option<(u64, [u64; REGISTERS])> {
        task.syscall()
    }

    fn trap(&mut self, task: &Task) -> Trap {
        task.trap()
    }

    fn quick_calls(&self) -> u64 {
        entry::quick_calls()
    }

    fn wait(&mut self) {
        interrupts::wait();
    }

    fn console_read(&mut self, buffer: &mut [u8]) -> usize {
        serial::read(buffer)
    }

    fn console_write(&mut self, bytes: &[u8]) {
        serial::write(bytes);
    }

    fn agent_read(&mut self, buffer: &mut [u8]) -> usize {
        virtio::read(buffer)
    }

    fn agent_write(&mut self, bytes: &[u8]) -> bool {
        virtio::write(bytes)
    }

    fn has_disk(&self) -> bool {
        disk::is_there()
    }

    fn access_disk(&mut self, task: &Task, call: DeviceCall) -> Option<u64> {
        disk::access(&task.space, call)
    }

    fn reset_disk(&mut self) {
        disk::reset();
    }

    fn take_disk_interrupt(&mut self) -> bool {
        disk::take_interrupt()
    }

    fn listen_to_disk(&mut self) {
        disk::listen();
    }

    fn power(&mut self, mode: ShutdownMode, ok: bool) -> ! {
        power::exit(match (ok, mode) {
            (false, _) => Exit::Failure,
            (true, ShutdownMode::Halt) => Exit::Clean,
            (true, ShutdownMode::Reboot) => Exit::Reboot,
        })
    }
}
