//! Examples: a pattern in a system, as the model will see it.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;
use llm_agent::grammar::matcher::accepts;
use llm_agent::short::{self, Context, Short, parse, resolve};
use llm_agent::slots::{Kind, Slot, Slotted, Value, plural};
use proviso_abi::{FieldKind, Plan, State, System};

use crate::admission::check_form;
use crate::noise;
use crate::pattern::{Node, Pattern, Variable, variables};
use crate::scenario::{Bound, Scenario, scenario};
use crate::surface::surface;

/// What the model reads and what it should answer.
#[derive(Debug, Clone)]
pub struct Example {
    /// What is asked.
    pub sentence: String,
    /// Of which system.
    pub system: System,
    /// The sentence with slots and facts.
    pub input: String,
    /// The plan in short form with slots.
    pub output: String,
    /// The plan.
    pub plan: Plan,
}

/// Why a pattern gives no example this time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The plan uses what the sentence does not mention.
    #[error("the plan needs {variable}, which no slot of `{sentence}` holds")]
    NoSlot {
        /// The variable.
        variable: String,
        /// The sentence with its slots.
        sentence: String,
    },
    /// A variable cannot stand for anything.
    #[error("{0} stands for nothing")]
    Unbound(String),
    /// The plan is no plan.
    #[error("{0}")]
    NoPlan(String),
    /// Slots do not lead back to what is meant.
    #[error("`{output}` for `{input}` does not mean what the pattern means")]
    Differs {
        /// What the model would read.
        input: String,
        /// What it would answer.
        output: String,
    },
}

/// Makes an example of a pattern.
pub fn example(pattern: &Pattern, rng: &mut Rng) -> Result<Example, MakeError> {
    let sentence = choose(&pattern.sentence, rng);
    let mut all = variables(&sentence);
    all.extend(variables(&pattern.plan));
    let mut scenario = scenario(&all, &states(&pattern.plan), rng);
    see_to_caller(&mut scenario, &sentence, &all, rng);
    let said = say(pattern, &sentence, &scenario, rng)?;
    let slotted = Slotted::new(&said.text, &scenario.system);
    let context = Context {
        slotted: &slotted,
        caller: scenario.system.caller,
    };
    let written = plan_text(pattern, &|variable| {
        slot(variable, &scenario, &said, &slotted).ok_or_else(|| MakeError::NoSlot {
            variable: variable.to_string(),
            sentence: slotted.input(),
        })
    })?;
    let mut shorts = parse(&written).map_err(|why| MakeError::NoPlan(why.to_string()))?;
    for short in &mut shorts {
        use_slots(short, &slotted);
    }
    let output = short::text(&shorts);
    let plan = resolve(&shorts, context, &|_| "words".into())
        .map_err(|why| MakeError::NoPlan(why.to_string()))?;
    if plan != intended(pattern, &scenario, &said)? {
        return Err(MakeError::Differs {
            input: slotted.input(),
            output,
        });
    }
    check_form(&plan, &scenario.system).map_err(MakeError::NoPlan)?;
    let grammar = short::grammar::plans(&slotted, scenario.system.caller.is_some());
    if !accepts(&grammar, &format!(" {output}")) {
        let input = slotted.input();
        return Err(MakeError::NoPlan(format!(
            "the grammar does not take `{output}` for `{input}`"
        )));
    }
    Ok(Example {
        sentence: said.text,
        input: slotted.input(),
        system: scenario.system,
        output,
        plan,
    })
}

/// One way through the choices.
pub fn choose(nodes: &[Node], rng: &mut Rng) -> Vec<Node> {
    let mut chosen = Vec::new();
    for node in nodes {
        match node {
            Node::Choice(ways) => {
                let way = ways.get(rng.usize(..ways.len().max(1)));
                chosen.extend(way.map(|way| choose(way, rng)).unwrap_or_default());
            }
            node => chosen.push(node.clone()),
        }
    }
    chosen
}

/// The states that selectors of a plan look for.
fn states(plan: &[Node]) -> Vec<State> {
    let texts = plan.iter().filter_map(|node| match node {
        Node::Text(text) => Some(text),
        _ => None,
    });
    texts
        .flat_map(|text| text.split(["[", " ", "]"].map(|mark| mark.chars().next().unwrap_or(' '))))
        .filter_map(|part| part.strip_prefix("state=")?.parse().ok())
        .collect()
}

