//! The tests that run inside the guest: one boot, each test reported by itself.

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use proviso_boot::exit::Exit;
use proviso_boot::paths;
use proviso_tests::console::{Console, guest, hardware, image};
use proviso_tests::guest_tests::{self, Report};

/// How the names of these tests begin.
const GROUP: &str = "guest";

/// Runs the suite, unless a filter for other tests is set, and makes a trial of
/// every test in it and one of the whole.
pub fn trials(arguments: &Arguments) -> Vec<Trial> {
    let filter = arguments.filter.as_deref().unwrap_or(GROUP);
    if !filter.starts_with(GROUP) && !GROUP.starts_with(filter) {
        return Vec::new();
    }
    match run() {
        Ok(report) => trials_of(report),
        Err(error) => vec![result("whole", Some(format!("{error:#}")))],
    }
}

fn trials_of(report: Report) -> Vec<Trial> {
    let mut trials = vec![
        result("whole", None),
        result(
            "the_page_of_abuses_is_theirs",
            page_of(&report).err().map(|it| it.to_string()),
        ),
    ];
    for test in report.tests {
        trials.push(result(&test.name, test.failure));
    }
    trials
}

/// The fewest abuses that there are to be.
const ABUSES: usize = 60;

/// Compares the page of abuses with what was tried, or writes it.
fn page_of(report: &Report) -> Result<()> {
    let path = paths::root().join("docs/abuse.md");
    let page = guest_tests::abuse_page(&report.abuses);
    if std::env::var_os("PROVISO_BLESS").is_some() {
        std::fs::write(&path, &page)?;
    }
    let count = report.abuses.len();
    ensure!(
        count >= ABUSES,
        "{count} abuses were tried, fewer than {ABUSES}"
    );
    ensure!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/abuse.md is stale: run this with PROVISO_BLESS=1"
    );
    Ok(())
}

fn result(name: &str, failure: Option<String>) -> Trial {
    let name = format!("{GROUP}::{name}");
    Trial::test(name, move || {
        failure.map_or(Ok(()), |why| Err(Failed::from(why)))
    })
}

/// One boot with the suite in the place of init.
fn run() -> Result<Report> {
    let suite = guest()?
        .programs
        .get("suite")
        .context("there is no suite")?;
    let image = image()?
        .program("suite", std::fs::read(suite)?)
        .init("suite");
    let mut console = Console::start(&hardware()?, &image)?;
    let exit = console.wait_exit()?;
    let report = guest_tests::read(&console.transcript());
    let failed = report
        .tests
        .iter()
        .filter(|test| test.failure.is_some())
        .count();
    let passed = report.tests.len() - failed;
    let whole = report.summary == Some((passed, failed)) && passed > 0;
    ensure!(
        whole,
        console.complaint(&format!("the suite did not report to its end: {exit}"))
    );
    ensure!(
        (exit == Exit::Clean) == (failed == 0),
        console.complaint(&format!("exit and summary disagree: {exit}"))
    );
    Ok(report)
}
