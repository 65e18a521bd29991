//! Processor features that the kernel relies on, and system-call entry.

use core::arch::x86_64::__cpuid_count;

use x86_64::VirtAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};
use x86_64::registers::model_specific::{Efer, EferFlags, LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;

use crate::descriptors::{KERNEL_CODE, USER_DATA};

/// The register with the segments for `syscall` and `sysret`.
const STAR: u32 = 0xc000_0081;

/// Sets the control registers: writes obey read-only pages in ring 0 too, the
/// kernel can neither run (SMEP) nor touch (SMAP) memory of processes by
/// accident, and floating point is off for everybody, so that no process finds
/// another's numbers in the registers.
pub fn init() {
    // SAFETY: 1. The kernel uses no floating point (its target is soft-float).
    // 2. It reaches the memory of processes through its own mapping only.
    // 3. SMEP and SMAP are set only where the processor has them.
    unsafe {
        Cr0::update(|flags| {
            flags.insert(
                Cr0Flags::WRITE_PROTECT | Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED,
            );
        });
        let leaf = __cpuid_count(7, 0);
        Cr4::update(|flags| {
            flags.remove(Cr4Flags::OSFXSR | Cr4Flags::OSXSAVE | Cr4Flags::FSGSBASE);
            flags.set(
                Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION,
                leaf.ebx & 1 << 7 != 0,
            );
            flags.set(
                Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION,
                leaf.ebx & 1 << 20 != 0,
            );
        });
    }
}

/// Lets processes enter the kernel at `entry` by `syscall`.
///
/// # Safety
/// `entry` is code that expects exactly the state `syscall` leaves behind.
pub(crate) unsafe fn init_syscall(entry: u64) {
    let sysret_base = u64::from(USER_DATA - 8);
    // SAFETY: 1. The selectors are those of the loaded descriptor table.
    // 2. The caller's promise about the entry. 3. The mask clears interrupts,
    // direction, trap, alignment-check and nested-task flags on entry.
    unsafe {
        Msr::new(STAR).write(sysret_base << 48 | u64::from(KERNEL_CODE) << 32);
        LStar::write(VirtAddr::new(entry));
        SFMask::write(
            RFlags::INTERRUPT_FLAG
                | RFlags::DIRECTION_FLAG
                | RFlags::TRAP_FLAG
                | RFlags::ALIGNMENT_CHECK
                | RFlags::NESTED_TASK,
        );
        Efer::update(|flags| flags.insert(EferFlags::SYSTEM_CALL_EXTENSIONS));
    }
}