/// Who says its number need not be known to the kernel as the one who asks, and
/// now and then a process asks for others.
fn see_to_caller(scenario: &mut Scenario, sentence: &[Node], all: &[Variable], rng: &mut Rng) {
    let is_me = |variable: &Variable| variable.kind == "me";
    let system = &mut scenario.system;
    if !all.iter().any(is_me) {
        if rng.u8(..25) == 0 {
            let pids: Vec<_> = system
                .processes
                .iter()
                .skip(1)
                .map(|process| process.pid)
                .collect();
            system.caller = rng.choice(pids);
        }
        return;
    }
    let says_pid = variables(sentence)
        .iter()
        .any(|one| is_me(one) && one.instance.is_some());
    if says_pid && rng.u8(..10) < 5 {
        system.caller = None;
    }
}

/// A sentence, and where in it the variables are.
struct Said {
    text: String,
    places: BTreeMap<String, Range<usize>>,
}

fn say(
    pattern: &Pattern,
    sentence: &[Node],
    scenario: &Scenario,
    rng: &mut Rng,
) -> Result<Said, MakeError> {
    let mut text = String::new();
    let mut places = BTreeMap::new();
    let is_speech = matches!(sentence.first(), Some(Node::Text(first)) if first.starts_with(char::is_alphabetic))
        || matches!(sentence.first(), Some(Node::Variable(_)));
    let is_speech = is_speech
        && !sentence
            .iter()
            .any(|node| matches!(node, Node::Text(text) if text.contains(['=', '{'])));
    let bystander = bystander(scenario, rng);
    let around = if is_speech {
        noise::around(&pattern.tag, bystander.as_deref(), rng)
    } else {
        noise::Around::default()
    };
    text.push_str(&around.before);
    let mut slips = match rng.u8(..8) {
        0 => rng.u8(1..=3),
        _ => 0,
    };
    let mut is_plural = false;
    for (index, node) in sentence.iter().enumerate() {
        match node {
            Node::Text(part) => {
                let part = if is_plural {
                    part.get(1..).unwrap_or_default()
                } else {
                    part
                };
                let is_slip = slips > 0 && rng.bool();
                slips -= u8::from(is_slip);
                text.push_str(&if is_slip {
                    noise::slip(part, rng)
                } else {
                    part.to_owned()
                });
                is_plural = false;
            }
            Node::Variable(variable) => {
                is_plural = is_plural_mark(variable, sentence.get(index + 1));
                let surface = spoken(pattern, variable, scenario, is_plural, rng)?;
                let start = text.len();
                text.push_str(&surface);
                places.insert(variable.to_string(), start..text.len());
            }
            Node::Choice(_) => {}
        }
    }
    let has_end = text.ends_with(['.', '!', '?']);
    if !has_end && !around.after.is_empty() {
        text.push_str(&around.after);
    } else if has_end && is_speech && rng.u8(..3) == 0 {
        text.pop();
    }
    Ok(Said { text, places })
}

