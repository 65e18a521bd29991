//! The agent: a process on the host that plans, reached over a socket.

use std::{
    fs::{self, File},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{guest::Executables, paths, process, setup::cargo_config, toolchain};

/// The agent's package and binary.
const NAME: &str = "llm-agent";

/// Time between two looks at whether the agent is ready.
const POLL: Duration = Duration::from_millis(20);

/// Builds the agent; returns its path.
///
/// # Errors
/// When it does not compile (cargo's messages go to standard error).
pub fn build() -> Result<PathBuf> {
    let mut command = process::command("cargo");
    command
        .current_dir(paths::root())
        .args(["build", "--quiet", "--package", NAME]);
    command.args(["--bin", NAME, "--message-format=json-render-diagnostics"]);
    command.env("CARGO_TARGET_DIR", paths::target());
    // Cargo sets what its configuration says for us too. It may have changed since.
    for variable in cargo_config::VARIABLES {
        command.env_remove(variable);
    }
    Executables::of(&toolchain::run(command, "the agent")?)?.take(NAME)
}

/// A running agent. Dropping it ends it.
#[derive(Debug)]
pub struct Agent {
    process: process::Tied,
    socket: PathBuf,
    log: PathBuf,
}

impl Agent {
    /// Starts `binary` with the model at `model`, listening at `socket`, its messages
    /// going to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(binary: &Path, model: &Path, socket: &Path, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let messages =
            File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = process::command(binary);
        command
            .arg("serve")
            .arg("--listen")
            .arg(socket)
            .arg("--model")
            .arg(model)
            .arg("--state")
            .arg(paths::state());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(messages);
        // Ctrl-C is for us; it must not take the agent away from under a running machine.
        command.process_group(0);
        let process = process::Tied::spawn(command)
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self {
            process,
            socket: socket.to_owned(),
            log: log.to_owned(),
        })
    }

    /// Waits until the agent takes connections.
    ///
    /// # Errors
    /// When it ends before, or the time is over.
    pub fn wait_ready(&mut self, timeout: Duration) -> Result<()> {
        let start = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            process::check_signal()?;
            if let Some(status) = self
                .process
                .child()
                .try_wait()
                .context("cannot watch the agent")?
            {
                bail!(
                    "the agent ended at once ({status}): {}",
                    self.last_message()
                );
            }
            if start.elapsed() > timeout {
                bail!(
                    "the agent was not ready within {timeout:?}: {}",
                    self.last_message()
                );
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// The last line of the agent's log and where to find the others.
    fn last_message(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log
            .trim_end()
            .lines()
            .next_back()
            .unwrap_or("it said nothing");
        format!("{last} (see {})", self.log.display())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// A stand-in for the agent: a shell script.
    fn fake_agent(folder: &Path, script: &str) -> Agent {
        let binary = folder.join("fake-agent");
        fs::write(&binary, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
        let (socket, log) = (folder.join("socket"), folder.join("log"));
        Agent::start(&binary, Path::new("/model"), &socket, &log).unwrap()
    }

    #[test]
    fn an_agent_that_ends_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = fake_agent(folder.path(), "echo \"no model at $5\" >&2; exit 3");
        let error = agent.wait_ready(TIMEOUT).unwrap_err().to_string();
        assert!(
            error.contains("no model at /model") && error.contains("status: 3"),
            "{error}"
        );
    }

    #[test]
    fn an_agent_that_is_not_ready_in_time_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = fake_agent(folder.path(), "exec sleep 1000");
        let error = agent
            .wait_ready(Duration::from_millis(100))
            .unwrap_err()
            .to_string();
        assert!(error.contains("not ready within 100ms"), "{error}");
    }

    #[test]
    fn an_agent_is_ready_when_its_socket_answers() {
        let folder = tempfile::tempdir().unwrap();
        let mut agent = fake_agent(folder.path(), "exec sleep 1000");
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket"));
        agent.wait_ready(TIMEOUT).unwrap();
    }
}
