//! The last words: a sentence on COM1, then the failure code.

use core::{
    arch::asm,
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use uart_16550::{Config, Uart16550, backend::PioBackend};

/// COM1.
const SERIAL_PORT: u16 = 0x3f8;

/// QEMU's isa-debug-exit device.
const EXIT_PORT: u16 = 0xf4;

/// QEMU exits with twice this plus one: 35.
const EXIT_FAILURE: u32 = 17;

/// Tries to send a byte before giving it up: a line that nobody reads must not
/// keep the machine from exiting.
const SEND_TRIES: u32 = 1_000_000;

/// Prints `message` and ends the machine with exit code 35.
pub fn fail(message: fmt::Arguments<'_>) -> ! {
    static FAILING: AtomicBool = AtomicBool::new(false);
    // A fault while reporting a fault goes straight to the exit.
    if !FAILING.swap(true, Ordering::Relaxed)
        && let Some(mut serial) = Serial::open()
    {
        // `Serial` has no errors to report.
        let _ = write!(serial, "\r\nproviso loader: {message}\r\n");
    }
    exit()
}

struct Serial(Uart16550<PioBackend>);

impl Serial {
    fn open() -> Option<Self> {
        // SAFETY: ports 0x3f8 to 0x3ff are COM1's on every PC, and nothing else
        // in the loader uses them.
        let mut uart = unsafe { Uart16550::new_port(SERIAL_PORT) }.ok()?;
        uart.init(Config::default()).ok()?;
        Some(Self(uart))
    }
}

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            (0..SEND_TRIES).find(|_| self.0.try_send_byte(byte).is_ok());
        }
        Ok(())
    }
}

fn exit() -> ! {
    // SAFETY: the port is that of the exit device; where there is none, nothing happens.
    unsafe { asm!("out dx, eax", in("dx") EXIT_PORT, in("eax") EXIT_FAILURE, options(nostack)) };
    loop {
        // SAFETY: stopping the processor is all that is left to do.
        unsafe { asm!("cli", "hlt", options(nostack)) };
    }
}
