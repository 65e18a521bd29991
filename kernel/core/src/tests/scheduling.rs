//! Who runs, in what order, and for how long.

use proviso_abi::syscall::Syscall;
use proviso_abi::words::Policy;
use proviso_abi::{Action, Effect, Percent, Priority, State, Target};

use super::{Lab, SECOND, SHELL, set_priority};
use crate::machine::Trap;

const MS: u64 = 1_000_000;

fn steps(lab: &mut Lab, count: usize) -> Vec<u32> {
    lab.machine.ran.clear();
    for _ in 0..count {
        lab.kernel.step(&mut lab.machine);
    }
    lab.machine.ran.clone()
}

/// The shell waits for the console, so only what a test starts wants to run.
fn quiet() -> Lab {
    let mut lab = Lab::new();
    assert_eq!(lab.read(u64::MAX), None);
    lab
}

#[test]
fn peers_take_turns_of_two_ticks() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    assert_eq!(steps(&mut lab, 8), [a, a, b, b, a, a, b, b]);
}

#[test]
fn the_more_urgent_runs_first_and_waits_cost_it_nothing() {
    let mut lab = quiet();
    let (low, high) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.act(vec![
        set_priority(low, Priority::Low),
        set_priority(high, Priority::Realtime),
    ]);
    assert_eq!(steps(&mut lab, 3), [high, high, high]);
    let sleep = Trap::Syscall {
        number: Syscall::Sleep as u64,
        arguments: [12 * MS, 0, 0, 0, 0, 0],
    };
    lab.machine
        .scripts
        .entry(high)
        .or_default()
        .push_back((MS, sleep));
    // Asleep for 12 ms, that is until the third tick.
    assert_eq!(steps(&mut lab, 5), [high, low, low, low, high]);
}

#[test]
fn one_who_yields_goes_behind_its_peers() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    let call = Trap::Syscall {
        number: Syscall::Yield as u64,
        arguments: [0; 6],
    };
    lab.machine
        .scripts
        .entry(a)
        .or_default()
        .push_back((MS, call));
    assert_eq!(steps(&mut lab, 3), [a, b, b]);
}

#[test]
fn calls_do_not_prolong_a_turn() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    // One that is settled; what concerns the caller alone counts at the next tick.
    let call = Trap::Syscall {
        number: Syscall::Close as u64,
        arguments: [0; 6],
    };
    lab.machine
        .scripts
        .entry(a)
        .or_default()
        .extend(vec![(MS, call); 30]);
    let ran = steps(&mut lab, 12);
    assert_eq!(ran, [[a; 10].as_slice(), &[b, b]].concat());
}

#[test]
fn calls_that_concern_their_caller_alone_end_with_the_tick() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    let call = Trap::Syscall {
        number: Syscall::Clock as u64,
        arguments: [0; 6],
    };
    let tick = (MS, Trap::Interrupt);
    let calls = [(MS, call), (MS, call), (MS, call), (MS, call), tick].repeat(4);
    lab.machine.scripts.insert(a, calls.into());
    // A turn is 10 ms: two ticks, with what it called in between.
    assert_eq!(steps(&mut lab, 3), [[a; 10].as_slice(), &[b]].concat());
    let used = |pid| lab.kernel.table.get(pid).unwrap().cpu.total_ns();
    assert_eq!(used(a), 10 * MS, "no time is lost");
}

#[test]
fn nobody_runs_while_all_wait() {
    let mut lab = quiet();
    let before = lab.machine.now_ns;
    assert!(steps(&mut lab, 4).is_empty());
    assert_eq!(lab.machine.now_ns, before + 4 * crate::fake::TICK_NS);
}

#[test]
fn time_is_accounted_to_the_nanosecond() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.act(vec![set_priority(b, Priority::Low)]);
    let begin = lab.machine.now_ns;
    let sleep = Trap::Syscall {
        number: Syscall::Sleep as u64,
        arguments: [10 * SECOND, 0, 0, 0, 0, 0],
    };
    lab.machine
        .scripts
        .entry(a)
        .or_default()
        .extend([(1_234_567, Trap::Interrupt), (89, sleep)]);
    steps(&mut lab, 300);
    let total = |lab: &Lab, pid| lab.kernel.table.get(pid).unwrap().cpu.total_ns();
    assert_eq!(total(&lab, a), 1_234_567 + 89);
    assert_eq!(total(&lab, a) + total(&lab, b), lab.machine.now_ns - begin);
    assert_eq!(lab.info(b).unwrap().cpu, 100);
    assert_eq!(lab.info(b).unwrap().state, State::Running);
    assert_eq!(lab.kernel.busy.share(lab.machine.now_ns), 100);
}

#[test]
fn a_fault_ends_one_and_the_others_run() {
    let mut lab = quiet();
    let a = lab.spawn("worker");
    let fault = Trap::Fault {
        kind: proviso_abi::FaultKind::Division,
        instruction: 0x40_0077,
        address: None,
    };
    lab.machine
        .scripts
        .entry(a)
        .or_default()
        .push_back((MS, fault));
    // Init is told of it, and is the most urgent.
    assert_eq!(steps(&mut lab, 2), [a, proviso_abi::INIT]);
    assert_eq!(lab.state(a), Some(State::Crashed));
    let console = lab.machine.take_console();
    assert!(
        console.contains(&format!(
            "[kernel] worker {a} crashed: division by zero at instruction 0x400077\n"
        )),
        "{console}"
    );
}

