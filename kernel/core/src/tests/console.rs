//! Many writers, one console.

use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::{INIT, State};

use super::{BUFFER, Lab, SECOND, SHELL, boot, kill, restart, suspend};
use crate::fake::FakeMachine;

#[test]
fn the_first_line_says_what_started() {
    let mut machine = FakeMachine::new(4096);
    boot(&mut machine, "init").unwrap();
    let line = format!(
        "Proviso {}: 16M memory, 14.6M free, 5 programs\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(machine.take_console(), line);
}

#[test]
fn the_owner_writes_as_it_likes_and_is_not_logged() {
    let mut lab = Lab::new();
    assert_eq!(lab.write(SHELL, "\x1b[1mproviso> "), Some(Ok(13)));
    assert_eq!(lab.machine.take_console(), "\x1b[1mproviso> ");
    assert!(!lab.log().iter().any(|line| line.contains("proviso>")));
}

#[test]
fn others_write_whole_harmless_lines() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.write(pid, "half");
    assert_eq!(lab.machine.take_console(), "");
    lab.write(pid, " a line\nand \x1b[2J\x07 more");
    assert_eq!(
        lab.machine.take_console(),
        format!("[worker {pid}] half a line\n")
    );
    lab.call(pid, Syscall::Exit, [0; 4]);
    assert_eq!(
        lab.machine.take_console(),
        format!("[worker {pid}] and ?[2J? more\n")
    );
    assert!(lab.log().contains(&"and ?[2J? more"));
}

#[test]
fn a_reading_owner_hears_of_the_line_it_lost() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.write(SHELL, "proviso> ");
    assert_eq!(lab.read(FOREVER), None);
    lab.machine.take_console();
    lab.write(pid, "one\ntwo\n");
    assert_eq!(
        lab.machine.take_console(),
        format!("\n[worker {pid}] one\n[worker {pid}] two\n")
    );
    assert_eq!(lab.result(SHELL), Some(Err(Error::Interrupted)));
    // Nothing is on its line now, so nothing more can be lost.
    assert_eq!(lab.read(FOREVER), None);
    lab.write(pid, "three\n");
    assert_eq!(lab.result(SHELL), None);
}

#[test]
fn a_terminal_has_the_line_erased() {
    let mut lab = Lab::new();
    lab.kernel.tty = crate::tty::Tty::new(true);
    let pid = lab.spawn("worker");
    lab.write(SHELL, "proviso> ");
    lab.read(FOREVER);
    lab.machine.take_console();
    lab.write(pid, "hi\n");
    assert_eq!(
        lab.machine.take_console(),
        format!("\r\x1b[K[worker {pid}] hi\r\n")
    );
}

#[test]
fn an_owner_between_two_reads_hears_of_it_at_the_next() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.kernel.table.get_mut(SHELL).unwrap().wait = None;
    lab.write(SHELL, "proviso> ");
    lab.write(pid, "hi\n");
    assert_eq!(lab.read(FOREVER), Some(Err(Error::Interrupted)));
    // One that wrote since knows what its line looks like.
    lab.write(SHELL, "working");
    lab.write(pid, "hi\n");
    lab.write(SHELL, "proviso> ");
    assert_eq!(lab.read(0), Some(Err(Error::TimedOut)));
}

#[test]
fn typed_bytes_reach_the_owner_in_pieces_and_overflow_waits_in_the_device() {
    let mut lab = Lab::new();
    lab.machine.typed.extend(b"/ps\r");
    lab.poll();
    assert_eq!(lab.result(SHELL), Some(Ok(4)));
    assert_eq!(lab.buffer(SHELL, 4), b"/ps\r");
    lab.machine.typed.extend([b'x'; 3000]);
    lab.poll();
    assert_eq!(lab.machine.typed.len(), 3000 - 1024);
    assert_eq!(
        lab.call(SHELL, Syscall::Read, [BUFFER, 1000, 0, 0]),
        Some(Ok(1000))
    );
    assert_eq!(
        lab.call(SHELL, Syscall::Read, [BUFFER, 1000, 0, 0]),
        Some(Ok(24))
    );
    lab.poll();
    assert_eq!(
        lab.call(SHELL, Syscall::Read, [BUFFER, 0, 0, 0]),
        Some(Ok(0))
    );
    assert_eq!(
        lab.call(SHELL, Syscall::Read, [BUFFER, 2000, 0, 0]),
        Some(Ok(1024))
    );
}

#[test]
fn a_read_ends_in_time() {
    let mut lab = Lab::new();
    assert_eq!(lab.read(SECOND), None);
    lab.pass(SECOND);
    assert_eq!(lab.result(SHELL), Some(Err(Error::TimedOut)));
}

#[test]
fn a_flood_is_thinned_out_and_said_so() {
    let mut lab = Lab::new();
    let pid = lab.spawn("hog");
    for _ in 0..10 {
        lab.write(pid, &"x\n".repeat(100));
    }
    assert_eq!(lab.machine.take_console().lines().count(), 40);
    lab.pass(SECOND);
    lab.write(pid, "y\n");
    let console = lab.machine.take_console();
    assert!(console.contains("(960 lines not shown"), "{console}");
}

#[test]
fn the_next_shell_of_inits_owns_the_console() {
    let mut lab = Lab::new();
    let imposter = lab.spawn("shell");
    lab.plan(INIT, vec![restart(SHELL)]);
    assert_eq!(lab.kernel.console_owner(), Some(SHELL));
    lab.plan(INIT, vec![kill(SHELL)]);
    assert_eq!(lab.kernel.console_owner(), None);
    let next = lab.spawn_by(INIT, "shell");
    assert_eq!(lab.kernel.console_owner(), Some(next));
    assert_eq!(lab.state(imposter), Some(State::Ready));
}

#[test]
fn typing_resumes_a_suspended_owner() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.plan(INIT, vec![suspend(SHELL), suspend(pid)]);
    lab.pass(SECOND);
    assert_eq!(lab.state(SHELL), Some(State::Suspended));
    lab.machine.typed.push_back(b'x');
    lab.poll();
    assert_eq!(lab.result(SHELL), Some(Ok(1)));
    assert_eq!(lab.state(SHELL), Some(State::Ready));
    assert_eq!(lab.state(pid), Some(State::Suspended));
    assert!(
        lab.machine
            .take_console()
            .contains("shell 2 resumed, because somebody typed")
    );
}
