//! The short form of plans: what the project's own model writes.
//!
//! `kill @1 ; grant_memory #2 $1` says in nine tokens what the JSON form says in
//! thirty. It is derived from the vocabulary's table of fields: an action's word,
//! its required fields in the table's order, then options as `key=value`;
//! actions are joined by ` ; `. Where an action takes one of two fields, the
//! first of them stands bare (`set_priority @1 low`) and the other with its key
//! (`set_priority @1 step=1`). Values are slots of the sentence, or literal.
//! `answer`, `ask` and `refuse` stand bare: their words are not the model's.

pub mod grammar;
mod parse;
mod resolve;
#[cfg(test)]
mod tests;
mod write;

use proviso_abi::{ActionKind, Field};

pub use parse::parse;
pub use resolve::{Context, resolve};
pub use write::shorten;

/// One action in short form: its fields as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// Which action.
    pub kind: ActionKind,
    /// Its fields and their values, required ones first.
    pub fields: Vec<(&'static Field, String)>,
}

/// Why a text is no plan in short form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShortError {
    /// There is no such action.
    #[error("`{0}` is no action")]
    NoAction(String),
    /// A required field is not there.
    #[error("{kind} needs a {field}")]
    Missing {
        /// The action.
        kind: ActionKind,
        /// The field.
        field: &'static str,
    },
    /// Something is there that no field takes.
    #[error("{kind} takes no `{part}`")]
    TooMuch {
        /// The action.
        kind: ActionKind,
        /// What is too much.
        part: String,
    },
    /// A value does not fit its field, or names a slot that is not there.
    #[error("`{value}` is no {field} of {kind}")]
    Value {
        /// The action.
        kind: ActionKind,
        /// The field.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// It is not a plan as a whole.
    #[error("{0}")]
    Plan(String),
}

/// What stands between two actions.
pub const BETWEEN: &str = " ; ";

/// Whether the words of an action are made by code.
#[must_use]
pub const fn is_bare(kind: ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Answer | ActionKind::Ask | ActionKind::Refuse
    )
}

/// Fields of which an action needs exactly one; the first of them stands bare.
#[must_use]
pub const fn alternatives(kind: ActionKind) -> Option<[&'static str; 2]> {
    match kind {
        ActionKind::SetPriority => Some(["priority", "step"]),
        ActionKind::SetMemoryLimit => Some(["bytes", "times"]),
        _ => None,
    }
}

/// The field that may stand without its key though it is optional.
#[must_use]
pub fn positional(kind: ActionKind) -> Option<&'static Field> {
    // `explain` and `undo` have one field that says it all.
    let name = match kind {
        ActionKind::Explain => "target",
        ActionKind::Undo => "count",
        _ => alternatives(kind)?[0],
    };
    kind.fields().iter().find(|field| field.name == name)
}

/// The parts of a selector in the order in which they are written, and whether
/// each is a part of its filter.
pub const SELECTOR: &[(&str, bool)] = &[
    ("name", true),
    ("state", true),
    ("priority", true),
    ("cpu_over", true),
    ("cpu_under", true),
    ("memory_over", true),
    ("memory_under", true),
    ("by", false),
    ("order", false),
    ("take", false),
    ("nth", false),
];

/// Plans in short form as text.
#[must_use]
pub fn text(plan: &[Short]) -> String {
    let actions: Vec<_> = plan.iter().map(Short::to_string).collect();
    actions.join(BETWEEN)
}
