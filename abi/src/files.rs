//! What the kernel and whoever keeps files say to each other: the kernel admits
//! the actions on files, a service in ring 3 carries them out.
//!
//! A request comes as a call with badge 0, its bytes a [`FileRequest`] in postcard;
//! the answer's bytes are a [`FileReply`]. All steps of a request take effect, in
//! order, or none does, and what was answered survives a power cut.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::bounded::{List, Text};
use crate::outcome::Reason;
use crate::value::{Content, Name, Path};
use crate::words::words;

/// The most steps of a request.
pub const MAX_STEPS: usize = 16;
/// The most bytes of a request, encoded.
pub const MAX_REQUEST: usize = 16 * 1024;
/// The most bytes of a file that are shown.
pub const MAX_SHOWN: usize = 3 * 1024;
/// The folder with a folder for each ordinary user.
pub const USERS: &str = "/users";

/// Whether this is a path from the root: `/` or `/folder/file`, without `.`, `..`,
/// empty parts or control characters.
#[must_use]
pub fn is_path(path: &str) -> bool {
    let Some(parts) = path.strip_prefix('/') else {
        return false;
    };
    let is_good = |part: &str| !matches!(part, "" | "." | "..");
    path.len() <= 128
        && !path.chars().any(char::is_control)
        && (parts.is_empty() || parts.split('/').all(is_good))
}

/// Whether a path is this folder or in it.
#[must_use]
pub fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder == "/")
}

/// The folder of an ordinary user.
#[must_use]
pub fn home_of(user: &Name) -> Path {
    // Names that differ in case alone are one user's.
    Text::format(format_args!("{USERS}/{}", user.to_lowercase()))
}

/// What to do with files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRequest {
    /// Its number. One that changes something can be taken back by it.
    pub number: u64,
    /// Changes with smaller numbers will not be taken back any more.
    pub oldest: u64,
    /// Whether the machine has just started: no earlier change will be taken back.
    pub is_first: bool,
    /// What to do.
    pub steps: List<FileStep, MAX_STEPS>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileStep {
    /// Gives the beginning of a file.
    Read(Path),
    /// Gives what stands in a folder.
    List(Path),
    /// Writes a file, in place of what was there.
    Write(Path, Content),
    /// Deletes a file.
    Delete(Path),
    /// Takes a request back, unless its files were changed since.
    Undo(u64),
    /// Takes a request back if it was carried out; does nothing if not.
    Revert(u64),
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileReply {
    /// All was done: what each step gave.
    Done(Vec<FileResult>),
    /// Nothing was done, because of this step.
    Refused(u8, FileError),
}

/// What a step gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileResult {
    /// The beginning of a file, and how many bytes it has in all.
    Content(Text<MAX_SHOWN>, u64),
    /// What stands in a folder, and how much more there is.
    Entries(Vec<FileEntry>, u32),
    /// So many bytes were written, or deleted; and whether there was such a file.
    Changed(u64, bool),
    /// It was taken back, or need not be.
    Undone,
}

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, without the folder.
    pub name: Path,
    /// Its size; none for a folder.
    pub bytes: Option<u64>,
}

/// The most bytes that a program reads or writes in one call.
pub const MAX_CHUNK: usize = 3 * 1024;

/// What a program asks of the service itself, by a call with these bytes in
/// postcard; the answer is a [`FileAnswer`]. Each call is all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileCall {
    /// Bytes of a file, from an offset on.
    Read(Path, u64),
    /// What stands in a folder, but for so many entries.
    List(Path, u32),
    /// Writes a file, in place of what was there.
    Write(Path, Vec<u8>),
    /// Adds to the end of a file.
    Append(Path, Vec<u8>),
    /// Deletes a file.
    Delete(Path),
}

/// What comes of a [`FileCall`].
pub type FileAnswer = Result<FileGiven, FileError>;

