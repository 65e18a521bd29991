//! The first process: starts the shell and the services of the disk, and starts
//! again what ends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::action::ProgramName;
use proviso_user::abi::device::DeviceCall;
use proviso_user::abi::value::Argument;
use proviso_user::abi::words::{ListWhat, State};
use proviso_user::abi::{
    Action, Bytes, Effect, Handle, IntentEvent, List, Name, Pid, Priority, Rights, Target,
};
use proviso_user::device::Device;
use proviso_user::service::hand_over;
use proviso_user::{
    Args, Error, Port, clock, grow, ipc, println, program, sleep, submit_plan, system,
};

program!(main);

/// What lived this long was well; what did not gets a pause.
const WELL: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Taken at the start, so that a shell can be started when memory has run out.
const WORKING_MEMORY: u64 = 128 * 1024;
/// What the store works with: pages of the disk, and files that it changes.
const STORE_MEMORY: Bytes = Bytes(8 << 20);

fn main(args: Args) {
    if let Err(error) = grow(WORKING_MEMORY) {
        println!("no memory to work in: {error}");
    }
    let args = args.iter().map(Argument::cut).collect();
    // Above what programs get, so that one can always type.
    let mut services = vec![Service::new("shell", args, Some(Priority::High))];
    match disk_services() {
        Ok(more) => services.extend(more),
        Err(error) => println!("no services for the disk: {error}"),
    }
    loop {
        services.iter_mut().for_each(Service::start_if_due);
        let due = services.iter().filter_map(|service| service.due).min();
        match system::watch(due.map(|due| due.saturating_sub(clock()))) {
            Ok(death) => {
                let ended = Some(death.process.pid);
                // The kernel has logged the deaths of others; whether they are to
                // be started again is for the operator to say.
                for service in services.iter_mut().filter(|service| service.pid == ended) {
                    // Somebody may have restarted it, and said so.
                    if !service.lives() {
                        println!("the {} {}", service.program, death.exit);
                    }
                    service.ended();
                }
            }
            Err(Error::TimedOut) => {}
            Err(error) => {
                println!("cannot watch: {error}");
                sleep(LONGEST_PAUSE);
                services.iter_mut().for_each(Service::ended);
            }
        }
    }
}

/// The driver of the disk and the store of files, if there is a disk. Between them
/// is an endpoint of init's, which stays when one of them ends.
fn disk_services() -> Result<Vec<Service>, Error> {
    if Device(Handle::DISK).access(DeviceCall::Status {}).is_err() {
        return Ok(Vec::new());
    }
    let between = Port::create()?.0;
    let call = ipc::copy(between, Rights::CALL.or(Rights::COPY), 0)?;
    let mut block = Service::new("block", Vec::new(), None);
    block.handles = vec![Handle::DISK, Handle::DISK_LINE, between];
    let mut store = Service::new("store", Vec::new(), None);
    store.handles = vec![call, Handle::FILES];
    store.memory = Some(STORE_MEMORY);
    Ok(vec![block, store])
}

/// A process that init keeps alive.
struct Service {
    program: &'static str,
    args: Vec<Argument>,
    priority: Option<Priority>,
    memory: Option<Bytes>,
    /// What it is given at each start.
    handles: Vec<Handle>,
    pid: Option<Pid>,
    started: Duration,
    /// How long to wait before the next start, and when that is.
    pause: Duration,
    due: Option<Duration>,
}

impl Service {
    fn new(program: &'static str, args: Vec<Argument>, priority: Option<Priority>) -> Self {
        Self {
            program,
            args,
            priority,
            memory: None,
            handles: Vec::new(),
            pid: None,
            started: clock(),
            pause: Duration::ZERO,
            due: Some(Duration::ZERO),
        }
    }

    /// It has ended: it is due after a pause, which grows while it does not live long.
    fn ended(&mut self) {
        let now = clock();
        if now.saturating_sub(self.started) > WELL {
            self.pause = Duration::ZERO;
        }
        self.due = Some(now + self.pause);
        self.pause = (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    }

    fn start_if_due(&mut self) {
        if self.due.is_none_or(|due| due > clock()) {
            return;
        }
        self.due = None;
        self.started = clock();
        // Somebody else may have restarted it. If it has ended again already, that
        // is the next thing to be heard.
        let started = if self.lives() { Ok(()) } else { self.start() };
        if let Err(reason) = started.and_then(|()| self.equip()) {
            println!("the {} does not start: {reason}", self.program);
            self.ended();
        }
    }

    /// Gives it its handles.
    fn equip(&self) -> Result<(), String> {
        let Some(pid) = self.pid.filter(|_| !self.handles.is_empty()) else {
            return Ok(());
        };
        // By its number: anybody may start a program of its name.
        let port = Port::open(&pid.to_string()).map_err(|error| error.to_string())?;
        let given = hand_over(port, &self.handles);
        let closed = ipc::close(port.0);
        given.and(closed).map_err(|error| error.to_string())
    }

    fn lives(&self) -> bool {
        matches!(self.state(), Some(state) if !matches!(state, State::Crashed | State::Exited))
    }

    /// What it is doing, if there is a record of it.
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
                program: ProgramName(Name::cut(self.program)),
                args: List::new(self.args.clone()).ok(),
                count: None,
                priority: self.priority,
                memory_limit: self.memory,
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
