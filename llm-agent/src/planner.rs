//! From a sentence and a snapshot to a plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proviso_abi::{Plan, System};

use crate::model::{Completion, Job, JobId, Model, ModelError, Watch};
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

/// Plans with one model, for several who ask at a time.
pub struct Planner<M> {
    model: M,
    open: BTreeMap<JobId, Open>,
}

/// What is needed to understand what the model will say.
struct Open {
    system: System,
    /// Of a model that writes short form.
    slotted: Option<Slotted>,
    begun: Instant,
}

impl<M: Model> Planner<M> {
    /// A planner that uses `model`.
    pub fn new(model: M) -> Self {
        Self {
            model,
            open: BTreeMap::new(),
        }
    }

    /// The model's name.
    pub fn model_name(&self) -> &str {
        self.model.name()
    }

    /// How many sentences it can plan for side by side.
    pub fn seats(&self) -> usize {
        self.model.seats()
    }

    /// Whether nothing is begun that did not end.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        self.open.is_empty()
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
    pub fn plan(&mut self, system: &System, sentence: &str, watch: &Arc<Watch>) -> Planned {
        let job = match self.begin(system, sentence, watch) {
            Ok(job) => job,
            Err(error) => return Planned::failed(error),
        };
        loop {
            if let Some((_, planned)) = self.step(&[job]).pop() {
                return planned;
            }
        }
    }

    /// Takes on a sentence. It goes on only in [`Planner::step`].
    ///
    /// # Errors
    /// If the model cannot do it, or it is not wanted any more.
    pub fn begin(
        &mut self,
        system: &System,
        sentence: &str,
        watch: &Arc<Watch>,
    ) -> Result<JobId, PlanError> {
        let begun = Instant::now();
        let is_short = self.model.writes_short_form();
        let slotted = is_short.then(|| Slotted::new(sentence, system));
        let (fixed, request, grammar) = match &slotted {
            Some(slotted) => (
                "",
                prompt::slotted(slotted),
                short::grammar::plans(slotted, system.caller.is_some()),
            ),
            None => (
                prompt::fixed(),
                prompt::request(system, sentence),
                grammar::plans(system, sentence),
            ),
        };
        let job = self.model.begin(Job {
            fixed,
            request,
            grammar,
            max_tokens: MAX_TOKENS,
            watch: Arc::clone(watch),
        })?;
        let open = Open {
            system: system.clone(),
            slotted,
            begun,
        };
        self.open.insert(job, open);
        Ok(job)
    }

    /// Goes on with these by one step, at most [`Planner::seats`] of them, and
    /// returns those that are done.
    pub fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Planned)> {
        let mut done = Vec::new();
        for (job, said) in self.model.step(jobs) {
            if let Some(open) = self.open.remove(&job) {
                let planned = open.planned(said);
                done.push((job, planned));
            }
        }
        done
    }
}

impl Open {
    fn planned(&self, said: Result<Completion, ModelError>) -> Planned {
        let said = match said {
            Ok(said) => said,
            Err(error) => return Planned::failed(error.into()),
        };
        let plan = match &self.slotted {
            Some(slotted) => from_short(&said.text, slotted, &self.system).map(|plan| {
                confidence::cautious(plan, confidence::calibrated(said.log_likelihood))
            }),
            None => read(&said.text),
        };
        Planned {
            plan,
            took: self.begun.elapsed(),
            prompt_tokens: said.prompt_tokens,
            generated_tokens: said.generated_tokens,
            likelihood: said.log_likelihood.exp(),
        }
    }
}

impl Planned {
    const fn failed(error: PlanError) -> Self {
        Self {
            plan: Err(error),
            took: Duration::ZERO,
            prompt_tokens: 0,
            generated_tokens: 0,
            likelihood: 0.0,
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
        Planner::new(Scripted::saying(&[answer])).plan(&system(), "do it", &Arc::default())
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
        let planned = Planner::new(model).plan(&system(), sentence, &Arc::default());
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
        let watch = Arc::new(Watch::default());
        watch.cancel();
        let planned = Planner::new(Scripted::saying(&["{}"])).plan(&system(), "do it", &watch);
        assert!(matches!(
            planned.plan,
            Err(PlanError::Model(ModelError::Cancelled))
        ));
    }
}
