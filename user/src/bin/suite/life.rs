//! The life of processes: starting, ending, stopping, starting anew.

use alloc::vec;
use core::time::Duration;

use proviso_user::abi::outcome::Exit;
use proviso_user::abi::snapshot::LogLine;
use proviso_user::abi::words::{ListWhat, ShutdownMode, State};
use proviso_user::abi::{Action, Effect, INIT, Message, Pid, Reason, Target};
use proviso_user::{Error, Port, receive, sleep};

use crate::harness::{Check, ensure, same, tests};
use crate::kernel::{
    act, child, detail, end, end_of, eventually, kill, list, refused, refused_plan, spawn, start,
};

tests! {
    arguments_arrive_as_they_were_given,
    several_start_at_once,
    what_cannot_start_says_why,
    an_exit_code_is_kept,
    the_killed_leave_no_record,
    the_suspended_do_not_run_until_resumed,
    a_restart_keeps_the_number,
    the_dead_can_be_brought_back,
    init_is_protected,
    a_plan_is_done_whole_or_not_at_all,
    a_shutdown_comes_last,
    a_stranger_may_do_little,
    the_workloads_live_and_speak,
}

fn suspend(pid: Pid) -> Action {
    let (target, except) = (Target::pid(pid), None);
    Action::Suspend { target, except }
}

fn resume(pid: Pid) -> Action {
    let (target, except) = (Target::pid(pid), None);
    Action::Resume { target, except }
}

fn restart(pid: Pid) -> Action {
    let (target, except) = (Target::pid(pid), None);
    Action::Restart { target, except }
}

/// Reads all messages that are there; how many it were.
fn heard() -> usize {
    let mut buffer = [0; 256];
    let heard = || receive(&mut buffer, Some(Duration::ZERO)).is_ok();
    core::iter::repeat_with(heard)
        .take_while(|is_heard| *is_heard)
        .count()
}

fn arguments_arrive_as_they_were_given() -> Check {
    child(&["args", "one", "", "zwölf und drei"])
}

fn several_start_at_once() -> Check {
    let mut action = start("suite", &["sleep"]);
    if let Action::Spawn { count, .. } = &mut action {
        *count = Some(5);
    }
    let Effect::Spawned(started) = act(action)? else {
        return Err("nothing started".into());
    };
    same("started", started.len(), 5)?;
    started.iter().try_for_each(|one| kill(one.pid))
}

fn what_cannot_start_says_why() -> Check {
    refused(start("nonsense", &[]), Reason::NoSuchProgram)?;
    for (number, limit, reason) in [
        (Some(0), None, Reason::Malformed),
        (Some(65), None, Reason::TooMany),
        (None, Some(4096), Reason::OverQuota),
        (None, Some(1 << 40), Reason::WouldExhaustMemory),
    ] {
        let mut action = start("counter", &[]);
        if let Action::Spawn {
            count,
            memory_limit,
            ..
        } = &mut action
        {
            *count = number;
            *memory_limit = limit.map(proviso_user::abi::Bytes);
        }
        refused(action, reason)?;
    }
    same("counter", Port::open("counter"), Err(Error::NoSuchProcess))
}

fn an_exit_code_is_kept() -> Check {
    for (word, code) in [("7", 7), ("-1", -1), ("0", 0)] {
        let pid = spawn("crasher", &["exit", word])?;
        same("end", end_of(pid)?, Exit::Code(code))?;
        let record = detail(pid)?;
        same("record", record.last_exit, Some(Exit::Code(code)))?;
        same("state", record.info.state, State::Exited)?;
        same("memory", record.info.memory.0, 0)?;
    }
    Ok(())
}

fn the_killed_leave_no_record() -> Check {
    let pid = spawn("suite", &["sleep"])?;
    kill(pid)?;
    refused(end(pid), Reason::NoSuchTarget)?;
    let target = Target::pid(pid);
    refused(Action::Inspect { target }, Reason::NoSuchTarget)
}

