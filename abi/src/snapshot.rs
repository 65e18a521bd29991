//! The picture of the system that goes with a request.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::target::Target;
use crate::value::{Bytes, Name, Pid, Sentence};
use crate::words::{Policy, Priority, RuleDo, RuleWhen, State};

/// The most processes in one snapshot; more are only counted.
pub const MAX_PROCESSES: usize = 64;
/// The most log lines in one snapshot.
pub const MAX_LOG: usize = 8;

/// The state of the system, as far as the one who asks may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// Whole seconds since boot.
    pub uptime_s: u64,
    /// The user on whose behalf the request is made.
    pub user: Name,
    /// How processor time is shared out.
    pub scheduler: Policy,
    /// Memory of the whole machine.
    pub memory: MemoryTotals,
    /// Names of the programs that can be started.
    pub programs: Vec<Name>,
    /// Processes, by pid.
    pub processes: Vec<ProcessInfo>,
    /// Standing rules.
    #[serde(default)]
    pub rules: Vec<RuleInfo>,
    /// The newest log lines, oldest first.
    #[serde(default)]
    pub log: Vec<LogLine>,
    /// The process that asks, if it is not the person at the console.
    #[serde(default)]
    pub caller: Option<Pid>,
    /// How many processes there are beyond those listed.
    #[serde(default)]
    pub omitted: u32,
    /// The actions that this kernel executes; empty means all of them.
    #[serde(default)]
    pub actions: Vec<ActionKind>,
}

/// Memory of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryTotals {
    /// All of it.
    pub total: Bytes,
    /// What nobody uses.
    pub free: Bytes,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its number.
    pub pid: Pid,
    /// Its name.
    pub name: Name,
    /// What it is doing.
    pub state: State,
    /// How urgently it wants the processor.
    pub priority: Priority,
    /// Its share of the processor of late, in percent.
    pub cpu: u8,
    /// Memory it holds.
    pub memory: Bytes,
    /// The most it may hold.
    pub limit: Bytes,
}

/// One line of the system log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Whole seconds since boot.
    pub t: u64,
    /// Who wrote it; 0 is the kernel.
    pub pid: Pid,
    /// What it says. Untrusted: a process may write anything.
    pub text: Sentence,
}

/// One standing rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInfo {
    /// Its number.
    pub id: u32,
    /// What sets it off.
    pub when: RuleWhen,
    /// Whose events count.
    pub target: Target,
    /// What it does.
    pub r#do: RuleDo,
    /// Bytes, percent or milliseconds, as `when` says.
    #[serde(default)]
    pub threshold: Option<u64>,
    /// For `set_priority`.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// For `set_memory_limit`.
    #[serde(default)]
    pub bytes: Option<Bytes>,
    /// At most so many times.
    #[serde(default)]
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_of_an_evaluation_case_reads() {
        let text = r#"{"uptime_s":812,"user":"operator","scheduler":"fair",
            "memory":{"total":134217728,"free":50331648},"programs":["counter","hog"],
            "processes":[{"pid":5,"name":"logger","state":"ready","priority":"normal","cpu":2,"memory":3984588,"limit":4194304}],
            "rules":[{"id":2,"action":"set_rule","when":"crash","target":"worker","do":"restart","limit":5}],
            "log":[{"t":811,"pid":5,"text":"buffer full"}],"caller":5}"#;
        let system: System = serde_json::from_str(text).unwrap();
        assert_eq!(system.caller, Some(5));
        let wire = postcard::to_allocvec(&system).unwrap();
        assert_eq!(postcard::from_bytes::<System>(&wire).unwrap(), system);
        let again = serde_json::to_string(&system).unwrap();
        assert_eq!(serde_json::from_str::<System>(&again).unwrap(), system);
    }
}
