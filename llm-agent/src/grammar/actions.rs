//! The grammar of plans, derived from the table of actions.
//!
//! Nothing here names a field that the table does not have; what it adds is
//! narrowing: to the processes, programs and rules that exist in one snapshot,
//! to the sizes, shares, paths and quotes that the sentence mentions, and to
//! lengths at which a small model comes to an end.

use proviso_abi::words::{Order, RankKey};
use proviso_abi::{ActionKind, Field, FieldKind, Priority, State, System, plan};

use super::expr::{Class, Expr, Grammar, list, optional, string, text};
use super::mentioned::{Mentioned, mentioned};

/// The most characters of a text. Four bytes each still fit every text field.
const MAX_TEXT: usize = 60;
/// The most names and pids in one list of them.
const MAX_REFS: usize = 6;
/// The most arguments of a program.
const MAX_ARGUMENTS: usize = 4;

/// The grammar of every plan that makes sense for this sentence and system.
#[must_use]
pub fn plans(system: &System, sentence: &str) -> Grammar {
    let said = mentioned(sentence);
    let kinds = if system.actions.is_empty() {
        ActionKind::ALL
    } else {
        &system.actions
    };
    let actions = kinds
        .iter()
        .filter_map(|kind| action(*kind, system, &said))
        .collect();
    let mut rules = vec![
        (
            "plan",
            Expr::Seq(vec![
                text("{\"plan\":"),
                list(Expr::Rule("action"), plan::MAX_ACTIONS),
                text("}"),
            ]),
        ),
        ("action", Expr::Any(actions)),
        ("number", number(8)),
        ("bytes", numbers(&said.sizes).unwrap_or_else(|| number(11))),
        ("plain", Expr::Class(Class::Plain)),
        ("text", quoted(repeat(Expr::Rule("plain"), 1, MAX_TEXT))),
        ("path", strings(&said.paths).unwrap_or_else(path)),
        ("percent", numbers(&said.shares).unwrap_or_else(percent)),
        ("factor", factor()),
        (
            "step",
            Expr::Seq(vec![optional(text("-")), Expr::Class(Class::NonZero)]),
        ),
        ("priority", words(Priority::WORDS)),
        ("process", process(system)),
        ("processes", list(Expr::Rule("process"), MAX_REFS)),
        ("selector", selector(system)),
        ("target", target()),
    ];
    if let Some(programs) = names(&system.programs) {
        rules.push(("program", programs));
    }
    Grammar::new(rules)
}

/// One action, unless there is nothing in the system that it could name.
fn action(kind: ActionKind, system: &System, said: &Mentioned) -> Option<Expr> {
    let mut required = vec![text(format!("{{\"action\":\"{kind}\""))];
    let mut options = Vec::new();
    for field in kind.fields() {
        let value = value(kind, field, system, said)?;
        let whole = Expr::Seq(vec![text(format!(",\"{}\":", field.name)), value]);
        if field.required {
            required.push(whole)
        } else {
            options.push((field.name, whole))
        }
    }
    let mut parts = required;
    for (name, option) in options {
        // A change to nothing is malformed: the first alternative or the other.
        let is_alternative = alternatives(kind).contains(&name);
        if is_alternative && name == alternatives(kind)[0] {
            parts.push(option);
        } else if !is_alternative {
            parts.push(optional(option));
        } else if let Some(first) = parts.pop() {
            parts.push(Expr::Any(vec![first, option]));
        }
    }
    parts.push(text("}"));
    Some(Expr::Seq(parts))
}

/// Options of which an action needs exactly one, neighbours in the table.
const fn alternatives(kind: ActionKind) -> [&'static str; 2] {
    match kind {
        ActionKind::SetPriority => ["priority", "step"],
        ActionKind::SetMemoryLimit => ["bytes", "times"],
        _ => ["", ""],
    }
}

