//! Targets worked out against a case's process table.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::loose::{self, Checked, IllTyped, Object};

/// The pid of init, which no selector finds.
const INIT: i64 = proviso_abi::INIT as i64;

/// One row of a case's process table.
#[derive(Debug, Clone, Deserialize)]
pub struct Process {
    pub pid: i64,
    pub name: String,
    pub state: String,
    pub priority: String,
    pub cpu: f64,
    pub memory: f64,
    pub limit: i64,
}

/// A process by number, or a name that matches none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Which {
    Pid(i64),
    Name(String),
}

impl Which {
    /// The same as a JSON value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Pid(pid) => Value::from(*pid),
            Self::Name(name) => Value::from(name.as_str()),
        }
    }
}

/// What a target, less what is excepted, means.
pub fn expand(
    target: &Value,
    processes: &[Process],
    except: Option<&Value>,
) -> Checked<BTreeSet<Which>> {
    let mut found = one(target, processes)?;
    for item in except.map(items).transpose()?.unwrap_or_default() {
        let away = one(&item, processes)?;
        found.retain(|which| !away.contains(which));
    }
    Ok(found)
}

fn one(target: &Value, processes: &[Process]) -> Checked<BTreeSet<Which>> {
    match target {
        Value::Object(selector) => {
            let pids: BTreeSet<_> = select(selector, processes)?
                .into_iter()
                .map(Which::Pid)
                .collect();
            Ok(if pids.is_empty() {
                [Which::Name("<none>".into())].into()
            } else {
                pids
            })
        }
        Value::Array(targets) => {
            let mut all = BTreeSet::new();
            for target in targets {
                all.extend(one(target, processes)?);
            }
            Ok(all)
        }
        Value::String(text) if text == "*" => Ok(processes
            .iter()
            .map(|p| p.pid)
            .filter(|pid| *pid != INIT)
            .map(Which::Pid)
            .collect()),
        Value::Number(number) if !number.is_f64() => {
            Ok([Which::Pid(number.as_i64().ok_or(IllTyped)?)].into())
        }
        Value::String(text) if loose::is_digits(text) => {
            Ok([Which::Pid(text.parse().map_err(|_| IllTyped)?)].into())
        }
        other => {
            let name = loose::strip(&loose::text(other)).to_lowercase();
            let pids: BTreeSet<_> = processes
                .iter()
                .filter(|p| p.name.to_lowercase() == name)
                .map(|p| Which::Pid(p.pid))
                .collect();
            Ok(if pids.is_empty() {
                [Which::Name(name)].into()
            } else {
                pids
            })
        }
    }
}

/// What iterating over a value in Python would give.
fn items(value: &Value) -> Checked<Vec<Value>> {
    if !loose::is_truthy(value) {
        return Ok(Vec::new());
    }
    match value {
        Value::Array(items) => Ok(items.clone()),
        Value::String(text) => Ok(text
            .chars()
            .map(|letter| Value::from(letter.to_string()))
            .collect()),
        Value::Object(fields) => Ok(fields.keys().map(|key| Value::from(key.as_str())).collect()),
        _ => Err(IllTyped),
    }
}

/// A selector as pids, best first.
fn select(selector: &Object, processes: &[Process]) -> Checked<Vec<i64>> {
    let filter = selector
        .get("where")
        .filter(|value| loose::is_truthy(value));
    let mut found = Vec::new();
    for process in processes.iter().filter(|p| p.pid != INIT) {
        if passes(process, filter)? {
            found.push(process);
        }
    }
    rank(&mut found, selector)?;
    let mut kept = found.as_slice();
    if let Some(nth) = selector.get("nth") {
        let nth = loose::whole(nth).ok_or(IllTyped)?;
        kept = loose::slice(kept, nth.saturating_sub(1), nth);
    }
    match selector.get("take") {
        None | Some(Value::Null) => {}
        Some(take) => kept = loose::slice(kept, 0, loose::whole(take).ok_or(IllTyped)?),
    }
    Ok(kept.iter().map(|p| p.pid).collect())
}

