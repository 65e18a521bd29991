//! Models: what continues a prompt within a grammar.

mod choose;
mod draft;
pub mod embedded;
mod gguf;
pub mod locate;
pub mod openai;
mod requantize;
#[cfg(test)]
pub mod scripted;
mod seats;
pub mod watch;

use std::sync::Arc;

use crate::grammar::Grammar;
pub use watch::Watch;

/// The number that a model gives a job.
pub type JobId = u64;

/// A prompt in two parts, and what may follow it.
#[derive(Debug, Clone)]
pub struct Job {
    /// What all prompts begin with.
    pub fixed: &'static str,
    /// What this prompt goes on with.
    pub request: String,
    /// What the model may say.
    pub grammar: Grammar,
    /// The most tokens it may take for that.
    pub max_tokens: usize,
    /// Whether it is still wanted; kept informed of how far it is.
    pub watch: Arc<Watch>,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Completion {
    /// The text, within the grammar; cut short if it took too many tokens.
    pub text: String,
    /// Tokens read; those known from before are not counted.
    pub prompt_tokens: usize,
    /// Tokens written, those without a choice included.
    pub generated_tokens: usize,
    /// How likely the model holds the text to be: the natural logarithm.
    pub log_likelihood: f64,
}

/// Why a model said nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModelError {
    /// Whoever asked does not want the answer any more.
    #[error("the request was cancelled")]
    Cancelled,
    /// The answer would come too late.
    #[error("the model did not finish before the deadline")]
    TooLate,
    /// The prompt does not fit the model's context.
    #[error(
        "the prompt has {tokens} tokens and the model's context holds {room}; ask with fewer processes running"
    )]
    PromptTooLong {
        /// Tokens in the prompt.
        tokens: usize,
        /// The most that fit.
        room: usize,
    },
    /// The file is not there.
    #[error("no model at {path}: the repository has one at llm-agent/model, --model names another")]
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// Anything else, in the words of the library that failed.
    #[error("{doing}: {why}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// The library's own words.
        why: String,
    },
}

impl ModelError {
    /// A failure of the library while doing something.
    pub fn failed(doing: &'static str, why: impl ToString) -> Self {
        Self::Failed {
            doing,
            why: why.to_string(),
        }
    }
}

/// A language model.
pub trait Model {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Whether it was trained to write plans in short form.
    fn writes_short_form(&self) -> bool {
        false
    }

    /// Reads what all prompts begin with, so that no request has to wait for it.
    ///
    /// # Errors
    /// If the model cannot, or was told to stop.
    fn warm(&mut self, fixed: &'static str, watch: &Watch) -> Result<(), ModelError>;

    /// How many jobs it can go on with side by side.
    fn seats(&self) -> usize {
        1
    }

    /// Takes on a job. It goes on only in [`Model::step`].
    ///
    /// # Errors
    /// If it cannot be done, or is not wanted any more.
    fn begin(&mut self, job: Job) -> Result<JobId, ModelError>;

    /// Goes on with these jobs by one step, at most [`Model::seats`] of them.
    /// Returns those that ended. What a job's answer is does not depend on the
    /// others, nor on whether it paused.
    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Result<Completion, ModelError>)>;

    /// Does one job to its end.
    ///
    /// # Errors
    /// If the model cannot, or was told to stop.
    fn complete(&mut self, job: Job) -> Result<Completion, ModelError> {
        let job = self.begin(job)?;
        loop {
            if let Some((_, result)) = self.step(&[job]).pop() {
                return result;
            }
        }
    }
}

impl Model for Box<dyn Model + Send> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn writes_short_form(&self) -> bool {
        (**self).writes_short_form()
    }

    fn warm(&mut self, fixed: &'static str, watch: &Watch) -> Result<(), ModelError> {
        (**self).warm(fixed, watch)
    }

    fn seats(&self) -> usize {
        (**self).seats()
    }

    fn begin(&mut self, job: Job) -> Result<JobId, ModelError> {
        (**self).begin(job)
    }

    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Result<Completion, ModelError>)> {
        (**self).step(jobs)
    }
}
