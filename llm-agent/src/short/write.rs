//! Plans as short form.

use std::fmt;

use proviso_abi::{Action, FieldKind, Plan};
use serde_json::Value;

use super::{SELECTOR, Short, alternatives, positional};

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        // What the action is about stands before what it leaves out.
        let is_first =
            |name: &str| alternatives(self.kind).is_some_and(|both| both.contains(&name));
        let (first, rest): (Vec<_>, Vec<_>) = self
            .fields
            .iter()
            .partition(|(field, _)| field.required || is_first(field.name));
        let bare = positional(self.kind).map(|field| field.name);
        for (field, value) in first.into_iter().chain(rest) {
            if field.required || bare == Some(field.name) {
                write!(f, " {value}")?;
            } else {
                write!(f, " {}={value}", field.name)?;
            }
        }
        Ok(())
    }
}

/// A plan in short form, all values literal.
#[must_use]
pub fn shorten(plan: &Plan) -> Vec<Short> {
    plan.actions.iter().map(one).collect()
}

fn one(action: &Action) -> Short {
    let kind = action.kind();
    // What the abi serialises is an object; anything else would have no fields.
    let object = serde_json::to_value(action).unwrap_or_default();
    let fields = kind.fields().iter().filter_map(|field| {
        let value = object.get(field.name)?;
        Some((field, written(field.kind, value)))
    });
    Short {
        kind,
        fields: fields.collect(),
    }
}

fn written(kind: FieldKind, value: &Value) -> String {
    match (kind, value) {
        (FieldKind::Target, Value::Object(selector)) => {
            let filter = selector.get("where");
            let parts = SELECTOR.iter().filter_map(|(key, is_filter)| {
                let value = if *is_filter {
                    filter?.get(key)?
                } else {
                    selector.get(*key)?
                };
                Some(format!("{key}={}", literal(value)))
            });
            format!("[{}]", parts.collect::<Vec<_>>().join(" "))
        }
        (_, Value::Array(items)) => items.iter().map(literal).collect::<Vec<_>>().join(","),
        (FieldKind::Text(_), value) => value.to_string(),
        (_, value) => literal(value),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            number.to_string().trim_end_matches(".0").to_owned()
        }
        value => value.to_string(),
    }
}

/// Whether a string cannot be taken for anything else.
fn is_plain(text: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
    text == "*"
        || (text.chars().all(is_word)
            && text != "me"
            && !text.is_empty()
            && !text.bytes().all(|byte| byte.is_ascii_digit())
            && !text.starts_with(['-', '.']))
}
