//! Calls, handles and what comes of them when the other side misbehaves.

use proviso_abi::ipc::{Envelope, IS_CALL, MAX_MESSAGE};
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::trace::TraceKind;
use proviso_abi::{Action, Handle, Priority, Rights, State, Target};

use crate::machine::Trap;

use super::{BUFFER, Lab, ROOM, SECOND, kill, set_priority};

/// A client and a server that waits for calls.
fn pair(lab: &mut Lab) -> (u32, u32, Handle) {
    let (client, server) = (lab.spawn("worker"), lab.spawn("echo"));
    assert_eq!(lab.receive(server, FOREVER), None);
    let port = lab.port(client, server).unwrap();
    (client, server, port)
}

#[test]
fn a_call_is_received_and_answered() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    assert_eq!(lab.call_port(client, port, [1, 2, 3, 4]), None);
    assert_eq!(lab.result(server), Some(Ok(IS_CALL)));
    assert_eq!(lab.heard(server), (client.into(), [1, 2, 3, 4], 0));
    assert_eq!(lab.state(client), Some(State::Blocked));
    assert_eq!(lab.reply(server, [5, 6, 7, 8]), None);
    assert_eq!(lab.result(client), Some(Ok(0)));
    assert_eq!(lab.heard(client), (0, [5, 6, 7, 8], 0));
    assert_eq!(lab.state(client), Some(State::Ready));
}

#[test]
fn callers_wait_until_they_are_received_the_most_urgent_first() {
    let mut lab = Lab::new();
    let server = lab.spawn("echo");
    let callers = [Priority::Low, Priority::High, Priority::Normal].map(|level| {
        let caller = lab.spawn("worker");
        lab.act(vec![set_priority(caller, level)]);
        let port = lab.port(caller, server).unwrap();
        assert_eq!(lab.call_port(caller, port, [level as u64; 4]), None);
        caller
    });
    assert_eq!(lab.receive(server, 0), Some(Ok(IS_CALL)));
    assert_eq!(lab.heard(server).0, u64::from(callers[1]));
    for next in [callers[2], callers[0]] {
        assert_eq!(lab.reply(server, [0; 4]), Some(Ok(IS_CALL)));
        assert_eq!(lab.heard(server).0, u64::from(next));
    }
    assert_eq!(lab.reply(server, [0; 4]), None);
    assert!(
        callers
            .iter()
            .all(|pid| lab.state(*pid) == Some(State::Ready))
    );
}

#[test]
fn bytes_are_copied_both_ways() {
    let mut lab = Lab::new();
    let (client, server) = (lab.spawn("worker"), lab.spawn("echo"));
    assert_eq!(lab.receive_into(server, BUFFER + 100, 8, FOREVER), None);
    let port = lab.port(client, server).unwrap();
    lab.put(client, b"question");
    let at = lab.envelope(
        client,
        Envelope {
            out_address: BUFFER,
            out_length: 8,
            in_address: BUFFER + 100,
            in_length: 10,
            ..Envelope::EMPTY
        },
    );
    lab.put(server, b"an answer, long");
    // An answer for which the caller has no room is an error to the caller.
    for (length, result) in [(11, Err(Error::TooLong)), (9, Ok(9))] {
        lab.call_all(client, Syscall::Call as u64, [port.0, 0, 0, 0, 0, at]);
        assert_eq!(lab.result(server), Some(Ok(IS_CALL | 8)));
        assert_eq!(&lab.buffer(server, 108)[100..], b"question");
        let at = lab.envelope(
            server,
            Envelope {
                out_address: BUFFER,
                out_length: length,
                in_address: BUFFER + 100,
                in_length: 8,
                ..Envelope::EMPTY
            },
        );
        let arguments = [Handle::OWN.0, 0, 0, 0, 0, at];
        let got = lab.call_all(server, Syscall::ReplyReceive as u64, arguments);
        assert_eq!(got, None, "the server goes on");
        assert_eq!(lab.result(client), Some(result));
    }
    assert_eq!(&lab.buffer(client, 109)[100..], b"an answer");
}

#[test]
fn a_message_that_does_not_fit_is_the_callers_error_and_the_server_waits_on() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    for length in [ROOM.min(MAX_MESSAGE as u64) + 1, u64::MAX] {
        let at = lab.envelope(
            client,
            Envelope {
                out_address: BUFFER,
                out_length: length,
                ..Envelope::EMPTY
            },
        );
        let arguments = [port.0, 0, 0, 0, 0, at];
        let got = lab.call_all(client, Syscall::Call as u64, arguments);
        assert_eq!(got, Some(Err(Error::TooLong)));
    }
    assert_eq!(lab.state(server), Some(State::Blocked));
}

