//! Training data for Proviso's own planner model.
//!
//! `generate` turns patterns (a sentence template and the plan that it means)
//! into examples: it makes up a system, puts names and values into the sentence,
//! adds slips and chatter, takes the particulars out again with the very code
//! that the planner uses, and checks that the slots lead back to the plan.
#![forbid(unsafe_code)]

mod admission;
mod compose;
mod make;
mod names;
mod noise;
mod pattern;
mod scenario;
mod surface;
mod words;

use std::error::Error;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fastrand::Rng;
use serde_json::json;

use compose::Clauses;
use pattern::{Pattern, PatternError};

/// A pattern that fails so often is passed over.
const TRIES: usize = 20;

/// Makes training data from patterns.
#[derive(Debug, Parser)]
#[command(name = "generate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes examples, every pattern equally often.
    Make {
        /// Folder with `*.txt` files of patterns, in it or in its folders; may be given several times.
        #[arg(long, value_name = "DIR", required = true)]
        patterns: Vec<PathBuf>,
        /// How many examples.
        #[arg(long)]
        count: usize,
        /// The same seed gives the same examples.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where they go, one JSON object a line.
        #[arg(long, value_name = "FILE.jsonl")]
        out: PathBuf,
        /// Of a hundred examples, how many are put together from several patterns.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..100))]
        composed: u8,
        /// Writes evaluation cases instead of the model's inputs and outputs.
        #[arg(long)]
        cases: bool,
    },
    /// Names lines that are no patterns, or whose plans do not come out.
    Check {
        /// Folder with `*.txt` files of patterns, in it or in its folders; may be given several times.
        #[arg(long, value_name = "DIR", required = true)]
        patterns: Vec<PathBuf>,
    },
}

type Line = Result<Pattern, (String, PatternError)>;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Make {
            patterns,
            count,
            seed,
            out,
            composed,
            cases,
        } => read(&patterns).and_then(|lines| {
            let form = if cases { case } else { line };
            let patterns = lines.into_iter().flatten().collect();
            make(patterns, count, seed, &out, usize::from(composed), form)
        }),
        Command::Check { patterns } => read(&patterns).and_then(check),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All lines of all pattern files, in the order of their paths.
fn read(folders: &[PathBuf]) -> Result<Vec<Line>, Box<dyn Error>> {
    let mut lines = Vec::new();
    for folder in folders {
        let unreadable = |why| format!("cannot read the patterns in {}: {why}", folder.display());
        for file in files(folder).map_err(unreadable)? {
            lines.extend(pattern::read(&file).map_err(unreadable)?);
        }
    }
    if lines.is_empty() {
        return Err("there are no patterns; --patterns names a folder with *.txt files".into());
    }
    Ok(lines)
}

/// The `*.txt` files in a folder and the folders in it.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "txt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// How an example is written down.
type Form = fn(&Pattern, &make::Example, usize) -> serde_json::Value;

/// Writes `count` examples: every pattern in turn, and among them compositions.
fn make(
    mut patterns: Vec<Pattern>,
    count: usize,
    seed: u64,
    out: &Path,
    composed: usize,
    form: Form,
) -> Result<(), Box<dyn Error>> {
    let mut rng = Rng::with_seed(seed);
    let file = std::fs::File::create(out)
        .map_err(|why| format!("cannot write {}: {why}", out.display()))?;
    let mut file = BufWriter::new(file);
    let clauses = Clauses::new(&patterns);
    let mut written = 0;
    while written < count && !patterns.is_empty() {
        rng.shuffle(&mut patterns);
        // Each round has other compositions, under the same names: what is known of a
        // pattern by its name is how well compositions go.
        let mut round: Vec<_> = (0..patterns.len() * composed / (100 - composed))
            .filter_map(|number| composition(&clauses, number, &mut rng))
            .collect();
        patterns.retain(|pattern| {
            let example = (0..TRIES).find_map(|_| make::example(pattern, &mut rng).ok());
            let Some(example) = example else {
                eprintln!(
                    "generate: {} gives no example; see `generate check`",
                    pattern.place
                );
                return false;
            };
            round.push((pattern.clone(), example));
            true
        });
        rng.shuffle(&mut round);
        for (pattern, example) in round.iter().take(count - written) {
            written += 1;
            writeln!(file, "{}", form(pattern, example, written))?;
        }
    }
    file.flush()?;
    if written < count {
        return Err(format!("only {written} of {count} examples were written").into());
    }
    Ok(())
}

/// A composition that gives an example.
fn composition(
    clauses: &Clauses,
    number: usize,
    rng: &mut Rng,
) -> Option<(Pattern, make::Example)> {
    (0..TRIES * 5).find_map(|_| {
        let pattern = clauses.compose(number, rng)?;
        let example = make::example(&pattern, rng).ok()?;
        Some((pattern, example))
    })
}

fn line(pattern: &Pattern, example: &make::Example, _: usize) -> serde_json::Value {
    json!({"input": example.input, "output": example.output, "pattern": pattern.place})
}

/// The example in the form of the evaluation cases.
fn case(pattern: &Pattern, example: &make::Example, number: usize) -> serde_json::Value {
    json!({
        "id": format!("{}-{number}", pattern.place),
        "tags": [pattern.tag],
        "prompt": example.sentence,
        "system": example.system,
        "expect": [example.plan.actions],
    })
}

fn check(lines: Vec<Line>) -> Result<(), Box<dyn Error>> {
    let (mut good, mut bad, mut tries, mut failures) = (0, 0, 0, 0);
    for line in lines {
        let pattern = match line {
            Ok(pattern) => pattern,
            Err((place, why)) => {
                println!("{place}: {why}");
                bad += 1;
                continue;
            }
        };
        let mut rng = Rng::with_seed(7);
        let results: Vec<_> = (0..TRIES)
            .map(|_| make::example(&pattern, &mut rng))
            .collect();
        let failed: Vec<_> = results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .collect();
        tries += TRIES;
        failures += failed.len();
        match failed.first() {
            Some(why) if failed.len() * 2 > TRIES => {
                println!(
                    "{}: {why} ({} of {TRIES} tries)",
                    pattern.place,
                    failed.len()
                );
                bad += 1;
            }
            _ => good += 1,
        }
    }
    eprintln!("{good} patterns are good, {bad} are not; {failures} of {tries} tries failed");
    if bad > 0 {
        return Err(format!("{bad} patterns give no examples").into());
    }
    Ok(())
}
