//! What handles and calls let one process do to others that it has no right to.

use proviso_abi::ipc::{Envelope, IS_CALL, MAX_LETTER};
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::words::Policy;
use proviso_abi::{Action, Handle, INIT, Pid, Priority, Rights, State, Target, Text};

use crate::fast_path::Short;
use crate::machine::Trap;

use super::{BUFFER, Lab, kill, restart, set_priority};

const NO_WORDS: [u64; 4] = [0; 4];

impl Lab {
    fn open(&mut self, pid: Pid, name: &str) -> Result<Handle, Error> {
        self.put(pid, name.as_bytes());
        let arguments = [Handle::DIRECTORY.0, BUFFER, name.len() as u64, 0];
        let opened = self.call(pid, Syscall::Open, arguments);
        opened.unwrap().map(Handle)
    }

    fn copy(&mut self, pid: Pid, handle: Handle, rights: Rights) -> Handle {
        let arguments = [handle.0, rights.bits(), 0, 0];
        Handle(self.call(pid, Syscall::Copy, arguments).unwrap().unwrap())
    }

    fn close(&mut self, pid: Pid, handle: Handle) {
        assert_eq!(
            self.call(pid, Syscall::Close, [handle.0, 0, 0, 0]),
            Some(Ok(0))
        );
    }

    /// Calls with a handle to be passed.
    fn call_passing(&mut self, pid: Pid, to: Handle, handle: Handle) -> super::Outcome {
        let envelope = Envelope {
            handle,
            ..Envelope::EMPTY
        };
        let at = self.envelope(pid, envelope);
        self.call_all(pid, Syscall::Call as u64, [to.0, 0, 0, 0, 0, at])
    }

    /// Has a process pass a copy of a handle to another; what that one gets.
    pub(super) fn pass_handle(&mut self, from: Pid, to: Pid, handle: Handle) -> Handle {
        assert_eq!(self.receive(to, FOREVER), None);
        let port = self.port(from, to).unwrap();
        assert_eq!(self.call_passing(from, port, handle), None);
        let passed = Handle(self.heard(to).2);
        assert!(!passed.is_none());
        let arguments = reply_at_once(to, self);
        assert_eq!(
            self.call_all(to, Syscall::ReplyReceive as u64, arguments),
            Some(Err(Error::TimedOut))
        );
        passed
    }

    fn receive_at(&mut self, pid: Pid, handle: Handle) -> super::Outcome {
        self.call(pid, Syscall::Receive, [handle.0, 0, 0, 0])
    }

    fn urgency(&self, pid: Pid) -> Priority {
        self.kernel.level(self.kernel.table.get(pid).unwrap())
    }
}

