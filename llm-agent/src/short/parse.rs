//! Short form as text, read strictly.

use proviso_abi::{ActionKind, Field, FieldKind};

use super::{BETWEEN, SELECTOR, Short, ShortError, is_bare, positional};

/// Reads a plan in short form. Values are checked when they are resolved.
///
/// # Errors
/// If it is not well formed; the error names the part.
pub fn parse(text: &str) -> Result<Vec<Short>, ShortError> {
    let plan: Result<Vec<_>, _> = split(text.trim(), BETWEEN)
        .into_iter()
        .map(action)
        .collect();
    plan.map(|mut plan| {
        plan.iter_mut().for_each(Short::put_in_order);
        plan
    })
}

fn action(text: &str) -> Result<Short, ShortError> {
    let mut parts = split(text.trim(), " ")
        .into_iter()
        .filter(|part| !part.is_empty());
    let word = parts.next().unwrap_or_default();
    let kind: ActionKind = word
        .parse()
        .map_err(|_| ShortError::NoAction(word.into()))?;
    let parts: Vec<&str> = parts.collect();
    let mut rest = parts.as_slice();
    let mut short = Short {
        kind,
        fields: Vec::new(),
    };
    let required = kind.fields().iter().filter(|field| field.required);
    for field in required {
        let used = match field.kind {
            FieldKind::Text(_) => rest
                .iter()
                .position(|part| option(kind, part).is_some())
                .unwrap_or(rest.len()),
            _ => rest.len().min(1),
        };
        let (value, more) = rest.split_at(used);
        rest = more;
        match value {
            [] if is_bare(kind) => {}
            [] => {
                return Err(ShortError::Missing {
                    kind,
                    field: field.name,
                });
            }
            value => short.fields.push((field, value.join(" "))),
        }
    }
    for part in rest {
        let (field, value) = option(kind, part)
            .or_else(|| positional(kind).map(|field| (field, *part)))
            .filter(|(field, _)| !short.has(field))
            .ok_or_else(|| ShortError::TooMuch {
                kind,
                part: (*part).into(),
            })?;
        short.fields.push((field, value.to_owned()));
    }
    Ok(short)
}

/// `key=value` with the key of an optional field.
fn option(kind: ActionKind, part: &str) -> Option<(&'static Field, &str)> {
    let (key, value) = part.split_once('=')?;
    kind.fields()
        .iter()
        .find(|field| !field.required && field.name == key)
        .map(|field| (field, value))
}

impl Short {
    fn has(&self, field: &Field) -> bool {
        self.fields
            .iter()
            .any(|(known, _)| known.name == field.name)
    }

    /// Puts fields, and the parts of selectors, in the order of the tables.
    fn put_in_order(&mut self) {
        let place = |name: &str| {
            self.kind
                .fields()
                .iter()
                .position(|known| known.name == name)
        };
        self.fields.sort_by_key(|(field, _)| place(field.name));
        for (field, value) in &mut self.fields {
            let inside = value
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            if let (FieldKind::Target, Some(inside)) = (field.kind, inside) {
                let mut parts = split(inside, " ");
                parts.sort_by_key(|part| {
                    let key = part.split_once('=').map_or("", |(key, _)| key);
                    SELECTOR.iter().position(|(known, _)| *known == key)
                });
                *value = format!("[{}]", parts.join(" "));
            }
        }
    }
}

/// Cuts `text` at every `mark` that is neither in brackets nor in quotation marks.
pub(super) fn split<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
    let mut start = 0;
    for (at, letter) in text.char_indices() {
        let is_mark = depth == 0 && !is_quoted && at >= start;
        if is_mark && text.get(at..).is_some_and(|rest| rest.starts_with(mark)) {
            parts.push(text.get(start..at).unwrap_or_default());
            start = at + mark.len();
            continue;
        }
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => depth += 1,
            ']' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}
