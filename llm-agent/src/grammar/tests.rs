//! What the grammar of plans accepts, and that all of it can be decoded.

use super::actions::plans;
use super::expr::{Expr, Grammar};
use super::matcher::{Matcher, accepts};
use crate::prompt::tests::system;
use proptest::prelude::*;
use proviso_abi::{ActionKind, Plan};

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
    assert!(!text.contains("spawn") && !text.contains("clear_rule") && text.contains("reclaim"));
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
        accepts(&grammar, &plan(8)) && !accepts(&grammar, &plan(9)) && !accepts(&grammar, &plan(0))
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
        Expr::Run(_) => unreachable!("the grammar of the JSON form has no runs"),
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
