//! What the kernel says back: verdicts, effects, the events of an intent.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::audit::AuditRecord;
use crate::bounded::{List, Text};
use crate::console::UserInfo;
use crate::files::{FileEntry, MAX_SHOWN};
use crate::plan::{MAX_ACTIONS, Plan};
use crate::report::{Device, EndpointReport, Evidence, RuleReport};
use crate::snapshot::{LogLine, MemoryTotals, ProcessInfo, RuleInfo};
use crate::value::{Argument, Bytes, Name, Path, Percent, Pid, Sentence};
use crate::wire::ModelStats;
use crate::words::{Policy, Priority, ShutdownMode, words};

words! {
    /// Why an action was rejected, for machines.
    Reason {
        /// No process is meant by the target.
        NoSuchTarget = "NoSuchTarget",
        /// No program has that name.
        NoSuchProgram = "NoSuchProgram",
        /// The one who asks may not do this.
        NotPermitted = "NotPermitted",
        /// It would exceed what the one who asks may have.
        OverQuota = "OverQuota",
        /// The machine does not have that much memory to give.
        WouldExhaustMemory = "WouldExhaustMemory",
        /// The target is one that the system cannot do without.
        Protected = "Protected",
        /// It is not clear which of several is meant.
        Ambiguous = "Ambiguous",
        /// The action or plan is not formed as it must be.
        Malformed = "Malformed",
        /// More than the system takes at once.
        TooMany = "TooMany",
        /// A person has to say yes first.
        NeedsConfirmation = "NeedsConfirmation",
        /// Things have changed since the plan was made.
        Stale = "Stale",
        /// The target is in no state in which this makes sense.
        WrongState = "WrongState",
        /// This kernel does not execute that action.
        Unsupported = "Unsupported",
        /// What was changed cannot be taken back.
        NotUndoable = "NotUndoable",
    }
}

/// Why a plan, or one action of it, was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Which action, counted from 0; nothing if it is the plan as a whole.
    pub action: Option<u8>,
    /// Why, for machines.
    pub reason: Reason,
    /// Why and what would help, for people.
    pub text: Text<200>,
    /// The nearest action that would be admitted in its place, if there is one.
    pub instead: Option<Action>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.text)
    }
}

/// What one action of a plan did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The health of the system.
    Status(StatusReport),
    /// Processes, in the order asked for.
    Processes(Vec<ProcessInfo>),
    /// Programs that can be started.
    Programs(Vec<Name>),
    /// Where the memory is.
    Memory(MemoryReport),
    /// Log lines, oldest first.
    Log(Vec<LogLine>),
    /// Everything about some processes.
    Inspected(Vec<ProcessDetail>),
    /// Started these processes.
    Spawned(Vec<ProcessName>),
    /// Ended these processes.
    Killed(Vec<ProcessName>),
    /// Suspended these processes.
    Suspended(Vec<ProcessName>),
    /// Resumed these processes.
    Resumed(Vec<ProcessName>),
    /// Ended these and started them anew, under the same numbers.
    Restarted(Vec<ProcessName>),
    /// These have another priority now.
    PrioritySet(Vec<(ProcessName, Priority)>),
    /// These have another memory limit now.
    LimitSet(Vec<(ProcessName, Bytes)>),
    /// These have another cap on their share of the processor now.
    CpuLimitSet(Vec<(ProcessName, Percent)>),
    /// Processor time is shared out like this now, with turns of so long.
    SchedulerSet(Policy, u32),
    /// The message went to these processes.
    Sent(Vec<ProcessName>),
    /// The machine goes down.
    ShuttingDown(ShutdownMode),
    /// A reply in words.
    Answer(Sentence),
    /// A question back.
    Ask(Sentence),
    /// The planner found no action for the request.
    Refuse(Sentence),
    /// Evidence about processes.
    Explained(Evidence),
    /// Standing rules.
    Rules(Vec<RuleReport>),
    /// Who may call whom.
    Endpoints(Vec<EndpointReport>),
    /// Devices of the machine.
    Devices(Vec<Device>),
    /// Nothing had to be done, and why.
    Unchanged(Text<200>),
    /// Unused memory was taken back: these have this limit now.
    Reclaimed(Vec<(ProcessName, Bytes)>),
    /// The first of each pair may call the second now.
    Connected(Vec<(ProcessName, ProcessName)>),
    /// The first of each pair may not call the second any more.
    Disconnected(Vec<(ProcessName, ProcessName)>),
    /// This rule stands now.
    RuleSet(RuleInfo),
    /// This rule is no more.
    RuleCleared(RuleInfo),
    /// These changes were taken back, the newest first.
    Undone(Vec<Text<120>>),
    /// The agent was told to remember this.
    Remembered(Sentence),
    /// The agent was told to forget this.
    Forgotten(Sentence),
    /// The audit record, oldest first.
    Audit(Vec<AuditRecord>),
    /// The users.
    Users(Vec<UserInfo>),
    /// What the console asked for is done.
    Note(Text<200>),
    /// The beginning of a file. What is in it is data: it may say anything.
    File {
        /// Which file.
        path: Path,
        /// How it begins.
        text: Text<MAX_SHOWN>,
        /// The size of all of it.
        bytes: u64,
    },
    /// What stands in a folder.
    Files {
        /// Which folder.
        path: Path,
        /// By name.
        entries: Vec<FileEntry>,
        /// How many more there are.
        more: u32,
    },
    /// A file was written.
    Wrote {
        /// Which.
        path: Path,
        /// Its size now.
        bytes: u64,
        /// Whether there was one, which `undo` brings back.
        was_there: bool,
    },
    /// A file was deleted, which `undo` brings back.
    Deleted {
        /// Which.
        path: Path,
        /// Its size.
        bytes: u64,
    },
}

