//! The sentences of rejections: what is wrong, with its name and numbers, and
//! what would help, in at most 200 bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display};

use proviso_abi::bounded::Text;
use proviso_abi::describe::OneLine;
use proviso_abi::outcome::{Reason, Rejection};

/// The bytes that a sentence has left for a list of what there is.
pub const ROOM_FOR_LIST: usize = 120;

/// Why one action, or the plan, is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    text: Text<200>,
}

impl Refusal {
    /// A refusal with a sentence. The sentence may quote a plan's names: what
    /// a terminal would obey is taken out.
    pub fn new(reason: Reason, sentence: fmt::Arguments<'_>) -> Self {
        Self {
            reason,
            text: Text::format(format_args!("{}", OneLine(sentence))),
        }
    }

    /// The rejection of this action of the plan, or of all of it.
    pub fn about(self, action: Option<usize>) -> Rejection {
        let action = action.and_then(|index| u8::try_from(index).ok());
        Rejection {
            action,
            reason: self.reason,
            text: self.text,
            instead: None,
        }
    }
}

/// The result of one check.
pub type Judged<T> = Result<T, Refusal>;

/// Shorthand for a failed check.
pub fn refuse<T>(reason: Reason, sentence: fmt::Arguments<'_>) -> Judged<T> {
    Err(Refusal::new(reason, sentence))
}

/// Items separated by commas, as many as fit `room` bytes, then `...`.
pub fn listed<T: Display>(items: impl IntoIterator<Item = T>, room: usize) -> String {
    let mut list = String::new();
    for item in items {
        let item = item.to_string();
        let comma = if list.is_empty() { "" } else { ", " };
        // Five bytes are kept for the dots.
        if list.len() + comma.len() + item.len() + 5 > room {
            list.push_str(comma);
            list.push_str("...");
            break;
        }
        list.push_str(comma);
        list.push_str(&item);
    }
    list
}

/// Names without repetitions, those most like `wanted` first.
pub fn closest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut ranked: Vec<_> = names
        .map(|name| (distance(&wanted, &name.to_lowercase()), name))
        .collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// How many letters must be added, dropped or changed to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (index, from) in a.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_the_letters_that_differ() {
        for (a, b, letters) in [
            ("", "", 0),
            ("conter", "counter", 1),
            ("counter", "conter", 1),
            ("hog", "", 3),
            ("", "hog", 3),
            ("kitten", "sitting", 3),
            ("über", "uber", 1),
        ] {
            assert_eq!(distance(a, b), letters, "{a} {b}");
        }
    }

    #[test]
    fn the_closest_name_comes_first_and_once() {
        let names = ["hog", "worker", "counter", "worker"];
        assert_eq!(
            closest("WRKER", names.into_iter()),
            ["worker", "counter", "hog"]
        );
    }

    #[test]
    fn a_list_stops_before_it_is_too_long() {
        assert_eq!(listed(["a", "b"], 20), "a, b");
        assert_eq!(listed(["aaaa", "bbbb", "cccc"], 15), "aaaa, bbbb, ...");
        assert_eq!(listed(["a very long one"], 10), "...");
        assert_eq!(listed::<&str>([], 10), "");
    }

    #[test]
    fn a_sentence_cannot_steer_a_terminal() {
        let refusal = Refusal::new(
            Reason::Malformed,
            format_args!("no \"{}\"", "a\u{1b}[2J\nb"),
        );
        assert_eq!(refusal.about(Some(3)).text.as_str(), "no \"a?[2J b\"");
    }
}