fn spoken(
    pattern: &Pattern,
    variable: &Variable,
    scenario: &Scenario,
    is_plural: bool,
    rng: &mut Rng,
) -> Result<String, MakeError> {
    let unbound = || MakeError::Unbound(variable.to_string());
    let bound = scenario.bound.get(&variable.name).ok_or_else(unbound)?;
    let said =
        surface(&variable.kind, bound, variable.instance, &pattern.tag, rng).ok_or_else(unbound)?;
    let is_name = matches!(bound, Bound::Process(..)) && variable.instance.is_none();
    let mut said = if is_plural { plural(&said) } else { said };
    if is_name && said.len() > 4 && rng.u8(..16) == 0 {
        said = noise::slip(&said, rng);
    }
    if is_name {
        said = match rng.u8(..14) {
            0 => said.to_uppercase(),
            1 => capitalised(&said),
            _ => said,
        };
    }
    Ok(said)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Whether a pattern's `s` makes a plural of the name before it.
fn is_plural_mark(variable: &Variable, next: Option<&Node>) -> bool {
    let Some(Node::Text(text)) = next else {
        return false;
    };
    variable.instance.is_none()
        && matches!(variable.kind.as_str(), "m" | "x" | "g" | "absent" | "p")
        && text
            .strip_prefix('s')
            .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Somebody whom the pattern does not mention.
fn bystander(scenario: &Scenario, rng: &mut Rng) -> Option<String> {
    let is_mentioned = |name: &str| {
        scenario
            .bound
            .values()
            .any(|bound| matches!(bound, Bound::Process(known, _) if known == name))
    };
    let others: Vec<_> = scenario
        .system
        .processes
        .iter()
        .skip(1)
        .map(|process| process.name.to_string())
        .filter(|name| !is_mentioned(name))
        .collect();
    rng.choice(others)
}

/// The plan of a pattern with its variables written by `write`.
fn plan_text(
    pattern: &Pattern,
    write: &dyn Fn(&Variable) -> Result<String, MakeError>,
) -> Result<String, MakeError> {
    let mut text = String::new();
    for node in &pattern.plan {
        match node {
            Node::Text(part) => text.push_str(part),
            Node::Variable(variable) => text.push_str(&write(variable)?),
            Node::Choice(_) => {}
        }
    }
    Ok(text)
}

/// How the model should write a variable.
fn slot(
    variable: &Variable,
    scenario: &Scenario,
    said: &Said,
    slotted: &Slotted,
) -> Option<String> {
    let find = |kind: Kind, value: &Value| slotted.slot_of(kind, value).map(Slot::written);
    match scenario.bound.get(&variable.name)? {
        Bound::Word(word) => Some((*word).to_owned()),
        Bound::Process(_, pids) if variable.kind == "me" => {
            let pid = u64::from(*pids.first()?);
            find(Kind::Number, &Value::Number(pid))
                .or_else(|| scenario.system.caller.map(|_| "me".to_owned()))
        }
        Bound::Process(name, pids) => match variable.instance {
            None => find(Kind::Name, &Value::Text(name.clone())),
            Some(instance) => {
                let pid = *pids.get(instance.saturating_sub(1))?;
                find(Kind::Number, &Value::Number(pid.into()))
            }
        },
        Bound::Number(number) => {
            let kind = match variable.kind.as_str() {
                "size" | "huge" => Kind::Size,
                "pct" => Kind::Percent,
                "ms" | "idle" => Kind::Duration,
                _ => Kind::Number,
            };
            // A number word that a slip spoilt is no slot.
            find(kind, &Value::Number(*number))
                .or_else(|| (variable.kind == "n").then(|| number.to_string()))
        }
        Bound::Text(text) => match variable.kind.as_str() {
            "path" | "dir" => find(Kind::Path, &Value::Text(text.clone())),
            "text" => find(Kind::Text, &Value::Text(text.clone()))
                .or_else(|| slotted_words(variable, said, slotted)),
            _ => slotted_words(variable, said, slotted),
        },
    }
}

/// The words of the sentence at a variable's place.
fn slotted_words(variable: &Variable, said: &Said, slotted: &Slotted) -> Option<String> {
    let place = said.places.get(&variable.to_string())?.clone();
    let words = slotted.slotted_of(place)?.trim_matches('"');
    (!words.is_empty()).then(|| words.to_owned())
}

/// Puts slots in the place of literal numbers that the sentence has slots for.
fn use_slots(short: &mut Short, slotted: &Slotted) {
    for (field, written) in &mut short.fields {
        match field.kind {
            FieldKind::Number if field.name == "threshold" => use_slot(
                written,
                &[Kind::Number, Kind::Percent, Kind::Size, Kind::Duration],
                slotted,
            ),
            FieldKind::Number if field.name == "quantum_ms" => {
                use_slot(written, &[Kind::Duration, Kind::Number], slotted);
            }
            FieldKind::Number | FieldKind::Factor | FieldKind::Step => {
                use_slot(written, &[Kind::Number], slotted);
            }
            FieldKind::Bytes => use_slot(written, &[Kind::Size], slotted),
            FieldKind::Percent => use_slot(written, &[Kind::Percent, Kind::Number], slotted),
            FieldKind::Target => use_slots_in_selector(written, slotted),
            FieldKind::Arguments(_) => use_slots_in_list(written, slotted),
            FieldKind::Text(_) if written.starts_with('"') => *written = slot_for(written, slotted),
            _ => {}
        }
    }
}

/// Puts slots in the place of strings that the sentence quotes or says so.
fn use_slots_in_list(written: &mut String, slotted: &Slotted) {
    let items = written.split(',').map(|item| slot_for(item, slotted));
    *written = items.collect::<Vec<_>>().join(",");
}

fn slot_for(written: &str, slotted: &Slotted) -> String {
    let inside = written.trim_matches('"');
    let is_it =
        |slot: &&Slot| slot.value == Value::Text(inside.to_owned()) || slot.surface == inside;
    let slot = slotted.slots().iter().find(is_it);
    slot.map_or_else(|| written.to_owned(), Slot::written)
}

fn use_slots_in_selector(written: &mut String, slotted: &Slotted) {
    let Some(inside) = written
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return;
    };
    let parts = inside.split(' ').map(|part| {
        let Some((key, value)) = part.split_once('=') else {
            return part.to_owned();
        };
        let mut value = value.to_owned();
        match key {
            "take" => use_slot(&mut value, &[Kind::Number], slotted),
            "memory_over" | "memory_under" => use_slot(&mut value, &[Kind::Size], slotted),
            "cpu_over" | "cpu_under" => use_slot(&mut value, &[Kind::Percent], slotted),
            // `2nd` leaves a slot, `second` does not.
            "nth" => {
                let mut slot = value.clone();
                use_slot(&mut slot, &[Kind::Number], slotted);
                let is_ordinal = ["st", "nd", "rd", "th"]
                    .iter()
                    .any(|end| slotted.text().contains(&format!("{slot}{end}")));
                if is_ordinal {
                    value = slot;
                }
            }
            _ => {}
        }
        format!("{key}={value}")
    });
    *written = format!("[{}]", parts.collect::<Vec<_>>().join(" "));
}

fn use_slot(written: &mut String, kinds: &[Kind], slotted: &Slotted) {
    let (sign, digits) = match written.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", written.as_str()),
    };
    let Ok(number) = digits.parse::<u64>() else {
        return;
    };
    let slot = kinds
        .iter()
        .find_map(|kind| slotted.slot_of(*kind, &Value::Number(number)));
    if let Some(slot) = slot {
        *written = format!("{sign}{}", slot.written());
    }
}

