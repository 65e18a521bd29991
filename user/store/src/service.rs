//! What the kernel and programs ask of the files, carried out.
//!
//! A request's steps are done on a layer above the store; if all of them can be,
//! the layer goes down in one change, together with what takes it back. So a power
//! cut leaves all of a request or nothing, and a change can be taken back also
//! after this service was started again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proviso_abi::files::{
    FileAnswer, FileCall, FileEntry, FileError, FileGiven, FileReply, FileRequest, FileResult,
    FileStep, MAX_CHUNK, MAX_SHOWN, USERS, is_path, is_within,
};
use proviso_abi::ipc::Identity;
use proviso_abi::{Path, Text};
use serde::{Deserialize, Serialize};

use crate::disk::Disk;
use crate::error::StoreError;
use crate::store::{MAX_FILE, Store};

/// What an ordinary user's files may come to, and how many they may be.
pub const USER_BYTES: usize = 1 << 20;
/// The most files of an ordinary user.
pub const USER_FILES: usize = 128;
/// What the answer to a request of the kernel's may take, less some for itself.
const REPLY_BYTES: usize = 3800;

/// Files with requests upon them.
pub struct Service<D: Disk> {
    store: Store<D>,
}

/// Why a request was not carried out.
enum Failure {
    /// It cannot be; nothing was changed.
    Refused(FileError),
    /// The disk failed: nobody knows what is on it until it is opened again.
    Broken(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let refused = match error {
            StoreError::NotFound => FileError::NotFound,
            StoreError::BadPath => FileError::BadPath,
            StoreError::TooLarge => FileError::TooLarge,
            StoreError::Full => FileError::Full,
            StoreError::Corrupt | StoreError::Disk => return Self::Broken(error),
        };
        Self::Refused(refused)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Refused(error)
    }
}

/// What was there before a change, and a checksum of what it left.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    path: String,
    content: Option<Vec<u8>>,
    after: Option<u32>,
}

/// Files as they will be.
struct Layer<'a, D: Disk> {
    store: &'a Store<D>,
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

impl<D: Disk> Service<D> {
    /// Opens the store on this disk; see [`Store::open`].
    ///
    /// # Errors
    /// When the disk fails, or holds something that is no store.
    pub fn open(disk: D, seed: u32) -> Result<Self, StoreError> {
        let store = Store::open(disk, seed)?;
        Ok(Self { store })
    }

    /// Carries out a request of the kernel's.
    ///
    /// # Errors
    /// When the disk failed: then the store must be opened again.
    pub fn request(&mut self, request: &FileRequest) -> Result<FileReply, StoreError> {
        let mut layer = Layer::of(&self.store);
        layer.forget(request);
        let mut results = Vec::new();
        let share = REPLY_BYTES / request.steps.len().max(1);
        for (step, number) in request.steps.iter().zip(0u8..) {
            match layer.step(step, share) {
                Ok(result) => results.push(result),
                Err(Failure::Refused(error)) => return Ok(FileReply::Refused(number, error)),
                Err(Failure::Broken(error)) => return Err(error),
            }
        }
        let last = u8::try_from(request.steps.len().saturating_sub(1)).unwrap_or(u8::MAX);
        match layer.with_inverse(request.number) {
            Ok(changes) => match self.store.change(&changes).map_err(Failure::from) {
                Ok(()) => Ok(FileReply::Done(results)),
                Err(Failure::Refused(error)) => Ok(FileReply::Refused(last, error)),
                Err(Failure::Broken(error)) => Err(error),
            },
            Err(Failure::Refused(error)) => Ok(FileReply::Refused(last, error)),
            Err(Failure::Broken(error)) => Err(error),
        }
    }

    /// Carries out a call of a program's.
    ///
    /// # Errors
    /// When the disk failed: then the store must be opened again.
    pub fn call(&mut self, who: &Identity, call: &FileCall) -> Result<FileAnswer, StoreError> {
        match self.answer(who, call) {
            Ok(given) => Ok(Ok(given)),
            Err(Failure::Refused(error)) => Ok(Err(error)),
            Err(Failure::Broken(error)) => Err(error),
        }
    }

    fn answer(&mut self, who: &Identity, call: &FileCall) -> Result<FileGiven, Failure> {
        check_authority(who, call)?;
        let mut layer = Layer::of(&self.store);
        match call {
            FileCall::Read(path, from) => {
                let content = layer.read(path)?;
                let from = usize::try_from(*from).unwrap_or(usize::MAX);
                let rest = content.get(from..).unwrap_or_default();
                let piece = rest.get(..rest.len().min(MAX_CHUNK)).unwrap_or_default();
                return Ok(FileGiven::Bytes(piece.into(), content.len() as u64));
            }
            FileCall::List(path, skip) => {
                let (entries, more) = layer.list(path, *skip as usize, MAX_CHUNK)?;
                return Ok(FileGiven::Entries(entries, more));
            }
            FileCall::Write(path, bytes) => layer.write(path, bytes.clone())?,
            FileCall::Append(path, bytes) => {
                let mut content = match layer.read(path) {
                    Err(Failure::Refused(FileError::NotFound)) => Vec::new(),
                    other => other?,
                };
                content.extend_from_slice(bytes);
                layer.write(path, content)?;
            }
            FileCall::Delete(path) => layer.delete(path)?,
        }
        let changes = layer.changes;
        self.store.change(&changes)?;
        Ok(FileGiven::Done)
    }
}