fn the_suspended_do_not_run_until_resumed() -> Check {
    let pid = spawn("suite", &["beat"])?;
    eventually("a beat", || Ok(heard() > 0))?;
    act(suspend(pid))?;
    same("state", detail(pid)?.info.state, State::Suspended)?;
    heard();
    sleep(Duration::from_millis(50));
    same("beats while suspended", heard(), 0)?;
    refused(suspend(pid), Reason::WrongState)?;
    act(resume(pid))?;
    eventually("a beat again", || Ok(heard() > 0))?;
    refused(resume(pid), Reason::WrongState)?;
    kill(pid)?;
    heard();
    Ok(())
}

fn a_restart_keeps_the_number() -> Check {
    let pid = spawn("suite", &["sleep"])?;
    let before = detail(pid)?;
    act(restart(pid))?;
    let after = detail(pid)?;
    same("number", after.info.pid, pid)?;
    same("name", after.info.name, before.info.name)?;
    same("arguments", after.args, before.args)?;
    same("limit", after.info.limit, before.info.limit)?;
    same("restarts", after.restarts, before.restarts + 1)?;
    same("last end", after.last_exit, Some(Exit::Killed))?;
    kill(pid)
}

fn the_dead_can_be_brought_back() -> Check {
    let pid = spawn("crasher", &["null-read"])?;
    for restarts in 1..4 {
        ensure(matches!(end_of(pid)?, Exit::Crashed { .. }), "no crash")?;
        same("state", detail(pid)?.info.state, State::Crashed)?;
        act(restart(pid))?;
        same("restarts", detail(pid)?.restarts, restarts)?;
    }
    ensure(matches!(end_of(pid)?, Exit::Crashed { .. }), "no crash")?;
    // Its record can be cleared away.
    act(end(pid))?;
    refused(restart(pid), Reason::NoSuchTarget)
}

fn init_is_protected() -> Check {
    for action in [end(INIT), suspend(INIT), restart(INIT)] {
        refused(action, Reason::Protected)?;
    }
    // "Everything" does not mean init.
    let pid = spawn("suite", &["sleep"])?;
    act(Action::Kill {
        target: Target::All,
        except: None,
    })?;
    same("the other", end_of(pid)?, Exit::Killed)
}

fn a_plan_is_done_whole_or_not_at_all() -> Check {
    let actions = vec![start("counter", &[]), end(9999)];
    refused_plan(actions, Some(1), Reason::NoSuchTarget)?;
    same("counter", Port::open("counter"), Err(Error::NoSuchProcess))?;
    let Effect::Processes(all) = list(ListWhat::Processes)? else {
        return Err("no list".into());
    };
    ensure(
        all.iter().all(|one| &*one.name != "counter"),
        "a counter was there",
    )
}

fn a_shutdown_comes_last() -> Check {
    let mode = ShutdownMode::Halt;
    let actions = vec![Action::Shutdown { mode }, Action::Status {}];
    refused_plan(actions, Some(0), Reason::Malformed)
}

fn a_stranger_may_do_little() -> Check {
    let pid = spawn("suite", &["stranger", "1"])?;
    // It ends itself, if all else was as it should be.
    same("end", end_of(pid)?, Exit::Killed)
}

fn the_workloads_live_and_speak() -> Check {
    let mut pids = vec![];
    for (program, args) in [
        ("counter", &["10"][..]),
        ("echo", &[]),
        ("pinger", &["10"]),
        ("logger", &["100"]),
        ("worker", &["1", "10"]),
    ] {
        pids.push(spawn(program, args)?);
    }
    let logger = pids.get(3).copied().unwrap_or_default();
    let to_logger = Action::Send {
        to: Target::pid(logger),
        message: Message::cut("take this down"),
    };
    act(to_logger)?;
    eventually("its line in the log", || {
        let Effect::Log(lines) = list(ListWhat::Log)? else {
            return Ok(false);
        };
        let is_it = |line: &LogLine| line.pid == logger && line.text.contains("take this down");
        Ok(lines.iter().any(is_it))
    })?;
    for pid in pids {
        ensure(detail(pid)?.last_exit.is_none(), "one has ended")?;
        kill(pid)?;
    }
    Ok(())
}
