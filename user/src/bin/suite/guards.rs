//! Faults that a guard is told of, and what comes of its answers.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use proviso_user::abi::layout::PAGE;
use proviso_user::abi::outcome::Exit;
use proviso_user::abi::region::REGIONS_END;
use proviso_user::abi::{Access, FaultKind, INIT, Pid};
use proviso_user::fault::Fault as Way;
use proviso_user::guard::{self, END, Fault, RESUME, guard};
use proviso_user::ipc::Received;
use proviso_user::{Args, Error, Extras, Port, Region, fault, ipc, sleep};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{end_of, kill, spawn};

tests! {
    a_guard_lets_a_process_go_on,
    a_guard_supplies_memory,
    a_guard_lets_a_process_end,
    a_guard_that_does_not_answer_saves_nobody,
    a_dead_guard_saves_nobody,
    a_guarded_process_can_be_killed_while_it_waits,
    nobody_guards_what_another_started,
    nobody_guards_itself_alone,
}

const PATIENCE: Duration = Duration::from_secs(60);
/// Far from what the library maps.
const AT: u64 = REGIONS_END - (1 << 30);

/// Starts a process that waits until it is guarded, and guards it.
fn guarded(post: Port, way: &str) -> Result<Pid, String> {
    let pid = spawn("suite", &["guarded", way])?;
    loop {
        let received = at("receive", Port::OWN.receive(Some(PATIENCE)))?;
        if received.is_call {
            break;
        }
    }
    at("guard", guard(post, pid))?;
    let next = Port::OWN.reply_receive_with([0; 4], Extras::within(Duration::ZERO));
    same("nobody else calls", next.err(), Some(Error::TimedOut))?;
    Ok(pid)
}

fn told(post: Port, pid: Pid, kind: FaultKind) -> Result<Fault, String> {
    let received = at("receive", post.receive(Some(PATIENCE)))?;
    fault_of(&received, pid, kind)
}

fn fault_of(received: &Received, pid: Pid, kind: FaultKind) -> Result<Fault, String> {
    let fault = Fault::of(received).ok_or("no fault")?;
    same("badge", received.badge, pid.into())?;
    same("process", fault.pid, pid)?;
    same("kind", fault.kind, kind)?;
    Ok(fault)
}

/// Answers and waits for nothing more.
fn answer(post: Port, words: [u64; 4]) -> Check {
    let next = post.reply_receive_with(words, Extras::within(Duration::ZERO));
    same("nothing more", next.err(), Some(Error::TimedOut))
}

fn crashed(pid: Pid, wanted: &str) -> Check {
    match end_of(pid)? {
        Exit::Crashed { what, .. } if what.as_str() == wanted => Ok(()),
        other => Err(format!("wanted {wanted}: {other}")),
    }
}

fn a_guard_lets_a_process_go_on() -> Check {
    let post = at("create", Port::create())?;
    let pid = guarded(post, "breakpoints")?;
    let first = told(post, pid, FaultKind::Breakpoint)?;
    for _ in 1..100 {
        let extras = Extras::within(PATIENCE);
        let next = at("reply", post.reply_receive_with(RESUME, extras))?;
        let fault = fault_of(&next, pid, FaultKind::Breakpoint)?;
        same("instruction", fault.instruction, first.instruction)?;
    }
    // An answer that makes no sense leaves it waiting for one that does.
    same(
        "verdict",
        post.reply_receive([7; 4]).err(),
        Some(Error::Invalid),
    )?;
    answer(post, RESUME)?;
    same("end", end_of(pid)?, Exit::Code(0))?;
    at("close", ipc::close(post.0))
}

