//! A kernel that checks what the loader promises, says so and exits.
//!
//! It prints one line for each thing it looked at, ends with code 33 if all is well
//! and 35 if not. `fault=` in the boot configuration asks it to break a promise of
//! its own, to see that the machine notices: `guard` (below the stack), `text` (write
//! to code), `rodata` (write to constants), `stack` (execute data).

#![no_std]
#![no_main]

use core::{
    arch::asm,
    fmt::{self, Write},
    panic::PanicInfo,
};

use bootloader_api::{
    BootInfo, BootloaderConfig,
    config::Mapping,
    entry_point,
    info::MemoryRegionKind::{Bootloader, Usable},
};
use proviso_ramdisk::Ramdisk;
use uart_16550::{Uart16550, backend::PioBackend};

const STACK_BYTES: u64 = 40 * 1024;
const PHYSICAL: u64 = 0xffff_8800_0000_0000;

static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = STACK_BYTES;
    config.mappings.physical_memory = Some(Mapping::FixedAddress(PHYSICAL));
    config
};

static mut ZEROS: [u8; 10_000] = [0; 10_000];
static mut DATA: [u64; 4] = [1, 2, 3, 4];

entry_point!(main, config = &CONFIG);

struct Serial(Uart16550<PioBackend>);

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.send_bytes_exact(text.as_bytes());
        Ok(())
    }
}

fn say(text: fmt::Arguments<'_>) {
    // SAFETY: COM1 is there, and only this function uses it.
    if let Ok(mut uart) = unsafe { Uart16550::new_port(0x3f8) } {
        let _ = uart.init(uart_16550::Config::default());
        let _ = writeln!(Serial(uart), "probe: {text}");
    }
}

fn exit(code: u32) -> ! {
    // SAFETY: the port is that of the exit device.
    unsafe { asm!("out dx, eax", in("dx") 0xf4_u16, in("eax") code) };
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(format_args!("{info}"));
    exit(17)
}

fn main(info: &'static mut BootInfo) -> ! {
    // SAFETY: every processor with long mode has a time-stamp counter.
    let ticks = unsafe { core::arch::x86_64::_rdtsc() };
    say(format_args!("entered after {ticks} ticks"));
    check_memory_regions(info);
    check_image();
    check_stack(info);
    assert_eq!(info.physical_memory_offset.into_option(), Some(PHYSICAL));
    check_ramdisk(info);
    say(format_args!("all is well"));
    exit(16)
}

fn check_memory_regions(info: &BootInfo) {
    let regions = &*info.memory_regions;
    assert!(
        regions.windows(2).all(|pair| pair[0].end <= pair[1].start),
        "sorted"
    );
    assert!(
        regions
            .iter()
            .all(|region| region.start % 4096 == 0 && region.start < region.end)
    );
    let usable = || regions.iter().filter(|region| region.kind == Usable);
    assert!(
        usable().all(|region| region.start >= 1 << 20),
        "the first MiB"
    );
    let bytes: u64 = usable().map(|region| region.end - region.start).sum();
    let kept: u64 = regions
        .iter()
        .filter(|region| region.kind == Bootloader)
        .map(|r| r.end - r.start)
        .sum();
    // Usable memory really is free: overwriting all of it must do no harm.
    for region in usable() {
        let start = (PHYSICAL + region.start) as *mut u8;
        // SAFETY: the memory map calls it usable, which is what is tested here.
        unsafe { start.write_bytes(0xa5, (region.end - region.start) as usize) };
    }
    say(format_args!(
        "{} regions, {bytes} bytes usable, {kept} kept",
        regions.len()
    ));
}

fn check_image() {
    // SAFETY: there is only this thread.
    unsafe {
        let zeros = &raw const ZEROS;
        assert!((*zeros).iter().all(|byte| *byte == 0), "bss is zero");
        let data = &raw const DATA;
        assert_eq!(data.read_volatile(), [1, 2, 3, 4], "data is loaded");
        (&raw mut ZEROS).write([1; 10_000]);
    }
    say(format_args!("data and bss are in order"));
}

fn check_stack(info: &BootInfo) {
    let marker = 0_u8;
    let here = &raw const marker as u64;
    let (bottom, len) = (info.kernel_stack_bottom, info.kernel_stack_len);
    assert!(
        len >= STACK_BYTES && (bottom..bottom + len).contains(&here),
        "{bottom:#x} {len:#x}"
    );
    // SAFETY: the stack is writable down to its bottom, which nothing uses yet.
    unsafe { (bottom as *mut u8).write_volatile(1) };
    say(format_args!("the stack has {len} bytes"));
}

fn check_ramdisk(info: &BootInfo) {
    let address = info.ramdisk_addr.into_option();
    let address = address.unwrap_or_else(|| panic!("no ramdisk"));
    // SAFETY: the loader mapped the ramdisk there.
    let image =
        unsafe { core::slice::from_raw_parts(address as *const u8, info.ramdisk_len as usize) };
    let ramdisk = Ramdisk::open(image).unwrap_or_else(|error| panic!("{error}"));
    let kernel = ramdisk
        .kernel()
        .unwrap_or_else(|| panic!("no kernel in the ramdisk"));
    assert_eq!(kernel.len() as u64, info.kernel_len);
    // SAFETY: physical memory is mapped at PHYSICAL.
    let copy = unsafe {
        core::slice::from_raw_parts((PHYSICAL + info.kernel_addr) as *const u8, kernel.len())
    };
    assert!(copy == kernel, "the kernel's file");
    say(format_args!(
        "the ramdisk has {} files",
        ramdisk.entries().count()
    ));
    if let Some(fault) = ramdisk.config().get("fault") {
        break_promise(fault, info, address);
    }
}

fn break_promise(fault: &str, info: &BootInfo, ramdisk: u64) {
    let address = match fault {
        "guard" => info.kernel_stack_bottom - 1,
        "text" => main as fn(&'static mut BootInfo) -> ! as usize as u64,
        "rodata" => (&raw const CONFIG) as u64,
        "ramdisk" => ramdisk,
        "stack" => {
            let code = [0xc3_u8];
            // SAFETY: none, the processor is to refuse it.
            let call: extern "C" fn() = unsafe { core::mem::transmute(&raw const code) };
            call();
            0
        }
        _ => panic!("no such fault: {fault}"),
    };
    // SAFETY: none, the processor is to refuse it.
    unsafe { (address as *mut u8).write_volatile(0) };
    panic!("{fault}: nothing happened");
}
