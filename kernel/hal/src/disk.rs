//! The disk, as far as it is the kernel's: its registers and its interrupt line,
//! for a driver in ring 3 that holds their handles.
//!
//! What the kernel checks is where the queues lie. What is in them it does not
//! see, and no machine here has an IOMMU, so a driver can have the device read
//! and write any memory: it is trusted, see SECURITY.md. It cannot do so after its
//! end: the kernel resets the device before it frees the driver's memory.

use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use proviso_kernel_core::machine::DeviceCall;
use spin::Mutex;
use virtio_drivers::transport::{DeviceStatus, DeviceType, SomeTransport, Transport};

use crate::interrupts;
use crate::memory::FRAME;
use crate::space::Space;
use crate::virtio::find;

/// Transports hold pointers to device memory.
struct Disk(SomeTransport<'static>);

// SAFETY: nothing else uses the device's registers, and it is behind a lock.
unsafe impl Send for Disk {}

static DISK: Mutex<Option<Disk>> = Mutex::new(None);
/// The disk's interrupt line; 255 is none.
static LINE: AtomicU8 = AtomicU8::new(255);
static HAS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Looks for a disk. Its line stays masked until somebody listens.
pub fn init() {
    if let Some((transport, line)) = find(DeviceType::Block) {
        *DISK.lock() = Some(Disk(transport));
        LINE.store(line, Ordering::Relaxed);
    }
}

/// Whether there is one.
#[must_use]
pub fn is_there() -> bool {
    DISK.lock().is_some()
}

/// One access; addresses are those of the driver's space. None if it makes no sense.
pub fn access(space: &Space, call: DeviceCall) -> Option<u64> {
    let mut disk = DISK.lock();
    let Disk(device) = disk.as_mut()?;
    match call {
        DeviceCall::Features {} => return Some(device.read_device_features()),
        DeviceCall::Accept { features } => device.write_driver_features(features),
        DeviceCall::QueueSize { queue } => {
            return Some(device.max_queue_size(u16::try_from(queue).ok()?).into());
        }
        DeviceCall::SetQueue {
            queue,
            descriptors,
            driver,
            device: used,
        } => {
            let (number, size) = (queue as u16, u16::try_from(queue >> 16).ok()?);
            if !size.is_power_of_two() || u32::from(size) > device.max_queue_size(number) {
                return None;
            }
            // Their sizes: virtio 1.2, 2.7.
            let length = u64::from(size);
            let descriptors = space.physical(descriptors, 16 * length)?;
            let driver = space.physical(driver, 6 + 2 * length)?;
            let used = space.physical(used, 6 + 8 * length)?;
            device.queue_set(number, size.into(), descriptors, driver, used);
        }
        DeviceCall::Notify { queue } => device.notify(u16::try_from(queue).ok()?),
        DeviceCall::Status {} => return Some(device.get_status().bits().into()),
        DeviceCall::SetStatus { status } => {
            let status = u32::try_from(status).ok()?;
            device.set_status(DeviceStatus::from_bits_truncate(status));
        }
        DeviceCall::Acknowledge {} => return Some(device.ack_interrupt().bits().into()),
        DeviceCall::Config { offset } => {
            // The transport checks it against the size of what is there.
            let offset = usize::try_from(offset)
                .ok()
                .filter(|it| *it < 256 && it.is_multiple_of(4))?;
            return device.read_config_space::<u32>(offset).ok().map(u64::from);
        }
        DeviceCall::Physical { address } => {
            return space.physical(address, FRAME - address % FRAME);
        }
    }
    Some(0)
}

/// Stops the device: when this returns it uses no memory any more.
pub fn reset() {
    if let Some(Disk(device)) = DISK.lock().as_mut() {
        device.set_status(DeviceStatus::empty());
    }
}

/// Whether it interrupted since the last call.
pub fn take_interrupt() -> bool {
    HAS_INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// Lets its line through, until it interrupts.
pub fn listen() {
    interrupts::enable(LINE.load(Ordering::Relaxed));
}

/// Notes an interrupt, if this is the disk's line, and masks the line: it is the
/// driver that quiets the device.
pub(crate) fn note_interrupt(line: u8) {
    if line == LINE.load(Ordering::Relaxed) {
        HAS_INTERRUPTED.store(true, Ordering::Relaxed);
        interrupts::disable(line);
    }
}
