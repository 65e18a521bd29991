//! How waits end: by what was waited for, by time, or by a buffer gone bad.

use alloc::vec::Vec;

use proviso_abi::Pid;
use proviso_abi::syscall::Error;
use proviso_abi::wire::IntentId;

use crate::kernel::Kernel;
use crate::machine::{Access, BadAddress, Machine};
use crate::object::{Object, ObjectId};
use crate::process::{Event, Process, Wait};
use crate::user_slice::UserSlice;

/// The result of a system call.
pub(crate) type Answer = Result<u64, Error>;

impl<M: Machine> Kernel<M> {
    /// Ends the waits that end by time or by a device. What processes and the
    /// agent do ends waits when they do it.
    pub(crate) fn advance_all(&mut self, machine: &mut M) {
        let now = machine.now_ns();
        let may_end = |wait: Wait| wait.is_over(now) || matches!(wait.event, Event::Console(_));
        let waiting: Vec<Pid> = self
            .table
            .iter()
            .filter(|process| process.wait.is_some_and(may_end))
            .map(|process| process.pid)
            .collect();
        for pid in waiting {
            self.advance(machine, pid);
        }
    }

    /// Ends a process's wait, if it has one that can end now. A suspended
    /// process gets its answer too, and goes on when it is resumed.
    pub(crate) fn advance(&mut self, machine: &mut M, pid: Pid) {
        let Some(wait) = self.table.get(pid).and_then(|process| process.wait) else {
            return;
        };
        let answer = match self.attempt(machine, pid, wait.event) {
            Ok(Some(answer)) => answer,
            Ok(None) if !wait.is_over(machine.now_ns()) => return,
            Ok(None) if wait.event == Event::Time => Ok(0),
            Ok(None) => Err(Error::TimedOut),
            Err(BadAddress) => {
                // The memory was given back, or never was there.
                let what = format_args!("bad address for {}", wait.name());
                return self.crash(machine, pid, what, None, None);
            }
        };
        self.end_wait(machine, pid, answer);
    }

    /// Ends a process's wait with this answer.
    pub(crate) fn end_wait(&mut self, machine: &mut M, pid: Pid, answer: Answer) {
        let server = self.server_of(pid);
        self.end_wait_of(machine, pid, answer);
        server.into_iter().for_each(|server| self.lend(server));
    }

    /// The same, but who served it stays as urgent as it was: see `lend`.
    pub(crate) fn end_wait_of(&mut self, machine: &mut M, pid: Pid, answer: Answer) {
        let Some(wait) = self.table.get_mut(pid).and_then(|it| it.wait.take()) else {
            return;
        };
        self.leave(pid, wait.event);
        let process = self.table.get_mut(pid);
        match process.map(|it| (it.fault.is_some(), answer)) {
            // It made no call, so nothing of it may change.
            Some((true, Ok(_))) => self.forgive(pid),
            Some((true, Err(_))) => self.doomed.push(pid),
            _ => self.set_result(machine, pid, answer),
        }
        self.settle(pid);
    }

    /// The answer to a wait, if it is there.
    fn attempt(
        &mut self,
        machine: &mut M,
        pid: Pid,
        event: Event,
    ) -> Result<Option<Answer>, BadAddress> {
        match event {
            Event::Time => Ok(None),
            Event::Console(buffer) => self.read_console(machine, pid, buffer),
            Event::Intent(id, buffer) => self.read_intent(machine, pid, id, buffer),
            Event::Receive(object) => self.receive(machine, pid, object),
            Event::Bits(object) => Ok(self.take_bits(object)),
            // Others end these: who receives, who answers.
            Event::Call(_) | Event::Reply(_) => Ok(None),
            Event::Death(buffer) => self.read_end(machine, pid, buffer),
            Event::Line => Ok(core::mem::take(&mut self.has_interrupted).then_some(Ok(1))),
        }
    }

    fn read_console(
        &mut self,
        machine: &mut M,
        pid: Pid,
        buffer: UserSlice,
    ) -> Result<Option<Answer>, BadAddress> {
        if self.tty.take_disturbed() {
            return Ok(Some(Err(Error::Interrupted)));
        }
        let typed = self.tty.typed(buffer.len());
        if typed.is_empty() && !buffer.is_empty() {
            return Ok(None);
        }
        let answer = self.copy_out(machine, pid, buffer, &typed)?;
        self.tty.consume(typed.len());
        Ok(Some(answer))
    }

