//! Measures the way to the echo service and back. Argument: milliseconds a ping.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::time::Duration;

use proviso_user::{Args, Error, Extras, Port, clock, ipc, println, program, sleep};

program!(main);

const REPORT: Duration = Duration::from_secs(10);
/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_millis(500);

fn main(args: Args) {
    let interval = Duration::from_millis(args.number(0, 1000).max(1));
    let mut next_report = clock() + REPORT;
    let mut is_there = true;
    let mut totals = Totals::default();
    for number in 0u64.. {
        let result = ping(number);
        totals.count(&result);
        // Said when it changes, not with every ping.
        if is_there != result.is_ok() {
            is_there = result.is_ok();
            match result {
                Ok(_) => println!("echo answers again"),
                Err(error) => println!("no answer from echo: {error}"),
            }
        }
        if clock() >= next_report {
            totals.report();
            totals = Totals::default();
            next_report += REPORT;
        }
        sleep(interval);
    }
}

/// One ping; how long it took.
fn ping(number: u64) -> Result<Duration, Error> {
    // Opened each time: it is the same handle unless there is a new echo.
    let echo = Port::open("echo")?;
    let sent = clock();
    let reply = echo.call_with([number, 0, 0, 0], Extras::within(PATIENCE));
    match reply {
        Ok(reply) if reply.words.contains(&number) => Ok(clock() - sent),
        Ok(_) => Err(Error::Unanswered),
        Err(error) => {
            if error == Error::Dead {
                // What is left of the handle would take up its place for good.
                ipc::close(echo.0)?;
            }
            Err(error)
        }
    }
}

/// What came of the pings since the last report.
#[derive(Default)]
struct Totals {
    sent: u32,
    answered: u32,
    shortest: Option<Duration>,
    all: Duration,
}

impl Totals {
    fn count(&mut self, result: &Result<Duration, Error>) {
        self.sent += 1;
        if let Ok(time) = *result {
            self.answered += 1;
            self.all += time;
            self.shortest = Some(self.shortest.map_or(time, |shortest| shortest.min(time)));
        }
    }

    fn report(&self) {
        let Self { sent, answered, .. } = self;
        match self.shortest {
            Some(shortest) => println!(
                "{answered} of {sent} answered, shortest {} us, average {} us",
                shortest.as_micros(),
                (self.all / *answered).as_micros()
            ),
            None => println!("none of {sent} answered"),
        }
    }
}
