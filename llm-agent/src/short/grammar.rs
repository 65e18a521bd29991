//! The grammar of short forms for one sentence: only slots that it has.

use proviso_abi::words::{Order, RankKey};
use proviso_abi::{ActionKind, Field, FieldKind, Priority, State, plan};

use super::{BETWEEN, alternatives, is_bare, positional};
use crate::grammar::Grammar;
use crate::grammar::expr::{Class, Expr, Word, optional, text};
use crate::slots::{Kind, Slotted};

/// The most processes in one list of them.
const MAX_REFS: usize = 8;
/// The most arguments of a program.
const MAX_ARGUMENTS: usize = 4;

/// The grammar of every plan that makes sense for this sentence. A plan begins
/// with a space, as words in the middle of a text do.
#[must_use]
pub fn plans(slotted: &Slotted, has_caller: bool) -> Grammar {
    let maker = Maker {
        slotted,
        has_caller,
    };
    let actions = ActionKind::ALL
        .iter()
        .filter_map(|kind| maker.action(*kind))
        .collect();
    let more = Expr::Seq(vec![text(BETWEEN), Expr::Rule("action")]);
    let all = vec![
        text(" "),
        Expr::Rule("action"),
        repeat(more, plan::MAX_ACTIONS - 1),
    ];
    let mut rules = vec![
        ("plan", Expr::Seq(all)),
        ("action", Expr::Any(actions)),
        ("target", maker.target()),
        ("number", maker.number(&[Kind::Number])),
        ("priority", words(Priority::WORDS)),
        ("selector", maker.selector()),
    ];
    rules.extend(maker.refs().map(|refs| ("refs", refs)));
    rules.extend(maker.run().map(|run| ("words", run)));
    Grammar::new(rules)
}

struct Maker<'s> {
    slotted: &'s Slotted,
    has_caller: bool,
}

