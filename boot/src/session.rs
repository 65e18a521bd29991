//! A running machine, driven by a program: wait for text, send lines, end it.

use std::{
    error, fmt,
    io::{Read, Write},
    process::{ChildStdin, ChildStdout, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

use crate::{PROMPT, QUESTION, exit::Exit, image::Image, process::Tied, qemu::Machine};

/// How much of a line must come back: the shell cuts lines that are much longer.
const ECHO_CHARS: usize = 100;

/// A machine whose console is ours. Dropping it kills QEMU.
pub struct Session {
    qemu: Tied,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    transcript: Vec<u8>,
    copy: Option<Box<dyn Write + Send>>,
    /// How much of the transcript has been waited for already.
    seen: usize,
    command_line: String,
    /// Holds the ramdisk for as long as QEMU may read it.
    _folder: Option<TempDir>,
}

impl Session {
    /// Starts `machine` as it is.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn start(machine: &Machine) -> Result<Self> {
        let mut command = machine.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut qemu = Tied::spawn(command)
            .with_context(|| format!("cannot start {}", crate::qemu::PROGRAM))?;
        let output = qemu.child().stdout.take().map(read_in_background);
        Ok(Self {
            input: qemu.child().stdin.take(),
            output: output.context("QEMU has no standard output")?,
            qemu,
            copy: None,
            transcript: Vec::new(),
            seen: 0,
            command_line: machine.to_string(),
            _folder: None,
        })
    }

    /// Packs `image` and starts `machine` with it.
    ///
    /// # Errors
    /// When the image cannot be packed or QEMU cannot be started.
    pub fn boot(machine: &Machine, image: &Image) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let ramdisk = folder.path().join("ramdisk");
        image.write(&ramdisk)?;
        let mut session = Self::start(&machine.clone().ramdisk(&ramdisk))?;
        session._folder = Some(folder);
        Ok(session)
    }

    /// Copies the machine's output to `copy` while we wait for it.
    pub fn copy_to(&mut self, copy: impl Write + Send + 'static) {
        self.copy = Some(Box::new(copy));
    }

    /// QEMU's command line, as for a shell.
    #[must_use]
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// Everything that the machine has written and that was waited for or has arrived.
    #[must_use]
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }

    /// Sends bytes to the console as they are.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn send(&mut self, text: &str) -> Result<()> {
        let input = self
            .input
            .as_mut()
            .context("the machine's input is closed")?;
        let sent = input
            .write_all(text.as_bytes())
            .and_then(|()| input.flush());
        sent.with_context(|| format!("cannot send {text:?}: the machine has ended"))
    }

    /// Sends a line, ended as the Enter key does it.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn send_line(&mut self, line: &str) -> Result<()> {
        self.send(&format!("{line}\r"))
    }

    /// Waits until the machine has written `text`, and returns what it wrote up to
    /// and including that, since the last wait.
    ///
    /// # Errors
    /// When the time is over or the machine ended before; the message has the end of
    /// the transcript and the command line. If it ended, the error is [`Ended`].
    pub fn wait_for(&mut self, text: &str, timeout: Duration) -> Result<String> {
        self.wait_until(&format!("{text:?}"), timeout, |fresh| {
            let found = fresh
                .windows(text.len().max(1))
                .position(|window| window == text.as_bytes());
            found.map(|at| at + text.len())
        })
    }

    /// Waits for the shell's prompt at the beginning of a line, or for its
    /// question: both want the next line.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_for_prompt(&mut self, timeout: Duration) -> Result<String> {
        self.wait_until("the prompt", timeout, end_of_prompt)
    }

    /// Sends a line and waits until the shell has echoed it. Output of other processes
    /// may come at any time, with a new prompt after it; only what follows the echo is
    /// the answer.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub fn enter(&mut self, line: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        self.send_line(line)?;
        let beginning: String = line.chars().take(ECHO_CHARS).collect();
        for part in [&*beginning, "\n"] {
            let left = deadline.saturating_duration_since(Instant::now());
            self.wait_for(part, left)
                .with_context(|| format!("no echo of {line:?}"))?;
        }
        Ok(())
    }

    /// Sends a line and waits for the prompt after its answer; returns the answer.
    ///
    /// # Errors
    /// As [`wait_for`](Self::wait_for).
    pub fn ask(&mut self, line: &str, timeout: Duration) -> Result<String> {
        let deadline = Instant::now() + timeout;
        self.enter(line, timeout)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = self
            .wait_for_prompt(left)
            .with_context(|| format!("after {line:?}"))?;
        Ok(answer.strip_suffix(PROMPT).unwrap_or(&answer).to_owned())
    }

    /// Waits until the machine ends, and reads the rest of its output.
    ///
    /// # Errors
    /// When the time is over.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<Exit> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.receive(&bytes),
                // The end of the output is the end of QEMU.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.complaint(&format!("did not end within {timeout:?}")));
                }
            }
        }
        Ok(Exit::of(self.qemu.wait().context("cannot wait for QEMU")?))
    }

    /// The process id of QEMU.
    pub fn process_id(&mut self) -> u32 {
        self.qemu.child().id()
    }

    /// Ends QEMU at once.
    pub fn kill(&mut self) {
        self.qemu.kill();
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.transcript.extend(bytes);
        if let Some(copy) = &mut self.copy {
            // Whoever reads the copy may have gone; the session goes on.
            let _ = copy.write_all(bytes).and_then(|()| copy.flush());
        }
    }

    /// Waits until `find` finds the end of what is waited for in the output that has
    /// not been waited for yet.
    fn wait_until(
        &mut self,
        what: &str,
        timeout: Duration,
        find: impl Fn(&[u8]) -> Option<usize>,
    ) -> Result<String> {
        let deadline = Instant::now() + timeout;
        loop {
            let fresh = self.transcript.get(self.seen..).unwrap_or_default();
            if let Some(end) = find(fresh) {
                let text = String::from_utf8_lossy(fresh.get(..end).unwrap_or(fresh)).into_owned();
                self.seen += end;
                return Ok(text);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.receive(&bytes),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.complaint(&format!("did not write {what} within {timeout:?}")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let exit = Exit::of(self.qemu.wait().context("cannot wait for QEMU")?);
                    let message = self.complaint(&format!("ended before it wrote {what}: {exit}"));
                    return Err(Ended {
                        exit,
                        message: message.to_string(),
                    }
                    .into());
                }
            }
        }
    }

    fn complaint(&self, what: &str) -> anyhow::Error {
        let transcript = self.transcript();
        let tail_at = transcript
            .char_indices()
            .rev()
            .nth(2000)
            .map_or(0, |(at, _)| at);
        let tail = &transcript[tail_at..];
        anyhow!(
            "the machine {what}\n--- command\n{}\n--- end of its output\n{tail}\n---",
            self.command_line
        )
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("command_line", &self.command_line)
            .finish_non_exhaustive()
    }
}

