//! Quoted text and paths in a sentence.

use std::ops::Range;

use proviso_abi::System;

use super::{Found, Kind, Plain, Value};

/// What files without a folder before them end in.
const ENDINGS: &[&str] = &[
    "bak", "bin", "c", "cfg", "conf", "core", "csv", "dat", "db", "elf", "h", "html", "ini", "jpg",
    "json", "lock", "log", "md", "old", "out", "pdf", "png", "py", "rs", "sh", "tmp", "toml",
    "txt", "wav", "xml", "yaml", "yml", "zip",
];

/// Finds what stands in quotation marks, and paths outside of them.
pub(super) fn find(plain: &Plain, system: &System) -> Vec<Found> {
    let text = plain.text();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = text.as_bytes().get(at).copied() {
        let next = match letter {
            b'"' | b'`' | b'\'' if !is_program(text) || letter == b'`' => {
                quoted(plain, at, letter, system)
            }
            b'/' | b'~' if is_start(text, at) => path(plain, at),
            _ if letter.is_ascii_alphabetic() && is_start(text, at) => file(plain, at),
            _ => None,
        };
        match next {
            Some(next) => {
                at = next.range.end;
                found.push(next);
            }
            None => at += 1,
        }
    }
    found
}

/// Whether a program wrote the sentence: quotation marks are no quotes then.
fn is_program(text: &str) -> bool {
    text.starts_with(['{', '[']) || text.contains("\":")
}

/// Whether a word can begin here.
fn is_start(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    before.is_none_or(|letter| !letter.is_ascii_alphanumeric() && !"_-./~".contains(letter))
}

fn quoted(plain: &Plain, at: usize, mark: u8, system: &System) -> Option<Found> {
    let text = plain.text();
    if mark == b'\'' && !is_start(text, at) {
        return None;
    }
    let start = at + 1;
    let mut end = start;
    loop {
        end += text.get(end..)?.find(char::from(mark))?;
        let after = text.as_bytes().get(end + 1);
        // The apostrophe within a word ends no quotation.
        if mark != b'\'' || !after.is_some_and(u8::is_ascii_alphanumeric) {
            break;
        }
        end += 1;
    }
    let inside = text.get(start..end)?.trim();
    let is_name = |name: &str| Plain::new(name).text() == inside;
    let is_known = system.programs.iter().any(|name| is_name(name))
        || system
            .processes
            .iter()
            .any(|process| is_name(&process.name));
    let is_number = inside.bytes().all(|byte| byte.is_ascii_digit());
    if inside.is_empty() || is_known || is_number || inside.starts_with('/') {
        return None;
    }
    let value = original(plain, start..end)?;
    Some(Found {
        range: at..end + 1,
        kind: Kind::Text,
        value: Value::Text(value),
        rest: "",
    })
}

fn path(plain: &Plain, at: usize) -> Option<Found> {
    let text = plain.text();
    let rest = text.get(at..)?;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-/~+*".contains(letter);
    let long = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let path = rest
        .get(..long)?
        .trim_end_matches(['.', '-', '*', '~', '+']);
    let is_root = path == "/" && (path.len() == rest.len() || precedes_folder(text.get(..at)?));
    if !path.contains('/') || (path.len() < 2 && !is_root) {
        return None;
    }
    found_path(plain, at..at + path.len())
}

fn precedes_folder(before: &str) -> bool {
    let word = before.split_ascii_whitespace().next_back().unwrap_or("");
    ["in", "of", "under", "at", "ls", "below", "from"].contains(&word)
}

/// A file without a slash before it: known by its ending.
fn file(plain: &Plain, at: usize) -> Option<Found> {
    let rest = plain.text().get(at..)?;
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    let long = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
    let file = rest.get(..long)?.trim_end_matches(['.', '-', '/']);
    let (stem, ending) = file.rsplit_once('.')?;
    if stem.is_empty() || !ENDINGS.contains(&ending) {
        return None;
    }
    found_path(plain, at..at + file.len())
}

fn found_path(plain: &Plain, range: Range<usize>) -> Option<Found> {
    let value = Value::Text(original(plain, range.clone())?);
    Some(Found {
        range,
        kind: Kind::Path,
        value,
        rest: "",
    })
}

fn original(plain: &Plain, range: Range<usize>) -> Option<String> {
    plain.original(range).map(str::to_owned)
}