/// What the pattern means, without any slots.
fn intended(pattern: &Pattern, scenario: &Scenario, said: &Said) -> Result<Plan, MakeError> {
    let written = plan_text(pattern, &|variable| {
        let unbound = || MakeError::Unbound(variable.to_string());
        Ok(
            match scenario.bound.get(&variable.name).ok_or_else(unbound)? {
                Bound::Word(word) => (*word).to_owned(),
                Bound::Number(number) => number.to_string(),
                Bound::Process(_, pids) if variable.kind == "me" => {
                    pids.first().ok_or_else(unbound)?.to_string()
                }
                Bound::Process(name, pids) => match variable.instance {
                    None => name.clone(),
                    Some(instance) => pids
                        .get(instance.saturating_sub(1))
                        .ok_or_else(unbound)?
                        .to_string(),
                },
                Bound::Text(text) if matches!(variable.kind.as_str(), "path" | "dir") => {
                    text.clone()
                }
                Bound::Text(text) => {
                    let place = said.places.get(&variable.to_string()).cloned();
                    let words = place.and_then(|place| said.text.get(place)).unwrap_or(text);
                    let words = if variable.kind == "text" { text } else { words };
                    serde_json::Value::from(words).to_string()
                }
            },
        )
    })?;
    let shorts = parse(&written).map_err(|why| MakeError::NoPlan(why.to_string()))?;
    let slotted = Slotted::default();
    let context = Context {
        slotted: &slotted,
        caller: None,
    };
    resolve(&shorts, context, &|_| "words".into()).map_err(|why| MakeError::NoPlan(why.to_string()))
}
