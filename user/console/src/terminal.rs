//! The two kinds of terminal: one that obeys escape sequences, one that does not.

use alloc::string::String;
use core::fmt::{self, Display};

/// What the console can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// A terminal with cursor movement and colours.
    Ansi,
    /// Anything that shows characters; no escape sequence is ever sent to it.
    Plain,
}

/// A value in a colour.
struct Painted<T> {
    value: T,
    before: &'static str,
    after: &'static str,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.before)?;
        self.value.fmt(f)?;
        f.write_str(self.after)
    }
}

impl Terminal {
    /// The terminal behind the word in the configuration: `ansi` or anything else.
    #[must_use]
    pub fn from_word(word: Option<&str>) -> Self {
        match word {
            Some("ansi") => Self::Ansi,
            _ => Self::Plain,
        }
    }

    fn paint<T: Display>(self, value: T, before: &'static str) -> impl Display {
        let (before, after) = match self {
            Self::Ansi => (before, "\x1b[0m"),
            Self::Plain => ("", ""),
        };
        Painted {
            value,
            before,
            after,
        }
    }

    /// For what matters.
    pub fn strong<T: Display>(self, value: T) -> impl Display {
        self.paint(value, "\x1b[1m")
    }

    /// For what worked.
    pub fn good<T: Display>(self, value: T) -> impl Display {
        self.paint(value, "\x1b[32m")
    }

    /// For what did not.
    pub fn bad<T: Display>(self, value: T) -> impl Display {
        self.paint(value, "\x1b[31m")
    }

    /// For what may be overlooked.
    pub fn faint<T: Display>(self, value: T) -> impl Display {
        self.paint(value, "\x1b[2m")
    }

    /// Brings the cursor to the start of an empty line, losing what stands there.
    #[must_use]
    pub const fn erase_line(self) -> &'static str {
        match self {
            Self::Ansi => "\r\x1b[K",
            Self::Plain => "",
        }
    }

    /// Text with the ends of its lines as this terminal wants them: one in raw
    /// mode needs the carriage return, a transcript does not want it.
    #[must_use]
    pub fn wire(self, text: &str) -> String {
        match self {
            Self::Ansi => text.replace('\n', "\r\n"),
            Self::Plain => text.into(),
        }
    }

    /// Empties the screen, where that is possible.
    #[must_use]
    pub const fn clear(self) -> &'static str {
        match self {
            Self::Ansi => "\x1b[2J\x1b[H",
            Self::Plain => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ansi_terminals_get_escape_sequences() {
        let (ansi, plain) = (Terminal::from_word(Some("ansi")), Terminal::from_word(None));
        assert_eq!(ansi.bad("no").to_string(), "\x1b[31mno\x1b[0m");
        for text in [plain.strong("a").to_string(), plain.good("a").to_string()] {
            assert_eq!(text, "a");
        }
        assert_eq!(plain.faint("a").to_string(), plain.bad("a").to_string());
        assert_eq!(format!("{}{}", plain.erase_line(), plain.clear()), "");
        assert_eq!(ansi.wire("a\nb\n"), "a\r\nb\r\n");
        assert_eq!(plain.wire("a\nb\n"), "a\nb\n");
    }
}
