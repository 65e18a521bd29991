//! Power cuts at every kind of moment, and disks that are none.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a test shall panic"
)]

mod memory;

use std::collections::BTreeMap;

use memory::Memory;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use proviso_store::{MAX_FILE, Store, StoreError};

const SMALL: usize = 64 * 4096;

fn write(store: &mut Store<Memory>, path: &str, content: &[u8]) -> Result<(), StoreError> {
    store.change(&BTreeMap::from([(path.into(), Some(content.to_vec()))]))
}

fn delete(store: &mut Store<Memory>, path: &str) -> Result<(), StoreError> {
    store.change(&BTreeMap::from([(path.into(), None)]))
}

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
            let done = write(store, PATHS[path], &content);
            files.insert(PATHS[path], content);
            done.is_ok()
        }
        Step::Delete(path) => {
            files.remove(PATHS[path]);
            delete(store, PATHS[path]).is_ok()
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
    write(&mut store, "/alive", b"yes").unwrap();
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
fn files_change_together() {
    let disk = Memory::blank(SMALL);
    let mut store = Store::open(disk.clone(), 1).unwrap();
    write(&mut store, "/b", b"old").unwrap();
    let changes = [
        ("/a", Some(content(9000, 1))),
        ("/b", None),
        ("\u{1}x", Some(vec![])),
    ];
    let changes = changes.map(|(path, content)| (path.to_string(), content));
    store.change(&BTreeMap::from(changes)).unwrap();
    drop(store);
    let store = Store::open(disk, 2).unwrap();
    assert!(store.files().eq([("\u{1}x", 0), ("/a", 9000)]));
    assert_eq!(store.read("/a").unwrap(), content(9000, 1));
    assert_eq!(store.read("/b"), Err(StoreError::NotFound));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let mut store = Store::open(Memory::blank(SMALL), 3).unwrap();
    write(&mut store, "/file", b"x").unwrap();
    for path in ["/a\0b", &"x".repeat(129)] {
        assert_eq!(write(&mut store, path, b"y"), Err(StoreError::BadPath));
    }
    let large = BTreeMap::from([
        ("/file".into(), None),
        ("/large".into(), Some(vec![0; MAX_FILE + 1])),
    ]);
    assert_eq!(store.change(&large), Err(StoreError::TooLarge));
    assert_eq!(store.read("/nowhere"), Err(StoreError::NotFound));
    assert!(store.files().eq([("/file", 1)]));
}

#[test]
fn a_full_disk_says_so_and_keeps_what_it_has() {
    let mut store = Store::open(Memory::blank(SMALL), 3).unwrap();
    write(&mut store, "/first", &content(3000, 1)).unwrap();
    let fill =
        (0..100).map(|turn| write(&mut store, &format!("/fill-{turn}"), &content(9000, turn)));
    let refused: Vec<_> = fill.filter_map(Result::err).collect();
    assert!(!refused.is_empty() && refused.iter().all(|error| *error == StoreError::Full));
    assert_eq!(store.read("/first").unwrap(), content(3000, 1));
    delete(&mut store, "/fill-0").unwrap();
    write(&mut store, "/first", b"small").unwrap();
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
                write(&mut store, path, &content(2000, turn)).unwrap();
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
                let _ = write(&mut store, path, b"again");
            }
        }
    }
}
