//! Programs of the host, run with a time limit.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code; nothing if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// An error with everything the program said.
    #[must_use]
    pub fn complaint(&self, what: &str) -> anyhow::Error {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        anyhow::anyhow!(
            "{what}: exit code {code:?}\n--- standard output\n{stdout}\n--- standard error\n{stderr}\n---"
        )
    }

    /// Checks the exit code, and that standard output has these parts.
    ///
    /// # Errors
    /// With everything the program said.
    pub fn expect(&self, code: i32, parts: &[&str]) -> Result<()> {
        if self.code != Some(code) {
            bail!(self.complaint(&format!("the exit code should have been {code}")));
        }
        for part in parts {
            if !self.stdout.contains(part) {
                bail!(self.complaint(&format!("{part:?} is missing")));
            }
        }
        Ok(())
    }
}

/// Runs a program with this standard input to its end.
///
/// # Errors
/// When it cannot be started or does not end in time; then it is killed.
pub fn run(mut command: Command, input: &str, limit: Duration) -> Result<Ended> {
    eprintln!("{command:?}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own, so that what it starts can be ended with it.
    command.process_group(0);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is free to do so.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let code = wait(&mut child, limit);
    let text = |reader: JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
    };
    let ended = Ended {
        code: code.flatten(),
        stdout: text(stdout),
        stderr: text(stderr),
    };
    match code {
        Some(_) => Ok(ended),
        None => Err(ended.complaint(&format!("{command:?} did not end within {limit:?}"))),
    }
}

/// The exit code; nothing if it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> Option<Option<i32>> {
    let begin = Instant::now();
    while begin.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status.code());
        }
        thread::sleep(Duration::from_millis(10));
    }
    kill_group(child);
    None
}

/// Kills a process that leads a group, with everything in the group.
fn kill_group(child: &mut Child) {
    let group = format!("-{}", child.id());
    // An error means that it has ended already.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    let _ = child.wait();
}

fn collect<T: Read + Send + 'static>(source: Option<T>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // What came before an error is still worth showing.
            let _ = source.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn input_output_and_code_pass_through() {
        let ended = run(
            shell("cat; echo err >&2; exit 3"),
            "in",
            Duration::from_secs(20),
        )
        .unwrap();
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(3), "in", "err\n")
        );
        assert!(ended.expect(3, &["in"]).is_ok());
        assert!(ended.expect(0, &[]).is_err() && ended.expect(3, &["out"]).is_err());
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let error = run(
            shell("echo so far; sleep 1000; true"),
            "",
            Duration::from_millis(200),
        );
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("did not end") && text.contains("so far"),
            "{text}"
        );
    }
}
