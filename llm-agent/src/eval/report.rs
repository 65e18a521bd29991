//! Results of an evaluation, as lines of JSON and as a table.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::metrics::percentile;

/// What came of one case.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The case.
    pub id: String,
    /// The planned actions; none if there was no plan.
    pub plan: Value,
    /// Whether they match an expected plan.
    pub right: bool,
    /// Whether there was a well-formed plan at all.
    pub valid: bool,
    /// Time it took, in milliseconds.
    pub ms: f64,
    /// Tokens read.
    pub prompt_tokens: usize,
    /// Tokens written.
    pub generated_tokens: usize,
    /// How likely the model holds its plan to be.
    pub likelihood: f64,
    /// The case's tags, for the table.
    #[serde(skip)]
    pub tags: Vec<String>,
}

/// The figures of many cases.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// How many there were.
    pub cases: usize,
    /// How many plans were right.
    pub right: usize,
    /// How many were well formed at all.
    pub valid: usize,
    /// The share of right ones.
    pub accuracy: f64,
    /// The median time.
    pub p50_ms: f64,
    /// The time that 95 of 100 stay within.
    pub p95_ms: f64,
    #[serde(skip)]
    prompt_tokens: usize,
    #[serde(skip)]
    generated_tokens: usize,
}

/// The figures of these outcomes.
#[must_use]
pub fn summary<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Summary {
    let outcomes: Vec<_> = outcomes.into_iter().collect();
    let times: Vec<f64> = outcomes.iter().map(|outcome| outcome.ms).collect();
    let right = outcomes.iter().filter(|outcome| outcome.right).count();
    let cases = outcomes.len();
    Summary {
        cases,
        right,
        valid: outcomes.iter().filter(|outcome| outcome.valid).count(),
        accuracy: if cases == 0 {
            0.0
        } else {
            right as f64 / cases as f64
        },
        p50_ms: percentile(&times, 50),
        p95_ms: percentile(&times, 95),
        prompt_tokens: outcomes.iter().map(|outcome| outcome.prompt_tokens).sum(),
        generated_tokens: outcomes
            .iter()
            .map(|outcome| outcome.generated_tokens)
            .sum(),
    }
}

/// A table with a row for each tag and one for all cases.
#[derive(Debug)]
pub struct Table<'a>(pub &'a [Outcome]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tags: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for outcome in self.0 {
            for tag in &outcome.tags {
                tags.entry(tag).or_default().push(outcome);
            }
        }
        writeln!(
            f,
            "{:16}cases right valid accuracy   p50 ms   p95 ms prompt tokens generated",
            "tag"
        )?;
        for (tag, outcomes) in tags {
            row(f, tag, &summary(outcomes))?;
        }
        row(f, "ALL", &summary(self.0))
    }
}

fn row(f: &mut fmt::Formatter<'_>, tag: &str, sum: &Summary) -> fmt::Result {
    let Summary {
        cases,
        right,
        valid,
        accuracy,
        p50_ms,
        p95_ms,
        prompt_tokens,
        generated_tokens,
    } = sum;
    write!(
        f,
        "{tag:16}{cases:5} {right:5} {valid:5} {accuracy:8.3} {p50_ms:8.0} {p95_ms:8.0}"
    )?;
    writeln!(f, " {prompt_tokens:13} {generated_tokens:9}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(tag: &str, right: bool, ms: f64) -> Outcome {
        let tags = vec![tag.into()];
        Outcome {
            id: "a".into(),
            plan: json!([]),
            right,
            valid: true,
            ms,
            prompt_tokens: 3,
            generated_tokens: 2,
            likelihood: 0.5,
            tags,
        }
    }

    #[test]
    fn the_summary_has_the_promised_keys() {
        let outcomes = [outcome("memory", true, 10.0), outcome("ipc", false, 30.0)];
        let expected =
            r#"{"cases":2,"right":1,"valid":2,"accuracy":0.5,"p50_ms":10.0,"p95_ms":30.0}"#;
        assert_eq!(
            serde_json::to_string(&summary(&outcomes)).unwrap(),
            expected
        );
        let line = r#"{"id":"a","plan":[],"right":true,"valid":true,"ms":10.0,"prompt_tokens":3,"generated_tokens":2,"likelihood":0.5}"#;
        assert_eq!(serde_json::to_string(&outcomes[0]).unwrap(), line);
    }

    #[test]
    fn the_table_has_a_row_for_each_tag() {
        let text = Table(&[outcome("memory", true, 10.0), outcome("ipc", false, 30.0)]).to_string();
        let rows: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        assert_eq!(rows, ["tag", "ipc", "memory", "ALL"]);
    }
}
