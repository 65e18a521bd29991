//! The kernel on a pretended machine.

mod accounting;
mod boundary;
mod calls;
mod console;
mod disk;
mod faults;
mod files;
mod image;
mod intents;
mod lifecycle;
mod limits;
mod plans;
mod programs;
mod regions;
mod rounds;
mod scheduling;
mod sequences;
mod short_way;
mod shutdown;
mod standing;
mod strangers;
mod syscalls;
mod trace;
mod undo;

/// Random plans, as the tests of admission alone make them.
#[path = "../../tests/admission/generate.rs"]
#[expect(dead_code, reason = "the systems are made by the kernel here")]
mod generate;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proviso_abi::action::ProgramName;
use proviso_abi::ipc::Envelope;
use proviso_abi::layout::{STACK_SIZE, STACK_TOP};
use proviso_abi::outcome::{IntentEvent, ProcessName};
use proviso_abi::snapshot::ProcessInfo;
use proviso_abi::syscall::{Error, FOREVER, SUBMIT_PLAN, SUBMIT_SENTENCE, Syscall, decode_result};
use proviso_abi::value::Argument;
use proviso_abi::wire::{Frame, Receiver, ToAgent, ToKernel, VERSION, encode};
use proviso_abi::{Action, Bytes, Effect, Handle, INIT, Name, Pid, Plan, Priority, State, Target};

use crate::fake::{FakeMachine, PoweredOff};
use crate::kernel::{BootError, Kernel};

/// Programs of the pretended ramdisk.
const PROGRAMS: [&str; 5] = ["init", "shell", "worker", "echo", "hog"];
/// Where the tests have processes keep what they pass to calls.
const BUFFER: u64 = STACK_TOP - STACK_SIZE;
const ROOM: u64 = STACK_SIZE - 4096;
/// Where they keep an envelope.
const ENVELOPE: u64 = BUFFER + ROOM;
const SECOND: u64 = 1_000_000_000;
const SHELL: Pid = 2;

/// What a call came to; nothing, if the caller waits or is no more.
type Outcome = Option<Result<u64, Error>>;

struct Lab {
    kernel: Kernel<FakeMachine>,
    machine: FakeMachine,
    said: u32,
    heard: Receiver,
}

fn boot(machine: &mut FakeMachine, init: &str) -> Result<Kernel<FakeMachine>, BootError> {
    let programs = PROGRAMS.map(|name| (Name::cut(name), image::program()));
    let args = vec![Argument::cut("console=plain")];
    Kernel::new(machine, programs.to_vec(), &Name::cut(init), args, false)
}

impl Lab {
    /// A machine of 16 MiB with init and the shell, both at rest.
    fn new() -> Self {
        Self::with_frames(4096)
    }

    fn with_frames(frames: u64) -> Self {
        Self::on(FakeMachine::new(frames))
    }

    fn on(mut machine: FakeMachine) -> Self {
        let kernel = boot(&mut machine, "init").unwrap();
        let mut lab = Self {
            kernel,
            machine,
            said: 0,
            heard: Receiver::new(),
        };
        assert_eq!(lab.spawn_by(INIT, "shell"), SHELL);
        lab.watch(INIT, ROOM, FOREVER);
        lab.read(FOREVER);
        lab.machine.take_console();
        lab
    }

    /// Has a process make a call.
    fn call(&mut self, pid: Pid, call: Syscall, arguments: [u64; 4]) -> Outcome {
        self.raw_call(pid, call as u64, arguments)
    }

    fn raw_call(&mut self, pid: Pid, number: u64, [a, b, c, d]: [u64; 4]) -> Outcome {
        self.call_all(pid, number, [a, b, c, d, 0, 0])
    }

    fn call_all(&mut self, pid: Pid, number: u64, arguments: [u64; 6]) -> Outcome {
        self.task(pid).result = None;
        self.kernel.current = Some(pid);
        self.kernel
            .syscall(&mut self.machine, pid, number, arguments);
        self.result(pid)
    }

    fn task(&mut self, pid: Pid) -> &mut crate::fake::FakeTask {
        self.kernel
            .table
            .get_mut(pid)
            .unwrap()
            .task
            .as_mut()
            .unwrap()
    }

    fn result(&self, pid: Pid) -> Outcome {
        self.kernel
            .table
            .get(pid)?
            .task
            .as_ref()?
            .result
            .map(decode_result)
    }

    fn put(&mut self, pid: Pid, bytes: &[u8]) {
        let task = self
            .kernel
            .table
            .get_mut(pid)
            .unwrap()
            .task
            .as_mut()
            .unwrap();
        self.machine.load(task, BUFFER, bytes).unwrap();
    }

