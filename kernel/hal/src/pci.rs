//! The PCI bus of q35: finding virtio devices and giving them addresses.

use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{
    BarInfo, Command, ConfigurationAccess, DeviceFunction, MemoryBarType, PciRoot,
};
use virtio_drivers::transport::pci::{PciTransport, virtio_device_type};
use x86_64::instructions::port::Port;

use crate::interrupts;
use crate::virtio::DeviceMemory;

/// The lines of devices with even and with odd numbers: neighbours do not share one.
const LINES: [u8; 2] = [11, 10];
/// Device memory is handed out from here; the space above RAM and below the
/// interrupt controllers is free on q35.
const WINDOW_BASE: u64 = 0xe000_0000;
/// What each device has of it.
const WINDOW_SIZE: u64 = 1 << 20;
/// The kernel's window onto physical memory reaches at least so far.
const WINDOW_END: u64 = 1 << 32;
/// Of the ISA bridge, 00:1f.0: the routing of the eight PCI interrupt pins
/// (Intel ICH9 data sheet, 13.1.17).
const BRIDGE: DeviceFunction = DeviceFunction {
    bus: 0,
    device: 31,
    function: 0,
};
const PIRQ_A_TO_D: u8 = 0x60;
const PIRQ_E_TO_H: u8 = 0x68;

/// Configuration by the ports 0xcf8 and 0xcfc.
#[derive(Debug)]
struct Ports(());

fn select(device: DeviceFunction, register: u8) {
    let address = 1 << 31
        | u32::from(device.bus) << 16
        | u32::from(device.device) << 11
        | u32::from(device.function) << 8
        | u32::from(register & 0xfc);
    // SAFETY: the port only selects what the next access is about.
    unsafe { Port::new(0xcf8).write(address) };
}

impl ConfigurationAccess for Ports {
    fn read_word(&self, device: DeviceFunction, register: u8) -> u32 {
        select(device, register);
        // SAFETY: reading configuration space has no side effects in a PCI device.
        unsafe { Port::new(0xcfc).read() }
    }

    fn write_word(&mut self, device: DeviceFunction, register: u8, data: u32) {
        select(device, register);
        // SAFETY: the callers, here and in virtio-drivers, write addresses that
        // nothing else uses and commands that enable them.
        unsafe { Port::new(0xcfc).write(data) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self(())
    }
}

/// Finds the first virtio device of a kind on bus 0; with it, its interrupt line.
pub(crate) fn find(kind: DeviceType) -> Option<(PciTransport, u8)> {
    let mut root = PciRoot::new(Ports(()));
    let (device, _) = root
        .enumerate_bus(0)
        .find(|(_, info)| virtio_device_type(info) == Some(kind))?;
    assign_addresses(&mut root, device)?;
    let transport = PciTransport::new::<DeviceMemory, _>(&mut root, device).ok()?;
    route_interrupts();
    Some((transport, LINES[usize::from(device.device % 2)]))
}

/// Gives the device's memory regions addresses, unless the firmware gave them
/// some that the kernel's window reaches.
fn assign_addresses(root: &mut PciRoot<Ports>, device: DeviceFunction) -> Option<()> {
    let mut next = WINDOW_BASE + u64::from(device.device) * WINDOW_SIZE;
    let bars = root.bars(device).ok()?;
    for (bar, index) in bars.into_iter().zip(0u8..) {
        let Some(BarInfo::Memory {
            address_type,
            address,
            size,
            ..
        }) = bar
        else {
            continue;
        };
        if (1..WINDOW_END).contains(&address) {
            continue;
        }
        next = next.next_multiple_of(size.max(4096));
        match address_type {
            MemoryBarType::Width64 => root.set_bar_64(device, index, next),
            _ => root.set_bar_32(device, index, u32::try_from(next).ok()?),
        }
        next += size;
    }
    root.set_command(
        device,
        Command::IO_SPACE | Command::MEMORY_SPACE | Command::BUS_MASTER,
    );
    Some(())
}

/// Sends the interrupt pins to their lines: pin A of device n is on E to H, by the
/// remainder of n by four (QEMU, hw/isa/lpc_ich9.c), and A to D are not used.
fn route_interrupts() {
    let [even, odd] = LINES;
    let routes = u32::from_le_bytes([even, odd, even, odd]);
    for register in [PIRQ_A_TO_D, PIRQ_E_TO_H] {
        Ports(()).write_word(BRIDGE, register, routes);
    }
    LINES.into_iter().for_each(interrupts::level_triggered);
}
