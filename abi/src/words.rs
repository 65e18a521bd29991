//! The closed word lists of the vocabulary: priorities, states, kinds.

use core::fmt;

/// A word that is not in the list it was looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord {
    /// The words there are.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not one of")?;
        for (index, word) in self.known.iter().enumerate() {
            write!(f, "{} {word}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Defines an enum together with its words, each written once.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in order of definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word of every value, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that stands for this value.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;
            fn from_str(word: &str) -> Result<Self, $crate::words::UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord { known: Self::WORDS }),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// How urgently a process wants the processor, lowest first.
    Priority {
        /// Runs only when nothing else wants to.
        Idle = "idle",
        /// Below the ordinary.
        Low = "low",
        /// What a program gets when nobody says otherwise.
        Normal = "normal",
        /// Above the ordinary.
        High = "high",
        /// Before everything else.
        Realtime = "realtime",
    }
}

impl Priority {
    /// The level `step` levels up (or down, if negative), stopping at the ends.
    #[must_use]
    pub fn stepped(self, step: i8) -> Self {
        let last = Self::ALL.len() - 1;
        let index = (self as usize).saturating_add_signed(step.into()).min(last);
        Self::ALL.get(index).copied().unwrap_or(self)
    }
}

words! {
    /// What a process is doing.
    State {
        /// On the processor.
        Running = "running",
        /// Wants the processor.
        Ready = "ready",
        /// Waits for something.
        Blocked = "blocked",
        /// Stopped until somebody resumes it.
        Suspended = "suspended",
        /// Ended by a fault of its own; its record remains.
        Crashed = "crashed",
        /// Ended by its own wish; its record remains.
        Exited = "exited",
    }
}

words! {
    /// What `list` can show.
    ListWhat {
        /// Processes and what they use.
        Processes = "processes",
        /// Programs that can be started.
        Programs = "programs",
        /// Where the memory is.
        Memory = "memory",
        /// Files under a path.
        Files = "files",
        /// Standing rules.
        Rules = "rules",
        /// Who may call whom.
        Endpoints = "endpoints",
        /// Devices of the machine.
        Devices = "devices",
        /// The newest log lines.
        Log = "log",
        /// The audit record.
        Audit = "audit",
    }
}

words! {
    /// What `list` can sort by.
    SortKey {
        /// Share of the processor, most first.
        Cpu = "cpu",
        /// Memory in use, most first.
        Memory = "memory",
        /// Process number, lowest first.
        Pid = "pid",
        /// Name, alphabetically.
        Name = "name",
    }
}

words! {
    /// Where `search` looks.
    SearchWhere {
        /// The system log.
        Log = "log",
        /// Stored files.
        Files = "files",
        /// Documents outside the machine.
        Docs = "docs",
        /// Earlier requests and their results.
        History = "history",
    }
}

words! {
    /// How processor time is shared out.
    Policy {
        /// Turn by turn, whatever the priority.
        RoundRobin = "round_robin",
        /// Shares weighted by priority.
        Fair = "fair",
        /// Strictly by priority, equal shares within one.
        Priority = "priority",
        /// Strictly by priority, within one the interactive before the busy.
        Adaptive = "adaptive",
    }
}

words! {
    /// What sets off a rule.
    RuleWhen {
        /// A process crashed.
        Crash = "crash",
        /// A process exited.
        Exit = "exit",
        /// Memory in use over a threshold in bytes.
        MemoryOver = "memory_over",
        /// Processor share over a threshold in percent.
        CpuOver = "cpu_over",
        /// Idle for a threshold in milliseconds.
        Idle = "idle",
    }
}

words! {
    /// What a rule does.
    RuleDo {
        /// Restart the process.
        Restart = "restart",
        /// End the process.
        Kill = "kill",
        /// Suspend the process.
        Suspend = "suspend",
        /// Give it another priority.
        SetPriority = "set_priority",
        /// Give it another memory limit.
        SetMemoryLimit = "set_memory_limit",
        /// Tell the operator.
        Notify = "notify",
    }
}

words! {
    /// How the machine goes down.
    ShutdownMode {
        /// Stop.
        Halt = "halt",
        /// Start again.
        Reboot = "reboot",
    }
}

words! {
    /// What a selector ranks by.
    RankKey {
        /// Share of the processor.
        Cpu = "cpu",
        /// Memory in use.
        Memory = "memory",
        /// Memory limit.
        Limit = "limit",
        /// Time since start.
        Age = "age",
        /// Process number.
        Pid = "pid",
    }
}

words! {
    /// Which end of a ranking comes first.
    Order {
        /// The most first (by pid: the lowest first).
        Most = "most",
        /// The least first (by pid: the highest first).
        Least = "least",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip_and_strangers_are_named() {
        for (value, word) in Priority::ALL.iter().zip(Priority::WORDS) {
            assert_eq!(word.parse::<Priority>().unwrap(), *value);
            assert_eq!(value.as_str(), *word);
        }
        let error = "urgent".parse::<Priority>().unwrap_err();
        assert_eq!(
            std::format!("{error}"),
            "not one of idle, low, normal, high, realtime"
        );
    }

    #[test]
    fn a_step_stops_at_both_ends() {
        assert_eq!(Priority::Normal.stepped(1), Priority::High);
        assert_eq!(Priority::Normal.stepped(-1), Priority::Low);
        assert_eq!(Priority::Realtime.stepped(i8::MAX), Priority::Realtime);
        assert_eq!(Priority::Low.stepped(i8::MIN), Priority::Idle);
    }
}
