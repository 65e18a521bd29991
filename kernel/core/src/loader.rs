//! From a program to a task that is ready to run.

use proviso_abi::Pid;
use proviso_abi::layout::{PAGE, STACK_SIZE, STACK_TOP};

use crate::machine::{Machine, NoMemory};
use crate::program::{Program, Segment};

/// How a program is to be started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The arguments, joined by NUL bytes.
    pub args: &'a str,
    /// The number of the process.
    pub pid: Pid,
    /// The most frames that it may hold.
    pub limit_frames: u64,
    /// Frames that must stay free.
    pub keep_free: u64,
}

/// Builds a task: segments, stack, arguments and first registers.
///
/// # Errors
/// [`NoMemory`]; then nothing is held.
pub fn build<M: Machine>(
    machine: &mut M,
    program: &Program,
    start: &Start<'_>,
) -> Result<M::Task, NoMemory> {
    if machine.free_frames() <= start.keep_free || start.limit_frames == 0 {
        return Err(NoMemory);
    }
    let mut task = machine.create_task()?;
    match fill(machine, &mut task, program, start) {
        Ok(()) => Ok(task),
        Err(NoMemory) => {
            machine.destroy_task(task);
            Err(NoMemory)
        }
    }
}

fn fill<M: Machine>(
    machine: &mut M,
    task: &mut M::Task,
    program: &Program,
    start: &Start<'_>,
) -> Result<(), NoMemory> {
    let (limit, keep) = (start.limit_frames, start.keep_free);
    for segment in &program.segments {
        machine.map(task, segment, limit, keep)?;
    }
    let length = start.args.len() as u64;
    // At most some hundred bytes, so the stack has room for them many times.
    // It begins below them, aligned as the System V ABI wants it at an entry.
    let args = STACK_TOP.saturating_sub(length.next_multiple_of(16));
    let stack = Segment {
        data_address: args,
        data: start.args.as_bytes(),
        ..Segment::zeroed(STACK_TOP - STACK_SIZE, STACK_SIZE / PAGE)
    };
    machine.map(task, &stack, limit, keep)?;
    machine.set_start(task, program.entry, args, [args, length, start.pid.into()]);
    Ok(())
}
