//! The record of a process.

use alloc::string::String;
use alloc::vec::Vec;

use proviso_abi::layout::PAGE;
use proviso_abi::outcome::{Exit, ProcessName};
use proviso_abi::syscall::FOREVER;
use proviso_abi::value::Argument;
use proviso_abi::wire::IntentId;
use proviso_abi::{Bytes, Handle, Name, Pid, Priority};

use crate::capabilities::TableId;
use crate::cpu::CpuMeter;
use crate::cpu_cap::CpuCap;
use crate::faults::Fault;
use crate::ipc::Message;
use crate::machine::Machine;
use crate::mailbox::Mailbox;
use crate::object::ObjectId;
use crate::output::Output;
use crate::regions::Mapping;
use crate::user_slice::UserSlice;
use crate::view::UserId;

/// Whether a process lives, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It has a task.
    Alive,
    /// Ended by a fault of its own.
    Crashed,
    /// Ended by its own wish.
    Exited,
}

/// What a process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Time to pass, nothing else.
    Time,
    /// Something typed.
    Console(UserSlice),
    /// The next event of an intent of its own.
    Intent(IntentId, UserSlice),
    /// A call or a letter at an endpoint.
    Receive(ObjectId),
    /// To be received at an endpoint.
    Call(ObjectId),
    /// The answer of the process that received its call.
    Reply(Pid),
    /// Bits of a notification.
    Bits(ObjectId),
    /// The end of another process.
    Death(UserSlice),
    /// An interrupt of the disk's.
    Line,
}

impl Event {
    /// The object that it is about, if it is about one.
    #[must_use]
    pub const fn object(self) -> Option<ObjectId> {
        match self {
            Self::Receive(id) | Self::Call(id) | Self::Bits(id) => Some(id),
            _ => None,
        }
    }
}

/// What a process waits for, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// What ends the wait early.
    pub event: Event,
    /// When it began.
    pub since_ns: u64,
    /// What ends it at the latest; [`FOREVER`] means nothing does.
    pub until_ns: u64,
}

impl Wait {
    /// A wait of so long from now.
    #[must_use]
    pub const fn new(event: Event, now_ns: u64, duration_ns: u64) -> Self {
        Self {
            event,
            since_ns: now_ns,
            until_ns: now_ns.saturating_add(duration_ns),
        }
    }

    /// Whether the time is up.
    #[must_use]
    pub const fn is_over(&self, now_ns: u64) -> bool {
        self.until_ns != FOREVER && now_ns >= self.until_ns
    }

    /// In words, for lists.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.event {
            Event::Time => "the clock",
            Event::Console(_) => "the console",
            Event::Intent(..) => "an intent",
            Event::Receive(_) => "a message",
            Event::Call(_) => "a call",
            Event::Reply(_) => "a reply",
            Event::Bits(_) => "a notification",
            Event::Death(_) => "a process's end",
            Event::Line => "an interrupt",
        }
    }
}

/// A process, or what is left of it.
#[derive(Debug)]
pub struct Process<T> {
    /// Its number.
    pub pid: Pid,
    /// Its name; that of its program.
    pub name: Name,
    /// Its arguments, kept for restarts.
    pub args: Vec<Argument>,
    /// Who started it.
    pub parent: Pid,
    /// The user it belongs to.
    pub owner: UserId,
    /// How urgently it wants the processor.
    pub priority: Priority,
    /// The most memory it may hold.
    pub limit: Bytes,
    /// Its address space, as long as it lives.
    pub task: Option<T>,
    /// Whether it lives.
    pub life: Life,
    /// Stopped until resumed. Its wait goes on meanwhile and may even end.
    pub is_suspended: bool,
    /// What it waits for, if it waits.
    pub wait: Option<Wait>,
    /// Letters for it.
    pub mailbox: Mailbox,
    /// Its handle table, as long as it lives.
    pub handles: Option<TableId>,
    /// Its own endpoint, as long as somebody can receive there.
    pub home: Option<ObjectId>,
    /// What it says in the call, reply or receive that it is in; none where it
    /// went the short way, with words alone.
    pub message: Option<Message>,
    /// The fault that its guard has been told of, and has not judged.
    pub fault: Option<Fault>,
    /// By which of its handles its guard is told of faults.
    pub guard: Handle,
    /// Whose call it has received and not answered.
    pub serving: Option<Pid>,
    /// Whether a person needs it to put things right.
    pub is_caretaker: bool,
    /// Whether it gave the disk memory of its own to work with.
    pub is_driver: bool,
    /// Processor time that is not on any account yet, in the machine's ticks.
    pub unbilled_ticks: u64,
    /// Whether it is on the kernel's list of those to be settled.
    pub is_unsettled: bool,
    /// How urgent those are who wait for it.
    pub inherited: Priority,
    /// Output that is not a whole line yet.
    pub output: Output,
    /// Pages of its heap.
    pub heap_pages: u64,
    /// Frames of the regions that it made.
    pub region_frames: u64,
    /// Where it has mapped regions.
    pub mappings: Vec<Mapping>,
    /// Processor time of all its lives.
    pub cpu: CpuMeter,
    /// How much of the processor it may have.
    pub cpu_cap: CpuCap,
    /// When it was last started.
    pub started_ns: u64,
    /// How often it was started anew.
    pub restarts: u32,
    /// How its last life ended.
    pub last_exit: Option<Exit>,
}

impl<T> Process<T> {
    /// Whether it lives.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.life == Life::Alive
    }

    /// Whether it wants the processor and may have it.
    #[must_use]
    pub fn is_runnable(&self) -> bool {
        self.is_alive()
            && !self.is_suspended
            && self.wait.is_none()
            && self.fault.is_none()
            && !self.cpu_cap.is_spent()
    }

    /// What keeps it from running, in words.
    #[must_use]
    pub fn waits_for(&self) -> Option<&'static str> {
        let throttled = self
            .cpu_cap
            .is_spent()
            .then_some("its share of the processor");
        self.wait.map(|wait| wait.name()).or(throttled)
    }

    /// Its number and name.
    #[must_use]
    pub fn title(&self) -> ProcessName {
        ProcessName {
            pid: self.pid,
            name: self.name.clone(),
        }
    }

    /// Its limit in frames.
    #[must_use]
    pub const fn limit_frames(&self) -> u64 {
        self.limit.0 / PAGE
    }

    /// Frames on its account: what its task holds, and its regions.
    #[must_use]
    pub fn frames<M: Machine<Task = T>>(&self, machine: &M) -> u64 {
        let task = self.task.as_ref().map_or(0, |task| machine.frames_of(task));
        task.saturating_add(self.region_frames)
    }

    /// Its arguments as it gets them: joined by NUL bytes.
    #[must_use]
    pub fn joined_args(args: &[Argument]) -> String {
        let mut joined = String::new();
        for (index, argument) in args.iter().enumerate() {
            if index > 0 {
                joined.push('\0');
            }
            joined.push_str(argument);
        }
        joined
    }

    /// Forgets everything that belongs to one life only.
    pub fn forget_life(&mut self) {
        self.is_suspended = false;
        self.wait = None;
        self.mailbox.clear();
        self.message = None;
        self.fault = None;
        self.guard = Handle::NONE;
        self.serving = None;
        self.inherited = Priority::Idle;
        self.output = Output::default();
        self.heap_pages = 0;
        self.region_frames = 0;
        self.mappings = Vec::new();
        self.is_driver = false;
    }
}
