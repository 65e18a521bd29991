//! How often the planner is right: evaluation cases, and the rule that decides.

pub mod case;
mod expand;
mod loose;
pub mod matching;
mod normal;
mod order;
pub mod report;

use std::sync::Arc;

use serde_json::Value;

use crate::model::Model;
use crate::planner::Planner;
use case::Case;
use report::Outcome;

/// Plans for one case, the way it is done for a guest, and judges the plan.
pub fn run<M: Model>(planner: &mut Planner<M>, case: &Case) -> Outcome {
    let planned = planner.plan(&case.system, &case.prompt, &Arc::default());
    let valid = planned.plan.is_ok();
    let plan = planned
        .plan
        .ok()
        .and_then(|plan| serde_json::to_value(&plan.actions).ok());
    let plan = plan.unwrap_or_else(|| Value::Array(Vec::new()));
    Outcome {
        id: case.id.clone(),
        right: valid && matching::matches(&plan, &case.expect, &case.processes),
        plan,
        valid,
        ms: planned.took.as_secs_f64() * 1000.0,
        prompt_tokens: planned.prompt_tokens,
        generated_tokens: planned.generated_tokens,
        likelihood: planned.likelihood,
        tags: case.tags.clone(),
    }
}
