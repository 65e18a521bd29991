//! The short way of calls changes what the long way changes, and nothing else:
//! the same random steps on two machines, one of which never takes it.

use proptest::prelude::*;
use proviso_abi::syscall::Syscall;
use proviso_abi::{Handle, Pid, Priority};

use crate::fast_path::Short;
use crate::ipc::Message;
use crate::machine::Trap;
use crate::object::{Object, ObjectId};

use super::{BUFFER, Lab, SHELL, resume, set_priority, suspend};

const ACTORS: usize = 4;
const LEVELS: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];

/// What an actor does, if it can do anything. Others are named by number.
#[derive(Debug, Clone, Copy)]
enum Step {
    Call(usize, [u64; 4]),
    Receive,
    Reply([u64; 4]),
    /// Receives at the own endpoint of the next.
    ReceiveAt,
    ReplyAt([u64; 4]),
    Letter(usize),
    /// A call with an envelope, which has a time limit or a bad address.
    Within(usize, u64),
    Urgency(usize),
    Suspend,
    Resume,
    Cut(usize),
    Pass(u64),
    Close(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let other = || 0..ACTORS;
    let words = || prop::array::uniform4(0..4u64);
    prop_oneof![
        8 => (other(), words()).prop_map(|(to, words)| Step::Call(to, words)),
        6 => Just(Step::Receive),
        8 => words().prop_map(Step::Reply),
        2 => Just(Step::ReceiveAt),
        2 => words().prop_map(Step::ReplyAt),
        1 => other().prop_map(Step::Letter),
        1 => (other(), 0..3_000_000u64).prop_map(|(to, ns)| Step::Within(to, ns)),
        1 => (0..LEVELS.len()).prop_map(Step::Urgency),
        1 => Just(Step::Suspend),
        2 => Just(Step::Resume),
        1 => other().prop_map(Step::Cut),
        2 => (1..2_000_000u64).prop_map(Step::Pass),
        1 => (0..6u64).prop_map(Step::Close),
    ]
}

/// Four processes, each with a handle to every other's endpoint, and one by which
/// it may receive at that of the next.
struct Stage {
    lab: Lab,
    actors: Vec<Pid>,
    /// By actor: its handle to the endpoint of each.
    ports: Vec<Vec<Handle>>,
    shared: Vec<Handle>,
    /// Who runs since the short way was taken last, if it is not settled yet.
    running: Option<Pid>,
    /// How often it was taken.
    taken: u32,
}

impl Stage {
    fn new(has_short_way: bool) -> Self {
        let mut lab = Lab::new();
        if !has_short_way {
            lab.kernel.most_unsettled = 0;
            lab.kernel.room_to_settle = 0;
        }
        let actors: Vec<Pid> = (0..ACTORS).map(|_| lab.spawn("worker")).collect();
        let shared = (0..ACTORS)
            .map(|at| {
                let (next, own) = (actors[(at + 1) % ACTORS], actors[at]);
                lab.pass_handle(next, own, Handle::OWN)
            })
            .collect();
        let port = |from: &Pid| {
            actors
                .iter()
                .map(|to| lab.port(*from, *to).unwrap())
                .collect()
        };
        let ports = actors.iter().map(port).collect();
        Self {
            lab,
            actors,
            ports,
            shared,
            running: None,
            taken: 0,
        }
    }

    /// What a process that runs does when it makes a call.
    fn call(&mut self, pid: Pid, call: Syscall, arguments: [u64; 6]) {
        if self.running != Some(pid) {
            self.settle();
        }
        self.lab.task(pid).trap = Some(Trap::Syscall {
            number: call as u64,
            arguments,
        });
        self.lab.task(pid).result = None;
        let kernel = &mut self.lab.kernel;
        let slot = kernel.table.slot(pid).unwrap();
        let short = Short::of(&self.lab.machine, kernel.table.at(slot).unwrap());
        match short.and_then(|it| kernel.fast_path(&mut self.lab.machine, slot, it)) {
            Some(next) => {
                self.taken += 1;
                let next = kernel.table.at(next).unwrap();
                assert!(next.is_runnable());
                self.running = Some(next.pid);
            }
            None => {
                self.settle();
                self.lab.call_all(pid, call as u64, arguments);
            }
        }
    }

    /// What the kernel does at the next trap that goes the long way.
    fn settle(&mut self) {
        if let Some(pid) = self.running.take() {
            self.lab.kernel.settle_all(&self.lab.machine, pid);
        }
    }

