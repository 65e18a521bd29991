//! Power cuts at every kind of moment, and disks that are none.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a test shall panic"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use proviso_store::{Disk, DiskError, Entry, MAX_FILE, SECTOR, Store, StoreError};

/// What is left of a disk when the power goes.
#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// Written, but not flushed: a cut may lose any of it.
    cached: Vec<(usize, Vec<u8>)>,
    /// Sectors until the power goes.
    left: Option<usize>,
}

/// A disk in memory whose power can go. A clone is another plug of the same disk.
#[derive(Debug, Clone, Default)]
struct Memory(Rc<RefCell<Platter>>);

impl Memory {
    fn blank(bytes: usize) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().bytes = vec![0; bytes];
        disk
    }

    /// The power goes when so many more sectors are written.
    fn cut_after(&self, sectors: usize) {
        self.0.borrow_mut().left = Some(sectors);
    }

    /// The power comes back. Of what was not flushed, what `keeps` chooses is there.
    fn restart(&self, mut keeps: impl FnMut() -> bool) {
        let mut platter = self.0.borrow_mut();
        platter.left = None;
        for (at, sector) in std::mem::take(&mut platter.cached) {
            if keeps() {
                platter.bytes[at..at + SECTOR].copy_from_slice(&sector);
            }
        }
    }
}

impl Disk for Memory {
    fn sectors(&self) -> u64 {
        (self.0.borrow().bytes.len() / SECTOR) as u64
    }

    fn read(&mut self, sector: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let platter = self.0.borrow();
        let start = sector as usize * SECTOR;
        let range = start..start + buffer.len();
        buffer.copy_from_slice(platter.bytes.get(range).ok_or(DiskError)?);
        for (at, cached) in &platter.cached {
            if let Some(offset) = at.checked_sub(start).filter(|it| *it < buffer.len()) {
                buffer[offset..offset + SECTOR].copy_from_slice(cached);
            }
        }
        Ok(())
    }

    fn write(&mut self, sector: u64, data: &[u8]) -> Result<(), DiskError> {
        let mut platter = self.0.borrow_mut();
        let start = sector as usize * SECTOR;
        if start + data.len() > platter.bytes.len() {
            return Err(DiskError);
        }
        for (index, one) in data.chunks(SECTOR).enumerate() {
            match &mut platter.left {
                Some(0) => return Err(DiskError),
                Some(left) => *left -= 1,
                None => {}
            }
            platter.cached.push((start + index * SECTOR, one.to_vec()));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        let mut platter = self.0.borrow_mut();
        if platter.left == Some(0) {
            return Err(DiskError);
        }
        for (at, sector) in std::mem::take(&mut platter.cached) {
            platter.bytes[at..at + SECTOR].copy_from_slice(&sector);
        }
        Ok(())
    }
}

const SMALL: usize = 64 * 4096;

/// Something to do to a store.
#[derive(Debug, Clone)]
enum Step {
    Write(usize, usize),
    Delete(usize),
}

const PATHS: [&str; 5] = ["/a", "/b", "/notes/todo.txt", "/notes/old", "/deep/er/file"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..PATHS.len(), prop_oneof![0..200usize, 0..20_000usize])
            .prop_map(|(path, size)| Step::Write(path, size)),
        1 => (0..PATHS.len()).prop_map(Step::Delete),
    ]
}

/// What a file of this size holds, different each time.
fn content(size: usize, turn: usize) -> Vec<u8> {
    (0..size)
        .map(|at| (at * 31 + turn * 7 + size) as u8)
        .collect()
}

type Files = BTreeMap<&'static str, Vec<u8>>;

/// Does a step in the store and in what should be there; whether the store did it.
fn apply(store: &mut Store<Memory>, files: &mut Files, step: &Step, turn: usize) -> bool {
    match *step {
        Step::Write(path, size) => {
            let content = content(size, turn);
            let done = store.write(PATHS[path], &content);
            files.insert(PATHS[path], content);
            done.is_ok()
        }
        Step::Delete(path) => {
            let there = files.remove(PATHS[path]).is_some();
            let done = store.delete(PATHS[path]);
            done.is_ok() || (!there && done == Err(StoreError::NotFound))
        }
    }
}

fn found(store: &Store<Memory>) -> Files {
    let read = PATHS.iter().map(|path| (*path, store.read(path)));
    read.filter_map(|(path, content)| match content {
        Ok(content) => Some((path, content)),
        Err(StoreError::NotFound) => None,
        Err(other) => panic!("{path}: {other}"),
    })
    .collect()
}

/// Steps until the power goes; afterwards everything acknowledged is there, and the
/// step that was cut happened whole or not at all.
fn survive(steps: &[Step], cut: usize, keep: &[bool]) {
    let disk = Memory::blank(SMALL);
    disk.cut_after(cut);
    let Ok(mut store) = Store::open(disk.clone(), 1) else {
        // Cut while it was being made.
        disk.restart(keeper(keep));
        assert_eq!(found(&Store::open(disk, 2).unwrap()), Files::new());
        return;
    };
    let mut before = Files::new();
    let mut after = Files::new();
    for (turn, step) in steps.iter().enumerate() {
        before = after.clone();
        if !apply(&mut store, &mut after, step, turn) {
            break;
        }
        before = after.clone();
    }
    // The machine is off: nothing more is written.
    disk.cut_after(0);
    drop(store);
    disk.restart(keeper(keep));
    let mut store = Store::open(disk, 2).expect("the store opens after a cut");
    let there = found(&store);
    assert!(
        there == before || there == after,
        "neither before nor after"
    );
    // And it goes on.
    store.write("/alive", b"yes").unwrap();
    assert_eq!(store.read("/alive").unwrap(), b"yes");
}

