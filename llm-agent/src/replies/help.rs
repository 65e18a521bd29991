//! What the system can explain of itself: a bank of short texts, found by words.

use std::sync::LazyLock;

/// One text: the words that lead to it, and what it says.
struct Entry {
    words: Vec<&'static str>,
    text: &'static str,
}

static BANK: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = include_str!("help.txt").lines();
    let entries = lines.filter_map(|line| {
        let (words, text) = line.split_once(" | ")?;
        Some(Entry {
            words: words.split(' ').collect(),
            text,
        })
    });
    entries.collect()
});

/// What is said where nothing fits.
const FALLBACK: &str = "I can show, start, end, pause and restart processes, change their \
    priority and memory, and set rules; /help shows all of it. On this question I have no text.";

/// The text that shares the most words with the question.
pub fn answer(question: &str) -> &'static str {
    let asked: Vec<&str> = question
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| word.len() > 1)
        .collect();
    // A word counts where one begins with the other: `suspending`, `suspend`.
    let is_asked = |word: &&&str| {
        asked.iter().any(|asked| {
            let (short, long) = if asked.len() < word.len() {
                (*asked, **word)
            } else {
                (**word, *asked)
            };
            long.starts_with(short) && (short.len() > 2 || short == long)
        })
    };
    let mut best = (0.0, FALLBACK);
    for entry in BANK.iter() {
        let hits = entry.words.iter().filter(is_asked).count() as f64;
        // Of two with the same hits, the one with fewer other words.
        let score = hits - 0.01 * entry.words.len() as f64;
        if hits > 0.0 && score > best.0 {
            best = (score, entry.text);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_reads_and_fits_an_answer() {
        let lines = include_str!("help.txt").lines().count();
        assert_eq!(BANK.len(), lines);
        for entry in BANK.iter() {
            assert!(entry.text.len() <= 300 && entry.words.iter().all(|word| !word.is_empty()));
        }
    }

    #[test]
    fn questions_find_their_text() {
        for (question, part) in [
            (
                "what's the difference between suspending a process and killing it?",
                "Suspending",
            ),
            ("what does a priority mean", "priority"),
            ("how does the fair scheduler work", "fair"),
            ("should anyone believe a log line like that?", "log line"),
            ("who are you", "Proviso"),
        ] {
            assert!(
                answer(question).contains(part),
                "{question}: {}",
                answer(question)
            );
        }
        assert_eq!(answer("xyzzy"), FALLBACK);
    }
}
