//! A person at the machine's console.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    process::Stdio,
    thread,
};

use anyhow::{Context, Result, bail};

use crate::{exit::Exit, launch::Prepared, process, qemu::Serial, terminal};

/// Runs the machine at our terminal until it ends; starts it again when it asks for that.
///
/// # Errors
/// When it cannot be started, or did not end cleanly.
pub fn run(prepared: &Prepared) -> Result<()> {
    process::kill_on_signals()?;
    let _terminal = terminal::Saved::now();
    let _agent = prepared.start_agent()?;
    let serial = if terminal::is_interactive() {
        Serial::Terminal
    } else {
        Serial::Stdio
    };
    let machine = prepared.machine().serial(serial);
    eprintln!("{}\n{machine}", prepared.summary());
    if serial == Serial::Terminal {
        eprintln!("Ctrl-A X leaves.\n");
    }
    loop {
        let mut command = machine.command();
        command.stderr(Stdio::piped());
        let mut qemu = process::Tied::spawn(command)
            .with_context(|| format!("cannot start {}", crate::qemu::PROGRAM))?;
        let messages = qemu
            .child()
            .stderr
            .take()
            .map(|stderr| thread::spawn(|| pass_on(stderr)));
        let exit = Exit::of(qemu.wait().context("cannot wait for QEMU")?);
        // Its last message comes before ours.
        let _ = messages.map(thread::JoinHandle::join);
        process::check_signal()?;
        if exit == Exit::Reboot {
            eprintln!("\r\nStarting the machine again");
            continue;
        }
        return verdict(exit, prepared.has_reset());
    }
}

/// Passes on what QEMU has to say, but for this: that the agent is not there yet.
/// It loads its model while the machine boots, and QEMU tries again every second.
fn pass_on(messages: impl Read) {
    for line in BufReader::new(messages).lines().map_while(Result::ok) {
        if !is_expected(&line) {
            // QEMU has made the terminal raw.
            let _ = write!(io::stderr(), "{line}\r\n");
        }
    }
}

fn is_expected(message: &str) -> bool {
    message.contains("Unable to connect character device agent")
}

/// What the end of the machine means for us.
fn verdict(exit: Exit, has_reset: bool) -> Result<()> {
    match exit {
        Exit::Clean => Ok(()),
        Exit::Quit if has_reset => bail!("the machine crashed (triple fault)"),
        // The person's own doing: Ctrl-A X.
        Exit::Quit => Ok(()),
        other => bail!("{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agents_absence_is_kept_from_the_person() {
        let absent = "qemu-system-x86_64: Unable to connect character device agent: Failed to \
                      connect to '/tmp/proviso-1/agent.sock': No such file or directory";
        assert!(is_expected(absent));
        assert!(!is_expected(
            "qemu-system-x86_64: -accel nosuch: invalid accelerator nosuch"
        ));
    }

    #[test]
    fn only_shutting_down_and_leaving_are_success() {
        assert!(verdict(Exit::Clean, false).is_ok());
        assert!(verdict(Exit::Quit, false).is_ok());
        for (exit, reset) in [
            (Exit::Quit, true),
            (Exit::Failure, false),
            (Exit::QemuFailed, false),
            (Exit::Unknown(139), false),
            (Exit::Killed(9), false),
        ] {
            assert!(verdict(exit, reset).is_err(), "{exit:?}");
        }
    }
}
