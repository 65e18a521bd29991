//! Lines from a file instead of a person: each once the prompt is back.

use std::{
    fs,
    io::{self, Read},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    exit::Exit,
    launch::{AGENT_TIMEOUT, Prepared},
    process,
    session::{Ended, Session},
};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From starting QEMU to the first prompt.
    pub boot: Duration,
    /// From a line to the next prompt.
    pub line: Duration,
    /// The whole script.
    pub all: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(60),
            line: Duration::from_secs(180),
            all: Duration::from_secs(3600),
        }
    }
}

/// Reads a script from a file, or from standard input for `-`.
///
/// # Errors
/// When it cannot be read or has no lines.
pub fn read(path: &Path) -> Result<Vec<String>> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the script")?;
        text
    } else {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    let lines = split(&text);
    if lines.is_empty() {
        bail!("{}: the script has no lines", path.display());
    }
    if let Some(line) = lines.iter().find(|line| line.contains(char::is_control)) {
        bail!(
            "{}: a control character in {line:?}, which is a key and not text",
            path.display()
        );
    }
    Ok(lines)
}

/// The lines to type: without empty ones and comments (`#`).
fn split(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Runs the machine and types `lines`; the transcript goes to standard output.
///
/// # Errors
/// When the machine cannot be started, does not answer a line in time, ends before the
/// last line, or does not end cleanly after it.
pub fn run(prepared: &Prepared, lines: &[String], limits: Limits) -> Result<()> {
    process::kill_on_signals()?;
    let mut agent = prepared.start_agent()?;
    if let Some(agent) = &mut agent {
        // What is sent to an agent that is not there yet is lost; a script cannot
        // try again as a person would.
        agent.wait_ready(AGENT_TIMEOUT)?;
    }
    let deadline = Instant::now() + limits.all;
    let mut lines = lines.iter();
    loop {
        let mut session = Session::start(&prepared.machine())?;
        eprintln!("{}\n{}", prepared.summary(), session.command_line());
        session.copy_to(io::stdout());
        let exit = drive(&mut session, &mut lines, limits, deadline);
        process::check_signal()?;
        match exit? {
            Exit::Reboot => eprintln!("Starting the machine again"),
            Exit::Clean if lines.len() == 0 => return Ok(()),
            Exit::Clean => bail!("the machine shut down with {} lines left", lines.len()),
            Exit::Quit if prepared.has_reset() => bail!("the machine crashed (triple fault)"),
            other => bail!("{other}"),
        }
    }
}

/// Types lines until the machine ends.
fn drive<'a>(
    session: &mut Session,
    lines: &mut impl Iterator<Item = &'a String>,
    limits: Limits,
    deadline: Instant,
) -> Result<Exit> {
    let within = |limit: Duration| {
        deadline
            .saturating_duration_since(Instant::now())
            .min(limit)
    };
    let mut answer = session.wait_for_prompt(within(limits.boot)).map(drop);
    loop {
        if let Err(error) = answer {
            return match error.downcast_ref::<Ended>() {
                Some(ended) => Ok(ended.exit),
                None => Err(error),
            };
        }
        let Some(line) = lines.next() else {
            bail!("the script ended, but the machine runs on: its last line must be /shutdown");
        };
        answer = session.ask(line, within(limits.line)).map(drop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_split_into_the_lines_to_type() {
        let text = "/ps\n\n# a comment\n  start two counters  \r\n/shutdown";
        assert_eq!(split(text), ["/ps", "start two counters", "/shutdown"]);
        assert!(split("\n# nothing\n").is_empty());
    }

    #[test]
    fn a_script_that_is_missing_or_empty_is_refused() {
        assert!(read(Path::new("/no/such/script")).is_err());
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(
            read(empty.path())
                .unwrap_err()
                .to_string()
                .contains("no lines")
        );
    }
}