/// What a [`FileCall`] gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileGiven {
    /// Bytes, and how many the file has in all.
    Bytes(Vec<u8>, u64),
    /// Entries, and how many more come behind them.
    Entries(Vec<FileEntry>, u32),
    /// It is done.
    Done,
}

words! {
    /// Why something was not done with files.
    FileError {
        /// There is no such file.
        NotFound = "there is no such file",
        /// That is no path.
        BadPath = "that is no path; one looks like /notes/todo.txt",
        /// A folder where a file is meant, or the other way round.
        WrongKind = "a folder is no file, and a file no folder",
        /// Larger than a file may be.
        TooLarge = "a file has at most 1 MiB",
        /// The owner has as much as they may have.
        OverQuota = "that is more than this user may keep; delete something first",
        /// The disk is full.
        Full = "the disk is full; delete something first",
        /// What would be taken back was changed since.
        ChangedSince = "the file was changed since",
        /// Nothing is known of the change.
        NoChange = "what the file was before is not kept any more",
        /// Somebody else's.
        NotPermitted = "that is not among the files of the one who asks",
        /// Not understood, or not ready.
        Invalid = "the store does not understand that",
        /// The disk, or what is on it, is broken.
        Broken = "the disk does not answer as it should",
    }
}

impl FileError {
    /// The reason for a rejection.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NotFound => Reason::NoSuchTarget,
            Self::BadPath | Self::Invalid => Reason::Malformed,
            Self::TooLarge => Reason::TooMany,
            Self::OverQuota | Self::Full => Reason::OverQuota,
            Self::ChangedSince | Self::NoChange => Reason::NotUndoable,
            Self::NotPermitted => Reason::NotPermitted,
            Self::WrongKind | Self::Broken => Reason::WrongState,
        }
    }
}

impl core::error::Error for FileError {}

/// Shows text from a file: lines stay lines, what a terminal would obey does not.
#[derive(Debug, Clone, Copy)]
pub struct Harmless<'a>(pub &'a str);

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        let shown = |c: char| match c {
            '\n' | '\t' => c,
            // Also what turns the direction of writing round.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
            c if c.is_control() => '?',
            c => c,
        };
        self.0.chars().try_for_each(|c| f.write_char(shown(c)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_root_and_stay_below_it() {
        for good in [
            "/",
            "/a",
            "/notes/to do.txt",
            "/ä/ö",
            "/a.b",
            "/...",
            "/.new/x",
        ] {
            assert!(is_path(good), "{good}");
        }
        let long = std::format!("/{}", "x".repeat(128));
        for bad in [
            "", "a", "a/b", "//", "/a//b", "/a/", "/..", "/a/../b", "/.", "/a\0b", "/a\nb", &long,
        ] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_folder_has_what_is_below_it_and_no_namesakes() {
        assert!(is_within("/users/anna", "/users/anna"));
        assert!(is_within("/users/anna/x", "/users/anna"));
        assert!(is_within("/x", "/") && is_within("/", "/"));
        assert!(!is_within("/users/anna2/x", "/users/anna"));
        assert!(!is_within("/users", "/users/anna"));
    }

    #[test]
    fn nothing_in_a_file_steers_a_terminal() {
        let text = "a\u{1b}[2Jb\r\u{7}\u{9b}\u{202e}x\tä\n";
        assert_eq!(std::format!("{}", Harmless(text)), "a?[2Jb????x\tä\n");
    }

    #[test]
    fn the_largest_request_fits() {
        let path = Path::cut(&"p".repeat(128));
        let step = FileStep::Write(path, Content::cut(&"c".repeat(1024)));
        let request = FileRequest {
            number: u64::MAX,
            oldest: u64::MAX,
            is_first: true,
            steps: List::new(std::vec![step; crate::plan::MAX_ACTIONS]).unwrap(),
        };
        assert!(postcard::to_allocvec(&request).unwrap().len() <= MAX_REQUEST);
    }
}
