//! Requests of the kernel's and calls of programs, on a disk in memory.
#![expect(clippy::unwrap_used, reason = "what fails in a test shall panic")]

mod memory;

use memory::Memory;
use proviso_abi::files::{
    FileCall, FileEntry, FileError, FileGiven, FileReply, FileRequest, FileResult, FileStep,
};
use proviso_abi::ipc::Identity;
use proviso_abi::{List, Name, Path, Text};
use proviso_store::{Cache, Service, USER_BYTES, USER_FILES};

const SMALL: usize = 1024 * 4096;

struct Lab {
    disk: Memory,
    service: Service<Cache<Memory>>,
    last: u64,
    oldest: u64,
    is_first: bool,
}

fn path(path: &str) -> Path {
    Path::new(path).unwrap()
}

fn write(at: &str, content: &str) -> FileStep {
    FileStep::Write(path(at), Text::new(content).unwrap())
}

fn read(at: &str) -> FileStep {
    FileStep::Read(path(at))
}

fn delete(at: &str) -> FileStep {
    FileStep::Delete(path(at))
}

fn program(name: &str, user: Option<&str>) -> Identity {
    Identity {
        program: Name::cut(name),
        user: user.map(Name::cut),
    }
}

impl Lab {
    fn new() -> Self {
        let disk = Memory::blank(SMALL);
        let service = Service::open(Cache::new(disk.clone()), 1).unwrap();
        Self {
            disk,
            service,
            last: 0,
            oldest: 1,
            is_first: false,
        }
    }

    fn reopen(&mut self) {
        self.service = Service::open(Cache::new(self.disk.clone()), 2).unwrap();
    }

    fn request(&mut self, steps: Vec<FileStep>) -> FileReply {
        self.last += 1;
        let request = FileRequest {
            number: self.last,
            oldest: self.oldest,
            is_first: self.is_first,
            steps: List::new(steps).unwrap(),
        };
        self.service.request(&request).unwrap()
    }

