//! A model in this process, run by llama.cpp.
//!
//! Jobs are read and written side by side, a token of each at a time: reading one
//! token costs as much as reading the weights, reading eight twice that. What is
//! computed for one does not depend on its neighbours (each sequence has its own
//! part of the context, and each row of a product is computed for itself), so a
//! plan is the same plan whoever else is planned for. Whether this build keeps to
//! that is looked at before its first batch is used; if not, jobs take turns.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::OnceLock;

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

use super::draft::{Draft, tokens};
use super::requantize::fast_copy;
use super::seats::{Part, Seats};
use super::{Completion, Job, JobId, Model, ModelError, Watch};

/// Tokens that the context holds: prompt and answer.
const CONTEXT_TOKENS: u32 = 4096;
/// The same for a model that reads slotted sentences: those are short.
const SHORT_CONTEXT_TOKENS: u32 = 512;
/// Jobs side by side of such a model. Twice as many would go a tenth faster and
/// take 38 MB more.
const SHORT_SEATS: u32 = 8;
/// What the metadata of a model that writes short form has.
const SHORT_FORM_KEY: &str = "proviso.short_form";
/// Tokens read in one step, of all jobs together. Between two steps it is looked
/// who is still wanted and who comes next, so this bounds how long others wait.
const CHUNK: usize = 64;

/// A job that ended, and whether well.
type Done = (JobId, Result<(), ModelError>);

/// Who reads what all prompts begin with.
const WARMING: JobId = 0;

/// A GGUF model and one context of it.
pub struct Embedded {
    name: String,
    model: &'static LlamaModel,
    seats: Seats,
    drafts: BTreeMap<JobId, Draft>,
    next: JobId,
    /// Whether it was trained to write plans in short form.
    is_short: bool,
    /// Whether what is read together is the same as what is read alone, once known.
    may_batch: Option<bool>,
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
        let (seats, room) = if is_short {
            (SHORT_SEATS, SHORT_CONTEXT_TOKENS)
        } else {
            (1, CONTEXT_TOKENS)
        };
        let threads = i32::try_from(threads).unwrap_or(1);
        let chunk = u32::try_from(CHUNK).unwrap_or(u32::MAX);
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(seats * room.min(model.n_ctx_train())))
            .with_n_seq_max(seats)
            // One order of computing within a job, wherever its neighbours lie.
            .with_kv_unified(false)
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
        let seats = usize::try_from(seats).unwrap_or(1);
        Ok(Self {
            name,
            model,
            seats: Seats::new(context, seats),
            drafts: BTreeMap::new(),
            next: 0,
            is_short,
            may_batch: None,
        })
    }

    /// Reads of each job as much as there is room for in one step, and goes on
    /// with those that are read to their end. Returns those that are done.
    fn go_on(&mut self, jobs: &[JobId]) -> Result<Vec<Done>, ModelError> {
        let mut turns = Vec::new();
        for job in jobs {
            let Some(draft) = self.drafts.get(job) else {
                continue;
            };
            if let Some((seat, known)) = self.seats.take(*job, &draft.tokens, jobs)? {
                turns.push((seat, *job, known));
            }
        }
        turns.sort_unstable();
        let missing = |(_, job, known): &(usize, JobId, usize)| {
            let all = self.drafts.get(job).map_or(0, |draft| draft.tokens.len());
            all.saturating_sub(*known)
        };
        // Everybody reads one token; who has more to read shares what is left.
        let longer = turns.iter().filter(|turn| missing(turn) > 1).count();
        let share = 1 + CHUNK.saturating_sub(turns.len()) / longer.max(1);
        let mut parts = Vec::new();
        let mut readers = Vec::new();
        for turn in &turns {
            let (seat, job, known) = *turn;
            let Some(draft) = self.drafts.get_mut(&job) else {
                continue;
            };
            let rest = draft.tokens.get(known..).unwrap_or_default();
            let tokens = rest.get(..share).unwrap_or(rest);
            if known < draft.prompt {
                draft.out.prompt_tokens += tokens.len();
            }
            parts.push(Part {
                seat,
                tokens: tokens.to_vec(),
                is_asked: tokens.len() == rest.len(),
            });
            readers.push(job);
        }
        self.read(&parts, &readers)
    }

    /// Reads the parts, together if that changes nothing, and lets their readers
    /// go on. Returns those that are done, and how it ended.
    fn read(&mut self, parts: &[Part], readers: &[JobId]) -> Result<Vec<Done>, ModelError> {
        let mut done = Vec::new();
        let at_once = match self.may_batch {
            Some(false) => 1,
            _ => parts.len().max(1),
        };
        let groups = parts.chunks(at_once).zip(readers.chunks(at_once));
        for (parts, readers) in groups {
            let said = self.seats.read(parts)?;
            if self.check_batches(parts, &said)? {
                return Ok(done);
            }
            for ((part, reader), index) in parts.iter().zip(readers).zip(said) {
                let Some(draft) = self.drafts.get_mut(reader).filter(|_| part.is_asked) else {
                    continue;
                };
                match draft.go_on(self.seats.said(index)) {
                    Ok(false) => {}
                    Ok(true) => done.push((*reader, Ok(()))),
                    Err(error) => done.push((*reader, Err(error))),
                }
            }
        }
        Ok(done)
    }

    /// Looks once whether what is said in a batch is what is said alone. True if
    /// it looked: what was said in the batch is gone then, and the next step asks
    /// again.
    fn check_batches(&mut self, parts: &[Part], said: &[i32]) -> Result<bool, ModelError> {
        if self.may_batch.is_some() || parts.len() < 2 {
            return Ok(false);
        }
        let asked = parts.iter().zip(said).find(|(part, _)| part.is_asked);
        let Some((part, index)) = asked else {
            return Ok(false);
        };
        let is_same = self.seats.is_same_alone(part, *index)?;
        self.may_batch = Some(is_same);
        if !is_same {
            eprintln!("llm-agent: this build plans differently in batches; requests take turns");
            self.seats.forget();
        }
        Ok(true)
    }
}