/// A reply without words, and no wait for the next.
fn reply_at_once(pid: Pid, lab: &mut Lab) -> [u64; 6] {
    let envelope = Envelope {
        timeout_ns: 0,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(pid, envelope);
    [Handle::OWN.0, 0, 0, 0, 0, at]
}

fn disconnect(from: Pid, to: Pid) -> Action {
    Action::Disconnect {
        from: Target::pid(from),
        to: Target::pid(to),
    }
}

#[test]
fn a_name_never_opens_the_private_endpoint_of_another() {
    let mut lab = Lab::new();
    let (closer, victim, thief) = (lab.spawn("hog"), lab.spawn("echo"), lab.spawn("worker"));
    lab.close(closer, Handle::OWN);
    // The number of the dead endpoint is used again.
    let made = lab.call(victim, Syscall::Create, NO_WORDS).unwrap();
    assert!(made.is_ok());
    for pid in [closer, thief] {
        assert_eq!(lab.open(pid, "hog"), Err(Error::NoSuchProcess));
    }
    assert_eq!(
        lab.send(thief, closer, "x"),
        Some(Err(Error::NoSuchProcess))
    );
}

#[test]
fn revoking_ends_the_wait_of_who_has_no_handle_left() {
    let mut lab = Lab::new();
    let (owner, other) = (lab.spawn("echo"), lab.spawn("worker"));
    let copy = lab.pass_handle(owner, other, Handle::OWN);
    lab.poll();
    let owner_waits = lab.kernel.table.get(owner).unwrap().wait;
    assert!(owner_waits.is_none());
    assert_eq!(lab.receive_at(other, copy), None);
    assert_eq!(lab.receive_at(owner, Handle::OWN), Some(Err(Error::Busy)));
    let revoked = lab.call(owner, Syscall::Revoke, [Handle::OWN.0, 0, 0, 0]);
    assert!(matches!(revoked, Some(Ok(1..))));
    assert_eq!(lab.result(other), Some(Err(Error::BadHandle)));
    assert_eq!(lab.receive_at(owner, Handle::OWN), None);

    // A caller in the queue goes as well.
    let (client, server) = (lab.spawn("worker"), lab.spawn("hog"));
    let port = lab.port(client, server).unwrap();
    assert_eq!(lab.call_port(client, port, NO_WORDS), None);
    lab.act(vec![disconnect(client, server)]);
    assert_eq!(lab.result(client), Some(Err(Error::BadHandle)));
    assert_eq!(lab.receive(server, 0), Some(Err(Error::TimedOut)));
}

#[test]
fn a_friend_cannot_undo_a_disconnection() {
    let mut lab = Lab::new();
    let (cut, server, friend) = (lab.spawn("hog"), lab.spawn("echo"), lab.spawn("worker"));
    let port = lab.port(friend, server).unwrap();
    lab.act(vec![disconnect(cut, server)]);
    // The friend may not pass it to one who is cut off.
    assert_eq!(lab.receive(cut, FOREVER), None);
    let to_cut = lab.port(friend, cut).unwrap();
    assert_eq!(
        lab.call_passing(friend, to_cut, port),
        Some(Err(Error::NotPermitted))
    );
    lab.act(vec![Action::Connect {
        from: Target::pid(cut),
        to: Target::pid(server),
    }]);
    let machine = &mut lab.machine;
    lab.kernel.end_wait(machine, cut, Err(Error::TimedOut));
    // And what came by another way does not work, however short the call.
    let passed = lab.pass_handle(friend, cut, port);
    assert!(lab.kernel.relations.cut(cut, server));
    assert_eq!(lab.receive_short(server), None);
    let refused = Some(Err(Error::NotPermitted));
    assert_eq!(lab.call_port(cut, passed, NO_WORDS), refused);
    assert_eq!(
        lab.call(cut, Syscall::Send, [passed.0, BUFFER, 1, 0]),
        refused
    );
    let call = Trap::Syscall {
        number: Syscall::Call as u64,
        arguments: [passed.0, 0, 0, 0, 0, 0],
    };
    lab.task(cut).trap = Some(call);
    let slot = lab.kernel.table.slot(cut).unwrap();
    let short = Short::of(&lab.machine, lab.kernel.table.at(slot).unwrap());
    let taken = lab.kernel.fast_path(&mut lab.machine, slot, short.unwrap());
    assert_eq!(taken, None);
}

#[test]
fn urgency_goes_where_the_caller_waits_now() {
    let mut lab = Lab::new();
    let (first, second, client) = (lab.spawn("echo"), lab.spawn("hog"), lab.spawn("worker"));
    let copy = lab.pass_handle(first, second, Handle::OWN);
    lab.act(vec![
        set_priority(first, Priority::Low),
        set_priority(second, Priority::Low),
        set_priority(client, Priority::High),
    ]);
    // Two calls, so that one is still in the queue when the other is received.
    let also = lab.spawn("worker");
    lab.act(vec![set_priority(also, Priority::High)]);
    for pid in [client, also] {
        let port = lab.port(pid, first).unwrap();
        assert_eq!(lab.call_port(pid, port, NO_WORDS), None);
    }
    assert_eq!(lab.urgency(first), Priority::High);
    assert_eq!(lab.receive_at(second, copy), Some(Ok(IS_CALL)));
    assert_eq!(lab.urgency(first), Priority::Low);
    assert_eq!(lab.urgency(second), Priority::High);
    // And whoever becomes less urgent lends less.
    lab.act(vec![set_priority(client, Priority::Normal)]);
    lab.act(vec![set_priority(also, Priority::Normal)]);
    assert_eq!(lab.urgency(second), Priority::Normal);
}

#[test]
fn neither_a_client_without_room_nor_a_long_letter_stops_a_server() {
    let mut lab = Lab::new();
    let (server, client, writer) = (lab.spawn("echo"), lab.spawn("worker"), lab.spawn("hog"));
    let port = lab.port(client, server).unwrap();
    assert_eq!(lab.receive(server, FOREVER), None);
    let envelope = Envelope {
        out_address: BUFFER,
        out_length: 1,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(client, envelope);
    lab.call_all(client, Syscall::Call as u64, [port.0, 0, 0, 0, 0, at]);
    assert_eq!(lab.result(server), Some(Ok(IS_CALL | 1)));
    let envelope = Envelope {
        out_address: BUFFER,
        out_length: 1,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(server, envelope);
    let arguments = [Handle::OWN.0, 0, 0, 0, 0, at];
    let replied = lab.call_all(server, Syscall::ReplyReceive as u64, arguments);
    assert_eq!(replied, None, "the server waits for the next");
    assert_eq!(lab.result(client), Some(Err(Error::TooLong)));

    // It has no room now: a letter stays where it is, a call gets past it.
    assert_eq!(
        lab.send(writer, server, &"x".repeat(MAX_LETTER)),
        Some(Ok(0))
    );
    assert_eq!(lab.state(server), Some(State::Blocked));
    assert_eq!(lab.call_port(client, port, [7; 4]), None);
    assert_eq!(lab.heard(server).1, [7; 4]);
    assert_eq!(lab.receive(server, 0), Some(Ok(MAX_LETTER as u64)));
}

#[test]
fn an_endpoint_that_outlives_its_owner_is_not_bound_to_the_next_life() {
    let mut lab = Lab::new();
    let (owner, heir, writer) = (lab.spawn("echo"), lab.spawn("hog"), lab.spawn("worker"));
    let old = lab.port(writer, owner).unwrap();
    let copy = lab.pass_handle(owner, heir, Handle::OWN);
    lab.call(owner, Syscall::Exit, NO_WORDS);
    let letter = [old.0, BUFFER, 1, 0];
    assert_eq!(
        lab.call(writer, Syscall::Send, letter),
        Some(Err(Error::Invalid))
    );
    lab.act(vec![restart(owner)]);
    assert_eq!(lab.send(writer, owner, "for the new one"), Some(Ok(0)));
    let envelope = Envelope {
        in_address: BUFFER,
        in_length: 256,
        timeout_ns: 0,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(heir, envelope);
    let arguments = [copy.0, 0, 0, 0, 0, at];
    assert_eq!(
        lab.call_all(heir, Syscall::Receive as u64, arguments),
        Some(Err(Error::TimedOut))
    );
    assert_eq!(lab.receive(owner, 0), Some(Ok(15)));
}

#[test]
fn a_name_opens_with_a_handle_of_its_owners_and_the_openers_badge() {
    let mut lab = Lab::new();
    let (owner, other, client) = (lab.spawn("echo"), lab.spawn("hog"), lab.spawn("worker"));
    let arguments = [Handle::OWN.0, Rights::ALL.bits(), 77, 0];
    let badged = Handle(lab.call(owner, Syscall::Copy, arguments).unwrap().unwrap());
    lab.pass_handle(owner, other, badged);
    lab.close(owner, badged);
    lab.close(owner, Handle::OWN);
    // What the other has would give its badge to whoever opens the name.
    assert_eq!(lab.open(client, "echo"), Err(Error::Dead));
}

#[test]
fn everybody_who_watches_or_receives_is_woken() {
    let mut lab = Lab::new();
    let (watcher, owner, other) = (lab.spawn("hog"), lab.spawn("echo"), lab.spawn("worker"));
    let wait = lab.kernel.table.get_mut(INIT).unwrap().wait.take();
    let rights = Rights::WAIT.or(Rights::COPY);
    let ends = lab.copy(INIT, Handle::ENDS, rights);
    let ends = lab.pass_handle(INIT, watcher, ends);
    assert_eq!(
        lab.call(watcher, Syscall::Watch, [ends.0, BUFFER, 512, FOREVER]),
        None
    );
    assert!(wait.is_some());
    let gone = lab.spawn("worker");
    lab.act(vec![kill(gone)]);
    assert!(matches!(lab.result(watcher), Some(Ok(1..))));

    // The letter of a plan wakes whoever receives there, not only its owner.
    let copy = lab.pass_handle(owner, other, Handle::OWN);
    let envelope = Envelope {
        in_address: BUFFER,
        in_length: 256,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(other, envelope);
    lab.call_all(other, Syscall::Receive as u64, [copy.0, 0, 0, 0, 0, at]);
    lab.act(vec![Action::Send {
        to: Target::pid(owner),
        message: Text::cut("hello"),
    }]);
    assert_eq!(lab.result(other), Some(Ok(5)));
}

#[test]
fn a_server_keeps_its_turn_where_a_call_makes_it_no_more_urgent() {
    let mut lab = Lab::new();
    let quantum_ns = lab.kernel.scheduler.quantum_ns();
    lab.kernel
        .scheduler
        .set_policy(Policy::RoundRobin, quantum_ns);
    let (server, _third, client) = (lab.spawn("echo"), lab.spawn("hog"), lab.spawn("worker"));
    assert_eq!(lab.kernel.scheduler.next(), Some(server));
    let port = lab.port(client, server).unwrap();
    // The server is as urgent as its caller already: it keeps its place.
    assert_eq!(lab.call_port(client, port, NO_WORDS), None);
    assert_eq!(lab.kernel.scheduler.next(), Some(server));
}

#[test]
fn the_end_of_a_caller_does_not_make_init_receive_twice() {
    let mut lab = Lab::new();
    let mut callers = vec![];
    for level in [Priority::High, Priority::Normal, Priority::Normal] {
        let caller = lab.spawn("worker");
        lab.act(vec![set_priority(caller, level)]);
        callers.push(caller);
    }
    lab.kernel.table.get_mut(INIT).unwrap().wait = None;
    for (index, caller) in callers.iter().enumerate() {
        let port = lab.port(*caller, INIT).unwrap();
        let bad = Envelope {
            out_address: 0x10,
            out_length: if index == 0 { 1 } else { 0 },
            ..Envelope::EMPTY
        };
        let at = lab.envelope(*caller, bad);
        let arguments = [port.0, 0, 0, 0, 0, at];
        assert_eq!(lab.call_all(*caller, Syscall::Call as u64, arguments), None);
    }
    assert_eq!(lab.receive(INIT, FOREVER), Some(Ok(IS_CALL)));
    assert_eq!(lab.state(callers[0]), Some(State::Crashed));
    let event = |pid| lab.kernel.table.get(pid).unwrap().wait.unwrap().event;
    let is_received = |pid: &&Pid| matches!(event(**pid), crate::process::Event::Reply(_));
    assert_eq!(callers[1..].iter().filter(is_received).count(), 1);
}
