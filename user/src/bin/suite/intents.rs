//! Intents: submitting, following, giving up; sentences without an agent.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proviso_user::abi::syscall::{SUBMIT_PLAN, SUBMIT_SENTENCE};
use proviso_user::abi::words::ListWhat;
use proviso_user::abi::{Action, Effect, IntentEvent, Path, Plan, Reason, Sentence};
use proviso_user::intent::submit;
use proviso_user::{Error, Intent, submit_plan, submit_sentence};

use crate::harness::{Check, at, ensure, same, tests};
use crate::kernel::{act, ask, refused, refused_plan};

tests! {
    bytes_that_are_no_plan_are_refused,
    sentences_are_bounded_text,
    an_intent_is_over_after_its_last_event,
    nobody_follows_what_is_not_theirs,
    a_sentence_always_comes_to_an_end,
    nobody_asks_without_end,
    an_empty_plan_is_malformed,
    the_effects_come_in_the_order_of_the_actions,
    words_are_passed_on,
    without_a_disk_there_are_no_files,
}

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

fn bytes_that_are_no_plan_are_refused() -> Check {
    for bytes in [
        &b""[..],
        b"\xff",
        b"\x01\xff\xff\xff\xff\xff",
        &[0xaa; 4096],
    ] {
        same(
            "plan",
            submit(SUBMIT_PLAN, bytes).err(),
            Some(Error::Invalid),
        )?;
    }
    // A plan, and something behind it.
    same(
        "more",
        submit(SUBMIT_PLAN, b"\x00\x00").err(),
        Some(Error::Invalid),
    )?;
    same("kind", submit(3, b"hello").err(), Some(Error::Invalid))?;
    same("kind", submit(u64::MAX, b"").err(), Some(Error::Invalid))
}

fn sentences_are_bounded_text() -> Check {
    for (bytes, error) in [
        (&b""[..], Error::Invalid),
        (b"   ", Error::Invalid),
        (b"\xff\xfe", Error::Invalid),
        (&[b'x'; 513], Error::TooLong),
    ] {
        same(
            "sentence",
            submit(SUBMIT_SENTENCE, bytes).err(),
            Some(error),
        )?;
    }
    Ok(())
}

fn an_intent_is_over_after_its_last_event() -> Check {
    let mut intent = at("submit", submit_plan(&Action::Status {}.into()))?;
    let event = at("follow", intent.follow(AT_ONCE))?;
    ensure(
        matches!(event, IntentEvent::Done { .. }),
        "not done at once",
    )?;
    same(
        "again",
        intent.follow(AT_ONCE).err(),
        Some(Error::NoSuchIntent),
    )?;
    same("cancel", intent.cancel(), Err(Error::NoSuchIntent))
}

fn nobody_follows_what_is_not_theirs() -> Check {
    for number in [0, 1 << 40, u64::MAX] {
        let mut intent = Intent::from_number(number);
        same(
            "follow",
            intent.follow(AT_ONCE).err(),
            Some(Error::NoSuchIntent),
        )?;
        same("cancel", intent.cancel(), Err(Error::NoSuchIntent))?;
    }
    Ok(())
}

fn a_sentence_always_comes_to_an_end() -> Check {
    let mut intent = at("submit", submit_sentence("show what is running"))?;
    at("finish", intent.finish())?;
    let intent = at("submit", submit_sentence("show what is running"))?;
    // Given up before it could end; or it ended that quickly.
    let _ = intent.cancel();
    Ok(())
}

fn nobody_asks_without_end() -> Check {
    let mut asked = Vec::new();
    let error = loop {
        match submit_sentence("show what is running") {
            Ok(intent) => asked.push(intent),
            Err(error) => break error,
        }
        ensure(asked.len() < 100, "sentences without an end")?;
    };
    same("error", error, Error::Full)?;
    for intent in &asked {
        at("cancel", intent.cancel())?;
    }
    let intent = at("one more", submit_sentence("show what is running"))?;
    at("cancel", intent.cancel())
}

fn an_empty_plan_is_malformed() -> Check {
    let mut intent = at("submit", submit_plan(&Plan::default()))?;
    match at("finish", intent.finish())? {
        IntentEvent::Rejected { rejections, .. } => same(
            "reason",
            rejections.first().map(|one| one.reason),
            Some(Reason::Malformed),
        ),
        _ => Err("it was not rejected".into()),
    }
}

fn the_effects_come_in_the_order_of_the_actions() -> Check {
    let list = |what| Action::List {
        what,
        sort: None,
        limit: None,
        path: None,
    };
    let actions = vec![
        Action::Status {},
        list(ListWhat::Processes),
        list(ListWhat::Programs),
        list(ListWhat::Memory),
        list(ListWhat::Log),
    ];
    let IntentEvent::Done { effects, .. } = ask(actions)? else {
        return Err("it was not done".into());
    };
    ensure(
        matches!(
            &effects[..],
            [
                Effect::Status(_),
                Effect::Processes(_),
                Effect::Programs(_),
                Effect::Memory(_),
                Effect::Log(_)
            ]
        ),
        "effects in another order",
    )
}

fn words_are_passed_on() -> Check {
    let words = Sentence::cut("so be it");
    let (text, question, reason) = (words.clone(), words.clone(), words.clone());
    same(
        "answer",
        act(Action::Answer { text })?,
        Effect::Answer(words.clone()),
    )?;
    same(
        "ask",
        act(Action::Ask { question })?,
        Effect::Ask(words.clone()),
    )?;
    same(
        "refuse",
        act(Action::Refuse { reason })?,
        Effect::Refuse(words),
    )?;
    let nothing = Sentence::default();
    refused(Action::Answer { text: nothing }, Reason::Malformed)
}

fn without_a_disk_there_are_no_files() -> Check {
    let path = Path::cut("/a");
    refused(Action::ReadFile { path }, Reason::WrongState)?;
    let files = Action::List {
        what: ListWhat::Files,
        sort: None,
        limit: None,
        path: None,
    };
    let actions = vec![Action::Status {}, files];
    refused_plan(actions, Some(1), Reason::WrongState)
}
