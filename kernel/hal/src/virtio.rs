//! The virtio console: the channel to the agent.
//!
//! The device and whoever is behind it are not trusted. Nothing here waits for
//! them: what cannot be sent at once is refused, and a device that reports what
//! it was never given is not used again.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering};

use bitflags::bitflags;
use spin::Mutex;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, SomeTransport, Transport};
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::epitaph;
use crate::interrupts;
use crate::memory::{FRAME, Memory, physical, pointer};
use crate::pci;

const RECEIVE_QUEUE: u16 = 0;
const TRANSMIT_QUEUE: u16 = 1;
/// Descriptors of a queue, and buffers of each direction.
const QUEUE_SIZE: usize = 16;
const BUFFER: usize = FRAME as usize;
/// Each queue takes one frame for what it says and one for what it hears.
const QUEUE_FRAMES: usize = 4;

/// `microvm` has its transports here (QEMU, hw/i386/microvm.c).
const MMIO_BASE: u64 = 0xfeb0_0000;
const MMIO_SIZE: usize = 512;
const MMIO_SLOTS: u8 = 8;
const MMIO_FIRST_LINE: u8 = 5;

bitflags! {
    /// What we ask of the device: nothing but the present version.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Features: u64 {
        const VERSION_1 = 1 << 32;
    }
}

type Queue = VirtQueue<DeviceMemory, QUEUE_SIZE>;

/// The driver.
struct Console {
    transport: SomeTransport<'static>,
    receive: Queue,
    transmit: Queue,
    receive_buffers: Buffers,
    transmit_buffers: Buffers,
    /// A received buffer: which, how much is in it, how much of that was read.
    pending: Option<(usize, usize, usize)>,
    broken: bool,
}

/// Buffers in a row; of each that is lent to the device, descriptor and length.
struct Buffers {
    base: *mut u8,
    lent: [Option<(u16, usize)>; QUEUE_SIZE],
}

// SAFETY: the pointer is to memory that only the driver uses, and the driver is
// behind a lock.
unsafe impl Send for Buffers {}
// SAFETY: transports and queues hold pointers to device memory that nothing
// else uses; the whole driver is behind a lock.
unsafe impl Send for Console {}

static CONSOLE: Mutex<Option<Console>> = Mutex::new(None);
/// The console's interrupt line; 255 is none.
static LINE: AtomicU8 = AtomicU8::new(255);
/// Frames set aside for the queues: next and last free address.
static POOL: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Finds the console and sets it up. False if there is none, or no memory for it.
pub fn init(memory: &mut Memory) -> bool {
    let Some((transport, line)) = find(DeviceType::Console) else {
        return false;
    };
    let Some(console) = Console::new(transport, memory) else {
        return false;
    };
    *CONSOLE.lock() = Some(console);
    LINE.store(line, Ordering::Relaxed);
    interrupts::enable(line);
    true
}

/// Takes bytes that came from the agent, as many as there are and fit.
pub fn read(buffer: &mut [u8]) -> usize {
    CONSOLE
        .lock()
        .as_mut()
        .map_or(0, |console| console.read(buffer))
}

/// Sends bytes to the agent, all or (false) none.
pub fn write(bytes: &[u8]) -> bool {
    CONSOLE
        .lock()
        .as_mut()
        .is_some_and(|console| console.write(bytes))
}

/// Tells the device that its interrupt was heard, if this is its line. Without
/// that the line would stay raised.
pub(crate) fn acknowledge(line: u8) {
    if line == LINE.load(Ordering::Relaxed)
        && let Some(mut console) = CONSOLE.try_lock()
        && let Some(console) = console.as_mut()
    {
        let _ = console.transport.ack_interrupt();
    }
}

/// The first device of a kind, and its interrupt line.
pub(crate) fn find(kind: DeviceType) -> Option<(SomeTransport<'static>, u8)> {
    let on_pci = || pci::find(kind).map(|(device, line)| (SomeTransport::Pci(device), line));
    find_mmio(kind).or_else(on_pci)
}

fn find_mmio(kind: DeviceType) -> Option<(SomeTransport<'static>, u8)> {
    (0..MMIO_SLOTS).find_map(|slot| {
        let address = MMIO_BASE + u64::from(slot) * MMIO_SIZE as u64;
        let header = NonNull::new(pointer(address).cast::<VirtIOHeader>())?;
        // SAFETY: 1. The window maps the address; where no device is, reads
        // give no magic number and the transport is refused. 2. Each kind
        // of device is looked for once, so this is the only user of the slot.
        let transport = unsafe { MmioTransport::new(header, MMIO_SIZE) }.ok()?;
        (transport.device_type() == kind)
            .then(|| (SomeTransport::Mmio(transport), MMIO_FIRST_LINE + slot))
    })
}

impl Console {
    fn new(mut transport: SomeTransport<'static>, memory: &mut Memory) -> Option<Self> {
        let pool = memory.take_for_device(QUEUE_FRAMES).ok()?.address();
        *POOL.lock() = (pool, pool + QUEUE_FRAMES as u64 * FRAME);
        let receive_buffers = Buffers::take(memory)?;
        let transmit_buffers = Buffers::take(memory)?;
        if transport.begin_init(Features::VERSION_1) != Features::VERSION_1 {
            return None;
        }
        let receive = Queue::new(&mut transport, RECEIVE_QUEUE, false, false).ok()?;
        let transmit = Queue::new(&mut transport, TRANSMIT_QUEUE, false, false).ok()?;
        transport.finish_init();
        let mut console = Self {
            transport,
            receive,
            transmit,
            receive_buffers,
            transmit_buffers,
            pending: None,
            broken: false,
        };
        (0..QUEUE_SIZE).for_each(|buffer| console.lend_for_receiving(buffer));
        console.transport.notify(RECEIVE_QUEUE);
        Some(console)
    }

