//! The report of the tests that run inside the guest.
//!
//! The program `suite` runs in the place of init and writes a line
//! `test NAME ... ok` or `test NAME ... FAILED why` for each test, and at the end
//! a summary: `12 passed, 0 failed`. A run without it has failed.

/// What one test came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestTest {
    /// Its name.
    pub name: String,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The tests, in the order in which they ran.
    pub tests: Vec<GuestTest>,
    /// Every abuse that was tried and came to what it should: name, and what it is.
    pub abuses: Vec<(String, String)>,
    /// How many passed and failed by the suite's own count, if it got that far.
    pub summary: Option<(usize, usize)>,
}

/// Reads the report out of a transcript; lines may carry their writer in front.
#[must_use]
pub fn read(transcript: &str) -> Report {
    let mut report = Report::default();
    for line in transcript.lines() {
        let line = match line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
        {
            Some((_, text)) => text,
            None => line,
        };
        let line = line.trim_end();
        report.summary = report.summary.or_else(|| summary(line));
        report.tests.extend(test(line));
        report.abuses.extend(abuse(line));
    }
    report
}

fn test(line: &str) -> Option<GuestTest> {
    let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let failure = match result.strip_prefix("FAILED") {
        Some(why) => Some(why.trim().to_owned()),
        None if result == "ok" => None,
        None => return None,
    };
    Some(GuestTest {
        name: name.into(),
        failure,
    })
}

fn abuse(line: &str) -> Option<(String, String)> {
    let (name, text) = line.strip_prefix("abuse ")?.split_once(": ")?;
    Some((name.into(), text.into()))
}

/// `docs/abuse.md`: every abuse by name.
#[must_use]
pub fn abuse_page(abuses: &[(String, String)]) -> String {
    let mut page = format!(
        "# Abuse\n\nWhat programs do wrong on purpose in the tests that run inside the machine, {} cases \
         by\nname: each comes to what it should, harms nobody else, and leaves no frame behind. \
         Written\nby `PROVISO_BLESS=1 cargo test -p proviso-tests --test integration -- guest::`; \
         a test\nfails while it is stale. Storms of calls made up at random come on top.\n\n\
         | name | what |\n|---|---|\n",
        abuses.len()
    );
    for (name, text) in abuses {
        page.push_str(&format!("| `{name}` | {text} |\n"));
    }
    page
}

fn summary(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.split_once(" passed, ")?;
    let failed = failed.strip_suffix(" failed")?;
    Some((passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_summary_are_found_behind_their_writer() {
        let report = read(
            "Proviso boots\n[suite 1] test memory::grow ... ok\n[suite 1] test ipc ... FAILED it hung\n\
             [suite 1] abuse no-handle: Uses none: BadHandle.\n[suite 1] 1 passed, 1 failed\n",
        );
        let abuses = [("no-handle".into(), "Uses none: BadHandle.".into())];
        assert_eq!(report.abuses, abuses);
        assert!(abuse_page(&abuses).ends_with("| `no-handle` | Uses none: BadHandle. |\n"));
        let failures: Vec<_> = report
            .tests
            .iter()
            .map(|test| test.failure.as_deref())
            .collect();
        assert_eq!(failures, [None, Some("it hung")]);
        assert_eq!(report.tests[0].name, "memory::grow");
        assert_eq!(report.summary, Some((1, 1)));
    }

    #[test]
    fn a_run_that_was_cut_has_no_summary() {
        let report = read("test a ... ok\ntest b ... \n");
        assert_eq!((report.tests.len(), report.summary), (1, None));
    }
}
