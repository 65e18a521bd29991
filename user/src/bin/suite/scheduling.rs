//! Who gets the processor.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::words::Policy;
use proviso_user::abi::{
    Action, Effect, INIT, IntentEvent, Percent, Pid, Priority, Reason, State, Target,
};
use proviso_user::{receive, sleep};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{act, ask, detail, eventually, kill, refused, spawn, start_at};

tests! {
    the_more_urgent_runs_first,
    equals_share_equally_whatever_the_policy,
    under_fair_shares_are_weighted_by_priority,
    a_cap_is_kept_and_lifted,
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

fn set_policy(policy: Policy) -> Check {
    let quantum_ms = Some(10);
    act(Action::SetScheduler { policy, quantum_ms }).map(drop)
}

/// Lets processes compute until their times are right. Judged by shares, and more
/// than once: a busy host makes single turns long.
fn compute(what: &str, levels: &[Priority], is_right: fn(&[u64]) -> bool) -> Check {
    let spins: Vec<_> = levels.iter().map(|one| (*one, &["spin"][..])).collect();
    let pids = start_all(&spins)?;
    let shared = eventually(what, || {
        sleep(Duration::from_millis(200));
        let mut times = Vec::new();
        for pid in &pids {
            times.push(detail(*pid)?.cpu_time_ns);
        }
        Ok(is_right(&times))
    });
    for pid in pids {
        kill(pid)?;
    }
    shared
}

fn equals_share_equally_whatever_the_policy() -> Check {
    for policy in Policy::ALL {
        set_policy(*policy)?;
        compute("equal shares", &[Priority::Low; 3], |times| {
            let (least, most) = (times.iter().min(), times.iter().max());
            let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
            least > 50_000_000 && most - least <= most / 5
        })?;
    }
    set_policy(Policy::Priority)
}

fn under_fair_shares_are_weighted_by_priority() -> Check {
    set_policy(Policy::Fair)?;
    let levels = [Priority::Low, Priority::Normal];
    compute("one to four", &levels, |times| match times {
        [low, normal] => *low > 50_000_000 && (3 * low..5 * low).contains(normal),
        _ => false,
    })?;
    set_policy(Policy::Priority)
}

fn a_cap_is_kept_and_lifted() -> Check {
    let pid = spawn("suite", &["spin"])?;
    let cap = |percent| match Percent::new(percent) {
        Some(percent) => act(Action::SetCpuLimit {
            target: Target::pid(pid),
            percent,
            except: None,
        })
        .map(drop),
        None => Err("no percentage".into()),
    };
    cap(10)?;
    // The share is that of the last second.
    eventually("a tenth", || {
        sleep(Duration::from_millis(200));
        Ok((5..=15).contains(&detail(pid)?.info.cpu))
    })?;
    same("the cap", detail(pid)?.cpu_limit, Percent::new(10))?;
    cap(100)?;
    eventually("all of it", || {
        sleep(Duration::from_millis(200));
        Ok(detail(pid)?.info.cpu > 50)
    })?;
    refused(
        Action::SetCpuLimit {
            target: Target::pid(INIT),
            percent: Percent::new(50).ok_or("no percentage")?,
            except: None,
        },
        Reason::Protected,
    )?;
    kill(pid)
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
