//! What the trace says of a running system, and to whom.

use proviso_abi::Effect;
use proviso_abi::syscall::{
    Error, OBSERVE_BUSIEST, OBSERVE_COUNTERS, OBSERVE_IDENTITY, OBSERVE_TRACE, Syscall,
};
use proviso_abi::trace::{Batch, Counters, TraceKind};
use proviso_abi::wire::{MAX_FRAME, ToAgent, ToKernel};

use super::{BUFFER, Lab, ROOM, SECOND, SHELL, spawn};
use crate::machine::Trap;

impl Lab {
    fn batch(&mut self, pid: u32, from: u64) -> Batch {
        let arguments = [OBSERVE_TRACE, BUFFER, ROOM, from];
        let length = self
            .call(pid, Syscall::Observe, arguments)
            .unwrap()
            .unwrap();
        postcard::from_bytes(&self.buffer(pid, length)).unwrap()
    }

    fn streamed(&mut self) -> Vec<Batch> {
        let heard = self.heard_by_agent().into_iter();
        heard
            .filter_map(|message| match message {
                ToAgent::Trace(batch) => Some(batch),
                _ => None,
            })
            .collect()
    }
}

fn kinds(batch: &Batch, pid: u32) -> Vec<TraceKind> {
    let own = batch.records.iter().filter(|record| record.pid == pid);
    own.map(|record| record.kind).collect()
}

#[test]
fn the_operator_sees_everything_in_order() {
    let mut lab = Lab::new();
    let pid = lab.spawn("worker");
    let call = Trap::Syscall {
        number: Syscall::Clock as u64,
        arguments: [0; 6],
    };
    let fault = Trap::Fault {
        kind: proviso_abi::FaultKind::Division,
        instruction: 0x40_0077,
        address: None,
    };
    lab.machine
        .scripts
        .entry(pid)
        .or_default()
        .extend([(1000, call), (2000, fault)]);
    for _ in 0..3 {
        lab.kernel.step(&mut lab.machine);
    }
    let batch = lab.batch(SHELL, 0);
    assert_eq!(
        kinds(&batch, pid),
        [
            TraceKind::Start,
            TraceKind::Call,
            TraceKind::Fault,
            TraceKind::End,
            TraceKind::Run
        ]
    );
    let asked: Vec<_> = kinds(&batch, SHELL);
    assert!(
        asked.ends_with(&[
            TraceKind::Intent,
            TraceKind::View,
            TraceKind::Judge,
            TraceKind::Admit
        ]),
        "{asked:?}"
    );
    assert!(batch.records.is_sorted_by_key(|record| record.t_ns));
    let run = batch.records.iter().rfind(|it| it.pid == pid).unwrap();
    assert_eq!(run.value, 3000);
    assert_eq!((batch.lost, batch.next), (0, batch.end));
    assert_eq!(lab.batch(SHELL, batch.next).records, []);
}

#[test]
fn others_see_what_they_did_and_no_counters() {
    let mut lab = Lab::new();
    let (own, _) = (lab.spawn("worker"), lab.spawn("worker"));
    lab.call(own, Syscall::Grow, [4096, 0, 0, 0]);
    let batch = lab.batch(own, 0);
    assert_eq!(kinds(&batch, own), [TraceKind::Start, TraceKind::Grow]);
    assert_eq!(batch.records.len(), 2);
    let counters = [OBSERVE_COUNTERS, BUFFER, ROOM, 0];
    assert_eq!(
        lab.call(own, Syscall::Observe, counters),
        Some(Err(Error::NotPermitted))
    );
    let length = lab
        .call(SHELL, Syscall::Observe, counters)
        .unwrap()
        .unwrap();
    let counters: Counters = postcard::from_bytes(&lab.buffer(SHELL, length)).unwrap();
    assert_eq!(counters.of(TraceKind::Grow).sum, 4096);
    assert_eq!(counters.of(TraceKind::Start).count, 4);
}

#[test]
fn the_busiest_are_shown_to_the_operator_and_it_leaves_no_record() {
    let mut lab = Lab::new();
    let own = lab.spawn("worker");
    let look = [OBSERVE_BUSIEST, BUFFER, ROOM, 0];
    assert_eq!(
        lab.call(own, Syscall::Observe, look),
        Some(Err(Error::NotPermitted))
    );
    let records = lab.kernel.audit.records().len();
    for _ in 0..300 {
        let length = lab.call(SHELL, Syscall::Observe, look).unwrap().unwrap();
        let effect: Effect = postcard::from_bytes(&lab.buffer(SHELL, length)).unwrap();
        assert!(matches!(effect, Effect::Processes(list) if list.len() == 3));
    }
    assert_eq!(lab.kernel.audit.records().len(), records);
}

#[test]
fn misuse_is_an_error() {
    let mut lab = Lab::new();
    for (arguments, error) in [
        ([4, BUFFER, ROOM, 0], Error::Invalid),
        ([OBSERVE_IDENTITY, BUFFER, ROOM, 0], Error::NoSuchProcess),
        ([u64::MAX, BUFFER, ROOM, 0], Error::Invalid),
        ([OBSERVE_TRACE, BUFFER, 1, 0], Error::TooLong),
    ] {
        let answer = lab.call(SHELL, Syscall::Observe, arguments);
        assert_eq!(answer, Some(Err(error)));
    }
    let pid = lab.spawn("worker");
    assert_eq!(
        lab.call(pid, Syscall::Observe, [OBSERVE_TRACE, 8, ROOM, 0]),
        None
    );
    assert_eq!(lab.state(pid), Some(proviso_abi::State::Crashed));
}

#[test]
fn the_agent_gets_it_if_it_asks_until_it_says_hello_again() {
    let mut lab = Lab::new();
    // Nobody without a hello, and nobody who did not ask.
    lab.agent(ToKernel::Observe { is_on: true });
    lab.spawn("worker");
    lab.pass(SECOND);
    lab.connect();
    lab.pass(SECOND);
    assert_eq!(lab.streamed(), []);
    lab.agent(ToKernel::Observe { is_on: true });
    let pid = lab.spawn("worker");
    lab.pass(SECOND);
    let batches = lab.streamed();
    assert_eq!(batches.len(), 1);
    assert_eq!(kinds(&batches[0], pid), [TraceKind::Start]);
    lab.pass(SECOND);
    assert_eq!(lab.streamed(), [], "nothing new");
    lab.connect();
    lab.spawn("worker");
    lab.pass(SECOND);
    assert_eq!(lab.streamed(), []);
}

#[test]
fn a_storm_of_records_is_counted_and_does_not_fill_the_channel() {
    let mut lab = Lab::new();
    lab.connect();
    lab.agent(ToKernel::Observe { is_on: true });
    lab.streamed();
    let begin = lab.batch(SHELL, 0).end;
    for number in 0..100_000 {
        let trace = &mut lab.kernel.trace;
        trace.note(u64::MAX, u32::MAX, TraceKind::Call, u64::MAX - number);
        if number % 1000 == 0 {
            lab.pass(SECOND / 1000);
        }
    }
    assert!(lab.machine.to_agent.len() < 8 * MAX_FRAME);
    for _ in 0..10 {
        lab.pass(SECOND);
    }
    let batches = lab.streamed();
    let end = batches.last().unwrap().next;
    let told: u64 = batches
        .iter()
        .map(|batch| batch.lost + batch.records.len() as u64)
        .sum();
    assert_eq!(begin + told, end, "everything is told or counted");
    assert!(batches.iter().any(|batch| batch.lost > 0));
    lab.act(vec![spawn("worker", 1)]);
}
