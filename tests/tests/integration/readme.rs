//! What the README promises to work does.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use proviso_boot::paths;
use proviso_tests::{command, readme};

scenarios! { the_commands_of_the_readme_work }

/// Far more than they take.
const LIMIT: Duration = Duration::from_secs(300);

fn the_commands_of_the_readme_work() -> Result<()> {
    let path = paths::root().join("README.md");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let blocks = readme::tested_blocks(&text);
    ensure!(
        !blocks.is_empty(),
        "README.md has no code block that is marked `sh tested`"
    );
    for block in blocks {
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &block])
            .current_dir(paths::root());
        command::run(shell, "", LIMIT)?.expect(0, &[])?;
    }
    Ok(())
}
