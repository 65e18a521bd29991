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
use proviso_abi::syscall::{FOREVER, Syscall, Words};
use proviso_abi::trace::TraceKind;
use proviso_abi::{Pid, Priority};

use crate::capabilities::TableId;
use crate::kernel::Kernel;
use crate::machine::{Machine, Trap};
use crate::process::{Event, Process, Wait};

/// Processes that can be left unsettled at once; with more the long way is taken.
pub(crate) const MAX_UNSETTLED: usize = 8;
const CALL: u64 = Syscall::Call as u64;
const REPLY_RECEIVE: u64 = Syscall::ReplyReceive as u64;

/// A call that may go the short way: who makes it, what it needs to know of that
/// one, and what is said to whom.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Short {
    Call {
        pid: Pid,
        table: TableId,
        urgency: u8,
        is_noted: bool,
        to: Handle,
        words: Words,
    },
    Reply {
        pid: Pid,
        table: TableId,
        urgency: u8,
        is_noted: bool,
        caller: Pid,
        at: Handle,
        words: Words,
    },
}

impl Short {
    /// What a process that trapped wants, if that could go the short way.
    #[inline(always)]
    pub(crate) fn of<M: Machine>(machine: &M, process: &Process<M::Task>) -> Option<Self> {
        let request = machine.request(process.task.as_ref()?)?;
        let (number, [handle, a, b, c, d, envelope]) = request;
        if envelope != 0 {
            return None;
        }
        let (pid, table, is_noted) = (process.pid, process.handles?, process.is_unsettled);
        let (handle, words) = (Handle(handle), [a, b, c, d]);
        match number {
            CALL => Some(Self::Call {
                pid,
                table,
                urgency: urgency(process),
                is_noted,
                to: handle,
                words,
            }),
            // Those who lend it urgency, or wrote letters, come first.
            REPLY_RECEIVE if process.inherited == Priority::Idle && process.mailbox.is_empty() => {
                Some(Self::Reply {
                    pid,
                    table,
                    urgency: own_urgency(process),
                    is_noted,
                    caller: process.serving?,
                    at: handle,
                    words,
                })
            }
            _ => None,
        }
    }
}

impl<M: Machine> Kernel<M> {
    /// Lets a process run, and those that it calls and that answer it the short
    /// way, until one of them traps for something else: who, and how.
    pub(crate) fn run_until_slow(&mut self, machine: &mut M, first: Pid) -> Option<(Pid, Trap)> {
        let mut slot = self.table.slot(first)?;
        loop {
            let process = self.table.at_mut(slot)?;
            machine.run(process.task.as_mut()?);
            let short = Short::of(machine, process);
            if let Some(next) = short.and_then(|short| self.fast_path(machine, slot, short)) {
                slot = next;
                continue;
            }
            let process = self.table.at(slot)?;
            let (pid, task) = (process.pid, process.task.as_ref()?);
            self.current = Some(pid);
            // What concerns nobody else is done at once: the same one goes on, so
            // there is nothing to settle.
            let now = machine.now_ns();
            match machine.request(task) {
                Some((number, arguments)) if is_private(number) => {
                    self.trace.note(now, pid, TraceKind::Call, number);
                    self.syscall(machine, pid, number, arguments);
                    continue;
                }
                _ => {}
            }
            let trap = machine.trap(task);
            match self.touched(machine, pid, &trap) {
                Some(instruction) => self.trace.note(now, pid, TraceKind::Fault, instruction),
                None => return Some((pid, trap)),
            }
        }
    }

    /// The instruction of a fault that came to no more than a page of a region.
    fn touched(&mut self, machine: &mut M, pid: Pid, trap: &Trap) -> Option<u64> {
        let Trap::Fault {
            kind,
            instruction,
            address,
        } = *trap
        else {
            return None;
        };
        let given = self.touch(machine, pid, address?, kind.wanted()?)?;
        given.is_ok().then_some(instruction)
    }

