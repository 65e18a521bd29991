//! The system as admission sees it: numbers to judge a plan by, and nothing to change.

use alloc::vec::Vec;

use proviso_abi::List;
use proviso_abi::outcome::{Effect, Rejection};
use proviso_abi::plan::MAX_ACTIONS;
use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::value::{Argument, Bytes, Message, Name, Percent, Pid};
use proviso_abi::words::{Policy, Priority, ShutdownMode, SortKey};

/// On whose authority a plan would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// The person at the console, or init on their behalf.
    Operator,
    /// A process that asked for itself.
    Process(Pid),
}

/// One process, dead ones with a record included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessView {
    /// What lists show.
    pub info: ProcessInfo,
    /// When it was last started, in nanoseconds since boot.
    pub started_ns: u64,
    /// What a fresh start of it takes at once.
    pub footprint: Bytes,
    /// How many more messages it can be sent.
    pub mailbox_free: u32,
    /// The most of the processor that it may have, if there is a cap.
    pub cpu_limit: Option<Percent>,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramView {
    /// Its name.
    pub name: Name,
    /// What a start of it takes at once.
    pub footprint: Bytes,
}

/// All that a verdict may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Processes, by pid.
    pub processes: Vec<ProcessView>,
    /// Programs, by name.
    pub programs: Vec<ProgramView>,
    /// All memory that the kernel could ever give to processes.
    pub memory_total: Bytes,
    /// Free memory above the system's reserve.
    pub memory_free: Bytes,
    /// How many more processes the process table can hold.
    pub process_slots: u32,
}

/// An admitted action: targets expanded, defaults filled, arithmetic done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the actions")]
pub enum Operation {
    Status,
    ListProcesses {
        sort: SortKey,
        limit: Option<u32>,
    },
    ListPrograms,
    ListMemory,
    ListLog {
        limit: Option<u32>,
    },
    Inspect(Vec<Pid>),
    Spawn {
        program: Name,
        args: Vec<Argument>,
        count: u32,
        priority: Priority,
        memory_limit: Bytes,
    },
    Kill(Vec<Pid>),
    Suspend(Vec<Pid>),
    Resume(Vec<Pid>),
    Restart(Vec<Pid>),
    SetPriority(Vec<(Pid, Priority)>),
    SetLimit(Vec<(Pid, Bytes)>),
    SetCpuLimit(Vec<(Pid, Percent)>),
    /// Without a quantum the one there is stays.
    SetScheduler {
        policy: Policy,
        quantum_ms: Option<u32>,
    },
    Send {
        to: Vec<Pid>,
        message: Message,
    },
    Shutdown(ShutdownMode),
    /// `answer`, `ask` and `refuse`: the effect is the words.
    Say(Effect),
}

/// What admission says of a plan: every operation in order, or every reason
/// why not.
pub type Verdict = Result<Vec<Operation>, List<Rejection, MAX_ACTIONS>>;
