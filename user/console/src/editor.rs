//! The line that is being typed: keys in, what to send to the terminal out.

use alloc::string::String;
use core::fmt::Write;

use unicode_width::UnicodeWidthChar;

use crate::history::History;
use crate::keys::{Decoder, Key};
use crate::line::{Line, width};
use crate::{PROMPT, Terminal};

/// Columns that the line may use; the last one stays free, because terminals
/// differ in what they do after it. Longer lines scroll sideways.
const COLUMNS: usize = 79;

/// What typing led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This line was entered.
    Line(String),
    /// A line was entered that is longer than a line can be.
    TooLong,
    /// Ctrl-C: what was typed is gone.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
}

/// A line editor with history.
#[derive(Debug)]
pub struct Editor {
    terminal: Terminal,
    decoder: Decoder,
    line: Line,
    history: History,
    /// The first byte of the line that is visible.
    offset: usize,
}

impl Editor {
    /// An editor with nothing typed.
    #[must_use]
    pub fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            decoder: Decoder::default(),
            line: Line::default(),
            history: History::default(),
            offset: 0,
        }
    }

    /// The lines entered so far.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// Takes a typed byte; what the terminal shall show is added to `out`.
    pub fn push(&mut self, byte: u8, out: &mut String) -> Option<Event> {
        let mut event = None;
        for key in self.decoder.push(byte) {
            // Of two keys in one byte the first is a broken character, and only
            // the second can lead to anything.
            event = self.press(key, out);
        }
        event
    }

    /// Shows prompt and line, on a line that is empty so far or that the
    /// terminal can erase.
    pub fn draw(&mut self, out: &mut String) {
        match self.terminal {
            Terminal::Ansi => self.redraw(out),
            Terminal::Plain => {
                out.push_str(PROMPT);
                out.push_str(self.line.text());
            }
        }
    }

    fn press(&mut self, key: Key, out: &mut String) -> Option<Event> {
        match key {
            Key::Enter => return Some(self.enter(out)),
            Key::Interrupt => {
                out.push_str("^C\n");
                self.line.take();
                self.history.reset();
                self.offset = 0;
                return Some(Event::Interrupt);
            }
            Key::EndOfInput if self.line.text().is_empty() => {
                out.push('\n');
                return Some(Event::EndOfInput);
            }
            Key::Char(letter) => self.insert(letter, out),
            Key::ClearScreen => {
                out.push_str(match self.terminal {
                    Terminal::Ansi => self.terminal.clear(),
                    Terminal::Plain => "\n",
                });
                self.draw(out);
            }
            _ => self.edit(key, out),
        }
        None
    }

    fn enter(&mut self, out: &mut String) -> Event {
        out.push('\n');
        self.offset = 0;
        if self.line.overflowed() {
            self.line.take();
            return Event::TooLong;
        }
        let text = self.line.take();
        self.history.add(text.trim());
        Event::Line(text)
    }

    fn insert(&mut self, letter: char, out: &mut String) {
        if !self.line.insert(letter) {
            // The bell: there is no room.
            out.push('\x07');
        } else if self.terminal == Terminal::Plain || self.fits_at_end() {
            out.push(letter);
        } else {
            self.redraw(out);
        }
    }

    /// Whether the cursor is at the end and the whole line is visible, so that
    /// a new character is merely added to the screen.
    fn fits_at_end(&self) -> bool {
        self.line.after().is_empty()
            && self.offset == 0
            && width(PROMPT) + width(self.line.text()) <= COLUMNS
    }

    fn edit(&mut self, key: Key, out: &mut String) {
        let shown = width(self.line.text());
        // A plain terminal cannot show a cursor inside the line, so there the
        // cursor stays at the end.
        let movable = self.terminal == Terminal::Ansi;
        match key {
            Key::Left if movable => self.line.left(),
            Key::Right if movable => self.line.right(),
            Key::Home if movable => self.line.home(),
            Key::End if movable => self.line.end(),
            Key::Backspace => self.line.backspace(),
            Key::Delete | Key::EndOfInput => self.line.delete(),
            Key::DeleteWord => self.line.delete_word(),
            Key::DeleteToEnd => self.line.delete_to_end(),
            Key::DeleteToStart => self.line.delete_to_start(),
            Key::Up => {
                if let Some(older) = self.history.older(self.line.text()) {
                    self.line.set(older);
                }
            }
            Key::Down => {
                if let Some(newer) = self.history.newer() {
                    self.line.set(newer);
                }
            }
            _ => return,
        }
        self.edited(shown, out);
    }

    /// Brings the screen up to date; `shown` columns of an older line are on it.
    fn edited(&mut self, shown: usize, out: &mut String) {
        if self.terminal == Terminal::Ansi {
            return self.redraw(out);
        }
        for _ in 0..shown {
            out.push_str("\x08 \x08");
        }
        out.push_str(self.line.text());
    }

    /// Draws the whole line anew, scrolled so that the cursor is visible.
    fn redraw(&mut self, out: &mut String) {
        let room = COLUMNS - width(PROMPT);
        let before = self.line.before();
        self.offset = self.offset.min(before.len());
        let mut hidden = before.get(self.offset..).unwrap_or_default();
        while width(hidden) > room {
            let step = hidden.chars().next().map_or(1, char::len_utf8);
            self.offset += step;
            hidden = hidden.get(step..).unwrap_or_default();
        }
        let visible = fitting(
            self.line.text().get(self.offset..).unwrap_or_default(),
            room,
        );
        let back = width(visible).saturating_sub(width(hidden));
        out.push_str(self.terminal.erase_line());
        out.push_str(PROMPT);
        out.push_str(visible);
        if back > 0 {
            // Writing to a string cannot fail.
            let _ = write!(out, "\x1b[{back}D");
        }
    }
}