    /// Tries the short way for the process in a slot; the slot of the one that
    /// runs next, if it was taken.
    #[inline(always)]
    pub(crate) fn fast_path(
        &mut self,
        machine: &mut M,
        slot: usize,
        short: Short,
    ) -> Option<usize> {
        if self.room_to_settle < 2 {
            return None;
        }
        match short {
            Short::Call {
                pid,
                table,
                urgency,
                is_noted,
                to,
                words,
            } => {
                let (_, badge, endpoint) =
                    self.capabilities.endpoint_of(table, to, Rights::CALL)?;
                let receiver = endpoint.receiver?;
                let next = self.table.slot(receiver)?;
                let process = self.table.at_mut(next)?;
                // What others lend the receiver does not count: they may wait for
                // more. Who is cut off from it may not call.
                let is_possible = own_urgency(process) >= urgency
                    && is_free(process)
                    && (endpoint.home.is_none() || self.relations.is_empty());
                if !is_possible {
                    return None;
                }
                machine.set_message(process.task.as_mut()?, IS_CALL, badge, words, 0);
                process.wait = None;
                process.serving = Some(pid);
                endpoint.receiver = None;
                let is_noted = is_noted && process.is_unsettled;
                let caller = self.table.at_mut(slot)?;
                rest(
                    machine,
                    caller,
                    Event::Reply(receiver),
                    &mut self.running_since,
                );
                self.hand_over(slot, next, is_noted)
            }
            Short::Reply {
                pid,
                table,
                urgency: own,
                is_noted,
                caller,
                at,
                words,
            } => {
                let (object, _, endpoint) =
                    self.capabilities.endpoint_of(table, at, Rights::RECEIVE)?;
                let next = self.table.slot(caller)?;
                let process = self.table.at_mut(next)?;
                let is_possible = is_waiting_for(process, pid)
                    && process.message.is_none()
                    && is_free(process)
                    && urgency(process) >= own
                    && endpoint.callers == 0
                    && endpoint.receiver.is_none()
                    && endpoint.home.is_none_or(|home| home == pid);
                if !is_possible {
                    return None;
                }
                machine.set_message(process.task.as_mut()?, 0, 0, words, 0);
                process.wait = None;
                endpoint.receiver = Some(pid);
                endpoint.server = pid;
                let is_noted = is_noted && process.is_unsettled;
                let server = self.table.at_mut(slot)?;
                server.serving = None;
                rest(
                    machine,
                    server,
                    Event::Receive(object),
                    &mut self.running_since,
                );
                self.hand_over(slot, next, is_noted)
            }
        }
    }

    /// The process in `slot` told the one in `next`, which runs now. How the two
    /// stand with the scheduler is put right later.
    #[inline(always)]
    fn hand_over(&mut self, slot: usize, next: usize, is_noted: bool) -> Option<usize> {
        self.trace.count_call();
        if !is_noted {
            self.note_unsettled(slot);
            self.note_unsettled(next);
        }
        Some(next)
    }

    #[cold]
    fn note_unsettled(&mut self, slot: usize) {
        let process = self.table.at_mut(slot).filter(|it| !it.is_unsettled);
        if let Some(process) = process {
            process.is_unsettled = true;
            self.unsettled.push(process.pid);
            self.room_to_settle = self.room_to_settle.saturating_sub(1);
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
        // Who ordered a shutdown is watched at every step of the long way.
        self.room_to_settle = if self.shutdown.is_some() {
            0
        } else {
            self.most_unsettled
        };
        while let Some(pid) = self.unsettled.pop() {
            if let Some(process) = self.table.get_mut(pid) {
                process.is_unsettled = false;
            }
            // Whom it called is as urgent as it, as by the long way.
            self.lift(pid);
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

/// Whether a call can neither end or stop its caller, nor concern anybody else.
const fn is_private(number: u64) -> bool {
    matches!(
        Syscall::from_number(number),
        Some(
            Syscall::Clock
                | Syscall::Grow
                | Syscall::Create
                | Syscall::Copy
                | Syscall::Count
                | Syscall::Region
                | Syscall::Map
                | Syscall::Unmap
                | Syscall::Protect
        )
    )
}

/// How urgent a process is by itself, as a number to compare.
#[inline(always)]
const fn own_urgency<T>(process: &Process<T>) -> u8 {
    (process.is_caretaker as u8) << 4 | process.priority as u8
}

/// How urgent it is with what others lend it.
#[inline(always)]
const fn urgency<T>(process: &Process<T>) -> u8 {
    let (own, lent) = (process.priority as u8, process.inherited as u8);
    (process.is_caretaker as u8) << 4 | if own > lent { own } else { lent }
}

/// Whether a process may run, and as long as it likes.
#[inline(always)]
const fn is_free<T>(process: &Process<T>) -> bool {
    !process.is_suspended && process.cpu_cap.percent().is_none()
}

/// Whether a process waits for the answer of another.
#[inline(always)]
fn is_waiting_for<T>(process: &Process<T>, server: Pid) -> bool {
    matches!(process.wait, Some(Wait { event: Event::Reply(pid), .. }) if pid == server)
}

/// A process waits from now on, with words alone. The time that it ran since
/// `running_since` is noted, which becomes the present.
#[inline(always)]
fn rest<M: Machine>(
    machine: &M,
    process: &mut Process<M::Task>,
    event: Event,
    running_since: &mut u64,
) {
    process.message = None;
    process.wait = Some(Wait {
        event,
        since_ns: 0,
        until_ns: FOREVER,
    });
    let now = machine.ticks();
    let ran = now.wrapping_sub(*running_since);
    *running_since = now;
    process.unbilled_ticks = process.unbilled_ticks.wrapping_add(ran);
}
