//! What looking at the system shows beside plain lists.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::bounded::Text;
use crate::outcome::{ProcessDetail, ProcessName};
use crate::snapshot::{LogLine, RuleInfo};
use crate::value::{Bytes, Name, Pid};

/// What there is to know about why something is as it is. It is collected by
/// the kernel; what it means is for a person, or a model, to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The processes in question, with how they last ended.
    pub processes: Vec<ProcessDetail>,
    /// The newest log lines by them or about them, oldest first.
    pub log: Vec<LogLine>,
    /// Free memory above the reserve.
    pub memory_free: Bytes,
    /// How busy the processor was of late, in percent.
    pub cpu: u8,
}

/// One standing rule and what it did so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule.
    pub rule: RuleInfo,
    /// Who made it.
    pub maker: Name,
    /// How often it acted.
    pub fired: u32,
}

/// Who cannot call a process. Whoever is not listed can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// The process that is called.
    pub process: ProcessName,
    /// Messages that wait for it.
    pub messages: u32,
    /// Processes that were disconnected from it.
    pub cut_off: Vec<Pid>,
}

/// A device of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: Name,
    /// What it is and what it is used for.
    pub what: Text<80>,
}
