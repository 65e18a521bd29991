//! Every system call, and its abuse.

use proptest::prelude::*;
use proviso_abi::layout::{HEAP_BASE, HEAP_SPAN, PROGRAM_BASE, STACK_SIZE, STACK_TOP};
use proviso_abi::outcome::{Exit, ExitRecord};
use proviso_abi::syscall::{Error, FOREVER, MAX_BUFFER, Syscall};
use proviso_abi::{Handle, INIT, State};

use super::{BUFFER, Lab, ROOM, SECOND, SHELL, kill, suspend, title};

/// Calls that read or write their caller's memory, with the buffer at `at`.
fn with_buffer(at: u64, length: u64, intent: u64, port: Handle) -> Vec<(Syscall, [u64; 4])> {
    vec![
        (Syscall::Write, [at, length, 0, 0]),
        (Syscall::Submit, [0, at, length, 0]),
        (Syscall::Submit, [1, at, length, 0]),
        (Syscall::Send, [port.0, at, length, 0]),
        (Syscall::Open, [Handle::DIRECTORY.0, at, length, 0]),
        (Syscall::Follow, [intent, at, length, 0]),
    ]
}

#[test]
fn unknown_calls_crash_the_caller() {
    for number in [Syscall::ALL.len() as u64, u64::MAX] {
        let mut lab = Lab::new();
        let pid = lab.spawn("worker");
        assert_eq!(lab.raw_call(pid, number, [0; 4]), None);
        let exit = lab.kernel.table.get(pid).unwrap().last_exit.clone();
        let what = proviso_abi::Text::format(format_args!("unknown system call {number}"));
        assert_eq!(
            exit,
            Some(Exit::Crashed {
                what,
                instruction: 0x40_1234,
                address: None
            })
        );
    }
}

#[test]
fn memory_that_is_not_the_callers_crashes_it() {
    for at in [
        0,
        STACK_TOP,
        STACK_TOP - 2,
        STACK_TOP - STACK_SIZE - 1,
        HEAP_BASE,
        u64::MAX,
        u64::MAX - 3,
        1 << 63,
    ] {
        for index in 0..6 {
            let mut lab = Lab::new();
            let pid = lab.spawn("worker");
            let intent = lab.say(pid, "hello").unwrap();
            lab.pass(2 * SECOND);
            let port = lab.port(pid, SHELL).unwrap();
            let (call, arguments) = with_buffer(at, 8, intent, port)[index];
            // What only writes answers with "too long" before it looks.
            match lab.call(pid, call, arguments) {
                None => assert_eq!(lab.state(pid), Some(State::Crashed), "{call:?} {at:#x}"),
                Some(result) => assert_eq!((call, result), (Syscall::Follow, Err(Error::TooLong))),
            }
            assert_eq!(lab.state(SHELL), Some(State::Blocked), "and nobody else");
        }
    }
}

#[test]
fn a_write_to_memory_that_can_only_be_read_crashes_and_loses_nothing() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.send(SHELL, pid, "x");
    assert_eq!(lab.receive_into(pid, PROGRAM_BASE, 100, 0), None);
    assert_eq!(lab.state(pid), Some(State::Crashed));
    assert!(
        lab.log()
            .iter()
            .any(|line| line.contains("bad address for a message at instruction 0x401234"))
    );
}

#[test]
fn more_than_a_buffer_is_too_long() {
    for length in [MAX_BUFFER as u64 + 1, u64::MAX] {
        for index in 0..6 {
            let mut lab = Lab::new();
            let pid = lab.spawn("worker");
            let port = lab.port(pid, SHELL).unwrap();
            let (call, arguments) = with_buffer(BUFFER, length, 1, port)[index];
            assert_eq!(
                lab.call(pid, call, arguments),
                Some(Err(Error::TooLong)),
                "{call:?}"
            );
        }
    }
}

#[test]
fn a_buffer_that_goes_bad_while_its_owner_waits_crashes_the_owner() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    assert_eq!(lab.receive(pid, FOREVER), None);
    lab.task(pid).unmap(BUFFER);
    assert_eq!(lab.send(SHELL, pid, "boo"), Some(Ok(0)));
    assert_eq!(lab.state(pid), Some(State::Crashed));
}

