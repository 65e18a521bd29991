//! Who the person at the console is, what they may have, and what they are
//! asked before.
//!
//! Whoever sits at the console is trusted: becoming another user asks for no
//! password. Users are a way to work with less authority than the operator's,
//! and to let others, such as the model, have less.

use alloc::vec::Vec;

use proviso_abi::console::{ConfirmPolicy, UserInfo};
use proviso_abi::{Bytes, Name, Pid};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::process::Process;
use crate::select::is_same_name;
use crate::view::{OPERATOR, Principal, Quota, UserId};

/// The most users beside the operator.
pub const MAX_USERS: usize = 16;
/// What a user may have if nobody says otherwise.
pub const DEFAULT_QUOTA: Quota = Quota {
    processes: 8,
    memory: Bytes(32 << 20),
};

/// A user; the operator is one of them, without a quota.
#[derive(Debug, Clone)]
struct User {
    id: UserId,
    name: Name,
    quota: Option<Quota>,
    confirm: ConfirmPolicy,
}

/// The users, and which of them the console acts as.
#[derive(Debug)]
pub struct Users {
    list: Vec<User>,
    here: UserId,
}

impl Default for Users {
    fn default() -> Self {
        let operator = User {
            id: OPERATOR,
            name: Name::cut("operator"),
            quota: None,
            confirm: ConfirmPolicy::Destroy,
        };
        Self {
            list: alloc::vec![operator],
            here: OPERATOR,
        }
    }
}

/// Why a user is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoUser {
    /// There is one of that name.
    Exists,
    /// The name is no name: letters, digits, `-` and `_`.
    BadName,
    /// There are too many.
    TooMany,
}

impl Users {
    /// Makes an ordinary user.
    ///
    /// # Errors
    /// If the name is taken or is none, or there are too many users.
    pub fn add(&mut self, name: &Name, quota: Quota) -> Result<(), NoUser> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(NoUser::BadName);
        }
        if self.find(name).is_some() {
            return Err(NoUser::Exists);
        }
        if self.list.len() > MAX_USERS {
            return Err(NoUser::TooMany);
        }
        // Users are never removed, so their count numbers them.
        let id = UserId::try_from(self.list.len()).map_err(|_| NoUser::TooMany)?;
        self.list.push(User {
            id,
            name: name.clone(),
            quota: Some(quota),
            confirm: ConfirmPolicy::Destroy,
        });
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&User> {
        let mut users = self.list.iter();
        users.find(|user| is_same_name(&user.name, name.trim()))
    }

    fn get(&self, id: UserId) -> Option<&User> {
        self.list.iter().find(|user| user.id == id)
    }

    /// Acts as this user from now on; false if there is none of that name.
    pub fn become_user(&mut self, name: &str) -> bool {
        let Some(id) = self.find(name).map(|user| user.id) else {
            return false;
        };
        self.here = id;
        true
    }

    /// On whose authority the console acts.
    #[must_use]
    pub const fn at_console(&self) -> Principal {
        match self.here {
            OPERATOR => Principal::Operator,
            user => Principal::User(user),
        }
    }

    /// A user's name.
    #[must_use]
    pub fn name(&self, id: UserId) -> Name {
        self.get(id)
            .map(|user| user.name.clone())
            .unwrap_or_default()
    }

    /// A user's quota, if they have one.
    #[must_use]
    pub fn quota(&self, id: UserId) -> Option<Quota> {
        self.get(id)?.quota
    }

    /// What a user is asked before.
    #[must_use]
    pub fn confirm(&self, id: UserId) -> ConfirmPolicy {
        self.get(id)
            .map_or(ConfirmPolicy::Always, |user| user.confirm)
    }

    /// Changes what the user at the console is asked before.
    pub fn set_confirm(&mut self, confirm: ConfirmPolicy) {
        let here = self.here;
        if let Some(user) = self.list.iter_mut().find(|user| user.id == here) {
            user.confirm = confirm;
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// What a user's living processes are and may come to: their number and the
    /// sum of their limits.
    fn held_by(&self, user: UserId) -> Quota {
        let own = |process: &&Process<M::Task>| process.owner == user;
        let (mut processes, mut memory) = (0u32, 0u64);
        for process in self.table.living().filter(own) {
            processes = processes.saturating_add(1);
            memory = memory.saturating_add(process.limit.0);
        }
        Quota {
            processes,
            memory: Bytes(memory),
        }
    }

    /// What a principal may still take, if it has a quota. A process takes from
    /// its owner's.
    pub(crate) fn quota_left(&self, principal: Principal) -> Option<Quota> {
        let user = self.owner_of(principal);
        let most = self.users.quota(user)?;
        let held = self.held_by(user);
        Some(Quota {
            processes: most.processes.saturating_sub(held.processes),
            memory: Bytes(most.memory.0.saturating_sub(held.memory.0)),
        })
    }

    /// What a principal's user holds beyond the quota: the operator may raise
    /// limits of theirs over it.
    pub(crate) fn overdrawn(&self, principal: Principal) -> Quota {
        let user = self.owner_of(principal);
        let Some(most) = self.users.quota(user) else {
            return Quota::default();
        };
        let held = self.held_by(user);
        Quota {
            processes: held.processes.saturating_sub(most.processes),
            memory: Bytes(held.memory.0.saturating_sub(most.memory.0)),
        }
    }

    /// The user behind a principal.
    pub(crate) fn owner_of(&self, principal: Principal) -> UserId {
        match principal {
            Principal::Process(pid) => self.owner(pid),
            other => other.user(),
        }
    }

    fn owner(&self, pid: Pid) -> UserId {
        self.table
            .get(pid)
            .map_or(OPERATOR, |process| process.owner)
    }

    /// The users as lists show them.
    pub(crate) fn show_users(&self) -> Vec<UserInfo> {
        let info = |user: &User| {
            let held = self.held_by(user.id);
            UserInfo {
                name: user.name.clone(),
                is_here: user.id == self.users.here,
                confirm: user.confirm,
                processes: held.processes,
                max_processes: user.quota.map(|quota| quota.processes),
                memory: held.memory,
                max_memory: user.quota.map(|quota| quota.memory),
            }
        };
        self.users.list.iter().map(info).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_taken_once() {
        let mut users = Users::default();
        let add = |users: &mut Users, name: &str| users.add(&Name::cut(name), DEFAULT_QUOTA);
        assert_eq!(add(&mut users, "ann"), Ok(()));
        assert_eq!(add(&mut users, "ANN"), Err(NoUser::Exists));
        assert_eq!(add(&mut users, "Operator"), Err(NoUser::Exists));
        for name in ["", "a b", "a/b", "\u{1b}[2J", "käthe"] {
            assert_eq!(add(&mut users, name), Err(NoUser::BadName), "{name}");
        }
        for number in 1..MAX_USERS {
            assert_eq!(add(&mut users, &std::format!("u{number}")), Ok(()));
        }
        assert_eq!(add(&mut users, "late"), Err(NoUser::TooMany));
    }

    #[test]
    fn a_stranger_is_nobody_and_is_asked_before_everything() {
        let mut users = Users::default();
        assert!(!users.become_user("ghost"));
        assert_eq!(users.at_console(), Principal::Operator);
        assert_eq!(users.confirm(99), ConfirmPolicy::Always);
    }
}
