//! The kernel: everything it knows, and the loop that keeps it going.
//!
//! # What strangers can make the kernel store
//!
//! The kernel's heap is a 64th of memory, 2 MiB at least, and an exhausted heap
//! would be a panic, so everything that a process, the agent or a person can make
//! grow has a bound:
//!
//! | what | bound | at most |
//! |---|---|---|
//! | a process | 8 letters of 256 bytes, 8 arguments of 64, 204 bytes of output, 16 handles and objects, 8 mappings, its row in a view and a plan's dry run | 6.5 KiB |
//! | processes | as many as then fit, [`most_living`] (77 in 2 MiB, 1,020 in 8 MiB) | the rest |
//! | trace | 2,048 records of 24 bytes | 48 KiB |
//! | log | 256 lines of 512 bytes | 150 KiB |
//! | intents | 16, each one final event of 20 KiB, one plan of 10 KiB | 490 KiB |
//! | rules | 16, each with the lives of 128 processes that it acted for | 40 KiB |
//! | changes that can be taken back | 64 of 128 processes or pairs | 130 KiB |
//! | audit record | 256 of at most 700 bytes | 180 KiB |
//! | file parts of plans under way | numbers of intents, and 8 that are owed back | 1 KiB |
//! | disconnections | 256 pairs | 8 KiB |
//! | ends that init has not watched | 64 records | 10 KiB |
//! | console input | 1 KiB | 1 KiB |
//! | a half-received frame | 32 KiB, doubled by a growing vector | 64 KiB |
//! | while one call, plan or frame is handled: copied memory, effects, a snapshot | freed when it is done | 400 KiB |

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use proviso_abi::audit::AuditEvent;
use proviso_abi::outcome::ExitRecord;
use proviso_abi::trace::TraceKind;
use proviso_abi::value::Argument;
use proviso_abi::wire::IntentId;
use proviso_abi::words::ShutdownMode;
use proviso_abi::{Bytes, INIT, Name, Pid, Priority};

use crate::audit::Audit;
use crate::capabilities::Capabilities;
use crate::cpu::CpuMeter;
use crate::cpu_cap::Periods;
use crate::fast_path::MAX_UNSETTLED;
use crate::files::Files;
use crate::intents::Intents;
use crate::lifecycle::Birth;
use crate::link::Link;
use crate::loader::{self, Start};
use crate::log::{self, Log};
use crate::machine::{Machine, NoMemory, Trap};
use crate::memory;
use crate::process::Process;
use crate::program::{Program, ProgramError};
use crate::rate::Rates;
use crate::relations::Relations;
use crate::rules::Rules;
use crate::scheduler::Scheduler;
use crate::table::{Table, most_living};
use crate::trace::Trace;
use crate::tty::Tty;
use crate::undo::History;
use crate::users::Users;
use crate::view::Principal;

/// What must be free once init runs: a shell, and something for it to manage.
const MIN_FREE: Bytes = Bytes(2 << 20);
/// What init may hold.
pub const INIT_LIMIT: Bytes = Bytes(4 << 20);
/// How urgent init is, at least.
pub const INIT_PRIORITY: Priority = Priority::High;

/// Why the kernel cannot begin its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootError {
    /// A program of the ramdisk is none.
    Program {
        /// Which.
        name: Name,
        /// What is wrong with it.
        error: ProgramError,
    },
    /// Two programs have this name.
    TwoPrograms(Name),
    /// There is no program of the name that init should have.
    NoInit(Name),
    /// Init does not fit into memory or its limit, or leaves too little.
    NoMemory {
        /// What it takes.
        needed: Bytes,
        /// What is there.
        free: Bytes,
    },
}

impl fmt::Display for BootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { name, error } => write!(f, "program {name} in the ramdisk: {error}"),
            Self::TwoPrograms(name) => write!(f, "the ramdisk has two programs named {name}"),
            Self::NoInit(name) => {
                write!(
                    f,
                    "the ramdisk has no program {name}, which boot.cfg names as init"
                )
            }
            Self::NoMemory { needed, free } => write!(
                f,
                "not enough memory to start: {needed} needed, {free} free; give the machine more"
            ),
        }
    }
}