impl Maker<'_> {
    /// One action, unless the sentence has nothing that it needs.
    fn action(&self, kind: ActionKind) -> Option<Expr> {
        let mut parts = vec![text(kind.as_str())];
        let is_positional = |field: &Field| positional(kind).is_some_and(|one| one == field);
        let required = kind
            .fields()
            .iter()
            .filter(|field| field.required && !is_bare(kind));
        for field in required {
            parts.push(text(" "));
            parts.push(self.value(kind, field)?);
        }
        let options = kind.fields().iter().filter(|field| !field.required);
        let keyed =
            |field: &Field, value: Expr| Expr::Seq(vec![text(format!(" {}=", field.name)), value]);
        if let Some(field) = positional(kind) {
            let bare = self
                .value(kind, field)
                .map(|value| Expr::Seq(vec![text(" "), value]));
            let second = alternatives(kind).and_then(|[_, second]| {
                let field = kind.fields().iter().find(|field| field.name == second)?;
                Some(keyed(field, self.value(kind, field)?))
            });
            match (alternatives(kind).is_some(), bare, second) {
                (true, None, None) => return None,
                (true, bare, second) => {
                    parts.push(Expr::Any(bare.into_iter().chain(second).collect()));
                }
                (false, Some(bare), _) => parts.push(optional(bare)),
                (false, None, _) => {}
            }
        }
        for field in options {
            let is_second = alternatives(kind).is_some_and(|[_, second]| second == field.name);
            if is_positional(field) || is_second {
                continue;
            }
            if let Some(value) = self.value(kind, field) {
                parts.push(optional(keyed(field, value)));
            }
        }
        Some(Expr::Seq(parts))
    }

    fn value(&self, kind: ActionKind, field: &Field) -> Option<Expr> {
        Some(match field.kind {
            FieldKind::Target => Expr::Rule("target"),
            FieldKind::Refs(_) => {
                self.refs()?;
                Expr::Rule("refs")
            }
            FieldKind::Program => self.slots(&[Kind::Name])?,
            FieldKind::Arguments(_) => comma_separated(self.argument()?, MAX_ARGUMENTS),
            FieldKind::Bytes => self.slots(&[Kind::Size])?,
            FieldKind::Percent => self.number(&[Kind::Percent, Kind::Number]),
            FieldKind::Factor => {
                let digits = || Expr::Repeat(Box::new(Expr::Class(Class::Digit)), 1, 2);
                let decimal = Expr::Seq(vec![digits(), text("."), digits()]);
                Expr::Any(vec![Expr::Rule("number"), decimal])
            }
            FieldKind::Number if field.name == "threshold" => {
                self.number(&[Kind::Number, Kind::Size, Kind::Percent, Kind::Duration])
            }
            FieldKind::Number if field.name == "quantum_ms" => {
                self.number(&[Kind::Number, Kind::Duration])
            }
            FieldKind::Number if kind == ActionKind::ClearRule => self.slots(&[Kind::Number])?,
            FieldKind::Number => Expr::Rule("number"),
            FieldKind::Step => Expr::Seq(vec![optional(text("-")), Expr::Rule("number")]),
            FieldKind::Path(_) if !field.required => Expr::Any(
                self.slots(&[Kind::Path])
                    .into_iter()
                    .chain([text("/")])
                    .collect(),
            ),
            FieldKind::Path(_) => self.slots(&[Kind::Path])?,
            FieldKind::Text(_) => self.words()?,
            FieldKind::Word(known) if known == Priority::WORDS => Expr::Rule("priority"),
            FieldKind::Word(known) => words(known),
        })
    }

    /// Any slot of these kinds that the sentence has.
    fn slots(&self, kinds: &[Kind]) -> Option<Expr> {
        let known: Vec<_> = self
            .slotted
            .slots()
            .iter()
            .filter(|slot| kinds.contains(&slot.kind))
            .map(|slot| text(slot.written()))
            .collect();
        (!known.is_empty()).then_some(Expr::Any(known))
    }

    /// A slot of these kinds, or up to three digits.
    fn number(&self, kinds: &[Kind]) -> Expr {
        let digits = Expr::Seq(vec![
            Expr::Class(Class::NonZero),
            Expr::Repeat(Box::new(Expr::Class(Class::Digit)), 0, 2),
        ]);
        Expr::Any(self.slots(kinds).into_iter().chain([digits]).collect())
    }

    /// Processes by name, by number, or the one that speaks.
    fn refs(&self) -> Option<Expr> {
        let mut known: Vec<_> = self
            .slots(&[Kind::Name, Kind::Number])
            .into_iter()
            .collect();
        if self.has_caller {
            known.push(text("me"));
        }
        (!known.is_empty()).then(|| comma_separated(Expr::Any(known), MAX_REFS))
    }

    fn target(&self) -> Expr {
        let refs = self.refs().map(|_| Expr::Rule("refs"));
        let others = [text("*"), Expr::Rule("selector")];
        Expr::Any(refs.into_iter().chain(others).collect())
    }

    /// Parts in their order, one at least.
    fn selector(&self) -> Expr {
        let part = |key: &str, value: Expr| Expr::Seq(vec![text(format!("{key}=")), value]);
        let mut tests = vec![
            part("state", words(State::WORDS)),
            part("priority", Expr::Rule("priority")),
        ];
        for key in ["cpu_over", "cpu_under"] {
            tests.push(part(key, self.number(&[Kind::Percent, Kind::Number])));
        }
        if let Some(sizes) = self.slots(&[Kind::Size]) {
            tests.extend(["memory_over", "memory_under"].map(|key| part(key, sizes.clone())));
        }
        let order = optional(Expr::Seq(vec![
            text(" "),
            part("order", words(Order::WORDS)),
        ]));
        let by = Expr::Seq(vec![part("by", words(RankKey::WORDS)), order.clone()]);
        let ways = [
            part("take", Expr::Rule("number")),
            part("nth", Expr::Rule("number")),
        ];
        let count = Expr::Any(ways.into());
        let then = |part: Expr| Expr::Seq(vec![text(" "), part]);
        let ranked = Expr::Any(vec![
            Expr::Seq(vec![by, optional(then(count.clone()))]),
            // By pid, if nothing else is said.
            Expr::Seq(vec![
                part("order", words(Order::WORDS)),
                then(count.clone()),
            ]),
            count,
        ]);
        let tests = Expr::Any(tests);
        let filter = Expr::Seq(vec![tests.clone(), repeat(then(tests), 2)]);
        let filter = match self.slots(&[Kind::Name]) {
            Some(names) => Expr::Any(vec![
                Expr::Seq(vec![part("name", names), optional(then(filter.clone()))]),
                filter,
            ]),
            None => filter,
        };
        let all = Expr::Any(vec![
            Expr::Seq(vec![filter, optional(then(ranked.clone()))]),
            ranked,
        ]);
        Expr::Seq(vec![text("["), all, text("]")])
    }

    fn argument(&self) -> Option<Expr> {
        let quoted = self
            .run()
            .map(|_| Expr::Seq(vec![text("\""), Expr::Rule("words"), text("\"")]));
        let ways: Vec<_> = self.slots(&Kind::ALL).into_iter().chain(quoted).collect();
        (!ways.is_empty()).then_some(Expr::Any(ways))
    }

    /// Quoted text, or words of the sentence as they stand there.
    fn words(&self) -> Option<Expr> {
        let run = self.run().map(|_| Expr::Rule("words"));
        let ways: Vec<_> = self.slots(&[Kind::Text]).into_iter().chain(run).collect();
        (!ways.is_empty()).then_some(Expr::Any(ways))
    }

    fn run(&self) -> Option<Expr> {
        let words = run(self.slotted.text());
        words
            .iter()
            .any(|word| word.is_end)
            .then_some(Expr::Run(words))
    }
}

/// The words and signs of a slotted sentence. What would end a value in short
/// form is left out, and no run goes across it.
fn run(sentence: &str) -> Vec<Word> {
    let is_sign = |letter: char| ",.!?:()".contains(letter);
    let ends = |letter: char| "\"[]{};=".contains(letter);
    let mut words: Vec<Word> = Vec::new();
    let mut gap = None;
    for letter in sentence.chars() {
        if letter == ' ' {
            gap = gap.map(|_| " ".to_owned());
            continue;
        }
        if ends(letter) {
            gap = None;
            continue;
        }
        let goes_on = gap.as_deref() == Some("") && !is_sign(letter);
        match words.last_mut() {
            Some(last) if goes_on && last.is_end => last.text.push(letter),
            last => {
                if let Some(last) = last {
                    last.gap = gap;
                }
                let is_end = !is_sign(letter);
                words.push(Word {
                    text: letter.into(),
                    gap: None,
                    is_end,
                });
            }
        }
        gap = Some(String::new());
    }
    words
}

fn words(known: &[&str]) -> Expr {
    Expr::Any(known.iter().map(|word| text(*word)).collect())
}

fn repeat(expr: Expr, most: usize) -> Expr {
    Expr::Repeat(Box::new(expr), 0, most)
}

fn comma_separated(item: Expr, most: usize) -> Expr {
    let more = Expr::Seq(vec![text(","), item.clone()]);
    Expr::Seq(vec![item, repeat(more, most.saturating_sub(1))])
}
