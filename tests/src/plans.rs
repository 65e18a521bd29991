//! Plans in the vocabulary's JSON, as the scripts of a scripted agent give them.

use anyhow::{Context, Result};
use proviso_abi::wire::{IntentId, ModelStats, ToKernel};
use proviso_abi::{Plan, Sentence};

/// The figures that a scripted agent claims; the console shows them.
pub const STATS: ModelStats = ModelStats {
    total_us: 1_230_000,
    prompt_tokens: 37,
    generated_tokens: 12,
};

/// The plan of these actions, in JSON: `[{"action":"status"}]`.
///
/// # Errors
/// When it is none.
pub fn plan(actions: &str) -> Result<Plan> {
    let text = format!("{{\"plan\":{actions}}}");
    serde_json::from_str(&text).with_context(|| format!("no plan: {text}"))
}

/// The reply with this plan.
#[must_use]
pub const fn reply(intent: IntentId, plan: Plan) -> ToKernel {
    ToKernel::Plan {
        intent,
        plan,
        stats: STATS,
    }
}

/// The reply that there is no plan.
#[must_use]
pub fn no_plan(intent: IntentId, why: &str) -> ToKernel {
    ToKernel::Failed {
        intent,
        text: Sentence::cut(why),
    }
}