#[test]
fn the_console_keeps_its_turns_beside_the_most_urgent() {
    let mut lab = quiet();
    let busy = lab.spawn("worker");
    lab.act(vec![
        set_priority(busy, Priority::Realtime),
        set_priority(SHELL, Priority::Idle),
    ]);
    assert_eq!(steps(&mut lab, 3), [busy, busy, busy]);
    // Somebody types: the shell runs within one turn of the busy process's.
    lab.machine.typed.extend(b"/kill worker\n");
    let ran = steps(&mut lab, 4);
    assert!(ran.contains(&SHELL), "{ran:?}");
    assert_eq!(
        lab.info(SHELL).map(|info| info.priority),
        Some(Priority::Idle)
    );
}

#[test]
fn no_other_process_gets_turns_for_being_called_shell() {
    let mut lab = quiet();
    let busy = lab.spawn("worker");
    let other = lab.spawn("shell");
    lab.act(vec![set_priority(busy, Priority::Realtime)]);
    let ran = steps(&mut lab, 8);
    assert!(!ran.contains(&other), "{ran:?}");
}

fn cap(pid: u32, percent: u8) -> Action {
    Action::SetCpuLimit {
        target: Target::pid(pid),
        percent: Percent::new(percent).unwrap(),
        except: None,
    }
}

fn scheduler(policy: Policy, quantum_ms: Option<u32>) -> Action {
    Action::SetScheduler { policy, quantum_ms }
}

fn used(lab: &Lab, pid: u32) -> u64 {
    lab.kernel.table.get(pid).unwrap().cpu.total_ns()
}

#[test]
fn a_capped_process_gets_its_share_and_no_more_even_of_an_idle_machine() {
    let mut lab = quiet();
    let busy = lab.spawn("worker");
    lab.act(vec![cap(busy, 20)]);
    let (begin, before) = (lab.machine.now_ns, used(&lab, busy));
    steps(&mut lab, 2000);
    let share = (used(&lab, busy) - before) * 100 / (lab.machine.now_ns - begin);
    assert_eq!(share, 20);
    // While it rests, it says for what.
    while lab.state(busy) != Some(State::Blocked) {
        steps(&mut lab, 1);
    }
    let effects = lab.act(vec![Action::Inspect {
        target: Target::pid(busy),
    }]);
    let [Effect::Inspected(details)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(details[0].cpu_limit, Percent::new(20));
    assert_eq!(
        details[0].waits_for.as_deref(),
        Some("its share of the processor")
    );
    lab.act(vec![cap(busy, 100)]);
    assert_eq!(steps(&mut lab, 50), [busy; 50]);
}

#[test]
fn a_cap_outlives_a_restart_and_frees_time_for_others() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.act(vec![cap(a, 10), super::restart(a)]);
    let (begin, before) = (lab.machine.now_ns, used(&lab, a));
    steps(&mut lab, 2000);
    let total = lab.machine.now_ns - begin;
    assert_eq!((used(&lab, a) - before) * 100 / total, 10);
    assert_eq!(used(&lab, b) * 100 / total, 90);
}

#[test]
fn policies_change_while_processes_run_and_none_is_lost() {
    let mut lab = quiet();
    let pids: Vec<u32> = (0..5).map(|_| lab.spawn("worker")).collect();
    for policy in Policy::ALL.iter().cycle().take(9) {
        let effects = lab.act(vec![scheduler(*policy, Some(5))]);
        assert_eq!(effects, [Effect::SchedulerSet(*policy, 5)]);
        let ran = steps(&mut lab, 100);
        for pid in &pids {
            assert!(ran.contains(pid), "{policy} lost {pid}");
        }
    }
    let status = lab.act(vec![Action::Status {}]);
    let [Effect::Status(status)] = &status[..] else {
        panic!("{status:?}")
    };
    assert_eq!(
        (status.scheduler, status.quantum_ms),
        (Policy::RoundRobin, 5)
    );
}

#[test]
fn a_quantum_is_set_and_kept() {
    let mut lab = quiet();
    let (a, b) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.act(vec![scheduler(Policy::RoundRobin, Some(20))]);
    assert_eq!(steps(&mut lab, 8), [a, a, a, a, b, b, b, b]);
    let effects = lab.act(vec![scheduler(Policy::Priority, None)]);
    assert_eq!(effects, [Effect::SchedulerSet(Policy::Priority, 20)]);
    assert_eq!(steps(&mut lab, 8), [a, a, a, a, b, b, b, b]);
}

#[test]
fn what_the_kernel_does_for_a_process_is_on_its_account() {
    let mut lab = quiet();
    let curious = lab.spawn("worker");
    lab.put(curious, &[0; 4096]);
    lab.machine.byte_ns = 10_000;
    let observe = Trap::Syscall {
        number: Syscall::Observe as u64,
        arguments: [1, super::BUFFER, super::ROOM, 0, 0, 0],
    };
    let script = lab.machine.scripts.entry(curious).or_default();
    script.extend([(0, observe), (0, Trap::Interrupt)]);
    assert_eq!(steps(&mut lab, 2), [curious, curious]);
    let used = lab.kernel.table.get(curious).unwrap().cpu.total_ns();
    assert!(used >= 10_000, "{used}");
}
