//! The normal form of a plan: what it does, whatever way it is written.
//!
//! Every action becomes plain ones with one process each, defaults are filled
//! in, and actions that touch nothing in common are sorted, so that two plans do
//! the same exactly if their normal forms are equal.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::expand::{Process, Which, expand};
use super::loose::{self, Checked, IllTyped, Object};
use super::order::Touching;

/// The most actions a plan can have.
const MAX_ACTIONS: usize = proviso_abi::plan::MAX_ACTIONS;

/// Priorities, lowest first.
const LEVELS: &[&str] = proviso_abi::Priority::WORDS;

/// More than so many at once is kept as a number.
const MAX_REPEAT: i64 = 1000;

/// Text that only has to be there.
const ANY_TEXT: [(&str, &str); 6] = [
    ("answer", "text"),
    ("ask", "question"),
    ("refuse", "reason"),
    ("search", "query"),
    ("remember", "fact"),
    ("forget", "fact"),
];

/// Text that compares case and white space aside.
const LOOSE_TEXT: [(&str, &str); 2] = [("send", "message"), ("write_file", "content")];

/// The normal form of `plan`, or [`IllTyped`] if it is not a plan.
pub fn normal_form(plan: &Value, processes: &[Process]) -> Checked<Vec<String>> {
    let actions = plan
        .as_array()
        .filter(|actions| actions.len() <= MAX_ACTIONS)
        .ok_or(IllTyped)?;
    let mut objects = Vec::new();
    for action in actions {
        objects.push(
            action
                .as_object()
                .filter(|object| kind(object).is_some())
                .ok_or(IllTyped)?,
        );
    }
    if objects.iter().any(|action| kind(action) != Some("answer")) {
        objects.retain(|action| kind(action) != Some("answer"));
    }
    let mut rest = Vec::new();
    for action in objects {
        for plain in per_process(action, processes)? {
            rest.push((loose::canonical(&Value::Object(plain.clone())), plain));
        }
    }
    let touching = Touching::new(processes);
    let mut sorted = Vec::new();
    while !rest.is_empty() {
        let next = first_ready(&rest, &touching)?;
        sorted.push(rest.remove(next).0);
    }
    Ok(sorted)
}

/// The smallest action that no earlier one has to come before.
fn first_ready(rest: &[(String, Object)], touching: &Touching) -> Checked<usize> {
    let mut best: Option<usize> = None;
    for (index, (key, action)) in rest.iter().enumerate() {
        let mut is_ready = true;
        for (_, earlier) in rest.iter().take(index) {
            if touching.in_order(earlier, action)? {
                is_ready = false;
                break;
            }
        }
        if is_ready
            && best
                .and_then(|best| rest.get(best))
                .is_none_or(|(least, _)| key < least)
        {
            best = Some(index);
        }
    }
    // The first action always is ready.
    best.ok_or(IllTyped)
}

fn kind(action: &Object) -> Option<&str> {
    action.get("action").and_then(Value::as_str)
}

/// One action as plain ones: defaults filled, free text masked, one per process.
fn per_process(action: &Object, processes: &[Process]) -> Checked<Vec<Object>> {
    let kind = kind(action).ok_or(IllTyped)?;
    if kind == "scale" {
        return scale(action, processes);
    }
    let mut plain = Object::new();
    if matches!(kind, "spawn" | "undo") {
        plain.insert("count".into(), json!(1));
    }
    let mut spread = Vec::new();
    for (key, value) in action {
        let is_empty_args = key == "args" && !loose::is_truthy(value);
        if value.is_null() || key == "except" || is_empty_args {
            continue;
        }
        if matches!(key.as_str(), "target" | "from" | "to") {
            let except = action.get("except").filter(|_| key == "target");
            spread.push((key.as_str(), expand(value, processes, except)?));
        } else {
            plain.insert(key.clone(), field(kind, key, value)?);
        }
    }
    let mut take = |owner, key| {
        if kind == owner {
            plain.remove(key)
        } else {
            None
        }
    };
    let (times, step) = (
        take("set_memory_limit", "times"),
        take("set_priority", "step"),
    );
    let Some(repeat) = repeats(kind, &mut plain) else {
        return Ok(vec![plain]);
    };
    let mut each = product(plain, &spread);
    for one in &mut each {
        if let Some(times) = &times {
            let bytes = multiplied(one, times, processes)?;
            one.insert("bytes".into(), bytes.into());
        }
        if let Some(step) = &step {
            let level = stepped(one, step, processes)?;
            one.insert("priority".into(), level.into());
        }
    }
    let total = each.len() * repeat;
    Ok(each.into_iter().cycle().take(total).collect())
}

/// Takes out how often an action is meant; nothing if that is out of bounds and
/// stays in.
fn repeats(kind: &str, plain: &mut Object) -> Option<usize> {
    let count = plain
        .get("count")
        .filter(|_| matches!(kind, "spawn" | "undo"));
    let Some(count) = count.and_then(loose::whole) else {
        return Some(1);
    };
    if !(0..=MAX_REPEAT).contains(&count) {
        plain.insert("count".into(), count.into());
        return None;
    }
    plain.remove("count");
    usize::try_from(count).ok()
}