#[test]
fn bad_memory_crashes_whose_it_is_and_nobody_else() {
    for (out, server_room) in [(0x10, BUFFER), (BUFFER, 0x10)] {
        let mut lab = Lab::new();
        let (client, server) = (lab.spawn("worker"), lab.spawn("echo"));
        lab.receive_into(server, server_room, 100, FOREVER);
        let port = lab.port(client, server).unwrap();
        let envelope = Envelope {
            out_address: out,
            out_length: 8,
            ..Envelope::EMPTY
        };
        let at = lab.envelope(client, envelope);
        lab.call_all(client, Syscall::Call as u64, [port.0, 0, 0, 0, 0, at]);
        let is_client_bad = out == 0x10;
        let crashed = if is_client_bad { client } else { server };
        assert_eq!(lab.state(crashed), Some(State::Crashed));
        if is_client_bad {
            assert_eq!(lab.state(server), Some(State::Blocked), "waits for others");
        } else {
            assert_eq!(lab.result(client), Some(Err(Error::Dead)));
        }
    }
}

#[test]
fn the_death_of_either_side_is_told_to_the_other() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    lab.call_port(client, port, [0; 4]);
    lab.act(vec![kill(server)]);
    assert_eq!(lab.result(client), Some(Err(Error::Dead)));
    assert_eq!(lab.call_port(client, port, [0; 4]), Some(Err(Error::Dead)));

    // One that waits in the queue is told as well.
    let server = lab.spawn("echo");
    let port = lab.port(client, server).unwrap();
    assert_eq!(lab.call_port(client, port, [0; 4]), None);
    lab.act(vec![kill(server)]);
    assert_eq!(lab.result(client), Some(Err(Error::Dead)));

    // And a server whose caller dies answers into the void and goes on.
    let (client, server, port) = pair(&mut lab);
    lab.call_port(client, port, [0; 4]);
    lab.act(vec![kill(client)]);
    assert_eq!(lab.reply(server, [0; 4]), None);
    assert_eq!(lab.state(server), Some(State::Blocked));
}

#[test]
fn calls_end_in_time() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    for is_received in [true, false] {
        let envelope = Envelope {
            timeout_ns: SECOND,
            ..Envelope::EMPTY
        };
        let at = lab.envelope(client, envelope);
        lab.call_all(client, Syscall::Call as u64, [port.0, 0, 0, 0, 0, at]);
        lab.pass(SECOND - 1);
        assert_eq!(lab.result(client), None, "{is_received}");
        lab.pass(1);
        assert_eq!(lab.result(client), Some(Err(Error::TimedOut)));
    }
    // The server answers the first, who is not waiting any more, and does not
    // find the second.
    assert_eq!(lab.reply(server, [0; 4]), None);
    assert_eq!(lab.call_port(client, port, [9; 4]), None);
    assert_eq!(lab.heard(server).1, [9; 4]);
}

#[test]
fn nobody_waits_for_himself_through_others() {
    let mut lab = Lab::new();
    let pids: Vec<_> = (0..4).map(|_| lab.spawn("worker")).collect();
    let own = lab.port(pids[0], pids[0]).unwrap();
    assert_eq!(
        lab.call_port(pids[0], own, [0; 4]),
        Some(Err(Error::Deadlock))
    );
    for (from, to) in pids.iter().zip(&pids[1..]) {
        let port = lab.port(*from, *to).unwrap();
        assert_eq!(lab.call_port(*from, port, [0; 4]), None);
    }
    for to in &pids[..3] {
        let port = lab.port(pids[3], *to).unwrap();
        assert_eq!(
            lab.call_port(pids[3], port, [0; 4]),
            Some(Err(Error::Deadlock))
        );
    }
}

#[test]
fn a_call_not_answered_is_an_error_to_its_caller() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    lab.call_port(client, port, [0; 4]);
    assert_eq!(lab.receive(server, FOREVER), None);
    assert_eq!(lab.result(client), Some(Err(Error::Unanswered)));
}

#[test]
fn who_serves_the_urgent_is_urgent_until_it_answered() {
    let mut lab = Lab::new();
    let pids: Vec<_> = (0..3).map(|_| lab.spawn("worker")).collect();
    lab.act(vec![
        set_priority(pids[0], Priority::High),
        set_priority(pids[2], Priority::Idle),
    ]);
    let level = |lab: &Lab, pid| lab.kernel.level(lab.kernel.table.get(pid).unwrap());
    // 1 calls 2, which is idle; then 0, urgent, calls 1.
    for (from, to) in [(1, 2), (0, 1)] {
        let port = lab.port(pids[from], pids[to]).unwrap();
        assert_eq!(lab.call_port(pids[from], port, [0; 4]), None);
    }
    assert_eq!(level(&lab, pids[1]), Priority::High);
    assert_eq!(level(&lab, pids[2]), Priority::High);
    lab.act(vec![kill(pids[0])]);
    assert_eq!(level(&lab, pids[2]), Priority::Normal);
    assert_eq!(lab.receive(pids[2], 0), Some(Ok(IS_CALL)));
    assert_eq!(lab.reply(pids[2], [0; 4]), None);
    assert_eq!(level(&lab, pids[2]), Priority::Idle);
}

