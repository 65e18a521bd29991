//! What guests did, written to a file: one JSON object a line (`docs/trace.md`).

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use proviso_abi::trace::{Batch, Record};
use serde::Serialize;

use super::queue::GuestId;

/// The file. Batches of several guests come one after the other, never mixed.
#[derive(Debug)]
pub struct TraceFile {
    file: Mutex<BufWriter<File>>,
}

/// A line about something that happened.
#[derive(Serialize)]
struct Happened<'a> {
    guest: GuestId,
    #[serde(flatten)]
    record: &'a Record,
}

/// A line about records that nobody read in time.
#[derive(Serialize)]
struct Lost {
    guest: GuestId,
    lost: u64,
}

impl TraceFile {
    /// Opens a file to add to.
    ///
    /// # Errors
    /// With a sentence that names the file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file =
            file.map_err(|why| format!("cannot write the trace to {}: {why}", path.display()))?;
        Ok(Self {
            file: Mutex::new(BufWriter::new(file)),
        })
    }

    /// Adds what a guest did.
    pub fn add(&self, guest: GuestId, batch: &Batch) {
        // A line that was not finished is the worst that a panic could leave.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = write(&mut file, guest, batch) {
            eprintln!("llm-agent: a batch of the trace was not written: {error}");
        }
    }
}

fn write(file: &mut BufWriter<File>, guest: GuestId, batch: &Batch) -> std::io::Result<()> {
    if batch.lost > 0 {
        let lost = batch.lost;
        serde_json::to_writer(&mut *file, &Lost { guest, lost })?;
        file.write_all(b"\n")?;
    }
    for record in &batch.records {
        serde_json::to_writer(&mut *file, &Happened { guest, record })?;
        file.write_all(b"\n")?;
    }
    // Whoever follows the file sees whole batches, soon.
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::trace::TraceKind;

    #[test]
    fn batches_are_lines_and_losses_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.jsonl");
        let record = Record {
            t_ns: 5,
            pid: 4,
            kind: TraceKind::Run,
            value: 3,
        };
        let batch = Batch {
            next: 9,
            end: 9,
            lost: 7,
            records: vec![record],
        };
        // Twice opened, as by an agent that was started again.
        for _ in 0..2 {
            TraceFile::open(&path).unwrap().add(1, &batch);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let once = "{\"guest\":1,\"lost\":7}\n{\"guest\":1,\"t_ns\":5,\"pid\":4,\"kind\":\"run\",\"value\":3}\n";
        assert_eq!(text, [once, once].concat());
    }

    #[test]
    fn a_file_that_cannot_be_had_is_named() {
        let error = TraceFile::open(Path::new("/nowhere/trace")).unwrap_err();
        assert!(error.contains("/nowhere/trace"), "{error}");
    }
}
