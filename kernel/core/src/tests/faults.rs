//! Faults that guards are told of.

use proviso_abi::fault::{END, RESUME};
use proviso_abi::ipc::IS_CALL;
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::{FaultKind, Handle, Pid, State};

use super::{Lab, kill};
use crate::machine::Trap;

const AT: u64 = 0x40_1000;

impl Lab {
    /// Has `whom` be guarded by `by`, at that one's own endpoint.
    fn guard(&mut self, whom: Pid, by: Pid) -> Handle {
        let port = self.port(whom, by).unwrap();
        let set = self.call(whom, Syscall::Guard, [port.0, 0, 0, 0]);
        assert_eq!(set, Some(Ok(0)));
        self.task(whom).result = None;
        port
    }

    fn divide(&mut self, pid: Pid) {
        self.kernel
            .fault(&mut self.machine, pid, FaultKind::Division, AT, None);
        self.end();
    }

    /// What the kernel does at the end of a step.
    fn end(&mut self) {
        self.kernel.end_doomed(&mut self.machine);
    }
}

#[test]
fn a_guard_is_told_and_what_it_saves_goes_on_unchanged() {
    let mut lab = Lab::new();
    let (guard, pid) = (lab.spawn("echo"), lab.spawn("worker"));
    lab.guard(pid, guard);
    lab.receive_short(guard);
    lab.divide(pid);
    assert_eq!(lab.state(pid), Some(State::Blocked));
    assert_eq!(lab.result(guard), Some(Ok(IS_CALL)));
    let words = [FaultKind::Division as u64, 0, AT, pid.into()];
    assert_eq!(lab.heard(guard), (pid.into(), words, 0));
    let heard = lab.heard(pid);
    assert_eq!(lab.reply(guard, [9, 0, 0, 0]), Some(Err(Error::Invalid)));
    assert_eq!(lab.state(pid), Some(State::Blocked));
    assert_eq!(lab.reply(guard, [RESUME, 0, 0, 0]), None);
    lab.end();
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert_eq!((lab.result(pid), lab.heard(pid)), (None, heard));
    lab.divide(pid);
    assert_eq!(lab.reply(guard, [END, 0, 0, 0]), None);
    lab.end();
    assert_eq!(lab.state(pid), Some(State::Crashed));
    assert_eq!(lab.state(guard), Some(State::Blocked));
}

#[test]
fn the_short_way_of_answers_is_not_for_faults() {
    let mut lab = Lab::new();
    let (guard, pid) = (lab.spawn("echo"), lab.spawn("worker"));
    lab.guard(pid, guard);
    lab.receive_short(guard);
    // The one that faults is running, as it would be; the answer comes by a trap.
    lab.divide(pid);
    let heard = lab.heard(pid);
    let reply = Trap::Syscall {
        number: Syscall::ReplyReceive as u64,
        arguments: [Handle::OWN.0, RESUME, 0, 0, 0, 0],
    };
    lab.machine.scripts.insert(guard, [(1000, reply)].into());
    while !lab.machine.scripts[&guard].is_empty() {
        lab.kernel.step(&mut lab.machine);
    }
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert_eq!((lab.result(pid), lab.heard(pid)), (None, heard));
    assert!(lab.kernel.table.get(pid).unwrap().fault.is_none());
}

#[test]
fn whose_guard_has_gone_ends_and_so_on_along_the_row() {
    let mut lab = Lab::new();
    let row: Vec<Pid> = (0..40).map(|_| lab.spawn("worker")).collect();
    for pair in row.windows(2) {
        lab.guard(pair[1], pair[0]);
    }
    // Each waits for one that does not receive, and is its guard's guard's ward.
    for pid in row.iter().skip(1).rev() {
        lab.divide(*pid);
        assert_eq!(lab.state(*pid), Some(State::Blocked));
    }
    lab.act(vec![kill(row[0])]);
    lab.end();
    for pid in &row[1..] {
        let state = lab.state(*pid);
        assert!(
            matches!(state, Some(State::Crashed) | None),
            "{pid} {state:?}"
        );
    }
}

#[test]
fn a_guard_is_no_more_than_a_handle() {
    let mut lab = Lab::new();
    let (guard, pid) = (lab.spawn("echo"), lab.spawn("worker"));
    let port = lab.guard(pid, guard);
    lab.receive(guard, FOREVER);
    lab.call(pid, Syscall::Close, [port.0, 0, 0, 0]);
    lab.divide(pid);
    assert_eq!(lab.state(pid), Some(State::Crashed));
    assert_eq!(lab.result(guard), None);
}

#[test]
fn one_that_guards_itself_ends() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let set = lab.call(pid, Syscall::Guard, [Handle::OWN.0, pid.into(), 0, 0]);
    assert_eq!(set, Some(Ok(0)));
    lab.divide(pid);
    assert_eq!(lab.state(pid), Some(State::Crashed));
}

#[test]
fn only_its_starter_guards_another() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    for (whom, error) in [
        (u64::from(b), Error::NotPermitted),
        (1, Error::NotPermitted),
        (999, Error::NoSuchProcess),
        (u64::from(u32::MAX) + 1 + u64::from(b), Error::NoSuchProcess),
    ] {
        let set = lab.call(a, Syscall::Guard, [Handle::OWN.0, whom, 0, 0]);
        assert_eq!(set, Some(Err(error)), "{whom}");
    }
    let set = lab.call(a, Syscall::Guard, [Handle::DIRECTORY.0, 0, 0, 0]);
    assert_eq!(set, Some(Err(Error::WrongObject)));
}
