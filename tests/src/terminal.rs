//! A program at a terminal: a pseudo-terminal made by `script` of util-linux.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::PATIENCE;

/// A shell command that believes to be at a terminal. Dropping it kills it.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: Receiver<Vec<u8>>,
    shown: Vec<u8>,
}

impl Terminal {
    /// Runs a shell command in a folder.
    ///
    /// # Errors
    /// When there is no `script` to be started.
    pub fn run(shell_command: &str, folder: &Path) -> Result<Self> {
        let mut command = Command::new("script");
        command.args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            shell_command,
            "/dev/null",
        ]);
        command.current_dir(folder).process_group(0);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command
            .spawn()
            .context("cannot start script (Debian: bsdutils)")?;
        let (sender, screen) = mpsc::channel();
        let mut output = child.stdout.take().context("no output")?;
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if sender.send(bytes).is_err() {
                    break;
                }
            }
        });
        let keyboard = child.stdin.take();
        Ok(Self {
            child,
            keyboard,
            screen,
            shown: Vec::new(),
        })
    }

    /// Everything on the screen so far.
    #[must_use]
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Types.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        let keyboard = self.keyboard.as_mut().context("the keyboard is gone")?;
        keyboard
            .write_all(keys.as_bytes())
            .and_then(|()| keyboard.flush())
            .context("cannot type")
    }

    /// Waits until a text stands on the screen.
    ///
    /// # Errors
    /// When it does not come within `limit`, or the program ended.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<()> {
        let begin = Instant::now();
        while !self.shown().contains(text) {
            match self
                .screen
                .recv_timeout(limit.saturating_sub(begin.elapsed()))
            {
                Ok(bytes) => self.shown.extend(bytes),
                Err(why) => bail!(
                    "{text:?} did not come ({why}); the screen:\n{}",
                    self.shown()
                ),
            }
        }
        Ok(())
    }

    /// Waits until the command ends; its exit code.
    ///
    /// # Errors
    /// When it does not end.
    pub fn wait_exit(&mut self) -> Result<Option<i32>> {
        let begin = Instant::now();
        while let Ok(bytes) = self
            .screen
            .recv_timeout(PATIENCE.saturating_sub(begin.elapsed()))
        {
            self.shown.extend(bytes);
        }
        while begin.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().context("cannot wait")? {
                return Ok(status.code());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("it did not end; the screen:\n{}", self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Without a keyboard `script` ends what it runs; the rest is for the case
        // that it does not. Errors mean that it has ended already.
        drop(self.keyboard.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command lines of running processes that have this text in them. A process that
/// is just being started may still stand there without one.
#[must_use]
pub fn running(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_at_a_terminal_and_can_be_typed_at() {
        let mut terminal = Terminal::run(
            "test -t 0 && read line && echo got $line; exit 7",
            Path::new("/"),
        )
        .unwrap();
        terminal.press("hello\r").unwrap();
        terminal.wait_for("got hello", PATIENCE).unwrap();
        assert_eq!(terminal.wait_exit().unwrap(), Some(7));
    }

    #[test]
    fn running_processes_are_found_by_their_words() {
        let mut sleeper = Command::new("sleep").arg("1234.5678").spawn().unwrap();
        // The kernel lets the parent go on before the new program's words are in place.
        let begin = Instant::now();
        while running("sleep 1234.5678").is_empty() && begin.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(running("sleep 1234.5678").len(), 1);
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
        assert!(running("sleep 1234.5678").is_empty());
    }
}
