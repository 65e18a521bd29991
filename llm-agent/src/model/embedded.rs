//! A model in this process, run by llama.cpp.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

use super::choose::Chooser;
use super::requantize::fast_copy;
use super::{Completion, Job, Model, ModelError, Watch};
use crate::grammar::matcher::Matcher;

/// Tokens that the context holds: prompt and answer.
const CONTEXT_TOKENS: u32 = 4096;
/// The same for a model that reads slotted sentences: those are short.
const SHORT_CONTEXT_TOKENS: u32 = 1024;
/// What the metadata of a model that writes short form has.
const SHORT_FORM_KEY: &str = "proviso.short_form";
/// Tokens read in one go. Between two goes the model looks whether it is still
/// wanted, so this bounds how long a cancelled request occupies it.
const CHUNK: usize = 64;
/// The only sequence in the context.
const SEQUENCE: i32 = 0;

/// A GGUF model and one context of it.
pub struct Embedded {
    name: String,
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    /// The tokens whose keys and values the context holds, from its beginning.
    known: Vec<LlamaToken>,
    /// Where the logits of the last token are in the last batch.
    last: i32,
    /// Whether it was trained to write plans in short form.
    is_short: bool,
}

/// Initialises llama.cpp, once in a process; it stays quiet.
fn backend() -> Result<&'static LlamaBackend, ModelError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        let mut backend = LlamaBackend::init().map_err(|error| error.to_string())?;
        backend.void_logs();
        Ok(backend)
    });
    backend
        .as_ref()
        .map_err(|why| ModelError::failed("starting llama.cpp", why))
}

