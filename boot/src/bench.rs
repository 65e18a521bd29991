//! How long a boot takes, beside how long QEMU itself takes.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{exit::Exit, launch::Prepared, qemu::Machine, session::Session};

/// Longer than any boot takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Times from one kind of run, shortest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Puts times in order; there must be one at least.
    #[must_use]
    pub fn new(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        (!times.is_empty()).then_some(Self(times))
    }

    /// The shortest.
    #[must_use]
    pub fn min(&self) -> Duration {
        self.0.first().copied().unwrap_or_default()
    }

    /// The middle one; of an even number, the longer of the two in the middle.
    #[must_use]
    pub fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "min {:7.1} ms   median {:7.1} ms   max {:7.1} ms",
            ms(self.min()),
            ms(self.median()),
            ms(self.max())
        )
    }
}

/// Boots `runs` times, in turn an empty guest (spawn to exit) and the real one
/// (spawn to prompt), and returns the times of both.
///
/// # Errors
/// When a machine does not start or does not get to its prompt.
pub fn boot(prepared: &Prepared, runs: u32) -> Result<(Times, Times)> {
    let real = prepared.machine();
    let empty = Machine::new(&prepared.guest.empty)
        .kind(prepared.choices.kind)
        .memory(prepared.choices.memory)
        .accelerator(&prepared.choices.accelerator);
    eprintln!("empty: {empty}\nboot:  {real}");
    let (mut floor, mut boot) = (Vec::new(), Vec::new());
    // The first pair only fills the host's caches.
    for run in 0..=runs {
        let times = (time_to_exit(&empty)?, time_to_prompt(&real)?);
        if run > 0 {
            floor.push(times.0);
            boot.push(times.1);
        }
    }
    match (Times::new(floor), Times::new(boot)) {
        (Some(floor), Some(boot)) => Ok((floor, boot)),
        _ => bail!("at least one run is needed"),
    }
}

fn time_to_exit(machine: &Machine) -> Result<Duration> {
    let start = Instant::now();
    let mut session = Session::start(machine)?;
    match session.wait_exit(TIMEOUT)? {
        Exit::Clean => Ok(start.elapsed()),
        other => bail!("{other}"),
    }
}

fn time_to_prompt(machine: &Machine) -> Result<Duration> {
    let start = Instant::now();
    let mut session = Session::start(machine)?;
    session.wait_for_prompt(TIMEOUT)?;
    Ok(start.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_put_in_order() {
        let times = [30, 10, 20, 40].map(Duration::from_millis).to_vec();
        let times = Times::new(times).unwrap();
        assert_eq!(
            (times.min(), times.median(), times.max()).1,
            Duration::from_millis(30)
        );
        assert!(
            times
                .to_string()
                .starts_with("min    10.0 ms   median    30.0 ms"),
            "{times}"
        );
        assert_eq!(Times::new(Vec::new()), None);
    }
}
