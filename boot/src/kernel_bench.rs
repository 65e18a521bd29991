//! `./qemu.sh bench kernel`: what the kernel's operations cost, in instructions.

use std::{fmt::Write, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{
    exit::Exit,
    guest,
    image::{Console, Image},
    qemu::{Machine, MachineKind},
    session::Session,
};

/// Longer than any run takes.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What is measured, how others do (seL4 16 and Linux 6.1 on the same machine),
/// and what this kernel is to stay below.
const ROWS: &[(&str, &str, &str, &str, Option<u64>)] = &[
    (
        "call_reply",
        "call + reply between address spaces",
        "406",
        "13,044",
        Some(350),
    ),
    (
        "call_reply_cr3_writes",
        "  CR3 writes of it",
        "2",
        "",
        Some(2),
    ),
    ("call_reply_ns", "  wall time of it, in ns", "", "", None),
    (
        "null_call",
        "null system call (clock)",
        "89",
        "228",
        Some(60),
    ),
    (
        "refused_call",
        "a call refused for its handle",
        "",
        "",
        None,
    ),
    ("map_page", "map one zeroed page", "734", "", Some(600)),
    (
        "protect_page",
        "protect one mapped page",
        "734",
        "",
        Some(600),
    ),
    (
        "page_fault",
        "anonymous page fault",
        "",
        "6,918",
        Some(1500),
    ),
    (
        "fault_resume",
        "fault, handled in user space, resume",
        "1,303",
        "",
        Some(1000),
    ),
    (
        "spawn_to_exit",
        "spawn to exit, waited for",
        "",
        "337,600",
        Some(60_000),
    ),
    (
        "admit_each",
        "judge a plan of 8 actions, 64 processes",
        "",
        "",
        Some(20_000),
    ),
    (
        "admit_view",
        "  the picture of the system for it",
        "",
        "",
        None,
    ),
    (
        "admit_all",
        "  judged if each means all processes",
        "",
        "",
        None,
    ),
    (
        "boot_to_init",
        "reset to init's main",
        "224 M",
        "1,520 M",
        Some(10_000_000),
    ),
];

/// Boots with `bench` in the place of init, and returns the table: once with one
/// clock tick an instruction, and once as it is, for the rows that are wall time.
///
/// # Errors
/// When something does not build, or a run does not come to its end.
pub fn run(kind: MachineKind) -> Result<String> {
    let guest = guest::build()?;
    let folder = tempfile::Builder::new().prefix("proviso-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    let ramdisk = folder.path().join("ramdisk");
    Image::of(&guest)?
        .init("bench")
        .console(Console::Plain)
        .agent(false)
        .write(&ramdisk)?;
    let machine = Machine::new(&guest.loader).ramdisk(&ramdisk).kind(kind);
    let timed = transcript(&machine)?;
    table(&transcript(&machine.instruction_count(true))?, &timed)
}

/// What a run prints.
fn transcript(machine: &Machine) -> Result<String> {
    let mut session = Session::start(machine)?;
    let exit = session.wait_exit(TIMEOUT)?;
    let transcript = session.transcript();
    if exit != Exit::Clean {
        bail!("the measurement did not come to its end ({exit}):\n{transcript}");
    }
    Ok(transcript)
}

/// The lines `figure NAME = COUNT` of a run.
fn figures(transcript: &str) -> Vec<(&str, u64)> {
    transcript
        .lines()
        .filter_map(|line| line.split_once("figure ")?.1.trim_end().split_once(" = "))
        .filter_map(|(name, count)| Some((name, count.parse().ok()?)))
        .collect()
}

/// The table, out of two runs: what was counted, what was timed.
fn table(counted: &str, timed: &str) -> Result<String> {
    let mut table = format!(
        "{:38} {:>10} {:>10} {:>12} {:>12}\n",
        "guest instructions", "seL4 16", "Linux 6.1", "bound", "Proviso"
    );
    for (name, what, sel4, linux, bound) in ROWS {
        let transcript = if name.ends_with("_ns") {
            timed
        } else {
            counted
        };
        let (_, count) = figures(transcript)
            .into_iter()
            .find(|(own, _)| own == name)
            .with_context(|| format!("the run printed no figure {name}:\n{transcript}"))?;
        let limit = bound.map_or_else(String::new, |bound| bound.to_string());
        let verdict = match bound {
            Some(bound) if count > *bound => "  over",
            _ => "",
        };
        writeln!(
            table,
            "{what:38} {sel4:>10} {linux:>10} {limit:>12} {count:>12}{verdict}"
        )?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_its_row_and_none_may_be_missing() {
        let mut lines: Vec<String> = ROWS
            .iter()
            .map(|(name, ..)| format!("[bench 1] figure {name} = 61"))
            .collect();
        let both = lines.join("\n");
        let made = table(&both, &both).unwrap();
        assert_eq!(made.lines().count(), ROWS.len() + 1);
        let null = made.lines().find(|line| line.starts_with("null")).unwrap();
        assert!(null.ends_with("61  over"), "{null}");
        lines.pop();
        assert!(table(&lines.join("\n"), &both).is_err());
    }
}
