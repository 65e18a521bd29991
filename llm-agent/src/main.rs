//! The `llm-agent` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    match llm_agent::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("llm-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
