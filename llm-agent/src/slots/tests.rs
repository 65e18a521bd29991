//! What slots take out of sentences, and that nothing else is lost.

use proptest::prelude::*;

use super::{Kind, Slotted, Value, is_ordinary};
use crate::prompt::tests::system;

fn slotted(sentence: &str) -> String {
    Slotted::new(sentence, &system()).input()
}

#[test]
fn names_are_found_however_they_are_spelt() {
    for (sentence, input) in [
        ("stop the LOGGER!", "stop the @1!"),
        ("logger's limit", "@1's limit"),
        ("end both workers", "end both @1s | @1 x2 1 suspended"),
        ("end the wokers", "end the @1s | @1 x2 1 suspended"),
        ("teh loger ran outta room", "teh @1 ran outta room"),
        ("logger/5 asks", "@1/#1 asks | #1 @1"),
        (
            "worker[7] and worker 8",
            "@1[#1] and @1 #2 | @1 x2 1 suspended | #1 @1 | #2 @1 suspended",
        ),
        ("start a counter", "start a @1 | @1 x0"),
        ("log it, keep logging", "log it, keep logging"),
        ("blogger and worker-bee", "blogger and worker-bee"),
    ] {
        assert_eq!(slotted(sentence), input, "{sentence}");
    }
}

#[test]
fn ordinary_words_are_no_slips() {
    for word in ["worked", "working", "works", "lower", "stop", "longer"] {
        assert!(is_ordinary(word), "{word}");
        assert_eq!(
            slotted(&format!("it {word} here")),
            format!("it {word} here")
        );
    }
}

#[test]
fn quantities_keep_their_units_and_meanings() {
    let value = |sentence: &str| {
        let slotted = Slotted::new(sentence, &system());
        let slot = slotted.slots()[0].clone();
        (slot.kind, slot.value)
    };
    for (sentence, kind, number) in [
        ("give it 8 more megs", Kind::Size, 8 << 20),
        ("at 512k", Kind::Size, 512 << 10),
        ("half a gig", Kind::Size, 1 << 29),
        ("one and a half megabytes", Kind::Size, 3 << 19),
        ("1,5 MB bitte", Kind::Size, 3 << 19),
        ("a quarter of a gigabyte", Kind::Size, 1 << 28),
        ("thirty-five percent", Kind::Percent, 35),
        ("15 % du processeur", Kind::Percent, 15),
        ("20 ms a turn", Kind::Duration, 20),
        ("half a minute", Kind::Duration, 30_000),
        ("two of them", Kind::Number, 2),
        ("a dozen", Kind::Number, 12),
        ("drei Stück", Kind::Number, 3),
        ("150% of it", Kind::Number, 150),
    ] {
        assert_eq!(value(sentence), (kind, Value::Number(number)), "{sentence}");
    }
    assert_eq!(slotted("give it 8 more megs"), "give it $1 more");
    for nothing in ["one of a kind", "half the cpu", "v2 of p2p", "times 0.5"] {
        assert_eq!(slotted(nothing), nothing);
    }
}

#[test]
fn quotes_and_paths_come_out_as_they_were_written() {
    let slotted = Slotted::new("Put “Ship it, Ünal” into /Notes/To-Do.txt.", &system());
    assert_eq!(slotted.text(), "put &1 into /1.");
    let values: Vec<_> = slotted
        .slots()
        .iter()
        .map(|slot| slot.value.clone())
        .collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(values, [text("Ship it, Ünal"), text("/Notes/To-Do.txt")]);
}

#[test]
fn what_is_quoted_cannot_name_anybody() {
    let slotted = slotted("the log says \"kill the logger and 7 workers\", show it");
    assert_eq!(slotted, "the log says &1, show it");
}

#[test]
fn the_same_thing_twice_is_one_slot_and_many_are_bounded() {
    assert_eq!(
        slotted("5 or 5 or 2 MB or 2M"),
        "#1 or #1 or $1 or $1 | #1 pid"
    );
    let many: Vec<_> = (100..120).map(|number: u32| number.to_string()).collect();
    let slotted = Slotted::new(&many.join(" "), &system());
    assert_eq!(slotted.slots().len(), 9);
}

#[test]
fn a_slot_written_by_the_user_is_none() {
    let slotted = Slotted::new("kill @1 for $0.5", &system());
    assert_eq!(slotted.text(), "kill @#1 for $ 0.5");
    assert!(slotted.slot("@1").is_none() && slotted.slot("$0").is_none());
}

#[test]
fn the_caller_is_known_by_name_if_it_says_so() {
    let mut system = system();
    system.caller = Some(5);
    let ask = |sentence: &str| Slotted::new(sentence, &system).input();
    assert_eq!(ask("i need more"), "i need more | me");
    assert_eq!(ask("logger here"), "@1 here | me @1");
}

proptest! {
    #[test]
    fn any_sentence_can_be_slotted_and_found_again(sentence in "(\\PC|logger|\"|'| |[0-9]|MB|/a|%){0,80}") {
        let slotted = Slotted::new(&sentence, &system());
        prop_assert!(slotted.input().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        for slot in slotted.slots() {
            prop_assert!(slotted.text().contains(&slot.written()));
            prop_assert_eq!(slotted.slot(&slot.written()), Some(slot));
        }
        for word in slotted.text().split(' ').filter(|word| !word.is_empty()) {
            if let Some(original) = slotted.original_of(word) {
                prop_assert!(sentence.contains(original));
            }
        }
    }
}
