//! Calls and answers: who waits for whom, and how messages get across.
//!
//! A message is never kept in the kernel. While its sender waits, its words are
//! in the sender's record and its bytes in the sender's memory; they are copied
//! straight to the other side when that is ready. So there is no queue to fill
//! up, and no memory that a caller could make the kernel use.

use alloc::vec::Vec;

use proviso_abi::handle::Rights;
use proviso_abi::ipc::{Envelope, IS_CALL, MAX_MESSAGE};
use proviso_abi::syscall::{Error, Words};
use proviso_abi::{Handle, Pid, Priority};

use crate::capabilities::Capability;
use crate::kernel::Kernel;
use crate::machine::{BadAddress, Machine};
use crate::object::{Endpoint, Object, ObjectId};
use crate::process::{Event, Process};
use crate::user_slice::UserSlice;
use crate::waits::Answer;

/// The most processes that can wait for each other in a row.
const MAX_CHAIN: usize = 64;

/// What a process has to say to the other side, and room for what it hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The words.
    pub words: Words,
    /// The bytes.
    pub out: UserSlice,
    /// Where the other side's bytes go.
    pub room: UserSlice,
    /// A handle to be passed.
    pub handle: Handle,
    /// What names the caller to the other side.
    pub badge: u64,
}

impl Message {
    /// Nothing to say but words, and no room for more: what the short way has.
    pub const EMPTY: Self = Self {
        words: [0; 4],
        out: UserSlice::EMPTY,
        room: UserSlice::EMPTY,
        handle: Handle::NONE,
        badge: 0,
    };

    /// Takes the words of a process.
    ///
    /// # Errors
    /// [`Error::TooLong`] if it has more bytes than a message may have.
    pub fn new(words: Words, envelope: &Envelope, badge: u64) -> Result<Self, Error> {
        let out = UserSlice::new(envelope.out_address, envelope.out_length)?;
        let room = UserSlice::new(envelope.in_address, envelope.in_length)?;
        if out.len() > MAX_MESSAGE {
            return Err(Error::TooLong);
        }
        Ok(Self {
            words,
            out,
            room,
            handle: envelope.handle,
            badge,
        })
    }
}

/// Whose fault it is that a message did not get across.
enum Fault {
    Sender(Error),
    SendersMemory,
    ReceiversMemory,
}

impl<M: Machine> Kernel<M> {
    /// The first part of a call: the caller queues up at the endpoint.
    pub(crate) fn begin_call(
        &mut self,
        pid: Pid,
        to: Capability,
        message: Message,
    ) -> Result<Event, Error> {
        let server = self.endpoint(to.object).ok_or(Error::Dead)?.server;
        if self.waits_for(server, pid) {
            return Err(Error::Deadlock);
        }
        self.set_message(pid, message);
        if let Some(endpoint) = self.endpoint_mut(to.object) {
            endpoint.callers = endpoint.callers.saturating_add(1);
        }
        Ok(Event::Call(to.object))
    }

    /// The second: if somebody receives there, the message gets across.
    pub(crate) fn finish_call(&mut self, machine: &mut M, pid: Pid, object: ObjectId) {
        self.lift(pid);
        if let Some(receiver) = self.endpoint(object).and_then(|it| it.receiver) {
            self.advance(machine, receiver);
        }
    }

    /// A process is about to receive at an endpoint.
    pub(crate) fn begin_receive(
        &mut self,
        machine: &mut M,
        pid: Pid,
        object: ObjectId,
        message: Message,
    ) -> Result<Event, Error> {
        let endpoint = self.endpoint_mut(object).ok_or(Error::Dead)?;
        if endpoint.receiver.is_some() {
            return Err(Error::Busy);
        }
        endpoint.receiver = Some(pid);
        endpoint.server = pid;
        self.abandon(machine, pid);
        self.set_message(pid, message);
        Ok(Event::Receive(object))
    }

