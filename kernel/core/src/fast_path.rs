//! The short way of short calls: from the caller straight to who receives.
//!
//! Where nothing but words is passed, the other side waits already, and nobody
//! more urgent could come between, the kernel changes three records, moves four
//! words and lets the other side run: no queue is touched, no clock converted,
//! no account settled. What is left undone is noted and made up for at the next
//! trap that goes the long way, which the timer makes sure of.
//!
//! Every condition below that does not hold means the long way, in `ipc`, which
//! does the same and all the rest. So this file decides nothing: it only skips.

use proviso_abi::handle::{Handle, Rights};
use proviso_abi::ipc::IS_CALL;
use proviso_abi::syscall::{FOREVER, REGISTERS, Syscall, Words};
use proviso_abi::{Pid, Priority};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::object::{Object, ObjectId};
use crate::process::{Event, Process, Wait};

/// Processes that can be left unsettled at once; with more the long way is taken.
pub(crate) const MAX_UNSETTLED: usize = 8;
const CALL: u64 = Syscall::Call as u64;
const REPLY_RECEIVE: u64 = Syscall::ReplyReceive as u64;

impl<M: Machine> Kernel<M> {
    /// Tries the short way; who runs next, if it was taken.
    #[inline]
    pub(crate) fn fast_path(
        &mut self,
        machine: &mut M,
        pid: Pid,
        number: u64,
        [handle, a, b, c, d, envelope]: &[u64; REGISTERS],
    ) -> Option<Pid> {
        let is_possible = *envelope == 0
            && self.shutdown.is_none()
            && self.unsettled.len().saturating_add(2) <= MAX_UNSETTLED;
        if !is_possible {
            return None;
        }
        let words = [*a, *b, *c, *d];
        match number {
            CALL => self.fast_call(machine, pid, Handle(*handle), words),
            REPLY_RECEIVE => self.fast_reply(machine, pid, Handle(*handle), words),
            _ => None,
        }
    }

    fn fast_call(&mut self, machine: &mut M, pid: Pid, to: Handle, words: Words) -> Option<Pid> {
        let caller = self.table.get(pid)?;
        let (urgency, is_capped) = (urgency(caller), caller.cpu_cap.percent().is_some());
        let found = self.capabilities.find(caller.handles?, to).ok()?;
        let endpoint = match self.capabilities.object_mut(found.object)? {
            Object::Endpoint(endpoint) if found.rights.contains(Rights::CALL) => endpoint,
            _ => return None,
        };
        let (receiver, home) = (endpoint.receiver?, endpoint.home);
        if home.is_some_and(|home| !self.relations.may_call(pid, home)) {
            return None;
        }
        let process = self.table.get_mut(receiver)?;
        // The urgency of the receiver's own, not what others lend it.
        let own = (process.is_caretaker, process.priority);
        if is_capped || own < urgency || !is_free(process) {
            return None;
        }
        endpoint.receiver = None;
        process.wait = None;
        process.serving = Some(pid);
        let task = process.task.as_mut()?;
        machine.set_words(task, found.badge, words, 0);
        machine.set_result(task, IS_CALL);
        self.rest(machine, pid, Event::Reply(receiver));
        Some(receiver)
    }

    fn fast_reply(&mut self, machine: &mut M, pid: Pid, at: Handle, words: Words) -> Option<Pid> {
        let server = self.table.get(pid)?;
        let caller = server.serving?;
        let urgency = urgency(server);
        let is_plain = server.inherited == Priority::Idle
            && server.cpu_cap.percent().is_none()
            && server.mailbox.is_empty();
        let found = self.capabilities.find(server.handles?, at).ok()?;
        if !is_plain || !self.is_quiet(found.object, pid) || !found.rights.contains(Rights::RECEIVE)
        {
            return None;
        }
        let process = self.table.get_mut(caller)?;
        let is_waiting = process.wait.map(|wait| wait.event) == Some(Event::Reply(pid));
        if !is_waiting || process.message.is_some() || !is_free(process) {
            return None;
        }
        if (
            process.is_caretaker,
            process.priority.max(process.inherited),
        ) < urgency
        {
            return None;
        }
        process.wait = None;
        let task = process.task.as_mut()?;
        machine.set_words(task, 0, words, 0);
        machine.set_result(task, 0);
        if let Some(Object::Endpoint(endpoint)) = self.capabilities.object_mut(found.object) {
            endpoint.receiver = Some(pid);
            endpoint.server = pid;
        }
        self.rest(machine, pid, Event::Receive(found.object));
        if let Some(server) = self.table.get_mut(pid) {
            server.serving = None;
        }
        Some(caller)
    }

    /// Whether nothing waits at an endpoint that its receiver would have to get
    /// before it waits itself.
    fn is_quiet(&self, object: ObjectId, pid: Pid) -> bool {
        match self.capabilities.object(object) {
            Some(Object::Endpoint(it)) => {
                it.callers == 0 && it.receiver.is_none() && it.home.is_none_or(|home| home == pid)
            }
            _ => false,
        }
    }

    /// The running process waits from now on, with words alone.
    fn rest(&mut self, machine: &M, pid: Pid, event: Event) {
        let now = machine.ticks();
        let ran = now.saturating_sub(self.running_since);
        self.running_since = now;
        self.trace.count_call();
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        process.message = None;
        process.wait = Some(Wait {
            event,
            since_ns: 0,
            until_ns: FOREVER,
        });
        process.unbilled_ticks = process.unbilled_ticks.saturating_add(ran);
        if !process.is_unsettled {
            process.is_unsettled = true;
            self.unsettled.push(pid);
        }
    }

    /// Makes up for what the short way left undone, and puts the time that the
    /// last one ran on its account. Tells the time that it did so.
    pub(crate) fn settle_all(&mut self, machine: &M, last: Pid) -> u64 {
        let ran = machine.ticks().saturating_sub(self.running_since);
        if let Some(process) = self.table.get_mut(last) {
            process.unbilled_ticks = process.unbilled_ticks.saturating_add(ran);
        }
        let now = machine.now_ns();
        let was_short = !self.unsettled.is_empty();
        while let Some(pid) = self.unsettled.pop() {
            if let Some(process) = self.table.get_mut(pid) {
                process.is_unsettled = false;
            }
            if pid != last {
                self.bill(machine, pid, now);
                self.settle(pid);
            }
        }
        if was_short {
            // Whoever was called directly is in no queue yet.
            self.settle(last);
        }
        self.bill(machine, last, now);
        now
    }

    /// Puts time on the accounts of a process.
    fn bill(&mut self, machine: &M, pid: Pid, now_ns: u64) {
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        let used = machine.ticks_to_ns(core::mem::take(&mut process.unbilled_ticks));
        process.cpu.add(now_ns, used);
        process.cpu_cap.charge(used);
        let is_spent = process.cpu_cap.is_spent();
        self.busy.add(now_ns, used);
        self.trace.ran(now_ns, pid, used);
        self.scheduler.charge(pid, used);
        if is_spent {
            self.settle(pid);
        }
    }
}

/// How urgent a process is, with what others lend it.
fn urgency<T>(process: &Process<T>) -> (bool, Priority) {
    (
        process.is_caretaker,
        process.priority.max(process.inherited),
    )
}

/// Whether a process can run at once.
const fn is_free<T>(process: &Process<T>) -> bool {
    !process.is_suspended && process.cpu_cap.percent().is_none()
}
