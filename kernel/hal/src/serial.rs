//! The first serial port: the console.

use core::fmt;

use spin::Mutex;
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::IER;
use uart_16550::{Config, Uart16550};

/// The port's registers begin here on every PC.
const COM1: u16 = 0x3f8;
/// How often a full transmitter is asked again before the rest is dropped. A
/// line that nobody drains must not stop the kernel.
const SEND_ATTEMPTS: u32 = 1 << 20;

static PORT: Mutex<Option<Uart16550<PioBackend>>> = Mutex::new(None);

/// Sets the port up and lets it interrupt when something is typed. False if
/// there is no such port.
pub fn init() -> bool {
    let mut config = Config::DEFAULT;
    config.interrupts = IER::DATA_READY;
    config.check_cts_before_sending = false;
    // SAFETY: 1. The ports from 0x3f8 belong to the first serial port. 2. This
    // is the only place that makes a driver for it.
    let Ok(mut port) = (unsafe { Uart16550::new_port(COM1) }) else {
        return false;
    };
    let ready = port.init(config).is_ok();
    *PORT.lock() = Some(port);
    ready
}

/// Sends bytes, as they are.
pub fn write(bytes: &[u8]) {
    if let Some(port) = PORT.lock().as_mut() {
        send(port, bytes);
    }
}

/// Takes bytes that were received, as many as there are and fit.
pub fn read(buffer: &mut [u8]) -> usize {
    PORT.lock()
        .as_mut()
        .map_or(0, |port| port.receive_bytes(buffer))
}

fn send(port: &mut Uart16550<PioBackend>, mut bytes: &[u8]) {
    let mut attempts = 0;
    while !bytes.is_empty() && attempts < SEND_ATTEMPTS {
        match port.send_bytes(bytes) {
            0 => attempts += 1,
            sent => {
                attempts = 0;
                bytes = bytes.get(sent..).unwrap_or_default();
            }
        }
    }
}

/// A writer for the end of the kernel: it takes no lock, so that a panic while
/// the port was in use still gets its words out.
#[derive(Debug)]
pub struct Emergency;

impl fmt::Write for Emergency {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: 1. The ports belong to the first serial port. 2. The kernel
        // does not continue after an emergency, so nobody else uses it again.
        if let Ok(mut port) = unsafe { Uart16550::new_port(COM1) } {
            send(&mut port, text.as_bytes());
        }
        Ok(())
    }
}