    /// What a receiver gets, if anything is there: the oldest letter, or the
    /// message of the most urgent caller.
    pub(crate) fn receive(
        &mut self,
        machine: &mut M,
        pid: Pid,
        object: ObjectId,
    ) -> Result<Option<Answer>, BadAddress> {
        let Some(endpoint) = self.endpoint(object).copied() else {
            return Ok(Some(Err(Error::Dead)));
        };
        if let Some(home) = endpoint.home
            && let Some(answer) = self.receive_letter(machine, pid, home)?
        {
            return Ok(Some(answer));
        }
        // Each turn ends the wait of a caller, or the loop.
        for _ in 0..endpoint.callers {
            let Some(caller) = self.next_caller(object) else {
                return Ok(None);
            };
            match self.transfer(machine, caller, pid) {
                Ok((bytes, handle)) => {
                    self.meet(machine, caller, pid, object, handle);
                    return Ok(Some(Ok(bytes | IS_CALL)));
                }
                Err(Fault::ReceiversMemory) => return Err(BadAddress),
                Err(Fault::Sender(error)) => self.end_wait(machine, caller, Err(error)),
                Err(Fault::SendersMemory) => self.crash(
                    machine,
                    caller,
                    format_args!("bad address for a call"),
                    None,
                    None,
                ),
            }
        }
        Ok(None)
    }

    fn receive_letter(
        &mut self,
        machine: &mut M,
        pid: Pid,
        home: Pid,
    ) -> Result<Option<Answer>, BadAddress> {
        let mailbox = self.table.get(home).map(|process| &process.mailbox);
        let Some(letter) = mailbox.and_then(|mailbox| mailbox.first()).cloned() else {
            return Ok(None);
        };
        let Some(message) = self.message(pid) else {
            return Ok(None);
        };
        let answer = self.copy_out(machine, pid, message.room, &letter.bytes)?;
        if answer.is_ok() {
            if let Some(process) = self.table.get_mut(home) {
                process.mailbox.pop();
            }
            self.set_words(machine, pid, letter.badge, [0; 4], Handle::NONE);
        }
        Ok(Some(answer))
    }

    /// The message is across: the caller waits for its answer now.
    fn meet(
        &mut self,
        machine: &mut M,
        caller: Pid,
        server: Pid,
        object: ObjectId,
        handle: Handle,
    ) {
        if let Some(endpoint) = self.endpoint_mut(object) {
            endpoint.callers = endpoint.callers.saturating_sub(1);
        }
        let Some(message) = self.message(caller) else {
            return;
        };
        if let Some(wait) = self.table.get_mut(caller).and_then(|it| it.wait.as_mut()) {
            wait.event = Event::Reply(server);
        }
        if let Some(process) = self.table.get_mut(server) {
            process.serving = Some(caller);
        }
        self.set_words(machine, server, message.badge, message.words, handle);
    }

    /// Answers whoever a process serves, if that one still waits.
    ///
    /// Inside, what is wrong with the answer: then the caller goes on waiting.
    pub(crate) fn reply(
        &mut self,
        machine: &mut M,
        pid: Pid,
        message: Message,
    ) -> Result<Result<(), Error>, BadAddress> {
        let Some(caller) = self.table.get(pid).and_then(|process| process.serving) else {
            return Ok(Ok(()));
        };
        self.set_message(pid, message);
        match self.transfer(machine, pid, caller) {
            Ok((bytes, handle)) => {
                self.set_words(machine, caller, handle.0, message.words, Handle::NONE);
                self.end_wait(machine, caller, Ok(bytes));
                Ok(Ok(()))
            }
            Err(Fault::Sender(error)) => Ok(Err(error)),
            Err(Fault::SendersMemory) => Err(BadAddress),
            Err(Fault::ReceiversMemory) => {
                let what = format_args!("bad address for a reply");
                self.crash(machine, caller, what, None, None);
                Ok(Ok(()))
            }
        }
    }

