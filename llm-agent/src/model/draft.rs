//! One answer of the embedded model while it is being written.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::choose::Chooser;
use super::{Completion, Job, ModelError};
use crate::grammar::matcher::Matcher;

/// A prompt, and what is written so far. It needs nothing of the context: what
/// was written can be read again in any seat.
pub struct Draft {
    /// What is asked for.
    pub job: Job,
    /// The prompt's tokens, and after them those written.
    pub tokens: Vec<LlamaToken>,
    /// How many of them are the prompt's.
    pub prompt: usize,
    model: &'static LlamaModel,
    chooser: Chooser<'static>,
    /// Bytes that are no whole character yet.
    undecoded: Vec<u8>,
    /// What there is so far.
    pub out: Completion,
}

/// The text as tokens of this model.
pub fn tokens(model: &LlamaModel, text: &str) -> Vec<LlamaToken> {
    model.vocab().tokenize(text.as_bytes(), false, true)
}

impl Draft {
    /// Nothing is written yet. `room` is how many tokens fit in a seat.
    pub fn new(model: &'static LlamaModel, job: Job, room: usize) -> Result<Self, ModelError> {
        // The two parts are cut into tokens separately, so that the fixed part
        // is the same tokens whatever follows it.
        let mut prompt = tokens(model, job.fixed);
        prompt.extend(tokens(model, &job.request));
        let room = room.saturating_sub(job.max_tokens);
        if prompt.len() > room {
            return Err(ModelError::PromptTooLong {
                tokens: prompt.len(),
                room,
            });
        }
        let mut draft = Self {
            chooser: Chooser::new(model, &job.grammar.to_string())?,
            job,
            prompt: prompt.len(),
            tokens: prompt,
            model,
            undecoded: Vec::new(),
            out: Completion::default(),
        };
        draft.append_forced()?;
        Ok(draft)
    }

    /// Goes on by the likeliest token after all that is there, and by what must
    /// follow it. True once the answer is whole.
    pub fn go_on(&mut self, logits: &[f32]) -> Result<bool, ModelError> {
        let (token, likelihood) = self.chooser.choose(logits)?;
        self.out.log_likelihood += likelihood;
        if self.chooser.is_end(token) {
            return Ok(true);
        }
        self.append(&[token]);
        let is_over = self.append_forced()?;
        let is_full = self.out.generated_tokens >= self.job.max_tokens;
        self.job.watch.note_generated(self.out.generated_tokens);
        Ok(is_over || is_full)
    }

    fn append(&mut self, tokens: &[LlamaToken]) {
        for token in tokens {
            let piece = self.model.vocab().token_to_piece(*token, false, None);
            self.undecoded.extend(piece);
        }
        self.tokens.extend_from_slice(tokens);
        self.out.text.push_str(&whole_text(&mut self.undecoded));
        self.out.generated_tokens += tokens.len();
    }

    /// Appends the tokens that must come next, cut as the model's own vocabulary
    /// cuts the whole text. The last is left out: it may share a token with what
    /// follows it, and that has yet to be chosen. True if the text has to end.
    fn append_forced(&mut self) -> Result<bool, ModelError> {
        let mut matcher = Matcher::new(&self.job.grammar);
        matcher.advance(&self.out.text);
        if matcher.must_end() {
            return Ok(true);
        }
        let forced = matcher.forced();
        if forced.is_empty() || !self.undecoded.is_empty() {
            return Ok(false);
        }
        let mut all = tokens(self.model, &format!("{}{forced}", self.out.text));
        all.pop();
        let written = self.tokens.get(self.prompt..).unwrap_or_default();
        if let Some(new) = all.strip_prefix(written) {
            let new = new.to_vec();
            self.chooser.accept(&new)?;
            self.append(&new);
        }
        Ok(false)
    }
}

/// Takes the text out of `bytes`, up to a character that is not complete yet.
fn whole_text(bytes: &mut Vec<u8>) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        // Bytes that never become text are let through, to be marked as such.
        Err(error) if error.error_len().is_some() => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let rest = bytes.split_off(whole);
    let text = String::from_utf8_lossy(bytes).into_owned();
    *bytes = rest;
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_waits_for_its_other_half() {
        let mut bytes = "aé".as_bytes().to_vec();
        let last = bytes.pop().unwrap();
        assert_eq!(whole_text(&mut bytes), "a");
        bytes.push(last);
        assert_eq!(whole_text(&mut bytes), "é");
        assert!(bytes.is_empty());
    }
}
