//! How good, how sure, how fast and how big the planner is.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use proviso_abi::Plan;

use crate::confidence;
use crate::eval::case::{self, Case, CaseError};
use crate::eval::report::{Outcome, summary};
use crate::eval::{self};
use crate::metrics::percentile;
use crate::model::embedded::Embedded;
use crate::model::{JobId, ModelError, Watch};
use crate::planner::Planner;

/// So many cases are timed with the model to compare with: it is slow.
const SIDE_BY_SIDE: usize = 20;

/// So many sentences are timed one after another and all at once.
const AT_ONCE: usize = 32;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The cases.
    #[error(transparent)]
    Cases(#[from] CaseError),
}

/// The figures of one model.
#[derive(Debug)]
pub struct Figures {
    model: String,
    threads: usize,
    /// Time to load and to be ready for the first sentence, in milliseconds.
    ready_ms: f64,
    /// Resident memory when all was done, in MiB; nothing where it is not known.
    resident_mib: Option<u64>,
    /// By file of cases.
    outcomes: Vec<(String, Vec<Outcome>)>,
    throughput: Option<Throughput>,
    side_by_side: Option<SideBySide>,
}

/// How long the same sentences take one after another, and waiting all at once.
#[derive(Debug)]
struct Throughput {
    sentences: usize,
    in_turns_ms: f64,
    at_once_ms: f64,
    /// Plans that came out differently.
    differing: usize,
}

/// Median times of two models for the same sentences, taken in turns.
#[derive(Debug)]
struct SideBySide {
    other: String,
    cases: usize,
    own_ms: f64,
    other_ms: f64,
}

/// Measures the model at `path` on every file of cases, and its times beside
/// those of the model at `against`.
///
/// # Errors
/// If a model or a file of cases cannot be read.
pub fn run(
    path: &Path,
    threads: usize,
    files: &[impl AsRef<Path>],
    against: Option<&Path>,
) -> Result<Figures, BenchError> {
    let start = Instant::now();
    let mut planner = Planner::new(Embedded::load(path, threads)?);
    planner.warm(&Watch::default())?;
    let ready_ms = start.elapsed().as_secs_f64() * 1000.0;
    let mut outcomes = Vec::new();
    let mut first_cases = Vec::new();
    for file in files {
        let cases = case::load(file.as_ref())?;
        let done = cases
            .iter()
            .map(|case| eval::run(&mut planner, case))
            .collect();
        outcomes.push((file.as_ref().display().to_string(), done));
        if first_cases.is_empty() {
            first_cases = cases;
        }
    }
    let throughput = throughput(&mut planner, &first_cases);
    // Before another model comes into this process.
    let resident_mib = resident_mib();
    let side_by_side = match against {
        Some(other) => Some(beside(&mut planner, other, threads, &first_cases)?),
        None => None,
    };
    Ok(Figures {
        model: planner.model_name().to_owned(),
        threads,
        ready_ms,
        resident_mib,
        outcomes,
        throughput,
        side_by_side,
    })
}

/// Every so many of the cases, so that as many as wanted are spread over the
/// file, whose neighbours are alike.
fn spread(cases: &[Case], wanted: usize) -> impl Iterator<Item = &Case> {
    cases
        .iter()
        .step_by((cases.len() / wanted).max(1))
        .take(wanted)
}

fn throughput(planner: &mut Planner<Embedded>, cases: &[Case]) -> Option<Throughput> {
    let cases: Vec<_> = spread(cases, AT_ONCE).collect();
    // Once for nothing: the first batch is checked against planning alone.
    at_once(planner, cases.get(..2)?);
    let start = Instant::now();
    let alone = cases.iter().map(|case| {
        let planned = planner.plan(&case.system, &case.prompt, &Arc::default());
        planned.plan.ok()
    });
    let alone: Vec<_> = alone.collect();
    let in_turns_ms = start.elapsed().as_secs_f64() * 1000.0;
    let start = Instant::now();
    let together = at_once(planner, &cases);
    let at_once_ms = start.elapsed().as_secs_f64() * 1000.0;
    let pairs = alone.iter().zip(&together);
    Some(Throughput {
        sentences: cases.len(),
        in_turns_ms,
        at_once_ms,
        differing: pairs.filter(|(alone, together)| alone != together).count(),
    })
}

/// Plans for all of them as for requests that wait: a seat that is free goes to
/// the next.
fn at_once(planner: &mut Planner<Embedded>, cases: &[&Case]) -> Vec<Option<Plan>> {
    let mut plans = vec![None; cases.len()];
    let mut waiting = cases.iter().enumerate();
    let mut open: Vec<(usize, JobId)> = Vec::new();
    loop {
        while open.len() < planner.seats()
            && let Some((index, case)) = waiting.next()
        {
            let begun = planner.begin(&case.system, &case.prompt, &Arc::default());
            open.extend(begun.ok().map(|job| (index, job)));
        }
        if open.is_empty() {
            return plans;
        }
        let jobs: Vec<_> = open.iter().map(|(_, job)| *job).collect();
        for (done, planned) in planner.step(&jobs) {
            let of = |(_, job): &(usize, JobId)| *job == done;
            if let Some((index, _)) = open.extract_if(.., |one| of(one)).next()
                && let Some(plan) = plans.get_mut(index)
            {
                *plan = planned.plan.ok();
            }
        }
    }
}

