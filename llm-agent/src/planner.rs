//! From a sentence and a snapshot to a plan.

use std::time::{Duration, Instant};

use proviso_abi::{Plan, System};

use crate::model::{Completion, Job, Model, ModelError, Watch};
use crate::short::{self, Context, Short, ShortError};
use crate::slots::Slotted;
use crate::{check, confidence, grammar, prompt, replies};

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
    /// How likely the model holds what it said to be, 0 to 1.
    pub likelihood: f64,
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
        // A short form has no fixed part, but the first run of a model is slow.
        let fixed = if self.model.writes_short_form() {
            "=>"
        } else {
            prompt::fixed()
        };
        self.model.warm(fixed, watch)
    }

    /// Plans for one sentence.
    pub fn plan(&mut self, system: &System, sentence: &str, watch: &Watch) -> Planned {
        let start = Instant::now();
        let planned = if self.model.writes_short_form() {
            self.in_short_form(system, sentence, watch)
        } else {
            self.in_json(system, sentence, watch)
        };
        Planned {
            took: start.elapsed(),
            ..planned
        }
    }

    /// With the project's own model: slots in, short form out.
    fn in_short_form(&mut self, system: &System, sentence: &str, watch: &Watch) -> Planned {
        let slotted = Slotted::new(sentence, system);
        let job = Job {
            fixed: "",
            request: &prompt::slotted(&slotted),
            grammar: &short::grammar::plans(&slotted, system.caller.is_some()),
            max_tokens: MAX_TOKENS,
        };
        let said = self.model.complete(&job, watch);
        Planned::of(said, |said| {
            let plan = from_short(&said.text, &slotted, system)?;
            let confidence = confidence::calibrated(said.log_likelihood);
            Ok(confidence::cautious(plan, confidence))
        })
    }

    /// With any other model: the state and examples in, JSON out.
    fn in_json(&mut self, system: &System, sentence: &str, watch: &Watch) -> Planned {
        let job = Job {
            fixed: prompt::fixed(),
            request: &prompt::request(system, sentence),
            grammar: &grammar::plans(system, sentence),
            max_tokens: MAX_TOKENS,
        };
        let said = self.model.complete(&job, watch);
        Planned::of(said, |said| read(&said.text))
    }
}

impl Planned {
    fn of(
        said: Result<Completion, ModelError>,
        read: impl FnOnce(&Completion) -> Result<Plan, PlanError>,
    ) -> Self {
        let nothing = Self {
            plan: Ok(Plan::default()),
            took: Duration::ZERO,
            prompt_tokens: 0,
            generated_tokens: 0,
            likelihood: 0.0,
        };
        match said {
            Ok(said) => Self {
                plan: read(&said),
                prompt_tokens: said.prompt_tokens,
                generated_tokens: said.generated_tokens,
                likelihood: said.log_likelihood.exp(),
                ..nothing
            },
            Err(error) => Self {
                plan: Err(error.into()),
                ..nothing
            },
        }
    }
}

/// What the model said in short form, with its slots filled and checked.
fn from_short(text: &str, slotted: &Slotted, system: &System) -> Result<Plan, PlanError> {
    let not_a_plan = |why: ShortError| PlanError::NotAPlan {
        why: why.to_string(),
    };
    let shorts = short::parse(text).map_err(not_a_plan)?;
    let context = Context {
        slotted,
        caller: system.caller,
    };
    let words = |short: &Short| replies::words(short, slotted, system);
    let plan = short::resolve(&shorts, context, &words).map_err(not_a_plan)?;
    Ok(check::checked(plan, system))
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
    use proviso_abi::{Action, Target};

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

    fn short(answer: &str, sentence: &str, log_likelihood: f64) -> Plan {
        let mut model = Scripted::saying(&[answer]);
        model.is_short = true;
        model.log_likelihood = log_likelihood;
        let planned = Planner::new(model).plan(&system(), sentence, &Watch::default());
        planned.plan.unwrap()
    }

    #[test]
    fn short_form_comes_out_as_the_same_kind_of_plan() {
        let plan = short(" kill @1", "end both workers", 0.0);
        let kill = Target::name("worker");
        assert!(matches!(&plan.actions[..], [Action::Kill { target, .. }] if *target == kill));
        let plan = short(" spawn @1", "start another init", 0.0);
        assert!(
            matches!(&plan.actions[..], [Action::Refuse { reason }] if reason.contains("init"))
        );
    }

    #[test]
    fn an_unsure_change_becomes_a_question_and_an_unsure_look_does_not() {
        let plan = short(" kill @1", "end both workers", -20.0);
        assert!(
            matches!(&plan.actions[..], [Action::Ask { question }] if question.contains("kill worker"))
        );
        let plan = short(" status", "hm", -20.0);
        assert!(matches!(&plan.actions[..], [Action::Status {}]));
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
