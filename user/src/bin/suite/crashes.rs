//! Every way to fault: it ends the one who does it, with a record that says
//! how, and nobody else.

use alloc::format;

use proviso_user::abi::outcome::Exit;
use proviso_user::abi::words::State;
use proviso_user::abi::{INIT, layout};
use proviso_user::fault::{Fault, KERNEL_ADDRESS};
use proviso_user::println;

use crate::harness::{Check, ensure, same, tests};
use crate::kernel::{detail, end_of, free, spawn};

tests! {
    every_fault_ends_its_process_alone,
    a_panic_is_an_exit,
}

/// The address that the record of a fault must name.
fn address_of(fault: Fault) -> Option<u64> {
    match fault {
        Fault::NullRead | Fault::NullWrite => Some(0),
        Fault::KernelRead
        | Fault::KernelWrite
        | Fault::KernelJump
        | Fault::KernelWritesKernel
        | Fault::BadEnvelope
        | Fault::BadPointer => Some(KERNEL_ADDRESS),
        Fault::StackGuard => Some(layout::STACK_TOP - layout::STACK_SIZE - 8),
        Fault::HighestAddress => Some(u64::MAX - 7),
        _ => None,
    }
}

/// Faults at an instruction that is not the program's own.
const ELSEWHERE: [Fault; 3] = [
    Fault::KernelJump,
    Fault::ExecuteStack,
    Fault::NoncanonicalJump,
];

fn every_fault_ends_its_process_alone() -> Check {
    let restarts = detail(INIT)?.restarts;
    free()?;
    let before = free()?;
    for fault in Fault::ALL {
        let pid = spawn("crasher", &[fault.name()])?;
        let exit = end_of(pid)?;
        check(*fault, &exit)?;
        let record = detail(pid)?;
        same(fault.name(), record.info.state, State::Crashed)?;
        same(fault.name(), record.last_exit, Some(exit))?;
        println!(
            "abuse {}: {} Ends with: {}",
            fault.name(),
            fault.text().trim(),
            fault.words()
        );
    }
    same("free memory", free()?, before)?;
    same("restarts of init", detail(INIT)?.restarts, restarts)
}

fn check(fault: Fault, exit: &Exit) -> Check {
    let name = fault.name();
    let Exit::Crashed {
        what,
        instruction,
        address,
    } = exit
    else {
        return Err(format!("{name}: {exit}"));
    };
    let about = address_of(fault);
    ensure(what.contains(fault.words()), &format!("{name}: {what}"))?;
    if about.is_some() {
        same(name, *address, about)?;
    }
    let own = layout::PROGRAM_BASE..layout::HEAP_BASE;
    let is_own = own.contains(instruction) || ELSEWHERE.contains(&fault);
    ensure(is_own, &format!("{name}: instruction {instruction:#x}"))
}

fn a_panic_is_an_exit() -> Check {
    let pid = spawn("crasher", &["panic"])?;
    same("end", end_of(pid)?, Exit::Code(101))
}
