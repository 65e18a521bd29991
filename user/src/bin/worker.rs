//! Works in bursts: `worker [BURST_MS [PAUSE_MS]] [grow] [ask [WORDS...]]`.
//!
//! With `grow` it keeps its results, and when there is no more memory for them
//! it asks for more, in a sentence. With `ask` it asks at once.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use core::hint::black_box;
use core::time::Duration;

use proviso_user::abi::IntentEvent;
use proviso_user::{Args, Error, clock, println, program, sleep, submit_sentence, try_zeroed};

program!(main);

const SENTENCE: &str = "give me 2 more megabytes of memory";
/// What the results of one burst take.
const RESULT_BYTES: usize = 64 * 1024;
/// After an answer, good or bad, it works with what it has for a while.
const ASK_AGAIN: Duration = Duration::from_secs(60);

fn main(args: Args) {
    let burst = Duration::from_millis(args.number(0, 200));
    let pause = Duration::from_millis(args.number(1, 800));
    let keeps_results = args.iter().any(|word| word == "grow");
    if args.iter().any(|word| word == "ask") {
        ask(&words_after_ask(args));
    }
    let mut results: Vec<&'static mut [u8]> = Vec::with_capacity(1024);
    let mut next_ask = Duration::ZERO;
    loop {
        work(burst);
        if keeps_results && results.len() < results.capacity() {
            match try_zeroed(RESULT_BYTES) {
                Ok(result) => results.push(result.leak()),
                Err(_) if clock() >= next_ask => {
                    println!("no memory for result {}", results.len() + 1);
                    ask(SENTENCE);
                    next_ask = clock() + ASK_AGAIN;
                }
                Err(_) => {}
            }
        }
        sleep(pause);
    }
}

/// Keeps the processor busy for so long.
fn work(burst: Duration) {
    let end = clock() + burst;
    let mut value = 1u64;
    while clock() < end {
        for _ in 0..10_000 {
            value = black_box(
                value
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
    }
}

/// The sentence that was given as arguments, or the usual one.
fn words_after_ask(args: Args) -> String {
    let words: Vec<&str> = args
        .iter()
        .skip_while(|word| *word != "ask")
        .skip(1)
        .collect();
    match words.len() {
        0 => SENTENCE.into(),
        _ => words.join(" "),
    }
}

/// Makes a natural-language system call and says what came of it.
fn ask(sentence: &str) {
    println!("asking: {sentence}");
    if let Err(error) = follow(sentence) {
        println!("could not ask: {error}");
    }
}

fn follow(sentence: &str) -> Result<(), Error> {
    let mut intent = submit_sentence(sentence)?;
    loop {
        match intent.follow(None)? {
            // Only a person is ever asked.
            IntentEvent::Accepted
            | IntentEvent::Progress { .. }
            | IntentEvent::Looking { .. }
            | IntentEvent::Revising { .. }
            | IntentEvent::Confirm { .. } => {}
            IntentEvent::Proposed { plan, .. } => println!("plan: {plan}"),
            IntentEvent::Done { effects, .. } => {
                effects
                    .iter()
                    .for_each(|effect| println!("allowed: {effect}"));
                return Ok(());
            }
            IntentEvent::Rejected { rejections, .. } => {
                rejections.iter().for_each(|why| println!("refused: {why}"));
                return Ok(());
            }
            IntentEvent::Failed { text } => {
                println!("failed: {text}");
                return Ok(());
            }
        }
    }
}
