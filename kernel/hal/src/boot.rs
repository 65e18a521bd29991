//! From the loader's hand-over to a machine that can be run.

use core::sync::atomic::{AtomicBool, Ordering};

use bootloader_api::BootInfo;
use bootloader_api::config::{BootloaderConfig, Mapping};

use crate::memory::Memory;
use crate::space::KernelRoot;
use crate::{clock, descriptors, disk, epitaph, interrupts, processor, serial, traps, virtio};

/// All of physical memory is mapped from here up.
const WINDOW: u64 = 0xffff_8000_0000_0000;
/// The kernel's one stack.
const STACK_SIZE: u64 = 64 * 1024;

/// What the kernel asks of its loader.
pub static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(WINDOW));
    config.kernel_stack_size = STACK_SIZE;
    config
};

/// What the hardware layer hands to the kernel.
#[derive(Debug)]
pub struct Handover {
    /// The frames that processes can have.
    pub memory: Memory,
    /// The page tables that no process owns.
    pub root: KernelRoot,
    /// The ramdisk, as the loader checked it.
    pub ramdisk: &'static [u8],
}

impl Handover {
    /// Takes over from the loader: descriptor tables, traps, interrupt
    /// controllers (every line still masked), serial port, clock, memory, heap.
    /// What is missing is said on the serial line, and ends the run.
    ///
    /// # Safety
    /// `info` is what a loader filled in that mapped the machine as [`CONFIG`] asks.
    pub unsafe fn take(info: &'static mut BootInfo) -> Self {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        assert!(
            !TAKEN.swap(true, Ordering::Relaxed),
            "the machine was taken over twice"
        );
        descriptors::init();
        traps::init();
        processor::init();
        interrupts::init();
        if !serial::init() {
            epitaph::end(format_args!(
                "there is no serial port at 0x3f8; start QEMU with -serial"
            ));
        }
        clock::init();
        let (Some(window), Some(ramdisk)) = (
            info.physical_memory_offset.into_option(),
            info.ramdisk_addr.into_option(),
        ) else {
            epitaph::end(format_args!(
                "the loader gave no memory window or no ramdisk"
            ));
        };
        // SAFETY: 1. The loader maps memory as the configuration asks, and its
        // regions are true, by the caller's promise. 2. Once, by TAKEN.
        let Ok(memory) = (unsafe { Memory::take_over(window, &info.memory_regions) }) else {
            epitaph::end(format_args!(
                "too little memory: the kernel's heap of {} KiB does not fit; give the machine 16M or more",
                crate::heap::LEAST / 1024
            ));
        };
        let length = usize::try_from(info.ramdisk_len).unwrap_or(0);
        // SAFETY: 1. The loader mapped so many bytes there, for good. 2. Its
        // region is not usable memory, so nobody writes to it.
        let ramdisk = unsafe { core::slice::from_raw_parts(ramdisk as *const u8, length) };
        Self {
            memory,
            root: KernelRoot::current(),
            ramdisk,
        }
    }
}

/// Lets the timer and the serial port interrupt, and finds the disk and the channel
/// to the agent. False if there is no channel.
pub fn start_devices(memory: &mut Memory) -> bool {
    interrupts::connect();
    interrupts::enable(interrupts::TIMER);
    interrupts::enable(interrupts::SERIAL);
    disk::init();
    virtio::init(memory)
}

/// Makes `$main`, a `fn(Handover) -> !`, the kernel that the loader enters.
#[macro_export]
macro_rules! kernel_entry {
    ($main:path) => {
        fn from_loader(info: &'static mut $crate::bootloader_api::BootInfo) -> ! {
            // SAFETY: the loader calls this once, with what it filled in for
            // the configuration below.
            $main(unsafe { $crate::boot::Handover::take(info) })
        }
        $crate::bootloader_api::entry_point!(from_loader, config = &$crate::boot::CONFIG);
    };
}
