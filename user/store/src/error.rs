//! Why the store did not do something, in words for the one who asked.

use core::fmt;

use ekv::{CommitError, CursorError, Error, FormatError, MountError, WriteError};

use crate::disk::DiskError;
use crate::store::MAX_FILE;

/// Why something was not done. Nothing was changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such file, or no file in such a folder.
    NotFound,
    /// The name is none.
    BadPath,
    /// More than [`MAX_FILE`] bytes.
    TooLarge,
    /// The disk is full.
    Full,
    /// What is on the disk is no store, or a broken one.
    Corrupt,
    /// The disk failed.
    Disk,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "there is no such file",
            Self::BadPath => "that is no name",
            Self::TooLarge => return write!(f, "a file has at most {MAX_FILE} bytes"),
            Self::Full => "the disk is full; delete something first",
            Self::Corrupt => "what is on the disk is no store of files",
            Self::Disk => "the disk does not answer as it should",
        })
    }
}

impl core::error::Error for StoreError {}

impl From<DiskError> for StoreError {
    fn from(_: DiskError) -> Self {
        Self::Disk
    }
}

/// The errors of the layer below that mean the same in every one of its types.
macro_rules! from_below {
    ($($error:ident { $($variant:ident => $meaning:ident),* $(,)? })+) => {
        $(impl From<$error<DiskError>> for StoreError {
            fn from(error: $error<DiskError>) -> Self {
                match error {
                    $($error::$variant => Self::$meaning,)*
                    $error::Flash(DiskError) => Self::Disk,
                }
            }
        })+
    };
}

from_below! {
    Error { Corrupted => Corrupt }
    MountError { Corrupted => Corrupt }
    FormatError {}
    CursorError { Corrupted => Corrupt, KeyBufferTooSmall => Corrupt, ValueBufferTooSmall => Corrupt }
    CommitError { Corrupted => Corrupt, TransactionCanceled => Disk }
    WriteError {
        Corrupted => Corrupt, TransactionCanceled => Disk, Full => Full,
        KeyTooBig => BadPath, ValueTooBig => TooLarge, NotSorted => Corrupt,
    }
}