#[test]
fn exit_leaves_a_record_and_frees_the_memory() {
    let mut lab = Lab::new();
    let before = lab.machine.free;
    let pid = lab.spawn("worker");
    assert!(lab.machine.free < before);
    assert_eq!(
        lab.call(pid, Syscall::Exit, [(-7i32) as u32 as u64, 0, 0, 0]),
        None
    );
    assert_eq!(lab.machine.free, before);
    let process = lab.kernel.table.get(pid).unwrap();
    assert_eq!(process.last_exit, Some(Exit::Code(-7)));
    assert_eq!(lab.state(pid), Some(State::Exited));
}

#[test]
fn sleep_ends_in_time_and_not_before() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    assert_eq!(lab.call(pid, Syscall::Sleep, [SECOND, 0, 0, 0]), None);
    assert_eq!(lab.state(pid), Some(State::Blocked));
    lab.pass(SECOND - 1);
    assert_eq!(lab.result(pid), None);
    lab.pass(1);
    assert_eq!(lab.result(pid), Some(Ok(0)));
    assert_eq!(lab.call(pid, Syscall::Sleep, [0; 4]), Some(Ok(0)));
    assert_eq!(lab.call(pid, Syscall::Sleep, [FOREVER, 0, 0, 0]), None);
    lab.pass(1000 * SECOND);
    assert_eq!(lab.state(pid), Some(State::Blocked));
}

#[test]
fn the_clock_is_the_machines() {
    let mut lab = Lab::new();
    let now = lab.machine.now_ns;
    assert_eq!(lab.call(SHELL, Syscall::Clock, [0; 4]), Some(Ok(now)));
    assert_eq!(lab.call(SHELL, Syscall::Yield, [0; 4]), Some(Ok(0)));
}

#[test]
fn only_the_consoles_owner_reads() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    assert_eq!(
        lab.call(pid, Syscall::Read, [BUFFER, 10, 0, 0]),
        Some(Err(Error::NotPermitted))
    );
    assert_eq!(
        lab.call(INIT, Syscall::Read, [BUFFER, 10, 0, 0]),
        Some(Err(Error::NotPermitted))
    );
    let imposter = lab.spawn("shell");
    assert_eq!(
        lab.call(imposter, Syscall::Read, [BUFFER, 10, 0, 0]),
        Some(Err(Error::NotPermitted))
    );
}

#[test]
fn grow_adds_pages_up_to_the_limit() {
    let mut lab = Lab::new();
    let pid = lab.spawn("hog");
    let free = lab.machine.free;
    assert_eq!(
        lab.call(pid, Syscall::Grow, [1, 0, 0, 0]),
        Some(Ok(HEAP_BASE))
    );
    // The page, and the tables that the first page of the heap needs.
    assert_eq!(lab.machine.free, free - 1 - 3 + shared_tables());
    assert_eq!(
        lab.call(pid, Syscall::Grow, [4097, 0, 0, 0]),
        Some(Ok(HEAP_BASE + 4096))
    );
    assert_eq!(
        lab.call(pid, Syscall::Grow, [0; 4]),
        Some(Ok(HEAP_BASE + 3 * 4096))
    );
    let limit = lab.info(pid).unwrap().limit.0;
    assert_eq!(
        lab.call(pid, Syscall::Grow, [limit, 0, 0, 0]),
        Some(Err(Error::NoMemory))
    );
    for bytes in [HEAP_SPAN, u64::MAX] {
        assert_eq!(
            lab.call(pid, Syscall::Grow, [bytes, 0, 0, 0]),
            Some(Err(Error::NoMemory))
        );
    }
    let mut grown = 0;
    while lab.call(pid, Syscall::Grow, [4096, 0, 0, 0]) != Some(Err(Error::NoMemory)) {
        grown += 1;
    }
    assert!(grown > 100);
    let info = lab.info(pid).unwrap();
    assert_eq!(info.memory, info.limit);
}

/// The heap begins above 4 GiB, in the same top-level table as the program.
const fn shared_tables() -> u64 {
    1
}

