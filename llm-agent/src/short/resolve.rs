//! Short form to plans: slots become what they stand for.

use proviso_abi::{Action, FieldKind, Plan};
use serde_json::{Map, Value, json};

use super::parse::split;
use super::{SELECTOR, Short, ShortError, is_bare};
use crate::slots::{self, Kind, Slotted};

/// What a short form is about.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// The sentence whose slots it uses.
    pub slotted: &'c Slotted,
    /// The process that asks, if one does.
    pub caller: Option<u32>,
}

/// Resolves a plan. The words of `answer`, `ask` and `refuse` are left to `words`.
///
/// # Errors
/// If a value does not fit its field, or a slot is not there.
pub fn resolve(
    plan: &[Short],
    context: Context<'_>,
    words: &dyn Fn(&Short) -> String,
) -> Result<Plan, ShortError> {
    let actions: Result<Vec<_>, _> = plan
        .iter()
        .map(|short| action(short, context, words))
        .collect();
    let actions = actions?;
    if actions.is_empty() {
        return Err(ShortError::Plan("a plan has one action at least".into()));
    }
    Plan::new(actions).map_err(|long| ShortError::Plan(format!("the plan is {long}")))
}

fn action(
    short: &Short,
    context: Context<'_>,
    words: &dyn Fn(&Short) -> String,
) -> Result<Action, ShortError> {
    let mut object = Map::new();
    object.insert("action".into(), short.kind.as_str().into());
    for (field, written) in &short.fields {
        let value = value(field.kind, written, context).ok_or_else(|| ShortError::Value {
            kind: short.kind,
            field: field.name,
            value: written.clone(),
        })?;
        object.insert(field.name.into(), value);
    }
    if is_bare(short.kind) && short.fields.is_empty() {
        let field = short.kind.fields().first().map_or("", |field| field.name);
        let said = words(short);
        object.insert(field.into(), said.into());
    }
    serde_json::from_value(object.into())
        .map_err(|why| ShortError::Plan(format!("`{short}` is no {}: {why}", short.kind)))
}

fn value(kind: FieldKind, written: &str, context: Context<'_>) -> Option<Value> {
    match kind {
        FieldKind::Target => target(written, context),
        FieldKind::Refs(_) => refs(written, context),
        FieldKind::Program => name(written, context),
        FieldKind::Arguments(_) => {
            let args = split(written, ",")
                .into_iter()
                .map(|one| words(one, context));
            args.collect::<Option<Vec<_>>>().map(Value::from)
        }
        FieldKind::Bytes => size(written, context),
        FieldKind::Percent => {
            number(written, &[Kind::Percent, Kind::Number], context).map(Value::from)
        }
        FieldKind::Factor => match number(written, &[Kind::Number], context) {
            Some(whole) => Some(whole.into()),
            None => written.parse::<f64>().ok().map(Value::from),
        },
        FieldKind::Number => {
            let kinds = [Kind::Number, Kind::Duration, Kind::Size, Kind::Percent];
            number(written, &kinds, context)
                .map(Value::from)
                .or_else(|| size(written, context))
        }
        FieldKind::Step => {
            let (sign, rest) = match written.strip_prefix('-') {
                Some(rest) => (-1, rest),
                None => (1, written),
            };
            let steps = i64::try_from(number(rest, &[Kind::Number], context)?).ok()?;
            Some((sign * steps).into())
        }
        FieldKind::Path(_) => match context.slotted.slot(written) {
            Some(slot) if matches!(slot.kind, Kind::Path | Kind::Text) => text_of(slot),
            Some(_) => None,
            None => unquoted(written),
        },
        FieldKind::Text(_) => words(written, context),
        FieldKind::Word(known) => known.contains(&written).then(|| written.into()),
    }
}

fn target(written: &str, context: Context<'_>) -> Option<Value> {
    if written == "*" {
        return Some("*".into());
    }
    if let Some(inside) = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return selector(inside, context);
    }
    match refs(written, context)? {
        Value::Array(mut one) if one.len() == 1 => one.pop(),
        many => Some(many),
    }
}

