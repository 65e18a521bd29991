//! Rounds before an answer: the kernel shows what there is to see, and code says
//! in a sentence what it means. Nothing in the sentence is anything but what the
//! kernel showed, or what the shipped documents say.

mod docs;
mod why;

use proviso_abi::words::SearchWhere;
use proviso_abi::{Action, Effect, Plan, Sentence};

/// What is done with the plan that came of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// It goes to the kernel.
    Plan(Plan),
    /// The kernel is asked to show this first.
    Look(Plan),
}

/// Looks first where the plan is to explain something, if there are rounds left
/// for that; answers from the documents where it is to search them.
#[must_use]
pub fn first(plan: Plan, sentence: &str, rounds_left: u8) -> First {
    match &plan.actions[..] {
        [Action::Explain { .. }] if rounds_left > 0 => First::Look(plan),
        [
            Action::Search {
                query,
                r#where: Some(SearchWhere::Docs),
            },
        ] => {
            let text = Sentence::cut(&docs::find(query, sentence));
            First::Plan(Plan::from(Action::Answer { text }))
        }
        _ => First::Plan(plan),
    }
}

/// The plan once the kernel showed what was asked for: first what it means, then
/// what there was to see, for the person to check.
#[must_use]
pub fn after(look: &Plan, seen: &[Effect], uptime_s: u64) -> Plan {
    let evidence = seen.iter().find_map(|effect| match effect {
        Effect::Explained(evidence) => Some(evidence),
        _ => None,
    });
    let Some(evidence) = evidence else {
        return look.clone();
    };
    let text = Sentence::cut(&why::because(evidence, uptime_s));
    let mut actions = vec![Action::Answer { text }];
    actions.extend(look.actions.to_vec());
    Plan::new(actions).unwrap_or_else(|_| look.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(actions: &str) -> Plan {
        serde_json::from_str(&format!("{{\"plan\":[{actions}]}}")).unwrap()
    }

    #[test]
    fn only_explanations_look_first_and_only_while_there_are_rounds() {
        let explain = plan(r#"{"action":"explain","target":"worker"}"#);
        assert_eq!(first(explain.clone(), "", 2), First::Look(explain.clone()));
        assert_eq!(first(explain.clone(), "", 0), First::Plan(explain));
        let kill = plan(r#"{"action":"explain"},{"action":"kill","target":"worker"}"#);
        assert_eq!(first(kill.clone(), "", 2), First::Plan(kill));
    }

    #[test]
    fn a_search_of_the_documents_is_answered_from_them() {
        let search = plan(r#"{"action":"search","query":"memory limit reserve","where":"docs"}"#);
        let First::Plan(plan) = first(search, "", 2) else {
            panic!("it looks");
        };
        assert!(
            matches!(&plan.actions[..], [Action::Answer { text }] if text.contains(".md")),
            "{plan}"
        );
    }

    #[test]
    fn what_shows_no_evidence_is_left_as_it_is() {
        let look = plan(r#"{"action":"explain"}"#);
        assert_eq!(after(&look, &[], 10), look);
        assert_eq!(after(&look, &[Effect::Log(Vec::new())], 10), look);
    }
}