    fn act(&mut self, actor: usize, step: Step) {
        let pid = self.actors[actor];
        if matches!(
            step,
            Step::Suspend | Step::Resume | Step::Urgency(_) | Step::Pass(_) | Step::Cut(_)
        ) {
            self.settle();
        }
        let lab = &mut self.lab;
        match step {
            Step::Suspend => return drop(lab.plan(SHELL, vec![suspend(pid)])),
            Step::Resume => return drop(lab.plan(SHELL, vec![resume(pid)])),
            Step::Urgency(level) => {
                return drop(lab.plan(SHELL, vec![set_priority(pid, LEVELS[level])]));
            }
            Step::Pass(ns) => return lab.pass(ns),
            Step::Cut(other) => {
                lab.kernel.relations.cut(pid, self.actors[other]);
                return;
            }
            _ => {}
        }
        if !lab.kernel.table.get(pid).is_some_and(|it| it.is_runnable()) {
            return;
        }
        let own = Handle::OWN.0;
        let with = |handle: u64, [a, b, c, d]: [u64; 4]| [handle, a, b, c, d, 0];
        match step {
            Step::Call(to, words) => {
                let port = self.ports[actor][to].0;
                self.call(pid, Syscall::Call, with(port, words));
            }
            Step::Receive => self.call(pid, Syscall::Receive, with(own, [0; 4])),
            Step::Reply(words) => self.call(pid, Syscall::ReplyReceive, with(own, words)),
            Step::ReceiveAt => {
                let shared = self.shared[actor].0;
                self.call(pid, Syscall::Receive, with(shared, [0; 4]));
            }
            Step::ReplyAt(words) => {
                let shared = self.shared[actor].0;
                self.call(pid, Syscall::ReplyReceive, with(shared, words));
            }
            Step::Letter(to) => {
                let port = self.ports[actor][to].0;
                self.call(pid, Syscall::Send, [port, BUFFER, 3, 0, 0, 0]);
            }
            Step::Within(to, timeout_ns) => {
                let at = self.lab.envelope(
                    pid,
                    proviso_abi::ipc::Envelope {
                        timeout_ns,
                        ..proviso_abi::ipc::Envelope::EMPTY
                    },
                );
                let port = self.ports[actor][to].0;
                self.call(pid, Syscall::Call, [port, 1, 2, 3, 4, at]);
            }
            Step::Close(place) => {
                let handle = Handle::new(place as usize, 1).0;
                self.call(pid, Syscall::Close, [handle, 0, 0, 0, 0, 0]);
            }
            _ => {}
        }
    }

    /// Everything that a process could tell the difference by.
    fn state(&self) -> Vec<String> {
        let kernel = &self.lab.kernel;
        let process = |pid: &Pid| {
            let it = kernel.table.get(*pid).unwrap();
            let is_queued = kernel.scheduler.contains(*pid);
            assert_eq!(is_queued, it.is_runnable(), "{pid}");
            let extras = it.message.map(|it| (it.out, it.room, it.handle));
            let empty = (
                Message::EMPTY.out,
                Message::EMPTY.room,
                Message::EMPTY.handle,
            );
            let task = it.task.as_ref().map(|task| (task.result, task.heard));
            let wait = it.wait.map(|wait| (wait.event, wait.until_ns));
            let level = kernel.level(it);
            format!(
                "{pid}: {:?} {wait:?} {:?} {:?} {level:?} {task:?} {:?}",
                it.life,
                it.serving,
                extras.filter(|extras| *extras != empty),
                it.mailbox
            )
        };
        let object = |id: u32| match kernel.capabilities.object(ObjectId(id)) {
            Some(Object::Endpoint(it)) => format!("{it:?}"),
            other => format!("{other:?}"),
        };
        let objects = 0..kernel.capabilities.objects() as u32;
        self.actors
            .iter()
            .map(process)
            .chain(objects.map(object))
            .collect()
    }
}

proptest! {
    #[test]
    fn the_short_way_does_what_the_long_way_does(
        steps in prop::collection::vec((0..ACTORS, step()), 1..120),
    ) {
        let (mut short, mut long) = (Stage::new(true), Stage::new(false));
        for (number, (actor, step)) in steps.into_iter().enumerate() {
            short.act(actor, step);
            long.act(actor, step);
            if short.running.is_none() {
                prop_assert_eq!(short.state(), long.state(), "step {}: {} {:?}", number, actor, step);
            }
        }
        short.settle();
        prop_assert_eq!(short.state(), long.state());
        prop_assert_eq!(long.taken, 0);
    }
}

/// That the test above tests something.
#[test]
fn the_short_way_is_taken_there_and_back() {
    let mut stage = Stage::new(true);
    stage.act(0, Step::Receive);
    for words in [[1; 4], [2; 4]] {
        stage.act(1, Step::Call(0, words));
        stage.act(0, Step::Reply(words));
    }
    assert_eq!(stage.taken, 4);
    stage.settle();
    assert!(stage.lab.kernel.unsettled.is_empty());
}
