//! Sentences with their particulars taken out.
//!
//! A small model is good at what a sentence means and bad at copying. So code
//! takes names, numbers, sizes, shares, durations, paths and quoted text out of
//! a sentence before the model sees it and leaves a slot for each: `give the
//! web server 8 MB more` becomes `give the @1 server $1 more`. The model answers
//! in slots, and code puts the particulars back. What a process is called, or
//! what a quotation says, can then neither confuse nor instruct the model.

mod facts;
mod names;
mod numbers;
mod plain;
mod quantities;
mod quotes;
#[cfg(test)]
mod tests;

use std::ops::Range;

use proviso_abi::System;

pub use names::{is_ordinary, plural};
pub use plain::Plain;

/// What kind of particular a slot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The name of a process or program.
    Name,
    /// A whole number.
    Number,
    /// A size in bytes.
    Size,
    /// A percentage.
    Percent,
    /// A duration in milliseconds.
    Duration,
    /// A path.
    Path,
    /// Quoted text.
    Text,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Name,
        Self::Number,
        Self::Size,
        Self::Percent,
        Self::Duration,
        Self::Path,
        Self::Text,
    ];

    /// The character that its slots begin with.
    #[must_use]
    pub const fn sigil(self) -> char {
        match self {
            Self::Name => '@',
            Self::Number => '#',
            Self::Size => '$',
            Self::Percent => '%',
            Self::Duration => '~',
            Self::Path => '/',
            Self::Text => '&',
        }
    }
}

/// What a slot stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A name, path or text.
    Text(String),
    /// A number, in bytes, percent or milliseconds where it has a unit.
    Number(u64),
}

/// One slot of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// What it is.
    pub kind: Kind,
    /// Which of its kind, counted from 1.
    pub index: usize,
    /// What it stands for.
    pub value: Value,
    /// How the sentence puts it where it first does.
    pub surface: String,
}

impl Slot {
    /// How it is written.
    #[must_use]
    pub fn written(&self) -> String {
        format!("{}{}", self.kind.sigil(), self.index)
    }
}

/// A particular, found in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    /// Where, in bytes of the plain sentence.
    range: Range<usize>,
    kind: Kind,
    value: Value,
    /// What of it stays behind the slot: the `s` of a plural.
    rest: &'static str,
}

/// A sentence with slots.
#[derive(Debug, Clone, Default)]
pub struct Slotted {
    text: String,
    slots: Vec<Slot>,
    facts: String,
    original: String,
    /// Ranges of `text` and the ranges of `original` that they stand for, in order.
    origins: Vec<(Range<usize>, Range<usize>)>,
}

/// A slot needs a small number; more particulars than this stay as they are.
const MAX_OF_A_KIND: usize = 9;

impl Slotted {
    /// Takes the particulars out of `sentence`.
    #[must_use]
    pub fn new(sentence: &str, system: &System) -> Self {
        let plain = Plain::new(sentence);
        let mut found = quotes::find(&plain, system);
        names::find(&plain, system, &mut found);
        quantities::find(&plain, &mut found);
        found.sort_by_key(|found| found.range.start);
        let mut out = Self {
            original: sentence.to_owned(),
            ..Self::default()
        };
        let mut at = 0;
        for found in &found {
            out.keep(&plain, at..found.range.start);
            out.replace(&plain, found);
            at = found.range.end;
        }
        out.keep(&plain, at..plain.text().len());
        out.facts = facts::describe(&out.slots, system);
        out
    }

    /// The sentence with its slots.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the model reads: the sentence, then what it has to know of the slots.
    #[must_use]
    pub fn input(&self) -> String {
        format!("{}{}", self.text, self.facts)
    }

    /// The slots, in order of appearance.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The slots of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(move |slot| slot.kind == kind)
    }

    /// The slot written like this.
    #[must_use]
    pub fn slot(&self, written: &str) -> Option<&Slot> {
        let mut letters = written.chars();
        let sigil = letters.next()?;
        let index: usize = letters.as_str().parse().ok()?;
        self.slots
            .iter()
            .find(|slot| slot.kind.sigil() == sigil && slot.index == index)
    }

    /// The slot that stands for this.
    #[must_use]
    pub fn slot_of(&self, kind: Kind, value: &Value) -> Option<&Slot> {
        self.of_kind(kind).find(|slot| slot.value == *value)
    }

    /// What the sentence really says where the slotted one says `part`.
    #[must_use]
    pub fn original_of(&self, part: &str) -> Option<&str> {
        let start = self.text.find(part)?;
        let range = start..start + part.len();
        let mut touched = self
            .origins
            .iter()
            .filter(|(shown, _)| shown.start < range.end && shown.end > range.start);
        let (_, first) = touched.next()?;
        let last = touched.next_back().map_or(first, |(_, from)| from);
        self.original.get(first.start..last.end)
    }

    /// The slotted form of a range of the original sentence.
    #[must_use]
    pub fn slotted_of(&self, original: Range<usize>) -> Option<&str> {
        let mut touched = self
            .origins
            .iter()
            .filter(|(_, from)| from.start < original.end && from.end > original.start);
        let (first, _) = touched.next()?;
        let last = touched.next_back().map_or(first, |(shown, _)| shown);
        self.text.get(first.start..last.end).map(str::trim)
    }

    fn keep(&mut self, plain: &Plain, range: Range<usize>) {
        for at in range {
            let Some(letter) = plain.text().get(at..=at) else {
                continue;
            };
            // `$5` as it stands is no slot of ours.
            let is_sigil = |last: char| Kind::ALL.iter().any(|kind| kind.sigil() == last);
            if letter.starts_with(|digit: char| digit.is_ascii_digit())
                && self.text.ends_with(is_sigil)
            {
                self.text.push(' ');
            }
            let start = self.text.len();
            self.text.push_str(letter);
            self.origins
                .push((start..start + 1, plain.origin(at..at + 1)));
        }
    }

    fn replace(&mut self, plain: &Plain, found: &Found) {
        let origin = plain.origin(found.range.clone());
        let index = match self.slot_of(found.kind, &found.value) {
            Some(slot) => slot.index,
            None => {
                let index = self.of_kind(found.kind).count() + 1;
                if index > MAX_OF_A_KIND {
                    return self.keep(plain, found.range.clone());
                }
                self.slots.push(Slot {
                    kind: found.kind,
                    index,
                    value: found.value.clone(),
                    surface: self
                        .original
                        .get(origin.clone())
                        .unwrap_or_default()
                        .to_owned(),
                });
                index
            }
        };
        let start = self.text.len();
        self.text.push(found.kind.sigil());
        self.text.push_str(&index.to_string());
        self.text.push_str(found.rest);
        self.origins.push((start..self.text.len(), origin));
    }
}
