//! A virtio block device (virtio 1.2, 5.2), one request at a time.
//!
//! The device sees physical memory, and nothing but this file keeps it to the
//! pages that are meant: there is no IOMMU, so a driver is trusted.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use proviso_abi::Handle;
use proviso_abi::device::DeviceCall;
use proviso_abi::layout::PAGE;
use proviso_abi::syscall::Error;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PhysAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::device::{Device, Line};
use crate::heap::claim;

/// Bytes of a sector.
pub const SECTOR: usize = 512;
/// The most bytes of one request.
pub const MAX_REQUEST: usize = PAGE as usize;

const QUEUE: u16 = 0;
/// A request takes three descriptors.
const QUEUE_SIZE: usize = 4;
const PAGE_BYTES: usize = PAGE as usize;
/// Pages of the queue, of the request's head and status, of its data.
const QUEUE_PAGES: usize = 2;
const HEAD_BYTES: usize = 16;
/// A device that takes longer for a request is broken.
const PATIENCE: Duration = Duration::from_secs(5);

const VERSION_1: u64 = 1 << 32;
const HAS_FLUSH: u64 = 1 << 9;

const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;

/// The memory that is left of the queue's pages: next and end.
static POOL: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// The handle to the device, for the functions that the crate calls without one.
static DEVICE: AtomicU64 = AtomicU64::new(0);

/// The driver.
pub struct Block {
    registers: Registers,
    line: Line,
    queue: VirtQueue<Memory, QUEUE_SIZE>,
    /// Head and, behind it, status of a request.
    head: &'static mut [u8],
    data: &'static mut [u8],
    has_flush: bool,
    sectors: u64,
}

impl Block {
    /// Sets the device up. Once in the life of a process, before anything is
    /// allocated: the device needs whole pages.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a device that is not one, or comes up wrong;
    /// [`Error::NoMemory`].
    pub fn start(device: Device, line: Line) -> Result<Self, Error> {
        let memory = claim((QUEUE_PAGES + 2) * PAGE_BYTES)?;
        let (queue, memory) = memory.split_at_mut(QUEUE_PAGES * PAGE_BYTES);
        let (head, data) = memory.split_at_mut(PAGE_BYTES);
        let pages = queue.as_ptr_range();
        POOL[0].store(pages.start as u64, Ordering::Relaxed);
        POOL[1].store(pages.end as u64, Ordering::Relaxed);
        DEVICE.store(device.0.0, Ordering::Relaxed);
        let mut registers = Registers(device);
        let offered = device.access(DeviceCall::Features {})?;
        let features = offered & (VERSION_1 | HAS_FLUSH);
        let driver = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        registers.set_status(DeviceStatus::empty());
        registers.set_status(driver);
        registers.write_driver_features(features);
        registers.set_status(driver | DeviceStatus::FEATURES_OK);
        let queue = VirtQueue::new(&mut registers, QUEUE, false, false);
        let queue = queue.map_err(|_| Error::Invalid)?;
        registers.finish_init();
        let half = |offset| device.access(DeviceCall::Config { offset });
        let sectors = half(0)? | half(4)? << 32;
        Ok(Self {
            registers,
            line,
            queue,
            head,
            data,
            has_flush: features & HAS_FLUSH != 0,
            sectors,
        })
    }

    /// How many sectors it has.
    #[must_use]
    pub const fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Reads whole sectors, at most [`MAX_REQUEST`] bytes of them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is beyond the end or not whole;
    /// [`Error::Dead`] if the device fails.
    pub fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.check(sector, buffer.len())?;
        self.request(READ, sector, buffer.len())?;
        let data = self.data.get(..buffer.len()).ok_or(Error::Invalid)?;
        buffer.copy_from_slice(data);
        Ok(())
    }

    /// Writes whole sectors, likewise.
    ///
    /// # Errors
    /// As for [`Block::read`].
    pub fn write(&mut self, sector: u64, bytes: &[u8]) -> Result<(), Error> {
        self.check(sector, bytes.len())?;
        let data = self.data.get_mut(..bytes.len()).ok_or(Error::Invalid)?;
        data.copy_from_slice(bytes);
        self.request(WRITE, sector, bytes.len())
    }

    /// Returns once everything written is where no power cut reaches it.
    ///
    /// # Errors
    /// [`Error::Dead`] if the device fails.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self.has_flush {
            true => self.request(FLUSH, 0, 0),
            // A device without it keeps nothing back.
            false => Ok(()),
        }
    }

    fn check(&self, sector: u64, bytes: usize) -> Result<(), Error> {
        let count = (bytes / SECTOR) as u64;
        let is_whole = bytes > 0 && bytes.is_multiple_of(SECTOR) && bytes <= MAX_REQUEST;
        let end = sector.checked_add(count).ok_or(Error::Invalid)?;
        match is_whole && end <= self.sectors {
            true => Ok(()),
            false => Err(Error::Invalid),
        }
    }

    /// One request, until the device has done it.
    fn request(&mut self, kind: u32, sector: u64, bytes: usize) -> Result<(), Error> {
        let (head, status) = self.head.split_at_mut(HEAD_BYTES);
        let status = status.get_mut(..1).ok_or(Error::Invalid)?;
        for (place, byte) in head.iter_mut().zip(
            u64::from(kind)
                .to_le_bytes()
                .into_iter()
                .chain(sector.to_le_bytes()),
        ) {
            *place = byte;
        }
        status.fill(0xff);
        let data = self.data.get_mut(..bytes).ok_or(Error::Invalid)?;
        // The device writes data only where we read; a flush has none.
        let (queue, registers, line) = (&mut self.queue, &mut self.registers, self.line);
        match kind {
            READ => transact(queue, registers, line, &[head], &mut [data, status]),
            WRITE => transact(queue, registers, line, &[head, data], &mut [status]),
            _ => transact(queue, registers, line, &[head], &mut [status]),
        }?;
        match self.head.get(HEAD_BYTES) {
            Some(0) => Ok(()),
            _ => Err(Error::Dead),
        }
    }
}