impl Model for Embedded {
    fn name(&self) -> &str {
        &self.name
    }

    fn writes_short_form(&self) -> bool {
        self.is_short
    }

    fn seats(&self) -> usize {
        self.seats.count()
    }

    fn warm(&mut self, fixed: &'static str, watch: &Watch) -> Result<(), ModelError> {
        let all = tokens(self.model, fixed);
        while let Some((seat, known)) = self.seats.take(WARMING, &all, &[])? {
            watch.check()?;
            let rest = all.get(known..).unwrap_or_default();
            let tokens = rest.get(..CHUNK).unwrap_or(rest).to_vec();
            let is_asked = tokens.len() == rest.len();
            self.seats.read(&[Part {
                seat,
                tokens,
                is_asked,
            }])?;
            if is_asked {
                break;
            }
        }
        self.seats.leave(WARMING);
        Ok(())
    }

    fn begin(&mut self, job: Job) -> Result<JobId, ModelError> {
        job.watch.check()?;
        let draft = Draft::new(self.model, job, self.seats.room())?;
        self.next += 1;
        self.drafts.insert(self.next, draft);
        Ok(self.next)
    }

    fn step(&mut self, jobs: &[JobId]) -> Vec<(JobId, Result<Completion, ModelError>)> {
        let mut done = Vec::new();
        let mut wanted = Vec::new();
        for job in jobs {
            match self.drafts.get(job).map(|draft| draft.job.watch.check()) {
                Some(Ok(())) => wanted.push(*job),
                Some(Err(error)) => done.push((*job, Err(error))),
                None => {}
            }
        }
        match self.go_on(&wanted) {
            Ok(more) => done.extend(more),
            Err(error) => done.extend(wanted.iter().map(|job| (*job, Err(error.clone())))),
        }
        let end = |(job, result): Done| {
            self.seats.leave(job);
            let out = self.drafts.remove(&job).map(|draft| draft.out);
            (job, result.map(|()| out.unwrap_or_default()))
        };
        done.into_iter().map(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_model_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.gguf");
        std::fs::write(&path, "not a model").unwrap();
        let error = Embedded::load(&path, 1).err().unwrap().to_string();
        assert!(error.contains("broken.gguf"), "{error}");
    }
}