#[test]
fn handles_are_passed_with_fewer_rights_and_can_be_taken_back() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    let bell = lab
        .call(client, Syscall::Create, [1, 0, 0, 0])
        .unwrap()
        .unwrap();
    let rights = Rights::NOTIFY.or(Rights::COPY).bits();
    let copy = lab.call(client, Syscall::Copy, [bell, rights, 0, 0]);
    let handle = Handle(copy.unwrap().unwrap());
    let envelope = Envelope {
        handle,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(client, envelope);
    lab.call_all(client, Syscall::Call as u64, [port.0, 0, 0, 0, 0, at]);
    let passed = lab.heard(server).2;
    assert_eq!(
        lab.call(server, Syscall::Notify, [passed, 6, 0, 0]),
        Some(Ok(0))
    );
    assert_eq!(
        lab.call(server, Syscall::Wait, [passed, 0, 0, 0]),
        Some(Err(Error::NotPermitted))
    );
    lab.reply(server, [0; 4]);
    assert_eq!(
        lab.call(client, Syscall::Wait, [bell, 0, 0, 0]),
        Some(Ok(6))
    );
    assert_eq!(
        lab.call(client, Syscall::Revoke, [bell, 0, 0, 0]),
        Some(Ok(2))
    );
    assert_eq!(
        lab.call(server, Syscall::Notify, [passed, 1, 0, 0]),
        Some(Err(Error::BadHandle))
    );
}

#[test]
fn a_handle_for_a_full_table_is_not_passed_and_nothing_else_is() {
    let mut lab = Lab::new();
    let (client, server) = (lab.spawn("worker"), lab.spawn("echo"));
    let port = lab.port(client, server).unwrap();
    while lab.call(server, Syscall::Create, [0; 4]) != Some(Err(Error::Full)) {}
    assert!(lab.kernel.capabilities.objects() > 14);
    lab.receive(server, FOREVER);
    let envelope = Envelope {
        handle: port,
        ..Envelope::EMPTY
    };
    let at = lab.envelope(client, envelope);
    let got = lab.call_all(client, Syscall::Call as u64, [port.0, 1, 1, 1, 1, at]);
    assert_eq!(got, Some(Err(Error::Full)));
    assert_eq!(lab.state(server), Some(State::Blocked));
}

#[test]
fn disconnecting_takes_handles_and_their_copies_and_closes_the_name() {
    let mut lab = Lab::new();
    let (client, server, port) = pair(&mut lab);
    let copy = lab
        .call(client, Syscall::Copy, [port.0, 255, 0, 0])
        .unwrap()
        .unwrap();
    let (from, to) = (Target::pid(client), Target::pid(server));
    lab.act(vec![Action::Disconnect {
        from: from.clone(),
        to: to.clone(),
    }]);
    for handle in [port, Handle(copy)] {
        assert_eq!(
            lab.call_port(client, handle, [0; 4]),
            Some(Err(Error::BadHandle))
        );
    }
    let open = |lab: &mut Lab| {
        lab.put(client, b"echo");
        lab.call(client, Syscall::Open, [Handle::DIRECTORY.0, BUFFER, 4, 0])
    };
    assert_eq!(open(&mut lab), Some(Err(Error::NotPermitted)));
    lab.act(vec![Action::Connect { from, to }]);
    assert!(matches!(open(&mut lab), Some(Ok(_))));
}

#[test]
fn nothing_is_left_of_the_dead() {
    let mut lab = Lab::new();
    let before = lab.kernel.capabilities.objects();
    for round in 0..300 {
        let (client, server, port) = pair(&mut lab);
        lab.call_port(client, port, [0; 4]);
        lab.call(server, Syscall::Create, [round % 2, 0, 0, 0]);
        lab.act(vec![kill(server)]);
        lab.act(vec![kill(client)]);
    }
    assert_eq!(lab.kernel.capabilities.objects(), before);
}

#[test]
fn a_short_call_goes_straight_to_the_server_and_back() {
    let mut lab = Lab::new();
    let server = lab.spawn("echo");
    assert_eq!(lab.receive_short(server), None);
    let client = lab.spawn("worker");
    let port = lab.port(client, server).unwrap();
    let trap = |call: Syscall, handle: Handle| Trap::Syscall {
        number: call as u64,
        arguments: [handle.0, 1, 2, 3, 4, 0],
    };
    let script = [(10, trap(Syscall::Call, port))];
    lab.machine.scripts.insert(client, script.into());
    let script = [(20, trap(Syscall::ReplyReceive, Handle::OWN))];
    lab.machine.scripts.insert(server, script.into());
    lab.machine.ran.clear();
    let counted = |lab: &Lab| lab.kernel.trace.counters(0).of(TraceKind::Call).count;
    let before = counted(&lab);
    // One step: there, back, and on until the timer.
    lab.kernel.step(&mut lab.machine);
    assert_eq!(counted(&lab) - before, 2, "both are counted");
    assert_eq!(lab.machine.ran, [client, server, client]);
    assert_eq!(lab.heard(server), (client.into(), [1, 2, 3, 4], 0));
    assert_eq!(lab.heard(client), (0, [1, 2, 3, 4], 0));
    assert_eq!(lab.state(server), Some(State::Blocked));
    assert!(lab.kernel.scheduler.contains(client));
    assert!(!lab.kernel.scheduler.contains(server));
    let used = |pid| lab.kernel.table.get(pid).unwrap().cpu.total_ns();
    assert_eq!(used(server), 20);
}