impl Embedded {
    /// Loads a GGUF file, to run on so many threads.
    ///
    /// The model stays in memory until the process ends: there is one for the
    /// life of an agent, and so its context needs no lifetime of its own.
    ///
    /// # Errors
    /// If the file is no model that llama.cpp can run.
    pub fn load(path: &Path, threads: usize) -> Result<Self, ModelError> {
        let failed = |why: String| {
            ModelError::failed("loading the model", format!("{}: {why}", path.display()))
        };
        let backend = backend()?;
        let parameters = LlamaModelParams::default();
        let model = LlamaModel::load_from_file(backend, fast_copy(path), &parameters)
            .map_err(|e| failed(e.to_string()))?;
        let model: &'static LlamaModel = Box::leak(Box::new(model));
        let is_short = model
            .meta_val_str(SHORT_FORM_KEY)
            .is_ok_and(|value| value == "1");
        let context_tokens = if is_short {
            SHORT_CONTEXT_TOKENS
        } else {
            CONTEXT_TOKENS
        };
        let threads = i32::try_from(threads).unwrap_or(1);
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(context_tokens.min(model.n_ctx_train())))
            .with_n_batch(chunk)
            .with_n_ubatch(chunk)
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let context = model
            .new_context(backend, parameters)
            .map_err(|e| failed(e.to_string()))?;
        let name = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            name,
            model,
            context,
            known: Vec::new(),
            last: 0,
            is_short,
        })
    }

    fn tokens(&self, text: &str) -> Vec<LlamaToken> {
        self.model.vocab().tokenize(text.as_bytes(), false, true)
    }

    /// Reads the tokens, except those at the beginning that it knows already.
    /// Returns how many were new.
    fn read(&mut self, tokens: &[LlamaToken], watch: &Watch) -> Result<usize, ModelError> {
        let shared = self
            .known
            .iter()
            .zip(tokens)
            .take_while(|(a, b)| a == b)
            .count();
        // The last one is always read again, for its logits.
        let keep = shared.min(tokens.len().saturating_sub(1));
        self.forget_from(keep)?;
        let new = tokens.get(keep..).unwrap_or_default();
        for chunk in new.chunks(CHUNK) {
            watch.check()?;
            self.extend(chunk)?;
        }
        Ok(new.len())
    }

    fn forget_from(&mut self, keep: usize) -> Result<(), ModelError> {
        let from =
            u32::try_from(keep).map_err(|e| ModelError::failed("shortening the context", e))?;
        self.known.truncate(keep);
        let result = self.context.kv_cache_seq_rm(SEQUENCE, Some(from), None);
        result.map_err(|e| ModelError::failed("shortening the context", e))
    }

    /// Reads at most [`CHUNK`] more tokens.
    fn extend(&mut self, tokens: &[LlamaToken]) -> Result<(), ModelError> {
        let failed = |why: String| ModelError::failed("running the model", why);
        let mut batch = LlamaBatch::new(tokens.len(), 1);
        for (offset, token) in tokens.iter().enumerate() {
            let position =
                i32::try_from(self.known.len() + offset).map_err(|e| failed(e.to_string()))?;
            let is_last = offset + 1 == tokens.len();
            batch
                .add(*token, position, &[SEQUENCE], is_last)
                .map_err(|e| failed(e.to_string()))?;
        }
        if let Err(error) = self.context.decode(&mut batch) {
            // What the context holds now is not known.
            self.context.clear_kv_cache();
            self.known.clear();
            return Err(failed(error.to_string()));
        }
        self.last = batch.n_tokens() - 1;
        self.known.extend_from_slice(tokens);
        Ok(())
    }

    /// Writes within the grammar until it is complete, the model ends it, or
    /// `max_tokens` are out.
    fn write(&mut self, job: &Job<'_>, watch: &Watch) -> Result<Completion, ModelError> {
        let mut chooser = Chooser::new(self.model, &job.grammar.to_string())?;
        let mut matcher = Matcher::new(job.grammar);
        let mut written = Vec::new();
        let mut undecoded = Vec::new();
        let mut out = Completion::default();
        while out.generated_tokens < job.max_tokens {
            watch.check()?;
            let forced = self.forced(&matcher, &out.text, &written);
            let next = if undecoded.is_empty() && !forced.is_empty() {
                chooser.accept(&forced)?;
                forced
            } else {
                let (token, likelihood) = chooser.choose(self.context.get_logits_ith(self.last))?;
                out.log_likelihood += likelihood;
                if chooser.is_end(token) {
                    break;
                }
                vec![token]
            };
            for token in &next {
                undecoded.extend(self.model.vocab().token_to_piece(*token, false, None));
            }
            written.extend_from_slice(&next);
            let new = whole_text(&mut undecoded);
            matcher.advance(&new);
            out.text.push_str(&new);
            out.generated_tokens += next.len();
            watch.note_generated(out.generated_tokens);
            if matcher.must_end() {
                break;
            }
            for chunk in next.chunks(CHUNK) {
                self.extend(chunk)?;
            }
        }
        Ok(out)
    }

    /// The tokens that must come next, cut as the model's own vocabulary cuts
    /// the whole text. The last is left out: it may share a token with what
    /// follows it, and that has yet to be chosen.
    fn forced(&self, matcher: &Matcher<'_>, text: &str, written: &[LlamaToken]) -> Vec<LlamaToken> {
        let forced = matcher.forced();
        if forced.is_empty() {
            return Vec::new();
        }
        let mut all = self.tokens(&format!("{text}{forced}"));
        all.pop();
        match all.strip_prefix(written) {
            Some(new) => new.to_vec(),
            None => Vec::new(),
        }
    }
}

impl Model for Embedded {
    fn name(&self) -> &str {
        &self.name
    }

    fn writes_short_form(&self) -> bool {
        self.is_short
    }

    fn warm(&mut self, fixed: &str, watch: &Watch) -> Result<(), ModelError> {
        let tokens = self.tokens(fixed);
        self.read(&tokens, watch).map(drop)
    }

    fn complete(&mut self, job: &Job<'_>, watch: &Watch) -> Result<Completion, ModelError> {
        // The two parts are cut into tokens separately, so that the fixed part
        // is the same tokens whatever follows it.
        let mut tokens = self.tokens(job.fixed);
        tokens.extend(self.tokens(job.request));
        let room = usize::try_from(self.context.n_ctx())
            .unwrap_or(0)
            .saturating_sub(job.max_tokens);
        if tokens.len() > room {
            return Err(ModelError::PromptTooLong {
                tokens: tokens.len(),
                room,
            });
        }
        let prompt_tokens = self.read(&tokens, watch)?;
        let written = self.write(job, watch)?;
        Ok(Completion {
            prompt_tokens,
            ..written
        })
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

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.gguf");
        std::fs::write(&path, "not a model").unwrap();
        let error = Embedded::load(&path, 1).err().unwrap().to_string();
        assert!(error.contains("broken.gguf"), "{error}");
    }
}