fn value(kind: ActionKind, field: &Field, system: &System, said: &Mentioned) -> Option<Expr> {
    Some(match field.kind {
        FieldKind::Target => Expr::Rule("target"),
        FieldKind::Refs(_) => Expr::Rule("processes"),
        FieldKind::Program if system.programs.is_empty() => return None,
        FieldKind::Program => Expr::Rule("program"),
        FieldKind::Arguments(most) => {
            let argument = quoted(repeat(Expr::Rule("plain"), 1, 16));
            list(argument, most.min(MAX_ARGUMENTS))
        }
        FieldKind::Bytes => Expr::Rule("bytes"),
        FieldKind::Percent => Expr::Rule("percent"),
        FieldKind::Factor => Expr::Rule("factor"),
        FieldKind::Number if kind == ActionKind::ClearRule => {
            if system.rules.is_empty() {
                return None;
            }
            Expr::Any(
                system
                    .rules
                    .iter()
                    .map(|rule| text(rule.id.to_string()))
                    .collect(),
            )
        }
        // Bytes, a share or milliseconds: whatever was said.
        FieldKind::Number if field.name == "threshold" => numbers(&said.sizes)
            .or_else(|| numbers(&said.shares))
            .unwrap_or(Expr::Rule("number")),
        FieldKind::Number => Expr::Rule("number"),
        FieldKind::Step => Expr::Rule("step"),
        FieldKind::Path(_) => Expr::Rule("path"),
        // What is passed on word for word is what was quoted.
        FieldKind::Text(_) if matches!(field.name, "message" | "content") => {
            strings(&said.quotes).unwrap_or(Expr::Rule("text"))
        }
        FieldKind::Text(_) => Expr::Rule("text"),
        FieldKind::Word(known) if known == Priority::WORDS => Expr::Rule("priority"),
        FieldKind::Word(known) => words(known),
    })
}

/// One of these numbers; nothing if there are none.
fn numbers(known: &[u64]) -> Option<Expr> {
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
fn strings(known: &[String]) -> Option<Expr> {
    (!known.is_empty()).then(|| Expr::Any(known.iter().map(|known| string(known)).collect()))
}

fn path() -> Expr {
    quoted(Expr::Seq(vec![
        text("/"),
        repeat(Expr::Class(Class::Path), 0, MAX_TEXT),
    ]))
}

/// A factor above 0, with at most one decimal.
fn factor() -> Expr {
    let tenth = || Expr::Seq(vec![text("."), Expr::Class(Class::NonZero)]);
    Expr::Any(vec![
        Expr::Seq(vec![text("0"), tenth()]),
        Expr::Seq(vec![number(1), optional(tenth())]),
    ])
}

fn percent() -> Expr {
    Expr::Any(vec![number(1), text("100")])
}

fn target() -> Expr {
    let rules = ["process", "processes", "selector"].map(Expr::Rule);
    let mut ways = Vec::from(rules);
    ways.push(string("*"));
    Expr::Any(ways)
}

/// A pid or a name that exists; any pid if the snapshot does not show them all.
fn process(system: &System) -> Expr {
    let mut ways: Vec<_> = system
        .processes
        .iter()
        .map(|process| text(process.pid.to_string()))
        .collect();
    ways.extend(names(system.processes.iter().map(|process| &process.name)));
    if system.omitted > 0 || ways.is_empty() {
        ways.push(Expr::Rule("number"));
    }
    Expr::Any(ways)
}

fn names<'a>(names: impl IntoIterator<Item = &'a proviso_abi::Name>) -> Option<Expr> {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name.as_str()) {
            known.push(name);
        }
    }
    let ways: Vec<_> = known.into_iter().map(string).collect();
    (!ways.is_empty()).then_some(Expr::Any(ways))
}

