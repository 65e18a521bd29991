//! How sure a plan is, and what to do if it is not.

use proviso_abi::{Action, Class, Plan, Sentence};

/// How often plans of so much likelihood are right; between two rows the share
/// is interpolated. The likelihood of this model needs no correction beyond what
/// a table from a few hundred cases could give: `./qemu.sh bench planner` shows
/// both side by side.
/// Measured with the model of the repository on 500 examples of held-out patterns
/// (`train/held-out`), in groups by likelihood; another model is as sure as it says
/// only by chance.
const CALIBRATION: [(f64, f64); 11] = [
    (0.0, 0.0),
    (0.25, 0.14),
    (0.36, 0.2),
    (0.46, 0.38),
    (0.55, 0.52),
    (0.75, 0.7),
    (0.85, 0.78),
    (0.93, 0.83),
    (0.967, 0.87),
    (0.989, 0.94),
    (1.0, 1.0),
];

/// Plans that change something and are less sure than this become a question: on the
/// same examples, of the plans below it six of seven were wrong.
const THRESHOLD: f64 = 0.15;

/// The share of plans of this likelihood (its natural logarithm) that are right.
pub fn calibrated(log_likelihood: f64) -> f64 {
    let likelihood = log_likelihood.exp().clamp(0.0, 1.0);
    for pair in CALIBRATION.windows(2) {
        if let [(low, from), (high, to)] = *pair
            && likelihood <= high
        {
            return from + (to - from) * (likelihood - low) / (high - low);
        }
    }
    1.0
}

/// The plan, or the question whether it is meant if that is not sure.
pub fn cautious(plan: Plan, confidence: f64) -> Plan {
    let changes = |action: &Action| !matches!(action.kind().class(), Class::None | Class::Observe);
    if confidence >= THRESHOLD || !plan.actions.iter().any(changes) {
        return plan;
    }
    let question = Sentence::cut(&format!(
        "Did you mean: {plan}? Say it in other words if not."
    ));
    Plan::from(Action::Ask { question })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_likely_plans_are_surer() {
        let mut last = -1.0;
        for likelihood in [0.0_f64, 0.1, 0.5, 0.9, 0.99, 1.0] {
            let sure = calibrated(likelihood.ln());
            assert!(
                (0.0..=1.0).contains(&sure) && sure >= last,
                "{likelihood}: {sure}"
            );
            last = sure;
        }
    }
}
