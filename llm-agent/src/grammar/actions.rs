//! The grammar of plans, derived from the table of actions.
//!
//! Nothing here names a field that the table does not have; what it adds is
//! narrowing: to the processes, programs and rules that exist in one snapshot,
//! and to lengths at which a small model comes to an end.

use proviso_abi::words::{Order, RankKey};
use proviso_abi::{ActionKind, Field, FieldKind, Priority, State, System, plan};

use super::expr::{Class, Expr, Grammar, list, optional, string, text};

/// The most characters of a text. Four bytes each still fit every text field.
const MAX_TEXT: usize = 60;
/// The most names and pids in one list of them.
const MAX_REFS: usize = 6;
/// The most arguments of a program.
const MAX_ARGUMENTS: usize = 4;

/// The grammar of every plan that makes sense for `system`.
#[must_use]
pub fn plans(system: &System) -> Grammar {
    let kinds = if system.actions.is_empty() { ActionKind::ALL } else { &system.actions };
    let actions = kinds.iter().filter_map(|kind| action(*kind, system)).collect();
    let mut rules = vec![
        ("plan", Expr::Seq(vec![text("{\"plan\":"), list(Expr::Rule("action"), plan::MAX_ACTIONS), text("}")])),
        ("action", Expr::Any(actions)),
        ("number", number(8)),
        ("bytes", number(11)),
        ("plain", Expr::Class(Class::Plain)),
        ("text", quoted(repeat(Expr::Rule("plain"), 1, MAX_TEXT))),
        ("path", quoted(Expr::Seq(vec![text("/"), repeat(Expr::Class(Class::Path), 0, MAX_TEXT)]))),
        ("percent", Expr::Any(vec![number(1), text("100")])),
        ("factor", Expr::Seq(vec![number(1), optional(Expr::Seq(vec![text("."), Expr::Class(Class::NonZero)]))])),
        ("step", Expr::Seq(vec![optional(text("-")), Expr::Class(Class::NonZero)])),
        ("priority", words(Priority::WORDS)),
        ("process", process(system)),
        ("processes", list(Expr::Rule("process"), MAX_REFS)),
        ("selector", selector(system)),
        ("target", target()),
    ];
    if let Some(programs) = names(&system.programs) {
        rules.push(("program", programs));
    }
    Grammar::new(rules)
}

/// One action, unless there is nothing in the system that it could name.
fn action(kind: ActionKind, system: &System) -> Option<Expr> {
    let mut required = vec![text(format!("{{\"action\":\"{kind}\""))];
    let mut options = Vec::new();
    for field in kind.fields() {
        let value = value(kind, field, system)?;
        let whole = Expr::Seq(vec![text(format!(",\"{}\":", field.name)), value]);
        if field.required { required.push(whole) } else { options.push((field.name, whole)) }
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

fn value(kind: ActionKind, field: &Field, system: &System) -> Option<Expr> {
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
            if system.rules.is_empty() {
                return None;
            }
            Expr::Any(system.rules.iter().map(|rule| text(rule.id.to_string())).collect())
        }
        FieldKind::Number => Expr::Rule("number"),
        FieldKind::Step => Expr::Rule("step"),
        FieldKind::Path(_) => Expr::Rule("path"),
        FieldKind::Text(_) => Expr::Rule("text"),
        FieldKind::Word(known) if known == Priority::WORDS => Expr::Rule("priority"),
        FieldKind::Word(known) => words(known),
    })
}

fn target() -> Expr {
    let rules = ["process", "processes", "selector"].map(Expr::Rule);
    let mut ways = Vec::from(rules);
    ways.push(string("*"));
    Expr::Any(ways)
}

/// A pid or a name that exists; any pid if the snapshot does not show them all.
fn process(system: &System) -> Expr {
    let mut ways: Vec<_> = system.processes.iter().map(|process| text(process.pid.to_string())).collect();
    ways.extend(names(system.processes.iter().map(|process| &process.name)));
    if system.omitted > 0 || ways.is_empty() {
        ways.push(Expr::Rule("number"));
    }
    Expr::Any(ways)
}

fn names<'a>(names: impl IntoIterator<Item = &'a proviso_abi::Name>) -> Option<Expr> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    let ways: Vec<_> = known.into_iter().map(string).collect();
    (!ways.is_empty()).then_some(Expr::Any(ways))
}

/// A selector with at least one part, its filter with exactly one or two.
fn selector(system: &System) -> Expr {
    let mut filters = vec![
        entry("state", words(State::WORDS)),
        entry("priority", Expr::Rule("priority")),
        entry("cpu_over", Expr::Rule("percent")),
        entry("cpu_under", Expr::Rule("percent")),
        entry("memory_over", Expr::Rule("bytes")),
        entry("memory_under", Expr::Rule("bytes")),
    ];
    if let Some(names) = names(system.processes.iter().map(|process| &process.name)) {
        filters.insert(0, entry("name", names));
    }
    let filter = entry("where", Expr::Seq(vec![text("{"), Expr::Any(filters), text("}")]));
    let by = entry("by", words(RankKey::WORDS));
    let order = entry("order", words(Order::WORDS));
    let few = || Expr::Class(Class::NonZero);
    let count = Expr::Any(vec![entry("take", few()), entry("nth", few())]);
    let then = |part: Expr| optional(Expr::Seq(vec![text(","), part]));
    let ranked = Expr::Seq(vec![by, then(order), then(count.clone())]);
    let filtered = Expr::Seq(vec![filter, then(Expr::Any(vec![ranked.clone(), count]))]);
    Expr::Seq(vec![text("{"), Expr::Any(vec![filtered, ranked]), text("}")])
}

fn entry(name: &str, value: Expr) -> Expr {
    Expr::Seq(vec![text(format!("\"{name}\":")), value])
}

fn words(known: &[&str]) -> Expr {
    Expr::Any(known.iter().map(|word| string(word)).collect())
}

fn quoted(inside: Expr) -> Expr {
    Expr::Seq(vec![text("\""), inside, text("\"")])
}

fn repeat(expr: Expr, least: usize, most: usize) -> Expr {
    Expr::Repeat(Box::new(expr), least, most)
}

/// A whole number from 1 up, of at most `more` + 1 digits.
fn number(more: usize) -> Expr {
    Expr::Seq(vec![Expr::Class(Class::NonZero), repeat(Expr::Class(Class::Digit), 0, more)])
}
