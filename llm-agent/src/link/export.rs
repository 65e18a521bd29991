//! Audit records that a guest sends out, as a file of JSON lines.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use proviso_abi::audit::AuditRecord;

use super::queue::GuestId;
use super::worker::Shared;

/// The most bytes of one export: far above what a kernel keeps, so that a
/// guest that never ends one does not fill the disk.
const MAX_BYTES: u64 = 4 << 20;

/// An export under way.
#[derive(Debug, Default)]
pub struct Export {
    file: Option<(PathBuf, BufWriter<File>, u64)>,
}

impl Export {
    /// Writes down a part. Whether the chain is whole is for `audit verify` to
    /// say; this only keeps what came.
    pub fn take(
        &mut self,
        shared: &Shared,
        guest: GuestId,
        records: &[AuditRecord],
        is_last: bool,
    ) {
        if let Err(error) = self.write(shared, guest, records) {
            eprintln!("guest {guest}: cannot write its audit record: {error}");
            self.file = None;
            return;
        }
        if is_last && let Some((path, ..)) = self.file.take() {
            eprintln!("guest {guest}: audit record written to {}", path.display());
        }
    }

    fn write(
        &mut self,
        shared: &Shared,
        guest: GuestId,
        records: &[AuditRecord],
    ) -> std::io::Result<()> {
        let Some(folder) = &shared.audit else {
            return Ok(());
        };
        if self.file.is_none() {
            std::fs::create_dir_all(folder)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let millis = now.unwrap_or_default().as_millis();
            let path = folder.join(format!("{millis}-guest{guest}.jsonl"));
            // Never over an older export.
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            self.file = Some((path, BufWriter::new(file), 0));
        }
        let Some((_, file, bytes)) = &mut self.file else {
            return Ok(());
        };
        for record in records {
            let line = serde_json::to_string(record)?;
            *bytes = bytes.saturating_add(line.len() as u64);
            if *bytes > MAX_BYTES {
                return Err(std::io::Error::other("it is longer than any kernel's"));
            }
            writeln!(file, "{line}")?;
        }
        file.flush()
    }
}