/// A process may look at what its user may look at, and change what is kept for
/// its program: no more than it could spoil of itself.
fn check_authority(who: &Identity, call: &FileCall) -> Result<(), FileError> {
    let home = match &who.user {
        Some(user) => proviso_abi::files::home_of(user),
        None => Path::cut("/"),
    };
    let (path, folder) = match call {
        FileCall::Read(path, _) | FileCall::List(path, _) => (path, home),
        FileCall::Write(path, _) | FileCall::Append(path, _) | FileCall::Delete(path) => {
            let home = home.trim_end_matches('/');
            (
                path,
                Text::format(format_args!("{home}/programs/{}", who.program)),
            )
        }
    };
    match is_path(path) {
        false => Err(FileError::BadPath),
        true if is_within(path, &folder) => Ok(()),
        true => Err(FileError::NotPermitted),
    }
}

impl<'a, D: Disk> Layer<'a, D> {
    const fn of(store: &'a Store<D>) -> Self {
        Self {
            store,
            changes: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &FileStep, room: usize) -> Result<FileResult, Failure> {
        match step {
            FileStep::Read(path) => {
                let content = self.read(path)?;
                let room = room.min(MAX_SHOWN);
                let shown = content.get(..content.len().min(room)).unwrap_or_default();
                let text = String::from_utf8_lossy(shown);
                Ok(FileResult::Content(
                    fitting(&text, room),
                    content.len() as u64,
                ))
            }
            FileStep::List(path) => {
                let (entries, more) = self.list(path, 0, room)?;
                Ok(FileResult::Entries(entries, more))
            }
            FileStep::Write(path, content) => {
                let was_there = self.size(path).is_some();
                self.write(path, content.as_bytes().to_vec())?;
                Ok(FileResult::Changed(content.len() as u64, was_there))
            }
            FileStep::Delete(path) => {
                let size = self.size(path).unwrap_or(0);
                self.delete(path)?;
                Ok(FileResult::Changed(size as u64, true))
            }
            FileStep::Undo(number) => {
                let before = self.inverse(*number)?.ok_or(FileError::NoChange)?;
                // Kept until the kernel has forgotten the change: this may be taken back.
                self.take_back(before, true)?;
                Ok(FileResult::Undone)
            }
            FileStep::Revert(number) => {
                if let Some(before) = self.inverse(*number)? {
                    self.take_back(before, false)?;
                    self.changes.insert(inverse_name(*number), None);
                }
                Ok(FileResult::Undone)
            }
        }
    }

    /// Drops what takes changes back that never will be.
    fn forget(&mut self, request: &FileRequest) {
        let oldest = inverse_name(request.oldest);
        let is_old = |name: &&str| request.is_first || **name < *oldest;
        let names = self.store.files().map(|(name, _)| name);
        for name in names.filter(|name| is_inverse(name)).filter(is_old) {
            self.changes.insert(name.into(), None);
        }
    }

    /// The size of a file; none if there is none.
    fn size(&self, path: &str) -> Option<usize> {
        match self.changes.get(path) {
            Some(change) => change.as_ref().map(Vec::len),
            None => self.store.size(path),
        }
    }

    /// The files in a folder, with their sizes.
    fn within(&self, folder: &str) -> BTreeMap<&str, usize> {
        let stored = self
            .store
            .files()
            .filter(|(path, _)| !self.changes.contains_key(*path));
        let changed = self
            .changes
            .iter()
            .filter_map(|(path, change)| Some((path.as_str(), change.as_ref()?.len())));
        let all = stored.chain(changed);
        all.filter(|(path, _)| is_within(path, folder) && *path != folder)
            .filter(|(path, _)| !is_inverse(path))
            .collect()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        match self.changes.get(path) {
            Some(Some(content)) => Ok(content.clone()),
            _ if self.size(path).is_some() => Ok(self.store.read(path)?),
            _ if self.is_folder(path) => Err(FileError::WrongKind.into()),
            _ => Err(FileError::NotFound.into()),
        }
    }

    fn is_folder(&self, path: &str) -> bool {
        path == "/" || !self.within(path).is_empty()
    }

    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), Failure> {
        if !is_path(path) {
            return Err(FileError::BadPath.into());
        }
        if content.len() > MAX_FILE {
            return Err(FileError::TooLarge.into());
        }
        let is_below_file = crate::path::folders(path).any(|folder| self.size(folder).is_some());
        if is_below_file || self.is_folder(path) {
            return Err(FileError::WrongKind.into());
        }
        self.changes.insert(path.into(), Some(content));
        self.check_quota(path)
    }

