//! Seats: places in the context where jobs are read and written side by side.
//!
//! A job that goes on holds a seat. It can lose it to another and be read again
//! elsewhere later: what it has written is kept apart from the context.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::{JobId, ModelError};

/// A seat: a sequence of the context.
#[derive(Debug, Default, Clone)]
struct Seat {
    /// The tokens whose keys and values the context holds, from its beginning.
    known: Vec<LlamaToken>,
    holder: Option<JobId>,
}

/// The seats of a context.
pub struct Seats {
    context: LlamaContext<'static>,
    seats: Vec<Seat>,
}

/// What one job reads in one go.
pub struct Part {
    /// Its seat.
    pub seat: usize,
    /// What it reads, after what its seat knows.
    pub tokens: Vec<LlamaToken>,
    /// Whether the model is asked what comes then.
    pub is_asked: bool,
}

fn failed(doing: &'static str) -> impl FnOnce(std::num::TryFromIntError) -> ModelError {
    move |why| ModelError::failed(doing, why)
}

impl Seats {
    /// So many seats, all empty; the context has as many sequences.
    pub fn new(context: LlamaContext<'static>, count: usize) -> Self {
        Self {
            context,
            seats: vec![Seat::default(); count],
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.seats.len()
    }

    /// How many tokens fit in each.
    pub fn room(&self) -> usize {
        let all = usize::try_from(self.context.n_ctx()).unwrap_or(0);
        all / self.seats.len().max(1)
    }

    /// Gives the job the seat that it holds, or one that nobody of `others`
    /// holds: the one that knows the most of its tokens already. Returns the
    /// seat and how many of the tokens it knows; nothing if all are held.
    pub fn take(
        &mut self,
        job: JobId,
        tokens: &[LlamaToken],
        others: &[JobId],
    ) -> Result<Option<(usize, usize)>, ModelError> {
        let shared = |seat: &Seat| {
            let same = seat.known.iter().zip(tokens).take_while(|(a, b)| a == b);
            same.count()
        };
        let mine = self.seats.iter().position(|seat| seat.holder == Some(job));
        let is_free = |seat: &Seat| seat.holder.is_none_or(|holder| !others.contains(&holder));
        let best = || {
            let free = self.seats.iter().enumerate().filter(|(_, s)| is_free(s));
            // Of several that know as much the first: neighbours share a batch.
            free.rev()
                .max_by_key(|(_, seat)| (shared(seat), seat.holder.is_none()))
                .map(|(at, _)| at)
        };
        let Some((at, seat)) = mine
            .or_else(best)
            .and_then(|at| Some((at, self.seats.get_mut(at)?)))
        else {
            return Ok(None);
        };
        // The last token is always read again, for what the model says then.
        let keep = shared(seat).min(tokens.len().saturating_sub(1));
        seat.holder = Some(job);
        self.keep(at, keep)?;
        Ok(Some((at, keep)))
    }

    /// The job needs its seat no more. What the seat knows stays, for others.
    pub fn leave(&mut self, job: JobId) {
        for seat in &mut self.seats {
            if seat.holder == Some(job) {
                seat.holder = None;
            }
        }
    }

    /// Nothing is known any more.
    pub fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.seats.iter_mut().for_each(|seat| seat.known.clear());
    }

    /// What is said after the part that was `index`th in the tokens of the last [`Seats::read`].
    pub fn said(&self, index: i32) -> &[f32] {
        self.context.get_logits_ith(index)
    }

    /// Reads all parts at once, in the order of their seats. Returns for each
    /// the index under which [`Seats::said`] has what comes after it.
    pub fn read(&mut self, parts: &[Part]) -> Result<Vec<i32>, ModelError> {
        const DOING: &str = "running the model";
        let total = parts.iter().map(|part| part.tokens.len()).sum();
        let mut batch = LlamaBatch::new(total, 1);
        let mut last = Vec::new();
        for part in parts {
            let sequence = i32::try_from(part.seat).map_err(failed(DOING))?;
            let known = self.seats.get(part.seat).map_or(0, |seat| seat.known.len());
            for (offset, token) in part.tokens.iter().enumerate() {
                let position = i32::try_from(known + offset).map_err(failed(DOING))?;
                let is_asked = part.is_asked && offset + 1 == part.tokens.len();
                batch
                    .add(*token, position, &[sequence], is_asked)
                    .map_err(|error| ModelError::failed(DOING, error))?;
            }
            last.push(batch.n_tokens() - 1);
        }
        if let Err(error) = self.context.decode(&mut batch) {
            // What the context holds now is not known.
            self.forget();
            return Err(ModelError::failed(DOING, error));
        }
        for part in parts {
            if let Some(seat) = self.seats.get_mut(part.seat) {
                seat.known.extend_from_slice(&part.tokens);
            }
        }
        Ok(last)
    }

    /// Whether this build computes a row of a batch as it computes the row alone,
    /// to the bit: says for a part that was just read with others what is said
    /// when its last token is read by itself.
    pub fn is_same_alone(&mut self, part: &Part, index: i32) -> Result<bool, ModelError> {
        let together = self.said(index).to_vec();
        let known = self.seats.get(part.seat).map_or(0, |seat| seat.known.len());
        self.keep(part.seat, known.saturating_sub(1))?;
        let alone = Part {
            seat: part.seat,
            tokens: part.tokens.last().copied().into_iter().collect(),
            is_asked: true,
        };
        let index = self.read(&[alone])?;
        let bits = |logits: &[f32]| logits.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let said = index.first().map(|index| bits(self.said(*index)));
        Ok(said == Some(bits(&together)))
    }

    fn keep(&mut self, at: usize, keep: usize) -> Result<(), ModelError> {
        const DOING: &str = "shortening the context";
        let from = u32::try_from(keep).map_err(failed(DOING))?;
        let sequence = i32::try_from(at).map_err(failed(DOING))?;
        if let Some(seat) = self.seats.get_mut(at) {
            seat.known.truncate(keep);
        }
        let result = self.context.kv_cache_seq_rm(sequence, Some(from), None);
        result.map_err(|error| ModelError::failed(DOING, error))
    }
}
