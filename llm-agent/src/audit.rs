//! Checks an exported audit record link by link.

use std::io::BufRead as _;
use std::path::Path;

use proviso_abi::audit::{AuditRecord, Verifier};

/// Follows the chain in `file`; says how many records it has.
///
/// # Errors
/// If the file cannot be read, a line is no record, or the chain is broken;
/// the error names the first line that is wrong.
pub fn verify(file: &Path) -> Result<u64, String> {
    let name = file.display();
    let open = std::fs::File::open(file).map_err(|why| format!("cannot read {name}: {why}"))?;
    let mut verifier = Verifier::default();
    let mut records = 0;
    for (line, text) in (1..).zip(std::io::BufReader::new(open).lines()) {
        let at = |why: String| format!("{name}, line {line}: {why}");
        let text = text.map_err(|why| at(why.to_string()))?;
        let record: AuditRecord =
            serde_json::from_str(&text).map_err(|why| at(format!("not an audit record: {why}")))?;
        verifier
            .check(&record)
            .map_err(|broken| at(format!("the chain is broken at {broken}")))?;
        records += 1;
    }
    match records {
        0 => Err(format!("{name} has no records; /audit export writes some")),
        records => Ok(records),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::audit::{AuditEvent, Hash};
    use proviso_abi::{Name, Sentence};

    fn export() -> String {
        let mut before = Hash::START;
        let mut text = String::new();
        for number in 0..5 {
            let mut record = AuditRecord {
                number,
                t_ms: number,
                intent: number,
                who: Name::cut("operator"),
                event: AuditEvent::Plan(Sentence::cut("kill hog")),
                hash: Hash::START,
            };
            record.hash = record.link(before);
            before = record.hash;
            text.push_str(&serde_json::to_string(&record).unwrap());
            text.push('\n');
        }
        text
    }

    fn verdict(text: &str) -> Result<u64, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        verify(file.path())
    }

    #[test]
    fn an_export_is_whole_or_the_first_broken_link_is_named() {
        let good = export();
        assert_eq!(verdict(&good), Ok(5));
        let changed = good.replacen("\"intent\":2", "\"intent\":7", 1);
        let error = verdict(&changed).unwrap_err();
        assert!(
            error.contains("line 3: the chain is broken at record 2"),
            "{error}"
        );
        let lines: Vec<_> = good.lines().collect();
        let missing = [&lines[..1], &lines[2..]].concat().join("\n");
        let error = verdict(&missing).unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("follows record 0"),
            "{error}"
        );
        assert!(
            verdict("{}\n")
                .unwrap_err()
                .contains("line 1: not an audit record")
        );
        assert!(verdict("").unwrap_err().contains("no records"));
    }
}