/// The machine ended while something was waited for.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    message: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Ended {}

/// Where the first prompt at the beginning of a line ends in `output`.
fn end_of_prompt(output: &[u8]) -> Option<usize> {
    let ends = [PROMPT, QUESTION].map(|wanted| end_of(wanted.as_bytes(), output));
    ends.into_iter().flatten().min()
}

/// Where `wanted` at the beginning of a line ends in `output`.
fn end_of(wanted: &[u8], output: &[u8]) -> Option<usize> {
    let found = output
        .windows(wanted.len())
        .enumerate()
        .position(|(at, window)| {
            let begins_line = at.checked_sub(1).and_then(|before| output.get(before));
            window == wanted && begins_line.is_none_or(|before| matches!(before, b'\n' | b'\r'))
        });
    found.map(|at| at + wanted.len())
}

fn read_in_background(mut output: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            let bytes = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.send(bytes).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_counts_only_at_the_beginning_of_a_line() {
        assert_eq!(end_of_prompt(b"proviso> "), Some(9));
        assert_eq!(end_of_prompt(b"hello\r\nproviso> x"), Some(16));
        assert_eq!(end_of_prompt(b"type at proviso> to begin"), None);
        assert_eq!(end_of_prompt(b"proviso>"), None);
        assert_eq!(end_of_prompt(b"end hog 3\ngo ahead? [y/N] "), Some(26));
        assert_eq!(end_of_prompt(b""), None);
    }
}
