//! What code knows better than a model: whether what a plan names is there.
//!
//! The kernel decides all of this again, on the live system. Checking it here
//! lets the person hear at once what there is instead.

use proviso_abi::target::{ProcessRef, Selector};
use proviso_abi::{Action, Bytes, Plan, System, Target};

use crate::replies;

/// The plan without repeats, or a refusal if it is about what is not there.
#[must_use]
pub fn checked(plan: Plan, system: &System) -> Plan {
    let reason = plan
        .actions
        .iter()
        .find_map(|action| missing(action, system));
    match reason {
        Some(reason) => Plan::from(Action::Refuse {
            reason: proviso_abi::Sentence::cut(&reason),
        }),
        None => without_repeats(plan),
    }
}

/// Drops actions that an earlier one already says: starting something twice is
/// said with a count.
fn without_repeats(plan: Plan) -> Plan {
    let mut kept: Vec<Action> = Vec::new();
    for action in plan.actions.into_vec() {
        if !kept.contains(&action) {
            kept.push(action);
        }
    }
    // Not more than there were.
    Plan::new(kept).unwrap_or_default()
}

/// Why an action cannot be meant, if it is about something that is not there.
fn missing(action: &Action, system: &System) -> Option<String> {
    match action {
        Action::Spawn { program, .. } | Action::Scale { program, .. } => {
            let is_there = system
                .programs
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&program.0));
            (!is_there).then(|| replies::no_program(&program.0, system))
        }
        Action::ClearRule { id } => {
            let is_there = system.rules.iter().any(|rule| rule.id == *id);
            (!is_there).then(|| replies::no_rule(*id, system))
        }
        // A rule may be about what is started later.
        Action::SetRule { target, bytes, .. } => {
            absent(target, system, true).or_else(|| beyond(*bytes, system))
        }
        Action::GrantMemory { target, bytes } => {
            absent(target, system, false).or_else(|| beyond(Some(*bytes), system))
        }
        Action::SetMemoryLimit { target, bytes, .. } => {
            absent(target, system, false).or_else(|| beyond(*bytes, system))
        }
        _ => action
            .targets()
            .find_map(|target| absent(target, system, false)),
    }
}

/// More memory than the machine has.
fn beyond(bytes: Option<Bytes>, system: &System) -> Option<String> {
    bytes
        .filter(|bytes| *bytes > system.memory.total)
        .map(|_| replies::too_much(system))
}

/// The first of a target's processes that is not there.
fn absent(target: &Target, system: &System, may_be_program: bool) -> Option<String> {
    // A snapshot that leaves some out cannot say who is not there.
    if system.omitted > 0 {
        return None;
    }
    let is_named = |name: &str| {
        !replies::named(name, system).is_empty()
            || (may_be_program
                && system
                    .programs
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(name)))
    };
    let one = |one: &ProcessRef| match one {
        ProcessRef::Name(name) => (!is_named(name)).then(|| name.to_string()),
        ProcessRef::Pid(pid) => {
            let is_there = system.processes.iter().any(|process| process.pid == *pid);
            (!is_there).then(|| pid.to_string())
        }
    };
    let absent = match target {
        Target::One(process) => one(process),
        Target::Many(many) => many.iter().find_map(one),
        Target::Select(Selector { filter, .. }) => {
            let name = filter.name.as_ref()?;
            (!is_named(name)).then(|| name.to_string())
        }
        Target::All => None,
    };
    absent.map(|what| replies::no_process(&what, system))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::tests::system;

    fn outcome(actions: &str) -> String {
        let plan = serde_json::from_str(&format!("{{\"plan\":[{actions}]}}")).unwrap();
        serde_json::to_string(&checked(plan, &system())).unwrap()
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (actions, part) in [
            (r#"{"action":"kill","target":"ghost"}"#, "no process ghost"),
            (r#"{"action":"resume","target":[7,500]}"#, "no process 500"),
            (
                r#"{"action":"kill","target":{"where":{"name":"ghost"},"nth":1}}"#,
                "no process ghost",
            ),
            (
                r#"{"action":"status"},{"action":"spawn","program":"hog"}"#,
                "no program hog",
            ),
            (r#"{"action":"clear_rule","id":12}"#, "no rule 12"),
            (
                r#"{"action":"grant_memory","target":"logger","bytes":1073741824}"#,
                "128M",
            ),
            (
                r#"{"action":"connect","from":"logger","to":"ghost"}"#,
                "no process ghost",
            ),
        ] {
            let said = outcome(actions);
            assert!(
                said.contains("refuse") && said.contains(part),
                "{actions}: {said}"
            );
        }
    }

    #[test]
    fn what_is_there_stays_and_is_said_once() {
        for actions in [
            r#"{"action":"kill","target":"worker"}"#,
            r#"{"action":"set_rule","when":"exit","target":"counter","do":"notify"}"#,
            r#"{"action":"kill","target":"*"}"#,
        ] {
            assert_eq!(outcome(actions), format!("{{\"plan\":[{actions}]}}"));
        }
        let twice = r#"{"action":"undo"},{"action":"status"},{"action":"undo"}"#;
        assert_eq!(
            outcome(twice),
            r#"{"plan":[{"action":"undo"},{"action":"status"}]}"#
        );
    }

    #[test]
    fn a_snapshot_that_is_not_whole_proves_nothing() {
        let mut system = system();
        system.omitted = 3;
        let plan: Plan =
            serde_json::from_str(r#"{"plan":[{"action":"kill","target":99}]}"#).unwrap();
        assert_eq!(checked(plan.clone(), &system), plan);
    }
}
