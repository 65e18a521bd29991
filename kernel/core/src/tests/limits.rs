//! What the kernel stores for strangers stays within its bounds.

use proviso_abi::syscall::Syscall;
use proviso_abi::wire::{MAX_FRAME, ToAgent};

use super::{Lab, SECOND, SHELL, spawn};

#[test]
fn the_largest_request_fits_a_frame() {
    let mut lab = Lab::with_frames(1 << 16);
    lab.connect();
    for _ in 0..10 {
        lab.act(vec![spawn("worker", 10)]);
    }
    for _ in 0..10 {
        lab.write(proviso_abi::INIT, &format!("{}\n", "ü".repeat(100)));
    }
    lab.heard_by_agent();
    lab.say(SHELL, &"x".repeat(512)).unwrap();
    assert!(
        lab.machine.to_agent.len() < MAX_FRAME / 2,
        "{}",
        lab.machine.to_agent.len()
    );
    match lab.heard_by_agent().as_slice() {
        [ToAgent::Request(request)] => {
            assert_eq!(request.system.processes.len(), 64);
            assert_eq!(request.system.omitted, 38);
            assert_eq!(request.system.log.len(), 8);
            assert!(request.system.log.iter().all(|line| line.text.len() <= 120));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flood_from_the_agent_does_not_keep_the_kernel() {
    let mut lab = Lab::new();
    lab.machine.from_agent.extend(vec![0; 1 << 20]);
    lab.poll();
    assert_eq!(
        lab.machine.from_agent.len(),
        (1 << 20) - crate::link::MAX_TAKE
    );
}

#[test]
fn a_process_that_only_writes_fills_nothing_but_the_log() {
    let mut lab = Lab::new();
    let pid = lab.spawn("hog");
    for _ in 0..100 {
        lab.write(pid, &"x\n".repeat(2000));
        lab.call(pid, Syscall::Write, [super::BUFFER, super::ROOM, 0, 0]);
    }
    assert_eq!(lab.log().len(), crate::log::MAX_LINES);
    lab.pass(SECOND);
}

#[test]
fn the_reserve_is_for_init_and_the_console_alone() {
    let mut lab = Lab::with_frames(100 + 256 + 600);
    for hog in [lab.spawn("hog"), lab.spawn("hog")] {
        while matches!(lab.call(hog, Syscall::Grow, [4096, 0, 0, 0]), Some(Ok(_))) {}
    }
    assert_eq!(lab.machine.free, 256);
    let refused = lab.plan(SHELL, vec![spawn("worker", 1)]);
    assert!(
        matches!(refused, proviso_abi::IntentEvent::Rejected { .. }),
        "{refused:?}"
    );
    // The shell's own memory, and a shell that comes back, come out of it.
    assert!(matches!(
        lab.call(SHELL, Syscall::Grow, [4096, 0, 0, 0]),
        Some(Ok(_))
    ));
    lab.submit(SHELL, vec![super::kill(SHELL)]);
    let back = lab.plan(proviso_abi::INIT, vec![spawn("shell", 1)]);
    assert!(
        matches!(back, proviso_abi::IntentEvent::Done { .. }),
        "{back:?}"
    );
}

#[test]
fn a_larger_heap_has_room_for_more_processes_and_the_bound_holds() {
    let mut machine = crate::fake::FakeMachine::new(1 << 17);
    machine.heap = 8 << 20;
    let mut lab = Lab::on(machine);
    lab.connect();
    let most = crate::table::most_living(8 << 20);
    assert!(most >= 1000, "{most}");
    for _ in 0..(most - 2) / 64 {
        lab.act(vec![spawn("worker", 64)]);
    }
    lab.act(vec![spawn("worker", ((most - 2) % 64) as u32)]);
    assert_eq!(lab.kernel.table.living().count(), most);
    let refused = lab.plan(SHELL, vec![spawn("worker", 1)]);
    assert!(
        matches!(refused, proviso_abi::IntentEvent::Rejected { .. }),
        "{refused:?}"
    );
    // The agent is told of some and how many more there are.
    lab.heard_by_agent();
    lab.say(SHELL, "how many are there?").unwrap();
    assert!(lab.machine.to_agent.len() < MAX_FRAME / 2);
    match lab.heard_by_agent().as_slice() {
        [ToAgent::Request(request)] => {
            assert_eq!(request.system.omitted as usize, most - 64);
        }
        other => panic!("{other:?}"),
    }
    // Each has its turn.
    lab.machine.ran.clear();
    for _ in 0..2 * most + 100 {
        lab.kernel.step(&mut lab.machine);
    }
    lab.machine.ran.sort_unstable();
    lab.machine.ran.dedup();
    assert!(
        lab.machine.ran.len() >= most - 2,
        "{}",
        lab.machine.ran.len()
    );
}
