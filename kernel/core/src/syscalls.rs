//! The system calls, each a few lines that check and then do.
//!
//! Whatever a process passes is an allegation. Memory that is not its own and
//! calls that do not exist end it with a record that says so; everything else
//! that makes no sense is an error in its result register.

use proviso_abi::layout::{HEAP_BASE, HEAP_SPAN, PAGE};
use proviso_abi::syscall::{Error, SUBMIT_PLAN, SUBMIT_SENTENCE, Syscall};
use proviso_abi::{INIT, Pid};

use crate::kernel::Kernel;
use crate::machine::{Access, BadAddress, Machine};
use crate::mailbox::{Full, MAX_MESSAGE};
use crate::process::{Event, Process, Wait};
use crate::user_slice::UserSlice;

/// How a call goes on.
enum Flow {
    /// Its result is there.
    Done(u64),
    /// It waits for this, at most so long.
    Wait(Event, u64),
    /// The result was set already, or nobody is left to get one.
    Settled,
}

/// Why a call does not go on.
enum Stop {
    /// The caller gets this.
    Error(Error),
    /// The caller crashes.
    BadAddress,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<BadAddress> for Stop {
    fn from(_: BadAddress) -> Self {
        Self::BadAddress
    }
}

impl<M: Machine> Kernel<M> {
    /// Does a system call of a process.
    pub(crate) fn syscall(&mut self, machine: &mut M, pid: Pid, number: u64, arguments: [u64; 4]) {
        let Some(call) = Syscall::from_number(number) else {
            return self.crash(
                machine,
                pid,
                format_args!("unknown system call {number}"),
                None,
                None,
            );
        };
        match self.dispatch(machine, pid, call, arguments) {
            Ok(Flow::Done(value)) => self.set_result(machine, pid, Ok(value)),
            Ok(Flow::Wait(event, duration)) => self.wait(machine, pid, event, duration),
            Ok(Flow::Settled) => {}
            Err(Stop::Error(error)) => self.set_result(machine, pid, Err(error)),
            Err(Stop::BadAddress) => {
                let what = format_args!("bad address in system call {}", call.name());
                self.crash(
                    machine,
                    pid,
                    what,
                    None,
                    arguments.get(address_index(call)).copied(),
                );
            }
        }
    }

    fn dispatch(
        &mut self,
        machine: &mut M,
        pid: Pid,
        call: Syscall,
        [a, b, c, d]: [u64; 4],
    ) -> Result<Flow, Stop> {
        match call {
            Syscall::Exit => {
                // The code is the low half of the register.
                self.exit(machine, pid, a as u32 as i32);
                Ok(Flow::Settled)
            }
            Syscall::Yield => {
                self.scheduler.yield_turn(pid);
                Ok(Flow::Done(0))
            }
            Syscall::Sleep => Ok(Flow::Wait(Event::Time, a)),
            Syscall::Clock => Ok(Flow::Done(machine.now_ns())),
            Syscall::Write => self.sys_write(machine, pid, UserSlice::new(a, b)?),
            Syscall::Read => self.sys_read(pid, UserSlice::new(a, b)?, c),
            Syscall::Grow => self.sys_grow(machine, pid, a),
            Syscall::Submit => self.sys_submit(machine, pid, a, UserSlice::new(b, c)?),
            Syscall::Follow => Ok(Flow::Wait(Event::Intent(a, UserSlice::new(b, c)?), d)),
            Syscall::Cancel => self.sys_cancel(machine, pid, a),
            Syscall::Send => self.sys_send(machine, pid, a, UserSlice::new(b, c)?),
            Syscall::Receive => Ok(Flow::Wait(Event::Message(UserSlice::new(a, b)?), c)),
            Syscall::Find => self.sys_find(machine, pid, UserSlice::new(a, b)?),
            Syscall::Watch if pid == INIT => Ok(Flow::Wait(Event::Death(UserSlice::new(a, b)?), c)),
            Syscall::Watch => Err(Error::NotPermitted.into()),
        }
    }

    /// Lets a process wait; not at all, if what it waits for is there.
    fn wait(&mut self, machine: &mut M, pid: Pid, event: Event, duration_ns: u64) {
        if let Some(process) = self.table.get_mut(pid) {
            process.wait = Some(Wait::new(event, machine.now_ns(), duration_ns));
        }
        self.advance(machine, pid);
        self.settle(pid);
        self.note_rest(machine, pid);
    }

    /// One who ordered a shutdown, read the outcome and now rests has nothing
    /// more to print: the machine need not stay up for it.
    fn note_rest(&mut self, machine: &M, pid: Pid) {
        let is_resting = self
            .table
            .get(pid)
            .is_some_and(|process| process.wait.is_some());
        if let Some(shutdown) = self.shutdown.as_mut()
            && shutdown.submitter == pid
            && is_resting
            && self.intents.get(shutdown.intent).is_none()
        {
            shutdown.at_ns = machine.now_ns();
        }
    }

