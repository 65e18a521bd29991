//! The worked examples that the model reads first.

use proviso_abi::{Plan, System};
use serde::Deserialize;

/// A system, and requests made of it with the plans they should get.
#[derive(Deserialize)]
struct Scene {
    system: System,
    requests: Vec<(String, Plan)>,
}

/// Every example: the system, the sentence, the plan as the model should write it.
pub fn all() -> Vec<(System, String, String)> {
    let scenes = include_str!("examples.jsonl").lines().filter_map(|line| serde_json::from_str::<Scene>(line).ok());
    scenes
        .flat_map(|scene| {
            let Scene { system, requests } = scene;
            requests.into_iter().filter_map(move |(sentence, plan)| {
                let plan = serde_json::to_string(&plan).ok()?;
                Some((system.clone(), sentence, plan))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{matcher, plans};

    #[test]
    fn every_line_reads_and_every_plan_is_one_the_grammar_allows() {
        for line in include_str!("examples.jsonl").lines() {
            serde_json::from_str::<Scene>(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        }
        for (system, sentence, plan) in all() {
            assert!(matcher::accepts(&plans(&system), &plan), "{sentence}: {plan}");
        }
    }
}