#[test]
fn growing_leaves_the_reserve_alone() {
    let mut lab = Lab::with_frames(1024);
    let pid = lab.spawn("hog");
    let limit = 8 << 20;
    lab.kernel.table.get_mut(pid).unwrap().limit = proviso_abi::Bytes(limit);
    while lab.call(pid, Syscall::Grow, [4096, 0, 0, 0]) != Some(Err(Error::NoMemory)) {}
    assert!(lab.machine.free >= 256, "{}", lab.machine.free);
    assert!(lab.info(pid).unwrap().memory.0 < limit);
}

#[test]
fn messages_arrive_with_their_sender() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    assert_eq!(lab.send(a, b, "ping"), Some(Ok(0)));
    assert_eq!(lab.receive(b, 0), Some(Ok(4)));
    assert_eq!(lab.heard(b).0, u64::from(a));
    assert_eq!(lab.buffer(b, 4), b"ping");
    assert_eq!(lab.receive(b, 0), Some(Err(Error::TimedOut)));
    assert_eq!(lab.receive(b, SECOND), None);
    assert_eq!(lab.send(a, b, ""), Some(Ok(0)));
    assert_eq!(lab.result(b), Some(Ok(0)));
    assert_eq!(lab.receive(b, SECOND), None);
    lab.pass(SECOND);
    assert_eq!(lab.result(b), Some(Err(Error::TimedOut)));
}

#[test]
fn messages_have_bounds() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("echo"));
    assert_eq!(lab.send(a, b, &"x".repeat(257)), Some(Err(Error::TooLong)));
    for _ in 0..8 {
        assert_eq!(lab.send(a, b, &"x".repeat(256)), Some(Ok(0)));
    }
    assert_eq!(lab.send(a, b, "x"), Some(Err(Error::Full)));
    // A buffer that is too small leaves the message where it is.
    assert_eq!(
        lab.receive_into(b, BUFFER, 255, 0),
        Some(Err(Error::TooLong))
    );
    assert_eq!(lab.receive(b, 0), Some(Ok(256)));
    assert_eq!(lab.heard(b).0, u64::from(a));
    for nothing in [0, 99, u64::MAX, 1 << 40 | Handle::OWN.0] {
        assert_eq!(
            lab.call(a, Syscall::Send, [nothing, BUFFER, 1, 0]),
            Some(Err(Error::BadHandle))
        );
    }
    let port = lab.port(a, b).unwrap();
    lab.call(b, Syscall::Exit, [0; 4]);
    assert_eq!(
        lab.call(a, Syscall::Send, [port.0, BUFFER, 1, 0]),
        Some(Err(Error::Dead))
    );
    assert_eq!(lab.send(a, b, "x"), Some(Err(Error::NoSuchProcess)));
}

#[test]
fn a_process_is_opened_by_its_name() {
    let mut lab = Lab::new();
    let (first, second) = (lab.spawn("worker"), lab.spawn("worker"));
    let open = |lab: &mut Lab, name: &str| {
        lab.put(SHELL, name.as_bytes());
        lab.kernel.table.get_mut(SHELL).unwrap().wait = None;
        let arguments = [Handle::DIRECTORY.0, BUFFER, name.len() as u64, 0];
        lab.call(SHELL, Syscall::Open, arguments).unwrap()
    };
    let port = Ok(lab.port(SHELL, first).unwrap().0);
    assert_eq!(open(&mut lab, "worker"), port);
    assert_eq!(open(&mut lab, "worker"), port, "the same handle");
    lab.call(first, Syscall::Exit, [0; 4]);
    let port = Ok(lab.port(SHELL, second).unwrap().0);
    assert_eq!(open(&mut lab, "worker"), port);
    for nobody in ["nobody", "", "work"] {
        assert_eq!(open(&mut lab, nobody), Err(Error::NoSuchProcess));
    }
}

#[test]
fn init_watches_how_others_end() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    assert_eq!(lab.watch(a, ROOM, SECOND), Some(Err(Error::BadHandle)));
    assert_eq!(lab.watch(SHELL, ROOM, SECOND), Some(Err(Error::BadHandle)));
    lab.call(a, Syscall::Exit, [3, 0, 0, 0]);
    let length = lab.result(INIT).unwrap().unwrap();
    let record: ExitRecord = postcard::from_bytes(&lab.buffer(INIT, length)).unwrap();
    assert_eq!(
        record,
        ExitRecord {
            process: title("worker", a),
            exit: Exit::Code(3)
        }
    );
    lab.act(vec![kill(b)]);
    assert_eq!(lab.watch(INIT, 1, 0), Some(Err(Error::TooLong)));
    let length = lab.watch(INIT, ROOM, SECOND).unwrap().unwrap();
    let record: ExitRecord = postcard::from_bytes(&lab.buffer(INIT, length)).unwrap();
    assert_eq!(
        record,
        ExitRecord {
            process: title("worker", b),
            exit: Exit::Killed
        }
    );
    assert_eq!(lab.watch(INIT, ROOM, 0), Some(Err(Error::TimedOut)));
}

