//! Segments, the task state segment, and the stacks for disasters.

use core::cell::UnsafeCell;
use core::mem::offset_of;

use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

/// Segment selectors. The order is what `syscall` and `sysret` assume (Intel
/// SDM vol. 3A, 5.8.8): kernel code, kernel data, user data, user code.
pub const KERNEL_CODE: u16 = 1 << 3;
/// The kernel's data segment.
pub const KERNEL_DATA: u16 = 2 << 3;
/// The data segment of processes.
pub const USER_DATA: u16 = 3 << 3 | 3;
/// The code segment of processes.
pub const USER_CODE: u16 = 4 << 3 | 3;

/// The interrupt stack table entry for faults that leave no stack to trust.
pub const DISASTER_STACK: u16 = 0;
const DISASTER_STACK_SIZE: usize = 8192;

#[repr(align(16))]
pub(crate) struct Tables {
    gdt: UnsafeCell<GlobalDescriptorTable>,
    tss: UnsafeCell<TaskStateSegment>,
    stack: UnsafeCell<[u8; DISASTER_STACK_SIZE]>,
}

// SAFETY: the kernel runs on one processor; the cells are written in `init` and
// `set_trap_stack`, both with interrupts off.
unsafe impl Sync for Tables {}

/// Where in the tables is the stack that the processor takes when ring 3 traps:
/// 4 bytes into the task state segment (Intel SDM vol. 3A, figure 8-11). The entry
/// code for `syscall`, which takes no stack, reads it too.
pub(crate) const TRAP_STACK: usize = offset_of!(Tables, tss) + 4;

pub(crate) static TABLES: Tables = Tables {
    gdt: UnsafeCell::new(GlobalDescriptorTable::new()),
    tss: UnsafeCell::new(TaskStateSegment::new()),
    stack: UnsafeCell::new([0; DISASTER_STACK_SIZE]),
};

/// Loads the segments and the task state segment. Called once, at boot.
pub fn init() {
    // SAFETY: 1. Boot is single-threaded and this runs once. 2. The tables are
    // static, as the processor needs them from now on. 3. The stack is used by
    // the processor alone.
    unsafe {
        let tss = &mut *TABLES.tss.get();
        let top = TABLES.stack.get() as u64 + DISASTER_STACK_SIZE as u64;
        tss.interrupt_stack_table[DISASTER_STACK as usize] = VirtAddr::new(top);
        let gdt = &mut *TABLES.gdt.get();
        gdt.append(Descriptor::kernel_code_segment());
        gdt.append(Descriptor::kernel_data_segment());
        gdt.append(Descriptor::user_data_segment());
        gdt.append(Descriptor::user_code_segment());
        let task = gdt.append(Descriptor::tss_segment(&*TABLES.tss.get()));
        (*TABLES.gdt.get()).load();
        CS::set_reg(SegmentSelector::new(1, PrivilegeLevel::Ring0));
        for set in [SS::set_reg, DS::set_reg, ES::set_reg] {
            set(SegmentSelector::new(2, PrivilegeLevel::Ring0));
        }
        load_tss(task);
    }
}

/// Sets where the processor stores the state of a process that traps.
///
/// # Safety
/// 1. `top` is 16-byte aligned.
/// 2. The bytes below it hold a [`crate::context::Context`] until the next call.
#[inline]
pub(crate) unsafe fn set_trap_stack(top: u64) {
    // SAFETY: 1. Interrupts are off in ring 0. 2. The caller's promises; the
    // address of something is canonical.
    unsafe { (*TABLES.tss.get()).privilege_stack_table[0] = VirtAddr::new_unsafe(top) };
}