fn refs(written: &str, context: Context<'_>) -> Option<Value> {
    let refs = split(written, ",")
        .into_iter()
        .map(|one| process(one, context));
    refs.collect::<Option<Vec<_>>>().map(Value::from)
}

/// A process by number or name.
fn process(written: &str, context: Context<'_>) -> Option<Value> {
    if written == "me" {
        return context.caller.map(Value::from);
    }
    number(written, &[Kind::Number], context)
        .map(Value::from)
        .or_else(|| name(written, context))
}

fn name(written: &str, context: Context<'_>) -> Option<Value> {
    match context.slotted.slot(written) {
        Some(slot) if slot.kind == Kind::Name => text_of(slot),
        Some(_) => None,
        None => unquoted(written).filter(|name| name.as_str().is_some_and(|name| !name.is_empty())),
    }
}

/// A slot that the sentence does not have is no literal either.
fn is_slot(written: &str) -> bool {
    let mut letters = written.chars();
    let sigil = letters.next();
    Kind::ALL.iter().any(|kind| Some(kind.sigil()) == sigil)
        && letters.as_str().bytes().all(|byte| byte.is_ascii_digit())
        && written.len() > 1
}

fn unquoted(written: &str) -> Option<Value> {
    if written.starts_with('"') {
        return serde_json::from_str::<String>(written)
            .ok()
            .map(Value::from);
    }
    (!is_slot(written)).then(|| written.into())
}

fn selector(inside: &str, context: Context<'_>) -> Option<Value> {
    let (mut filter, mut selector) = (Map::new(), Map::new());
    for part in split(inside, " ") {
        let (key, written) = part.split_once('=')?;
        let (_, is_filter) = SELECTOR.iter().find(|(known, _)| *known == key)?;
        let value = match key {
            "name" => name(written, context)?,
            "memory_over" | "memory_under" => size(written, context)?,
            "cpu_over" | "cpu_under" => {
                number(written, &[Kind::Percent, Kind::Number], context)?.into()
            }
            "take" | "nth" => number(written, &[Kind::Number], context)?.into(),
            _ => written.into(),
        };
        let map = if *is_filter {
            &mut filter
        } else {
            &mut selector
        };
        if map.insert(key.into(), value).is_some() {
            return None;
        }
    }
    if !filter.is_empty() {
        selector.insert("where".into(), filter.into());
    }
    (!selector.is_empty()).then(|| selector.into())
}

/// A number: a slot of one of these kinds, or digits.
fn number(written: &str, kinds: &[Kind], context: Context<'_>) -> Option<u64> {
    match context.slotted.slot(written) {
        Some(slot) if kinds.contains(&slot.kind) => match slot.value {
            slots::Value::Number(number) => Some(number),
            slots::Value::Text(_) => None,
        },
        Some(_) => None,
        None if written.bytes().all(|byte| byte.is_ascii_digit()) => written.parse().ok(),
        None => None,
    }
}

/// A size: a slot, or digits with or without K, M or G behind them.
fn size(written: &str, context: Context<'_>) -> Option<Value> {
    let shift = match written.chars().next_back()? {
        'K' => 10,
        'M' => 20,
        'G' => 30,
        _ => return number(written, &[Kind::Size], context).map(Value::from),
    };
    let digits = written.get(..written.len() - 1)?;
    let amount: u64 = digits.parse().ok()?;
    amount.checked_mul(1 << shift).map(Value::from)
}

fn text_of(slot: &slots::Slot) -> Option<Value> {
    match &slot.value {
        slots::Value::Text(text) => Some(text.as_str().into()),
        slots::Value::Number(_) => None,
    }
}

/// Text: a slot, a JSON string, or words of the sentence.
fn words(written: &str, context: Context<'_>) -> Option<Value> {
    if written.starts_with('"') {
        return unquoted(written);
    }
    if let Some(slot) = context.slotted.slot(written) {
        return Some(text_of(slot).unwrap_or_else(|| json!(slot.surface)));
    }
    if is_slot(written) {
        return None;
    }
    let said = context
        .slotted
        .original_of(written)
        .unwrap_or(written)
        .trim();
    (!said.is_empty()).then(|| said.into())
}
