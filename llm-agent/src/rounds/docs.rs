//! Searches the documents that are shipped with the system, by their words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The documents, as they were when this was built.
const DOCUMENTS: [(&str, &str); 6] = [
    ("README.md", include_str!("../../../README.md")),
    ("ARCHITECTURE.md", include_str!("../../../ARCHITECTURE.md")),
    (
        "SPECIFICATION.md",
        include_str!("../../../SPECIFICATION.md"),
    ),
    ("SECURITY.md", include_str!("../../../SECURITY.md")),
    (
        "docs/syscalls.md",
        include_str!("../../../docs/syscalls.md"),
    ),
    ("docs/trace.md", include_str!("../../../docs/trace.md")),
];
/// So many characters of a passage are shown.
const MAX_SHOWN: usize = 380;

/// What is shorter than that says nothing by itself.
const MIN_WORDS: usize = 6;

/// A paragraph, a point of a list or a row of a table.
struct Passage {
    file: &'static str,
    text: String,
    words: BTreeSet<String>,
}

struct Library {
    passages: Vec<Passage>,
    /// In how many passages each word is.
    spread: BTreeMap<String, usize>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let mut passages = Vec::new();
    for (file, text) in DOCUMENTS {
        read(file, text, &mut passages);
    }
    let mut spread = BTreeMap::new();
    for word in passages.iter().flat_map(|passage| &passage.words) {
        *spread.entry(word.clone()).or_default() += 1;
    }
    Library { passages, spread }
});

/// The passage that shares the rarest words with the query, and where it stands.
/// Those of the whole sentence count half: a query may be cut too short.
pub fn find(query: &str, sentence: &str) -> String {
    let (asked, around) = (words(query), words(sentence));
    let count = LIBRARY.passages.len() as f64;
    let weight = |word: &String| {
        let spread = LIBRARY.spread.get(word);
        spread.map_or(0.0, |spread| (count / *spread as f64).ln())
    };
    let score = |passage: &&Passage| -> f64 {
        let share =
            |of: &BTreeSet<String>| -> f64 { passage.words.intersection(of).map(weight).sum() };
        let shared = share(&asked) + share(&around) / 2.0;
        // What says much besides is less likely meant.
        shared / (passage.words.len() as f64 + 20.0).sqrt()
    };
    let best = LIBRARY
        .passages
        .iter()
        .filter(|passage| !passage.words.is_disjoint(&asked))
        .max_by(|a, b| score(a).total_cmp(&score(b)));
    match best {
        Some(passage) => format!("{} ({})", shown(&passage.text), passage.file),
        None => {
            let files: Vec<_> = DOCUMENTS.iter().map(|(file, _)| *file).collect();
            let files = files.join(", ");
            format!("Nothing about that in the documents; there are {files}.")
        }
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn read(file: &'static str, document: &str, passages: &mut Vec<Passage>) {
    let mut heading = String::new();
    let mut lines: Vec<&str> = Vec::new();
    let mut is_code = false;
    let mut end = |lines: &mut Vec<&str>, heading: &str| {
        let text = plain(&lines.join(" "));
        lines.clear();
        let words = words(&format!("{heading} {text}"));
        if text.split(' ').count() >= MIN_WORDS {
            passages.push(Passage { file, text, words });
        }
    };
    for line in document.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            is_code = !is_code;
        }
        let is_marked = ["* ", "- ", "|", "#"]
            .iter()
            .any(|mark| line.starts_with(mark));
        let number = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let begins = is_marked || (number.len() < line.len() && number.starts_with(". "));
        if line.is_empty() || begins || is_code {
            end(&mut lines, &heading);
        }
        if line.starts_with('#') {
            line.trim_start_matches(['#', ' ']).clone_into(&mut heading);
        } else if !is_code && !line.starts_with("```") {
            lines.push(line);
        }
    }
    end(&mut lines, &heading);
}

/// Without the marks of lists, tables and links.
fn plain(text: &str) -> String {
    let text = text.trim_matches(['*', '-', '|', ' ']).replace(" | ", ": ");
    let mut plain = String::new();
    let mut rest = text.as_str();
    // `[name](where)` becomes `name`.
    while let Some((before, link)) = rest.split_once("](") {
        plain.push_str(before);
        rest = link.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain.retain(|letter| !matches!(letter, '`' | '*' | '['));
    plain
}

/// The words of a text that tell something, without their commonest endings.
fn words(text: &str) -> BTreeSet<String> {
    let text = text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let long = words.filter(|word| word.len() > 2);
    long.map(|word| {
        let endings = ["ing", "es", "ed", "s"];
        let cut = endings.iter().find_map(|ending| word.strip_suffix(ending));
        cut.filter(|stem| stem.len() > 2).unwrap_or(word).to_owned()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_find_their_passage_and_its_file() {
        for (query, file, part) in [
            ("what happens to the audit record hashes", ".md", "hash"),
            ("capabilities handles rights shrink", ".md", "shrink"),
            ("scheduling policy round_robin", ".md", "round_robin"),
            ("who may write and execute pages", ".md", "execut"),
        ] {
            let found = find(query, query);
            assert!(
                found.contains(file) && found.contains(part),
                "{query}: {found}"
            );
            assert!(found.len() < 500 && !found.contains("]("), "{found}");
        }
    }

    #[test]
    fn the_sentence_says_what_the_query_left_out() {
        let found = find("memory", "search the documentation for the memory reserve");
        assert!(found.contains("reserve"), "{found}");
    }

    #[test]
    fn what_is_nowhere_is_said_to_be_nowhere() {
        assert!(find("xyzzy plugh", "where is plugh?").starts_with("Nothing about that"));
        assert!(find("", "").starts_with("Nothing about that"));
    }

    #[test]
    fn marks_are_left_out() {
        assert_eq!(
            plain("* **Boots** on [`microvm`](x.md), fast"),
            "Boots on microvm, fast"
        );
        assert_eq!(plain("| a thing | 3 |"), "a thing: 3");
    }
}