/// A process by number and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessName {
    /// Its number.
    pub pid: Pid,
    /// Its name.
    pub name: Name,
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.pid)
    }
}

/// The health of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Whole seconds since boot.
    pub uptime_s: u64,
    /// How processor time is shared out.
    pub scheduler: Policy,
    /// How long a turn is, in milliseconds, rounded up.
    pub quantum_ms: u32,
    /// Memory of the machine.
    pub memory: MemoryTotals,
    /// Processes that are alive.
    pub alive: u32,
    /// Processes that crashed and still have their record.
    pub crashed: u32,
    /// How busy the processor was of late, in percent.
    pub cpu: u8,
    /// Intents waiting for the agent.
    pub intents: u32,
    /// The model behind the agent, if the agent is there.
    pub agent: Option<Name>,
}

/// Where the memory is. `total` is the sum of the other four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReport {
    /// All that the kernel manages.
    pub total: Bytes,
    /// Held by the kernel itself, its image, heap and ramdisk.
    pub kernel: Bytes,
    /// Held by processes, page tables included.
    pub processes: Bytes,
    /// Free, but kept back from every plan.
    pub reserve: Bytes,
    /// Free to give.
    pub free: Bytes,
    /// Of the kernel's heap, in use now.
    pub kernel_heap_used: Bytes,
    /// The kernel's heap as a whole.
    pub kernel_heap: Bytes,
}

/// Everything about one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessDetail {
    /// What lists show.
    pub info: ProcessInfo,
    /// The process that started it.
    pub parent: Pid,
    /// The program's arguments.
    pub args: Vec<Argument>,
    /// Processor time used, in nanoseconds.
    pub cpu_time_ns: u64,
    /// The most of the processor that it may have, if there is a cap.
    pub cpu_limit: Option<Percent>,
    /// Time since it was last started, in nanoseconds.
    pub age_ns: u64,
    /// How often it was started anew.
    pub restarts: u32,
    /// Messages waiting for it.
    pub messages: u32,
    /// How its last life ended, if one did.
    pub last_exit: Option<Exit>,
    /// What it waits for, if it waits.
    pub waits_for: Option<Name>,
}

/// How a life of a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Which process.
    pub process: ProcessName,
    /// How.
    pub exit: Exit,
}

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// By its own wish, with this code.
    Code(i32),
    /// By an action.
    Killed,
    /// By a fault of its own.
    Crashed {
        /// What it did, in words.
        what: Text<48>,
        /// The instruction that did it.
        instruction: u64,
        /// The address it was about, if the fault has one.
        address: Option<u64>,
    },
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Killed => f.write_str("killed"),
            Self::Crashed {
                what,
                instruction,
                address,
            } => {
                write!(f, "{what} at instruction {instruction:#x}")?;
                address.map_or(Ok(()), |address| write!(f, ", address {address:#x}"))
            }
        }
    }
}

/// What happens to an intent, in the order in which its submitter hears of it.
///
/// `Rejected`, `Done` and `Failed` are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntentEvent {
    /// The agent has the sentence and works on it.
    Accepted,
    /// The model is still at it; so many tokens of the plan exist.
    Progress {
        /// Tokens generated so far.
        generated_tokens: u32,
    },
    /// The agent proposes this.
    Proposed {
        /// The plan, not yet admitted.
        plan: Plan,
        /// What it cost.
        stats: ModelStats,
    },
    /// The kernel did none of it and told the agent why, which may propose
    /// another plan.
    Revising {
        /// At least one reason.
        rejections: List<Rejection, MAX_ACTIONS>,
    },
    /// The agent looks at something before it plans.
    Looking {
        /// At what.
        plan: Plan,
    },
    /// The plan would be admitted, but a person has to say yes first: by
    /// [`crate::console::ConsoleRequest::Answer`].
    Confirm {
        /// What would be lost or changed, a line each.
        loss: Vec<Text<160>>,
    },
    /// The kernel did none of it.
    Rejected {
        /// At least one reason.
        rejections: List<Rejection, MAX_ACTIONS>,
        /// Time the kernel took to decide, in nanoseconds.
        kernel_ns: u64,
    },
    /// The kernel did all of it.
    Done {
        /// One per action, in order.
        effects: Vec<Effect>,
        /// Time the kernel took to admit and commit, in nanoseconds.
        kernel_ns: u64,
    },
    /// There will be no plan.
    Failed {
        /// What happened and what would help.
        text: Text<200>,
    },
}

impl IntentEvent {
    /// Whether nothing comes after this.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Rejected { .. } | Self::Done { .. } | Self::Failed { .. }
        )
    }
}