    fn sys_write(&mut self, machine: &mut M, pid: Pid, text: UserSlice) -> Result<Flow, Stop> {
        let bytes = self.copy_in(machine, pid, text)?;
        self.write(machine, pid, &bytes);
        Ok(Flow::Done(bytes.len() as u64))
    }

    fn sys_read(&mut self, pid: Pid, buffer: UserSlice, timeout_ns: u64) -> Result<Flow, Stop> {
        if self.console_owner() != Some(pid) {
            return Err(Error::NotPermitted.into());
        }
        Ok(Flow::Wait(Event::Console(buffer), timeout_ns))
    }

    fn sys_grow(&mut self, machine: &mut M, pid: Pid, bytes: u64) -> Result<Flow, Stop> {
        let pages = bytes.div_ceil(PAGE);
        let keep_free = self.keep_free(machine, pid);
        let process = self.table.get_mut(pid).ok_or(Error::NoSuchProcess)?;
        let limit = process.limit_frames();
        let address = HEAP_BASE + process.heap_pages * PAGE;
        let total = process.heap_pages.saturating_add(pages);
        // The first bound keeps the heap's addresses its own, the second spares
        // the machine a walk over a range that cannot fit.
        if total > HEAP_SPAN / PAGE || pages > limit {
            return Err(Error::NoMemory.into());
        }
        let task = process.task.as_mut().ok_or(Error::NoSuchProcess)?;
        if pages > 0 {
            machine
                .map(task, address, pages, Access::Write, limit, keep_free)
                .map_err(|_| Error::NoMemory)?;
        }
        process.heap_pages = total;
        Ok(Flow::Done(address))
    }

    fn sys_submit(
        &mut self,
        machine: &mut M,
        pid: Pid,
        kind: u64,
        request: UserSlice,
    ) -> Result<Flow, Stop> {
        let bytes = self.copy_in(machine, pid, request)?;
        match kind {
            SUBMIT_SENTENCE => Ok(Flow::Done(self.submit_sentence(machine, pid, &bytes)?)),
            SUBMIT_PLAN => {
                // Sets the result itself, before the plan may end the caller.
                self.submit_plan(machine, pid, &bytes)?;
                Ok(Flow::Settled)
            }
            _ => Err(Error::Invalid.into()),
        }
    }

    fn sys_cancel(&mut self, machine: &mut M, pid: Pid, intent: u64) -> Result<Flow, Stop> {
        if self.intents.own_mut(intent, pid).is_none() {
            return Err(Error::NoSuchIntent.into());
        }
        self.drop_intent(machine, intent);
        Ok(Flow::Done(0))
    }

    fn sys_send(
        &mut self,
        machine: &mut M,
        pid: Pid,
        to: u64,
        message: UserSlice,
    ) -> Result<Flow, Stop> {
        if message.len() > MAX_MESSAGE {
            return Err(Error::TooLong.into());
        }
        let bytes = self.copy_in(machine, pid, message)?;
        let to = Pid::try_from(to).map_err(|_| Error::NoSuchProcess)?;
        if !self.relations.may_call(pid, to) {
            return Err(Error::NotPermitted.into());
        }
        let receiver = self.table.get_mut(to).filter(|process| process.is_alive());
        let mailbox = &mut receiver.ok_or(Error::NoSuchProcess)?.mailbox;
        mailbox.push(pid, &bytes).map_err(|Full| Error::Full)?;
        self.advance(machine, to);
        Ok(Flow::Done(0))
    }

    fn sys_find(&mut self, machine: &mut M, pid: Pid, name: UserSlice) -> Result<Flow, Stop> {
        let name = self.copy_in(machine, pid, name)?;
        let found = self
            .table
            .living()
            .find(|process: &&Process<_>| process.name.as_bytes() == name);
        Ok(Flow::Done(found.ok_or(Error::NoSuchProcess)?.pid.into()))
    }

    fn copy_in(
        &self,
        machine: &M,
        pid: Pid,
        slice: UserSlice,
    ) -> Result<alloc::vec::Vec<u8>, BadAddress> {
        let task = self
            .table
            .get(pid)
            .and_then(|process| process.task.as_ref())
            .ok_or(BadAddress)?;
        slice.read(machine, task)
    }
}

/// Which argument of a call is an address; all that can fail by one have one.
fn address_index(call: Syscall) -> usize {
    let (arguments, _) = call.signature();
    arguments
        .iter()
        .position(|name| *name == "address")
        .unwrap_or(usize::MAX)
}
