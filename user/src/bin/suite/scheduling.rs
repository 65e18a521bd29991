//! Who gets the processor.

use alloc::vec;
use core::time::Duration;

use proviso_user::abi::{Effect, IntentEvent, Pid, Priority};
use proviso_user::{receive, sleep};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{ask, detail, end_of, kill, start_at};

tests! {
    the_more_urgent_runs_first,
    equals_share_equally,
    nobody_keeps_init_from_running,
}

/// Starts one process at each level, in this order.
fn start_all(roles: &[(Priority, &[&str])]) -> Result<vec::Vec<Pid>, alloc::string::String> {
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
    for pid in pids {
        end_of(pid)?;
    }
    Ok(())
}

fn equals_share_equally() -> Check {
    let spin = (Priority::Low, &["spin"][..]);
    let pids = start_all(&[spin, spin, spin])?;
    sleep(Duration::from_millis(600));
    let mut times = vec![];
    for pid in &pids {
        times.push(detail(*pid)?.cpu_time_ns);
    }
    for pid in pids {
        kill(pid)?;
    }
    let (least, most) = (times.iter().min(), times.iter().max());
    let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
    // A turn or two of difference is in the nature of turns.
    ensure(
        least > 0 && most - least <= 50_000_000,
        "one got much more than another",
    )
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
