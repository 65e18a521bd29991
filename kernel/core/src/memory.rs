//! Where the memory is, to the byte.

use proviso_abi::layout::PAGE;
use proviso_abi::outcome::MemoryReport;
use proviso_abi::snapshot::MemoryTotals;
use proviso_abi::{Bytes, INIT, Pid};

use crate::machine::Machine;
use crate::table::Table;

/// Frames that no process gets, so that there is room to put things right when
/// memory has run out: 1 MiB, or a 32nd of a larger machine.
#[must_use]
pub fn reserve_frames<M: Machine>(machine: &M) -> u64 {
    let (total, _) = machine.total_frames();
    (total / 32).max((1 << 20) / PAGE)
}

/// Frames that a plan of this submitter's must leave free: the reserve, but for
/// init, which brings the shell back whatever happened to the memory.
#[must_use]
pub fn keep_free_of_plan<M: Machine>(machine: &M, submitter: Pid) -> u64 {
    if submitter == INIT {
        0
    } else {
        reserve_frames(machine)
    }
}

/// Frames that can be given to processes now.
#[must_use]
pub fn free_frames<M: Machine>(machine: &M) -> u64 {
    machine
        .free_frames()
        .saturating_sub(reserve_frames(machine))
}

/// The account of all memory: `total` is kernel, processes, reserve and free
/// together, counted each on its own, so a lost frame shows as a difference.
#[must_use]
pub fn report<M: Machine>(machine: &M, table: &Table<M::Task>) -> MemoryReport {
    let (total, kernel) = machine.total_frames();
    let (heap_used, heap) = machine.heap_bytes();
    let processes: u64 = table.iter().map(|process| process.frames(machine)).sum();
    let free = free_frames(machine);
    MemoryReport {
        total: bytes(total),
        kernel: bytes(kernel),
        processes: bytes(processes),
        reserve: bytes(machine.free_frames().saturating_sub(free)),
        free: bytes(free),
        kernel_heap_used: Bytes(heap_used),
        kernel_heap: Bytes(heap),
    }
}

/// Memory of the machine in short.
#[must_use]
pub fn totals<M: Machine>(machine: &M) -> MemoryTotals {
    let (total, _) = machine.total_frames();
    MemoryTotals {
        total: bytes(total),
        free: bytes(free_frames(machine)),
    }
}

/// Frames in bytes.
#[must_use]
pub const fn bytes(frames: u64) -> Bytes {
    Bytes(frames.saturating_mul(PAGE))
}

/// Frames that processes could ever get, if there were no others.
#[must_use]
pub fn for_processes<M: Machine>(machine: &M) -> u64 {
    let (total, kernel) = machine.total_frames();
    total
        .saturating_sub(kernel)
        .saturating_sub(reserve_frames(machine))
}
