//! Fuzzes every target by mutation, without coverage: see `fuzz/README.md` for the
//! kind that sees it. Ends with an error, and the input in a file, at the first
//! input with which something does not hold.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use proviso_tests::fuzz::{Mutator, Target, all, corpora, seeds};

/// Inputs that are kept to be mutated further.
const MAX_POOL: usize = 4096;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| -> Result<u64> {
        let place = arguments.iter().position(|word| word == name);
        let Some(text) = place.and_then(|place| arguments.get(place + 1)) else {
            return Ok(default);
        };
        let message = || format!("{name} {text}: give a whole number");
        text.parse().with_context(message)
    };
    if arguments.iter().any(|word| word == "--write-corpora") {
        return write_corpora();
    }
    let time = Duration::from_secs(number("--seconds", 60)?);
    let seed = number("--seed", 1)?;
    for target in all() {
        let runs = fuzz(target, time, seed)?;
        println!("{:16} {runs:>12} inputs in {} s", target.0, time.as_secs());
    }
    Ok(())
}

fn fuzz((name, run): Target, time: Duration, seed: u64) -> Result<u64> {
    let mut pool = read(&corpora().join(name))?;
    let seeds = pool.len();
    let mut mutator = Mutator::new(seed);
    let (start, mut runs) = (Instant::now(), 0);
    while start.elapsed() < time {
        for _ in 0..1000 {
            // Every other input comes of a seed: others tend to wither.
            let among = [seeds, pool.len()].get(mutator.below(2)).copied();
            let (one, other) = (
                mutator.below(among.unwrap_or(seeds)),
                mutator.below(pool.len()),
            );
            let (Some(one), Some(other)) = (pool.get(one), pool.get(other)) else {
                bail!("{name} has no corpus");
            };
            let input = mutator.mutate(one, other);
            if catch_unwind(|| run(&input)).is_err() {
                let file = format!("fuzz-{name}-{runs}");
                std::fs::write(&file, &input).context("cannot write the input down")?;
                bail!("{name} does not hold with the input in {file}");
            }
            runs += 1;
            // Some are mutated further, in the place of others but the seeds.
            if mutator.below(64) == 0 && 2 * input.len() > one.len() {
                match pool.len() < seeds + MAX_POOL {
                    true => pool.push(input),
                    false => {
                        let place = seeds + mutator.below(MAX_POOL);
                        if let Some(old) = pool.get_mut(place) {
                            *old = input;
                        }
                    }
                }
            }
        }
    }
    Ok(runs)
}

fn read(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let files = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<_> = files.collect::<Result<_, _>>()?;
    paths.sort_by_key(std::fs::DirEntry::file_name);
    let read = paths.iter().map(|file| std::fs::read(file.path()));
    Ok(read.collect::<Result<_, _>>()?)
}

fn write_corpora() -> Result<()> {
    for (name, inputs) in seeds() {
        let folder = corpora().join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:02}")), input)?;
        }
    }
    Ok(())
}
