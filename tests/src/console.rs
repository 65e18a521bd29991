//! A booted machine and the conversation on its serial line.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use proviso_boot::exit::Exit;
use proviso_boot::guest::{self, Guest};
use proviso_boot::image::{self, Image};
use proviso_boot::qemu::Machine;
use proviso_boot::session::Session;

use crate::PATIENCE;
use crate::ps::{self, Process};

/// The guest, built once for all tests.
///
/// # Errors
/// When it does not compile.
pub fn guest() -> Result<&'static Guest> {
    static GUEST: OnceLock<Result<Guest, String>> = OnceLock::new();
    let built = GUEST.get_or_init(|| guest::build().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow!("{error}"))
}

/// The ramdisk that people get, but for a plain console and without an agent.
///
/// # Errors
/// When the guest does not compile, or cannot be read.
pub fn image() -> Result<Image> {
    static IMAGE: OnceLock<Result<Image, String>> = OnceLock::new();
    let packed = IMAGE.get_or_init(|| {
        let image = guest().and_then(Image::of);
        image.map_err(|error| format!("{error:#}"))
    });
    let image = packed.clone().map_err(|error| anyhow!("{error}"))?;
    // Only the tests inside the guest need that program.
    let image = image.without_program("suite").without_program("bench");
    Ok(image.console(image::Console::Plain).agent(false))
}

/// The default machine, without ramdisk and agent.
///
/// # Errors
/// When the guest does not compile.
pub fn hardware() -> Result<Machine> {
    Ok(Machine::new(&guest()?.loader))
}

/// A running machine and its console. Dropping it ends QEMU.
#[derive(Debug)]
pub struct Console {
    session: Session,
    /// Where in the transcript the last line was sent.
    asked_at: usize,
}

impl Console {
    /// Starts a machine with a ramdisk, and says by which command.
    ///
    /// # Errors
    /// When the ramdisk cannot be packed or QEMU not be started.
    pub fn start(machine: &Machine, image: &Image) -> Result<Self> {
        Ok(Self::of(Session::boot(machine, image)?))
    }

