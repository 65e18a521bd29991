//! Chooses the next token: the likeliest that the grammar allows.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::ModelError;

/// So many of the likeliest tokens are tried before the whole vocabulary.
/// Trying one costs a fraction of a microsecond, trying all of them milliseconds.
const FIRST: usize = 32;

/// llama.cpp's grammar, and where in it the text is.
pub struct Chooser<'m> {
    grammar: LlamaSampler,
    model: &'m LlamaModel,
}

impl<'m> Chooser<'m> {
    /// At the beginning of a text of this grammar (GBNF, from rule `root`).
    pub fn new(model: &'m LlamaModel, gbnf: &str) -> Result<Self, ModelError> {
        let grammar = LlamaSampler::grammar(model, gbnf, "root");
        let grammar = grammar.map_err(|e| ModelError::failed("reading the grammar", e))?;
        Ok(Self { grammar, model })
    }

    /// The likeliest token that may come next, and how likely the model holds
    /// it to be (the natural logarithm); the text goes on by it. It is the end
    /// of the text where the model wants to stop and the grammar lets it.
    pub fn choose(&mut self, logits: &[f32]) -> Result<(LlamaToken, f64), ModelError> {
        let candidates = || (0..).map(LlamaToken).zip(logits.iter().copied());
        let mut likely: Vec<(LlamaToken, f32)> = Vec::with_capacity(FIRST + 1);
        for (token, logit) in candidates() {
            if likely.len() < FIRST || likely.last().is_some_and(|(_, least)| logit > *least) {
                let place = likely.partition_point(|(_, other)| *other >= logit);
                likely.insert(place, (token, logit));
                likely.truncate(FIRST);
            }
        }
        let chosen = match likely
            .first()
            .and_then(|best| self.best(std::iter::once(*best)))
        {
            Some(token) => Some(token),
            None => self
                .best(likely.into_iter())
                .or_else(|| self.best(candidates())),
        };
        let token = chosen
            .ok_or_else(|| ModelError::failed("choosing a token", "the grammar leaves none"))?;
        if !self.is_end(token) {
            self.accept(&[token])?;
        }
        Ok((token, log_likelihood(logits, token)))
    }

    /// Whether this token says that the text is over.
    pub fn is_end(&self, token: LlamaToken) -> bool {
        self.model.vocab().is_eog(token)
    }

    /// The text goes on by these tokens.
    pub fn accept(&mut self, tokens: &[LlamaToken]) -> Result<(), ModelError> {
        for token in tokens {
            self.grammar
                .try_accept(*token)
                .map_err(|e| ModelError::failed("following the grammar", e))?;
        }
        Ok(())
    }

    /// The best of the candidates that the grammar allows.
    fn best(&mut self, candidates: impl Iterator<Item = (LlamaToken, f32)>) -> Option<LlamaToken> {
        let data = candidates
            .map(|(token, logit)| LlamaTokenData::new(token, logit, 0.0))
            .collect();
        let mut candidates = LlamaTokenDataArray::new(data, false);
        self.grammar.apply(&mut candidates);
        let allowed = candidates
            .data
            .iter()
            .filter(|candidate| candidate.logit().is_finite());
        allowed
            .max_by(|a, b| a.logit().total_cmp(&b.logit()))
            .map(LlamaTokenData::id)
    }
}

/// The logarithm of a token's share of the model's whole expectation.
fn log_likelihood(logits: &[f32], token: LlamaToken) -> f64 {
    let chosen = usize::try_from(token.0).ok().and_then(|at| logits.get(at));
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits
        .iter()
        .map(|logit| f64::from(logit - most).exp())
        .sum();
    chosen.map_or(f64::NEG_INFINITY, |logit| {
        f64::from(logit - most) - total.ln()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_are_shares_of_one() {
        let logits = [1.0, 3.0, -2.0];
        let shares: Vec<f64> = (0..3)
            .map(|at| log_likelihood(&logits, LlamaToken(at)).exp())
            .collect();
        assert!(
            (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9,
            "{shares:?}"
        );
        assert!(shares[1] > shares[0] && shares[0] > shares[2]);
        assert_eq!(log_likelihood(&logits, LlamaToken(3)).exp(), 0.0);
    }
}
