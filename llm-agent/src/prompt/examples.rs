//! The worked examples, and which of them are like a given sentence.
//!
//! A small model does what the examples next to the question do, so it gets to
//! see those whose wording is closest, closest last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proviso_abi::{Action, ActionKind, Plan, System};
use serde::Deserialize as _;

/// A sentence and the plan it should get.
#[derive(Debug)]
pub struct Example {
    /// What is asked.
    pub sentence: String,
    /// The plan, as the model should write it.
    pub plan: String,
    kinds: Vec<ActionKind>,
    features: BTreeSet<String>,
}

/// All examples, and how telling each feature is.
struct Bank {
    examples: Vec<Example>,
    weights: BTreeMap<String, f64>,
}

static BANK: LazyLock<Bank> = LazyLock::new(|| {
    // The first line is the system that they are made for.
    let mut lines = include_str!("examples.jsonl").lines();
    let system = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok());
    let names = system.as_ref().map(names).unwrap_or_default();
    let examples: Vec<_> = lines.filter_map(|line| read(line, &names).ok()).collect();
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for feature in examples.iter().flat_map(|example| &example.features) {
        *counts.entry(feature.clone()).or_default() += 1.0;
    }
    let total = examples.len() as f64;
    let weights = counts
        .into_iter()
        .map(|(feature, count)| (feature, (total / count).ln()))
        .collect();
    Bank { examples, weights }
});

fn read(line: &str, names: &BTreeSet<String>) -> Result<Example, serde_json::Error> {
    // The plan is shown as it is written there, but it has to be one.
    let (sentence, plan): (String, serde_json::Value) = serde_json::from_str(line)?;
    let typed = Plan::deserialize(&plan)?;
    let kinds = typed.actions.iter().map(Action::kind).collect();
    let plan = plan.to_string();
    let features = features(&sentence, names);
    Ok(Example {
        sentence,
        plan,
        kinds,
        features,
    })
}

/// The examples closest to `sentence` that the guest can execute, the closest last.
pub fn nearest(system: &System, sentence: &str, count: usize) -> Vec<&'static Example> {
    let asked = features(sentence, &names(system));
    let executes = |kind: &ActionKind| system.actions.is_empty() || system.actions.contains(kind);
    let mut ranked: Vec<_> = BANK
        .examples
        .iter()
        .filter(|example| example.kinds.iter().all(executes))
        .map(|example| (likeness(&asked, &example.features), example))
        .collect();
    // Stable, so that equals keep the order in which they were written.
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked
        .into_iter()
        .take(count)
        .map(|(_, example)| example)
        .rev()
        .collect()
}

/// How much two sets of features share, of what they have.
fn likeness(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let weight = |feature: &String| BANK.weights.get(feature).copied().unwrap_or(1.0);
    let shared: f64 = a.intersection(b).map(weight).sum();
    let norm = |set: &BTreeSet<String>| set.iter().map(weight).sum::<f64>().sqrt();
    shared / (norm(a) * norm(b)).max(f64::MIN_POSITIVE)
}

/// What processes and programs are called, in lower case.
fn names(system: &System) -> BTreeSet<String> {
    let processes = system.processes.iter().map(|process| &process.name);
    processes
        .chain(&system.programs)
        .map(|name| name.to_lowercase())
        .collect()
}

/// Words, pairs of words and, because people mistype, runs of three letters.
/// Names, numbers and paths count as alike: what matters is how something is
/// said, not about what.
fn features(sentence: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let lower = sentence.to_lowercase();
    let mut features = BTreeSet::new();
    let mut before = String::from("^");
    let is_between = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '/' | '%');
    for word in lower.split(is_between).filter(|word| !word.is_empty()) {
        let word = alike(word, names);
        features.insert(format!("{before} {word}"));
        let letters: Vec<char> = format!("_{word}_").chars().collect();
        features.extend(letters.windows(3).map(|run| run.iter().collect::<String>()));
        features.insert(word.clone());
        before = word;
    }
    features
}

fn alike(word: &str, names: &BTreeSet<String>) -> String {
    const NUMBERS: [&str; 9] = [
        "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let singular = word.strip_suffix('s').unwrap_or(word);
    if names.contains(word) || names.contains(singular) {
        "@".to_owned()
    } else if word.contains('/') {
        "/".to_owned()
    } else if word.starts_with(|letter: char| letter.is_ascii_digit()) {
        // `8mb` and `4 mb` both leave the unit.
        word.trim_start_matches(|letter: char| letter.is_ascii_digit())
            .to_owned()
            + "#"
    } else if NUMBERS.contains(&word) {
        "#".to_owned()
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{matcher, plans};
    use crate::prompt::tests::system;

    #[test]
    fn every_line_reads_and_every_plan_is_one_the_grammar_allows() {
        let mut lines = include_str!("examples.jsonl").lines();
        let system = serde_json::from_str(lines.next().unwrap()).unwrap();
        for line in lines {
            let example =
                read(line, &names(&system)).unwrap_or_else(|error| panic!("{error} in {line}"));
            let grammar = plans(&system, &example.sentence);
            assert!(matcher::accepts(&grammar, &example.plan), "{line}");
        }
    }

    #[test]
    fn the_closest_example_comes_last_whatever_the_process_is_called() {
        let found = nearest(&system(), "suspend the logger", 3);
        assert_eq!(found.len(), 3);
        assert!(found[2].plan.contains("\"suspend\""), "{found:?}");

        assert!(
            nearest(&system(), "start a logger", 1)[0]
                .plan
                .contains("spawn")
        );
        assert_eq!(nearest(&system(), "", 3).len(), 3);
    }

    #[test]
    fn what_the_guest_cannot_execute_is_no_example() {
        let mut system = system();
        system.actions = vec![ActionKind::Status, ActionKind::Refuse];
        let found = nearest(&system, "suspend the logger", 1000);
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|example| !example.plan.contains("suspend")),
            "{found:?}"
        );
    }
}
