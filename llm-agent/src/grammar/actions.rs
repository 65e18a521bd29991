//! The grammar of plans, derived from the table of actions.
//!
//! Nothing here names a field that the table does not have; what it adds is
//! narrowing: to the processes, programs and rules that exist in one snapshot,
//! to the sizes, shares, paths and quotes that the sentence mentions, and to
//! lengths at which a small model comes to an end.

use proviso_abi::{ActionKind, Field, FieldKind, Priority, System, plan};

use super::expr::{Class, Expr, Grammar, list, optional, text};
use super::mentioned::{Mentioned, mentioned};
use super::targets;
use super::values::{
    MAX_TEXT, any_path, any_percent, factor, names, number, numbers, quoted, repeat, strings, words,
};

/// The most arguments of a program.
const MAX_ARGUMENTS: usize = 4;

/// The grammar of every plan that makes sense for this sentence and system.
#[must_use]
pub fn plans(system: &System, sentence: &str) -> Grammar {
    let said = mentioned(sentence);
    let kinds = if system.actions.is_empty() {
        ActionKind::ALL
    } else {
        &system.actions
    };
    let mut actions: Vec<_> = kinds
        .iter()
        .filter_map(|kind| action(*kind, system, &said))
        .collect();
    if actions.is_empty() {
        // Something must be left to say.
        actions.extend(action(ActionKind::Refuse, system, &said));
    }
    let all = list(Expr::Rule("action"), plan::MAX_ACTIONS);
    let digit = || Expr::Class(Class::NonZero);
    let mut rules = vec![
        ("plan", Expr::Seq(vec![text("{\"plan\":"), all, text("}")])),
        ("action", Expr::Any(actions)),
        ("number", number(8)),
        ("bytes", numbers(&said.sizes).unwrap_or_else(|| number(11))),
        ("plain", Expr::Class(Class::Plain)),
        ("text", quoted(repeat(Expr::Rule("plain"), 1, MAX_TEXT))),
        ("path", strings(&said.paths).unwrap_or_else(any_path)),
        ("percent", numbers(&said.shares).unwrap_or_else(any_percent)),
        ("factor", factor()),
        ("step", Expr::Seq(vec![optional(text("-")), digit()])),
        ("priority", words(Priority::WORDS)),
    ];
    rules.extend(targets::rules(system));
    if let Some(programs) = names(&system.programs) {
        rules.push(("program", programs));
    }
    Grammar::new(rules)
}

/// One action, unless there is nothing in the system that it could name.
fn action(kind: ActionKind, system: &System, said: &Mentioned) -> Option<Expr> {
    let mut required = vec![text(format!("{{\"action\":\"{kind}\""))];
    let mut options = Vec::new();
    for field in kind.fields() {
        let value = value(kind, field, system, said)?;
        let whole = Expr::Seq(vec![text(format!(",\"{}\":", field.name)), value]);
        if field.required {
            required.push(whole);
        } else {
            options.push((field.name, whole));
        }
    }
    let mut parts = required;
    for (name, option) in options {
        // A change to nothing is malformed: the first alternative or the other.
        let is_alternative = alternatives(kind).contains(&name);
        if is_alternative && name == alternatives(kind)[0] {
            parts.push(option);
        } else if !is_alternative {
            parts.push(optional(option));
        } else if let Some(first) = parts.pop() {
            parts.push(Expr::Any(vec![first, option]));
        }
    }
    parts.push(text("}"));
    Some(Expr::Seq(parts))
}

/// Options of which an action needs exactly one, neighbours in the table.
const fn alternatives(kind: ActionKind) -> [&'static str; 2] {
    match kind {
        ActionKind::SetPriority => ["priority", "step"],
        ActionKind::SetMemoryLimit => ["bytes", "times"],
        _ => ["", ""],
    }
}

fn value(kind: ActionKind, field: &Field, system: &System, said: &Mentioned) -> Option<Expr> {
    Some(match field.kind {
        FieldKind::Target => Expr::Rule("target"),
        FieldKind::Refs(_) => Expr::Rule("processes"),
        FieldKind::Program if system.programs.is_empty() => return None,
        FieldKind::Program => Expr::Rule("program"),
        FieldKind::Arguments(most) => {
            let argument = quoted(repeat(Expr::Rule("plain"), 1, 16));
            list(argument, most.min(MAX_ARGUMENTS))
        }
        FieldKind::Bytes => Expr::Rule("bytes"),
        FieldKind::Percent => Expr::Rule("percent"),
        FieldKind::Factor => Expr::Rule("factor"),
        FieldKind::Number if kind == ActionKind::ClearRule => {
            let known: Vec<_> = system.rules.iter().map(|rule| rule.id.into()).collect();
            numbers(&known)?
        }
        // Bytes, a share or milliseconds: whatever was said.
        FieldKind::Number if field.name == "threshold" => numbers(&said.sizes)
            .or_else(|| numbers(&said.shares))
            .unwrap_or(Expr::Rule("number")),
        FieldKind::Number => Expr::Rule("number"),
        FieldKind::Step => Expr::Rule("step"),
        FieldKind::Path(_) => Expr::Rule("path"),
        // What is passed on word for word is what was quoted.
        FieldKind::Text(_) if matches!(field.name, "message" | "content") => {
            strings(&said.quotes).unwrap_or(Expr::Rule("text"))
        }
        FieldKind::Text(_) => Expr::Rule("text"),
        FieldKind::Word(known) if known == Priority::WORDS => Expr::Rule("priority"),
        FieldKind::Word(known) => words(known),
    })
}
