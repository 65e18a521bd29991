//! Text of strangers, made harmless for terminals.

use alloc::string::String;

/// Replaces every control character but the tab by `?`, so that the text can
/// neither move a terminal's cursor nor pretend to be a line of its own.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if is_harmless(c) { c } else { '?' })
        .collect()
}

/// Controls (C0, delete, C1) and the marks that reorder or hide what is shown.
fn is_harmless(c: char) -> bool {
    c == '\t'
        || !(c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(harmless("a\tb ü"), "a\tb ü");
        assert_eq!(harmless("\x1b[2J\r\n\x07\x7f\u{9b}31m"), "?[2J?????31m");
        assert_eq!(harmless("\u{202e}evil\u{2028}"), "?evil?");
    }
}