/// A selector with at least one part; its filter has a name, another test, or both.
fn selector(system: &System) -> Expr {
    let test = Expr::Any(vec![
        entry("state", words(State::WORDS)),
        entry("priority", Expr::Rule("priority")),
        entry("cpu_over", Expr::Rule("percent")),
        entry("cpu_under", Expr::Rule("percent")),
        entry("memory_over", Expr::Rule("bytes")),
        entry("memory_under", Expr::Rule("bytes")),
    ]);
    let then = |part: Expr| optional(Expr::Seq(vec![text(","), part]));
    let tests = match names(system.processes.iter().map(|process| &process.name)) {
        Some(names) => Expr::Any(vec![
            Expr::Seq(vec![entry("name", names), then(test.clone())]),
            test,
        ]),
        None => test,
    };
    let filter = entry("where", Expr::Seq(vec![text("{"), tests, text("}")]));
    let by = entry("by", words(RankKey::WORDS));
    let order = entry("order", words(Order::WORDS));
    let few = || Expr::Class(Class::NonZero);
    let count = Expr::Any(vec![entry("take", few()), entry("nth", few())]);
    let ranked = Expr::Seq(vec![by, then(order), then(count.clone())]);
    let filtered = Expr::Seq(vec![filter, then(Expr::Any(vec![ranked.clone(), count]))]);
    Expr::Seq(vec![
        text("{"),
        Expr::Any(vec![filtered, ranked]),
        text("}"),
    ])
}

fn entry(name: &str, value: Expr) -> Expr {
    Expr::Seq(vec![text(format!("\"{name}\":")), value])
}

fn words(known: &[&str]) -> Expr {
    Expr::Any(known.iter().map(|word| string(word)).collect())
}

fn quoted(inside: Expr) -> Expr {
    Expr::Seq(vec![text("\""), inside, text("\"")])
}

fn repeat(expr: Expr, least: usize, most: usize) -> Expr {
    Expr::Repeat(Box::new(expr), least, most)
}

