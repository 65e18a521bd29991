//! Short forms: there and back, strictly.

use proptest::prelude::*;
use proviso_abi::{Action, ActionKind, FieldKind, Plan};

use super::{Context, grammar, parse, resolve, shorten, text};
use crate::grammar::matcher::accepts;
use crate::prompt::tests::system;
use crate::slots::Slotted;

fn plan(json: &str) -> Plan {
    serde_json::from_str(&format!("{{\"plan\":[{json}]}}")).unwrap()
}

fn resolved(sentence: &str, short: &str) -> Result<Plan, super::ShortError> {
    let slotted = Slotted::new(sentence, &system());
    let context = Context {
        slotted: &slotted,
        caller: Some(5),
    };
    resolve(&parse(short)?, context, &|_| "words".into())
}

#[test]
fn slots_become_what_they_stand_for() {
    for (sentence, short, json) in [
        (
            "workers but 7: 8 MB more",
            "grant_memory @1 $1 ; kill @1 except=#1",
            r#"{"action":"grant_memory","target":"worker","bytes":8388608},
               {"action":"kill","target":"worker","except":[7]}"#,
        ),
        (
            "the second worker twice as big",
            "set_memory_limit [nth=2 name=@1] times=2",
            r#"{"action":"set_memory_limit","target":{"where":{"name":"worker"},"nth":2},"times":2}"#,
        ),
        (
            "tell the Logger to Flush NOW",
            "send @1 flush now",
            r#"{"action":"send","to":"logger","message":"Flush NOW"}"#,
        ),
        (
            "if logger idles 30 s, low",
            "set_rule idle @1 set_priority threshold=~1 priority=low",
            r#"{"action":"set_rule","when":"idle","target":"logger","do":"set_priority","threshold":30000,"priority":"low"}"#,
        ),
        (
            "me too",
            "set_priority me step=-1 ; undo ; explain",
            r#"{"action":"set_priority","target":5,"step":-1},{"action":"undo"},{"action":"explain"}"#,
        ),
    ] {
        assert_eq!(resolved(sentence, short).unwrap(), plan(json), "{short}");
        assert_eq!(
            text(&parse(short).unwrap()),
            text(&parse(&text(&parse(short).unwrap())).unwrap())
        );
    }
}

#[test]
fn what_is_not_there_or_does_not_fit_is_named() {
    for (short, part) in [
        ("", "no action"),
        ("format @1", "format"),
        ("kill", "target"),
        ("kill @1 now", "now"),
        ("kill @2", "@2"),
        ("kill #1", "#1"),
        ("kill [colour=red]", "colour"),
        ("kill []", "[]"),
        ("grant_memory @1 @1", "bytes"),
        ("set_priority @1 urgent", "urgent"),
        ("status ; ", "takes no"),
        ("set_cpu_limit @1 101", "percent"),
        ("kill @1 except=@1 except=@1", "except"),
    ] {
        let error = resolved("the logger", short).unwrap_err().to_string();
        assert!(error.contains(part), "{short}: {error}");
    }
    let nine = ["status"; 9].join(super::BETWEEN);
    assert!(resolved("", &nine).is_err());
}

#[test]
fn the_grammar_takes_what_the_sentence_has() {
    let slotted = Slotted::new(
        "give logger 8 MB, tell it \"hi\", see /a/b: it works",
        &system(),
    );
    let grammar = grammar::plans(&slotted, false);
    for good in [
        " kill @1",
        " grant_memory @1 $1 ; send @1 &1",
        " set_priority [state=crashed by=cpu order=least take=3] step=-1 except=@1",
        " set_memory_limit * times=0.5",
        " search it works where=log",
        " read_file /1",
        " list files path=/1 ; list log limit=10",
        " undo 2 ; explain",
        " ask",
        " spawn @1 args=\"it\",&1 count=2",
    ] {
        assert!(accepts(&grammar, good), "{good}");
    }
    for bad in [
        "kill @1",
        " kill @2",
        " kill me",
        " kill #1",
        " clear_rule 1",
        " set_priority @1",
        " set_memory_limit @1",
        " search works it",
        " search nothing",
        " ask something",
        " kill @1 ;",
        " kill [take=1 by=cpu]",
    ] {
        assert!(!accepts(&grammar, bad), "{bad}");
    }
}

/// A value for a field, as literal short form.
fn any_value(kind: FieldKind) -> BoxedStrategy<String> {
    match kind {
        FieldKind::Target => prop_oneof![
            Just("*".to_owned()),
            "[1-9][0-9]{0,3}",
            "[a-z]{2,8}(,[1-9][0-9]?){0,3}",
            Just("[name=web state=crashed memory_over=4M by=age order=least take=2]".to_owned()),
        ]
        .prop_filter("is a name", |name| name != "me")
        .boxed(),
        FieldKind::Refs(_) => "[a-z]{3,8}(,[1-9][0-9]?){0,3}".boxed(),
        FieldKind::Program => "[a-z]{2,8}"
            .prop_filter("is a name", |name| name != "me")
            .boxed(),
        FieldKind::Arguments(_) => "\"[a-z ,;=]{1,9}\"(,\"[a-z]{1,9}\"){0,3}".boxed(),
        FieldKind::Bytes => "[1-9][0-9]{0,5}[KM]".boxed(),
        FieldKind::Percent => "[1-9][0-9]?".boxed(),
        FieldKind::Factor => "[0-9]\\.[1-9]".boxed(),
        FieldKind::Number => "[1-9][0-9]{0,3}".boxed(),
        FieldKind::Step => "-?[1-4]".boxed(),
        FieldKind::Path(_) => "/[a-z]{1,9}".boxed(),
        FieldKind::Text(_) => "\"[a-zA-Z ;=,]{1,20}\"".boxed(),
        FieldKind::Word(known) => proptest::sample::select(known)
            .prop_map(str::to_owned)
            .boxed(),
    }
}

fn any_action() -> impl Strategy<Value = String> {
    proptest::sample::select(ActionKind::ALL).prop_flat_map(|kind| {
        let fields: Vec<_> = kind
            .fields()
            .iter()
            .map(|field| {
                (Just(field), any_value(field.kind), any::<bool>()).prop_map(
                    |(field, value, with)| match (field.required, with) {
                        (true, _) => format!(" {value}"),
                        (false, true) => format!(" {}={value}", field.name),
                        (false, false) => String::new(),
                    },
                )
            })
            .collect();
        fields.prop_map(move |fields| format!("{kind}{}", fields.concat()))
    })
}

proptest! {
    #[test]
    fn every_plan_goes_there_and_back(actions in proptest::collection::vec(any_action(), 1..=8)) {
        let plan = resolved("", &actions.join(super::BETWEEN)).unwrap();
        let short = text(&shorten(&plan));
        prop_assert_eq!(resolved("", &short).unwrap(), plan, "{}", short);
    }

    #[test]
    fn no_text_breaks_the_reader(short in "\\PC{0,60}|(kill|send|\\[|\\]|\"|@1| |=|,|;|where){0,12}") {
        if let Ok(plan) = resolved("the logger", &short) {
            prop_assert!(!plan.actions.is_empty());
            let kinds: Vec<_> = plan.actions.iter().map(Action::kind).collect();
            prop_assert!(kinds.len() <= 8);
        }
    }
}
