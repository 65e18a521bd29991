//! A model that is none: it says what a test wrote down.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Completion, Job, Model, ModelError, Watch};

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

    fn warm(&mut self, _fixed: &str, _watch: &Watch) -> Result<(), ModelError> {
        Ok(())
    }

    fn complete(&mut self, _job: &Job<'_>, watch: &Watch) -> Result<Completion, ModelError> {
        let end = Instant::now() + self.pause;
        while Instant::now() < end {
            watch.check()?;
            std::thread::sleep(Duration::from_millis(2));
        }
        watch.check()?;
        let text = self
            .answers
            .pop_front()
            .ok_or_else(|| ModelError::failed("reading the script", "it is over"))?;
        Ok(Completion {
            text,
            prompt_tokens: 10,
            generated_tokens: 5,
            log_likelihood: self.log_likelihood,
        })
    }
}
