//! What only the person at the console can ask for, by
//! [`SUBMIT_CONSOLE`](crate::syscall::SUBMIT_CONSOLE): who they are, what they
//! are asked before, and their yes or no. None of it is an action, so no plan,
//! and so no model, can ever say it.

use serde::{Deserialize, Serialize};

use crate::value::{Bytes, Name};
use crate::wire::IntentId;
use crate::words::words;

words! {
    /// What a person is asked before it is done.
    ConfirmPolicy {
        /// Everything that changes something.
        Always = "always",
        /// What destroys, unless it was asked for by name.
        Destroy = "destroy",
        /// Nothing.
        Never = "never",
    }
}

/// One request of the console's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConsoleRequest {
    /// Yes or no to what an intent asked.
    Answer {
        /// Which intent.
        intent: IntentId,
        /// Whether it may go on.
        yes: bool,
    },
    /// Shows the users.
    Users,
    /// Makes an ordinary user; the operator's alone.
    AddUser {
        /// Their name.
        name: Name,
        /// How many living processes they may have.
        processes: Option<u32>,
        /// The most that the memory limits of these may come to.
        memory: Option<Bytes>,
    },
    /// Acts as this user from now on.
    Become(Name),
    /// Changes what this user is asked before.
    Confirm(ConfirmPolicy),
    /// Sends the audit record to the agent, which writes it to a file.
    ExportAudit,
}

/// A user, as lists show them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInfo {
    /// Their name.
    pub name: Name,
    /// Whether the console acts as this user.
    pub is_here: bool,
    /// What they are asked before.
    pub confirm: ConfirmPolicy,
    /// Their living processes.
    pub processes: u32,
    /// How many they may have, if that is limited.
    pub max_processes: Option<u32>,
    /// What the memory limits of their processes come to.
    pub memory: Bytes,
    /// The most that these may come to, if that is limited.
    pub max_memory: Option<Bytes>,
}