/// As much of a text as fits into so many columns.
fn fitting(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (index, letter) in text.char_indices() {
        used += letter.width().unwrap_or(0);
        if used > columns {
            return text.get(..index).unwrap_or_default();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(editor: &mut Editor, bytes: &[u8]) -> (String, Vec<Event>) {
        let mut out = String::new();
        let events = bytes
            .iter()
            .filter_map(|byte| editor.push(*byte, &mut out))
            .collect();
        (out, events)
    }

    fn line(text: &str) -> Event {
        Event::Line(text.into())
    }

    #[test]
    fn a_plain_terminal_sees_its_characters_and_nothing_else() {
        let mut editor = Editor::new(Terminal::Plain);
        assert_eq!(
            typed(&mut editor, b"/ps\r"),
            ("/ps\n".into(), vec![line("/ps")])
        );
        let (out, events) = typed(&mut editor, b"ab\x7f\x1b[D\x01c\n");
        assert_eq!(out, "ab\x08 \x08\x08 \x08ac\n");
        assert_eq!(events, [line("ac")]);
    }

    #[test]
    fn the_line_is_edited_where_the_cursor_is() {
        let mut editor = Editor::new(Terminal::Ansi);
        let (out, events) = typed(&mut editor, b"ac\x1b[Db\x1b[Hx\x05y\r");
        assert_eq!(events, [line("xabcy")]);
        assert!(out.starts_with("ac\r\x1b[Kproviso> ac\x1b[1D"), "{out:?}");
    }

    #[test]
    fn history_comes_back_with_the_arrows() {
        let mut editor = Editor::new(Terminal::Plain);
        typed(&mut editor, b"/ps\r/mem\r");
        let (_, events) = typed(&mut editor, b"dra\x1b[A\x1b[A\x1b[B\x1b[B\x1b[A\r");
        assert_eq!(events, [line("/mem")]);
        assert_eq!(editor.history().iter().collect::<Vec<_>>(), ["/ps", "/mem"]);
    }

    #[test]
    fn control_c_and_control_d_are_told_apart_from_text() {
        let mut editor = Editor::new(Terminal::Plain);
        assert_eq!(typed(&mut editor, b"abc\x03").1, [Event::Interrupt]);
        assert_eq!(typed(&mut editor, b"\x04").1, [Event::EndOfInput]);
        assert_eq!(typed(&mut editor, b"a\x04\r").1, [line("a")]);
        assert_eq!(typed(&mut editor, b"\r").1, [line("")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_whole() {
        let mut editor = Editor::new(Terminal::Plain);
        let (out, events) = typed(&mut editor, &[b"x".repeat(600), b"\r".to_vec()].concat());
        assert_eq!(events, [Event::TooLong]);
        assert!(out.contains('\x07'));
        assert_eq!(typed(&mut editor, b"ok\r").1, [line("ok")]);
        let full = b"y".repeat(512);
        let (_, events) = typed(&mut editor, &[full, b"\r".to_vec()].concat());
        assert!(matches!(&events[..], [Event::Line(text)] if text.len() == 512));
    }

    #[test]
    fn a_long_line_scrolls_and_never_wraps() {
        let mut editor = Editor::new(Terminal::Ansi);
        typed(&mut editor, &b"abcdefghij".repeat(20));
        let mut out = String::new();
        editor.draw(&mut out);
        let shown = out.strip_prefix("\r\x1b[Kproviso> ").unwrap();
        assert_eq!(shown.len(), COLUMNS - PROMPT.len());
        assert!(shown.ends_with('j'));
        let (out, _) = typed(&mut editor, b"\x01");
        assert!(out.starts_with("\r\x1b[Kproviso> abc"), "{out:?}");
        assert!(out.ends_with("\x1b[70D"), "{out:?}");
    }

    #[test]
    fn the_line_can_be_drawn_again_after_output_of_others() {
        let mut editor = Editor::new(Terminal::Plain);
        typed(&mut editor, "grüß".as_bytes());
        let mut out = String::new();
        editor.draw(&mut out);
        assert_eq!(out, "proviso> grüß");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_get_an_escape_sequence_to_a_plain_terminal(bytes: Vec<u8>) {
            let (out, _) = typed(&mut Editor::new(Terminal::Plain), &bytes);
            prop_assert!(!out.contains('\x1b'));
            typed(&mut Editor::new(Terminal::Ansi), &bytes);
        }
    }
}
