//! Actions on files, with a pretended store.

use proviso_abi::console::ConsoleRequest;
use proviso_abi::files::{FileError, FileReply, FileRequest, FileResult, FileStep};
use proviso_abi::ipc::{Envelope, IS_CALL};
use proviso_abi::outcome::{IntentEvent, Reason};
use proviso_abi::syscall::{FOREVER, SUBMIT_CONSOLE, Syscall};
use proviso_abi::{Action, Effect, Handle, INIT, Path, Pid, Text};

use super::{BUFFER, Lab, ROOM, SECOND, SHELL, kill, restart, spawn, suspend};
use crate::fake::FakeMachine;

/// A machine with a disk, and a store that waits for requests; its pid.
fn lab() -> (Lab, Pid) {
    let mut machine = FakeMachine::new(4096);
    machine.has_disk = true;
    let mut lab = Lab::on(machine);
    let store = lab.spawn_by(INIT, "echo");
    lab.serve(store);
    // First of all it drops what it kept for an earlier boot.
    assert!(lab.receive(store, FOREVER).is_some());
    let request = lab.file_request(store).unwrap();
    assert!(request.is_first && request.steps.is_empty());
    lab.reply_with(store, &done(0));
    assert!(lab.result(store).is_none());
    (lab, store)
}

fn path(path: &str) -> Path {
    Path::cut(path)
}

fn read(at: &str) -> Action {
    Action::ReadFile { path: path(at) }
}

fn write(at: &str) -> Action {
    Action::WriteFile {
        path: path(at),
        content: Text::cut("text"),
    }
}

fn delete(at: &str) -> Action {
    Action::DeleteFile { path: path(at) }
}

fn done(count: usize) -> FileReply {
    FileReply::Done(vec![FileResult::Changed(4, true); count])
}

impl Lab {
    fn serve(&mut self, store: Pid) {
        let files = self.pass_on(Handle::FILES, store);
        let served = self.call(store, Syscall::Serve, [files.0, 0, 0, 0]);
        assert_eq!(served, Some(Ok(0)));
    }

    /// The request that the store has got.
    fn file_request(&mut self, store: Pid) -> Option<FileRequest> {
        let result = self.result(store)?.unwrap();
        assert_ne!(result & IS_CALL, 0);
        assert_eq!(self.heard(store).0, 0, "the kernel's badge");
        let bytes = self.buffer(store, result & !IS_CALL);
        Some(postcard::from_bytes(&bytes).unwrap())
    }

    fn reply_bytes(&mut self, store: Pid, bytes: &[u8]) {
        self.put(store, bytes);
        let envelope = Envelope {
            out_address: BUFFER,
            out_length: bytes.len() as u64,
            in_address: BUFFER,
            in_length: ROOM,
            ..Envelope::EMPTY
        };
        let at = self.envelope(store, envelope);
        let arguments = [Handle::OWN.0, 0, 0, 0, 0, at];
        self.call_all(store, Syscall::ReplyReceive as u64, arguments);
    }

    fn reply_with(&mut self, store: Pid, reply: &FileReply) {
        self.reply_bytes(store, &postcard::to_allocvec(reply).unwrap());
    }

    /// The shell submits a plan, which goes to the store.
    fn ask(&mut self, actions: Vec<Action>) -> u64 {
        if let Some(process) = self.kernel.table.get_mut(SHELL) {
            process.wait = None;
        }
        self.submit(SHELL, actions).unwrap().unwrap()
    }

    /// Has a plan carried out in which the store does this.
    fn file(&mut self, store: Pid, actions: Vec<Action>, reply: &FileReply) -> IntentEvent {
        let intent = self.ask(actions);
        assert!(self.file_request(store).is_some());
        self.reply_with(store, reply);
        self.event(SHELL, intent)
    }

    fn submit_request(&mut self, request: &ConsoleRequest) -> u64 {
        let bytes = postcard::to_allocvec(request).unwrap();
        self.put(SHELL, &bytes);
        let arguments = [SUBMIT_CONSOLE, BUFFER, bytes.len() as u64, 0];
        self.call(SHELL, Syscall::Submit, arguments)
            .unwrap()
            .unwrap()
    }
}

