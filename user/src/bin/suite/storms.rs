//! System calls made up from the table, by many processes at once that end up
//! calling each other. Whatever they do, nobody else is harmed and nothing is lost.

use alloc::format;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use proviso_user::abi::trace::TraceKind;
use proviso_user::abi::{Bytes, INIT, Pid};
use proviso_user::{Args, Error, println, receive, system};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{ask, detail, end, free, memory, spawn};

tests! {
    storms_of_made_up_system_calls_harm_nobody_else,
}

/// Storms at once.
const STORMS: u64 = 8;
/// How many calls each makes, if it lives and does not wait for ever.
const CALLS_OF_EACH: u64 = 2000;
/// Whoever has not ended while nobody did for so long waits for ever.
const PATIENCE: Duration = Duration::from_millis(200);
/// What the record of what happened may grow by, in the kernel's heap.
const RECORDS: u64 = 512 << 10;

/// How many calls are to be made.
static CALLS: AtomicU64 = AtomicU64::new(30_000);
static SEED: AtomicU64 = AtomicU64::new(1);

/// Takes `calls=COUNT` and `seed=NUMBER`, for longer runs.
pub fn configure(args: Args) {
    let number = |key| args.value(key)?.parse().ok();
    if let Some(calls) = number("calls") {
        CALLS.store(calls, Ordering::Relaxed);
    }
    if let Some(seed) = number("seed") {
        SEED.store(seed, Ordering::Relaxed);
    }
}

/// System calls of everybody, ever.
fn calls() -> Result<u64, alloc::string::String> {
    let counters = at("counters", system::counters())?;
    Ok(counters.of(TraceKind::Call).count)
}

fn storms_of_made_up_system_calls_harm_nobody_else() -> Check {
    let (wanted, seed) = (CALLS.load(Ordering::Relaxed), SEED.load(Ordering::Relaxed));
    // The first round shows what our own asking takes.
    round(seed.wrapping_sub(1))?;
    free()?;
    let (before, restarts) = (memory()?, detail(INIT)?.restarts);
    let begin = calls()?;
    let mut rounds = 0;
    while calls()? - begin < wanted {
        rounds += 1;
        round(seed.wrapping_add(rounds * STORMS))?;
        let report = memory()?;
        let parts = [report.kernel, report.processes, report.reserve, report.free];
        let sum = Bytes(parts.iter().map(|part| part.0).sum());
        let whole = sum == report.total && report.free == before.free;
        ensure(
            whole,
            &format!("seed {seed}, round {rounds}: before {before:?}, then {report:?}"),
        )?;
    }
    let after = memory()?;
    ensure(
        after.kernel_heap_used.0 < before.kernel_heap_used.0 + RECORDS,
        &format!("seed {seed}: the kernel's heap went from {before:?} to {after:?}"),
    )?;
    same("restarts of init", detail(INIT)?.restarts, restarts)?;
    println!(
        "fuzz: {} system calls in {rounds} rounds, seed {seed}",
        calls()? - begin
    );
    Ok(())
}

/// Some storms at once, each with its own way of being wrong, to their ends.
fn round(seed: u64) -> Check {
    let mut living: Vec<Pid> = Vec::new();
    for number in 0..STORMS {
        let (seed, calls) = (
            format!("{}", seed.wrapping_add(number)),
            format!("{CALLS_OF_EACH}"),
        );
        living.push(spawn("suite", &["storm", &seed, &calls])?);
    }
    while !living.is_empty() {
        match system::watch(Some(PATIENCE)) {
            Ok(record) => living.retain(|pid| *pid != record.process.pid),
            Err(Error::TimedOut) => break,
            Err(error) => return Err(format!("watch: {error:?}")),
        }
    }
    for pid in living {
        // It may have ended just now, and its record may be gone.
        let _ = ask(alloc::vec![end(pid)])?;
    }
    while system::watch(Some(Duration::ZERO)).is_ok() {}
    while receive(&mut [0; 256], Some(Duration::ZERO)).is_ok() {}
    Ok(())
}
