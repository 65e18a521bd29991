//! Births, deaths and what comes after.

use proviso_abi::outcome::Exit;
use proviso_abi::syscall::{FOREVER, Syscall};
use proviso_abi::words::ShutdownMode;
use proviso_abi::{Effect, INIT, Name, State};

use super::{Lab, PROGRAMS, SHELL, boot, kill, power_of, restart, resume, spawn, suspend, title};
use crate::fake::{FakeMachine, PoweredOff};
use crate::kernel::{BootError, Kernel};
use crate::program::ProgramError;
use crate::table::MAX_DEAD;
use proviso_abi::layout::STACK_TOP;

#[test]
fn init_gets_its_arguments_and_number() {
    let lab = Lab::new();
    let init = lab.kernel.table.get(INIT).unwrap();
    let (entry, stack, [args, length, pid]) = init.task.as_ref().unwrap().start;
    assert_eq!(
        (entry, args, length, pid),
        (0x40_0010, STACK_TOP - 16, 13, 1)
    );
    assert_eq!(stack, args);
    use crate::machine::Machine;
    let mut text = [0; 13];
    lab.machine
        .copy_in(init.task.as_ref().unwrap(), args, &mut text)
        .unwrap();
    assert_eq!(&text, b"console=plain");
}

#[test]
fn what_is_wrong_at_boot_is_said() {
    let mut machine = FakeMachine::new(4096);
    let error = boot(&mut machine, "systemd").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the ramdisk has no program systemd, which boot.cfg names as init"
    );
    // 100 frames are the kernel's and 256 the reserve: nothing for init, then
    // too little beside it, then just enough.
    let error = |frames| boot(&mut FakeMachine::new(frames), "init").unwrap_err();
    assert_eq!(
        error(300).to_string(),
        "not enough memory to start: 72K needed, 0B free; give the machine more"
    );
    assert!(matches!(
        error(100 + 256 + 18 + 511),
        BootError::NoMemory { .. }
    ));
    assert!(boot(&mut FakeMachine::new(100 + 256 + 18 + 512), "init").is_ok());
    let broken = vec![(Name::cut("init"), &b"junk"[..])];
    let error =
        Kernel::new(&mut machine, broken, &Name::cut("init"), Vec::new(), false).unwrap_err();
    assert_eq!(
        error,
        BootError::Program {
            name: Name::cut("init"),
            error: ProgramError::NotElf
        }
    );
    let twins = ["a", "b", "a"].map(|name| (Name::cut(name), super::image::program()));
    let error = Kernel::new(
        &mut machine,
        twins.to_vec(),
        &Name::cut("a"),
        Vec::new(),
        false,
    )
    .unwrap_err();
    assert_eq!(error, BootError::TwoPrograms(Name::cut("a")));
    assert_eq!(PROGRAMS.len(), 5);
}

#[test]
fn the_end_of_init_is_the_end() {
    for (code, ok) in [(0, true), (1, false), (7, false)] {
        let mut lab = Lab::new();
        let off = power_of(&mut lab, |lab| {
            lab.kernel.table.get_mut(INIT).unwrap().wait = None;
            lab.call(INIT, Syscall::Exit, [code, 0, 0, 0]);
        });
        assert_eq!(
            off,
            Some(PoweredOff {
                mode: ShutdownMode::Halt,
                ok
            })
        );
        let console = lab.machine.take_console();
        assert_eq!(
            console,
            format!("[kernel] init: exited with code {code}; the machine halts\n")
        );
    }
    let mut lab = Lab::new();
    let off = power_of(&mut lab, |lab| {
        lab.raw_call(INIT, 99, [0; 4]);
    });
    assert_eq!(
        off,
        Some(PoweredOff {
            mode: ShutdownMode::Halt,
            ok: false
        })
    );
}

#[test]
fn a_killed_process_leaves_nothing_but_a_log_line() {
    let mut lab = Lab::new();
    let free = lab.machine.free;
    let pid = lab.spawn("worker");
    lab.call(pid, Syscall::Sleep, [FOREVER, 0, 0, 0]);
    assert_eq!(
        lab.act(vec![kill(pid)]),
        [Effect::Killed(vec![title("worker", pid)])]
    );
    assert_eq!(lab.state(pid), None);
    assert_eq!(lab.machine.free, free);
    assert!(lab.log().contains(&format!("worker {pid} killed").as_str()));
    assert_eq!(lab.spawn("worker"), pid + 1, "numbers are never used twice");
}

#[test]
fn a_restart_keeps_who_it_is_and_forgets_what_it_did() {
    let mut lab = Lab::new();
    let pid = lab.spawn("echo");
    lab.send(SHELL, pid, "hello");
    lab.call(pid, Syscall::Grow, [1 << 20, 0, 0, 0]);
    lab.act(vec![suspend(pid)]);
    let free = lab.machine.free;
    assert_eq!(
        lab.act(vec![restart(pid)]),
        [Effect::Restarted(vec![title("echo", pid)])]
    );
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert!(lab.machine.free > free + 255);
    let process = lab.kernel.table.get(pid).unwrap();
    assert_eq!(
        (process.restarts, process.mailbox.len(), process.heap_pages),
        (1, 0, 0)
    );
    assert_eq!(process.last_exit, Some(Exit::Killed));
    assert_eq!(
        process.task.as_ref().unwrap().result,
        None,
        "a new life owes no answer"
    );
    assert!(lab.kernel.scheduler.contains(pid));
}

#[test]
fn the_dead_can_be_restarted() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.raw_call(pid, 99, [0; 4]);
    assert_eq!(lab.state(pid), Some(State::Crashed));
    lab.act(vec![restart(pid)]);
    assert_eq!(lab.state(pid), Some(State::Ready));
    assert!(matches!(
        lab.kernel.table.get(pid).unwrap().last_exit,
        Some(Exit::Crashed { .. })
    ));
}

#[test]
fn only_the_newest_dead_are_remembered() {
    let mut lab = Lab::new();
    for _ in 0..40 {
        let pid = lab.spawn("worker");
        lab.call(pid, Syscall::Exit, [0; 4]);
    }
    let dead: Vec<_> = lab
        .kernel
        .table
        .iter()
        .filter(|p| !p.is_alive())
        .map(|p| p.pid)
        .collect();
    assert_eq!(dead, (43 - MAX_DEAD as u32..43).collect::<Vec<_>>());
    assert!(lab.kernel.ends.len() <= 64);
}

#[test]
fn a_suspended_process_does_not_run_until_resumed() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    lab.act(vec![suspend(pid)]);
    assert!(!lab.kernel.scheduler.contains(pid));
    lab.act(vec![resume(pid)]);
    assert!(lab.kernel.scheduler.contains(pid));
    // Asleep, suspended, resumed: still asleep.
    lab.call(pid, Syscall::Sleep, [FOREVER, 0, 0, 0]);
    lab.act(vec![suspend(pid), resume(pid)]);
    assert_eq!(lab.state(pid), Some(State::Blocked));
    assert!(!lab.kernel.scheduler.contains(pid));
}

#[test]
fn the_table_has_an_end() {
    let mut lab = Lab::with_frames(1 << 16);
    let mut spawned = 0;
    while let proviso_abi::IntentEvent::Done { .. } = lab.plan(SHELL, vec![spawn("worker", 1)]) {
        spawned += 1;
    }
    assert_eq!(spawned, crate::table::most_living(lab.machine.heap) - 2);
}
