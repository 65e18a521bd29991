//! One line of text and a cursor in it.

use alloc::string::String;

use unicode_width::UnicodeWidthChar;

use crate::MAX_LINE;

/// A line that is being edited. The cursor is always between two characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// In bytes.
    cursor: usize,
    /// More was typed than a line can hold; what is here is not what was meant.
    overflowed: bool,
}

/// How many columns a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(|letter| letter.width().unwrap_or(0)).sum()
}

impl Line {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor.
    #[must_use]
    pub fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    /// The text from the cursor on.
    #[must_use]
    pub fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Whether more was typed than a line can hold.
    #[must_use]
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Replaces the text; the cursor goes to its end.
    pub fn set(&mut self, text: String) {
        self.cursor = text.len();
        self.text = text;
        self.overflowed = false;
    }

    /// Takes the text away and leaves an empty line.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        self.overflowed = false;
        core::mem::take(&mut self.text)
    }

    /// Inserts a character; false if the line is full.
    pub fn insert(&mut self, letter: char) -> bool {
        if self.text.len() + letter.len_utf8() > MAX_LINE {
            self.overflowed = true;
            return false;
        }
        self.text.insert(self.cursor, letter);
        self.cursor += letter.len_utf8();
        true
    }

    /// Moves the cursor one character left.
    pub fn left(&mut self) {
        self.cursor -= self.before().chars().next_back().map_or(0, char::len_utf8);
    }

    /// Moves the cursor one character right.
    pub fn right(&mut self) {
        self.cursor += self.after().chars().next().map_or(0, char::len_utf8);
    }

    /// Moves the cursor to the start.
    pub const fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves the cursor to the end.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Deletes the character before the cursor.
    pub fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.delete_between(self.cursor, end);
    }

    /// Deletes the character under the cursor.
    pub fn delete(&mut self) {
        let length = self.after().chars().next().map_or(0, char::len_utf8);
        self.delete_between(self.cursor, self.cursor + length);
    }

    /// Deletes the word before the cursor and the spaces behind it.
    pub fn delete_word(&mut self) {
        let rest = self.before().trim_end_matches(' ');
        let start = rest.rfind(' ').map_or(0, |space| space + 1);
        self.delete_between(start, self.cursor);
        self.cursor = start;
    }

    /// Deletes from the cursor to the end.
    pub fn delete_to_end(&mut self) {
        self.delete_between(self.cursor, self.text.len());
    }

    /// Deletes from the start to the cursor.
    pub fn delete_to_start(&mut self) {
        self.delete_between(0, self.cursor);
        self.cursor = 0;
    }

    fn delete_between(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        if self.text.is_empty() {
            self.overflowed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.set(text.into());
        line
    }

    #[test]
    fn words_and_ends_are_deleted() {
        let mut line = line("start two  counters ");
        line.delete_word();
        assert_eq!(line.text(), "start two  ");
        line.delete_word();
        assert_eq!(line.text(), "start ");
        line.home();
        line.right();
        line.delete_to_end();
        assert_eq!(line.text(), "s");
        line.delete_to_start();
        assert_eq!((line.text(), line.before()), ("", ""));
        line.delete_word();
        line.backspace();
        line.delete();
        assert_eq!(line.text(), "");
    }

    #[test]
    fn the_cursor_moves_by_characters() {
        let mut line = line("aü€");
        line.left();
        assert_eq!((line.before(), line.after()), ("aü", "€"));
        line.backspace();
        line.insert('ö');
        assert_eq!((line.before(), line.after()), ("aö", "€"));
        line.delete();
        assert_eq!(line.text(), "aö");
        line.right();
        line.end();
        assert_eq!(line.after(), "");
    }

    #[test]
    fn a_full_line_takes_no_more_and_remembers_that() {
        let mut line = line(&"x".repeat(MAX_LINE - 1));
        assert!(!line.insert('ü') && line.overflowed());
        line.backspace();
        assert!(line.overflowed(), "what is here was cut");
        line.delete_to_start();
        assert!(!line.overflowed() && line.insert('ü'));
    }

    #[test]
    fn widths_are_those_on_the_screen() {
        assert_eq!((width("abc"), width("漢字"), width("e\u{301}")), (3, 4, 1));
    }

    proptest! {
        #[test]
        fn no_order_of_edits_panics_or_outgrows(edits in prop::collection::vec((0u8..10, any::<char>()), 0..900)) {
            let mut line = Line::default();
            for (edit, letter) in edits {
                match edit {
                    0 => line.left(),
                    1 => line.right(),
                    2 => line.home(),
                    3 => line.backspace(),
                    4 => line.delete(),
                    5 => line.delete_word(),
                    _ => { line.insert(letter); }
                }
                prop_assert!(line.text().len() <= MAX_LINE);
                prop_assert_eq!(line.before().len() + line.after().len(), line.text().len());
            }
        }
    }
}
