//! `./qemu.sh test`: the whole test suite, and how many tests that was.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{paths, process, setup::cargo_config};

/// What the lines `test result:` add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were left out.
    pub ignored: u64,
}

impl Tally {
    /// Adds a line of cargo's output, if it is the summary of a test binary:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    pub fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        let mut previous = "";
        for word in counts.split([' ', ';']).filter(|word| !word.is_empty()) {
            let count = || previous.parse::<u64>().unwrap_or_default();
            match word {
                "passed" => self.passed += count(),
                "failed" => self.failed += count(),
                "ignored" => self.ignored += count(),
                _ => (),
            }
            previous = word;
        }
    }
}

/// Has the property test over sequences of plans make so many.
///
/// # Errors
/// When a property does not hold.
pub fn plans(count: u32) -> Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--package", "proviso-kernel-core", "--lib"])
        .args(["sequences", "--", "--nocapture"])
        .env("PROVISO_PLANS", count.to_string());
    let status = command.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("a property does not hold; the plans that show it are above");
    }
    Ok(())
}

/// Cargo at the root, as if nobody had set anything.
fn cargo() -> Command {
    let mut command = process::command("cargo");
    command
        .current_dir(paths::root())
        .env("CARGO_TARGET_DIR", paths::target());
    for variable in cargo_config::VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// Runs `cargo test --workspace` with further `arguments`, passing its output on.
///
/// # Errors
/// When a test fails or none ran.
pub fn run(arguments: &[String]) -> Result<Tally> {
    let mut command = cargo();
    let mut cargo = command
        .args(["test", "--workspace"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let mut tally = Tally::default();
    let output = cargo
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut stdout = std::io::stdout();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cannot read what cargo prints")?;
        let text = String::from_utf8_lossy(&line);
        tally.add(&text);
        writeln!(stdout, "{text}").context("cannot write to standard output")?;
    }
    let status = cargo.wait().context("cannot wait for cargo")?;
    let Tally {
        passed,
        failed,
        ignored,
    } = tally;
    println!(
        "{} tests ran: {passed} passed, {failed} failed; {ignored} ignored",
        passed + failed
    );
    if !status.success() {
        bail!("cargo test failed ({status})");
    }
    if passed == 0 {
        bail!("no test ran");
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 5 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test failed ... ok",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out",
            "7 passed",
        ] {
            tally.add(line);
        }
        assert_eq!(
            tally,
            Tally {
                passed: 4,
                failed: 2,
                ignored: 1
            }
        );
    }
}
