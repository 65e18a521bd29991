//! What programs that measure the kernel look at.

use core::arch::x86_64::_rdtsc;

use proviso_abi::syscall::Request;

use crate::raw;

/// The processor's timestamp count; under QEMU's `-icount shift=0` the number of
/// instructions since the machine was started.
#[must_use]
pub fn counts() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and ring 3 may read it.
    unsafe { _rdtsc() }
}

/// Changes of the address space since boot.
#[must_use]
pub fn space_switches() -> u64 {
    // SAFETY: the call names no memory.
    unsafe { raw::call(Request::Count { counter: 0 }) }.unwrap_or(0)
}
