//! As many processes as the memory is there for, and the smallest machine that
//! one would give anybody.

use anyhow::Result;
use proviso_boot::qemu::MemorySize;
use proviso_tests::console::{Console, hardware, image};

scenarios! {
    a_thousand_processes_run_at_once_in_512_mebibytes,
    a_machine_of_16_mebibytes_does_its_work,
}

fn boot(mib: u64) -> Result<Console> {
    let machine = hardware()?.memory(MemorySize::mib(mib));
    Console::boot_with(&machine, &image()?)
}

/// The line of `/mem` with this name.
fn memory(console: &mut Console, name: &str) -> Result<String> {
    let answer = console.expect("/mem", &[name])?;
    let mut lines = answer.lines();
    let line = lines.find(|line| line.trim_start().starts_with(name));
    Ok(line.unwrap_or_default().into())
}

fn a_thousand_processes_run_at_once_in_512_mebibytes() -> Result<()> {
    let mut console = boot(512)?;
    let before = memory(&mut console, "processes")?;
    // Each wants more of the processor than there is for it.
    for _ in 0..20 {
        console.expect("/spawn worker x50 5 500", &["started worker"])?;
    }
    console.expect("/status", &["1002 alive, 0 crashed"])?;
    // The first and the last of them have run, and so has one in between.
    for pid in [3, 500, 1002] {
        console.ask_until(&format!("/inspect {pid}"), |answer| {
            answer.contains("worker ") && !answer.contains(", 0 us in all")
        })?;
    }
    for policy in ["fair", "round_robin", "adaptive"] {
        console.expect(&format!("/scheduler {policy}"), &["the scheduler is"])?;
        console.still_answers()?;
    }
    console.expect("/kill worker", &["killed worker 3"])?;
    console.expect("/status", &["2 alive, 0 crashed"])?;
    let after = memory(&mut console, "processes")?;
    console.ensure(before == after, "all memory came back")?;
    console.shut_down()
}

fn a_machine_of_16_mebibytes_does_its_work() -> Result<()> {
    let mut console = boot(16)?;
    for workload in ["counter 100", "echo", "pinger 100", "worker 5 50", "logger"] {
        console.spawn(workload)?;
    }
    console.eventually("[logger ")?;
    let living = console.processes()?;
    console.ensure(living.len() == 7, "all of them live")?;
    console.expect("/kill *,-shell", &["killed counter"])?;
    console.shut_down()
}
