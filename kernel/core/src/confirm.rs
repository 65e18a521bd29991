//! Whether a person has to say yes first, and to what.
//!
//! # When somebody asked for it "by name, in so many words"
//!
//! A plan that destroys needs a yes unless the sentence itself has
//!
//! * for each destroying action one of that action's own verbs (below), and
//! * for each process that it would end the process's number or its name (also
//!   with a plural `s`), for a `scale` the program's name and the count, and
//! * no word that turns a meaning round ("not", "can't", "never", "except",
//!   "if", "why", ...) and no question mark,
//!
//! each as a word of its own. A name counts only if the plan ends every living
//! process of that name and the sentence has no number: "kill hog 4" says
//! nothing about hog 5. A rule that may end or stop the living is asked about
//! unless the sentence has its verb and names its target. "Kill the hog" is enough to end the one process
//! `hog`; "kill everything", "free some memory" and "do not kill the hog" are
//! not. The rule reads letters, not meaning: it asks too often rather than too
//! seldom. A command such as `/kill hog` says exactly what it means and counts
//! as asked for by name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proviso_abi::action::{Action, Class};
use proviso_abi::console::ConfirmPolicy;
use proviso_abi::snapshot::RuleInfo;
use proviso_abi::target::{ProcessRef, Target};
use proviso_abi::words::{RuleDo, RuleWhen, ShutdownMode, State};
use proviso_abi::{Pid, Plan, Text};

use crate::undo::why_lost;
use crate::view::{Operation, Principal, ProcessView, View};

/// The most lines of a question.
const MAX_LINES: usize = 8;

/// Words that can turn the meaning of a sentence round.
const TURNS: &[&str] = &[
    "not", "never", "no", "without", "except", "but", "unless", "instead", "cannot", "cant",
    "dont", "wont", "avoid", "why", "if", "how", "nicht", "kein", "keine", "nie", "ausser",
    "außer", "ohne", "wenn", "warum", "wie",
];

/// What is to be asked: one line for each thing that would be lost or changed.
pub type Question = Vec<Text<160>>;

/// How a plan came to the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// On whose authority.
    pub principal: Principal,
    /// In which words, if it was a sentence.
    pub sentence: Option<&'a str>,
    /// What the person concerned wants to be asked before.
    pub policy: ConfirmPolicy,
}

/// What a person has to say yes to before an admitted plan takes effect;
/// nothing, if they do not have to.
#[must_use]
pub fn question(
    asked: &Asked<'_>,
    plan: &Plan,
    operations: &[Operation],
    view: &View,
) -> Option<Question> {
    let mut lines = Question::new();
    match asked.policy {
        ConfirmPolicy::Never => {}
        ConfirmPolicy::Always => {
            for action in plan.actions.iter().filter(|action| changes(action)) {
                lines.push(Text::format(format_args!("{action}")));
            }
        }
        ConfirmPolicy::Destroy if ends_itself_alone(asked.principal, operations) => {}
        ConfirmPolicy::Destroy => {
            let destroying: Vec<(&Action, &Operation)> = plan
                .actions
                .iter()
                .zip(operations)
                .filter(|(_, operation)| destroys(operation))
                .collect();
            let is_asked_for = match asked.sentence {
                None => true,
                Some(sentence) => {
                    let words = Words::of(sentence);
                    let ended: Vec<Pid> = destroying
                        .iter()
                        .flat_map(|(_, operation)| ends(operation))
                        .copied()
                        .collect();
                    destroying
                        .iter()
                        .all(|(action, operation)| words.ask_for(action, operation, &ended, view))
                }
            };
            if !is_asked_for {
                for (_, operation) in destroying {
                    lines.extend(losses(operation, view));
                }
            }
        }
    }
    if lines.len() > MAX_LINES {
        let more = lines.len() - (MAX_LINES - 1);
        lines.truncate(MAX_LINES - 1);
        lines.push(Text::format(format_args!("and {more} more")));
    }
    (!lines.is_empty()).then_some(lines)
}