fn beside(
    own: &mut Planner<Embedded>,
    other: &Path,
    threads: usize,
    cases: &[Case],
) -> Result<SideBySide, ModelError> {
    let mut other = Planner::new(Embedded::load(other, threads)?);
    other.warm(&Watch::default())?;
    let (mut own_ms, mut other_ms) = (Vec::new(), Vec::new());
    for case in spread(cases, SIDE_BY_SIDE) {
        own_ms.push(eval::run(own, case).ms);
        other_ms.push(eval::run(&mut other, case).ms);
    }
    Ok(SideBySide {
        other: other.model_name().to_owned(),
        cases: own_ms.len(),
        own_ms: percentile(&own_ms, 50),
        other_ms: percentile(&other_ms, 50),
    })
}

/// What this process holds in memory, as Linux says it (proc_pid_status(5)).
fn resident_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model      {}, {} thread(s)", self.model, self.threads)?;
        writeln!(f, "ready      {:.0} ms after its start", self.ready_ms)?;
        match self.resident_mib {
            Some(mib) => writeln!(f, "resident   {mib} MiB")?,
            None => writeln!(f, "resident   not known on this system")?,
        }
        for (file, outcomes) in &self.outcomes {
            let sum = summary(outcomes);
            writeln!(
                f,
                "accuracy   {:.1} % right, {} of {} ({} valid)   {file}",
                sum.accuracy * 100.0,
                sum.right,
                sum.cases,
                sum.valid
            )?;
            writeln!(
                f,
                "time       p50 {:.0} ms, p95 {:.0} ms",
                sum.p50_ms, sum.p95_ms
            )?;
        }
        if let Some(all) = &self.throughput {
            writeln!(
                f,
                "at once    {} sentences in {:.0} ms, one after another {:.0} ms, 1 : {:.1}; {} plans differ",
                all.sentences,
                all.at_once_ms,
                all.in_turns_ms,
                all.in_turns_ms / all.at_once_ms.max(f64::MIN_POSITIVE),
                all.differing
            )?;
        }
        if let Some(both) = &self.side_by_side {
            writeln!(
                f,
                "beside     {}: p50 {:.0} ms, ours {:.0} ms, 1 : {:.1} ({} sentences, in turns)",
                both.other,
                both.other_ms,
                both.own_ms,
                both.other_ms / both.own_ms.max(f64::MIN_POSITIVE),
                both.cases
            )?;
        }
        let all: Vec<_> = self.outcomes.iter().flat_map(|(_, all)| all).collect();
        calibration(f, &all)
    }
}

/// What share of the plans of about the same confidence was right.
fn calibration(f: &mut fmt::Formatter<'_>, outcomes: &[&Outcome]) -> fmt::Result {
    const EDGES: [f64; 8] = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0];
    writeln!(f, "sure       plans  right  said   likelihood")?;
    let sure = |outcome: &Outcome| confidence::calibrated(outcome.likelihood.ln());
    for edges in EDGES.windows(2) {
        let [low, high] = *edges else { continue };
        let is_in = |outcome: &&&Outcome| {
            let sure = sure(outcome);
            low <= sure && (sure < high || high >= 1.0)
        };
        let bin: Vec<_> = outcomes.iter().filter(is_in).collect();
        if bin.is_empty() {
            continue;
        }
        let count = bin.len() as f64;
        let right = bin.iter().filter(|outcome| outcome.right).count() as f64;
        let said: f64 = bin.iter().map(|outcome| sure(outcome)).sum();
        let likelihood: f64 = bin.iter().map(|outcome| outcome.likelihood).sum();
        writeln!(
            f,
            "{:3.0}-{:3.0} %  {:5}  {:4.0} %  {:3.0} %  {:.3}",
            low * 100.0,
            high * 100.0,
            bin.len(),
            right / count * 100.0,
            said / count * 100.0,
            likelihood / count
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outcome(right: bool, likelihood: f64) -> Outcome {
        Outcome {
            id: "a".into(),
            plan: json!([]),
            right,
            valid: true,
            ms: 10.0,
            prompt_tokens: 3,
            generated_tokens: 2,
            likelihood,
            tags: Vec::new(),
        }
    }

    #[test]
    fn the_figures_say_what_was_measured() {
        let figures = Figures {
            model: "m".into(),
            threads: 1,
            ready_ms: 120.0,
            resident_mib: resident_mib(),
            outcomes: vec![(
                "x.jsonl".into(),
                vec![outcome(true, 1.0), outcome(false, 0.0)],
            )],
            throughput: Some(Throughput {
                sentences: 32,
                in_turns_ms: 600.0,
                at_once_ms: 300.0,
                differing: 0,
            }),
            side_by_side: Some(SideBySide {
                other: "big".into(),
                cases: 2,
                own_ms: 10.0,
                other_ms: 100.0,
            }),
        };
        let text = figures.to_string();
        for part in [
            "50.0 % right, 1 of 2",
            "p95 10 ms",
            "1 : 10.0",
            "1 : 2.0; 0 plans differ",
            "ready      120 ms",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        // Both plans are in the table of confidence, in rows of their own.
        let rows = text
            .lines()
            .skip_while(|line| !line.starts_with("sure"))
            .skip(1);
        assert_eq!(rows.count(), 2, "{text}");
    }
}
