//! The first process: starts the shell and starts it again whenever it ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::action::ProgramName;
use proviso_user::abi::value::Argument;
use proviso_user::abi::words::{ListWhat, State};
use proviso_user::abi::{Action, Effect, IntentEvent, List, Name, Pid, Priority, Target};
use proviso_user::{Args, clock, grow, println, program, sleep, submit_plan, system};

program!(main);

/// A shell that lived this long was well; one that did not gets a pause.
const WELL: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Taken at the start, so that a shell can be started when memory has run out.
const WORKING_MEMORY: u64 = 128 * 1024;

fn main(args: Args) {
    if let Err(error) = grow(WORKING_MEMORY) {
        println!("no memory to work in: {error}");
    }
    let mut shell = Shell {
        args: args.iter().map(Argument::cut).collect(),
        pid: None,
        started: clock(),
        pause: Duration::ZERO,
    };
    shell.keep_alive();
    loop {
        match system::watch(None) {
            Ok(death) if Some(death.process.pid) == shell.pid => {
                println!("the shell {}", death.exit);
                shell.keep_alive();
            }
            // The kernel has logged the deaths of others; whether they are to
            // be started again is for the operator to say.
            Ok(_) => {}
            Err(error) => {
                println!("cannot watch: {error}");
                sleep(LONGEST_PAUSE);
                shell.keep_alive();
            }
        }
    }
}

/// The shell, as init knows it.
struct Shell {
    args: Vec<Argument>,
    pid: Option<Pid>,
    started: Duration,
    /// How long to wait before the next start.
    pause: Duration,
}

impl Shell {
    /// Tries until a shell lives, with ever longer pauses.
    fn keep_alive(&mut self) {
        while !self.lives() {
            if clock().saturating_sub(self.started) > WELL {
                self.pause = Duration::ZERO;
            }
            sleep(self.pause);
            self.pause = (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            self.started = clock();
            match self.start() {
                // If it has ended already, that is the next thing to be heard.
                Ok(()) => return,
                Err(reason) => println!("the shell does not start: {reason}"),
            }
        }
    }

    /// Whether the shell is there already: somebody else may have restarted it.
    fn lives(&self) -> bool {
        matches!(self.state(), Some(state) if !matches!(state, State::Crashed | State::Exited))
    }

    /// What the shell is doing, if there is a record of it.
    fn state(&self) -> Option<State> {
        let pid = self.pid?;
        let list = Action::List {
            what: ListWhat::Processes,
            sort: None,
            limit: None,
            path: None,
        };
        match carry_out(list) {
            Ok(Effect::Processes(all)) => {
                all.iter().find(|one| one.pid == pid).map(|one| one.state)
            }
            _ => None,
        }
    }

    /// Starts it: under its old number if that has a record, else as a new process.
    fn start(&mut self) -> Result<(), String> {
        let action = match (self.pid, self.state()) {
            (Some(pid), Some(_)) => Action::Restart {
                target: Target::pid(pid),
                except: None,
            },
            _ => Action::Spawn {
                program: ProgramName(Name::cut("shell")),
                args: List::new(self.args.clone()).ok(),
                count: None,
                // Above what programs get, so that one can always type.
                priority: Some(Priority::High),
                memory_limit: None,
            },
        };
        if let Effect::Spawned(processes) | Effect::Restarted(processes) = carry_out(action)? {
            self.pid = processes.first().map(|process| process.pid);
        }
        Ok(())
    }
}

/// Asks the kernel for one action; its effect, or why not.
fn carry_out(action: Action) -> Result<Effect, String> {
    let event = submit_plan(&action.into())
        .and_then(|mut intent| intent.finish())
        .map_err(|error| error.to_string())?;
    match event {
        IntentEvent::Done { effects, .. } => effects
            .into_iter()
            .next()
            .ok_or_else(|| String::from("nothing was done")),
        IntentEvent::Rejected { rejections, .. } => Err(rejections
            .first()
            .map_or_else(String::new, ToString::to_string)),
        IntentEvent::Failed { text } => Err(text.to_string()),
        _ => Err(String::from("the kernel did not come to an end with it")),
    }
}