/// What would be done instead of what was asked for and refused, a line for
/// each action that changes something.
#[must_use]
pub fn changed(asked: &Plan, plan: &Plan) -> Question {
    let pairs = plan.actions.iter().enumerate();
    let changes = pairs.filter(|(_, action)| changes(action));
    changes
        .map(|(place, action)| match asked.actions.get(place) {
            Some(asked) if asked != action => Text::format(format_args!(
                "{}, where {} was asked for",
                Text::<80>::format(format_args!("{action}")),
                Text::<60>::format(format_args!("{asked}")),
            )),
            _ => Text::format(format_args!("{action}")),
        })
        .collect()
}

fn changes(action: &Action) -> bool {
    !matches!(action.kind().class(), Class::None | Class::Observe)
}

/// A process may end itself by a system call at any time, so it may do it by
/// a plan too: no more is lost.
fn ends_itself_alone(principal: Principal, operations: &[Operation]) -> bool {
    let Principal::Process(own) = principal else {
        return false;
    };
    operations.iter().all(|operation| match operation {
        Operation::Kill(pids) | Operation::Restart(pids) => pids.iter().all(|pid| *pid == own),
        other => !destroys(other),
    })
}

/// The processes that an operation ends.
fn ends(operation: &Operation) -> &[Pid] {
    match operation {
        Operation::Kill(pids) | Operation::Restart(pids) => pids,
        _ => &[],
    }
}