/// Keeps what this says, over and over.
fn keeper(keep: &[bool]) -> impl FnMut() -> bool {
    let mut keep = keep.iter().cycle();
    move || *keep.next().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_at_four_hundred_power_cuts() {
    let steps = prop::collection::vec(step(), 1..12);
    let keep = prop::collection::vec(any::<bool>(), 1..16);
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(400)
    };
    // The same cuts in each run.
    let random = TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, random)
        .run(&(steps, 0..160usize, keep), |(steps, cut, keep)| {
            survive(&steps, cut, &keep);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_cut_at_each_single_write_of_a_new_and_an_old_file() {
    let steps = [Step::Write(2, 5000), Step::Write(2, 9000), Step::Delete(2)];
    for cut in 0..60 {
        for keep in [[true, true], [false, false], [true, false], [false, true]] {
            survive(&steps, cut, &keep);
        }
    }
}

#[test]
fn files_are_kept_listed_and_deleted() {
    let disk = Memory::blank(SMALL);
    let mut store = Store::open(disk.clone(), 1).unwrap();
    store.write("/notes/todo.txt", b"ship it").unwrap();
    store.write("/motd", b"").unwrap();
    store.write("/notes/todo.txt", b"shipped").unwrap();
    drop(store);
    let mut store = Store::open(disk, 2).unwrap();
    assert_eq!(store.read("/notes/todo.txt").unwrap(), b"shipped");
    let entry = |name: &str, bytes| Entry {
        name: name.into(),
        bytes,
    };
    assert_eq!(
        store.list("/").unwrap(),
        [entry("motd", Some(0)), entry("notes", None)]
    );
    assert_eq!(store.list("/notes").unwrap(), [entry("todo.txt", Some(7))]);
    assert_eq!(store.delete("/notes"), Err(StoreError::WrongKind));
    store.delete("/notes/todo.txt").unwrap();
    assert_eq!(store.read("/notes/todo.txt"), Err(StoreError::NotFound));
    assert_eq!(store.list("/notes"), Err(StoreError::NotFound));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut store = Store::open(Memory::blank(SMALL), 3).unwrap();
    store.write("/folder/file", b"x").unwrap();
    for (path, error) in [
        ("/folder", StoreError::WrongKind),
        ("/folder/file/below", StoreError::WrongKind),
        ("/", StoreError::WrongKind),
        ("folder", StoreError::BadPath),
        ("/../etc", StoreError::BadPath),
        ("/a\0b", StoreError::BadPath),
    ] {
        assert_eq!(store.write(path, b"y"), Err(error), "{path:?}");
    }
    assert_eq!(store.read("/folder"), Err(StoreError::WrongKind));
    assert_eq!(store.delete("/nowhere"), Err(StoreError::NotFound));
    let large = vec![0; MAX_FILE + 1];
    assert_eq!(store.write("/large", &large), Err(StoreError::TooLarge));
    assert_eq!(store.list("/").unwrap().len(), 1);
    assert_eq!(store.read("/folder/file").unwrap(), b"x");
}

#[test]
fn a_full_disk_says_so_and_keeps_what_it_has() {
    let mut store = Store::open(Memory::blank(SMALL), 3).unwrap();
    store.write("/first", &content(3000, 1)).unwrap();
    let fill = (0..100).map(|turn| store.write(&format!("/fill-{turn}"), &content(9000, turn)));
    let refused: Vec<_> = fill.filter_map(Result::err).collect();
    assert!(!refused.is_empty() && refused.iter().all(|error| *error == StoreError::Full));
    assert_eq!(store.read("/first").unwrap(), content(3000, 1));
    store.delete("/fill-0").unwrap();
    store.write("/first", b"small").unwrap();
    assert_eq!(store.read("/first").unwrap(), b"small");
}

#[test]
fn a_disk_with_something_else_on_it_is_left_alone() {
    let disk = Memory::blank(SMALL);
    disk.0.borrow_mut().bytes[..9].copy_from_slice(b"precious!");
    assert_eq!(
        Store::open(disk.clone(), 1).err(),
        Some(StoreError::Corrupt)
    );
    assert_eq!(&disk.0.borrow().bytes[..9], b"precious!");
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(64) })]

    /// No content of a disk makes the store panic or hang.
    #[test]
    fn any_disk_is_opened_or_refused(
        garbage in prop::collection::vec((0..SMALL, any::<u8>()), 1..40),
        formatted in any::<bool>(),
    ) {
        let disk = Memory::blank(SMALL);
        if formatted {
            let mut store = Store::open(disk.clone(), 1).unwrap();
            for (turn, path) in PATHS.iter().enumerate() {
                store.write(path, &content(2000, turn)).unwrap();
            }
        }
        for (at, byte) in garbage {
            // Half of them where the store keeps its books.
            let at = if byte % 2 == 0 { at % 8192 } else { at };
            disk.0.borrow_mut().bytes[at] = byte;
        }
        if let Ok(mut store) = Store::open(disk, 2) {
            for path in PATHS {
                let _ = store.read(path);
                let _ = store.write(path, b"again");
                let _ = store.list("/");
            }
        }
    }
}
