//! Going down, with the last word said.

use proviso_abi::syscall::FOREVER;
use proviso_abi::words::ShutdownMode;
use proviso_abi::{Action, Effect, IntentEvent};

use super::{Lab, SHELL, kill, power_of};
use crate::fake::PoweredOff;

const MS: u64 = 1_000_000;

fn shut_down(mode: ShutdownMode) -> Vec<Action> {
    vec![Action::Shutdown { mode }]
}

#[test]
fn the_one_who_asked_reads_the_outcome_first() {
    let mut lab = Lab::new();
    let intent = lab
        .submit(SHELL, shut_down(ShutdownMode::Halt))
        .unwrap()
        .unwrap();
    lab.poll();
    let event = lab.event(SHELL, intent);
    assert!(
        matches!(event, IntentEvent::Done { effects, .. } if effects == [Effect::ShuttingDown(ShutdownMode::Halt)])
    );
    lab.write(SHELL, "going down\n");
    lab.poll();
    lab.machine.take_console();
    let off = power_of(&mut lab, |lab| {
        lab.read(FOREVER);
        lab.kernel.step(&mut lab.machine);
    });
    assert_eq!(
        off,
        Some(PoweredOff {
            mode: ShutdownMode::Halt,
            ok: true
        })
    );
    assert_eq!(lab.machine.take_console(), "[kernel] the machine halts\n");
}

#[test]
fn nobody_holds_it_up_for_long() {
    let mut lab = Lab::new();
    lab.submit(SHELL, shut_down(ShutdownMode::Reboot));
    lab.pass(199 * MS);
    let off = power_of(&mut lab, |lab| lab.pass(MS));
    assert_eq!(
        off,
        Some(PoweredOff {
            mode: ShutdownMode::Reboot,
            ok: true
        })
    );
}

#[test]
fn a_plan_may_end_its_submitter_and_the_machine() {
    let mut lab = Lab::new();
    let off = power_of(&mut lab, |lab| {
        let plan = [vec![kill(SHELL)], shut_down(ShutdownMode::Halt)].concat();
        lab.submit(SHELL, plan);
        lab.poll();
    });
    assert_eq!(
        off,
        Some(PoweredOff {
            mode: ShutdownMode::Halt,
            ok: true
        })
    );
}

#[test]
fn only_the_operator_may() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let event = lab.plan(pid, shut_down(ShutdownMode::Halt));
    assert!(matches!(event, IntentEvent::Rejected { .. }));
    lab.pass(1000 * MS);
}
