//! JSON values read the way the evaluation's rule reads them.
//!
//! The rule was first written in Python and its answers are binding, so loosely
//! typed fields (a number as text, a truth value as a number) must be taken as
//! Python takes them. What Python would raise is [`IllTyped`] here: such a plan
//! is not right, whatever was expected.

use serde_json::{Map, Value};

/// A field has a type the rule cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IllTyped;

/// Shorthand for results that can be ill-typed.
pub type Checked<T> = Result<T, IllTyped>;

/// A JSON object, in the order it was written.
pub type Object = Map<String, Value>;

fn is_space(letter: char) -> bool {
    // Python also counts the four ASCII separators.
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

/// Without white space at both ends.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The words between white space.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// The value as text, the way Python prints it.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => literal(other),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| format!("{}: {}", quoted(k), literal(v)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if letter == quote => out.extend(['\\', letter]),
            _ => out.push(letter),
        }
    }
    out.push(quote);
    out
}

/// False for what counts as nothing: null, zero, empty.
pub fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// A whole number; truth values count as 0 and 1.
pub fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(value) => Some((*value).into()),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

/// Any number; truth values count as 0 and 1.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::Number(number) => number.as_f64(),
        _ => None,
    }
}

/// A number without a fraction as a whole number, everything else as it is.
pub fn without_zero_fraction(value: &Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 9e18 => {
            // In range by the check above.
            Value::from(number as i64)
        }
        _ => value.clone(),
    }
}

/// Text of digits alone.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One text for one value, whatever the order of its fields.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| key.as_str());
            let fields: Vec<_> = fields
                .iter()
                .map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), canonical(v)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

/// `items[from..to]` with Python's reading of negative and too large bounds.
pub fn slice<T>(items: &[T], from: i64, to: i64) -> &[T] {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |index: i64| {
        let index = if index < 0 {
            index.saturating_add(length)
        } else {
            index
        };
        usize::try_from(index.clamp(0, length)).unwrap_or(0)
    };
    items.get(place(from)..place(to)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slices_as_python_does() {
        let items = [1, 2, 3];
        assert_eq!(slice(&items, 0, 2), [1, 2]);
        assert_eq!(slice(&items, -1, 0), [0; 0]);
        assert_eq!(slice(&items, -2, -1), [2]);
        assert_eq!(slice(&items, 2, 99), [3]);
        assert_eq!(slice(&items, i64::MIN, i64::MAX), items);
    }

    #[test]
    fn prints_as_python_does() {
        assert_eq!(
            text(&json!(["a'b", true, null, 1.5, {"k": "v"}])),
            r#"["a'b", True, None, 1.5, {'k': 'v'}]"#
        );
        assert_eq!(text(&json!("plain")), "plain");
    }

    #[test]
    fn field_order_does_not_count() {
        assert_eq!(
            canonical(&json!({"b": 1, "a": [2]})),
            canonical(&json!({"a": [2], "b": 1}))
        );
        assert_ne!(canonical(&json!([1, 2])), canonical(&json!([2, 1])));
    }
}
