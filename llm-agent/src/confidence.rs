//! How sure a plan is, and what to do if it is not.

use proviso_abi::{Action, Class, Plan, Sentence};

/// How often plans of so much likelihood are right; between two rows the share
/// is interpolated. The likelihood of this model needs no correction beyond what
/// a table from a few hundred cases could give: `./qemu.sh bench planner` shows
/// both side by side.
/// Measured with the model of the repository on 360 examples of kept-out patterns,
/// in tenths by likelihood; another model is as sure as it says only by chance.
const CALIBRATION: [(f64, f64); 8] = [
    (0.0, 0.0),
    (0.3, 0.3),
    (0.6, 0.39),
    (0.76, 0.67),
    (0.86, 0.89),
    (0.95, 0.94),
    (0.99, 1.0),
    (1.0, 1.0),
];

/// Plans that change something and are less sure than this become a question.
const THRESHOLD: f64 = 0.2;

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
