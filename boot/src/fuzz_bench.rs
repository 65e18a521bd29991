//! `./qemu.sh bench fuzz`: made-up system calls in the guest, for as long as one likes.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{
    exit::Exit,
    guest,
    image::{Console, Image},
    qemu::{Machine, MachineKind},
    session::Session,
};

/// So many calls at the least in a second, on a slow machine.
const CALLS_A_SECOND: u64 = 1000;

/// Boots with the guest's tests in the place of init, of which only the storms run,
/// and returns what they say: how many calls in how many rounds, and the seed.
///
/// # Errors
/// When something does not build, or anything but the storms themselves was harmed.
pub fn run(kind: MachineKind, calls: u64, seed: u64) -> Result<String> {
    let guest = guest::build()?;
    let folder = tempfile::Builder::new().prefix("proviso-").tempdir();
    let folder = folder.context("cannot make a temporary folder")?;
    let ramdisk = folder.path().join("ramdisk");
    Image::of(&guest)?
        .init("suite")
        .config("only", "storms")
        .config("calls", &calls.to_string())
        .config("seed", &seed.to_string())
        .console(Console::Plain)
        .agent(false)
        .write(&ramdisk)?;
    let machine = Machine::new(&guest.loader).ramdisk(&ramdisk).kind(kind);
    let mut session = Session::start(&machine)?;
    let patience = Duration::from_secs(60 + calls / CALLS_A_SECOND);
    let exit = session.wait_exit(patience)?;
    let transcript = session.transcript();
    let said = transcript.lines().find(|line| line.contains("fuzz: "));
    match (exit, said) {
        (Exit::Clean, Some(line)) => Ok(line.trim().to_owned()),
        _ => {
            let lines: Vec<&str> = transcript.lines().collect();
            let end = lines.len().saturating_sub(30);
            let tail = lines.get(end..).unwrap_or_default().join("\n");
            bail!("seed {seed} did not come to its end ({exit}):\n{tail}")
        }
    }
}