    fn buffer(&self, pid: Pid, length: u64) -> Vec<u8> {
        use crate::machine::Machine;
        let mut bytes = vec![0; length as usize];
        let task = self.kernel.table.get(pid).unwrap().task.as_ref().unwrap();
        self.machine.copy_in(task, BUFFER, &mut bytes).unwrap();
        bytes
    }

    fn write(&mut self, pid: Pid, text: &str) -> Outcome {
        self.put(pid, text.as_bytes());
        self.call(pid, Syscall::Write, [BUFFER, text.len() as u64, 0, 0])
    }

    /// The shell reads the console.
    fn read(&mut self, timeout_ns: u64) -> Outcome {
        self.call(SHELL, Syscall::Read, [BUFFER, ROOM, timeout_ns, 0])
    }

    fn watch(&mut self, pid: Pid, room: u64, timeout_ns: u64) -> Outcome {
        let arguments = [Handle::ENDS.0, BUFFER, room, timeout_ns];
        self.call(pid, Syscall::Watch, arguments)
    }

    /// A handle of `from`'s to `to`, made as `connect` makes it.
    fn port(&mut self, from: Pid, to: Pid) -> Result<Handle, Error> {
        self.kernel.give(from, to)
    }

    fn send(&mut self, from: Pid, to: Pid, text: &str) -> Outcome {
        let handle = match self.port(from, to) {
            Ok(handle) => handle.0,
            Err(error) => return Some(Err(error)),
        };
        self.put(from, text.as_bytes());
        let arguments = [handle, BUFFER, text.len() as u64, 0];
        self.call(from, Syscall::Send, arguments)
    }

    /// An envelope in a process's memory; its address.
    fn envelope(&mut self, pid: Pid, envelope: Envelope) -> u64 {
        let words = [
            envelope.out_address,
            envelope.out_length,
            envelope.in_address,
            envelope.in_length,
            envelope.timeout_ns,
            envelope.handle.0,
        ];
        let bytes = words.map(u64::to_le_bytes).concat();
        let process = self.kernel.table.get_mut(pid).unwrap();
        let task = process.task.as_mut().unwrap();
        self.machine.load(task, ENVELOPE, &bytes).unwrap();
        ENVELOPE
    }

    /// Receives at a process's own endpoint into its buffer.
    fn receive(&mut self, pid: Pid, timeout_ns: u64) -> Outcome {
        self.receive_into(pid, BUFFER, ROOM, timeout_ns)
    }

    /// Receives at a process's own endpoint, words alone.
    fn receive_short(&mut self, pid: Pid) -> Outcome {
        self.call(pid, Syscall::Receive, [Handle::OWN.0, 0, 0, 0])
    }

    fn receive_into(&mut self, pid: Pid, address: u64, room: u64, timeout_ns: u64) -> Outcome {
        let envelope = Envelope {
            in_address: address,
            in_length: room,
            timeout_ns,
            ..Envelope::EMPTY
        };
        let at = self.envelope(pid, envelope);
        let arguments = [Handle::OWN.0, 0, 0, 0, 0, at];
        self.call_all(pid, Syscall::Receive as u64, arguments)
    }

    /// Calls with words alone.
    fn call_port(&mut self, pid: Pid, handle: Handle, words: [u64; 4]) -> Outcome {
        let [a, b, c, d] = words;
        self.call_all(pid, Syscall::Call as u64, [handle.0, a, b, c, d, 0])
    }

    /// Answers with words alone and waits for the next.
    fn reply(&mut self, pid: Pid, words: [u64; 4]) -> Outcome {
        let [a, b, c, d] = words;
        let arguments = [Handle::OWN.0, a, b, c, d, 0];
        self.call_all(pid, Syscall::ReplyReceive as u64, arguments)
    }

    /// What the last message brought a process: `rdi`, the words, `r9`.
    fn heard(&mut self, pid: Pid) -> (u64, [u64; 4], u64) {
        self.task(pid).heard
    }

    fn say(&mut self, pid: Pid, sentence: &str) -> Result<u64, Error> {
        self.put(pid, sentence.as_bytes());
        self.call(
            pid,
            Syscall::Submit,
            [SUBMIT_SENTENCE, BUFFER, sentence.len() as u64, 0],
        )
        .unwrap()
    }

    fn follow(&mut self, pid: Pid, intent: u64, timeout_ns: u64) -> Outcome {
        self.call(pid, Syscall::Follow, [intent, BUFFER, ROOM, timeout_ns])
    }

    /// The next event of an intent, which must be there.
    fn event(&mut self, pid: Pid, intent: u64) -> IntentEvent {
        let length = self.follow(pid, intent, 0).unwrap().unwrap();
        self.event_in_buffer(pid, length)
    }

    fn event_in_buffer(&self, pid: Pid, length: u64) -> IntentEvent {
        postcard::from_bytes(&self.buffer(pid, length)).unwrap()
    }