fn a_guard_supplies_memory() -> Check {
    let post = at("create", Port::create())?;
    let pid = guarded(post, "memory")?;
    let region = at("create", Region::create(2))?;
    let mapping = at("map", region.map(0, 2, Access::Write))?;
    at("write", mapping.write(PAGE, b"from your guard"))?;
    let fault = told(post, pid, FaultKind::PageRead)?;
    same("address", fault.address, AT)?;
    let supply = |handle, address, pages| {
        let extras = Extras::within(Duration::ZERO);
        guard::supply(post, Region(handle), address, pages, Access::Read, extras)
    };
    for (handle, address, pages, error) in [
        (region.0, AT, (0, 3), Error::Invalid),
        (region.0, AT, (0, 0), Error::Invalid),
        (region.0, AT + 1, (0, 1), Error::Invalid),
        (region.0, fault::KERNEL_ADDRESS, (0, 1), Error::Invalid),
        (post.0, AT, (0, 1), Error::WrongObject),
    ] {
        same("supply", supply(handle, address, pages).err(), Some(error))?;
    }
    let next = supply(region.0, AT, (1, 1));
    same("supply", next.err(), Some(Error::TimedOut))?;
    // It has read that, and goes on to its next fault.
    told(post, pid, FaultKind::PageWrite)?;
    answer(post, END)?;
    crashed(pid, "page fault (write)")?;
    drop(mapping);
    at("close", ipc::close(region.0))?;
    at("close", ipc::close(post.0))
}

fn a_guard_lets_a_process_end() -> Check {
    let post = at("create", Port::create())?;
    for (way, kind) in [
        ("divide", FaultKind::Division),
        ("null-write", FaultKind::PageWrite),
        ("execute-data", FaultKind::PageExecute),
        ("undefined-instruction", FaultKind::Instruction),
        ("privileged-instruction", FaultKind::Protection),
        ("stack-overflow", FaultKind::PageWrite),
    ] {
        let pid = guarded(post, way)?;
        told(post, pid, kind)?;
        answer(post, END)?;
        crashed(pid, kind.name())?;
    }
    at("close", ipc::close(post.0))
}

fn a_guard_that_does_not_answer_saves_nobody() -> Check {
    let post = at("create", Port::create())?;
    let pid = guarded(post, "divide")?;
    told(post, pid, FaultKind::Division)?;
    let next = post.receive(Some(Duration::ZERO));
    same("nothing more", next.err(), Some(Error::TimedOut))?;
    crashed(pid, "division by zero")?;
    at("close", ipc::close(post.0))
}

fn a_dead_guard_saves_nobody() -> Check {
    let post = at("create", Port::create())?;
    let pid = guarded(post, "later")?;
    at("close", ipc::close(post.0))?;
    crashed(pid, "division by zero")
}

fn a_guarded_process_can_be_killed_while_it_waits() -> Check {
    let post = at("create", Port::create())?;
    let pid = guarded(post, "divide")?;
    told(post, pid, FaultKind::Division)?;
    kill(pid)?;
    answer(post, RESUME)?;
    at("close", ipc::close(post.0))
}

fn nobody_guards_what_another_started() -> Check {
    let pid = spawn("suite", &["guarded", "strangers"])?;
    same("end", end_of(pid)?, Exit::Code(0))?;
    let post = at("create", Port::create())?;
    same("the dead", guard(post, pid), Err(Error::NoSuchProcess))?;
    same("nobody", guard(post, u32::MAX), Err(Error::NoSuchProcess))?;
    at("close", ipc::close(post.0))
}

fn nobody_guards_itself_alone() -> Check {
    let pid = spawn("suite", &["guarded", "itself"])?;
    crashed(pid, "division by zero")
}

/// The other side of these tests.
pub fn role(args: Args) -> Check {
    let way = args.get(1).unwrap_or_default();
    match way {
        "strangers" => {
            let post = at("create", Port::create())?;
            return same("init", guard(post, INIT), Err(Error::NotPermitted));
        }
        "itself" => {
            at("guard", guard(Port::OWN, 0))?;
            Way::Divide.happen();
        }
        _ => {}
    }
    at("call", at("open", Port::open("suite"))?.call([0; 4]))?;
    match way {
        "breakpoints" => {
            (0..100).for_each(|_| Way::Breakpoint.happen());
            Ok(())
        }
        "memory" => {
            fault::read(AT);
            Way::NullWrite.happen();
            Err("it came back".into())
        }
        "later" => {
            sleep(Duration::from_millis(50));
            Way::Divide.happen();
            Err("it came back".into())
        }
        other => {
            let way = Way::from_name(other).ok_or("no such way")?;
            way.happen();
            ensure(false, "it came back")
        }
    }
}