/// Puts a request into the queue and waits until the device is done with it.
fn transact<'a>(
    queue: &mut VirtQueue<Memory, QUEUE_SIZE>,
    registers: &mut Registers,
    line: Line,
    inputs: &'a [&'a [u8]],
    outputs: &'a mut [&'a mut [u8]],
) -> Result<(), Error> {
    // SAFETY: the buffers are pages that only this driver has, and nothing
    // touches them until `pop_used` has them back; if that fails the driver
    // is not used again, and the kernel stops the device before it frees them.
    let token = unsafe { queue.add(inputs, outputs) }.map_err(|_| Error::Dead)?;
    registers.notify(QUEUE);
    while !queue.can_pop() {
        let heard = line.wait(Some(PATIENCE));
        registers.ack_interrupt();
        if heard.is_err() && !queue.can_pop() {
            return Err(Error::Dead);
        }
    }
    // SAFETY: these are the buffers that were added under this token.
    let popped = unsafe { queue.pop_used(token, inputs, outputs) };
    popped.map(|_| ()).map_err(|_| Error::Dead)
}

/// The device's registers, as the crate wants them.
struct Registers(Device);

impl Registers {
    /// What a register says; a device that cannot be asked says 0.
    fn get(&self, call: DeviceCall) -> u64 {
        self.0.access(call).unwrap_or(0)
    }
}

impl Transport for Registers {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        self.get(DeviceCall::Features {})
    }

    fn write_driver_features(&mut self, features: u64) {
        self.get(DeviceCall::Accept { features });
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        let queue = queue.into();
        u32::try_from(self.get(DeviceCall::QueueSize { queue })).unwrap_or(0)
    }

    fn notify(&mut self, queue: u16) {
        let queue = queue.into();
        self.get(DeviceCall::Notify { queue });
    }

    fn get_status(&self) -> DeviceStatus {
        let status = u32::try_from(self.get(DeviceCall::Status {}));
        DeviceStatus::from_bits_truncate(status.unwrap_or(0))
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let status = status.bits().into();
        self.get(DeviceCall::SetStatus { status });
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver: PhysAddr,
        device: PhysAddr,
    ) {
        // These are addresses of ours, see `dma_alloc`: the kernel translates them.
        self.get(DeviceCall::SetQueue {
            queue: u64::from(queue) | u64::from(size) << 16,
            descriptors,
            driver,
            device,
        });
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        // It was reset.
        false
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        let about = u32::try_from(self.get(DeviceCall::Acknowledge {}));
        InterruptStatus::from_bits_truncate(about.unwrap_or(0))
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, _: usize) -> virtio_drivers::Result<T> {
        Err(virtio_drivers::Error::Unsupported)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        _: usize,
        _: T,
    ) -> virtio_drivers::Result<()> {
        Err(virtio_drivers::Error::Unsupported)
    }
}

/// How the crate gets memory that the device sees.
struct Memory;

// SAFETY: 1. `dma_alloc` hands out zeroed pages that were claimed for it, each
// once. 2. `share` tells where the bytes really are; they lie in one page.
unsafe impl Hal for Memory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let next = POOL[0].fetch_add((pages * PAGE_BYTES) as u64, Ordering::Relaxed);
        let fits = next + (pages * PAGE_BYTES) as u64 <= POOL[1].load(Ordering::Relaxed);
        match NonNull::new(next as *mut u8) {
            // A queue's address is one of ours, which the kernel checks.
            Some(memory) if fits => (next, memory),
            // Address 0 is how the crate expects a failure.
            _ => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // The queue lives as long as the process.
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        // Only transports that map registers ask.
        NonNull::dangling()
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        let device = Device(Handle(DEVICE.load(Ordering::Relaxed)));
        let address = buffer.cast::<u8>().as_ptr() as u64;
        match device.access(DeviceCall::Physical { address }) {
            Ok(physical) => physical,
            // The device must not be told of memory that is not ours.
            Err(error) => panic!("no physical address: {error}"),
        }
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