    fn lend_for_receiving(&mut self, index: usize) {
        let slice = self.receive_buffers.slice(index, BUFFER);
        // SAFETY: the buffer is not touched until its descriptor has come back.
        match unsafe { self.receive.add(&[], &mut [slice]) } {
            Ok(token) => self.receive_buffers.lent[index] = Some((token, BUFFER)),
            Err(_) => self.broken = true,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buffer.len() {
            let Some((index, length, read)) = self.pending.take().or_else(|| self.next_received())
            else {
                break;
            };
            let piece = (length - read).min(buffer.len() - done);
            let source = self.receive_buffers.slice(index, length);
            buffer[done..done + piece].copy_from_slice(&source[read..read + piece]);
            done += piece;
            if read + piece < length {
                self.pending = Some((index, length, read + piece));
            } else {
                self.lend_for_receiving(index);
                self.transport.notify(RECEIVE_QUEUE);
            }
        }
        done
    }

    /// Takes the next filled buffer back from the device: its index, how much
    /// is in it, and that nothing of it was read yet.
    fn next_received(&mut self) -> Option<(usize, usize, usize)> {
        if self.broken {
            return None;
        }
        let token = self.receive.peek_used()?;
        let Some(index) = self.receive_buffers.take_back(token) else {
            self.broken = true;
            return None;
        };
        let slice = self.receive_buffers.slice(index, BUFFER);
        // SAFETY: the buffer is the one that was added under this token.
        let length = unsafe { self.receive.pop_used(token, &[], &mut [slice]) }.ok()?;
        // The device may claim any length.
        Some((index, (length as usize).min(BUFFER), 0))
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        self.collect_sent();
        let free = self
            .transmit_buffers
            .lent
            .iter()
            .filter(|lent| lent.is_none())
            .count();
        if self.broken || bytes.len() > free * BUFFER {
            return false;
        }
        for piece in bytes.chunks(BUFFER) {
            let Some(index) = self.transmit_buffers.lent.iter().position(Option::is_none) else {
                return false;
            };
            let slice = self.transmit_buffers.slice(index, piece.len());
            slice.copy_from_slice(piece);
            // SAFETY: the buffer is not touched until its descriptor has come back.
            match unsafe { self.transmit.add(&[slice], &mut []) } {
                Ok(token) => self.transmit_buffers.lent[index] = Some((token, piece.len())),
                Err(_) => self.broken = true,
            }
        }
        self.transport.notify(TRANSMIT_QUEUE);
        !self.broken
    }

    /// Takes back the buffers that the device has sent.
    fn collect_sent(&mut self) {
        while !self.broken
            && let Some(token) = self.transmit.peek_used()
        {
            let length = self.transmit_buffers.length_of(token);
            let Some(index) = self.transmit_buffers.take_back(token) else {
                self.broken = true;
                return;
            };
            let slice = self.transmit_buffers.slice(index, length);
            // SAFETY: the buffer and length are those that were added under this token.
            self.broken = unsafe { self.transmit.pop_used(token, &[slice], &mut []) }.is_err();
        }
    }
}

impl Buffers {
    fn take(memory: &mut Memory) -> Option<Self> {
        let first = memory.take_for_device(QUEUE_SIZE).ok()?;
        Some(Self {
            base: pointer(first.address()),
            lent: [None; QUEUE_SIZE],
        })
    }

    /// The first `length` bytes of a buffer that is not lent.
    fn slice(&mut self, index: usize, length: usize) -> &'static mut [u8] {
        let (index, length) = (index.min(QUEUE_SIZE - 1), length.min(BUFFER));
        // SAFETY: 1. The buffers are QUEUE_SIZE frames in a row that the driver
        // took for good, reached through the window. 2. The driver uses the
        // slice before it asks for the same buffer again, or lends it to the
        // device until it is taken back.
        unsafe { core::slice::from_raw_parts_mut(self.base.add(index * BUFFER), length) }
    }

    fn length_of(&self, token: u16) -> usize {
        let of = |lent: &Option<(u16, usize)>| lent.filter(|(under, _)| *under == token);
        self.lent
            .iter()
            .find_map(of)
            .map_or(0, |(_, length)| length)
    }

    /// Which buffer comes back under a token; none if the device made it up.
    fn take_back(&mut self, token: u16) -> Option<usize> {
        let is_it = |lent: &Option<(u16, usize)>| lent.is_some_and(|(under, _)| under == token);
        let index = self.lent.iter().position(is_it)?;
        self.lent[index] = None;
        Some(index)
    }
}

/// How virtio-drivers reaches memory that the device sees.
pub(crate) struct DeviceMemory;

// SAFETY: 1. `dma_alloc` hands out zeroed frames in a row, each once. 2. The
// window translates both ways.
unsafe impl Hal for DeviceMemory {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let mut pool = POOL.lock();
        let (next, end) = *pool;
        let after = next + pages as u64 * FRAME;
        match NonNull::new(pointer(next)) {
            Some(memory) if after <= end => {
                pool.0 = after;
                (next, memory)
            }
            // Address 0 is how the crate expects a failure.
            _ => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_address: PhysAddr, _memory: NonNull<u8>, _pages: usize) -> i32 {
        // The queues live as long as the kernel.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _size: usize) -> NonNull<u8> {
        match NonNull::new(pointer(address)) {
            Some(memory) => memory,
            None => epitaph::end(format_args!("a device has no address")),
        }
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        // Every buffer of ours is reached through the window.
        physical(buffer.cast::<u8>().as_ptr())
    }

    unsafe fn unshare(_address: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
