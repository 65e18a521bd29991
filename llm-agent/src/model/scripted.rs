//! A model that is none: it says what a test wrote down.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::{Completion, Job, JobId, Model, ModelError, Watch};

/// Gives its answers in order, whatever the prompt, and then fails.
#[derive(Debug, Default)]
pub struct Scripted {
    answers: VecDeque<String>,
    /// How long each answer takes.
    pub pause: Duration,
    /// How likely it holds each answer to be.
    pub log_likelihood: f64,
    /// Whether its answers are in short form.
    pub is_short: bool,
    /// What it was asked for, and since when it works on it.
    open: BTreeMap<JobId, (Job, Option<Instant>)>,
    next: JobId,
}

impl Scripted {
    /// A model with these answers.
    #[must_use]
    pub fn saying(answers: &[&str]) -> Self {
        Self {
            answers: answers.iter().map(|answer| (*answer).into()).collect(),
            ..Self::default()
        }
    }
}

impl Model for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn writes_short_form(&self) -> bool {
        self.is_short
    }

    fn warm(&mut self, _fixed: &'static str, _watch: &Watch) -> Result<(), ModelError> {
        Ok(())
    }

    fn begin(&mut self, job: Job) -> Result<JobId, ModelError> {
        self.next += 1;
        self.open.insert(self.next, (job, None));
        Ok(self.next)
    }

    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Result<Completion, ModelError>)> {
        let mut done = Vec::new();
        for id in jobs {
            let Some((job, since)) = self.open.get_mut(id) else {
                continue;
            };
            let since = *since.get_or_insert_with(Instant::now);
            if let Err(error) = job.watch.check() {
                done.push((*id, Err(error)));
            } else if since.elapsed() >= self.pause {
                let text = self.answers.pop_front();
                let over = || ModelError::failed("reading the script", "it is over");
                let said = text.ok_or_else(over).map(|text| Completion {
                    text,
                    prompt_tokens: 10,
                    generated_tokens: 5,
                    log_likelihood: self.log_likelihood,
                });
                done.push((*id, said));
            }
        }
        if done.is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
        for (id, _) in &done {
            self.open.remove(id);
        }
        done
    }
}
