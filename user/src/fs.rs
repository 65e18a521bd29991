//! Files, kept by the store service.
//!
//! ```ignore
//! fs::write("/programs/counter/last", b"41")?;
//! let last = fs::read("/programs/counter/last")?;
//! ```
//!
//! A program may read what its user may read, and write below
//! `/programs/NAME`, or `/users/USER/programs/NAME` if an ordinary user started
//! it. What was answered survives power cuts and the end of the service; while
//! that is started again, calls are repeated for a while.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use postcard::{from_bytes, to_allocvec};
use proviso_abi::Path;
use proviso_abi::files::{
    FileAnswer, FileCall, FileEntry, FileError, FileGiven, MAX_CHUNK, home_of,
};
use proviso_abi::ipc::{Identity, MAX_MESSAGE};
use proviso_abi::syscall::Error;

use crate::args::Args;
use crate::ipc::{self, Extras, Port};
use crate::system::{identity, sleep};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a call is repeated while the service is away, and after how long.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Why something was not done with files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsError {
    /// The service is not there, or does not answer.
    Away(Error),
    /// It refused.
    Refused(FileError),
}

impl fmt::Display for FsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(error) => write!(f, "no answer from the store: {error}"),
            Self::Refused(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for FsError {}

impl From<Error> for FsError {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

/// The folder that the program may write to.
///
/// # Errors
/// [`FsError::Away`] if there is no memory for it.
pub fn own_folder(args: &Args) -> Result<String, FsError> {
    let Identity { program, user } = identity(args.pid().into())?;
    let home = user.map_or_else(String::new, |user| home_of(&user).to_string());
    Ok(format!("{home}/programs/{program}"))
}

/// A whole file.
///
/// # Errors
/// [`FsError::Refused`] for what is not there or not the caller's to read.
pub fn read(path: &str) -> Result<Vec<u8>, FsError> {
    let path = as_path(path)?;
    let mut content = Vec::new();
    loop {
        let call = FileCall::Read(path.clone(), content.len() as u64);
        let FileGiven::Bytes(bytes, total) = ask(&call)? else {
            return Err(FsError::Refused(FileError::Invalid));
        };
        content.extend_from_slice(&bytes);
        if bytes.is_empty() || content.len() as u64 >= total {
            return Ok(content);
        }
    }
}

/// Writes a file, in place of what was there. More than [`MAX_CHUNK`] bytes go in
/// several pieces, so that a power cut, or the end of the service, which is an error
/// then, may leave only the first of them.
///
/// # Errors
/// As for [`read`], and when there is no room.
pub fn write(path: &str, content: &[u8]) -> Result<(), FsError> {
    let path = as_path(path)?;
    let first = content
        .get(..content.len().min(MAX_CHUNK))
        .unwrap_or_default();
    ask(&FileCall::Write(path.clone(), first.to_vec()))?;
    let rest = content.get(first.len()..).unwrap_or_default();
    for piece in rest.chunks(MAX_CHUNK) {
        attempt(&FileCall::Append(path.clone(), piece.to_vec()))?;
    }
    Ok(())
}

/// Adds at most [`MAX_CHUNK`] bytes to the end of a file, all of them or none. It is
/// not repeated: if the service ends meanwhile, nobody knows whether it did.
///
/// # Errors
/// As for [`write`].
pub fn append(path: &str, bytes: &[u8]) -> Result<(), FsError> {
    attempt(&FileCall::Append(as_path(path)?, bytes.to_vec())).map(|_| ())
}

/// Deletes a file.
///
/// # Errors
/// As for [`read`].
pub fn delete(path: &str) -> Result<(), FsError> {
    ask(&FileCall::Delete(as_path(path)?)).map(|_| ())
}

/// What stands in a folder, by name.
///
/// # Errors
/// As for [`read`].
pub fn list(folder: &str) -> Result<Vec<FileEntry>, FsError> {
    let path = as_path(folder)?;
    let mut all = Vec::new();
    loop {
        let have = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let FileGiven::Entries(entries, more) = ask(&FileCall::List(path.clone(), have))? else {
            return Err(FsError::Refused(FileError::Invalid));
        };
        all.extend(entries);
        if more == 0 {
            return Ok(all);
        }
    }
}

fn as_path(path: &str) -> Result<Path, FsError> {
    Path::new(path).map_err(|_| FsError::Refused(FileError::BadPath))
}

/// Asks again while the service is away. What is asked so does no harm twice.
fn ask(call: &FileCall) -> Result<FileGiven, FsError> {
    let mut last = attempt(call);
    for _ in 1..ATTEMPTS {
        let is_away = matches!(
            last,
            Err(FsError::Away(
                Error::Dead | Error::Unanswered | Error::NoSuchProcess
            ))
        );
        if !is_away {
            break;
        }
        sleep(PAUSE);
        last = attempt(call);
    }
    last
}

fn attempt(call: &FileCall) -> Result<FileGiven, FsError> {
    let bytes = to_allocvec(call).map_err(|_| Error::NoMemory)?;
    let mut room = vec![0; MAX_MESSAGE];
    let store = Port::open("store")?;
    let extras = Extras {
        bytes: &bytes,
        room: &mut room,
        ..Extras::within(PATIENCE)
    };
    let reply = match store.call_with([0; 4], extras) {
        Err(Error::Dead) => {
            // What is left of the handle would take up its place for good.
            ipc::close(store.0)?;
            return Err(FsError::Away(Error::Dead));
        }
        other => other?,
    };
    let answer = room.get(..reply.length).ok_or(Error::Invalid)?;
    match from_bytes::<FileAnswer>(answer) {
        Ok(answer) => answer.map_err(FsError::Refused),
        // A service that is not ready yet answers with words.
        Err(_) => Err(FsError::Away(Error::Unanswered)),
    }
}
