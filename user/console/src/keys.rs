//! Bytes from the serial line to keys, however they are cut up on the way.

/// A key, or what a key combination stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character that can be shown.
    Char(char),
    /// The line is complete.
    Enter,
    /// Deletes before the cursor.
    Backspace,
    /// Deletes under the cursor.
    Delete,
    /// Moves by a character.
    Left,
    /// Moves by a character.
    Right,
    /// To the older line.
    Up,
    /// To the newer line.
    Down,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// Ctrl-W: deletes the word before the cursor.
    DeleteWord,
    /// Ctrl-K: deletes from the cursor to the end.
    DeleteToEnd,
    /// Ctrl-U: deletes from the start to the cursor.
    DeleteToStart,
    /// Ctrl-L: clears the screen.
    ClearScreen,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
}

/// Where in a sequence of bytes the decoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After ESC O: one more byte.
    Application,
    /// After ESC [ : parameters (the first number of them), then a letter.
    Control { number: u16, first: bool },
    /// In a character of several bytes.
    Utf8 {
        bytes: [u8; 4],
        used: usize,
        length: usize,
    },
}

/// Turns bytes into keys, one byte at a time.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    state: State,
    /// The last byte was a carriage return, so a line feed belongs to it.
    after_return: bool,
}

impl Decoder {
    /// Takes a byte. It completes at most one key, and may show that a
    /// character before it was cut short, which reads as U+FFFD.
    pub fn push(&mut self, byte: u8) -> impl Iterator<Item = Key> + use<> {
        let cut_short = match self.state {
            State::Utf8 { .. } if !(0x80..0xc0).contains(&byte) => {
                self.state = State::Ground;
                Some(Key::Char(char::REPLACEMENT_CHARACTER))
            }
            _ => None,
        };
        cut_short.into_iter().chain(self.step(byte))
    }

    fn step(&mut self, byte: u8) -> Option<Key> {
        match core::mem::take(&mut self.state) {
            State::Utf8 {
                mut bytes,
                used,
                length,
            } => {
                *bytes.get_mut(used)? = byte;
                self.utf8(bytes, used + 1, length)
            }
            // A control byte ends a sequence and is itself.
            _ if !(0x20..0x7f).contains(&byte) => self.ground(byte),
            State::Ground => self.ground(byte),
            State::Escape => {
                self.state = match byte {
                    b'[' => State::Control {
                        number: 0,
                        first: true,
                    },
                    b'O' => State::Application,
                    // A combination with Alt: none means anything here.
                    _ => State::Ground,
                };
                None
            }
            State::Application => named(byte, 0),
            State::Control { number, first } => self.control(byte, number, first),
        }
    }

    fn control(&mut self, byte: u8, number: u16, first: bool) -> Option<Key> {
        let (number, first) = match byte {
            b'0'..=b'9' if first => {
                let digit = u16::from(byte - b'0');
                (number.saturating_mul(10).saturating_add(digit), true)
            }
            // Further parameters are modifiers; intermediate bytes nothing we know.
            0x20..=0x3f => (number, false),
            _ => return named(byte, number),
        };
        self.state = State::Control { number, first };
        None
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        let after_return = core::mem::replace(&mut self.after_return, byte == b'\r');
        Some(match byte {
            b'\n' if after_return => return None,
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Char(' '),
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            0x0b => Key::DeleteToEnd,
            0x0c => Key::ClearScreen,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::DeleteToStart,
            0x17 => Key::DeleteWord,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            0x20..=0x7e => Key::Char(char::from(byte)),
            0xc2..=0xdf => return self.utf8([byte, 0, 0, 0], 1, 2),
            0xe0..=0xef => return self.utf8([byte, 0, 0, 0], 1, 3),
            0xf0..=0xf4 => return self.utf8([byte, 0, 0, 0], 1, 4),
            0x80.. => Key::Char(char::REPLACEMENT_CHARACTER),
            _ => return None,
        })
    }

