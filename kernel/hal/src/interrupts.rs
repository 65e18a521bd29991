//! The interrupt controllers: two 8259s, and who is behind each line.

use pic8259::ChainedPics;
use spin::Mutex;
use x86_64::instructions::port::Port;

use crate::memory::pointer;
use crate::traps::FIRST_INTERRUPT;

/// The interval timer's line.
pub const TIMER: u8 = 0;
/// The second controller's line on the first.
const CASCADE: u8 = 2;
/// The first serial port's line.
pub const SERIAL: u8 = 4;

/// The local interrupt controller: its registers, and two values for them.
const LOCAL_BASE: u64 = 0xfee0_0000;
const SPURIOUS: u64 = 0xf0;
const PIN_0: u64 = 0x350;
const SOFTWARE_ENABLED: u32 = 1 << 8;
/// Delivery mode "external": the 8259s supply the vector.
const EXTERNAL: u32 = 7 << 8;

// SAFETY: the 32 vectors below are the processor's own, these are free.
static CONTROLLERS: Mutex<ChainedPics> =
    Mutex::new(unsafe { ChainedPics::new_contiguous(FIRST_INTERRUPT as u8) });

/// Moves the controllers' vectors out of the processor's and masks every line.
pub fn init() {
    // SAFETY: 1. The table has a stub for every vector of theirs. 2. Everything
    // but the cascade is masked.
    unsafe {
        let mut controllers = CONTROLLERS.lock();
        controllers.initialize();
        controllers.write_masks(!(1 << CASCADE), 0xff);
    }
}

/// Lets the 8259s through to the processor: the local interrupt controller's
/// first pin takes what they deliver ("virtual wire mode", Intel SDM vol. 3A,
/// 11.5.1). Firmware may have left it off, with the pin masked.
pub fn connect() {
    let register = |offset: u64| pointer(LOCAL_BASE + offset).cast::<u32>();
    // SAFETY: 1. The registers are where the processor has them after reset,
    // and the window maps them. 2. Its other pins stay masked.
    unsafe {
        register(SPURIOUS).write_volatile(SOFTWARE_ENABLED | 0xff);
        register(PIN_0).write_volatile(EXTERNAL);
    }
}

/// Lets a line interrupt. Its handler is [`handle`].
pub fn enable(line: u8) {
    change_masks(|masks| masks & !bit(line));
}

/// Keeps a line from interrupting.
pub(crate) fn disable(line: u8) {
    change_masks(|masks| masks | bit(line));
}

fn bit(line: u8) -> u16 {
    1u16.checked_shl(line.into()).unwrap_or(0)
}

fn change_masks(change: impl FnOnce(u16) -> u16) {
    let mut controllers = CONTROLLERS.lock();
    // SAFETY: reading and writing the masks has no other effect.
    unsafe {
        let [first, second] = change(u16::from_le_bytes(controllers.read_masks())).to_le_bytes();
        controllers.write_masks(first, second);
    }
}

/// Makes a line level-triggered, as PCI needs it (the ELCR, ports 0x4d0 and 0x4d1).
pub fn level_triggered(line: u8) {
    let mut port = Port::<u8>::new(if line < 8 { 0x4d0 } else { 0x4d1 });
    // SAFETY: the port belongs to the interrupt controllers and only sets the trigger mode.
    unsafe {
        let mode = port.read();
        port.write(mode | 1 << (line % 8));
    }
}

/// Ends an interrupt. The devices' work is not done here but where the kernel
/// polls them after every interrupt: the serial port buffers 16 bytes, virtio
/// keeps its rings, and nothing is lost by being a few microseconds later.
pub(crate) fn handle(line: u8) {
    crate::virtio::acknowledge(line);
    crate::disk::note_interrupt(line);
    // SAFETY: the controllers are told of an interrupt that they raised.
    unsafe {
        CONTROLLERS
            .lock()
            .notify_end_of_interrupt(FIRST_INTERRUPT as u8 + line)
    };
}

/// Halts until an interrupt has been handled.
pub fn wait() {
    // `sti` takes effect after the next instruction, so nothing can slip in
    // between the two and be slept through.
    x86_64::instructions::interrupts::enable_and_hlt();
    x86_64::instructions::interrupts::disable();
}
