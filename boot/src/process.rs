//! Child processes that never outlive us.
//!
//! Three nets: dropping a [`Tied`] kills its process; a signal to us kills all of
//! them ([`kill_on_signals`]); and where there is `setpriv` (util-linux), the kernel
//! kills them when we die without a chance to do anything (SIGKILL).

use std::{
    ffi::OsStr,
    io,
    process::{Child, Command, ExitStatus},
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
        mpsc,
    },
    thread,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// A process that ends with us.
#[derive(Debug)]
pub struct Tied(Child);

impl Tied {
    /// Starts `command`, which [`command`] has made.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(command: Command) -> io::Result<Self> {
        let child = spawn_for_life(command)?;
        alive().extend(Pid::from_raw(child.id().cast_signed()));
        Ok(Self(child))
    }

    /// The process.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// When the system does not let us wait.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.0.wait();
        self.forget();
        status
    }

    /// Kills it and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.wait();
    }

    /// After the wait the number may belong to somebody else.
    fn forget(&self) {
        alive().retain(|pid| pid.as_raw_pid() != self.0.id().cast_signed());
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command for `program` that the system ends when we die.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    static SETPRIV: LazyLock<bool> = LazyLock::new(|| {
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "true"])
            .output()
            .is_ok_and(|done| done.status.success())
    });
    if !*SETPRIV {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// From now on a signal that asks us to end kills our children first; what waits for
/// them then returns, and [`check_signal`] says why.
///
/// # Errors
/// When the system does not let us handle signals.
pub fn kill_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            SIGNAL.store(signal, Ordering::SeqCst);
            for pid in alive().iter() {
                // An error means that it has ended already.
                let _ = kill_process(*pid, Signal::KILL);
            }
        }
    });
    Ok(())
}

/// The signal that has come since [`kill_on_signals`].
pub fn signal() -> Option<i32> {
    Some(SIGNAL.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// An error if a signal has come.
///
/// # Errors
/// With the signal's number.
pub fn check_signal() -> Result<()> {
    match signal() {
        Some(signal) => bail!("stopped by signal {signal}"),
        None => Ok(()),
    }
}

static SIGNAL: AtomicI32 = AtomicI32::new(0);

static ALIVE: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn alive() -> MutexGuard<'static, Vec<Pid>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a process from a thread that lives as long as we do: `setpriv --pdeathsig`
/// means the thread that forked, and a test's thread ends before the tests do.
fn spawn_for_life(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
        let (orders, received) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in received {
                // Whoever gave the order may be gone; dropping the child then is right.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (answer, child) = mpsc::channel();
    let orders = SPAWNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let gone = |_| io::Error::other("the thread that starts processes is gone");
    orders
        .send((command, answer))
        .map_err(|_| gone(mpsc::RecvError))?;
    child.recv().map_err(gone)?
}

#[cfg(test)]
mod tests {
    use std::{
        process::Stdio,
        time::{Duration, Instant},
    };

    use super::*;

    fn sleeper() -> Tied {
        let mut command = command("sleep");
        command.arg("1000").stdin(Stdio::null());
        Tied::spawn(command).unwrap()
    }

    fn runs(id: u32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    }

    #[test]
    fn dropping_a_process_ends_it() {
        let mut sleeper = sleeper();
        let id = sleeper.child().id();
        assert!(runs(id));
        drop(sleeper);
        assert!(!runs(id));
        assert!(
            !alive()
                .iter()
                .any(|pid| pid.as_raw_pid() == id.cast_signed())
        );
    }

    #[test]
    fn a_process_outlives_the_thread_that_asked_for_it() {
        let mut sleeper = thread::spawn(sleeper).join().unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            assert!(sleeper.child().try_wait().unwrap().is_none());
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let mut missing = command("/no/such/program");
        missing.stderr(Stdio::null());
        // `setpriv` starts, and fails with code 127; without it, starting fails.
        let code = Tied::spawn(missing)
            .and_then(|mut child| child.wait())
            .map(|s| s.code());
        assert!(!matches!(code, Ok(Some(0))), "{code:?}");
    }
}