    fn utf8(&mut self, bytes: [u8; 4], used: usize, length: usize) -> Option<Key> {
        if used < length {
            self.state = State::Utf8 {
                bytes,
                used,
                length,
            };
            return None;
        }
        let letter = bytes
            .get(..used)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .and_then(|text| text.chars().next())
            .filter(|letter| is_harmless(*letter));
        Some(Key::Char(letter.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

/// The key behind the last byte of an escape sequence.
fn named(byte: u8, number: u16) -> Option<Key> {
    Some(match (byte, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => return None,
    })
}

/// Whether echoing a character can do nothing but show it.
fn is_harmless(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().flat_map(|byte| decoder.push(*byte)).collect()
    }

    const ODD: Key = Key::Char(char::REPLACEMENT_CHARACTER);

    #[test]
    fn every_key_is_known() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[C", Key::Right),
            (b"\x1b[1;5D", Key::Left),
            (b"\x1b[H", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x1b[4~", Key::End),
            (b"\x1b[3~", Key::Delete),
            (b"\x7f", Key::Backspace),
            (b"\x08", Key::Backspace),
            (b"\x01", Key::Home),
            (b"\x05", Key::End),
            (b"\x0b", Key::DeleteToEnd),
            (b"\x15", Key::DeleteToStart),
            (b"\x17", Key::DeleteWord),
            (b"\x0c", Key::ClearScreen),
            (b"\x03", Key::Interrupt),
            (b"\x04", Key::EndOfInput),
            (b"\r\n", Key::Enter),
            (b"\n", Key::Enter),
            (b"\t", Key::Char(' ')),
            ("ü".as_bytes(), Key::Char('ü')),
            ("🙂".as_bytes(), Key::Char('🙂')),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn a_return_and_a_line_feed_are_one_enter_and_two_returns_are_two() {
        assert_eq!(keys(b"\r\n\r\n"), [Key::Enter; 2]);
        assert_eq!(keys(b"\n\n"), [Key::Enter; 2]);
        assert_eq!(keys(b"\r\r"), [Key::Enter; 2]);
    }

    #[test]
    fn broken_characters_become_the_sign_for_that_and_eat_nothing() {
        assert_eq!(keys(b"\xc3a"), [ODD, Key::Char('a')]);
        assert_eq!(keys(b"\xe2\x82\r"), [ODD, Key::Enter]);
        assert_eq!(keys(b"\xff\x9b"), [ODD, ODD]);
        assert_eq!(keys(b"\xed\xa0\x80"), [ODD], "a surrogate");
        assert_eq!(keys(b"\xc2\x9b"), [ODD], "an 8-bit escape in UTF-8");
        assert_eq!(keys("\u{202e}".as_bytes()), [ODD], "turns the line around");
        assert_eq!(keys(b"\xc3\xc3\xbc"), [ODD, Key::Char('ü')]);
    }

    #[test]
    fn sequences_that_mean_nothing_leave_nothing() {
        for bytes in [&b"\x1b[200~"[..], b"\x1bx", b"\x1b[99;99;99Z", b"\x00\x1e"] {
            assert_eq!(keys(bytes), [], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b[99999999999999~"), []);
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Up]);
        assert_eq!(keys(b"\x1b[1\x03"), [Key::Interrupt]);
        assert_eq!(keys(b"\x1b\r"), [Key::Enter]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_only_what_can_be_shown(bytes: Vec<u8>) {
            for key in keys(&bytes) {
                if let Key::Char(letter) = key {
                    prop_assert!(!letter.is_control());
                }
            }
        }

        #[test]
        fn any_text_arrives(text in "[a-zäöü €🙂]{0,40}") {
            let typed: String = keys(text.as_bytes()).iter().map(|key| match key {
                Key::Char(letter) => *letter,
                _ => '!',
            }).collect();
            prop_assert_eq!(typed, text);
        }
    }
}
