//! Memory: what a process holds, gets, is refused, and leaves behind.

use proviso_user::abi::outcome::Exit;
use proviso_user::abi::{Bytes, INIT};
use proviso_user::{Error, claim, grow};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{child, detail, end_of, eventually, free, kill, memory, spawn};

tests! {
    growth_is_counted_to_the_page,
    too_much_is_an_error,
    a_process_lives_on_without_memory,
    allocating_without_asking_ends_in_a_panic,
    new_memory_is_zero,
    all_memory_is_accounted_for,
    a_hog_stays_within_its_limit,
    a_killed_process_gives_all_its_memory_back,
}

const PAGE: u64 = 4096;

fn held() -> Result<u64, alloc::string::String> {
    detail(INIT).map(|detail| detail.info.memory.0)
}

fn growth_is_counted_to_the_page() -> Check {
    // Asking takes memory itself, the first time.
    held()?;
    let before = held()?;
    at("grow", grow(3 * PAGE + 1))?;
    let grown = (held()? - before) / PAGE;
    // A fifth if the heap has just come to need another page table.
    ensure(
        grown == 4 || grown == 5,
        &alloc::format!("four pages are counted as {grown}"),
    )
}

fn too_much_is_an_error() -> Check {
    let before = held()?;
    for bytes in [1 << 30, 1 << 40, u64::MAX - PAGE, u64::MAX] {
        same("grow", grow(bytes), Err(Error::NoMemory))?;
    }
    same("held", held()?, before)?;
    same("grow by nothing", grow(0), Err(Error::Invalid))?;
    // For a program that has a heap, new memory is the heap's.
    same("claim", claim(4096).err(), Some(Error::Invalid))
}

fn a_process_lives_on_without_memory() -> Check {
    child(&["exhaust"])
}

fn allocating_without_asking_ends_in_a_panic() -> Check {
    let pid = spawn("suite", &["overeat"])?;
    same("end", end_of(pid)?, Exit::Code(101))
}

fn new_memory_is_zero() -> Check {
    // What the first leaves behind the second may get.
    for _ in 0..3 {
        child(&["dirty"])?;
        child(&["clean"])?;
    }
    Ok(())
}

fn all_memory_is_accounted_for() -> Check {
    let report = memory()?;
    let parts = [report.kernel, report.processes, report.reserve, report.free];
    let sum = parts.iter().map(|part| part.0).sum();
    same(
        "kernel, processes, reserve and free",
        Bytes(sum),
        report.total,
    )?;
    ensure(report.reserve.0 >= 1 << 20, "the reserve is too small")?;
    ensure(
        report.kernel_heap_used < report.kernel_heap,
        "the kernel's heap is full",
    )
}

fn a_hog_stays_within_its_limit() -> Check {
    let pid = spawn("hog", &["fast"])?;
    eventually("full", || {
        let info = detail(pid)?.info;
        ensure(info.memory <= info.limit, "over its limit")?;
        Ok(info.memory.0 + 8 * PAGE > info.limit.0)
    })?;
    kill(pid)
}

fn a_killed_process_gives_all_its_memory_back() -> Check {
    // What init holds itself must not change between the two looks.
    free()?;
    let before = (free()?, held()?);
    for _ in 0..5 {
        let pid = spawn("hog", &["fast"])?;
        eventually("growth", || Ok(detail(pid)?.info.memory.0 > 1 << 20))?;
        kill(pid)?;
    }
    same("free and held", (free()?, held()?), before)
}