    /// Copies bytes and handle from one who waits to another; how many bytes,
    /// and the handle in the receiver's table. If it fails nothing was passed.
    fn transfer(&mut self, machine: &mut M, from: Pid, to: Pid) -> Result<(u64, Handle), Fault> {
        let (Some(message), Some(room)) = (
            self.message(from),
            self.message(to).map(|message| message.room),
        ) else {
            return Err(Fault::Sender(Error::Dead));
        };
        if message.out.len() > room.len() {
            return Err(Fault::Sender(Error::TooLong));
        }
        let passed = self
            .passed(from, to, message.handle)
            .map_err(Fault::Sender)?;
        if !message.out.is_empty() {
            let bytes = self
                .copy_in(machine, from, message.out)
                .map_err(|BadAddress| Fault::SendersMemory)?;
            self.copy_out(machine, to, room, &bytes)
                .map_err(|BadAddress| Fault::ReceiversMemory)?
                .map_err(Fault::Sender)?;
        }
        let handle = match (passed, self.table.get(to).map(|process| process.handles)) {
            (Some(found), Some(Some(table))) => self
                .capabilities
                .derive(found.slot, table, Rights::ALL, 0)
                .map_err(Fault::Sender)?,
            _ => Handle::NONE,
        };
        Ok((message.out.len() as u64, handle))
    }

    /// The handle to be passed, once it is sure that it can be.
    fn passed(&self, from: Pid, to: Pid, handle: Handle) -> Result<Option<Capability>, Error> {
        if handle.is_none() {
            return Ok(None);
        }
        let table = |pid| self.table.get(pid).and_then(|process| process.handles);
        let found = self
            .capabilities
            .find(table(from).ok_or(Error::BadHandle)?, handle)?;
        if !found.rights.contains(Rights::COPY) {
            return Err(Error::NotPermitted);
        }
        match self.capabilities.has_room(table(to).ok_or(Error::Dead)?) {
            true => Ok(Some(found)),
            false => Err(Error::Full),
        }
    }

    /// Whoever a process serves gets no answer from it any more.
    fn abandon(&mut self, machine: &mut M, pid: Pid) {
        if let Some(caller) = self.table.get_mut(pid).and_then(|it| it.serving.take()) {
            self.end_wait(machine, caller, Err(Error::Unanswered));
        }
    }

    /// Tells everybody who depends on a process that it is gone. Its handles
    /// are closed by now, so its endpoints are dead where nobody else receives.
    pub(crate) fn orphan_callers(&mut self, machine: &mut M, pid: Pid) {
        self.tell_of_dead_objects(machine);
        self.end_waits(machine, |event| event == Event::Reply(pid));
    }

    /// Ends the waits for objects that died.
    pub(crate) fn tell_of_dead_objects(&mut self, machine: &mut M) {
        while let Some(id) = self.capabilities.take_dead() {
            self.end_waits(machine, |event| event.object() == Some(id));
        }
    }

    fn end_waits(&mut self, machine: &mut M, is_over: impl Fn(Event) -> bool) {
        let is_waiting =
            |process: &&Process<M::Task>| process.wait.is_some_and(|wait| is_over(wait.event));
        let over = self.table.living().filter(is_waiting).map(|it| it.pid);
        for pid in over.collect::<Vec<Pid>>() {
            self.end_wait(machine, pid, Err(Error::Dead));
        }
    }

    /// Takes a process off the lists of what it waits for.
    pub(crate) fn leave(&mut self, pid: Pid, event: Event) {
        match event {
            Event::Call(object) => {
                let server = self.endpoint(object).map(|endpoint| endpoint.server);
                if let Some(endpoint) = self.endpoint_mut(object) {
                    endpoint.callers = endpoint.callers.saturating_sub(1);
                }
                server.into_iter().for_each(|server| self.lower(server));
            }
            Event::Reply(server) => {
                if let Some(process) = self.table.get_mut(server)
                    && process.serving == Some(pid)
                {
                    process.serving = None;
                }
                self.lower(server);
            }
            Event::Receive(object) => {
                if let Some(endpoint) = self.endpoint_mut(object)
                    && endpoint.receiver == Some(pid)
                {
                    endpoint.receiver = None;
                }
            }
            Event::Bits(object) => {
                if let Some(Object::Notification(it)) = self.capabilities.object_mut(object)
                    && it.waiter == Some(pid)
                {
                    it.waiter = None;
                }
            }
            Event::Time | Event::Console(_) | Event::Intent(..) | Event::Death(_) => {}
        }
    }

