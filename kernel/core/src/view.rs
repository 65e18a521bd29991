//! The system as admission sees it: numbers to judge a plan by, and nothing to change.

use alloc::vec::Vec;

use proviso_abi::outcome::{Effect, Rejection};
use proviso_abi::plan::MAX_ACTIONS;
use proviso_abi::snapshot::{ProcessInfo, RuleInfo};
use proviso_abi::value::{Argument, Bytes, Content, Message, Name, Path, Percent, Pid, Sentence};
use proviso_abi::words::{Policy, Priority, ShutdownMode, SortKey};
use proviso_abi::{List, Text};

/// The number of a user. Never used twice while the machine is up.
pub type UserId = u32;
/// The user that the machine belongs to.
pub const OPERATOR: UserId = 0;

/// On whose authority a plan would run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// The operator at the console, or init on their behalf.
    Operator,
    /// An ordinary user at the console.
    User(UserId),
    /// A process that asked for itself.
    Process(Pid),
}

impl Principal {
    /// The user who owns what this principal starts; a process starts nothing.
    #[must_use]
    pub const fn user(self) -> UserId {
        match self {
            Self::User(user) => user,
            Self::Operator | Self::Process(_) => OPERATOR,
        }
    }
}

/// What a user may still take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// So many more living processes.
    pub processes: u32,
    /// So much more, as the sum of the memory limits of their processes.
    pub memory: Bytes,
}

/// A committed change, and how it would be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number, ascending.
    pub number: u64,
    /// The plan in words.
    pub what: Text<120>,
    /// What takes it back, in this order.
    pub inverse: Vec<Operation>,
    /// Why it cannot be taken back, if it cannot.
    pub lost: Option<Text<80>>,
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
    /// Whose it is.
    pub owner: UserId,
}

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramView {
    /// Its name.
    pub name: Name,
    /// What a start of it takes at once.
    pub footprint: Bytes,
}

/// Whether there are files, and whose the principal may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesView {
    /// Those below `home`, or all.
    There {
        /// The folder with the principal's files; none is all there are.
        home: Option<Path>,
    },
    /// The machine has no disk.
    NoDisk,
    /// The principal was disconnected from whoever does.
    Closed,
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
    /// What the principal may still take, if it has a quota.
    pub quota: Option<Quota>,
    /// What it holds beyond its quota, because the operator raised it.
    pub overdrawn: Quota,
    /// The numbers of the standing rules.
    pub rules: Vec<u32>,
    /// How many more rules there is room for.
    pub rule_slots: u32,
    /// How many more disconnections there is room for.
    pub cut_slots: u32,
    /// Processes that the principal was disconnected from.
    pub closed: Vec<Pid>,
    /// The principal's changes, the newest first.
    pub history: Vec<Change>,
    /// Whether an agent is there to remember what a user says.
    pub is_agent_there: bool,
    /// Files.
    pub files: FilesView,
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
    ListRules,
    ListEndpoints,
    ListDevices,
    Inspect(Vec<Pid>),
    /// Evidence on these.
    Explain(Vec<Pid>),
    /// Log lines with all of these words.
    SearchLog(Sentence),
    /// Audit records with all of these words.
    SearchHistory(Sentence),
    ListAudit {
        limit: Option<u32>,
    },
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
    Reclaim(Vec<(Pid, Bytes)>),
    Connect(Vec<(Pid, Pid)>),
    Disconnect(Vec<(Pid, Pid)>),
    /// A new rule; the number in it is given when it is set.
    SetRule(RuleInfo),
    ClearRule(u32),
    Remember(Sentence),
    Forget(Sentence),
    Undo(Vec<Change>),
    Send {
        to: Vec<Pid>,
        message: Message,
    },
    ReadFile(Path),
    ListFiles(Path),
    WriteFile(Path, Content),
    DeleteFile(Path),
    /// Takes back what this intent's plan did to files; no action says it.
    RestoreFiles(u64),
    Shutdown(ShutdownMode),
    /// The effect is the words: `answer`, `ask`, `refuse`, and nothing to do.
    Say(Effect),
}

/// What admission says of a plan: every operation in order, or every reason
/// why not.
pub type Verdict = Result<Vec<Operation>, List<Rejection, MAX_ACTIONS>>;
