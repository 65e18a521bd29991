//! What the model has to know of the slots to decide: how many processes have
//! a name, in which state they are if that is not the usual one, whose a number is.

use std::fmt::Write as _;

use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::{State, System};

use super::{Kind, Slot, Value};

/// The facts, ready to follow the sentence; nothing if all is as usual.
pub(super) fn describe(slots: &[Slot], system: &System) -> String {
    let mut out = String::new();
    for slot in slots {
        let fact = match (&slot.kind, &slot.value) {
            (Kind::Name, Value::Text(name)) => of_name(name, system),
            (Kind::Number, Value::Number(number)) => of_number(*number, slots, system),
            (Kind::Size, Value::Number(bytes)) if *bytes > system.memory.total.0 => "huge".into(),
            _ => String::new(),
        };
        if !fact.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, " | {} {fact}", slot.written());
        }
    }
    let caller = system
        .caller
        .and_then(|pid| system.processes.iter().find(|process| process.pid == pid));
    if let Some(process) = caller {
        let _ = match name_slot(&process.name, slots) {
            Some(slot) => write!(out, " | me {}", slot.written()),
            None => write!(out, " | me"),
        };
    }
    out
}

/// Whether two names are the same to people.
fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn name_slot<'s>(name: &str, slots: &'s [Slot]) -> Option<&'s Slot> {
    slots.iter().find(|slot| {
        matches!((&slot.kind, &slot.value), (Kind::Name, Value::Text(known)) if is_same(known, name))
    })
}

/// `x3 1 crashed`; nothing for one process that runs.
fn of_name(name: &str, system: &System) -> String {
    let named: Vec<_> = system
        .processes
        .iter()
        .filter(|process| is_same(&process.name, name))
        .collect();
    let mut words = Vec::new();
    if named.len() != 1 {
        words.push(format!("x{}", named.len()));
    }
    for state in [State::Suspended, State::Crashed, State::Exited] {
        let count = named
            .iter()
            .filter(|process| process.state == state)
            .count();
        match count {
            0 => {}
            _ if count == named.len() => words.push(state.to_string()),
            _ => words.push(format!("{count} {state}")),
        }
    }
    words.join(" ")
}

/// Whose number it is: `@1`, `pid` (of somebody not mentioned), `rule`.
fn of_number(number: u64, slots: &[Slot], system: &System) -> String {
    let mut words = Vec::new();
    let process = system
        .processes
        .iter()
        .find(|process| u64::from(process.pid) == number);
    if let Some(process) = process {
        words.push(name_slot(&process.name, slots).map_or("pid".into(), Slot::written));
        words.extend(unusual(process));
    }
    if system.rules.iter().any(|rule| u64::from(rule.id) == number) {
        words.push("rule".into());
    }
    words.join(" ")
}

fn unusual(process: &ProcessInfo) -> Option<String> {
    matches!(
        process.state,
        State::Suspended | State::Crashed | State::Exited
    )
    .then(|| process.state.to_string())
}