fn reason(event: &IntentEvent) -> Reason {
    match event {
        IntentEvent::Rejected { rejections, .. } => rejections[0].reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plan_with_files_takes_effect_when_the_store_has_answered() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a"), spawn("hog", 1), read("/b")]);
    let request = lab.file_request(store).unwrap();
    assert_eq!(request.number, intent);
    assert!(!request.is_first);
    assert_eq!(
        request.steps.as_ref(),
        [
            FileStep::Write(path("/a"), Text::cut("text")),
            FileStep::Read(path("/b"))
        ]
    );
    assert_eq!(
        lab.follow(SHELL, intent, 0),
        Some(Err(proviso_abi::syscall::Error::TimedOut))
    );
    assert_eq!(lab.state(store + 1), None, "nothing is done yet");
    let results = vec![
        FileResult::Changed(4, false),
        FileResult::Content(Text::cut("hello"), 5),
    ];
    lab.reply_with(store, &FileReply::Done(results));
    let IntentEvent::Done { effects, .. } = lab.event(SHELL, intent) else {
        panic!("not done");
    };
    assert!(matches!(
        &effects[0],
        Effect::Wrote {
            bytes: 4,
            was_there: false,
            ..
        }
    ));
    assert!(matches!(&effects[1], Effect::Spawned(_)));
    assert!(matches!(&effects[2], Effect::File { text, .. } if *text == "hello"));
}

#[test]
fn what_the_store_refuses_is_the_actions_rejection_and_nothing_else_happens() {
    let (mut lab, store) = lab();
    for (error, expected) in [
        (FileError::NotFound, Reason::NoSuchTarget),
        (FileError::OverQuota, Reason::OverQuota),
        (FileError::Broken, Reason::WrongState),
    ] {
        let refused = FileReply::Refused(1, error);
        let event = lab.file(store, vec![spawn("hog", 1), read("/b")], &refused);
        assert_eq!(reason(&event), expected);
        let IntentEvent::Rejected { rejections, .. } = event else {
            unreachable!()
        };
        assert_eq!(rejections[0].action, Some(1));
        assert_eq!(rejections[0].text.as_str(), error.as_str());
    }
    assert_eq!(lab.state(store + 1), None);
}

#[test]
fn if_the_rest_fails_the_file_part_is_owed_back() {
    let (mut lab, store) = lab();
    let hog = lab.spawn("hog");
    let intent = lab.ask(vec![write("/a"), suspend(hog)]);
    assert!(lab.file_request(store).is_some());
    // Meanwhile it ends by itself.
    lab.call(hog, Syscall::Exit, [0; 4]);
    lab.reply_with(store, &done(1));
    assert_eq!(reason(&lab.event(SHELL, intent)), Reason::WrongState);
    let debt = lab.file_request(store).unwrap();
    assert_eq!(debt.steps.as_ref(), [FileStep::Revert(intent)]);
    assert!(!debt.is_first && debt.oldest <= intent);
    lab.reply_with(store, &FileReply::Done(vec![FileResult::Undone]));
    assert!(lab.result(store).is_none(), "it is paid");
}

#[test]
fn a_store_that_dies_over_a_plan_owes_it_back_in_its_next_life() {
    for end in [kill as fn(Pid) -> Action, restart] {
        let (mut lab, store) = lab();
        let intent = lab.ask(vec![write("/a")]);
        assert!(lab.file_request(store).is_some());
        let IntentEvent::Done { .. } = lab.plan(SHELL, vec![end(store)]) else {
            panic!("not ended");
        };
        assert_eq!(reason(&lab.event(SHELL, intent)), Reason::WrongState);
        // What is asked meanwhile waits, and the debt comes first.
        let next = lab.ask(vec![read("/a")]);
        let store = lab.spawn_by(INIT, "echo");
        lab.serve(store);
        assert!(lab.receive(store, FOREVER).is_some());
        let debt = lab.file_request(store).unwrap();
        assert_eq!(debt.steps.as_ref(), [FileStep::Revert(intent)]);
        lab.reply_with(store, &FileReply::Done(vec![FileResult::Undone]));
        assert_eq!(lab.file_request(store).unwrap().number, next);
    }
}

#[test]
fn what_a_store_has_not_begun_waits_for_the_next_but_not_for_ever() {
    let (mut lab, store) = lab();
    let first = lab.ask(vec![read("/a")]);
    let second = lab.ask(vec![write("/b")]);
    lab.call(store, Syscall::Exit, [0; 4]);
    assert_eq!(reason(&lab.event(SHELL, first)), Reason::WrongState);
    lab.pass(31 * SECOND);
    let event = lab.event(SHELL, second);
    assert!(matches!(event, IntentEvent::Failed { text } if text.contains("30 s")));
    let store = lab.spawn_by(INIT, "echo");
    lab.serve(store);
    lab.receive(store, FOREVER);
    let debt = lab.file_request(store).unwrap();
    assert_eq!(debt.steps.as_ref(), [FileStep::Revert(first)]);
    lab.reply_with(store, &FileReply::Done(vec![FileResult::Undone]));
    assert!(lab.result(store).is_none(), "the second is over");
}

#[test]
fn a_slow_store_is_waited_for_so_long_and_what_it_does_late_is_owed_back() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a")]);
    assert!(lab.file_request(store).is_some());
    lab.pass(31 * SECOND);
    assert!(
        matches!(lab.event(SHELL, intent), IntentEvent::Failed { text } if text.contains("30 s"))
    );
    lab.reply_with(store, &done(1));
    let debt = lab.file_request(store).unwrap();
    assert_eq!(debt.steps.as_ref(), [FileStep::Revert(intent)]);
    // One that was never begun is dropped and owes nothing.
    lab.reply_with(store, &FileReply::Done(vec![FileResult::Undone]));
    let busy = lab.ask(vec![read("/a")]);
    let late = lab.ask(vec![write("/b")]);
    lab.pass(31 * SECOND);
    for intent in [busy, late] {
        assert!(matches!(
            lab.event(SHELL, intent),
            IntentEvent::Failed { .. }
        ));
    }
    lab.reply_with(store, &FileReply::Refused(0, FileError::NotFound));
    assert!(lab.result(store).is_none());
}