/// A machine that is about to go down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shutdown {
    pub(crate) mode: ShutdownMode,
    /// Who asked for it, and by what; it may read the outcome first.
    pub(crate) submitter: Pid,
    pub(crate) intent: IntentId,
    pub(crate) at_ns: u64,
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel<M: Machine> {
    /// By name.
    pub(crate) programs: Vec<Program>,
    pub(crate) table: Table<M::Task>,
    pub(crate) scheduler: Scheduler<Pid>,
    /// When capped processes got their budgets last.
    pub(crate) periods: Periods,
    pub(crate) capabilities: Capabilities,
    pub(crate) log: Log,
    pub(crate) trace: Trace,
    pub(crate) tty: Tty,
    pub(crate) intents: Intents,
    pub(crate) link: Link,
    pub(crate) rules: Rules,
    pub(crate) history: History,
    pub(crate) relations: Relations,
    pub(crate) audit: Audit,
    pub(crate) users: Users,
    pub(crate) rates: Rates,
    /// Ends of processes that init has not watched yet.
    pub(crate) ends: VecDeque<ExitRecord>,
    /// Whether those who watch for ends are being told.
    pub(crate) is_telling: bool,
    /// Processes that the short way of calls left for later.
    pub(crate) unsettled: Vec<Pid>,
    /// Processes whose guard did not save them, and that end with this step.
    pub(crate) doomed: Vec<Pid>,
    /// When the running process began to run, in the machine's ticks.
    pub(crate) running_since: u64,
    /// Time in which any process ran.
    pub(crate) busy: CpuMeter,
    /// The process that ran last, while it still wants the processor.
    pub(crate) current: Option<Pid>,
    pub(crate) shutdown: Option<Shutdown>,
    /// How many processes the short way may leave for later; 0 closes it.
    pub(crate) most_unsettled: usize,
    /// How many more that are.
    pub(crate) room_to_settle: usize,
    pub(crate) files: Files,
    /// Whether the machine has a disk.
    pub(crate) has_disk: bool,
    /// Whether the disk interrupted and no driver heard of it yet.
    pub(crate) has_interrupted: bool,
}

