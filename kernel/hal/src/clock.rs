//! Time: the timestamp counter, measured once against the interval timer.

use core::arch::x86_64::_rdtsc;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::port::Port;

/// The frequency of the interval timer's input (Intel 8254 data sheet).
const PIT_HZ: u64 = 1_193_182;
/// The kernel's tick, in nanoseconds.
pub const TICK_NS: u64 = 5_000_000;
/// The timer counts down from here in each tick.
const RELOAD: u16 = (PIT_HZ * TICK_NS / 1_000_000_000) as u16;
/// How long the measurement takes, in timer counts (about 1 ms).
const MEASURE_COUNTS: u16 = 1_193;

/// Nanoseconds per timestamp count, as a 32.32 fixed-point number; 0 before
/// [`init`]. Read by the entry code too.
pub(crate) static RATE: AtomicU64 = AtomicU64::new(0);
/// The count at boot.
pub(crate) static BEGIN: AtomicU64 = AtomicU64::new(0);

#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has a timestamp counter.
    unsafe { _rdtsc() }
}

/// Starts the tick (interrupt 0) and measures the timestamp counter.
pub fn init() {
    start_tick();
    let begin = counter();
    // If the host stops us for a period of the timer or more, that period is
    // missed and the counter seems too quick: the slowest of three rounds is right.
    let rate = (0..3).map(|_| measure()).max().unwrap_or(1 << 32);
    RATE.store(rate.max(1), Ordering::Relaxed);
    BEGIN.store(begin, Ordering::Relaxed);
}

/// Nanoseconds per timestamp count, measured over about 1 ms.
fn measure() -> u64 {
    let (begin, begin_pit) = read_both();
    // Bounded: a timer that does not count must not hang the boot.
    for _ in 0..1_000_000u32 {
        if counted(begin_pit, read_pit()) >= MEASURE_COUNTS {
            break;
        }
    }
    let (end, end_pit) = read_both();
    let counts = end.saturating_sub(begin).max(1);
    let elapsed = counted(begin_pit, end_pit).max(1);
    let nanoseconds = u64::from(elapsed) * 1_000_000_000 / PIT_HZ;
    let rate = (u128::from(nanoseconds) << 32) / u128::from(counts);
    u64::try_from(rate).unwrap_or(1 << 32)
}

/// The two counters at about the same moment. A hypervisor may stop us between
/// the reads, so the closest of several pairs counts.
fn read_both() -> (u64, u16) {
    let pair = || {
        let before = counter();
        let pit = read_pit();
        let width = counter().saturating_sub(before);
        (width, before + width / 2, pit)
    };
    let closest = (0..8).map(|_| pair()).min_by_key(|(width, ..)| *width);
    closest.map_or((0, 0), |(_, at, pit)| (at, pit))
}

/// How far the timer came from one reading to another: it counts down, and
/// starts again at [`RELOAD`].
fn counted(from: u16, to: u16) -> u16 {
    if to <= from {
        from - to
    } else {
        (RELOAD - to).saturating_add(from)
    }
}

/// Nanoseconds since [`init`]; 0 before.
#[inline]
pub fn now_ns() -> u64 {
    ticks_to_ns(ticks().saturating_sub(BEGIN.load(Ordering::Relaxed)))
}

/// Timestamp counts since some moment.
#[inline]
pub fn ticks() -> u64 {
    counter()
}

/// Timestamp counts in nanoseconds.
#[inline]
pub fn ticks_to_ns(ticks: u64) -> u64 {
    let rate = RATE.load(Ordering::Relaxed);
    ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
}

/// Programs channel 0 as a rate generator (mode 2).
fn start_tick() {
    let (mut command, mut data) = (Port::<u8>::new(0x43), Port::<u8>::new(0x40));
    // SAFETY: 1. These ports belong to the interval timer. 2. The interrupt
    // that it raises is handled, or masked until it is.
    unsafe {
        command.write(0x34);
        data.write(RELOAD as u8);
        data.write((RELOAD >> 8) as u8);
    }
}

/// The present count of channel 0, latched so that both halves belong together.
fn read_pit() -> u16 {
    let (mut command, mut data) = (Port::<u8>::new(0x43), Port::<u8>::new(0x40));
    // SAFETY: 1. These ports belong to the interval timer. 2. A latch command
    // does not disturb its counting.
    unsafe {
        command.write(0x00);
        u16::from(data.read()) | u16::from(data.read()) << 8
    }
}