#[test]
fn submit_refuses_nonsense() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    assert_eq!(
        lab.call(pid, Syscall::Submit, [3, BUFFER, 1, 0]),
        Some(Err(Error::Invalid))
    );
    assert_eq!(
        lab.call(pid, Syscall::Submit, [0, BUFFER, 0, 0]),
        Some(Err(Error::Invalid))
    );
    assert_eq!(lab.say(pid, "  \n "), Err(Error::Invalid));
    assert_eq!(lab.say(pid, &"x".repeat(513)), Err(Error::TooLong));
    lab.put(pid, &[0xff, 0xfe]);
    assert_eq!(
        lab.call(pid, Syscall::Submit, [0, BUFFER, 2, 0]),
        Some(Err(Error::Invalid))
    );
    // No plan at all, half a plan, a plan and something behind it.
    lab.put(pid, &[200, 1, 1]);
    for (offset, length) in [(0, 3), (1, 1), (1, 2)] {
        let arguments = [1, BUFFER + offset, length, 0];
        assert!(matches!(
            lab.call(pid, Syscall::Submit, arguments),
            Some(Err(Error::Invalid)) | Some(Ok(_))
        ));
    }
    assert_eq!(
        lab.call(pid, Syscall::Submit, [1, BUFFER, 3, 0]),
        Some(Err(Error::Invalid))
    );
}

#[test]
fn the_intents_of_others_do_not_exist() {
    let mut lab = Lab::new();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    let intent = lab.say(a, "more memory please").unwrap();
    assert_eq!(lab.follow(b, intent, 0), Some(Err(Error::NoSuchIntent)));
    assert_eq!(
        lab.call(b, Syscall::Cancel, [intent, 0, 0, 0]),
        Some(Err(Error::NoSuchIntent))
    );
    assert_eq!(
        lab.call(a, Syscall::Cancel, [u64::MAX, 0, 0, 0]),
        Some(Err(Error::NoSuchIntent))
    );
    assert_eq!(lab.call(a, Syscall::Cancel, [intent, 0, 0, 0]), Some(Ok(0)));
    assert_eq!(lab.follow(a, intent, 0), Some(Err(Error::NoSuchIntent)));
}

#[test]
fn a_wait_outlives_a_suspension() {
    let mut lab = Lab::new();
    let pid = lab.spawn("echo");
    lab.receive(pid, FOREVER);
    lab.act(vec![suspend(pid)]);
    assert_eq!(lab.state(pid), Some(State::Suspended));
    lab.send(SHELL, pid, "hello");
    assert_eq!(lab.state(pid), Some(State::Suspended));
    assert!(!lab.kernel.scheduler.contains(pid));
    lab.act(vec![super::resume(pid)]);
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert_eq!(lab.result(pid), Some(Ok(5)));
}

proptest! {
    #[test]
    fn no_arguments_panic_the_kernel(calls in proptest::collection::vec((1u64..Syscall::ALL.len() as u64, prop::array::uniform6(odd_number())), 1..40)) {
        let mut lab = Lab::new();
        let mut pid = lab.spawn("worker");
        for (number, arguments) in calls {
            lab.call_all(pid, number, arguments);
            lab.pass(SECOND);
            if lab.state(pid) != Some(State::Ready) && lab.state(pid) != Some(State::Running) {
                pid = lab.spawn("worker");
            }
        }
    }
}

/// Numbers that break things.
fn odd_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..5,
        256u64..260,
        Just(BUFFER),
        Just(BUFFER + 1),
        Just(STACK_TOP - 1),
        Just(HEAP_BASE),
        Just(u64::MAX),
        Just(i64::MAX as u64),
        any::<u64>(),
        0u64..40_000,
    ]
}
