//! The system calls, each a few lines that check and then do.
//!
//! Whatever a process passes is an allegation. Memory that is not its own and
//! calls that do not exist end it with a record that says so; everything else
//! that makes no sense is an error in its result register.

use proviso_abi::handle::Rights;
use proviso_abi::ipc::{Envelope, MAX_LETTER};
use proviso_abi::layout::{HEAP_BASE, HEAP_SPAN, PAGE};
use proviso_abi::syscall::{
    ArgumentKind, Buffer, EnvelopeAt, Error, REGISTERS, Request, SUBMIT_CONSOLE, SUBMIT_PLAN,
    SUBMIT_SENTENCE, Syscall, Words,
};
use proviso_abi::trace::TraceKind;
use proviso_abi::{Handle, ObjectKind, Pid};

use crate::capabilities::Capability;
use crate::ipc::Message;
use crate::kernel::Kernel;
use crate::machine::{BadAddress, Machine};
use crate::mailbox::Full;
use crate::object::{Notification, Object};
use crate::process::{Event, Wait};
use crate::program::Segment;
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
    pub(crate) fn syscall(
        &mut self,
        machine: &mut M,
        pid: Pid,
        number: u64,
        arguments: [u64; REGISTERS],
    ) {
        let Some(call) = Syscall::from_number(number) else {
            return self.crash(
                machine,
                pid,
                format_args!("unknown system call {number}"),
                None,
                None,
            );
        };
        let flow = self
            .check_handle(pid, call, &arguments)
            .and_then(|found| self.dispatch(machine, pid, call, &arguments, found));
        match flow {
            Ok(Flow::Done(value)) => self.set_result(machine, pid, Ok(value)),
            Ok(Flow::Wait(event, duration)) => self.wait(machine, pid, event, duration),
            Ok(Flow::Settled) => {}
            Err(Stop::Error(error)) => self.set_result(machine, pid, Err(error)),
            Err(Stop::BadAddress) => {
                let what = format_args!("bad address in system call {}", call.name());
                let address = address_register(call).and_then(|at| arguments.get(at));
                self.crash(machine, pid, what, None, address.copied());
            }
        }
    }

    /// What stands behind the handle of a call that needs one.
    fn check_handle(
        &self,
        pid: Pid,
        call: Syscall,
        [handle, ..]: &[u64; REGISTERS],
    ) -> Result<Option<Capability>, Stop> {
        let Some(needs) = call.needs() else {
            return Ok(None);
        };
        // To close a handle is the one thing to do with a dead one.
        if call == Syscall::Close {
            return Ok(None);
        }
        let table = self.handles(pid)?;
        let found = self.capabilities.check(table, Handle(*handle), needs)?;
        Ok(Some(found))
    }

    fn dispatch(
        &mut self,
        machine: &mut M,
        pid: Pid,
        call: Syscall,
        arguments: &[u64; REGISTERS],
        found: Option<Capability>,
    ) -> Result<Flow, Stop> {
        // The handle is checked already where a call needs one.
        let found = || found.ok_or(Error::BadHandle);
        match Request::decode(call, arguments) {
            Request::Exit { code } => {
                // The code is the low half of the register.
                self.exit(machine, pid, code as u32 as i32);
                Ok(Flow::Settled)
            }
            Request::Yield {} => {
                self.scheduler.yield_turn(pid);
                Ok(Flow::Done(0))
            }
            Request::Sleep { duration_ns } => Ok(Flow::Wait(Event::Time, duration_ns)),
            Request::Clock {} => Ok(Flow::Done(machine.now_ns())),
            Request::Write { text } => self.sys_write(machine, pid, slice(text)?),
            Request::Read { buffer, timeout_ns } => self.sys_read(pid, slice(buffer)?, timeout_ns),
            Request::Grow { bytes } => self.sys_grow(machine, pid, bytes),
            Request::Submit { kind, request } => {
                self.sys_submit(machine, pid, kind, slice(request)?)
            }
            Request::Follow {
                intent,
                buffer,
                timeout_ns,
            } => Ok(Flow::Wait(
                Event::Intent(intent, slice(buffer)?),
                timeout_ns,
            )),
            Request::Cancel { intent } => self.sys_cancel(machine, pid, intent),
            Request::Call {
                words, envelope, ..
            } => self.sys_call(machine, pid, found()?, words, envelope),
            Request::Receive {
                words, envelope, ..
            } => self.sys_receive(machine, pid, found()?, words, envelope),
            Request::ReplyReceive {
                words, envelope, ..
            } => self.sys_reply_receive(machine, pid, found()?, words, envelope),
            Request::Send { letter, .. } => self.sys_send(machine, pid, found()?, slice(letter)?),
            Request::Open { name, .. } => self.sys_open(machine, pid, slice(name)?),
            Request::Watch {
                buffer, timeout_ns, ..
            } => Ok(Flow::Wait(Event::Death(slice(buffer)?), timeout_ns)),
            Request::Create { kind } => self.sys_create(pid, kind),
            Request::Copy { rights, badge, .. } => {
                let (table, rights) = (self.handles(pid)?, Rights::from_bits(rights));
                let copy = self
                    .capabilities
                    .derive(found()?.slot, table, rights, badge)?;
                Ok(Flow::Done(copy.0))
            }
            Request::Close { handle } => {
                let table = self.handles(pid)?;
                let found = self.capabilities.find(table, handle);
                self.capabilities.close(table, handle)?;
                self.tell_of_dead_objects(machine);
                if let Ok(found) = found {
                    self.end_unfounded_mappings(machine, found.object);
                }
                Ok(Flow::Done(0))
            }
            Request::Revoke { .. } => {
                let found = found()?;
                let count = self.capabilities.revoke(found.slot);
                self.tell_of_dead_objects(machine);
                self.end_unfounded_waits(machine, found.object);
                self.end_unfounded_mappings(machine, found.object);
                Ok(Flow::Done(count))
            }
            Request::Count { counter: 0 } => Ok(Flow::Done(machine.space_switches())),
            Request::Count { .. } => Err(Error::Invalid.into()),
            Request::Notify { bits, .. } => self.sys_notify(machine, found()?, bits),
            Request::Wait { timeout_ns, .. } => self.sys_wait(machine, pid, found()?, timeout_ns),
            Request::Region { pages, pinned } => {
                let handle = self.create_region(machine, pid, pages, pinned)?;
                Ok(Flow::Done(handle.0))
            }
            Request::Map {
                address,
                first,
                pages,
                access,
                ..
            } => {
                let place = [address, first, pages, access];
                Ok(Flow::Done(self.map_region(pid, found()?, place)?))
            }
            Request::Unmap { address } => Ok(Flow::Done(self.unmap_region(machine, pid, address)?)),
            Request::Protect {
                address, access, ..
            } => {
                let done = self.protect_region(machine, pid, found()?, address, access)?;
                Ok(Flow::Done(done))
            }
            Request::Guard {
                endpoint,
                pid: whom,
            } => Ok(Flow::Done(self.set_guard(pid, found()?, endpoint, whom)?)),
            Request::Observe { what, buffer, from } => {
                self.sys_observe(machine, pid, what, slice(buffer)?, from)
            }
            Request::Device { access, words, .. } => {
                Ok(Flow::Done(self.access_disk(machine, pid, access, words)?))
            }
            Request::Serve { .. } => {
                self.serve_files(machine, pid);
                Ok(Flow::Done(0))
            }
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
        let limit = process.limit_frames().saturating_sub(process.region_frames);
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
                .map(task, &Segment::zeroed(address, pages), limit, keep_free)
                .map_err(|_| Error::NoMemory)?;
        }
        process.heap_pages = total;
        self.trace
            .note(machine.now_ns(), pid, TraceKind::Grow, pages * PAGE);
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
            SUBMIT_CONSOLE => {
                self.submit_console(machine, pid, &bytes)?;
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

    fn sys_call(
        &mut self,
        machine: &mut M,
        pid: Pid,
        to: Capability,
        words: Words,
        envelope: EnvelopeAt,
    ) -> Result<Flow, Stop> {
        let envelope = self.envelope(machine, pid, envelope)?;
        let message = Message::new(words, &envelope, to.badge)?;
        let event = self.begin_call(pid, to, message)?;
        if let Some(process) = self.table.get_mut(pid) {
            process.wait = Some(Wait::new(event, machine.now_ns(), envelope.timeout_ns));
        }
        self.settle(pid);
        self.finish_call(machine, pid, to.object);
        self.advance(machine, pid);
        Ok(Flow::Settled)
    }

    fn sys_receive(
        &mut self,
        machine: &mut M,
        pid: Pid,
        at: Capability,
        words: Words,
        envelope: EnvelopeAt,
    ) -> Result<Flow, Stop> {
        let envelope = self.envelope(machine, pid, envelope)?;
        let message = Message::new(words, &envelope, 0)?;
        let event = self.begin_receive(machine, pid, at.object, message)?;
        Ok(Flow::Wait(event, envelope.timeout_ns))
    }

    fn sys_reply_receive(
        &mut self,
        machine: &mut M,
        pid: Pid,
        at: Capability,
        words: Words,
        envelope: EnvelopeAt,
    ) -> Result<Flow, Stop> {
        let envelope = self.envelope(machine, pid, envelope)?;
        let message = Message::new(words, &envelope, 0)?;
        let life = |kernel: &Self| {
            let process = kernel.table.get(pid).filter(|process| process.is_alive());
            process.map(|process| process.restarts)
        };
        let before = life(self);
        let answered = self.reply(machine, pid, message)?;
        if life(self) != before {
            // The answer was to the kernel, whose plan ended or restarted the caller.
            return Ok(Flow::Settled);
        }
        answered?;
        let event = self.begin_receive(machine, pid, at.object, message)?;
        Ok(Flow::Wait(event, envelope.timeout_ns))
    }

    /// The envelope of a call; address 0 is an empty one.
    fn envelope(&mut self, machine: &mut M, pid: Pid, at: EnvelopeAt) -> Result<Envelope, Stop> {
        if at.0 == 0 {
            return Ok(Envelope::EMPTY);
        }
        let bytes = self.copy_in(machine, pid, UserSlice::new(at.0, Envelope::SIZE as u64)?)?;
        let bytes = bytes.as_slice().try_into().map_err(|_| BadAddress)?;
        Ok(Envelope::from_bytes(bytes))
    }

    fn sys_send(
        &mut self,
        machine: &mut M,
        pid: Pid,
        to: Capability,
        letter: UserSlice,
    ) -> Result<Flow, Stop> {
        if letter.len() > MAX_LETTER {
            return Err(Error::TooLong.into());
        }
        let bytes = self.copy_in(machine, pid, letter)?;
        let Some(Object::Endpoint(endpoint)) = self.capabilities.object(to.object) else {
            return Err(Error::Dead.into());
        };
        if !self.may_call_at(pid, endpoint) {
            return Err(Error::NotPermitted.into());
        }
        let (home, receiver) = (endpoint.home, endpoint.receiver);
        let process = home.and_then(|home| self.table.get_mut(home));
        let mailbox = &mut process.ok_or(Error::Invalid)?.mailbox;
        mailbox.push(to.badge, &bytes).map_err(|Full| Error::Full)?;
        receiver
            .into_iter()
            .for_each(|receiver| self.advance(machine, receiver));
        Ok(Flow::Done(0))
    }

    fn sys_observe(
        &mut self,
        machine: &mut M,
        pid: Pid,
        what: u64,
        buffer: UserSlice,
        from: u64,
    ) -> Result<Flow, Stop> {
        let bytes = self.observe(machine, pid, what, from)?;
        Ok(Flow::Done(self.copy_out(machine, pid, buffer, &bytes)??))
    }

    fn sys_open(&mut self, machine: &mut M, pid: Pid, name: UserSlice) -> Result<Flow, Stop> {
        let name = self.copy_in(machine, pid, name)?;
        Ok(Flow::Done(self.open(pid, &name)?.0))
    }

    fn sys_create(&mut self, pid: Pid, kind: u64) -> Result<Flow, Stop> {
        let object = match ObjectKind::from_number(kind) {
            Some(ObjectKind::Endpoint) => Object::endpoint(pid, None),
            Some(ObjectKind::Notification) => Object::Notification(Notification::default()),
            _ => return Err(Error::Invalid.into()),
        };
        let table = self.handles(pid)?;
        let (handle, _) = self.capabilities.create(table, object, Rights::ALL)?;
        Ok(Flow::Done(handle.0))
    }

    fn sys_notify(&mut self, machine: &mut M, of: Capability, bits: u64) -> Result<Flow, Stop> {
        if let Some(Object::Notification(it)) = self.capabilities.object_mut(of.object) {
            it.bits |= bits & i64::MAX.cast_unsigned();
            let waiter = it.waiter;
            waiter
                .into_iter()
                .for_each(|waiter| self.advance(machine, waiter));
        }
        Ok(Flow::Done(0))
    }

    fn sys_wait(
        &mut self,
        machine: &mut M,
        pid: Pid,
        of: Capability,
        timeout_ns: u64,
    ) -> Result<Flow, Stop> {
        match self.capabilities.object_mut(of.object) {
            Some(Object::Notification(it)) if it.waiter.is_some() => Err(Error::Busy.into()),
            Some(Object::Notification(it)) => {
                it.waiter = Some(pid);
                Ok(Flow::Wait(Event::Bits(of.object), timeout_ns))
            }
            Some(Object::Line) => Ok(Flow::Wait(self.listen(machine)?, timeout_ns)),
            _ => Err(Error::WrongObject.into()),
        }
    }
}

fn slice(buffer: Buffer) -> Result<UserSlice, Error> {
    UserSlice::new(buffer.address, buffer.length)
}

/// Which register of a call holds an address; all that can fail by one have one.
fn address_register(call: Syscall) -> Option<usize> {
    let mut at = 0usize;
    for (_, kind, count) in call.arguments() {
        if matches!(kind, ArgumentKind::Buffer | ArgumentKind::Envelope) {
            return Some(at);
        }
        at = at.saturating_add(*count);
    }
    None
}
