//! When a plan is right: the matching rule of the evaluation.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::expand::Process;
use super::normal::normal_form;

/// Fields that count only where the expected plan has them.
const ONLY_IF_EXPECTED: [(&str, &str); 3] =
    [("list", "sort"), ("list", "limit"), ("search", "where")];

/// True if `plan` does the same as one of the expected plans.
pub fn matches(plan: &Value, expected: &[Value], processes: &[Process]) -> bool {
    if normal_form(plan, processes).is_err() {
        return false;
    }
    expected.iter().any(|want| {
        let got = without_unasked(plan, &asked(want));
        normal_form(&got, processes).is_ok_and(|got| Ok(got) == normal_form(want, processes))
    })
}

/// Every action and field that a plan has.
fn asked(plan: &Value) -> BTreeSet<(&str, &str)> {
    let actions = plan
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    actions
        .flat_map(|action| {
            let kind = action
                .get("action")
                .and_then(Value::as_str)
                .unwrap_or_default();
            action.keys().map(move |key| (kind, key.as_str()))
        })
        .collect()
}

fn without_unasked(plan: &Value, asked: &BTreeSet<(&str, &str)>) -> Value {
    let keep = |action: &Map<String, Value>| {
        let kind = action
            .get("action")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_compared =
            |key: &str| !ONLY_IF_EXPECTED.contains(&(kind, key)) || asked.contains(&(kind, key));
        let kept = action.iter().filter(|(key, _)| is_compared(key));
        Value::Object(
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    };
    plan.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(keep)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// What the rule's reference implementation said about made-up plans, many
    /// of them strange: fields of the wrong type, selectors that find nothing,
    /// other spellings of the same, the same in another order.
    const REFERENCE: &str = include_str!("matching.jsonl");

    #[derive(Deserialize)]
    struct Row {
        processes: Vec<Process>,
        expect: Vec<Value>,
        plan: Value,
        right: bool,
    }

    #[test]
    fn agrees_with_the_reference_on_every_plan() {
        let mut right = 0;
        for (index, line) in REFERENCE.lines().enumerate() {
            let row: Row = serde_json::from_str(line).unwrap();
            assert_eq!(
                matches(&row.plan, &row.expect, &row.processes),
                row.right,
                "line {}: {line}",
                index + 1
            );
            right += usize::from(row.right);
        }
        assert!(right > 100 && REFERENCE.lines().count() - right > 100);
    }
}
