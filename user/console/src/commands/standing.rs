//! Commands about what stands or comes back: rules, relations, undo, facts.

use alloc::format;
use alloc::string::String;

use proviso_abi::Action;
use proviso_abi::action::ProgramName;
use proviso_abi::target::Target;
use proviso_abi::value::{Name, Sentence};
use proviso_abi::words::{RuleDo, RuleWhen};

use super::{Request, Words, alone, parse};

/// What there is to know about rules.
pub const RULE: &str = "WHEN: crash, exit, memory_over (bytes), cpu_over (percent), idle (milliseconds).\n\
    DO: restart, kill, suspend, set_priority, set_memory_limit or notify.\n\
    /rule crash worker restart limit=3 restarts workers that crash, three times in all.";

pub fn scale(mut words: Words<'_>) -> Result<Request, String> {
    let program = words.need("the name of the program")?;
    let program = Name::new(program).map_err(|error| format!("the name is {error}"))?;
    let count = number(words.need("how many are to run")?)?;
    let program = ProgramName(program);
    alone(words, Action::Scale { program, count })
}

pub fn pair(mut words: Words<'_>, action: fn(Target, Target) -> Action) -> Result<Request, String> {
    let from = parse::target(words.need("who is to call")?)?;
    let to = parse::target(words.need("who is to be called")?)?;
    alone(words, action(from, to))
}

pub fn rule(mut words: Words<'_>) -> Result<Request, String> {
    let when = word::<RuleWhen>(words.need("what sets the rule off")?)?;
    let target = parse::target(words.need("which processes")?)?;
    let r#do = word::<RuleDo>(words.need("what the rule does")?)?;
    let (mut threshold, mut priority, mut bytes, mut limit) = (None, None, None, None);
    while let Some(word) = words.next() {
        match word.split_once('=') {
            Some(("threshold", value)) => threshold = Some(parse::size(value)?.0),
            Some(("priority", value)) => priority = Some(parse::priority(value)?),
            Some(("bytes", value)) => bytes = Some(parse::size(value)?),
            Some(("limit", value)) => limit = Some(number(value)?),
            _ => return Err(format!("\"{word}\" is nothing that a rule has")),
        }
    }
    let action = Action::SetRule {
        when,
        target,
        r#do,
        threshold,
        priority,
        bytes,
        limit,
    };
    alone(words, action)
}

pub fn unrule(mut words: Words<'_>) -> Result<Request, String> {
    let id = number(words.need("the number of the rule")?)?;
    alone(words, Action::ClearRule { id })
}

pub fn explain(mut words: Words<'_>) -> Result<Request, String> {
    let target = words.next().map(parse::target).transpose()?;
    alone(words, Action::Explain { target })
}

pub fn search(words: Words<'_>) -> Result<Request, String> {
    let query = rest(&words, "what to search for")?;
    let r#where = None;
    Ok(Request::Act(Action::Search { query, r#where }))
}

pub fn undo(mut words: Words<'_>) -> Result<Request, String> {
    let count = words.next().map(number).transpose()?;
    alone(words, Action::Undo { count })
}

pub fn fact(words: Words<'_>, action: fn(Sentence) -> Action) -> Result<Request, String> {
    Ok(Request::Act(action(rest(&words, "the fact")?)))
}

fn rest(words: &Words<'_>, what: &str) -> Result<Sentence, String> {
    match words.rest.trim() {
        "" => Err(format!("{what} is missing")),
        text => Sentence::new(text).map_err(|error| format!("the text is {error} bytes")),
    }
}

fn number(word: &str) -> Result<u32, String> {
    parse::number(word).ok_or_else(|| format!("\"{word}\" is no number"))
}

fn word<T: core::str::FromStr<Err = proviso_abi::words::UnknownWord>>(
    word: &str,
) -> Result<T, String> {
    word.parse()
        .map_err(|unknown| format!("\"{word}\": {unknown}"))
}
