//! Standing rules: what makes one well formed, and what it does when it acts.

use proviso_abi::action::Action;
use proviso_abi::outcome::Reason::{Malformed, NoSuchTarget, TooMany, WrongState};
use proviso_abi::snapshot::RuleInfo;
use proviso_abi::target::{ProcessRef, Target};
use proviso_abi::value::Pid;
use proviso_abi::words::{RuleDo, RuleWhen};

use super::Judge;
use super::words::{Judged, ROOM_FOR_LIST, listed, refuse};
use crate::select::{expand, is_same_name};
use crate::view::Operation;

/// A rule has the numbers that its words need, and no others.
pub fn check_form(action: &Action) -> Judged<()> {
    let Action::SetRule {
        when,
        r#do,
        threshold,
        priority,
        bytes,
        limit,
        ..
    } = action
    else {
        return Ok(());
    };
    let needs_threshold = matches!(
        when,
        RuleWhen::MemoryOver | RuleWhen::CpuOver | RuleWhen::Idle
    );
    check_field(
        "when",
        *when,
        "threshold",
        needs_threshold,
        threshold.is_some(),
    )?;
    let needs_priority = *r#do == RuleDo::SetPriority;
    check_field("do", *r#do, "priority", needs_priority, priority.is_some())?;
    let needs_bytes = *r#do == RuleDo::SetMemoryLimit;
    check_field("do", *r#do, "bytes", needs_bytes, bytes.is_some())?;
    match (when, threshold) {
        (RuleWhen::CpuOver, Some(100..)) => refuse(
            Malformed,
            format_args!("a processor share is never over 100%; use a threshold of 1 to 99"),
        ),
        _ if *limit == Some(0) => refuse(
            Malformed,
            format_args!("a rule that acts at most 0 times does nothing; use at least 1"),
        ),
        _ => Ok(()),
    }
}

fn check_field(
    place: &str,
    word: impl core::fmt::Display,
    field: &str,
    is_needed: bool,
    is_there: bool,
) -> Judged<()> {
    match (is_needed, is_there) {
        (true, false) => refuse(
            Malformed,
            format_args!("a rule with {place} {word} needs a {field}"),
        ),
        (false, true) => refuse(
            Malformed,
            format_args!("a rule with {place} {word} has no use for a {field}; leave it out"),
        ),
        _ => Ok(()),
    }
}

/// What a rule does to one process, as the action that it stands for; nothing
/// if it only says so.
#[must_use]
pub fn action_on(rule: &RuleInfo, pid: Pid) -> Option<Action> {
    let (target, except) = (Target::pid(pid), None);
    Some(match rule.r#do {
        RuleDo::Notify => return None,
        RuleDo::Restart => Action::Restart { target, except },
        RuleDo::Kill => Action::Kill { target, except },
        RuleDo::Suspend => Action::Suspend { target, except },
        RuleDo::SetPriority => Action::SetPriority {
            target,
            except,
            priority: rule.priority,
            step: None,
        },
        RuleDo::SetMemoryLimit => Action::SetMemoryLimit {
            target,
            except,
            bytes: rule.bytes,
            times: None,
        },
    })
}

impl Judge<'_> {
    /// A rule may be about processes that come later, but what it names must be
    /// a process or at least a program.
    pub(super) fn set_rule(&mut self, rule: RuleInfo) -> Judged<Operation> {
        let found = expand(&rule.target, &[], self.view);
        // One that comes back has a number, and may watch who is gone meanwhile.
        let comes_back = rule.id != 0;
        let is_known = |one: &ProcessRef| match one {
            _ if comes_back => true,
            ProcessRef::Pid(_) => false,
            ProcessRef::Name(name) => self
                .view
                .programs
                .iter()
                .any(|program| is_same_name(&program.name, name.trim())),
        };
        if let Some(stranger) = found.missing.iter().find(|one| !is_known(one)) {
            let programs = self.view.programs.iter().map(|program| &program.name);
            let there = listed(programs, ROOM_FOR_LIST);
            let stranger = Target::One(stranger.clone());
            return refuse(
                NoSuchTarget,
                format_args!(
                    "no process or program \"{stranger}\" to make a rule for; there are {there}"
                ),
            );
        }
        let Some(left) = self.ledger.rule_slots.checked_sub(1) else {
            return refuse(
                TooMany,
                format_args!("there is no room for another rule; clear one first"),
            );
        };
        self.ledger.rule_slots = left;
        // What set it may be undone next.
        if comes_back {
            self.ledger.rules.push(rule.id);
        }
        Ok(Operation::SetRule(rule))
    }

    /// Removes a rule that is there.
    pub(super) fn clear_rule(&mut self, id: u32) -> Judged<Operation> {
        let Some(place) = self.ledger.rules.iter().position(|rule| *rule == id) else {
            let there = listed(&self.ledger.rules, ROOM_FOR_LIST);
            let there = if there.is_empty() { "none" } else { &*there };
            return refuse(
                if self.view.rules.contains(&id) {
                    WrongState
                } else {
                    NoSuchTarget
                },
                format_args!("no rule {id}; rules: {there}"),
            );
        };
        self.ledger.rules.remove(place);
        self.ledger.rule_slots = self.ledger.rule_slots.saturating_add(1);
        Ok(Operation::ClearRule(id))
    }
}