    /// Starts a machine as it is, and says by which command.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub fn start_bare(machine: &Machine) -> Result<Self> {
        Ok(Self::of(Session::start(machine)?))
    }

    fn of(session: Session) -> Self {
        eprintln!("{}", session.command_line());
        Self {
            session,
            asked_at: 0,
        }
    }

    /// The whole system on the default machine, without an agent, at the prompt.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn boot() -> Result<Self> {
        Self::boot_with(&hardware()?, &image()?)
    }

    /// As [`boot`](Self::boot), with an agent at `socket`.
    ///
    /// # Errors
    /// When it does not get to the prompt.
    pub fn boot_with_agent(socket: &Path) -> Result<Self> {
        Self::boot_with(&hardware()?.agent_socket(socket), &image()?.agent(true))
    }

    /// This machine with this ramdisk, at the prompt.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn boot_with(machine: &Machine, image: &Image) -> Result<Self> {
        let mut console = Self::start(machine, image)?;
        console.wait_for_prompt()?;
        Ok(console)
    }

    /// Everything that came so far, with plain line ends.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.session.transcript().replace("\r\n", "\n")
    }

    /// Sends bytes as if they were typed.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.session.send(text)
    }

    /// Waits until `text` comes, and returns everything up to its end that was
    /// not waited for before.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for(&mut self, text: &str) -> Result<String> {
        self.session.wait_for(text, PATIENCE)
    }

    /// Waits for the prompt at the beginning of a line.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for_prompt(&mut self) -> Result<String> {
        self.session.wait_for_prompt(PATIENCE)
    }

    /// Types a line and returns what was written between it and the next prompt.
    ///
    /// The prompt is drawn anew whenever a process writes something, so the
    /// answer is known to begin only behind the echo of the line.
    ///
    /// # Errors
    /// When the line is not echoed or no prompt follows.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        self.enter(line)?;
        loop {
            let answer = self
                .wait_for_prompt()
                .with_context(|| format!("after {line:?}"))?;
            let answer = answer.strip_suffix(proviso_boot::PROMPT).unwrap_or(&answer);
            let answer = answer.replace("\r\n", "\n");
            if !is_output_of_others(&answer) {
                return Ok(answer);
            }
            // It came between the line and its end, and the line was drawn again.
            self.wait_for_line(line)?;
        }
    }

    /// Types a line and waits until it was echoed, but for nothing of its answer.
    ///
    /// # Errors
    /// When the line is not echoed.
    pub fn enter(&mut self, line: &str) -> Result<()> {
        self.asked_at = self.transcript().len();
        self.session.send_line(line)?;
        self.wait_for_line(line)
    }

    fn wait_for_line(&mut self, line: &str) -> Result<()> {
        if !line.is_empty() {
            self.wait_for(line)?;
        }
        self.wait_for("\n").map(drop)
    }

    /// Types a line; the answer must have all of these parts. Returns it.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn expect(&mut self, line: &str, parts: &[&str]) -> Result<String> {
        let answer = self.ask(line)?;
        for part in parts {
            let complaint = || format!("{part:?} is missing in the answer to {line:?}:\n{answer}");
            ensure!(answer.contains(part), self.complaint(&complaint()));
        }
        Ok(answer)
    }

    /// Waits until `text` has come since the last line was typed, in its answer
    /// or after it.
    ///
    /// # Errors
    /// When it does not come.
    pub fn eventually(&mut self, text: &str) -> Result<()> {
        if self.since_asked().contains(text) {
            return Ok(());
        }
        self.wait_for(text).map(|_| ())
    }

    /// What came since the last line was typed, as far as it was waited for.
    #[must_use]
    pub fn since_asked(&self) -> String {
        let transcript = self.transcript();
        transcript.get(self.asked_at..).unwrap_or_default().into()
    }

    /// Asks the same until the answer is as wanted: for what takes its time.
    ///
    /// # Errors
    /// When it never is.
    pub fn ask_until(&mut self, line: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let begin = Instant::now();
        loop {
            let answer = self.ask(line)?;
            if wanted(&answer) {
                return Ok(answer);
            }
            if begin.elapsed() > PATIENCE {
                bail!(self.complaint(&format!(
                    "{line:?} never got the answer it should: {answer}"
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The processes, as `/ps` shows them.
    ///
    /// # Errors
    /// When there is no table.
    pub fn processes(&mut self) -> Result<Vec<Process>> {
        let answer = self.ask("/ps")?;
        let table = ps::read(&answer);
        ensure!(!table.is_empty(), self.complaint("/ps shows no processes"));
        Ok(table)
    }

    /// The living processes of a name.
    ///
    /// # Errors
    /// When there is no table.
    pub fn living(&mut self, name: &str) -> Result<Vec<Process>> {
        let all = self.processes()?;
        let living = all
            .into_iter()
            .filter(|one| one.is_alive() && one.name == name);
        Ok(living.collect())
    }

    /// Starts programs by command; their process numbers.
    ///
    /// # Errors
    /// When they do not start.
    pub fn spawn(&mut self, what: &str) -> Result<Vec<u32>> {
        let answer = self.expect(&format!("/spawn {what}"), &["started "])?;
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix("started "));
        let started = line.unwrap_or_default().split(", ");
        let pids = started.filter_map(|one| one.rsplit(' ').next()?.parse().ok());
        Ok(pids.collect())
    }

    /// Checks that the console is alive and well: it answers a command.
    ///
    /// # Errors
    /// When it does not.
    pub fn still_answers(&mut self) -> Result<()> {
        self.expect("/status", &["memory", "processes"]).map(|_| ())
    }

    /// Shuts the machine down by command; it must end cleanly.
    ///
    /// # Errors
    /// When it does not.
    pub fn shut_down(mut self) -> Result<()> {
        self.enter("/shutdown")?;
        self.ends(Exit::Clean)
    }

    /// Waits until the machine ends.
    ///
    /// # Errors
    /// When it goes on.
    pub fn wait_exit(&mut self) -> Result<Exit> {
        self.session.wait_exit(PATIENCE)
    }

    /// Waits until the machine ends; it must do so in this way.
    ///
    /// # Errors
    /// When it goes on or ends otherwise.
    pub fn ends(mut self, wanted: Exit) -> Result<()> {
        let exit = self.wait_exit()?;
        ensure!(
            exit == wanted,
            self.complaint(&format!("should have ended with {wanted:?}: {exit}"))
        );
        Ok(())
    }

    /// Waits until the machine fails; its last line must be a sentence with these words.
    ///
    /// # Errors
    /// When it goes on, ends otherwise or says something else.
    pub fn fails_saying(mut self, words: &str) -> Result<()> {
        let exit = self.wait_exit()?;
        let transcript = self.transcript();
        let last = transcript
            .trim_end()
            .lines()
            .next_back()
            .unwrap_or_default();
        ensure!(
            exit == Exit::Failure && last.contains(words),
            self.complaint(&format!("should have failed saying {words:?}: {exit}"))
        );
        Ok(())
    }

    /// An error with the machine's command line and its transcript.
    #[must_use]
    pub fn complaint(&self, what: &str) -> anyhow::Error {
        let (command, transcript) = (self.session.command_line(), self.transcript());
        anyhow!("{what}\n--- command\n{command}\n--- transcript\n{transcript}\n---")
    }

    /// Checks a condition.
    ///
    /// # Errors
    /// With the transcript, when it does not hold.
    pub fn ensure(&self, holds: bool, what: &str) -> Result<()> {
        ensure!(holds, self.complaint(what));
        Ok(())
    }

    /// Kills QEMU, as if the host had lost power.
    pub fn kill(&mut self) {
        self.session.kill();
    }
}

/// Whether these are lines of processes and the kernel alone, such as `[hog 3] holding`.
fn is_output_of_others(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| line.starts_with('['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_the_output_of_others() {
        assert!(is_output_of_others(
            "[hog 3] holding\n\n[kernel] hog 3 crashed\n"
        ));
        assert!(!is_output_of_others("[hog 3] holding\nstarted hog 3\n"));
        assert!(!is_output_of_others("\n") && !is_output_of_others(""));
    }
}
