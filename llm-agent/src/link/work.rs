//! One request on its way through the planner.

use std::sync::Arc;
use std::time::Instant;

use proviso_abi::Sentence;
use proviso_abi::wire::{ModelStats, Request, ToKernel};

use super::guest::Guest;
use super::queue::Principal;
use crate::model::{JobId, Watch};
use crate::planner::{PlanError, Planned};
use crate::rounds::{self, First};

/// A request, who made it, and the watch over it.
#[derive(Debug)]
pub struct Work {
    /// Who asked.
    pub guest: Arc<Guest>,
    /// What was asked.
    pub request: Request,
    /// When it arrived.
    pub received: Instant,
    /// Whether it is still wanted.
    pub watch: Arc<Watch>,
    /// The planner's number for it, once it began.
    pub job: Option<JobId>,
}

impl Work {
    /// Whose turn it takes.
    pub fn principal(&self) -> Principal {
        Principal {
            guest: self.guest.id,
            user: self.request.system.user.to_string(),
            process: self.request.system.caller,
        }
    }

    /// Whether it has to be kept. What the planner began on stays even if nobody
    /// waits for it, for the planner to hear of that.
    pub fn is_wanted(&self) -> bool {
        self.job.is_some() || self.watch.check().is_ok()
    }

    /// Answers the guest with a plan.
    pub fn end(self, planned: Planned) {
        self.log(&planned);
        let intent = self.request.intent;
        let stats = ModelStats {
            total_us: u64::try_from(self.received.elapsed().as_micros()).unwrap_or(u64::MAX),
            prompt_tokens: u32::try_from(planned.prompt_tokens).unwrap_or(u32::MAX),
            generated_tokens: u32::try_from(planned.generated_tokens).unwrap_or(u32::MAX),
        };
        let plan = match planned.plan {
            Ok(plan) => plan,
            Err(error) => return self.fail(&error),
        };
        let answer = match rounds::first(plan, &self.request.prompt, self.request.rounds_left) {
            First::Look(plan) => ToKernel::Look { intent, plan },
            First::Plan(plan) => ToKernel::Plan {
                intent,
                plan,
                stats,
            },
        };
        self.guest.finish(intent, answer);
    }

    /// Answers the guest that there is no plan.
    pub fn fail(&self, error: &PlanError) {
        let intent = self.request.intent;
        let text = Sentence::cut(&error.to_string());
        self.guest.finish(intent, ToKernel::Failed { intent, text });
    }

    fn log(&self, planned: &Planned) {
        let outcome = match &planned.plan {
            Ok(plan) => format!("{} actions", plan.actions.len()),
            Err(error) => error.to_string(),
        };
        let (guest, intent) = (self.guest.id, self.request.intent);
        let Planned {
            took,
            prompt_tokens,
            generated_tokens,
            ..
        } = planned;
        let took = took.as_millis();
        eprintln!(
            "guest {guest}: intent {intent}: {outcome}; {took} ms, read {prompt_tokens} and wrote {generated_tokens} tokens"
        );
    }
}
