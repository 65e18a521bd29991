//! The store: whole files under paths.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use ekv::config::{MAX_KEY_SIZE, MAX_VALUE_SIZE};
use ekv::{Config, Database};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::format;
use crate::key;
use crate::pages::Pages;
use crate::path;

/// The most bytes of a file.
pub const MAX_FILE: usize = 1 << 20;

/// What stands in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, without the folder.
    pub name: String,
    /// Its size in bytes; none for a folder.
    pub bytes: Option<usize>,
}

/// Files on a disk. Folders are there as long as there is a file in them.
pub struct Store<D: Disk> {
    pieces: Database<Pages<D>, NoopRawMutex>,
}

impl<D: Disk> Store<D> {
    /// The store on this disk. A disk with nothing but zeros on it is
    /// given an empty store; one with anything else on it is left alone. `seed`
    /// spreads wear over the disk and may be any number.
    ///
    /// # Errors
    /// When the disk fails, or holds something that is no store.
    pub fn open(mut disk: D, seed: u32) -> Result<Self, StoreError> {
        let blank = format::is_wanted(&mut disk)?;
        if blank {
            format::begin(&mut disk)?;
        }
        let mut config = Config::default();
        config.random_seed = seed;
        let pieces = Database::new(Pages(disk), config);
        if blank {
            now(pieces.format())??;
            format::end(&mut now(pieces.lock_flash())?.0)?;
        }
        now(pieces.mount())??;
        Ok(Self { pieces })
    }

    /// A whole file.
    ///
    /// # Errors
    /// When there is none, it is a folder, or the disk fails.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        path::check(path)?;
        let mut content = None;
        self.each_piece(path, |found, _, piece| {
            if found == path {
                let content: &mut Vec<u8> = content.get_or_insert_default();
                content.extend_from_slice(piece);
            }
            found == path && content.as_ref().is_none_or(|it| it.len() <= MAX_FILE)
        })?;
        match content {
            Some(content) if content.len() <= MAX_FILE => Ok(content),
            Some(_) => Err(StoreError::TooLarge),
            None if self.is_folder(path)? => Err(StoreError::WrongKind),
            None => Err(StoreError::NotFound),
        }
    }

    /// Writes a file, in place of what was there.
    ///
    /// # Errors
    /// When it is too large or does not fit, the path is a folder or below a file,
    /// or the disk fails.
    pub fn write(&mut self, path: &str, content: &[u8]) -> Result<(), StoreError> {
        path::check(path)?;
        if content.len() > MAX_FILE {
            return Err(StoreError::TooLarge);
        }
        if self.is_folder(path)? {
            return Err(StoreError::WrongKind);
        }
        for folder in path::folders(path) {
            if self.pieces_of(folder)? > 0 {
                return Err(StoreError::WrongKind);
            }
        }
        let old = self.pieces_of(path)?;
        // An empty file is one empty piece.
        let first = content
            .get(..content.len().min(MAX_VALUE_SIZE))
            .unwrap_or_default();
        let rest = content.get(first.len()..).unwrap_or_default();
        let pieces = core::iter::once(first).chain(rest.chunks(MAX_VALUE_SIZE));
        now(async {
            let mut change = self.pieces.write_transaction().await;
            let mut next = 0;
            for piece in pieces {
                change.write(&key::piece(path, next), piece).await?;
                next = next.saturating_add(1);
            }
            for number in next..old {
                change.delete(&key::piece(path, number)).await?;
            }
            Ok(change.commit().await?)
        })?
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// When there is none, it is a folder, or the disk fails.
    pub fn delete(&mut self, path: &str) -> Result<(), StoreError> {
        path::check(path)?;
        let count = self.pieces_of(path)?;
        if count == 0 {
            return Err(if self.is_folder(path)? {
                StoreError::WrongKind
            } else {
                StoreError::NotFound
            });
        }
        now(async {
            let mut change = self.pieces.write_transaction().await;
            for number in 0..count {
                change.delete(&key::piece(path, number)).await?;
            }
            Ok(change.commit().await?)
        })?
    }

    /// What stands in a folder, by name.
    ///
    /// # Errors
    /// When nothing does and it is not the root, or the disk fails.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>, StoreError> {
        path::check(folder)?;
        let inside = path::inside(folder);
        let mut entries: Vec<Entry> = Vec::new();
        self.each_piece(&inside, |found, _, piece| {
            let Some(below) = found.strip_prefix(inside.as_str()) else {
                return false;
            };
            let (name, bytes) = match below.split_once('/') {
                Some((name, _)) => (name, None),
                None => (below, Some(piece.len())),
            };
            match entries.iter_mut().find(|entry| entry.name == name) {
                Some(entry) => {
                    entry.bytes = entry
                        .bytes
                        .zip(bytes)
                        .map(|(sum, one)| sum.saturating_add(one));
                }
                None => entries.push(Entry {
                    name: name.into(),
                    bytes,
                }),
            }
            true
        })?;
        if entries.is_empty() && folder != "/" {
            return Err(if self.pieces_of(folder)? > 0 {
                StoreError::WrongKind
            } else {
                StoreError::NotFound
            });
        }
        entries.sort_unstable();
        Ok(entries)
    }

    /// How many pieces the file has; none if there is no such file.
    fn pieces_of(&self, path: &str) -> Result<u16, StoreError> {
        let mut count: u16 = 0;
        self.each_piece(path, |found, _, _| {
            let more = found == path;
            count = count.saturating_add(u16::from(more));
            more
        })?;
        Ok(count)
    }

    fn is_folder(&self, path: &str) -> Result<bool, StoreError> {
        let inside = path::inside(path);
        let mut found_one = path == "/";
        self.each_piece(&inside, |found, _, _| {
            found_one = found_one || found.starts_with(inside.as_str());
            false
        })?;
        Ok(found_one)
    }

    /// Shows the pieces from `from` on, by path and number, until told to stop.
    fn each_piece(
        &self,
        from: &str,
        mut see: impl FnMut(&str, u16, &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        now(async {
            let reading = self.pieces.read_transaction().await;
            let mut cursor = reading.read_range(from.as_bytes()..).await?;
            let mut name = [0; MAX_KEY_SIZE];
            let mut value = vec![0; MAX_VALUE_SIZE];
            while let Some((name_len, value_len)) = cursor.next(&mut name, &mut value).await? {
                let name = name.get(..name_len).unwrap_or_default();
                let (path, number) = key::parse(name).ok_or(StoreError::Corrupt)?;
                if !see(path, number, value.get(..value_len).unwrap_or_default()) {
                    break;
                }
            }
            Ok(())
        })?
    }
}

/// The result of something that never waits: a disk here answers before it returns.
fn now<T>(work: impl Future<Output = T>) -> Result<T, StoreError> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => Err(StoreError::Disk),
    }
}