    fn refused(&mut self, steps: Vec<FileStep>) -> (u8, FileError) {
        match self.request(steps) {
            FileReply::Refused(step, error) => (step, error),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, steps: Vec<FileStep>) -> Vec<FileResult> {
        match self.request(steps) {
            FileReply::Done(results) => results,
            other => panic!("{other:?}"),
        }
    }

    fn text(&mut self, at: &str) -> Option<String> {
        match self.request(vec![read(at)]) {
            FileReply::Done(results) => match &results[..] {
                [FileResult::Content(text, _)] => Some(text.to_string()),
                other => panic!("{other:?}"),
            },
            FileReply::Refused(0, FileError::NotFound) => None,
            other => panic!("{other:?}"),
        }
    }

    fn call(&mut self, who: &Identity, call: FileCall) -> Result<FileGiven, FileError> {
        self.service.call(who, &call).unwrap()
    }
}

#[test]
fn a_request_sees_its_own_steps_and_is_all_or_nothing() {
    let mut lab = Lab::new();
    let results = lab.done(vec![
        write("/a/b", "one"),
        read("/a/b"),
        write("/a/b", "two"),
    ]);
    assert_eq!(
        results,
        [
            FileResult::Changed(3, false),
            FileResult::Content(Text::cut("one"), 3),
            FileResult::Changed(3, true)
        ]
    );
    for (last, error) in [
        (read("/nowhere"), FileError::NotFound),
        (read("/a"), FileError::WrongKind),
        (delete("/a"), FileError::WrongKind),
        (delete("/nowhere"), FileError::NotFound),
        (write("/a", "x"), FileError::WrongKind),
        (write("/a/b/c", "x"), FileError::WrongKind),
        (write("/new/below", "x"), FileError::WrongKind),
        (write("a", "x"), FileError::BadPath),
        (write("/\u{1}", "x"), FileError::BadPath),
        (FileStep::List(path("/a/b")), FileError::WrongKind),
        (FileStep::Undo(99), FileError::NoChange),
    ] {
        let before = vec![write("/new", "x"), delete("/a/b"), write("/a/b", "y"), last];
        assert_eq!(lab.refused(before), (3, error));
    }
    assert_eq!(lab.text("/a/b").as_deref(), Some("two"));
    assert_eq!(lab.text("/new"), None);
}

#[test]
fn folders_show_what_is_in_them_and_nothing_else() {
    let mut lab = Lab::new();
    lab.done(vec![
        write("/a/b/c", "x"),
        write("/a/b2", "xyz"),
        write("/ab", ""),
    ]);
    let entry = |name: &str, bytes| FileEntry {
        name: path(name),
        bytes,
    };
    let results = lab.done(vec![FileStep::List(path("/")), FileStep::List(path("/a"))]);
    assert_eq!(
        results,
        [
            FileResult::Entries(vec![entry("a", None), entry("ab", Some(0))], 0),
            FileResult::Entries(vec![entry("b", None), entry("b2", Some(3))], 0)
        ]
    );
    // What does not fit is counted, and can be asked for.
    let steps = |from: u32| (from..from + 16).map(|n| write(&format!("/many/{n:04}"), "x"));
    (0..25).for_each(|turn| drop(lab.done(steps(turn * 16).collect())));
    let [FileResult::Entries(shown, more)] = &lab.done(vec![FileStep::List(path("/many"))])[..]
    else {
        panic!();
    };
    assert_eq!(shown.len() as u32 + more, 400);
    assert!(*more > 0);
    let who = program("x", None);
    let (mut all, mut left) = (Vec::new(), 1);
    while left > 0 {
        let call = FileCall::List(path("/many"), all.len() as u32);
        let Ok(FileGiven::Entries(entries, more)) = lab.call(&who, call) else {
            panic!();
        };
        all.extend(entries);
        left = more;
    }
    assert_eq!(all.len(), 400);
    assert!(all.is_sorted());
}

#[test]
fn a_change_is_taken_back_also_after_a_new_start() {
    let mut lab = Lab::new();
    lab.done(vec![write("/a", "old"), write("/gone", "g")]);
    lab.done(vec![write("/a", "new"), write("/b", "b"), delete("/gone")]);
    let change = lab.last;
    lab.reopen();
    // While somebody else has changed it, it stays.
    lab.done(vec![write("/b", "mine")]);
    assert_eq!(
        lab.refused(vec![FileStep::Undo(change)]),
        (0, FileError::ChangedSince)
    );
    assert_eq!(lab.text("/a").as_deref(), Some("new"));
    lab.done(vec![write("/b", "b")]);
    lab.done(vec![FileStep::Undo(change)]);
    let undo = lab.last;
    assert_eq!(lab.text("/a").as_deref(), Some("old"));
    assert_eq!(lab.text("/b"), None);
    assert_eq!(lab.text("/gone").as_deref(), Some("g"));
    assert_eq!(
        lab.refused(vec![FileStep::Undo(change)]),
        (0, FileError::ChangedSince)
    );
    // If the plan that undid it comes to nothing, it can be undone again.
    lab.done(vec![FileStep::Revert(undo)]);
    assert_eq!(lab.text("/a").as_deref(), Some("new"));
    lab.done(vec![FileStep::Undo(change)]);
    assert_eq!(lab.text("/a").as_deref(), Some("old"));
}

#[test]
fn a_file_that_took_the_place_of_a_folder_is_taken_back() {
    let mut lab = Lab::new();
    lab.done(vec![write("/d", "a file")]);
    lab.done(vec![delete("/d"), write("/d/x", "in a folder")]);
    let change = lab.last;
    lab.done(vec![FileStep::Revert(change)]);
    assert_eq!(lab.text("/d").as_deref(), Some("a file"));
    assert_eq!(lab.text("/d/x"), None);
}

#[test]
fn what_is_owed_is_taken_back_once_and_the_unknown_is_no_mistake() {
    let mut lab = Lab::new();
    lab.done(vec![write("/a", "old")]);
    lab.done(vec![write("/a", "new"), write("/b", "b")]);
    let change = lab.last;
    lab.done(vec![write("/b", "another's")]);
    for _ in 0..2 {
        lab.done(vec![FileStep::Revert(change), FileStep::Revert(77)]);
        assert_eq!(lab.text("/a").as_deref(), Some("old"));
        assert_eq!(lab.text("/b").as_deref(), Some("another's"));
    }
}

#[test]
fn what_will_not_be_taken_back_is_not_kept() {
    let mut lab = Lab::new();
    lab.done(vec![write("/a", "1")]);
    lab.done(vec![write("/a", "2")]);
    lab.oldest = 2;
    lab.done(vec![read("/a")]);
    assert_eq!(lab.refused(vec![FileStep::Undo(1)]).1, FileError::NoChange);
    lab.is_first = true;
    lab.done(vec![read("/a")]);
    lab.is_first = false;
    assert_eq!(lab.refused(vec![FileStep::Undo(2)]).1, FileError::NoChange);
}

#[test]
fn an_ordinary_user_has_so_much_and_no_more() {
    let mut lab = Lab::new();
    let ann = program("p", Some("Ann"));
    let at = path("/users/ann/programs/p/file");
    let chunk = vec![0; 65_536];
    let mut sum = 0;
    let error = loop {
        match lab.call(&ann, FileCall::Append(at.clone(), chunk.clone())) {
            Ok(_) => sum += chunk.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(sum, USER_BYTES);
    assert!(matches!(error, FileError::OverQuota | FileError::TooLarge));
    let other = path("/users/ann/programs/p/other");
    assert_eq!(
        lab.call(&ann, FileCall::Write(other, vec![0])),
        Err(FileError::OverQuota)
    );
    // By the kernel's requests too, and their number is bounded.
    assert_eq!(
        lab.refused(vec![write("/users/ann/x", "x")]),
        (0, FileError::OverQuota)
    );
    for number in 0..USER_FILES {
        lab.done(vec![write(&format!("/users/bob/{number}"), "")]);
    }
    assert_eq!(
        lab.refused(vec![write("/users/bob/one-more", "")]),
        (0, FileError::OverQuota)
    );
    lab.done(vec![write("/users/bob/0", "instead")]);
}

#[test]
fn a_program_changes_its_own_folder_alone() {
    let mut lab = Lab::new();
    lab.done(vec![write("/secret", "s"), write("/users/bob/x", "b")]);
    let call = |who: &Identity, lab: &mut Lab, at: &str| {
        [
            lab.call(who, FileCall::Write(path(at), vec![1])).is_ok(),
            lab.call(who, FileCall::Append(path(at), vec![1])).is_ok(),
            lab.call(who, FileCall::Read(path(at), 0)).is_ok(),
            lab.call(who, FileCall::Delete(path(at))).is_ok(),
        ]
    };
    let (own, ann) = (program("hog", None), program("hog", Some("ann")));
    assert_eq!(call(&own, &mut lab, "/programs/hog/x"), [true; 4]);
    assert_eq!(call(&ann, &mut lab, "/users/ann/programs/hog/x"), [true; 4]);
    let look = [false, false, true, false];
    assert_eq!(call(&own, &mut lab, "/secret"), look);
    for at in [
        "/secret",
        "/users/bob/x",
        "/programs/hog/x",
        "relative",
        "/users/ann/../bob/x",
    ] {
        assert_eq!(call(&ann, &mut lab, at), [false; 4], "{at}");
    }
    for at in [
        "/programs/hog2/x",
        "/programs/x",
        "/programs/hog/../x",
        "/\u{1}x",
    ] {
        assert_eq!(call(&own, &mut lab, at), [false; 4], "{at}");
    }
    let root = FileCall::List(path("/"), 0);
    assert_eq!(lab.call(&ann, root.clone()), Err(FileError::NotPermitted));
    assert!(lab.call(&own, root).is_ok());
}

#[test]
fn what_was_acknowledged_survives_a_cut_and_what_was_not_is_whole_or_nothing() {
    for cut in 0..40 {
        let mut lab = Lab::new();
        lab.done(vec![write("/a", "old"), write("/b", "old")]);
        lab.disk.cut_after(cut);
        let request = FileRequest {
            number: 2,
            oldest: 1,
            is_first: false,
            steps: List::new(vec![
                write("/a", "new"),
                write("/b", "new"),
                write("/c", "new"),
            ])
            .unwrap(),
        };
        let is_acknowledged = matches!(lab.service.request(&request), Ok(FileReply::Done(_)));
        lab.disk.cut_after(0);
        lab.disk.restart(|| cut % 2 == 0);
        lab.reopen();
        lab.last = 9;
        let now: Vec<_> = ["/a", "/b", "/c"].map(|at| lab.text(at)).into();
        let new = vec![Some("new".to_string()); 3];
        let old = vec![Some("old".into()), Some("old".into()), None];
        assert!(
            now == new || (now == old && !is_acknowledged),
            "{cut}: {now:?}"
        );
        // Either way the kernel can have it taken back.
        lab.done(vec![FileStep::Revert(2)]);
        let now: Vec<_> = ["/a", "/b", "/c"].map(|at| lab.text(at)).into();
        assert_eq!(now, old);
    }
}
