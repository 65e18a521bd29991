//! Which actions of a plan must keep their order.
//!
//! Order counts between actions of one family on one process, around actions
//! that begin or end a process, and around those that concern everything.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::expand::Process;
use super::loose::{self, Checked, IllTyped, Object};

const EVERYTHING: &str = "<everything>";
const SCHEDULER: &str = "<scheduler>";

/// Something an action works on: a process, a name, a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Number(i64),
    Text(String),
    Other(String),
}

/// What actions touch, given the names of the processes there are.
pub struct Touching {
    names: HashMap<i64, String>,
    taken: HashSet<String>,
}

impl Touching {
    /// For the processes of one case.
    pub fn new(processes: &[Process]) -> Self {
        let names: HashMap<_, _> = processes
            .iter()
            .map(|p| (p.pid, p.name.to_lowercase()))
            .collect();
        let taken = names.values().cloned().collect();
        Self { names, taken }
    }

    /// True if swapping the two would mean something else.
    pub fn in_order(&self, a: &Object, b: &Object) -> Checked<bool> {
        let (on_a, on_b) = (self.touched(a)?, self.touched(b)?);
        let everything = Thing::Text(EVERYTHING.into());
        if on_a.contains(&everything) || on_b.contains(&everything) {
            return Ok(true);
        }
        let same_family = family(kind(a)) == family(kind(b));
        let is_barrier = [a, b]
            .into_iter()
            .any(|action| matches!(kind(action), "spawn" | "kill" | "restart"));
        Ok((same_family || is_barrier) && !on_a.is_disjoint(&on_b))
    }

    /// The things that `action` works on. Names of living processes count only
    /// for actions that carry a name themselves: an action on pid 4, a worker,
    /// does not wait for one on pid 6, another worker.
    fn touched(&self, action: &Object) -> Checked<BTreeSet<Thing>> {
        let mut things = BTreeSet::new();
        match kind(action) {
            "shutdown" | "undo" => return Ok([Thing::Text(EVERYTHING.into())].into()),
            "set_scheduler" => drop(things.insert(Thing::Text(SCHEDULER.into()))),
            _ => {}
        }
        for key in ["target", "from", "to", "program", "path"] {
            let Some(value) = action.get(key) else {
                continue;
            };
            let thing = match loose::without_zero_fraction(value) {
                Value::String(text) => Thing::Text(text),
                Value::Array(_) | Value::Object(_) => return Err(IllTyped),
                other => loose::whole(&other)
                    .map_or_else(|| Thing::Other(other.to_string()), Thing::Number),
            };
            if let Thing::Number(number) = &thing
                && let Some(name) = self.names.get(number)
            {
                things.insert(Thing::Text(name.clone()));
            }
            things.insert(thing);
        }
        if kind(action) == "spawn" {
            let program = action.get("program").and_then(Value::as_str);
            let running = self
                .names
                .iter()
                .filter(|(_, name)| Some(name.as_str()) == program);
            things.extend(running.map(|(pid, _)| Thing::Number(*pid)));
        } else {
            things.retain(|thing| !matches!(thing, Thing::Text(text) if text != EVERYTHING && self.taken.contains(text)));
        }
        Ok(things)
    }
}

fn kind(action: &Object) -> &str {
    action
        .get("action")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn family(kind: &str) -> &str {
    match kind {
        "spawn" | "kill" | "restart" | "suspend" | "resume" => "life",
        "set_memory_limit" | "grant_memory" | "reclaim" => "memory",
        "connect" | "disconnect" | "send" => "link",
        "write_file" | "delete_file" | "read_file" => "file",
        other => other,
    }
}
