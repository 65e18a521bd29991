//! What the pages in `docs/` say is so.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proviso_boot::paths;
use proviso_tests::{command, readme};

scenarios! { a_program_and_a_service_are_added_word_for_word }

/// Far more than the commands take.
const LIMIT: Duration = Duration::from_secs(300);
/// The most lines of the program to start from.
const TEMPLATE_LINES: usize = 30;

fn a_program_and_a_service_are_added_word_for_word() -> Result<()> {
    let text = std::fs::read_to_string(paths::root().join("docs/adding-a-program.md"))
        .context("docs/adding-a-program.md")?;
    let programs = readme::files(&text);
    ensure!(programs.len() == 2, "a program and a service: {programs:?}");
    for (path, block) in &programs {
        let file = std::fs::read_to_string(paths::root().join(path))
            .with_context(|| format!("docs/adding-a-program.md names {path}"))?;
        ensure!(
            file == *block,
            "{path} is not what docs/adding-a-program.md shows"
        );
        ensure!(
            file.lines().count() < TEMPLATE_LINES,
            "{path} is no template any more"
        );
    }
    let blocks = readme::tested_blocks(&text);
    for (block, wanted) in blocks.iter().zip([
        ["[hello 3] hello Ada", "[hello 3] hello Grace"],
        ["[echo 3] answering", "pinger"],
    ]) {
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(paths::root());
        command::run(shell, "", LIMIT)?.expect(0, &wanted)?;
    }
    ensure!(blocks.len() == 2, "a command for each");
    Ok(())
}
