//! The machine's disk: an image that stays from one run to the next.

use std::{
    convert::Infallible,
    fmt,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};

use crate::paths;

/// What an image is made with: zeros, which the store of files makes its own.
const SIZE: u64 = 16 << 20;

/// Which disk a machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DiskChoice {
    /// The one of this working copy, if no other machine uses it.
    #[default]
    Own,
    /// None: everything but files works.
    None,
    /// This image.
    Image(PathBuf),
}

impl FromStr for DiskChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "own" => Self::Own,
            "none" => Self::None,
            path => Self::Image(path.into()),
        })
    }
}

impl fmt::Display for DiskChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::None => f.write_str("none"),
            Self::Image(path) => write!(f, "{}", path.display()),
        }
    }
}

impl DiskChoice {
    /// The image's file.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Own => Some(paths::state().join("disk.img")),
            Self::None => None,
            Self::Image(path) => Some(path.clone()),
        }
    }

    /// Makes the image if there is none, and keeps it from other machines as long as
    /// the file is open. If the own one is in use, there is none for this machine.
    ///
    /// # Errors
    /// When it cannot be made, or one that was named is in use.
    pub fn take(&mut self) -> Result<Option<File>> {
        let Some(path) = self.path() else {
            return Ok(None);
        };
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) if *self == Self::Own => {
                eprintln!(
                    "Another machine uses {}, so this one has no disk; --disk FILE gives it its own",
                    path.display()
                );
                *self = Self::None;
                Ok(None)
            }
            Err(TryLockError::WouldBlock) => {
                bail!("{}: another machine uses this disk", path.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

/// Opens an image, and makes it first if need be.
///
/// # Errors
/// When it cannot be made or opened.
pub fn open(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    let context = || format!("cannot open the disk {}", path.display());
    let file = options.open(path).with_context(context)?;
    if file.metadata().with_context(context)?.len() == 0 {
        file.set_len(SIZE).with_context(context)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_made_once_and_belongs_to_one_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/disk.img");
        let mut choice = DiskChoice::Image(path.clone());
        let held = choice.take().unwrap().unwrap();
        assert_eq!(held.metadata().unwrap().len(), SIZE);
        let error = choice.clone().take().unwrap_err().to_string();
        assert!(error.contains("another machine"), "{error}");
        drop(held);
        fs::write(&path, [1; 512]).unwrap();
        drop(choice.take().unwrap());
        assert_eq!(fs::read(&path).unwrap(), [1; 512], "what is there stays");
    }

    #[test]
    fn a_disk_is_chosen_by_word_or_path() {
        for (text, choice) in [
            ("own", DiskChoice::Own),
            ("none", DiskChoice::None),
            ("x.img", DiskChoice::Image("x.img".into())),
        ] {
            assert_eq!(text.parse(), Ok(choice.clone()));
            assert_eq!(choice.to_string(), text);
        }
    }
}