/// `scale` as the starts or ends that it takes.
fn scale(action: &Object, processes: &[Process]) -> Checked<Vec<Object>> {
    let program = action.get("program").ok_or(IllTyped)?;
    let count = action.get("count").ok_or(IllTyped)?;
    let name = loose::text(program).to_lowercase();
    let mut running: Vec<_> = processes
        .iter()
        .filter(|p| p.name.to_lowercase() == name)
        .map(|p| p.pid)
        .collect();
    running.sort_unstable();
    let number_running = i64::try_from(running.len()).map_err(|_| IllTyped)?;
    let more = match loose::whole(count) {
        Some(count) => json!(count - number_running),
        None => json!(loose::number(count).ok_or(IllTyped)? - number_running as f64),
    };
    let spawn = |count: Value| json!({"action": "spawn", "program": program, "count": count});
    let change = match loose::number(&more) {
        Some(0.0) => {
            let unchanged = spawn(json!(0));
            return Ok(unchanged.as_object().cloned().into_iter().collect());
        }
        Some(fewer) if fewer < 0.0 => {
            let from = loose::whole(&more).ok_or(IllTyped)?;
            json!({"action": "kill", "target": loose::slice(&running, from, i64::MAX)})
        }
        _ => spawn(more),
    };
    per_process(change.as_object().ok_or(IllTyped)?, processes)
}

/// One field as it is compared.
fn field(kind: &str, key: &str, value: &Value) -> Checked<Value> {
    Ok(if ANY_TEXT.contains(&(kind, key)) {
        json!(!loose::strip(&loose::text(value)).is_empty())
    } else if LOOSE_TEXT.contains(&(kind, key)) {
        let text = loose::text(value).to_lowercase();
        json!(loose::split(&text).collect::<Vec<_>>().join(" "))
    } else {
        match (key, value) {
            ("args", Value::String(text)) => json!(loose::split(text).collect::<Vec<_>>()),
            ("args", Value::Array(items)) => {
                json!(items.iter().map(loose::text).collect::<Vec<_>>())
            }
            ("args", Value::Object(fields)) => json!(fields.keys().collect::<Vec<_>>()),
            ("args", _) => return Err(IllTyped),
            ("path", _) => {
                let text = loose::text(value);
                let path = loose::strip(&text).trim_end_matches('/');
                json!(if path.is_empty() { "/" } else { path })
            }
            ("program", _) => json!(loose::strip(&loose::text(value)).to_lowercase()),
            ("id", Value::String(text)) if loose::is_digits(text) => {
                text.parse::<i64>().map_err(|_| IllTyped)?.into()
            }
            _ => loose::without_zero_fraction(value),
        }
    })
}

/// Every combination of the spread fields' values.
fn product(plain: Object, spread: &[(&str, BTreeSet<Which>)]) -> Vec<Object> {
    let mut all = vec![plain];
    for (key, values) in spread {
        let mut sorted: Vec<Value> = values.iter().map(Which::to_value).collect();
        // By their text, so 10 comes before 9: the rule's own order.
        sorted.sort_by_key(loose::text);
        let mut longer = Vec::new();
        for partial in all {
            for value in &sorted {
                let mut one = partial.clone();
                one.insert((*key).into(), value.clone());
                longer.push(one);
            }
        }
        all = longer;
    }
    all
}

fn process_of<'a>(action: &Object, processes: &'a [Process]) -> Option<&'a Process> {
    let pid = action.get("target")?.as_i64()?;
    processes.iter().rev().find(|process| process.pid == pid)
}

/// The new limit that `times` the present one makes.
fn multiplied(action: &Object, times: &Value, processes: &[Process]) -> Checked<i64> {
    let limit = process_of(action, processes).map_or(0, |process| process.limit);
    match loose::whole(times) {
        Some(times) => limit.checked_mul(times).ok_or(IllTyped),
        // Cut towards zero.
        None => Ok((limit as f64 * loose::number(times).ok_or(IllTyped)?) as i64),
    }
}

/// The priority `step` levels up from the present one.
fn stepped(action: &Object, step: &Value, processes: &[Process]) -> Checked<&'static str> {
    let name = process_of(action, processes).map(|process| process.priority.as_str());
    let now = name
        .and_then(|name| LEVELS.iter().position(|level| *level == name))
        .unwrap_or(0);
    let wanted = now as f64 + loose::number(step).ok_or(IllTyped)?;
    let last = LEVELS.len() - 1;
    let level = wanted.clamp(0.0, last as f64);
    if level.fract() != 0.0 {
        return Err(IllTyped);
    }
    // A small whole number by the checks above.
    LEVELS.get(level as usize).copied().ok_or(IllTyped)
}