impl<M: Machine> Kernel<M> {
    /// Checks the programs, starts init and greets the agent.
    ///
    /// # Errors
    /// What is wrong with the ramdisk or the machine, in words for its operator.
    pub fn new(
        machine: &mut M,
        programs: Vec<(Name, &'static [u8])>,
        init: &Name,
        init_args: Vec<Argument>,
        is_ansi: bool,
    ) -> Result<Self, BootError> {
        let most_living = most_living(machine.heap_bytes().1);
        let mut kernel = Self {
            programs: check_programs(programs)?,
            table: Table::new(most_living),
            capabilities: Capabilities::new(most_living),
            scheduler: Scheduler::default(),
            periods: Periods::default(),
            log: Log::default(),
            trace: Trace::default(),
            tty: Tty::new(is_ansi),
            intents: Intents::default(),
            link: Link::default(),
            rules: Rules::default(),
            history: History::default(),
            relations: Relations::default(),
            audit: Audit::default(),
            users: Users::default(),
            rates: Rates::default(),
            ends: VecDeque::new(),
            is_telling: false,
            unsettled: Vec::with_capacity(MAX_UNSETTLED),
            doomed: Vec::new(),
            running_since: 0,
            busy: CpuMeter::default(),
            current: None,
            shutdown: None,
            most_unsettled: MAX_UNSETTLED,
            room_to_settle: MAX_UNSETTLED,
            files: Files::default(),
            has_disk: machine.has_disk(),
            has_interrupted: false,
        };
        kernel.greet(machine);
        kernel.start_init(machine, init, init_args)?;
        Ok(kernel)
    }

    /// Works until the machine goes down.
    pub fn run(&mut self, machine: &mut M) -> ! {
        loop {
            self.step(machine);
        }
    }

    /// Lets a process run until it traps, or waits for an interrupt if none
    /// wants to, and does what there is to do then.
    pub fn step(&mut self, machine: &mut M) {
        match self.scheduler.next() {
            Some(pid) => self.run_process(machine, pid),
            None => {
                self.current = None;
                self.trace.rested(machine.now_ns());
                machine.wait();
                self.poll(machine);
            }
        }
        self.end_doomed(machine);
        self.power_if_due(machine);
    }

    fn run_process(&mut self, machine: &mut M, pid: Pid) {
        self.running_since = machine.ticks();
        let (pid, trap) = match self.run_until_slow(machine, pid) {
            Some(end) => end,
            // Only living processes are scheduled.
            None => return self.scheduler.forget(pid),
        };
        let now = self.settle_all(machine, pid);
        let begun = machine.ticks();
        match trap {
            Trap::Interrupt => return self.poll(machine),
            Trap::Syscall { number, arguments } => {
                self.trace.note(now, pid, TraceKind::Call, number);
                self.syscall(machine, pid, number, arguments);
            }
            Trap::Fault {
                kind,
                instruction,
                address,
            } => {
                self.trace.note(now, pid, TraceKind::Fault, instruction);
                self.fault(machine, pid, kind, instruction, address);
            }
        }
        // What the kernel did for it is on its account too, when that is next settled.
        let did = machine.ticks().saturating_sub(begun);
        if let Some(process) = self.table.get_mut(pid) {
            process.unbilled_ticks = process.unbilled_ticks.saturating_add(did);
        }
    }

    /// Looks after the devices and the clock.
    pub(crate) fn poll(&mut self, machine: &mut M) {
        self.hear_disk(machine);
        self.tty.poll(machine);
        self.wake_owner(machine);
        self.poll_agent(machine);
        self.expire_intents(machine);
        self.renew_budgets(machine);
        self.stream_trace(machine);
        self.advance_all(machine);
        self.run_rules(machine);
        self.export_audit(machine);
    }

    /// Gives capped processes what they may have of the period that begins.
    fn renew_budgets(&mut self, machine: &M) {
        let periods = self.periods.passed(machine.now_ns());
        if periods == 0 {
            return;
        }
        let mut released = Vec::new();
        for process in self.table.iter_mut() {
            let was_spent = process.cpu_cap.is_spent();
            process.cpu_cap.renew(periods);
            if was_spent && !process.cpu_cap.is_spent() {
                released.push(process.pid);
            }
        }
        for pid in released {
            self.settle(pid);
        }
    }

    pub(crate) fn power_if_due(&mut self, machine: &mut M) {
        let Some(shutdown) = self.shutdown else {
            return;
        };
        let is_alone = !self
            .table
            .get(shutdown.submitter)
            .is_some_and(Process::is_alive);
        if is_alone || machine.now_ns() >= shutdown.at_ns {
            self.say(
                machine,
                match shutdown.mode {
                    ShutdownMode::Halt => format_args!("the machine halts"),
                    ShutdownMode::Reboot => format_args!("the machine restarts"),
                },
            );
            machine.power(shutdown.mode, true);
        }
    }

    fn greet(&mut self, machine: &mut M) {
        let memory = memory::totals(machine);
        let (version, total, free) = (env!("CARGO_PKG_VERSION"), memory.total, memory.free);
        let count = self.programs.len();
        let now = machine.now_ns();
        let line = format_args!("Proviso {version}: {total} memory, {free} free, {count} programs");
        self.log.push(now, log::KERNEL, line);
        self.tty.write_line(machine, false, line);
        self.link.greet(machine);
        self.note(machine, Principal::Operator, 0, AuditEvent::Boot);
    }

    fn start_init(
        &mut self,
        machine: &mut M,
        name: &Name,
        args: Vec<Argument>,
    ) -> Result<(), BootError> {
        let program = self
            .program(name)
            .ok_or_else(|| BootError::NoInit(name.clone()))?;
        let start = Start {
            args: &Process::<M::Task>::joined_args(&args),
            pid: INIT,
            limit_frames: INIT_LIMIT.0 / proviso_abi::layout::PAGE,
            keep_free: memory::reserve_frames(machine),
        };
        let task =
            loader::build(machine, program, &start).map_err(|NoMemory| BootError::NoMemory {
                needed: memory::bytes(program.frames),
                free: memory::totals(machine).free,
            })?;
        let birth = Birth {
            pid: INIT,
            name: name.clone(),
            args,
            parent: log::KERNEL,
            priority: INIT_PRIORITY,
            limit: INIT_LIMIT,
            owner: crate::view::OPERATOR,
        };
        self.begin_life(machine, birth, task);
        match memory::totals(machine).free {
            free if free < MIN_FREE => Err(BootError::NoMemory {
                needed: MIN_FREE,
                free,
            }),
            _ => Ok(()),
        }
    }

    /// The program of a name.
    pub(crate) fn program(&self, name: &Name) -> Option<&Program> {
        let index = self
            .programs
            .binary_search_by(|program| program.name.cmp(name))
            .ok()?;
        self.programs.get(index)
    }
}

/// Checks images and sorts the programs by name.
fn check_programs(images: Vec<(Name, &'static [u8])>) -> Result<Vec<Program>, BootError> {
    let mut programs = Vec::new();
    for (name, image) in images {
        let program = Program::new(name.clone(), image);
        programs.push(program.map_err(|error| BootError::Program { name, error })?);
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    let twins = programs
        .iter()
        .zip(programs.iter().skip(1))
        .find(|(a, b)| a.name == b.name);
    match twins {
        Some((program, _)) => Err(BootError::TwoPrograms(program.name.clone())),
        None => Ok(programs),
    }
}
