//! From a sentence and a snapshot to a plan.

use std::time::{Duration, Instant};

use proviso_abi::{Plan, System};

use crate::grammar;
use crate::model::{Job, Model, ModelError, Watch};
use crate::prompt;

/// The most tokens of a plan.
const MAX_TOKENS: usize = 256;

/// What came of a sentence, and what it cost.
#[derive(Debug)]
pub struct Planned {
    /// The plan, or why there is none.
    pub plan: Result<Plan, PlanError>,
    /// Time it took.
    pub took: Duration,
    /// Tokens read; those known from before are not counted.
    pub prompt_tokens: usize,
    /// Tokens written.
    pub generated_tokens: usize,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The model said nothing.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// What the model said is not a plan.
    #[error("the model's answer is not a plan ({why}); say it in other words")]
    NotAPlan {
        /// What is wrong with it.
        why: String,
    },
}

/// Plans with one model.
pub struct Planner<M> {
    model: M,
}

impl<M: Model> Planner<M> {
    /// A planner that uses `model`.
    pub fn new(model: M) -> Self {
        Self { model }
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        self.model.name()
    }

    /// Reads the fixed part of the prompt ahead of the first request.
    ///
    /// # Errors
    /// If the model fails, or was told to stop.
    pub fn warm(&mut self, watch: &Watch) -> Result<(), ModelError> {
        self.model.warm(prompt::fixed(), watch)
    }

    /// Plans for one sentence.
    pub fn plan(&mut self, system: &System, sentence: &str, watch: &Watch) -> Planned {
        let start = Instant::now();
        let grammar = grammar::plans(system, sentence);
        let request = prompt::request(system, sentence);
        let job = Job {
            fixed: prompt::fixed(),
            request: &request,
            grammar: &grammar,
            max_tokens: MAX_TOKENS,
        };
        let (plan, prompt_tokens, generated_tokens) = match self.model.complete(&job, watch) {
            Ok(said) => (read(&said.text), said.prompt_tokens, said.generated_tokens),
            Err(error) => (Err(error.into()), 0, 0),
        };
        Planned {
            plan,
            took: start.elapsed(),
            prompt_tokens,
            generated_tokens,
        }
    }
}

/// What the model said as a plan. The grammar already saw to the form; this
/// decodes strictly all the same, because a model may run out of tokens or
/// come from somewhere that knows no grammars.
fn read(text: &str) -> Result<Plan, PlanError> {
    let plan: Plan = serde_json::from_str(text).map_err(|error| PlanError::NotAPlan {
        why: error.to_string(),
    })?;
    if plan.actions.is_empty() {
        return Err(PlanError::NotAPlan {
            why: "it has no actions".into(),
        });
    }
    Ok(without_repeats(plan))
}

/// Drops actions that say exactly what the one before them said: small models
/// stutter. Starting something twice is said with a count.
fn without_repeats(plan: Plan) -> Plan {
    let mut actions = plan.actions.into_vec();
    actions.dedup();
    Plan::new(actions).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scripted::Scripted;
    use crate::prompt::tests::system;

    fn plan(answer: &str) -> Planned {
        Planner::new(Scripted::saying(&[answer])).plan(&system(), "do it", &Watch::default())
    }

    #[test]
    fn what_the_model_says_becomes_a_typed_plan() {
        let planned = plan(r#"{"plan":[{"action":"kill","target":"worker"}]}"#);
        let kill =
            serde_json::from_str::<Plan>(r#"{"plan":[{"action":"kill","target":"worker"}]}"#)
                .unwrap();
        assert_eq!(planned.plan.unwrap(), kill);
    }

    #[test]
    fn stutter_is_dropped() {
        let planned = plan(
            r#"{"plan":[{"action":"status"},{"action":"status"},{"action":"undo"},{"action":"status"}]}"#,
        );
        assert_eq!(planned.plan.unwrap().actions.len(), 3);
    }

    #[test]
    fn anything_else_is_an_error_in_words() {
        for answer in [
            "",
            "kill it",
            r#"{"plan":[]}"#,
            r#"{"plan":[{"action":"kill","tar"#,
            r#"{"plan":[{"action":"format"}]}"#,
        ] {
            let error = plan(answer).plan.unwrap_err().to_string();
            assert!(error.contains("not a plan"), "{answer}: {error}");
        }
    }

    #[test]
    fn a_cancelled_request_never_reaches_the_model() {
        let watch = Watch::default();
        watch.cancel();
        let planned = Planner::new(Scripted::saying(&["{}"])).plan(&system(), "do it", &watch);
        assert!(matches!(
            planned.plan,
            Err(PlanError::Model(ModelError::Cancelled))
        ));
    }
}
