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
pub(crate) enum Fault {
    Sender(Error),
    SendersMemory,
    /// It has no room for the bytes or the handle.
    ReceiversRoom(Error),
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
        let endpoint = self.endpoint(to.object).ok_or(Error::Dead)?;
        if !self.may_call_at(pid, endpoint) {
            return Err(Error::NotPermitted);
        }
        if self.waits_for(endpoint.server, pid) {
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
        let before = core::mem::replace(&mut endpoint.server, pid);
        if before != pid && endpoint.callers > 0 {
            self.lend(before);
            self.lend(pid);
        }
        self.abandon(machine, pid);
        self.set_message(pid, message);
        Ok(Event::Receive(object))
    }

    /// What a receiver gets, if anything is there: the oldest letter that fits,
    /// or the message of the most urgent caller. A letter that does not fit
    /// stays, and is an error only where a receiver's time is up: whoever writes
    /// one must not be able to keep callers away.
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
        if endpoint.home == Some(pid)
            && let Some(room) = self.message(pid).map(|message| message.room)
            && let Some(answer) = self.receive_request(machine, pid, room)?
        {
            return Ok(Some(answer));
        }
        // Each turn ends the wait of a caller, or the loop.
        for _ in 0..endpoint.callers {
            // The end of a caller may have ended the wait too.
            if self.event(pid) != Some(Event::Receive(object)) {
                return Ok(None);
            }
            let Some(caller) = self.next_caller(object) else {
                break;
            };
            match self.transfer(machine, caller, pid) {
                Ok((bytes, handle)) => {
                    self.meet(machine, caller, pid, object, handle);
                    return Ok(Some(Ok(bytes | IS_CALL)));
                }
                Err(Fault::ReceiversMemory) => return Err(BadAddress),
                Err(Fault::Sender(error) | Fault::ReceiversRoom(error)) => {
                    self.end_wait(machine, caller, Err(error));
                }
                Err(Fault::SendersMemory) => self.crash(
                    machine,
                    caller,
                    format_args!("bad address for a call"),
                    None,
                    None,
                ),
            }
        }
        Ok(self.letter_too_long(machine, pid, endpoint.home))
    }

    /// The error of a receiver whose time is up while a letter lies there.
    fn letter_too_long(&self, machine: &M, pid: Pid, home: Option<Pid>) -> Option<Answer> {
        let wait = self.table.get(pid)?.wait?;
        let has_letter = !self.table.get(home?)?.mailbox.is_empty();
        (has_letter && wait.is_over(machine.now_ns())).then_some(Err(Error::TooLong))
    }

    fn receive_letter(
        &mut self,
        machine: &mut M,
        pid: Pid,
        home: Pid,
    ) -> Result<Option<Answer>, BadAddress> {
        let Some(message) = self.message(pid) else {
            return Ok(None);
        };
        let mailbox = self.table.get_mut(home).map(|process| &mut process.mailbox);
        let Some(letter) = mailbox.and_then(|mailbox| mailbox.take(message.room.len())) else {
            return Ok(None);
        };
        let answer = self.copy_out(machine, pid, message.room, &letter.bytes)?;
        self.set_words(machine, pid, letter.badge, [0; 4], Handle::NONE);
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
    /// Where the caller left no room for it, that is the caller's error alone.
    pub(crate) fn reply(
        &mut self,
        machine: &mut M,
        pid: Pid,
        message: Message,
    ) -> Result<Result<(), Error>, BadAddress> {
        let Some(caller) = self.table.get(pid).and_then(|process| process.serving) else {
            self.take_reply(machine, pid, &message)?;
            return Ok(Ok(()));
        };
        if self.table.get(caller).is_some_and(|it| it.fault.is_some()) {
            return Ok(self.judge(machine, pid, caller, &message));
        }
        self.set_message(pid, message);
        match self.transfer(machine, pid, caller) {
            Ok((bytes, handle)) => {
                self.set_words(machine, caller, handle.0, message.words, Handle::NONE);
                self.end_wait(machine, caller, Ok(bytes));
                Ok(Ok(()))
            }
            Err(Fault::Sender(error)) => Ok(Err(error)),
            Err(Fault::ReceiversRoom(error)) => {
                self.end_wait(machine, caller, Err(error));
                Ok(Ok(()))
            }
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
            return Err(Fault::ReceiversRoom(Error::TooLong));
        }
        let passed = self.passed(from, to, message.handle)?;
        if !message.out.is_empty() {
            let bytes = self
                .copy_in(machine, from, message.out)
                .map_err(|BadAddress| Fault::SendersMemory)?;
            self.copy_out(machine, to, room, &bytes)
                .map_err(|BadAddress| Fault::ReceiversMemory)?
                .map_err(Fault::ReceiversRoom)?;
        }
        let handle = match (passed, self.table.get(to).map(|process| process.handles)) {
            (Some(found), Some(Some(table))) => self
                .capabilities
                .derive(found.slot, table, Rights::ALL, 0)
                .map_err(Fault::ReceiversRoom)?,
            _ => Handle::NONE,
        };
        Ok((message.out.len() as u64, handle))
    }

    /// The handle to be passed, once it is sure that it can be.
    pub(crate) fn passed(
        &self,
        from: Pid,
        to: Pid,
        handle: Handle,
    ) -> Result<Option<Capability>, Fault> {
        if handle.is_none() {
            return Ok(None);
        }
        let table = self.handles(from).map_err(Fault::Sender)?;
        let found = self.capabilities.find(table, handle);
        let found = found.map_err(Fault::Sender)?;
        let is_cut = self
            .endpoint(found.object)
            .is_some_and(|endpoint| !self.may_call_at(to, endpoint));
        if is_cut || !found.rights.contains(Rights::COPY) {
            return Err(Fault::Sender(Error::NotPermitted));
        }
        let table = self.handles(to).map_err(Fault::ReceiversRoom)?;
        match self.capabilities.has_room(table) {
            true => Ok(Some(found)),
            false => Err(Fault::ReceiversRoom(Error::Full)),
        }
    }

    /// Whoever a process serves gets no answer from it any more.
    fn abandon(&mut self, machine: &mut M, pid: Pid) {
        if let Some(caller) = self.table.get_mut(pid).and_then(|it| it.serving.take()) {
            self.end_wait(machine, caller, Err(Error::Unanswered));
        }
        self.abandon_request(machine, pid);
    }

    /// Tells everybody who depends on a process that it is gone. Its handles
    /// are closed by now, so its endpoints are dead where nobody else receives.
    pub(crate) fn orphan_callers(&mut self, machine: &mut M, pid: Pid) {
        self.tell_of_dead_objects(machine);
        self.lose_files(machine, pid);
        self.end_waits(machine, Error::Dead, |_, process| {
            process.wait.map(|wait| wait.event) == Some(Event::Reply(pid))
        });
    }

    /// Ends the waits for objects that died.
    pub(crate) fn tell_of_dead_objects(&mut self, machine: &mut M) {
        while let Some(id) = self.capabilities.take_dead() {
            if let Some(Object::Region(region)) = self.capabilities.object(id).copied() {
                self.dissolve(machine, id, region);
                continue;
            }
            // Its number is used again, and then for another's endpoint.
            if let Some(home) = self.endpoint(id).and_then(|it| it.home)
                && let Some(process) = self.table.get_mut(home)
                && process.home == Some(id)
            {
                process.home = None;
            }
            self.end_waits(machine, Error::Dead, |_, process| {
                process.wait.and_then(|wait| wait.event.object()) == Some(id)
            });
        }
    }

    /// Ends the waits at an object of those who have no handle any more by
    /// which they could wait there.
    pub(crate) fn end_unfounded_waits(&mut self, machine: &mut M, object: ObjectId) {
        let is_ends = self.capabilities.object(object) == Some(&Object::Ends);
        let is_line = self.capabilities.object(object) == Some(&Object::Line);
        self.end_waits(machine, Error::BadHandle, |kernel, process| {
            let Some(wait) = process.wait else {
                return false;
            };
            let rights = match wait.event {
                Event::Call(at) if at == object => Rights::CALL,
                Event::Receive(at) if at == object => Rights::RECEIVE,
                Event::Bits(at) if at == object => Rights::WAIT,
                Event::Death(_) if is_ends => Rights::WAIT,
                Event::Line if is_line => Rights::WAIT,
                _ => return false,
            };
            let table = process.handles;
            !table.is_some_and(|table| kernel.capabilities.has(table, object, rights))
        });
    }

    /// Ends waits, and reckons once how urgent their server is without them.
    fn end_waits(
        &mut self,
        machine: &mut M,
        error: Error,
        is_over: impl Fn(&Self, &Process<M::Task>) -> bool,
    ) {
        let over = self.table.living().filter(|it| is_over(self, it));
        let over: Vec<(Pid, Option<Pid>)> =
            over.map(|it| (it.pid, self.server_of(it.pid))).collect();
        for (pid, _) in &over {
            self.end_wait_of(machine, *pid, Err(error));
        }
        let mut servers: Vec<Pid> = over.iter().filter_map(|(_, server)| *server).collect();
        servers.dedup();
        servers.into_iter().for_each(|server| self.lend(server));
    }

    /// Takes a process off the lists of what it waits for.
    pub(crate) fn leave(&mut self, pid: Pid, event: Event) {
        match event {
            Event::Call(object) => {
                if let Some(endpoint) = self.endpoint_mut(object) {
                    endpoint.callers = endpoint.callers.saturating_sub(1);
                }
            }
            Event::Reply(server) => {
                if let Some(process) = self.table.get_mut(server)
                    && process.serving == Some(pid)
                {
                    process.serving = None;
                }
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
            Event::Time | Event::Console(_) | Event::Intent(..) | Event::Death(_) | Event::Line => {
            }
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
    pub(crate) fn server_of(&self, pid: Pid) -> Option<Pid> {
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
    pub(crate) fn lift(&mut self, caller: Pid) {
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
            self.inherit(server, level);
            at = server;
        }
    }

    /// A caller came, went or changed: its server is as urgent as those are
    /// that wait for it now.
    pub(crate) fn lend(&mut self, server: Pid) {
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
            self.inherit(at, left);
            match self.server_of(at) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// Who becomes no more and no less urgent by it keeps its turn: else
    /// two that call a third by turns could keep that one from running.
    fn inherit(&mut self, pid: Pid, level: Priority) {
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        let before = process.priority.max(process.inherited);
        process.inherited = level;
        if process.priority.max(level) != before {
            self.scheduler.remove(pid);
            self.settle(pid);
        }
    }

    fn event(&self, pid: Pid) -> Option<Event> {
        Some(self.table.get(pid)?.wait?.event)
    }

    pub(crate) fn endpoint(&self, id: ObjectId) -> Option<&Endpoint> {
        match self.capabilities.object(id)? {
            Object::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        }
    }

    pub(crate) fn endpoint_mut(&mut self, id: ObjectId) -> Option<&mut Endpoint> {
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

    pub(crate) fn set_words(
        &mut self,
        machine: &mut M,
        pid: Pid,
        first: u64,
        words: Words,
        last: Handle,
    ) {
        if let Some(task) = self.table.get_mut(pid).and_then(|it| it.task.as_mut()) {
            machine.set_words(task, first, words, last.0);
        }
    }
}
