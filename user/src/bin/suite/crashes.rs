//! Every way to fault: it ends the one who does it, with a record that says
//! how, and nobody else.

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::outcome::Exit;
use proviso_user::abi::words::State;
use proviso_user::abi::{INIT, layout};
use proviso_user::fault::{Fault, KERNEL_ADDRESS};
use proviso_user::{receive, sleep, system};

use crate::harness::{Check, ensure, same, tests};
use crate::kernel::{act, detail, end, end_of, free, spawn};

tests! {
    every_fault_ends_its_process_alone,
    a_panic_is_an_exit,
    storms_of_wrong_system_calls_harm_nobody_else,
}

/// What the record of a fault must say, and the address that it must name.
fn expected(fault: Fault) -> (&'static str, Option<u64>) {
    match fault {
        Fault::NullRead => ("page fault (read)", Some(0)),
        Fault::NullWrite => ("page fault (write)", Some(0)),
        Fault::KernelRead => ("page fault (read)", Some(KERNEL_ADDRESS)),
        Fault::KernelWrite => ("page fault (write)", Some(KERNEL_ADDRESS)),
        // The processor looks at the page's rights before it fetches.
        Fault::KernelJump => ("page fault", Some(KERNEL_ADDRESS)),
        Fault::ExecuteData => ("page fault (execute)", None),
        Fault::WriteCode => ("page fault (write)", None),
        Fault::StackOverflow => ("page fault (write)", None),
        Fault::Divide => ("division by zero", None),
        Fault::UndefinedInstruction => ("undefined instruction", None),
        Fault::PrivilegedInstruction | Fault::Halt | Fault::PortWrite | Fault::Noncanonical => {
            ("general protection fault", None)
        }
        Fault::Breakpoint => ("breakpoint", None),
        Fault::BadSyscall => ("unknown system call 9999", None),
        Fault::BadPointer => ("bad address in system call write", Some(KERNEL_ADDRESS)),
    }
}

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
    let (words, about) = expected(fault);
    ensure(what.contains(words), &format!("{name}: {what}"))?;
    if about.is_some() {
        same(name, *address, about)?;
    }
    // All faults but a jump to nowhere happen in the program's own code.
    let own = layout::PROGRAM_BASE..layout::HEAP_BASE;
    let is_own = own.contains(instruction) || fault == Fault::KernelJump;
    ensure(is_own, &format!("{name}: instruction {instruction:#x}"))
}

fn a_panic_is_an_exit() -> Check {
    let pid = spawn("crasher", &["panic"])?;
    same("end", end_of(pid)?, Exit::Code(101))
}

fn storms_of_wrong_system_calls_harm_nobody_else() -> Check {
    free()?;
    let before = free()?;
    for round in 1..=20u64 {
        // Eight at a time, each with its own way of being wrong.
        let mut pids = Vec::new();
        for number in 0..8 {
            let seed = format!("{}", (round * 8 + number) * 0x9e37_79b9);
            pids.push(spawn("suite", &["storm", &seed])?);
        }
        sleep(Duration::from_millis(20));
        for pid in pids {
            // Those that wait for ever are ended, of the others the record goes.
            act(end(pid))?;
        }
    }
    while system::watch(Some(Duration::ZERO)).is_ok() {}
    while receive(&mut [0; 256], Some(Duration::ZERO)).is_ok() {}
    same("free memory", free()?, before)
}
