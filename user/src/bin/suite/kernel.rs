//! What tests ask of the kernel: plans, and questions about processes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::action::ProgramName;
use proviso_user::abi::outcome::{Exit, MemoryReport, ProcessDetail};
use proviso_user::abi::value::{Argument, Bytes};
use proviso_user::abi::words::ListWhat;
use proviso_user::abi::{
    Action, Effect, IntentEvent, List, Name, Pid, Plan, Priority, Reason, Target,
};
use proviso_user::{clock, sleep, submit_plan, system};

use crate::harness::{Check, at};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(5);

/// A plan, and what the kernel says of it.
pub fn ask(actions: Vec<Action>) -> Result<IntentEvent, String> {
    let plan = Plan::new(actions).map_err(|_| "too many actions for a plan")?;
    let mut intent = at("submit", submit_plan(&plan))?;
    at("finish", intent.finish())
}

/// One action that must be admitted; its effect.
pub fn act(action: Action) -> Result<Effect, String> {
    let words = format!("{action}");
    match ask(alloc::vec![action])? {
        IntentEvent::Done { mut effects, .. } if effects.len() == 1 => Ok(effects.remove(0)),
        other => Err(format!("{words}: {other:?}")),
    }
}

/// One action that must be rejected for this reason.
pub fn refused(action: Action, reason: Reason) -> Check {
    refused_plan(alloc::vec![action], Some(0), reason)
}

/// A plan that must be rejected for this reason at this action.
pub fn refused_plan(actions: Vec<Action>, index: Option<u8>, reason: Reason) -> Check {
    let words = format!("{actions:?}");
    match ask(actions)? {
        IntentEvent::Rejected { rejections, .. }
            if rejections
                .iter()
                .any(|one| one.reason == reason && one.action == index) =>
        {
            Ok(())
        }
        other => Err(format!("{words} was not refused as {reason}: {other:?}")),
    }
}

/// The action that starts a program.
pub fn start(program: &str, args: &[&str]) -> Action {
    let args: Vec<Argument> = args.iter().map(|word| Argument::cut(word)).collect();
    Action::Spawn {
        program: ProgramName(Name::cut(program)),
        args: List::new(args).ok(),
        count: None,
        priority: None,
        memory_limit: None,
    }
}

/// The same at another priority.
pub fn start_at(level: Priority, program: &str, args: &[&str]) -> Action {
    let mut action = start(program, args);
    if let Action::Spawn { priority, .. } = &mut action {
        *priority = Some(level);
    }
    action
}

/// Starts a program; the number of the process.
pub fn spawn(program: &str, args: &[&str]) -> Result<Pid, String> {
    match act(start(program, args))? {
        Effect::Spawned(list) if list.len() == 1 => Ok(list.first().map_or(0, |one| one.pid)),
        other => Err(format!("spawn {program}: {other:?}")),
    }
}

/// The action that ends a process.
pub fn end(pid: Pid) -> Action {
    Action::Kill {
        target: Target::pid(pid),
        except: None,
    }
}

/// Ends a process and waits until it has ended.
pub fn kill(pid: Pid) -> Check {
    act(end(pid))?;
    match end_of(pid)? {
        Exit::Killed => Ok(()),
        other => Err(format!("killed process {pid} {other}")),
    }
}

/// Waits until a process ends; how it did.
pub fn end_of(pid: Pid) -> Result<Exit, String> {
    loop {
        let record = at("watch", system::watch(Some(PATIENCE)))?;
        if record.process.pid == pid {
            return Ok(record.exit);
        }
    }
}

/// Plays a role to its end, which must be a success.
pub fn child(args: &[&str]) -> Check {
    let pid = spawn("suite", args)?;
    match end_of(pid)? {
        Exit::Code(0) => Ok(()),
        other => Err(format!("{args:?}: {other}")),
    }
}

/// Everything about a process, dead ones included.
pub fn detail(pid: Pid) -> Result<ProcessDetail, String> {
    let target = Target::pid(pid);
    match act(Action::Inspect { target })? {
        Effect::Inspected(mut list) if list.len() == 1 => Ok(list.remove(0)),
        other => Err(format!("inspect {pid}: {other:?}")),
    }
}

/// What a list shows.
pub fn list(what: ListWhat) -> Result<Effect, String> {
    act(Action::List {
        what,
        sort: None,
        limit: None,
        path: None,
    })
}

/// Where the memory is.
pub fn memory() -> Result<MemoryReport, String> {
    match list(ListWhat::Memory)? {
        Effect::Memory(report) => Ok(report),
        other => Err(format!("memory: {other:?}")),
    }
}

/// Free memory of the machine.
pub fn free() -> Result<Bytes, String> {
    memory().map(|report| report.free)
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool, String>) -> Check {
    let end = clock() + PATIENCE;
    while clock() < end {
        if holds()? {
            return Ok(());
        }
        sleep(Duration::from_millis(5));
    }
    Err(format!("{what}: not within {} s", PATIENCE.as_secs()))
}
