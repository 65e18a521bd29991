//! The store: whole files under paths.

use alloc::collections::BTreeMap;
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

/// The most bytes of a file.
pub const MAX_FILE: usize = 1 << 20;

/// The most files.
pub const MAX_FILES: usize = 4096;
/// The most bytes of a name.
pub const MAX_NAME: usize = 128;

/// Files on a disk. Folders are there as long as there is a file in them.
pub struct Store<D: Disk> {
    pieces: Database<Pages<D>, NoopRawMutex>,
    /// The sizes of all files, as on the disk.
    sizes: BTreeMap<String, usize>,
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
        let pages = Pages {
            disk,
            is_new: blank,
        };
        let pieces = Database::new(pages, config);
        if blank {
            now(pieces.format())??;
            let mut pages = now(pieces.lock_flash())?;
            pages.is_new = false;
            format::end(&mut pages.disk)?;
        }
        now(pieces.mount())??;
        let mut store = Self {
            pieces,
            sizes: BTreeMap::new(),
        };
        store.measure()?;
        Ok(store)
    }

    /// Finds all files.
    fn measure(&mut self) -> Result<(), StoreError> {
        let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
        self.each_piece("", |path, _, piece| {
            let size = match sizes.get_mut(path) {
                Some(size) => size,
                None => sizes.entry(path.into()).or_default(),
            };
            *size = size.saturating_add(piece.len());
            true
        })?;
        self.sizes = sizes;
        Ok(())
    }

    /// Every file and its size, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, usize)> {
        self.sizes.iter().map(|(path, size)| (path.as_str(), *size))
    }

    /// The size of a file; none if there is none.
    #[must_use]
    pub fn size(&self, path: &str) -> Option<usize> {
        self.sizes.get(path).copied()
    }

    /// A whole file.
    ///
    /// # Errors
    /// When there is none, or the disk fails.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let size = self.size(path).ok_or(StoreError::NotFound)?;
        let mut content = Vec::with_capacity(size);
        self.each_piece(path, |found, _, piece| {
            if found == path {
                content.extend_from_slice(piece);
            }
            found == path && content.len() <= size
        })?;
        match content.len() == size {
            true => Ok(content),
            false => Err(StoreError::Corrupt),
        }
    }

    /// Writes files, and deletes those without content: all of it or nothing.
    /// A name may be any text of at most [`MAX_NAME`] bytes without a zero byte.
    ///
    /// # Errors
    /// When something is too large or does not fit: then nothing was changed. When
    /// the disk fails: then it must be opened again.
    pub fn change(
        &mut self,
        changes: &BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        for (name, content) in changes {
            if name.len() > MAX_NAME || name.contains('\0') {
                return Err(StoreError::BadPath);
            }
            if content.as_ref().is_some_and(|it| it.len() > MAX_FILE) {
                return Err(StoreError::TooLarge);
            }
        }
        let added = changes.iter().filter(|(_, content)| content.is_some());
        if self.sizes.len().saturating_add(added.count()) > MAX_FILES {
            return Err(StoreError::Full);
        }
        // The keys of a transaction must come in order, as those of the map do.
        now(async {
            let mut change = self.pieces.write_transaction().await;
            for (name, content) in changes {
                let pieces = content.as_deref().map(pieces).into_iter().flatten();
                let mut next = 0;
                for piece in pieces {
                    change.write(&key::piece(name, next), piece).await?;
                    next = next.saturating_add(1);
                }
                for number in next..self.pieces_of(name) {
                    change.delete(&key::piece(name, number)).await?;
                }
            }
            Ok::<(), StoreError>(change.commit().await?)
        })??;
        for (name, content) in changes {
            match content {
                Some(content) => self.sizes.insert(name.clone(), content.len()),
                None => self.sizes.remove(name),
            };
        }
        Ok(())
    }

    /// How many pieces the file has on the disk; none if there is no such file.
    fn pieces_of(&self, name: &str) -> u16 {
        let count = |size: usize| size.div_ceil(MAX_VALUE_SIZE).max(1);
        let count = self.size(name).map_or(0, count);
        u16::try_from(count).unwrap_or(u16::MAX)
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

/// A content in pieces; an empty one is one empty piece.
fn pieces(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = content.split_at(content.len().min(MAX_VALUE_SIZE));
    core::iter::once(first).chain(rest.chunks(MAX_VALUE_SIZE))
}

/// The result of something that never waits: a disk here answers before it returns.
fn now<T>(work: impl Future<Output = T>) -> Result<T, StoreError> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => Err(StoreError::Disk),
    }
}
