//! The command line.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use clap::{Args, Parser, Subcommand, ValueEnum};
use proviso_abi::System;

use crate::audit;
use crate::bench;
use crate::eval::{self, case, report};
use crate::link;
use crate::model::embedded::Embedded;
use crate::model::openai::OpenAi;
use crate::model::{Model, ModelError, Watch, locate};
use crate::planner::Planner;

/// Plans for Proviso guests with a local language model.
#[derive(Debug, Parser)]
#[command(name = "llm-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves guests until SIGINT or SIGTERM.
    Serve {
        /// The Unix socket to listen on.
        #[arg(long, value_name = "SOCKET")]
        listen: PathBuf,
        /// The folder for what is to outlive the agent: what users want remembered.
        #[arg(long, value_name = "FOLDER", default_value = ".proviso")]
        state: PathBuf,
        /// Adds what the guests do to this file, a JSON object a line.
        #[arg(long, value_name = "FILE.jsonl")]
        trace: Option<PathBuf>,
        #[command(flatten)]
        model: ModelArgs,
    },
    /// Prints the plan for one sentence.
    Plan {
        /// The system, as in an evaluation case.
        #[arg(long, value_name = "FILE.json")]
        system: PathBuf,
        /// What is asked for.
        sentence: String,
        #[command(flatten)]
        model: ModelArgs,
    },
    /// Works on an exported audit record.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Runs the planner over evaluation cases.
    Eval {
        /// The cases, one JSON object a line.
        #[arg(long, value_name = "FILE.jsonl")]
        cases: PathBuf,
        /// Prints one JSON object a case, then one of all.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        model: ModelArgs,
    },
    /// Measures how good, how sure, how fast and how big the planner is.
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
struct BenchArgs {
    /// Evaluation cases; may be given several times.
    #[arg(long, value_name = "FILE.jsonl", required = true)]
    cases: Vec<PathBuf>,
    /// Another GGUF model, to be timed in turns with this one.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Follows the chain of hashes and names the first broken link.
    Verify {
        /// The export, one JSON object a line.
        file: PathBuf,
    },
}

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// In this process, by llama.cpp.
    Embedded,
    /// Behind a server that speaks OpenAI's protocol (llama-server, vLLM, ...).
    Openai,
}

#[derive(Debug, Args)]
struct ModelArgs {
    /// The GGUF model [default: llm-agent/model/... here or above]; with `openai`
    /// the server's name for one [default: its first].
    #[arg(long, env = "PROVISO_MODEL", value_name = "PATH")]
    model: Option<PathBuf>,
    /// Where the model runs.
    #[arg(long, value_enum, default_value = "embedded")]
    backend: Backend,
    /// The server of `--backend openai`, such as http://127.0.0.1:8080/v1.
    #[arg(long, required_if_eq("backend", "openai"))]
    url: Option<String>,
    /// The environment variable that holds that server's key.
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// Threads for the model [default: a third of the cores, at most 4].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl ModelArgs {
    fn path(&self) -> Result<PathBuf, ModelError> {
        let here = std::env::current_dir().unwrap_or_default();
        locate::locate(self.model.as_deref(), &here)
    }

    fn threads(&self) -> usize {
        // QEMU and the rest of the machine need cores too, and llama.cpp's
        // threads wait for each other: one too many is slower than one too few.
        let cores = available_parallelism().map_or(1, usize::from);
        self.threads
            .unwrap_or(cores / 3)
            .clamp(1, if self.threads.is_some() { cores } else { 4 })
    }

    fn planner(&self) -> Result<Planner<Box<dyn Model + Send>>, ModelError> {
        let model: Box<dyn Model + Send> = match self.backend {
            Backend::Embedded => Box::new(Embedded::load(&self.path()?, self.threads())?),
            Backend::Openai => {
                let name = self.model.as_ref().map(|name| name.to_string_lossy());
                let url = self.url.as_deref().unwrap_or_default();
                Box::new(OpenAi::connect(url, self.key()?, name.as_deref())?)
            }
        };
        Ok(Planner::new(model))
    }

    fn key(&self) -> Result<Option<String>, ModelError> {
        let Some(name) = &self.key_env else {
            return Ok(None);
        };
        let key = std::env::var(name);
        let missing = |why| ModelError::failed("reading the key", format!("{name}: {why}; set it"));
        key.map(Some).map_err(missing)
    }
}

/// Runs the command that the process was started with.
///
/// # Errors
/// If it fails; the error names the input and the remedy.
pub fn run() -> Result<(), Box<dyn Error>> {
    match Cli::parse().command {
        Command::Serve {
            listen,
            state,
            trace,
            model,
        } => link::serve(&listen, model.planner()?, &state, trace.as_deref()),
        Command::Plan {
            system,
            sentence,
            model,
        } => plan(&read_system(&system)?, &sentence, &model),
        Command::Bench(args) => {
            let (path, threads) = (args.model.path()?, args.model.threads());
            let figures = bench::run(&path, threads, &args.cases, args.against.as_deref())?;
            print!("{figures}");
            Ok(())
        }
        Command::Audit {
            command: AuditCommand::Verify { file },
        } => {
            let records = audit::verify(&file)?;
            println!("{}: {records} records, the chain is whole", file.display());
            Ok(())
        }
        Command::Eval { cases, json, model } => evaluate(&case::load(&cases)?, json, &model),
    }
}

fn read_system(path: &Path) -> Result<System, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|why| format!("cannot read the system in {name}: {why}"))?;
    let help = "give it the `system` object of an evaluation case";
    serde_json::from_str(&text)
        .map_err(|why| format!("{name} does not describe a system ({why}); {help}"))
}

fn plan(system: &System, sentence: &str, model: &ModelArgs) -> Result<(), Box<dyn Error>> {
    let plan = model
        .planner()?
        .plan(system, sentence, &Arc::default())
        .plan?;
    println!("{}", serde_json::to_string(&plan)?);
    Ok(())
}

fn evaluate(cases: &[case::Case], json: bool, model: &ModelArgs) -> Result<(), Box<dyn Error>> {
    let mut planner = model.planner()?;
    planner.warm(&Watch::default())?;
    let mut out = std::io::stdout().lock();
    let mut outcomes = Vec::new();
    for case in cases {
        let outcome = eval::run(&mut planner, case);
        if json {
            writeln!(out, "{}", serde_json::to_string(&outcome)?)?;
            out.flush()?;
        }
        outcomes.push(outcome);
    }
    if json {
        writeln!(
            out,
            "{}",
            serde_json::to_string(&report::summary(&outcomes))?
        )?;
    } else {
        write!(out, "{}", report::Table(&outcomes))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_parse() {
        for line in [
            "llm-agent serve --listen /tmp/a.sock --model m.gguf --threads 2",
            "llm-agent plan --system s.json --model m.gguf sentence",
            "llm-agent eval --cases c.jsonl --json",
            "llm-agent serve --listen s --backend openai --url http://h/v1 --key-env K",
            "llm-agent bench --cases c.jsonl --cases d.jsonl --against m.gguf",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        let without_url = "llm-agent serve --listen s --backend openai";
        for line in ["llm-agent serve", without_url] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err());
        }
    }

    #[test]
    fn a_file_that_is_no_system_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("system.json");
        std::fs::write(&path, "{}").unwrap();
        let error = read_system(&path).unwrap_err();
        assert!(
            error.contains("system.json") && error.contains("evaluation case"),
            "{error}"
        );
    }
}