#[test]
fn nonsense_from_the_store_is_no_success() {
    let (mut lab, store) = lab();
    for bytes in [
        &b""[..],
        &[0xff; 40],
        &[0, 0],
        &postcard::to_allocvec(&done(2)).unwrap(),
    ] {
        let intent = lab.ask(vec![write("/a")]);
        assert!(lab.file_request(store).is_some());
        lab.reply_bytes(store, bytes);
        assert_eq!(reason(&lab.event(SHELL, intent)), Reason::WrongState);
        let debt = lab.file_request(store).unwrap();
        assert_eq!(debt.steps.as_ref(), [FileStep::Revert(intent)]);
        lab.reply_with(store, &FileReply::Done(vec![FileResult::Undone]));
    }
    // The wrong kind of result is none either.
    let event = lab.file(store, vec![read("/a")], &done(1));
    assert!(
        matches!(event, IntentEvent::Done { effects, .. } if matches!(effects[0], Effect::Unchanged(_)))
    );
}

#[test]
fn a_change_of_files_is_taken_back_by_its_number() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a"), write("/b")]);
    lab.reply_with(store, &done(2));
    lab.event(SHELL, intent);
    let undo = lab.ask(vec![Action::Undo { count: None }]);
    let request = lab.file_request(store).unwrap();
    assert_eq!(request.steps.as_ref(), [FileStep::Undo(intent)]);
    assert_eq!(request.oldest, intent, "is still kept");
    lab.reply_with(store, &FileReply::Refused(0, FileError::ChangedSince));
    assert_eq!(reason(&lab.event(SHELL, undo)), Reason::NotUndoable);
    let event = lab.file(
        store,
        vec![Action::Undo { count: None }],
        &FileReply::Done(vec![FileResult::Undone]),
    );
    assert!(matches!(event, IntentEvent::Done { .. }));
    let event = lab.plan(SHELL, vec![Action::Undo { count: None }]);
    assert_eq!(reason(&event), Reason::NotUndoable, "nothing is left");
}

#[test]
fn deleting_needs_a_yes_only_where_it_was_not_asked_for() {
    let (mut lab, store) = lab();
    // A command says what it means.
    let event = lab.file(store, vec![delete("/a")], &done(1));
    assert!(matches!(event, IntentEvent::Done { .. }));
    let confirm = proviso_abi::console::ConfirmPolicy::Always;
    lab.submit_request(&ConsoleRequest::Confirm(confirm));
    let intent = lab.ask(vec![delete("/a")]);
    assert!(matches!(
        lab.event(SHELL, intent),
        IntentEvent::Confirm { .. }
    ));
    assert!(lab.result(store).is_none(), "the store has not heard of it");
    lab.submit_request(&ConsoleRequest::Answer { intent, yes: true });
    assert!(lab.file_request(store).is_some());
    lab.reply_with(store, &done(1));
    assert!(matches!(lab.event(SHELL, intent), IntentEvent::Done { .. }));
}

