//! The JSON Schema of plans, derived from the table of actions: for servers that
//! take no grammar. It knows the form, not what exists in a system.

use proviso_abi::words::{Order, RankKey};
use proviso_abi::{ActionKind, Field, FieldKind, Priority, State, plan};
use serde_json::{Map, Value, json};

/// The schema of a plan.
#[must_use]
pub fn plans() -> Value {
    let actions: Vec<_> = ActionKind::ALL.iter().map(|kind| action(*kind)).collect();
    let list = json!({
        "type": "array", "minItems": 1, "maxItems": plan::MAX_ACTIONS,
        "items": {"anyOf": actions},
    });
    object([("plan", list, true)])
}

fn action(kind: ActionKind) -> Value {
    let name = (
        "action",
        json!({"type": "string", "enum": [kind.as_str()]}),
        true,
    );
    let fields = kind
        .fields()
        .iter()
        .map(|field| (field.name, value(field), field.required));
    object([name].into_iter().chain(fields))
}

fn value(field: &Field) -> Value {
    match field.kind {
        FieldKind::Target => target(),
        FieldKind::Refs(most) => list(process(), most),
        FieldKind::Program => json!({"type": "string"}),
        FieldKind::Arguments(most) => list(json!({"type": "string"}), most),
        FieldKind::Bytes | FieldKind::Number => json!({"type": "integer", "minimum": 0}),
        FieldKind::Percent => percent(),
        FieldKind::Factor => json!({"type": "number"}),
        FieldKind::Step => json!({"type": "integer"}),
        FieldKind::Path(most) | FieldKind::Text(most) => {
            json!({"type": "string", "maxLength": most})
        }
        FieldKind::Word(known) => word(known),
    }
}

fn target() -> Value {
    json!({"anyOf": [process(), list(process(), plan::MAX_ACTIONS), selector()]})
}

/// A number or a name; `*` is a name as far as the form goes.
fn process() -> Value {
    json!({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]})
}

fn selector() -> Value {
    let bytes = || json!({"type": "integer", "minimum": 0});
    let count = || json!({"type": "integer", "minimum": 1});
    let filter = object([
        ("name", json!({"type": "string"}), false),
        ("state", word(State::WORDS), false),
        ("priority", word(Priority::WORDS), false),
        ("cpu_over", percent(), false),
        ("cpu_under", percent(), false),
        ("memory_over", bytes(), false),
        ("memory_under", bytes(), false),
    ]);
    object([
        ("where", filter, false),
        ("by", word(RankKey::WORDS), false),
        ("order", word(Order::WORDS), false),
        ("take", count(), false),
        ("nth", count(), false),
    ])
}

fn percent() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": 100})
}

fn word(known: &[&str]) -> Value {
    json!({"type": "string", "enum": known})
}

fn list(items: Value, most: usize) -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": most, "items": items})
}

/// An object of these fields: name, value, whether it is required.
fn object(fields: impl IntoIterator<Item = (&'static str, Value, bool)>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, value, is_required) in fields {
        properties.insert(name.into(), value);
        if is_required {
            required.push(name);
        }
    }
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_and_field_of_the_table_is_in_it() {
        let schema = plans();
        let actions = &schema["properties"]["plan"]["items"]["anyOf"];
        let actions = actions.as_array().unwrap();
        assert_eq!(actions.len(), ActionKind::ALL.len());
        for (kind, action) in ActionKind::ALL.iter().zip(actions) {
            let properties = action["properties"].as_object().unwrap();
            assert_eq!(properties.len(), kind.fields().len() + 1, "{kind}");
            let required = action["required"].as_array().unwrap();
            for field in kind.fields() {
                assert!(properties.contains_key(field.name), "{kind} {}", field.name);
                let is_required = required.contains(&field.name.into());
                assert_eq!(is_required, field.required, "{kind} {}", field.name);
            }
        }
    }
}
