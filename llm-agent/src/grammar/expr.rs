//! Grammars as data, and their text for llama.cpp (GBNF).

use std::fmt::{self, Write as _};

/// What may stand at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Exactly this.
    Text(String),
    /// One character of these.
    Class(Class),
    /// What the rule of this name says.
    Rule(&'static str),
    /// One after the other.
    Seq(Vec<Expr>),
    /// One of these; none of an empty list.
    Any(Vec<Expr>),
    /// So many times at least and at most.
    Repeat(Box<Expr>, usize, usize),
    /// Some words in a row, as they stand in a text. A grammar has one at most.
    Run(Vec<Word>),
}

/// A word, or a sign, of a [`Expr::Run`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// What stands between it and the next; nothing if no run goes on.
    pub gap: Option<String>,
    /// Whether a run may begin or end with it: not so for signs.
    pub is_end: bool,
}

/// A set of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 0 to 9.
    Digit,
    /// 1 to 9.
    NonZero,
    /// What a JSON string holds without escapes, and a console can show.
    Plain,
    /// Letters, digits and the signs usual in paths.
    Path,
}

impl Class {
    /// Whether the character is in the set.
    #[must_use]
    pub fn contains(self, letter: char) -> bool {
        match self {
            Self::Digit => letter.is_ascii_digit(),
            Self::NonZero => matches!(letter, '1'..='9'),
            Self::Plain => letter >= ' ' && !matches!(letter, '"' | '\\' | '\x7f'..='\u{9f}'),
            Self::Path => letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '/' | '-'),
        }
    }

    const fn gbnf(self) -> &'static str {
        match self {
            Self::Digit => "[0-9]",
            Self::NonZero => "[1-9]",
            Self::Plain => r#"[^"\\\x00-\x1F\x7F-\x9F]"#,
            Self::Path => "[A-Za-z0-9._/-]",
        }
    }
}

/// Exactly this text.
pub fn text(text: impl Into<String>) -> Expr {
    Expr::Text(text.into())
}

/// This text as a JSON string.
pub fn string(text: &str) -> Expr {
    Expr::Text(serde_json::Value::from(text).to_string())
}

/// Nothing or this.
pub fn optional(expr: Expr) -> Expr {
    Expr::Repeat(Box::new(expr), 0, 1)
}

/// At least one and at most `most` of `item` with commas between, in brackets.
pub fn list(item: Expr, most: usize) -> Expr {
    let more = Expr::Seq(vec![text(","), item.clone()]);
    let more = Expr::Repeat(Box::new(more), 0, most.saturating_sub(1));
    Expr::Seq(vec![text("["), item, more, text("]")])
}

/// Rules by name; the first is where a text begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    rules: Vec<(&'static str, Expr)>,
}

impl Grammar {
    /// A grammar of these rules.
    #[must_use]
    pub fn new(rules: Vec<(&'static str, Expr)>) -> Self {
        Self { rules }
    }

    /// Where a text begins.
    #[must_use]
    pub fn root(&self) -> Option<&Expr> {
        self.rules.first().map(|(_, expr)| expr)
    }

    /// The rule of this name.
    #[must_use]
    pub fn rule(&self, name: &str) -> Option<&Expr> {
        self.rules
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, expr)| expr)
    }
}

impl fmt::Display for Grammar {
    /// Writes the grammar as GBNF, its first rule as `root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, expr)) in self.rules.iter().enumerate() {
            let name = if index == 0 { "root" } else { name };
            writeln!(f, "{name} ::= {expr}")?;
            if let Expr::Run(words) = expr {
                write_run(f, words)?;
            }
        }
        Ok(())
    }
}

/// One rule for each word: itself, and then the next one.
fn write_run(f: &mut fmt::Formatter<'_>, words: &[Word]) -> fmt::Result {
    for (index, word) in words.iter().enumerate() {
        write!(f, "word-{index} ::= ")?;
        quote(f, &word.text)?;
        if let Some(gap) = &word.gap {
            f.write_str(" (")?;
            quote(f, gap)?;
            write!(
                f,
                " word-{}){}",
                index + 1,
                if word.is_end { "?" } else { "" }
            )?;
        }
        f.write_char('\n')?;
    }
    Ok(())
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quote(f, text),
            Self::Class(class) => f.write_str(class.gbnf()),
            Self::Rule(name) => f.write_str(name),
            Self::Seq(parts) => joined(f, parts, " "),
            Self::Any(ways) => joined(f, ways, " | "),
            Self::Repeat(expr, 0, 1) => write!(f, "({expr})?"),
            Self::Repeat(expr, least, most) => write!(f, "({expr}){{{least},{most}}}"),
            Self::Run(words) => {
                let starts = words.iter().enumerate().filter(|(_, word)| word.is_end);
                let starts: Vec<_> = starts.map(|(index, _)| format!("word-{index}")).collect();
                write!(f, "({})", starts.join(" | "))
            }
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    f.write_char('(')?;
    for (index, part) in parts.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { between })?;
        write!(f, "{part}")?;
    }
    f.write_char(')')
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(f, "\\{letter}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            _ => f.write_char(letter)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_notation_of_llama_cpp() {
        let name = Expr::Any(vec![string("web"), string("a\"b")]);
        let grammar = Grammar::new(vec![
            ("start", list(Expr::Rule("name"), 3)),
            ("name", name),
            (
                "size",
                Expr::Seq(vec![
                    Expr::Class(Class::NonZero),
                    Expr::Repeat(Box::new(Expr::Class(Class::Digit)), 0, 9),
                ]),
            ),
        ]);
        let expected = concat!(
            "root ::= (\"[\" name ((\",\" name)){0,2} \"]\")\n",
            "name ::= (\"\\\"web\\\"\" | \"\\\"a\\\\\\\"b\\\"\")\n",
            "size ::= ([1-9] ([0-9]){0,9})\n",
        );
        assert_eq!(grammar.to_string(), expected);
    }
}