/// A whole number from 1 up, of at most `more` + 1 digits.
fn number(more: usize) -> Expr {
    Expr::Seq(vec![
        Expr::Class(Class::NonZero),
        repeat(Expr::Class(Class::Digit), 0, more),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::matcher::{Matcher, accepts};
    use crate::prompt::tests::system;
    use proptest::prelude::*;
    use proviso_abi::Plan;

    fn allows(sentence: &str, action: &str) -> bool {
        accepts(
            &plans(&system(), sentence),
            &format!("{{\"plan\":[{{\"action\":{action}}}]}}"),
        )
    }

    #[test]
    fn what_exists_can_be_named_and_nothing_else() {
        for good in [
            r#""kill","target":"worker""#,
            r#""kill","target":7"#,
            r#""kill","target":"*","except":["logger",8]"#,
            r#""spawn","program":"counter","count":2"#,
            r#""clear_rule","id":2"#,
            r#""kill","target":{"where":{"name":"worker","state":"suspended"},"nth":1}"#,
            r#""suspend","target":{"by":"cpu","order":"most","take":1}"#,
            r#""status""#,
            r#""undo""#,
            r#""explain","target":5"#,
        ] {
            assert!(allows("do it", good), "{good}");
        }
        for bad in [
            r#""kill","target":"ghost""#,
            r#""kill","target":99"#,
            r#""kill""#,
            r#""spawn","program":"hog""#,
            r#""clear_rule","id":3"#,
            r#""format_disk""#,
            r#""kill","target":{}"#,
            r#""set_priority","target":7"#,
            r#""set_memory_limit","target":7,"bytes":4096,"times":2"#,
            r#""set_cpu_limit","target":7,"percent":0"#,
            r#""answer","text":"""#,
        ] {
            assert!(!allows("do it", bad), "{bad}");
        }
    }

    #[test]
    fn sizes_paths_and_quotes_are_those_of_the_sentence() {
        let sentence = "give the logger 8 megs and write \"hi there\" to /tmp/note.";
        assert!(allows(
            sentence,
            r#""grant_memory","target":"logger","bytes":8388608"#
        ));
        assert!(!allows(
            sentence,
            r#""grant_memory","target":"logger","bytes":8"#
        ));
        assert!(allows(
            sentence,
            r#""write_file","path":"/tmp/note","content":"hi there""#
        ));
        assert!(!allows(
            sentence,
            r#""write_file","path":"/etc/passwd","content":"hi there""#
        ));
        assert!(allows(
            "save something",
            r#""write_file","path":"/etc/motd","content":"x""#
        ));
    }

    #[test]
    fn only_actions_that_the_guest_executes_and_that_have_an_object() {
        let mut system = system();
        system.actions = vec![ActionKind::Kill, ActionKind::Answer];
        let grammar = plans(&system, "");
        assert!(accepts(
            &grammar,
            r#"{"plan":[{"action":"kill","target":5}]}"#
        ));
        assert!(!accepts(&grammar, r#"{"plan":[{"action":"status"}]}"#));
        system.actions.clear();
        (system.programs, system.rules) = (Vec::new(), Vec::new());
        let text = plans(&system, "").to_string();
        assert!(
            !text.contains("spawn") && !text.contains("clear_rule") && text.contains("reclaim")
        );
    }

    #[test]
    fn the_beginning_is_forced_and_choices_are_not() {
        let system = system();
        let grammar = plans(&system, "");
        let mut matcher = Matcher::new(&grammar);
        assert_eq!(matcher.forced(), r#"{"plan":[{"action":""#);
        assert!(matcher.advance(r#"{"plan":[{"action":"kil"#));
        assert_eq!(matcher.forced(), r#"l","target":"#);
        assert!(!matcher.advance("l!"));
        assert!(!matcher.may_end() && matcher.forced().is_empty());
    }

    #[test]
    fn a_plan_has_at_most_eight_actions() {
        let plan = |count| {
            format!(
                "{{\"plan\":[{}]}}",
                vec![r#"{"action":"status"}"#; count].join(",")
            )
        };
        let grammar = plans(&system(), "");
        assert!(
            accepts(&grammar, &plan(8))
                && !accepts(&grammar, &plan(9))
                && !accepts(&grammar, &plan(0))
        );
    }

    /// A text of the grammar, its choices made by the numbers in `dice`.
    fn written(
        grammar: &Grammar,
        expr: &Expr,
        dice: &mut impl Iterator<Item = usize>,
        out: &mut String,
    ) {
        let mut roll = |sides: usize| dice.next().unwrap_or(0) % sides;
        match expr {
            Expr::Text(text) => out.push_str(text),
            Expr::Class(class) => {
                let letters = ['0', '7', 'a', '/', '.', ' ', 'é', '~', '1'];
                let fitting: Vec<_> = letters
                    .into_iter()
                    .filter(|letter| class.contains(*letter))
                    .collect();
                out.push(fitting[roll(fitting.len())]);
            }
            Expr::Rule(name) => written(grammar, grammar.rule(name).unwrap(), dice, out),
            Expr::Seq(parts) => parts
                .iter()
                .for_each(|part| written(grammar, part, dice, out)),
            Expr::Any(ways) => {
                let way = roll(ways.len());
                written(grammar, &ways[way], dice, out);
            }
            Expr::Repeat(expr, least, most) => {
                // Often the extremes, for the bounds of the types.
                let times = match roll(3) {
                    0 => *least,
                    1 => *most,
                    _ => least + roll(most - least + 1),
                };
                (0..times).for_each(|_| written(grammar, expr, dice, out));
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_grammar_allows_is_a_plan(dice in prop::collection::vec(0usize..1000, 4000)) {
            let grammar = plans(&system(), "2 MB, 30% and \"quoted\"");
            let mut text = String::new();
            written(&grammar, grammar.root().unwrap(), &mut dice.into_iter(), &mut text);
            prop_assert!(serde_json::from_str::<Plan>(&text).is_ok(), "{}", text);
        }
    }
}