    fn delete(&mut self, path: &str) -> Result<(), Failure> {
        if self.size(path).is_none() {
            let is_folder = self.is_folder(path);
            let error = if is_folder {
                FileError::WrongKind
            } else {
                FileError::NotFound
            };
            return Err(error.into());
        }
        self.changes.insert(path.into(), None);
        Ok(())
    }

    /// An ordinary user has so much and no more; the rest is the operator's.
    fn check_quota(&self, path: &str) -> Result<(), Failure> {
        let below = path.strip_prefix(USERS).and_then(|it| it.strip_prefix('/'));
        let Some((user, _)) = below.and_then(|below| below.split_once('/')) else {
            return Ok(());
        };
        let files = self.within(&format!("{USERS}/{user}"));
        let bytes: usize = files.values().sum();
        match bytes <= USER_BYTES && files.len() <= USER_FILES {
            true => Ok(()),
            false => Err(FileError::OverQuota.into()),
        }
    }

    /// What stands in a folder, but for the first entries, as much as fits so many
    /// bytes; and how much more there is.
    fn list(
        &self,
        folder: &str,
        skip: usize,
        room: usize,
    ) -> Result<(Vec<FileEntry>, u32), Failure> {
        if !is_path(folder) {
            return Err(FileError::BadPath.into());
        }
        let files = self.within(folder);
        if files.is_empty() && folder != "/" {
            let is_file = self.size(folder).is_some();
            let error = if is_file {
                FileError::WrongKind
            } else {
                FileError::NotFound
            };
            return Err(error.into());
        }
        let inside = crate::path::inside(folder);
        let mut entries: Vec<FileEntry> = Vec::new();
        for (path, size) in files {
            let below = path.strip_prefix(inside.as_str()).unwrap_or(path);
            let (name, bytes) = match below.split_once('/') {
                Some((name, _)) => (name, None),
                None => (below, Some(size as u64)),
            };
            if entries.last().is_none_or(|last| *last.name != *name) {
                let name = Path::cut(name);
                entries.push(FileEntry { name, bytes });
            }
        }
        let mut entries = entries.split_off(skip.min(entries.len()));
        let mut left = room;
        let fits = |entry: &FileEntry| {
            left = left.saturating_sub(entry.name.len().saturating_add(12));
            left > 0
        };
        let count = entries.iter().map(fits).take_while(|fits| *fits).count();
        let more = entries.len().saturating_sub(count);
        entries.truncate(count);
        Ok((entries, u32::try_from(more).unwrap_or(u32::MAX)))
    }

    /// What takes a change back, if it is known.
    fn inverse(&self, number: u64) -> Result<Option<Vec<Before>>, Failure> {
        let name = inverse_name(number);
        if self.size(&name).is_none() {
            return Ok(None);
        }
        let bytes = self.read(&name)?;
        let before = postcard::from_bytes(&bytes).map_err(|_| StoreError::Corrupt)?;
        Ok(Some(before))
    }

    fn take_back(&mut self, before: Vec<Before>, is_strict: bool) -> Result<(), Failure> {
        let mut restored = Vec::new();
        for Before {
            path,
            content,
            after,
        } in before
        {
            let now = match self.size(&path) {
                Some(_) => Some(crc32fast::hash(&self.read(&path)?)),
                None => None,
            };
            if now != after {
                // Somebody changed it since: theirs stays.
                match is_strict {
                    true => return Err(FileError::ChangedSince.into()),
                    false => continue,
                }
            }
            restored.push((path, content));
        }
        // Straight into the changes: what was there before has had its room, and one
        // path may be free for a file only when another is.
        self.changes.extend(restored);
        Ok(())
    }

    /// The changes, together with what takes them back under this number.
    fn with_inverse(mut self, number: u64) -> Result<BTreeMap<String, Option<Vec<u8>>>, Failure> {
        let mut before = Vec::new();
        for (path, change) in self.changes.iter().filter(|(path, _)| !is_inverse(path)) {
            let content = match self.store.size(path) {
                Some(_) => Some(self.store.read(path)?),
                None => None,
            };
            before.push(Before {
                path: path.clone(),
                content,
                after: change.as_deref().map(crc32fast::hash),
            });
        }
        // Number 0 is nobody's change.
        if !before.is_empty() && number > 0 {
            let bytes = postcard::to_allocvec(&before).map_err(|_| FileError::TooLarge)?;
            if bytes.len() > MAX_FILE {
                return Err(FileError::TooLarge.into());
            }
            self.changes.insert(inverse_name(number), Some(bytes));
        }
        Ok(self.changes)
    }
}

/// Where it is kept what takes a change back: no path begins like this.
fn inverse_name(number: u64) -> String {
    format!("\u{1}{number:016x}")
}

fn is_inverse(name: &str) -> bool {
    name.starts_with('\u{1}')
}

/// As much of a text as takes so many bytes.
fn fitting(text: &str, room: usize) -> Text<MAX_SHOWN> {
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    Text::cut(text.get(..end).unwrap_or_default())
}
