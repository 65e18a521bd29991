//! Numbers in figures and in words.

use std::ops::Range;

/// One word, figure or sign of a plain sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'t> {
    /// What it says.
    pub text: &'t str,
    /// Where it is.
    pub range: Range<usize>,
    /// Whether it follows the one before it without a space.
    pub is_glued: bool,
}

impl Token<'_> {
    /// Whether it is made of digits.
    pub fn is_figure(&self) -> bool {
        self.text
            .starts_with(|letter: char| letter.is_ascii_digit())
    }
}

/// Cuts a plain sentence into runs of letters, runs of digits, and signs.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let class = |letter: u8| match letter {
        b'0'..=b'9' => 0,
        b'a'..=b'z' | b'_' => 1,
        _ => 2,
    };
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let mut end = at + 1;
        while class(*first) < 2
            && bytes
                .get(end)
                .is_some_and(|next| class(*next) == class(*first))
        {
            end += 1;
        }
        if *first != b' ' {
            let is_glued = tokens.last().is_some_and(|last| last.range.end == at);
            let range = at..end;
            if let Some(text) = text.get(range.clone()) {
                tokens.push(Token {
                    text,
                    range,
                    is_glued,
                });
            }
        }
        at = end;
    }
    tokens
}

/// A number, and how many tokens it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    /// Its value.
    pub value: f64,
    /// How many tokens it is made of.
    pub tokens: usize,
    /// Whether it counts without a unit: `one` and `a` do not.
    pub is_count: bool,
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
/// Words of other languages that are no English words.
const FOREIGN: &[(&str, u32)] = &[
    ("zwei", 2),
    ("drei", 3),
    ("vier", 4),
    ("funf", 5),
    ("fuenf", 5),
    ("sechs", 6),
    ("sieben", 7),
    ("acht", 8),
    ("neun", 9),
    ("zehn", 10),
    ("zwolf", 12),
    ("zwoelf", 12),
    ("zwanzig", 20),
    ("dreissig", 30),
    ("vierzig", 40),
    ("funfzig", 50),
    ("fuenfzig", 50),
    ("deux", 2),
    ("trois", 3),
    ("quatre", 4),
    ("cinq", 5),
    ("sept", 7),
    ("huit", 8),
    ("neuf", 9),
    ("dix", 10),
    ("douze", 12),
    ("vingt", 20),
    ("trente", 30),
    ("quarante", 40),
    ("cinquante", 50),
    ("dos", 2),
    ("tres", 3),
    ("cuatro", 4),
    ("cinco", 5),
    ("seis", 6),
    ("siete", 7),
    ("ocho", 8),
    ("nueve", 9),
    ("diez", 10),
    ("doce", 12),
    ("veinte", 20),
    ("treinta", 30),
    ("cuarenta", 40),
    ("cincuenta", 50),
    ("dois", 2),
    ("duas", 2),
    ("quatro", 4),
    ("sete", 7),
    ("oito", 8),
    ("nove", 9),
    ("dez", 10),
    ("doze", 12),
    ("vinte", 20),
    ("trinta", 30),
    ("quarenta", 40),
    ("cinquenta", 50),
    ("tre", 3),
    ("quattro", 4),
    ("cinque", 5),
    ("sette", 7),
    ("otto", 8),
    ("dieci", 10),
    ("dodici", 12),
    ("venti", 20),
    ("trenta", 30),
    ("quaranta", 40),
    ("cinquanta", 50),
];
const SINGLE: &[&str] = &[
    "one", "a", "an", "ein", "eine", "einen", "einem", "einer", "un", "une", "uno", "una", "um",
    "uma",
];

/// The number that begins here.
pub fn number(tokens: &[Token<'_>]) -> Option<Number> {
    let first = tokens.first()?;
    if first.is_figure() {
        return figure(tokens);
    }
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let count = |value: u32, tokens: usize| {
        Some(Number {
            value: value.into(),
            tokens,
            is_count: true,
        })
    };
    if text(0) == "dozen" {
        return count(12, 1);
    }
    if SINGLE.contains(&text(0)) {
        return single(&text);
    }
    if text(0) == "hundred" {
        return count(100, 1);
    }
    if let Some(ten) = place(&TENS, text(0)) {
        let ten = (ten + 2) * 10;
        let hyphens = usize::from(text(1) == "-");
        return match place(&ONES, text(1 + hyphens)) {
            Some(one @ 1..=9) => count(ten + one, 2 + hyphens),
            _ => count(ten, 1),
        };
    }
    let value = place(&ONES, text(0)).or_else(|| {
        FOREIGN
            .iter()
            .find(|(word, _)| *word == text(0))
            .map(|(_, value)| *value)
    })?;
    match (text(1), value) {
        ("hundred", 1..=9) => count(value * 100, 2),
        ("dozen", 1..=9) => count(value * 12, 2),
        _ => count(value, 1),
    }
}

/// `a dozen`, `a hundred`, `a couple of`, `a`.
fn single<'t>(text: &impl Fn(usize) -> &'t str) -> Option<Number> {
    let (value, tokens, is_count) = match (text(1), text(2)) {
        ("dozen", _) => (12.0, 2, true),
        ("hundred", _) => (100.0, 2, true),
        ("couple", "of") => (2.0, 3, false),
        ("couple" | "pair", _) => (2.0, 2, false),
        _ => (1.0, 1, false),
    };
    Some(Number {
        value,
        tokens,
        is_count,
    })
}

fn place(words: &[&str], word: &str) -> Option<u32> {
    let at = words.iter().position(|known| *known == word)?;
    u32::try_from(at).ok()
}

/// `12`, `1.5`; with a decimal comma or commas between thousands only if the
/// caller finds a unit behind it, because `4,6` may be a list.
fn figure(tokens: &[Token<'_>]) -> Option<Number> {
    let whole = tokens.first()?.text;
    let glued = |at: usize| tokens.get(at).filter(|token| token.is_glued);
    if let (Some(sign), Some(part)) = (glued(1), glued(2))
        && matches!(sign.text, "." | ",")
        && part.is_figure()
    {
        let is_decimal = sign.text == "." || part.text.len() < 3;
        let text = if is_decimal {
            format!("{whole}.{}", part.text)
        } else {
            format!("{whole}{}", part.text)
        };
        let value = text.parse().ok()?;
        return Some(Number {
            value,
            tokens: 3,
            is_count: false,
        });
    }
    let value = whole.parse().ok()?;
    Some(Number {
        value,
        tokens: 1,
        is_count: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_words_are_numbers() {
        for (text, value, count) in [
            ("12", 12.0, 1),
            ("1.5 mb", 1.5, 3),
            ("1,5 mb", 1.5, 3),
            ("1,024 kb", 1024.0, 3),
            ("twenty-five percent", 25.0, 3),
            ("ninety nine", 99.0, 2),
            ("two hundred", 200.0, 2),
            ("a dozen", 12.0, 2),
            ("a couple of megs", 2.0, 3),
            ("sieben", 7.0, 1),
        ] {
            let number = number(&tokens(text)).unwrap();
            assert_eq!((number.value, number.tokens), (value, count), "{text}");
        }
        assert_eq!(number(&tokens("logger")), None);
    }
}
