//! Pieces of grammar that many fields share: numbers, words, texts.

use proviso_abi::Name;

use super::expr::{Class, Expr, optional, string, text};

/// The most characters of a text. Four bytes each still fit every text field.
pub const MAX_TEXT: usize = 60;

/// One of these numbers; nothing if there are none.
pub fn numbers(known: &[u64]) -> Option<Expr> {
    (!known.is_empty()).then(|| {
        Expr::Any(
            known
                .iter()
                .map(|number| text(number.to_string()))
                .collect(),
        )
    })
}

/// One of these strings; nothing if there are none.
pub fn strings(known: &[String]) -> Option<Expr> {
    (!known.is_empty()).then(|| Expr::Any(known.iter().map(|known| string(known)).collect()))
}

/// Any absolute path.
pub fn any_path() -> Expr {
    quoted(Expr::Seq(vec![
        text("/"),
        repeat(Expr::Class(Class::Path), 0, MAX_TEXT),
    ]))
}

/// A factor above 0, with at most one decimal.
pub fn factor() -> Expr {
    let tenth = || Expr::Seq(vec![text("."), Expr::Class(Class::NonZero)]);
    Expr::Any(vec![
        Expr::Seq(vec![text("0"), tenth()]),
        Expr::Seq(vec![number(1), optional(tenth())]),
    ])
}

/// Any whole percentage from 1 up.
pub fn any_percent() -> Expr {
    Expr::Any(vec![number(1), text("100")])
}

/// One of these names; nothing if there are none.
pub fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> Option<Expr> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    let ways: Vec<_> = known.into_iter().map(string).collect();
    (!ways.is_empty()).then_some(Expr::Any(ways))
}

/// One of these words.
pub fn words(known: &[&str]) -> Expr {
    Expr::Any(known.iter().map(|word| string(word)).collect())
}

/// `inside` in quotation marks.
pub fn quoted(inside: Expr) -> Expr {
    Expr::Seq(vec![text("\""), inside, text("\"")])
}

/// So many times at least and at most.
pub fn repeat(expr: Expr, least: usize, most: usize) -> Expr {
    Expr::Repeat(Box::new(expr), least, most)
}

/// A whole number from 1 up, of at most `more` + 1 digits.
pub fn number(more: usize) -> Expr {
    Expr::Seq(vec![
        Expr::Class(Class::NonZero),
        repeat(Expr::Class(Class::Digit), 0, more),
    ])
}
