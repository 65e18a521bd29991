//! Evaluation cases, one JSON object a line.

use std::path::Path;

use proviso_abi::System;
use serde::Deserialize;
use serde_json::Value;

use super::expand::Process;

/// One request, the system it is made of, and the plans that are right.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub tags: Vec<String>,
    /// The sentence.
    pub prompt: String,
    /// The system as the planner sees it.
    pub system: System,
    /// The process table as the matching rule sees it.
    pub processes: Vec<Process>,
    /// Every plan that counts as right.
    pub expect: Vec<Value>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    tags: Vec<String>,
    prompt: String,
    system: Value,
    expect: Vec<Value>,
}

/// Why there are no cases.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The file cannot be read.
    #[error("cannot read the cases in {path}: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's own words.
        why: std::io::Error,
    },
    /// A line is no case.
    #[error("{path}, line {line} is not an evaluation case: {why}")]
    NotACase {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: serde_json::Error,
    },
}

/// Reads every case of a file. Lines that hold no object are passed over.
///
/// # Errors
/// If the file or a line of it cannot be read.
pub fn load(path: &Path) -> Result<Vec<Case>, CaseError> {
    let name = || path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|why| CaseError::Unreadable { path: name(), why })?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with('{'));
    let cases = lines.map(|(index, line)| {
        read(line).map_err(|why| CaseError::NotACase {
            path: name(),
            line: index + 1,
            why,
        })
    });
    cases.collect()
}

fn read(line: &str) -> Result<Case, serde_json::Error> {
    let Line {
        id,
        tags,
        prompt,
        system,
        expect,
    } = serde_json::from_str(line)?;
    let processes = match system.get("processes") {
        Some(processes) => Vec::deserialize(processes)?,
        None => Vec::new(),
    };
    Ok(Case {
        id,
        tags,
        prompt,
        system: System::deserialize(system)?,
        processes,
        expect,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_case_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        std::fs::write(&path, "\n{\"id\":\"x\"}\n").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(
            error.contains("cases.jsonl, line 2") && error.contains("prompt"),
            "{error}"
        );
        let error = load(&folder.path().join("none.jsonl"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("none.jsonl"), "{error}");
    }
}