    /// Submits a plan and gives its number.
    fn submit(&mut self, pid: Pid, actions: Vec<Action>) -> Outcome {
        let bytes = postcard::to_allocvec(&Plan::new(actions).unwrap()).unwrap();
        self.put(pid, &bytes);
        self.call(
            pid,
            Syscall::Submit,
            [SUBMIT_PLAN, BUFFER, bytes.len() as u64, 0],
        )
    }

    /// Submits a plan; its final event.
    fn plan(&mut self, pid: Pid, actions: Vec<Action>) -> IntentEvent {
        // A process that waits makes no calls, so the wait is set aside.
        let wait = self.kernel.table.get_mut(pid).unwrap().wait.take();
        let intent = self.submit(pid, actions).unwrap().unwrap();
        let event = self.event(pid, intent);
        if let Some(process) = self
            .kernel
            .table
            .get_mut(pid)
            .filter(|process| process.is_alive())
        {
            process.wait = wait;
            process.task.as_mut().unwrap().result = None;
        }
        self.kernel.settle(pid);
        event
    }

    /// Has the operator do something that must be allowed.
    fn act(&mut self, actions: Vec<Action>) -> Vec<Effect> {
        match self.plan(SHELL, actions) {
            IntentEvent::Done { effects, .. } => effects,
            other => panic!("{other:?}"),
        }
    }

    fn spawn_by(&mut self, pid: Pid, program: &str) -> Pid {
        match self.plan(pid, vec![spawn(program, 1)]) {
            IntentEvent::Done { effects, .. } => match effects.as_slice() {
                [Effect::Spawned(processes)] => processes[0].pid,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn spawn(&mut self, program: &str) -> Pid {
        self.spawn_by(SHELL, program)
    }

    fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.kernel
            .table
            .get(pid)
            .map(|process| self.kernel.info(&self.machine, process))
    }

    fn state(&self, pid: Pid) -> Option<State> {
        self.info(pid).map(|info| info.state)
    }

    /// Lets time pass and the kernel look after it.
    fn pass(&mut self, ns: u64) {
        self.machine.now_ns += ns;
        self.poll();
    }

    fn poll(&mut self) {
        self.kernel.poll(&mut self.machine);
        self.kernel.power_if_due(&mut self.machine);
    }

    /// The agent sends a frame.
    fn agent(&mut self, body: ToKernel) {
        let frame = Frame {
            sequence: self.said,
            body,
        };
        self.said += 1;
        self.machine.from_agent.extend(encode(&frame).unwrap());
        self.poll();
    }

    /// The agent connects.
    fn connect(&mut self) {
        self.said = 0;
        self.agent(ToKernel::Hello {
            version: VERSION,
            model: Name::cut("tiny"),
        });
    }

    /// What the kernel sent since the last call.
    fn heard_by_agent(&mut self) -> Vec<ToAgent> {
        let bytes = std::mem::take(&mut self.machine.to_agent);
        bytes
            .iter()
            .filter_map(|byte| self.heard.push(*byte))
            .map(|frame| frame.unwrap().body)
            .collect()
    }

    fn log(&self) -> Vec<&str> {
        self.kernel
            .log
            .lines()
            .map(|line| line.text.as_str())
            .collect()
    }
}

/// How the machine ends, if it ends in there.
fn power_of(lab: &mut Lab, run: impl FnOnce(&mut Lab)) -> Option<PoweredOff> {
    let end = catch_unwind(AssertUnwindSafe(|| run(lab))).err()?;
    Some(*end.downcast::<PoweredOff>().unwrap())
}

fn spawn(program: &str, count: u32) -> Action {
    Action::Spawn {
        program: ProgramName(Name::cut(program)),
        args: None,
        count: Some(count),
        priority: None,
        memory_limit: None,
    }
}

fn kill(pid: Pid) -> Action {
    Action::Kill {
        target: Target::pid(pid),
        except: None,
    }
}

fn suspend(pid: Pid) -> Action {
    Action::Suspend {
        target: Target::pid(pid),
        except: None,
    }
}

fn resume(pid: Pid) -> Action {
    Action::Resume {
        target: Target::pid(pid),
        except: None,
    }
}

fn restart(pid: Pid) -> Action {
    Action::Restart {
        target: Target::pid(pid),
        except: None,
    }
}

fn set_priority(pid: Pid, priority: Priority) -> Action {
    Action::SetPriority {
        target: Target::pid(pid),
        except: None,
        priority: Some(priority),
        step: None,
    }
}

fn set_limit(pid: Pid, bytes: u64) -> Action {
    Action::SetMemoryLimit {
        target: Target::pid(pid),
        except: None,
        bytes: Some(Bytes(bytes)),
        times: None,
    }
}

fn title(name: &str, pid: Pid) -> ProcessName {
    ProcessName {
        pid,
        name: Name::cut(name),
    }
}