#[test]
fn a_process_gets_at_files_only_as_far_as_at_the_store() {
    let (mut lab, store) = lab();
    let hog = lab.spawn("hog");
    let event = lab.plan(hog, vec![write("/a")]);
    assert_eq!(reason(&event), Reason::NotPermitted);
    let event = lab.plan(hog, vec![delete("/a")]);
    assert_eq!(reason(&event), Reason::NotPermitted);
    let (from, to) = (
        proviso_abi::Target::pid(hog),
        proviso_abi::Target::pid(store),
    );
    lab.act(vec![Action::Disconnect { from, to }]);
    let event = lab.plan(hog, vec![read("/a")]);
    assert_eq!(reason(&event), Reason::NotPermitted);
}

#[test]
fn nobody_without_the_handle_is_asked_about_files() {
    let (mut lab, store) = lab();
    let hog = lab.spawn("hog");
    for handle in [Handle::FILES, Handle::OWN, Handle::DIRECTORY] {
        let served = lab.call(hog, Syscall::Serve, [handle.0, 0, 0, 0]);
        assert!(matches!(served, Some(Err(_))), "{handle}");
    }
    let intent = lab.ask(vec![read("/a")]);
    assert_eq!(lab.file_request(store).unwrap().number, intent);
}

#[test]
fn who_gave_up_gets_nothing_and_what_was_written_is_owed_back() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a")]);
    assert_eq!(
        lab.call(SHELL, Syscall::Cancel, [intent, 0, 0, 0]),
        Some(Ok(0))
    );
    lab.reply_with(store, &done(1));
    let debt = lab.file_request(store).unwrap();
    assert_eq!(debt.steps.as_ref(), [FileStep::Revert(intent)]);
}

#[test]
fn a_request_that_nobody_has_room_for_ends_the_service_and_not_the_machine() {
    let (mut lab, store) = lab();
    lab.ask(vec![read("/x")]);
    lab.reply_with(store, &FileReply::Refused(0, FileError::NotFound));
    lab.kernel.end_wait(&mut lab.machine, store, Ok(0));
    lab.receive_into(store, BUFFER, 4, FOREVER);
    let intent = lab.ask(vec![read("/a")]);
    assert_eq!(reason(&lab.event(SHELL, intent)), Reason::WrongState);
    assert!(lab.result(store).is_none());
}

#[test]
fn what_cannot_be_taken_back_is_asked_for_once() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a")]);
    lab.reply_bytes(store, b"");
    assert_eq!(reason(&lab.event(SHELL, intent)), Reason::WrongState);
    assert!(lab.file_request(store).is_some());
    lab.reply_with(store, &FileReply::Refused(0, FileError::WrongKind));
    assert!(lab.result(store).is_none(), "it is not asked again");
    let event = lab.file(store, vec![read("/a")], &done(1));
    assert!(matches!(event, IntentEvent::Done { .. }));
    assert!(lab.log().iter().any(|line| line.contains("not taken back")));
}

#[test]
fn a_plan_may_end_the_store_that_answers_for_it() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a"), kill(store), spawn("echo", 1)]);
    assert!(lab.file_request(store).is_some());
    lab.reply_with(store, &done(1));
    let IntentEvent::Done { effects, .. } = lab.event(SHELL, intent) else {
        panic!("not done");
    };
    let Some(Effect::Spawned(started)) = effects.last() else {
        panic!("{effects:?}");
    };
    // The new one has a home of its own, where nobody waits in its place.
    assert_eq!(lab.receive(started[0].pid, FOREVER), None);
}

#[test]
fn a_yes_that_was_not_asked_for_gains_no_time() {
    let (mut lab, store) = lab();
    let intent = lab.ask(vec![write("/a")]);
    assert!(lab.file_request(store).is_some());
    lab.pass(20 * SECOND);
    lab.submit_request(&ConsoleRequest::Answer { intent, yes: true });
    lab.pass(11 * SECOND);
    let event = lab.event(SHELL, intent);
    assert!(matches!(event, IntentEvent::Failed { text } if text.contains("30 s")));
}
