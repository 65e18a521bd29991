//! Who gets the processor.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::{Effect, IntentEvent, Pid, Priority, State};
use proviso_user::{receive, sleep};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{ask, detail, eventually, kill, start_at};

tests! {
    the_more_urgent_runs_first,
    equals_share_equally,
    nobody_keeps_init_from_running,
}

/// Starts one process at each level, in this order.
fn start_all(roles: &[(Priority, &[&str])]) -> Result<Vec<Pid>, String> {
    let actions = roles
        .iter()
        .map(|(level, args)| start_at(*level, "suite", args));
    match ask(actions.collect())? {
        IntentEvent::Done { effects, .. } => Ok(effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Spawned(list) => list.first().map(|one| one.pid),
                _ => None,
            })
            .collect()),
        other => Err(alloc::format!("{other:?}")),
    }
}

fn the_more_urgent_runs_first() -> Check {
    let pids = start_all(&[
        (Priority::Idle, &["race", "idle"]),
        (Priority::Low, &["race", "low"]),
        (Priority::High, &["race", "high"]),
        (Priority::Normal, &["race", "normal"]),
    ])?;
    let mut buffer = [0; 256];
    for name in ["high", "normal", "low", "idle"] {
        let (_, message) = at(
            "receive",
            receive(&mut buffer, Some(Duration::from_secs(20))),
        )?;
        same("at the goal", message, name.as_bytes())?;
    }
    pids.iter()
        .try_for_each(|pid| eventually("its end", || Ok(detail(*pid)?.info.state == State::Exited)))
}

fn equals_share_equally() -> Check {
    let spin = (Priority::Low, &["spin"][..]);
    let pids = start_all(&[spin, spin, spin])?;
    // Judged by shares, and more than once: a busy host makes single turns long.
    let shared = eventually("equal shares", || {
        sleep(Duration::from_millis(200));
        let mut times = Vec::new();
        for pid in &pids {
            times.push(detail(*pid)?.cpu_time_ns);
        }
        let (least, most) = (times.iter().min(), times.iter().max());
        let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
        Ok(least > 50_000_000 && most - least <= most / 5)
    });
    for pid in pids {
        kill(pid)?;
    }
    shared
}

fn nobody_keeps_init_from_running() -> Check {
    let spin = (Priority::Normal, &["spin"][..]);
    let pids = start_all(&[spin, spin, spin, spin])?;
    let begin = proviso_user::clock();
    for _ in 0..10 {
        sleep(Duration::from_millis(1));
    }
    let waited = proviso_user::clock() - begin;
    for pid in pids {
        kill(pid)?;
    }
    ensure(waited < Duration::from_secs(2), "init waited too long")
}