    /// The most urgent of those that wait to be received; of equals the one
    /// that began to wait first.
    fn next_caller(&self, object: ObjectId) -> Option<Pid> {
        let waiting = self.table.living().filter(|it| {
            it.wait
                .is_some_and(|wait| wait.event == Event::Call(object))
        });
        let order = |it: &&Process<M::Task>| {
            let since = it.wait.map_or(0, |wait| wait.since_ns);
            (core::cmp::Reverse(self.level(it)), since)
        };
        waiting.min_by_key(order).map(|it| it.pid)
    }

    /// Who a process cannot go on without.
    fn server_of(&self, pid: Pid) -> Option<Pid> {
        match self.table.get(pid)?.wait?.event {
            Event::Call(object) => self.endpoint(object).map(|endpoint| endpoint.server),
            Event::Reply(server) => Some(server),
            _ => None,
        }
    }

    /// Whether `first`, or somebody it waits for, waits for `last`, or is it.
    fn waits_for(&self, first: Pid, last: Pid) -> bool {
        let mut at = Some(first);
        for _ in 0..MAX_CHAIN {
            match at {
                Some(pid) if pid == last => return true,
                Some(pid) => at = self.server_of(pid),
                None => return false,
            }
        }
        true
    }

    /// Whoever a caller waits for, directly or through others, is as urgent as
    /// the caller until it has answered.
    fn lift(&mut self, caller: Pid) {
        let Some(level) = self.table.get(caller).map(|process| self.level(process)) else {
            return;
        };
        let mut at = caller;
        for _ in 0..MAX_CHAIN {
            let Some(server) = self.server_of(at) else {
                return;
            };
            let Some(process) = self.table.get_mut(server) else {
                return;
            };
            if process.inherited >= level {
                return;
            }
            process.inherited = level;
            self.reschedule(server);
            at = server;
        }
    }

    /// A caller is gone: its server is as urgent as those that are left.
    fn lower(&mut self, server: Pid) {
        let mut at = server;
        for _ in 0..MAX_CHAIN {
            let left = self
                .table
                .living()
                .filter(|it| self.server_of(it.pid) == Some(at))
                .map(|it| self.level(it))
                .max()
                .unwrap_or(Priority::Idle);
            let Some(process) = self.table.get_mut(at) else {
                return;
            };
            if process.inherited == left {
                return;
            }
            process.inherited = left;
            self.reschedule(at);
            match self.server_of(at) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    fn reschedule(&mut self, pid: Pid) {
        self.scheduler.remove(pid);
        self.settle(pid);
    }

    fn endpoint(&self, id: ObjectId) -> Option<&Endpoint> {
        match self.capabilities.object(id)? {
            Object::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    fn endpoint_mut(&mut self, id: ObjectId) -> Option<&mut Endpoint> {
        match self.capabilities.object_mut(id)? {
            Object::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    fn message(&self, pid: Pid) -> Option<Message> {
        let process = self.table.get(pid)?;
        Some(process.message.unwrap_or(Message::EMPTY))
    }

    fn set_message(&mut self, pid: Pid, message: Message) {
        if let Some(process) = self.table.get_mut(pid) {
            process.message = Some(message);
        }
    }

    fn set_words(&mut self, machine: &mut M, pid: Pid, first: u64, words: Words, last: Handle) {
        if let Some(task) = self.table.get_mut(pid).and_then(|it| it.task.as_mut()) {
            machine.set_words(task, first, words, last.0);
        }
    }
}