/// Whether a rule may end or stop a living process, without anybody asking for
/// it then. What crashed or exited is dead already.
const fn may_end(rule: &RuleInfo) -> bool {
    matches!(rule.r#do, RuleDo::Kill | RuleDo::Restart | RuleDo::Suspend)
        && !matches!(rule.when, RuleWhen::Crash | RuleWhen::Exit)
}

fn destroys(operation: &Operation) -> bool {
    match operation {
        Operation::SetRule(rule) => may_end(rule),
        Operation::Kill(_)
        | Operation::Restart(_)
        | Operation::DeleteFile(_)
        | Operation::Shutdown(_) => true,
        Operation::Undo(changes) => {
            let mut inverses = changes.iter().flat_map(|change| &change.inverse);
            inverses.any(destroys)
        }
        _ => false,
    }
}

/// What an operation would destroy, a line each.
fn losses(operation: &Operation, view: &View) -> Question {
    let ends = |verb: &str, pids: &[Pid]| -> Question {
        let why = why_lost(operation).unwrap_or("it cannot be started again as it was");
        pids.iter()
            .map(|pid| Text::format(format_args!("{verb} {}: {why}", title(*pid, view))))
            .collect()
    };
    match operation {
        Operation::Kill(pids) => ends("end", pids),
        Operation::Restart(pids) => ends("restart", pids),
        Operation::DeleteFile(path) => {
            let line = format_args!("delete the file {path}, until /undo brings it back");
            alloc::vec![Text::format(line)]
        }
        Operation::Shutdown(mode) => {
            let verb = match mode {
                ShutdownMode::Halt => "stop",
                ShutdownMode::Reboot => "restart",
            };
            let count = view.processes.len();
            let line = format_args!("{verb} the machine: all {count} processes end");
            alloc::vec![Text::format(line)]
        }
        Operation::Undo(changes) => {
            let inverses = changes.iter().flat_map(|change| &change.inverse);
            inverses.flat_map(|inverse| losses(inverse, view)).collect()
        }
        Operation::SetRule(rule) if may_end(rule) => {
            let line = format_args!(
                "from now on, without a question, {} {}: {} {}",
                rule.r#do,
                rule.target,
                rule.when,
                rule.threshold.unwrap_or_default()
            );
            alloc::vec![Text::format(line)]
        }
        _ => Question::new(),
    }
}

fn title(pid: Pid, view: &View) -> String {
    match view.processes.iter().find(|one| one.info.pid == pid) {
        Some(process) => alloc::format!("{} {pid}", process.info.name),
        None => alloc::format!("process {pid}"),
    }
}

/// The words of a sentence, in lower case.
struct Words {
    list: Vec<String>,
    /// What stands between blanks, as it was written but for marks around it.
    tokens: Vec<String>,
    is_question: bool,
}

impl Words {
    fn of(sentence: &str) -> Self {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '_' | '-');
        // Keyboards and editors have apostrophes of their own.
        let sentence = sentence.replace(['’', '‘', 'ʼ', '´', '`'], "'");
        let words = sentence.split(|c: char| !is_part(c));
        Self {
            list: words
                .map(|word| word.trim_matches(['\'', '-']).to_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
            tokens: sentence
                .split_whitespace()
                .map(|token| token.trim_matches(['"', '\'', ',', ';', ':', '!', '(', ')']))
                .map(|token| String::from(token.trim_end_matches('.')))
                .collect(),
            is_question: sentence.contains(['?', '？']),
        }
    }

    /// Whether it may mean the opposite, or nothing but a wish to know.
    fn turns(&self) -> bool {
        let is_negated = |word: &String| word.ends_with("n't");
        self.is_question || self.has_any(TURNS) || self.list.iter().any(is_negated)
    }

    fn has(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        self.list.contains(&word)
    }

    /// Whether this path stands there, whole, with or without the slash that it begins with.
    fn has_path(&self, path: &str) -> bool {
        let is_it =
            |token: &String| token == path || Some(token.as_str()) == path.strip_prefix('/');
        self.tokens.iter().any(is_it)
    }

    fn has_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.has(word))
    }

    /// Whether the sentence asks for a destroying action by name.
    /// `ended` is everything that the plan ends.
    fn ask_for(&self, action: &Action, operation: &Operation, ended: &[Pid], view: &View) -> bool {
        if self.turns() {
            return false;
        }
        let names_all = |pids: &[Pid]| pids.iter().all(|pid| self.names(*pid, ended, view));
        match (action, operation) {
            (Action::Kill { .. }, Operation::Kill(pids)) => {
                self.has_any(&["kill", "end", "terminate", "stop"]) && names_all(pids)
            }
            (Action::Restart { .. }, Operation::Restart(pids)) => {
                self.has_any(&["restart", "reset"]) && names_all(pids)
            }
            (Action::Scale { program, count }, Operation::Kill(_)) => {
                self.has("scale") && self.has_name(&program.0) && self.has(&count.to_string())
            }
            (Action::Shutdown { mode }, Operation::Shutdown(_)) => self.has_any(match mode {
                ShutdownMode::Halt => &["shutdown", "shut", "halt", "poweroff"],
                ShutdownMode::Reboot => &["reboot"],
            }),
            (Action::DeleteFile { .. }, Operation::DeleteFile(path)) => {
                self.has_any(&["delete", "remove", "rm"]) && self.has_path(path)
            }
            (Action::SetRule { .. }, Operation::SetRule(rule)) => {
                self.has(&rule.r#do.to_string()) && self.names_target(&rule.target)
            }
            _ => false,
        }
    }

    fn names(&self, pid: Pid, ended: &[Pid], view: &View) -> bool {
        if self.has(&pid.to_string()) {
            return true;
        }
        let process = view.processes.iter().find(|one| one.info.pid == pid);
        let Some(name) = process.map(|one| &one.info.name) else {
            return false;
        };
        let is_spared = |one: &ProcessView| {
            let lives = !matches!(one.info.state, State::Crashed | State::Exited);
            one.info.name == *name && lives && !ended.contains(&one.info.pid)
        };
        let has_number = self.list.iter().any(|word| word.parse::<u64>().is_ok());
        self.has_name(name) && !has_number && !view.processes.iter().any(is_spared)
    }

    fn names_target(&self, target: &Target) -> bool {
        match target {
            Target::One(ProcessRef::Pid(pid)) => self.has(&pid.to_string()),
            Target::One(ProcessRef::Name(name)) => self.has_name(name),
            _ => false,
        }
    }

    fn has_name(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.list
            .iter()
            .any(|word| *word == name || word.strip_suffix('s') == Some(name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn only_the_whole_path_names_a_file() {
        for sentence in [
            "delete /notes/todo.txt",
            "Please remove \"/notes/todo.txt\", now",
            "delete notes/todo.txt.",
        ] {
            assert!(
                Words::of(sentence).has_path("/notes/todo.txt"),
                "{sentence}"
            );
        }
        let words = Words::of("delete /notes/todo.txt.old");
        for path in [
            "/notes/todo.txt",
            "/todo.txt",
            "/notes",
            "/old/todo.txt",
            "/+",
            "/",
        ] {
            assert!(!words.has_path(path), "{path}");
        }
    }
}
