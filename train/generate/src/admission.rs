//! The kernel's own judgement of a plan: training must not teach what no kernel takes.

use proviso_abi::outcome::Reason;
use proviso_abi::{Action, Bytes, Plan, System};
use proviso_kernel_core::admit::admit;
use proviso_kernel_core::view::{FilesView, OPERATOR, Principal, ProcessView, ProgramView, View};

/// Every process and program that a scenario has, small and with room to spare:
/// what is judged is the plan's form, not whether there is memory for it.
fn view(system: &System) -> View {
    View {
        processes: system
            .processes
            .iter()
            .map(|info| ProcessView {
                info: info.clone(),
                started_ns: info.pid.into(),
                footprint: Bytes(4096),
                mailbox_free: 64,
                cpu_limit: None,
                owner: OPERATOR,
            })
            .collect(),
        programs: system
            .programs
            .iter()
            .map(|name| ProgramView {
                name: name.clone(),
                footprint: Bytes(4096),
            })
            .collect(),
        memory_total: system.memory.total,
        memory_free: system.memory.free,
        process_slots: 1000,
        quota: None,
        overdrawn: proviso_kernel_core::view::Quota::default(),
        rules: system.rules.iter().map(|rule| rule.id).collect(),
        rule_slots: 64,
        cut_slots: 64,
        closed: Vec::new(),
        history: Vec::new(),
        is_agent_there: true,
        files: FilesView::There { home: None },
    }
}

/// Fine if the kernel finds no fault with the plan's form; otherwise its words.
pub fn check_form(plan: &Plan, system: &System) -> Result<(), String> {
    // This kernel takes an `undo` on its own only; the vocabulary has no such rule.
    if plan
        .actions
        .iter()
        .any(|action| matches!(action, Action::Undo { .. }))
    {
        return Ok(());
    }
    let Err(rejections) = admit(plan, Principal::Operator, &view(system)) else {
        return Ok(());
    };
    let is_form = |reason: Reason| matches!(reason, Reason::Malformed | Reason::TooMany);
    match rejections.iter().find(|one| is_form(one.reason)) {
        Some(rejection) => Err(rejection.to_string()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::scenario;

    #[test]
    fn the_form_is_judged_and_the_circumstances_are_not() {
        let system = scenario(&[], &[], &mut fastrand::Rng::with_seed(1)).system;
        let check = |actions: &str| {
            let plan = serde_json::from_str(&format!("{{\"plan\":[{actions}]}}")).unwrap();
            check_form(&plan, &system)
        };
        assert_eq!(check(r#"{"action":"kill","target":"nobody"}"#), Ok(()));
        assert!(check(r#"{"action":"spawn","program":"x","count":0}"#).is_err());
        assert!(check(r#"{"action":"set_priority","target":"*"}"#).is_err());
        assert!(check(r#"{"action":"shutdown","mode":"halt"},{"action":"status"}"#).is_err());
    }
}
