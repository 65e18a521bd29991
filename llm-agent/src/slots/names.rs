//! Names of processes and programs in a sentence, however they are spelt.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use proviso_abi::System;

use super::{Found, Kind, Plain, Value};

/// The commonest English words of four letters and more (from the vocabulary of
/// SmolLM2's tokenizer, most frequent first): none of them is a typing mistake.
static ORDINARY: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("words.txt").split_ascii_whitespace().collect());

/// Words that a sentence cannot do without. A process that takes such a name
/// can be named by its number, or in quotation marks.
const STRUCTURAL: &[&str] = &[
    "a",
    "all",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "but",
    "by",
    "can",
    "crash",
    "cpu",
    "do",
    "down",
    "every",
    "everything",
    "except",
    "file",
    "files",
    "for",
    "from",
    "give",
    "go",
    "halt",
    "have",
    "how",
    "i",
    "if",
    "in",
    "is",
    "it",
    "its",
    "kill",
    "less",
    "limit",
    "list",
    "me",
    "memory",
    "more",
    "my",
    "no",
    "not",
    "now",
    "of",
    "off",
    "on",
    "one",
    "only",
    "or",
    "other",
    "out",
    "pause",
    "pid",
    "please",
    "process",
    "processes",
    "program",
    "programs",
    "reboot",
    "restart",
    "resume",
    "rule",
    "rules",
    "same",
    "show",
    "start",
    "status",
    "stop",
    "suspend",
    "system",
    "than",
    "that",
    "the",
    "them",
    "then",
    "this",
    "to",
    "too",
    "undo",
    "up",
    "use",
    "was",
    "what",
    "when",
    "who",
    "why",
    "will",
    "with",
    "you",
];

/// Whether a word, or what it is a form of, is an ordinary one.
#[must_use]
pub fn is_ordinary(word: &str) -> bool {
    let stems = ["", "s", "es", "d", "ed", "ing", "ly"];
    let is_known = |stem: &str| ORDINARY.contains(stem) || STRUCTURAL.contains(&stem);
    stems
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
        .any(is_known)
}

/// The plural of a name.
#[must_use]
pub fn plural(name: &str) -> String {
    let before_y = name.strip_suffix('y').filter(|stem| {
        stem.ends_with(|letter: char| letter.is_ascii_alphabetic() && !"aeiou".contains(letter))
    });
    match before_y {
        Some(stem) => format!("{stem}ies"),
        None if ["s", "x", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        None => format!("{name}s"),
    }
}

/// A name and the ways in which it is written.
struct Spelt {
    name: String,
    /// Plain spellings, and what of each stays behind the slot.
    ways: Vec<(String, &'static str)>,
}

impl Spelt {
    fn new(name: &str) -> Self {
        let plain = Plain::new(name).text().to_owned();
        let mut singular = vec![plain.clone()];
        if plain.contains(['_', '-']) {
            singular.push(plain.replace(['_', '-'], " "));
            singular.push(plain.replace(['_', '-'], ""));
        }
        let mut ways = Vec::new();
        for way in singular {
            ways.push((plural(&way), "s"));
            ways.push((format!("{way}s"), "s"));
            ways.push((way, ""));
        }
        ways.dedup();
        Self {
            name: name.to_owned(),
            ways,
        }
    }
}

/// Finds every name of a process or program, outside of what is `found` already.
pub(super) fn find(plain: &Plain, system: &System, found: &mut Vec<Found>) {
    let mut names: Vec<&str> = Vec::new();
    let processes = system.processes.iter().map(|process| process.name.as_str());
    for name in processes.chain(system.programs.iter().map(|name| name.as_str())) {
        let is_usable = name.len() > 1 && !STRUCTURAL.contains(&Plain::new(name).text());
        if is_usable && !names.contains(&name) {
            names.push(name);
        }
    }
    let spelt: Vec<_> = names.into_iter().map(Spelt::new).collect();
    exact(plain, &spelt, found);
    mistyped(plain, &spelt, found);
}

fn exact(plain: &Plain, spelt: &[Spelt], found: &mut Vec<Found>) {
    let mut ways: Vec<_> = spelt
        .iter()
        .flat_map(|one| one.ways.iter().map(move |(way, rest)| (way, *rest, one)))
        .filter(|(way, ..)| !way.is_empty())
        .collect();
    // The longest first: `web cache` before `web`. Stable, so a name that is
    // written exactly so comes before the plural of another.
    ways.sort_by_key(|(way, rest, _)| (std::cmp::Reverse(way.len()), !rest.is_empty()));
    for (way, rest, one) in ways {
        for (start, _) in plain.text().match_indices(way.as_str()) {
            let range = start..start + way.len();
            if is_word(plain.text(), &range) && is_free(found, &range) {
                found.push(named(range, &one.name, rest));
            }
        }
    }
}

fn named(range: Range<usize>, name: &str, rest: &'static str) -> Found {
    Found {
        range,
        kind: Kind::Name,
        value: Value::Text(name.to_owned()),
        rest,
    }
}

fn is_free(found: &[Found], range: &Range<usize>) -> bool {
    found
        .iter()
        .all(|found| found.range.end <= range.start || found.range.start >= range.end)
}

/// Whether a range is a word of its own, not a part of a longer name.
fn is_word(text: &str, range: &Range<usize>) -> bool {
    let is_inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut before = text.get(..range.start).unwrap_or_default().chars().rev();
    let mut after = text.get(range.end..).unwrap_or_default().chars();
    let joins = |mark: Option<char>, beyond: Option<char>| match mark {
        Some('-' | '.') => beyond.is_some_and(|letter| letter.is_ascii_alphabetic()),
        Some(letter) => is_inside(letter),
        None => false,
    };
    !joins(before.next(), before.next()) && !joins(after.next(), after.next())
}

/// Words that no dictionary has and that are one or two slips off a name.
fn mistyped(plain: &Plain, spelt: &[Spelt], found: &mut Vec<Found>) {
    let text = plain.text();
    let mut start = 0;
    for word in text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        let range = start..start + word.len();
        start = range.end + 1;
        let is_candidate = word.len() >= 4
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && is_free(found, &range)
            && !is_ordinary(word);
        if !is_candidate {
            continue;
        }
        if let Some((name, rest)) = nearest(word, spelt) {
            let name = name.to_owned();
            found.push(named(range, &name, rest));
        }
    }
}

/// The only name that is so near to the word that it must be meant.
fn nearest<'s>(word: &str, spelt: &'s [Spelt]) -> Option<(&'s str, &'static str)> {
    let mut best: Option<(usize, &str, &'static str)> = None;
    let mut is_tied = false;
    for one in spelt {
        for (way, rest) in &one.ways {
            let slips = strsim::osa_distance(word, way);
            if slips > allowed(way.len() - rest.len().min(way.len())) || !starts_alike(word, way) {
                continue;
            }
            match best {
                Some((least, name, _)) if slips >= least => {
                    is_tied |= slips == least && name != one.name;
                }
                _ => {
                    best = Some((slips, &one.name, rest));
                    is_tied = false;
                }
            }
        }
    }
    best.filter(|_| !is_tied)
        .map(|(_, name, rest)| (name, rest))
}

/// How many slips a name of so many letters can bear.
const fn allowed(length: usize) -> usize {
    match length {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

/// Short words have to share a first letter, in one of the first two places.
fn starts_alike(word: &str, way: &str) -> bool {
    let (word, way) = (word.as_bytes(), way.as_bytes());
    word.first() == way.first() || (word.first() == way.get(1) && word.get(1) == way.first())
}
