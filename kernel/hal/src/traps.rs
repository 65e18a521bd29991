//! What the processor reports: the interrupt table, and traps in words.

use core::cell::UnsafeCell;

use proviso_kernel_core::machine::{FaultKind, Trap};
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::registers::control::Cr2;
use x86_64::structures::DescriptorTablePointer;

use crate::context::{Context, SYSCALL_VECTOR};
use crate::descriptors::{DISASTER_STACK, KERNEL_CODE, set_trap_stack};
use crate::entry::{STUB_SIZE, VECTORS, resume, syscall_entry};
use crate::{epitaph, interrupts, processor};

const BREAKPOINT: u64 = 3;
const DOUBLE_FAULT: u64 = 8;
const PAGE_FAULT: u64 = 14;
/// The interrupt controllers' vectors begin here.
pub(crate) const FIRST_INTERRUPT: u64 = 32;
/// Non-maskable interrupt, double fault, machine check: these have a stack of
/// their own, since the one in use may be what failed.
const DISASTERS: [u64; 3] = [2, DOUBLE_FAULT, 18];

/// The interrupt descriptor table (Intel SDM vol. 3A, 6.14.1).
struct Table(UnsafeCell<[u128; VECTORS]>);

// SAFETY: written once at boot, by one processor; after that only the processor reads it.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; VECTORS]));

unsafe extern "C" {
    /// The first of the stubs in `entry`, one per vector.
    static trap_stubs: u8;
}

/// What the processor and a stub push when the kernel itself traps.
#[repr(C)]
pub(crate) struct KernelFrame {
    vector: u64,
    error: u64,
    rip: u64,
}

/// An interrupt gate: `flags` has the privilege level that may reach it by an
/// instruction, and the stack for disasters.
fn gate(handler: u64, vector: u64) -> u128 {
    let privilege: u128 = if vector == BREAKPOINT { 3 } else { 0 };
    let stack = if DISASTERS.contains(&vector) {
        u128::from(DISASTER_STACK) + 1
    } else {
        0
    };
    let handler = u128::from(handler);
    (handler & 0xffff)
        | u128::from(KERNEL_CODE) << 16
        | stack << 32
        | (0x8e | privilege << 5) << 40
        | (handler >> 16 & 0xffff_ffff_ffff) << 48
}

/// Loads the table and the entry for `syscall`. Called once, at boot.
pub fn init() {
    // SAFETY: 1. Boot is single-threaded and this runs once. 2. The stubs exist
    // for every vector, STUB_SIZE apart. 3. `syscall_entry` expects what
    // `syscall` leaves behind.
    unsafe {
        let first = &raw const trap_stubs as u64;
        for vector in 0..VECTORS as u64 {
            (*TABLE.0.get())[vector as usize] = gate(first + vector * STUB_SIZE as u64, vector);
        }
        let limit = (size_of::<[u128; VECTORS]>() - 1) as u16;
        lidt(&DescriptorTablePointer {
            limit,
            base: VirtAddr::from_ptr(TABLE.0.get()),
        });
        processor::init_syscall(syscall_entry as *const () as u64);
    }
}

/// Runs a process until it traps.
///
/// # Safety
/// 1. The address space in force is the one of this context's process, with the
///    kernel mapped in it.
/// 2. The context was made by [`Context::start`].
#[inline]
pub(crate) unsafe fn run(context: &mut Context) {
    // SAFETY: 1. The context is 16-byte aligned and a multiple of 16 long, and
    // stays where it is during the call. 2. Selectors and flags come from
    // `Context::start` or from the processor. 3. The caller's promise.
    unsafe {
        set_trap_stack((&raw mut *context).wrapping_add(1) as u64);
        resume(context);
    }
}

/// Why a process trapped; an interrupt is handled.
pub(crate) fn decode(context: &Context) -> Trap {
    match context.vector {
        SYSCALL_VECTOR => {
            let (number, arguments) = context.syscall();
            Trap::Syscall { number, arguments }
        }
        vector @ FIRST_INTERRUPT.. => {
            interrupts::handle((vector - FIRST_INTERRUPT) as u8);
            Trap::Interrupt
        }
        vector => Trap::Fault {
            kind: fault_kind(vector, context.error),
            instruction: context.instruction(),
            address: (vector == PAGE_FAULT).then(Cr2::read_raw),
        },
    }
}

/// The processor's exceptions (Intel SDM vol. 3A, table 6-1).
fn fault_kind(vector: u64, error: u64) -> FaultKind {
    match vector {
        0 => FaultKind::Division,
        1 => FaultKind::Debug,
        BREAKPOINT => FaultKind::Breakpoint,
        4 => FaultKind::Overflow,
        5 => FaultKind::Bounds,
        6 => FaultKind::Instruction,
        7 | 16 | 19 => FaultKind::FloatingPoint,
        10..=12 => FaultKind::Segment,
        13 => FaultKind::Protection,
        // The error code's bits: present, write, user, reserved, fetch.
        PAGE_FAULT if error & 0x10 != 0 => FaultKind::PageExecute,
        PAGE_FAULT if error & 0x2 != 0 => FaultKind::PageWrite,
        PAGE_FAULT => FaultKind::PageRead,
        17 => FaultKind::Alignment,
        _ => FaultKind::Other,
    }
}

/// A trap in ring 0, called by the entry code.
pub(crate) extern "sysv64" fn in_kernel(frame: &KernelFrame) {
    if frame.vector >= FIRST_INTERRUPT {
        interrupts::handle((frame.vector - FIRST_INTERRUPT) as u8);
        return;
    }
    let name = fault_kind(frame.vector, frame.error).name();
    let (vector, rip, error) = (frame.vector, frame.rip, frame.error);
    match frame.vector {
        // Mostly a fault that could not be reported because the stack is used
        // up; the address is then one in the guard page below it.
        DOUBLE_FAULT => {
            let address = Cr2::read_raw();
            epitaph::end(format_args!(
                "kernel double fault at {rip:#x}, last page fault at {address:#x}"
            ))
        }
        PAGE_FAULT => {
            let address = Cr2::read_raw();
            epitaph::end(format_args!(
                "kernel {name} at {rip:#x}, address {address:#x}, error {error:#x}"
            ))
        }
        _ => epitaph::end(format_args!(
            "kernel {name} (vector {vector}) at {rip:#x}, error {error:#x}"
        )),
    }
}
