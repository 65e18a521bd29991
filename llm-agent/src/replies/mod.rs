//! The words of answers, questions and refusals.
//!
//! The model only says that a question has to be asked back, or that nothing
//! here does what was asked. What is missing, what there is instead, and what
//! the system can explain of itself, code knows: nothing in these words is made
//! up, and nothing in them comes from a process.

mod help;

use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::{ActionKind, State, System};

use crate::short::Short;
use crate::slots::{Kind, Slotted, Value};

/// So many names at most in one sentence.
const MAX_NAMES: usize = 8;

/// The words for a bare `answer`, `ask` or `refuse`.
#[must_use]
pub fn words(short: &Short, slotted: &Slotted, system: &System) -> String {
    match short.kind {
        ActionKind::Answer => help::answer(slotted.text()).to_owned(),
        ActionKind::Ask => question(slotted, system),
        _ => refusal(slotted, system),
    }
}

/// Which of several, or what else is missing.
fn question(slotted: &Slotted, system: &System) -> String {
    for slot in slotted.of_kind(Kind::Name) {
        let Value::Text(name) = &slot.value else {
            continue;
        };
        let several = named(name, system);
        if several.len() > 1 {
            let each: Vec<_> = several.into_iter().map(with_state).collect();
            let count = each.len();
            let each = listed(&each);
            return format!(
                "There are {count} of {name}: {each}. Which one do you mean, and what exactly?"
            );
        }
    }
    match slotted.of_kind(Kind::Name).next().map(|slot| &slot.value) {
        Some(Value::Text(name)) => {
            format!("What exactly should happen with {name}? A value or a target is missing.")
        }
        _ => format!(
            "Which process do you mean? There are {}.",
            processes(system)
        ),
    }
}

/// What is not there, and what is.
fn refusal(slotted: &Slotted, system: &System) -> String {
    for slot in slotted.slots() {
        match (&slot.kind, &slot.value) {
            (Kind::Size, Value::Number(bytes)) if *bytes > system.memory.total.0 => {
                return too_much(system);
            }
            (Kind::Number, Value::Number(number)) if !is_known(*number, system) => {
                return format!(
                    "There is no process or rule {number}. There are {} and {}.",
                    processes(system),
                    rules(system)
                );
            }
            _ => {}
        }
    }
    format!(
        "No action here does that, or nothing of that name is here. There are {}.",
        processes(system)
    )
}

/// More memory than the machine has.
#[must_use]
pub fn too_much(system: &System) -> String {
    format!("The machine has {} of memory in all.", system.memory.total)
}

/// There is no such process.
#[must_use]
pub fn no_process(what: &str, system: &System) -> String {
    format!(
        "There is no process {what}. There are {}.",
        processes(system)
    )
}

/// There is no such program.
#[must_use]
pub fn no_program(what: &str, system: &System) -> String {
    let names: Vec<_> = system.programs.iter().map(ToString::to_string).collect();
    format!(
        "There is no program {what}. These can be started: {}.",
        listed(&names)
    )
}

/// There is no such rule.
#[must_use]
pub fn no_rule(id: u32, system: &System) -> String {
    format!("There is no rule {id}. There are {}.", rules(system))
}

fn is_known(number: u64, system: &System) -> bool {
    system
        .processes
        .iter()
        .any(|process| u64::from(process.pid) == number)
        || system.rules.iter().any(|rule| u64::from(rule.id) == number)
}

/// The processes of a name.
#[must_use]
pub fn named<'s>(name: &str, system: &'s System) -> Vec<&'s ProcessInfo> {
    let is_it = |process: &&ProcessInfo| process.name.eq_ignore_ascii_case(name);
    system.processes.iter().filter(is_it).collect()
}

/// `14 (crashed)`; the usual states are not said.
fn with_state(process: &ProcessInfo) -> String {
    match process.state {
        State::Suspended | State::Crashed | State::Exited => {
            format!("{} ({})", process.pid, process.state)
        }
        _ => process.pid.to_string(),
    }
}

fn processes(system: &System) -> String {
    let mut names: Vec<String> = Vec::new();
    for process in &system.processes {
        let name = process.name.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    listed(&names)
}

fn rules(system: &System) -> String {
    let ids: Vec<_> = system
        .rules
        .iter()
        .map(|rule| rule.id.to_string())
        .collect();
    match ids.len() {
        0 => "no rules".to_owned(),
        1 => format!("rule {}", listed(&ids)),
        _ => format!("rules {}", listed(&ids)),
    }
}

/// `a, b and c`, with a count of what does not fit.
fn listed(items: &[String]) -> String {
    let (shown, rest) = items.split_at(items.len().min(MAX_NAMES));
    let mut shown = shown.to_vec();
    if !rest.is_empty() {
        shown.push(format!("{} more", rest.len()));
    }
    match shown.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::tests::system;

    fn said(kind: ActionKind, sentence: &str) -> String {
        let slotted = Slotted::new(sentence, &system());
        words(
            &Short {
                kind,
                fields: Vec::new(),
            },
            &slotted,
            &system(),
        )
    }

    #[test]
    fn a_question_says_which_there_are() {
        let question = said(ActionKind::Ask, "restart the worker");
        assert!(question.contains("7 and 8 (suspended)"), "{question}");
        let question = said(ActionKind::Ask, "make it smaller");
        assert!(question.contains("init, logger and worker"), "{question}");
        assert!(said(ActionKind::Ask, "limit the logger").contains("logger"));
    }

    #[test]
    fn a_refusal_says_what_there_is_instead() {
        assert!(said(ActionKind::Refuse, "resume 500").contains("no process or rule 500"));
        assert!(said(ActionKind::Refuse, "a terabyte, well, 1000 GB").contains("128M"));
        assert!(said(ActionKind::Refuse, "dim the screen").contains("logger"));
        assert!(no_program("x", &system()).contains("counter, logger and worker"));
        assert!(no_rule(9, &system()).contains("rule 2"));
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        assert!(listed(&many).ends_with("7 and 12 more"));
    }
}
