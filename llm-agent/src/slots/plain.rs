//! Sentences in plain letters: lower case, Latin, one space at a time.
//!
//! People write `PRIORITÉ`, `priorité` and `priorite` and mean the same, and a
//! small model should not have to learn that. Other scripts are spelt in Latin
//! letters.

use std::ops::Range;

use deunicode::deunicode_char;

/// A sentence in ASCII, and where each of its characters comes from.
#[derive(Debug, Clone, Default)]
pub struct Plain {
    text: String,
    /// For every byte of `text`, the range of the original that it stands for.
    origins: Vec<Range<usize>>,
    original: String,
}

impl Plain {
    /// Makes a sentence plain.
    #[must_use]
    pub fn new(sentence: &str) -> Self {
        let mut plain = Self {
            original: sentence.to_owned(),
            ..Self::default()
        };
        for (start, letter) in sentence.char_indices() {
            let origin = start..start + letter.len_utf8();
            plain.push(letter, &origin);
        }
        while plain.text.ends_with(' ') {
            plain.text.pop();
            plain.origins.pop();
        }
        plain
    }

    /// The plain sentence: printable ASCII in lower case.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Which bytes of the original a range of the plain sentence stands for.
    #[must_use]
    pub fn origin(&self, range: Range<usize>) -> Range<usize> {
        let origins = self.origins.get(range).unwrap_or_default();
        match (origins.first(), origins.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }

    /// What the original says there.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Option<&str> {
        self.original.get(self.origin(range))
    }

    /// Whether the original has a capital letter there.
    pub(super) fn is_upper(&self, at: usize) -> bool {
        self.original(at..at + 1)
            .is_some_and(|letter| letter.chars().all(char::is_uppercase))
    }

    fn push(&mut self, letter: char, origin: &Range<usize>) {
        let text = match letter {
            letter if letter.is_whitespace() || letter.is_control() => " ",
            '“' | '”' | '„' | '«' | '»' => "\"",
            '‘' | '’' | '‚' | '‹' | '›' => "'",
            '\u{300}'..='\u{36f}' | '¿' | '¡' => "",
            letter => deunicode_char(letter).unwrap_or("?"),
        };
        for letter in text.chars() {
            let is_repeated = matches!(letter, ' ' | '?') && self.text.ends_with(letter);
            let is_first_space = letter == ' ' && self.text.is_empty();
            if !is_repeated && !is_first_space && matches!(letter, ' '..='~') {
                self.text.push(letter.to_ascii_lowercase());
                self.origins.push(origin.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_space_go_and_the_way_back_stays() {
        let sentence = "  Mets\tLOGGER en  priorité “basse”…";
        let plain = Plain::new(sentence);
        assert_eq!(plain.text(), "mets logger en priorite \"basse\"...");
        let at = plain.text().find("priorite").unwrap();
        assert_eq!(&sentence[plain.origin(at..at + 8)], "priorité");
    }

    #[test]
    fn any_text_becomes_printable_ascii() {
        for sentence in [
            "",
            "日本語 ünïcode",
            "останови это",
            "a\u{202e}\u{0}b",
            "ǅ Ⅷ ﬁ",
        ] {
            let plain = Plain::new(sentence);
            assert!(
                plain
                    .text()
                    .bytes()
                    .all(|byte| (b' '..=b'~').contains(&byte))
            );
            assert_eq!(plain.text().len(), plain.origins.len());
        }
    }
}
