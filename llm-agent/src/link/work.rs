//! One request on its way through the planner.

use std::sync::Arc;
use std::time::Instant;

use proviso_abi::Sentence;
use proviso_abi::wire::{ModelStats, Request, ToKernel};

use super::guest::Guest;
use crate::model::{Model, Watch};
use crate::planner::{Planned, Planner};

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
}

impl Work {
    /// Plans, and answers the guest.
    pub fn run<M: Model>(self, planner: &mut Planner<M>) {
        let planned = planner.plan(&self.request.system, &self.request.prompt, &self.watch);
        self.log(&planned);
        let intent = self.request.intent;
        let stats = ModelStats {
            total_us: u64::try_from(self.received.elapsed().as_micros()).unwrap_or(u64::MAX),
            prompt_tokens: u32::try_from(planned.prompt_tokens).unwrap_or(u32::MAX),
            generated_tokens: u32::try_from(planned.generated_tokens).unwrap_or(u32::MAX),
        };
        let answer = match planned.plan {
            Ok(plan) => ToKernel::Plan {
                intent,
                plan,
                stats,
            },
            Err(error) => ToKernel::Failed {
                intent,
                text: Sentence::cut(&error.to_string()),
            },
        };
        self.guest.finish(intent, answer);
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
