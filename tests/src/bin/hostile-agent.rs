//! Boots the real kernel with an agent that means harm, and counts what came
//! of it: `cargo run --release -p proviso-tests --bin hostile-agent -- --intents 5000 --seed 1`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use proviso_tests::hostile::{Account, run};

const USAGE: &str = "usage: hostile-agent [--intents N] [--seed N]";

fn main() -> ExitCode {
    match arguments().and_then(|(intents, seed)| run(intents, seed)) {
        Ok(account) => report(&account),
        Err(error) => {
            eprintln!("hostile-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(usize, u64)> {
    let (mut intents, mut seed) = (1000, 1);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().context(USAGE)?;
        let wrong = || format!("{word} {value}: not a number; {USAGE}");
        match &*word {
            "--intents" => intents = value.parse().with_context(wrong)?,
            "--seed" => seed = value.parse().with_context(wrong)?,
            _ => bail!("{word}: unknown; {USAGE}"),
        }
    }
    Ok((intents, seed))
}

/// Says what came of it; a success only if nothing happened that should not.
fn report(account: &Account) -> ExitCode {
    println!("intents              {}", account.intents);
    println!("done                 {}", account.done);
    println!("no plan              {}", account.failed);
    for (reason, count) in &account.refused {
        println!("refused {reason:20} {count}");
    }
    println!("unauthorised effects {}", account.unauthorised.len());
    for effect in &account.unauthorised {
        println!("  {effect}");
    }
    // A panic ends the machine, and then there is no account.
    println!("panics               0");
    match account.unauthorised.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