fn passes(process: &Process, filter: Option<&Value>) -> Checked<bool> {
    let Some(filter) = filter else {
        return Ok(true);
    };
    let filter = filter.as_object().ok_or(IllTyped)?;
    for (key, value) in filter {
        let limit = || loose::number(value).ok_or(IllTyped);
        let passed = match key.as_str() {
            "name" => process.name.to_lowercase() == loose::text(value).to_lowercase(),
            "state" => value.as_str() == Some(&process.state),
            "priority" => value.as_str() == Some(&process.priority),
            "cpu_over" => process.cpu > limit()?,
            "cpu_under" => process.cpu < limit()?,
            "memory_over" => process.memory > limit()?,
            "memory_under" => process.memory < limit()?,
            _ => return Err(IllTyped),
        };
        if !passed {
            return Ok(false);
        }
    }
    Ok(true)
}

fn rank(found: &mut [&Process], selector: &Object) -> Checked<()> {
    let by = match selector.get("by") {
        None => "pid",
        Some(Value::String(by)) => by,
        Some(Value::Array(_) | Value::Object(_)) => return Err(IllTyped),
        Some(_) => "",
    };
    let least = selector.get("order").and_then(Value::as_str) == Some("least");
    let lowest_first = (by == "pid") != least;
    let compare: fn(&Process, &Process) -> Ordering = match by {
        "pid" => |a, b| a.pid.cmp(&b.pid),
        // A snapshot has no start times: a higher pid is younger.
        "age" => |a, b| b.pid.cmp(&a.pid),
        "cpu" => |a, b| a.cpu.total_cmp(&b.cpu),
        "memory" => |a, b| a.memory.total_cmp(&b.memory),
        "limit" => |a, b| a.limit.cmp(&b.limit),
        "name" => |a, b| a.name.cmp(&b.name),
        "state" => |a, b| a.state.cmp(&b.state),
        "priority" => |a, b| a.priority.cmp(&b.priority),
        _ if found.is_empty() => return Ok(()),
        _ => return Err(IllTyped),
    };
    found.sort_by(|a, b| {
        if lowest_first {
            compare(a, b)
        } else {
            compare(b, a)
        }
    });
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn table() -> Vec<Process> {
        let row = |pid, name: &str, state: &str, priority: &str, cpu, memory, limit| {
            let (name, state, priority) = (name.into(), state.into(), priority.into());
            Process {
                pid,
                name,
                state,
                priority,
                cpu,
                memory,
                limit,
            }
        };
        vec![
            row(1, "init", "ready", "high", 0.0, 1048576.0, 4194304),
            row(4, "worker", "ready", "normal", 30.0, 2097152.0, 8388608),
            row(6, "worker", "crashed", "low", 5.0, 4194304.0, 4194304),
            row(9, "hog", "running", "normal", 60.0, 9000000.0, 16777216),
        ]
    }

    fn pids(target: Value, except: Value) -> Checked<Vec<Which>> {
        expand(&target, &table(), Some(&except)).map(|found| found.into_iter().collect())
    }

    #[test]
    fn every_form_of_target_expands() {
        use Which::{Name, Pid};
        assert_eq!(pids(json!(4), json!(null)), Ok(vec![Pid(4)]));
        assert_eq!(pids(json!(" Worker"), json!([])), Ok(vec![Pid(4), Pid(6)]));
        assert_eq!(pids(json!("*"), json!(["hog", 4])), Ok(vec![Pid(6)]));
        assert_eq!(
            pids(json!([9, "worker"]), json!(null)),
            Ok(vec![Pid(4), Pid(6), Pid(9)])
        );
        assert_eq!(
            pids(json!("ghost"), json!(null)),
            Ok(vec![Name("ghost".into())])
        );
        assert_eq!(
            pids(json!({"by": "memory", "take": 1}), json!(null)),
            Ok(vec![Pid(9)])
        );
        assert_eq!(
            pids(json!({"where": {"name": "worker"}, "nth": 2}), json!(null)),
            Ok(vec![Pid(6)])
        );
        assert_eq!(
            pids(
                json!({"by": "age", "order": "least", "take": 1}),
                json!(null)
            ),
            Ok(vec![Pid(9)])
        );
        assert_eq!(
            pids(json!({"where": {"state": "exited"}}), json!(null)),
            Ok(vec![Name("<none>".into())])
        );
    }

    #[test]
    fn ill_typed_selectors_are_noticed() {
        for target in [
            json!({"where": {"colour": 1}}),
            json!({"nth": "2"}),
            json!({"by": "beauty"}),
            json!({"where": {"cpu_over": "9"}}),
        ] {
            assert_eq!(pids(target.clone(), json!(null)), Err(IllTyped), "{target}");
        }
        assert_eq!(pids(json!("*"), json!(5)), Err(IllTyped));
    }
}
