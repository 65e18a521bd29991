//! What llama.cpp makes of a model: for each line of standard input its tokens, the
//! three best next tokens with their scores, and how it goes on greedily.
//!
//! The trainer's forward pass and tokenizer are checked against this:
//! `cargo run --release -p llm-agent --example reference -- MODEL.gguf [TOKENS] < lines`

use std::io::BufRead as _;

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which model? MODEL.gguf [TOKENS]")?;
    let more: usize = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let mut backend = LlamaBackend::init()?;
    backend.void_logs();
    let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default())?;
    for line in std::io::stdin().lock().lines() {
        let text = line?.replace("\\n", "\n");
        println!("{}", report(&backend, &model, &text, more)?);
    }
    Ok(())
}

fn report(
    backend: &LlamaBackend,
    model: &LlamaModel,
    text: &str,
    more: usize,
) -> Result<serde_json::Value> {
    let vocab = model.vocab();
    let tokens = vocab.tokenize(text.as_bytes(), false, true);
    let ids: Vec<i32> = tokens.iter().map(|token| token.0).collect();
    if more == 0 {
        return Ok(serde_json::json!({"text": text, "tokens": ids}));
    }
    let parameters = LlamaContextParams::default().with_n_threads(1);
    let mut context = model.new_context(backend, parameters)?;
    let mut batch = LlamaBatch::new(tokens.len().max(1), 1);
    batch.add_sequence(&tokens, 0, false)?;
    let (mut top, mut written) = (Vec::new(), Vec::new());
    for position in tokens.len()..tokens.len() + more {
        context.decode(&mut batch)?;
        let logits = context.get_logits_ith(batch.n_tokens() - 1);
        let mut order: Vec<(i32, f32)> = (0..).zip(logits.iter().copied()).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        if top.is_empty() {
            top.extend(order.iter().take(3).copied());
        }
        let best = LlamaToken(order.first().ok_or("a model without tokens")?.0);
        if vocab.is_eog(best) {
            break;
        }
        written.extend(vocab.token_to_piece(best, true, None));
        batch.clear();
        batch.add(best, i32::try_from(position)?, &[0], true)?;
    }
    let written = String::from_utf8_lossy(&written);
    Ok(serde_json::json!({"text": text, "tokens": ids, "top": top, "more": written}))
}