    fn read_intent(
        &mut self,
        machine: &mut M,
        pid: Pid,
        id: IntentId,
        buffer: UserSlice,
    ) -> Result<Option<Answer>, BadAddress> {
        let Some(intent) = self.intents.own_mut(id, pid) else {
            return Ok(Some(Err(Error::NoSuchIntent)));
        };
        let Some(event) = intent.first_event().map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        let answer = self.copy_out(machine, pid, buffer, &event)?;
        if answer.is_ok()
            && self
                .intents
                .own_mut(id, pid)
                .is_some_and(|intent| intent.consume_event())
        {
            self.intents.remove(id);
        }
        Ok(Some(answer))
    }

    /// The bits of a notification, which are cleared, if any is set.
    fn take_bits(&mut self, object: ObjectId) -> Option<Answer> {
        let Some(Object::Notification(notification)) = self.capabilities.object_mut(object) else {
            return Some(Err(Error::Dead));
        };
        match core::mem::take(&mut notification.bits) {
            0 => None,
            bits => Some(Ok(bits)),
        }
    }

    fn read_end(
        &mut self,
        machine: &mut M,
        pid: Pid,
        buffer: UserSlice,
    ) -> Result<Option<Answer>, BadAddress> {
        let Some(record) = self.ends.front() else {
            return Ok(None);
        };
        // A record always encodes; if not, an empty answer would be the least harm.
        let bytes = postcard::to_allocvec(record).unwrap_or_default();
        let answer = self.copy_out(machine, pid, buffer, &bytes)?;
        if answer.is_ok() {
            self.ends.pop_front();
        }
        Ok(Some(answer))
    }

    /// Reads memory of a process.
    pub(crate) fn copy_in(
        &mut self,
        machine: &mut M,
        pid: Pid,
        slice: UserSlice,
    ) -> Result<Vec<u8>, BadAddress> {
        self.with_pages(machine, pid, slice, Access::Read, |task, machine| {
            slice.read(machine, task)
        })
    }

    /// Does something with memory of a process; once more, if it failed for
    /// pages of regions that nobody had touched yet.
    fn with_pages<T>(
        &mut self,
        machine: &mut M,
        pid: Pid,
        slice: UserSlice,
        wanted: Access,
        action: impl Fn(&mut M::Task, &mut M) -> Result<T, BadAddress>,
    ) -> Result<T, BadAddress> {
        let attempt = |kernel: &mut Self, machine: &mut M| {
            let process = kernel.table.get_mut(pid).ok_or(BadAddress)?;
            action(process.task.as_mut().ok_or(BadAddress)?, machine)
        };
        match attempt(self, machine) {
            Err(BadAddress) if self.touch_all(machine, pid, slice, wanted) => {
                attempt(self, machine)
            }
            done => done,
        }
    }

    /// Writes to a process; how many bytes it was, or that they do not fit.
    pub(crate) fn copy_out(
        &mut self,
        machine: &mut M,
        pid: Pid,
        buffer: UserSlice,
        bytes: &[u8],
    ) -> Result<Answer, BadAddress> {
        let fits = self.with_pages(machine, pid, buffer, Access::Write, |task, machine| {
            buffer.write(machine, task, bytes)
        })?;
        Ok(fits.map(|()| bytes.len() as u64))
    }

    /// Sets the result of the call that a process is in.
    pub(crate) fn set_result(&mut self, machine: &mut M, pid: Pid, answer: Answer) {
        if let Some(task) = self
            .table
            .get_mut(pid)
            .and_then(|process| process.task.as_mut())
        {
            machine.set_result(task, proviso_abi::syscall::encode_result(answer));
        }
    }

    /// Whether a process waits for something typed.
    pub(crate) fn is_reading(&self, pid: Pid) -> bool {
        let wait = self
            .table
            .get(pid)
            .and_then(|process: &Process<_>| process.wait);
        wait.is_some_and(|wait| matches!(wait.event, Event::Console(_)))
    }
}
