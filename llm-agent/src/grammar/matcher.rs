//! A small matcher: what a grammar accepts, and where it leaves one way on.
//!
//! llama.cpp has its own for choosing tokens. This one reads the same grammar
//! as data: it finds text that needs no choosing (so the model need not be
//! asked), and it lets tests ask what a grammar accepts without a model.

use super::expr::{Expr, Grammar, Word};

/// What is still to come, the next thing last.
type Stack<'g> = Vec<Step<'g>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'g> {
    Expr(&'g Expr),
    /// The rest of a text, never empty.
    Text(&'g str),
    /// `expr` so many times at least and at most.
    Repeat(&'g Expr, usize, usize),
    /// The rest of a run of words after the first of these, which stands.
    Run(&'g [Word]),
}

/// A place in a text that a grammar is being held against.
#[derive(Debug, Clone)]
pub struct Matcher<'g> {
    grammar: &'g Grammar,
    /// Every way the text so far can be read; each begins with a character to
    /// match, or is empty where the text may end.
    ways: Vec<Stack<'g>>,
}

impl<'g> Matcher<'g> {
    /// At the beginning.
    #[must_use]
    pub fn new(grammar: &'g Grammar) -> Self {
        let mut matcher = Self {
            grammar,
            ways: Vec::new(),
        };
        let start = grammar.root().into_iter().map(Step::Expr).collect();
        matcher.ways = matcher.settled(start);
        matcher
    }

    /// Goes on by `text`; false if no way leads there, and none from then on.
    pub fn advance(&mut self, text: &str) -> bool {
        for letter in text.chars() {
            let ways = std::mem::take(&mut self.ways);
            for way in ways {
                for next in self.after(way, letter) {
                    if !self.ways.contains(&next) {
                        self.ways.push(next);
                    }
                }
            }
        }
        !self.ways.is_empty()
    }

    /// True if the text may end here.
    #[must_use]
    pub fn may_end(&self) -> bool {
        self.ways.iter().any(Vec::is_empty)
    }

    /// True if the text has to end here.
    #[must_use]
    pub fn must_end(&self) -> bool {
        self.may_end() && self.ways.iter().all(Vec::is_empty)
    }

    /// The text that must follow, up to where there is a choice.
    #[must_use]
    pub fn forced(&self) -> String {
        let mut ahead = self.clone();
        let mut forced = String::new();
        while let Some(letter) = ahead.only_letter() {
            forced.push(letter);
            ahead.advance(letter.encode_utf8(&mut [0; 4]));
        }
        forced
    }

    fn only_letter(&self) -> Option<char> {
        let mut only = None;
        for way in &self.ways {
            let Some(Step::Text(text)) = way.last() else {
                return None;
            };
            let letter = text.chars().next()?;
            if only.is_some_and(|only| only != letter) {
                return None;
            }
            only = Some(letter);
        }
        only
    }

    fn after(&self, mut way: Stack<'g>, letter: char) -> Vec<Stack<'g>> {
        match way.pop() {
            Some(Step::Text(text)) => match text.strip_prefix(letter) {
                Some("") => self.settled(way),
                Some(rest) => {
                    way.push(Step::Text(rest));
                    vec![way]
                }
                None => Vec::new(),
            },
            Some(Step::Expr(Expr::Class(class))) if class.contains(letter) => self.settled(way),
            _ => Vec::new(),
        }
    }

    /// Opens what comes next until a character or the end is next.
    fn settled(&self, way: Stack<'g>) -> Vec<Stack<'g>> {
        let mut open = vec![way];
        let mut settled = Vec::new();
        while let Some(mut way) = open.pop() {
            match way.pop() {
                None => settled.push(way),
                Some(Step::Text(text)) => {
                    way.push(Step::Text(text));
                    settled.push(way);
                }
                Some(Step::Repeat(expr, least, most)) => {
                    if least == 0 {
                        open.push(way.clone());
                    }
                    if most > 0 {
                        way.push(Step::Repeat(expr, least.saturating_sub(1), most - 1));
                        way.push(Step::Expr(expr));
                        open.push(way);
                    }
                }
                Some(Step::Run(words)) => open_run(words, way, &mut open),
                Some(Step::Expr(expr)) => self.open(expr, way, &mut open, &mut settled),
            }
        }
        settled
    }

    fn open(
        &self,
        expr: &'g Expr,
        mut way: Stack<'g>,
        open: &mut Vec<Stack<'g>>,
        settled: &mut Vec<Stack<'g>>,
    ) {
        match expr {
            Expr::Class(_) => {
                way.push(Step::Expr(expr));
                settled.push(way);
            }
            Expr::Text(text) => {
                if !text.is_empty() {
                    way.push(Step::Text(text));
                }
                open.push(way);
            }
            Expr::Rule(name) => {
                // A rule that is not there matches nothing.
                if let Some(rule) = self.grammar.rule(name) {
                    way.push(Step::Expr(rule));
                    open.push(way);
                }
            }
            Expr::Seq(parts) => {
                way.extend(parts.iter().rev().map(Step::Expr));
                open.push(way);
            }
            Expr::Any(ways) => {
                for one in ways.iter().rev() {
                    let mut way = way.clone();
                    way.push(Step::Expr(one));
                    open.push(way);
                }
            }
            Expr::Repeat(expr, least, most) => {
                way.push(Step::Repeat(expr, *least, *most));
                open.push(way);
            }
            Expr::Run(words) => {
                for (index, word) in words.iter().enumerate().filter(|(_, word)| word.is_end) {
                    let mut way = way.clone();
                    way.push(Step::Run(words.get(index..).unwrap_or_default()));
                    way.push(Step::Text(&word.text));
                    open.push(way);
                }
            }
        }
    }
}

/// After the first of `words`: the end, where it may be, or the next word.
fn open_run<'g>(words: &'g [Word], mut way: Stack<'g>, open: &mut Vec<Stack<'g>>) {
    let Some((word, rest)) = words.split_first() else {
        return;
    };
    if word.is_end {
        open.push(way.clone());
    }
    if let (Some(gap), Some(next)) = (&word.gap, rest.first()) {
        way.push(Step::Run(rest));
        way.push(Step::Text(&next.text));
        if !gap.is_empty() {
            way.push(Step::Text(gap));
        }
        open.push(way);
    }
}

/// True if the grammar accepts the whole text.
#[must_use]
pub fn accepts(grammar: &Grammar, text: &str) -> bool {
    let mut matcher = Matcher::new(grammar);
    matcher.advance(text) && matcher.may_end()
}
