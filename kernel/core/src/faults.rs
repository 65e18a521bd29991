//! What happens when a process does what the processor refuses: a page is given
//! to it, its guard judges, or it ends.
//!
//! A fault is told as a call that the process did not make itself. So everything
//! that holds for calls holds here: priority is lent, circles are refused, and the
//! death of the guard is an answer, namely the end of the process.

use proviso_abi::fault::{END, RESUME};
use proviso_abi::handle::Rights;
use proviso_abi::syscall::{Error, FOREVER, Syscall};
use proviso_abi::{FaultKind, Handle, ObjectKind, Pid};

use crate::capabilities::Capability;
use crate::ipc::{self, Message};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::process::Wait;

/// What a process did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    kind: FaultKind,
    instruction: u64,
    address: Option<u64>,
    /// Whether it would have had the page, had there been memory.
    is_short: bool,
}

impl<M: Machine> Kernel<M> {
    /// A process did what the processor refuses. A page that it may have is
    /// given to it, and it goes on.
    pub(crate) fn fault(
        &mut self,
        machine: &mut M,
        pid: Pid,
        kind: FaultKind,
        instruction: u64,
        address: Option<u64>,
    ) {
        let page = kind.wanted().zip(address);
        let touched = page.and_then(|(wanted, at)| self.touch(machine, pid, at, wanted));
        if touched == Some(Ok(())) {
            return;
        }
        let fault = Fault {
            kind,
            instruction,
            address,
            is_short: touched.is_some(),
        };
        if self.tell_guard(machine, pid, fault).is_none() {
            self.crash_by(machine, pid, &fault);
        }
    }

    fn crash_by(&mut self, machine: &mut M, pid: Pid, fault: &Fault) {
        let why = match fault.is_short {
            true => ": no memory for the page",
            false => "",
        };
        let what = format_args!("{}{why}", fault.kind.name());
        self.crash(machine, pid, what, Some(fault.instruction), fault.address);
    }

    /// Ends those whose guards did not save them. Not where that was found out:
    /// the end of one may be that of the next, and so on.
    pub(crate) fn end_doomed(&mut self, machine: &mut M) {
        while let Some(pid) = self.doomed.pop() {
            let fault = self.table.get_mut(pid).and_then(|it| it.fault.take());
            if let Some(fault) = fault {
                self.crash_by(machine, pid, &fault);
            }
        }
    }

    /// Calls the guard of a process in its name; nothing, if it has none.
    fn tell_guard(&mut self, machine: &mut M, pid: Pid, fault: Fault) -> Option<()> {
        let process = self.table.get(pid)?;
        let (table, guard) = (process.handles?, process.guard);
        let needs = Syscall::Guard.needs()?;
        let to = self.capabilities.check(table, guard, needs).ok()?;
        let kind = u64::from(fault.kind as u8);
        let address = fault.address.unwrap_or(0);
        let message = Message {
            words: [kind, address, fault.instruction, pid.into()],
            badge: to.badge,
            ..Message::EMPTY
        };
        let event = self.begin_call(pid, to, message).ok()?;
        let process = self.table.get_mut(pid)?;
        process.fault = Some(fault);
        process.wait = Some(Wait::new(event, machine.now_ns(), FOREVER));
        self.settle(pid);
        self.finish_call(machine, pid, to.object);
        Some(())
    }

    /// A guard answers a fault of `whom`. If something is wrong with the answer,
    /// that one goes on waiting for another.
    pub(crate) fn judge(
        &mut self,
        machine: &mut M,
        pid: Pid,
        whom: Pid,
        answer: &Message,
    ) -> Result<(), Error> {
        match answer.words {
            [RESUME, ..] if answer.handle.is_none() => self.end_wait(machine, whom, Ok(0)),
            [RESUME, address, pages, access] => {
                self.supply(pid, whom, answer.handle, [address, pages, access])?;
                self.end_wait(machine, whom, Ok(0));
            }
            [END, ..] => self.end_wait(machine, whom, Err(Error::Unanswered)),
            _ => return Err(Error::Invalid),
        }
        Ok(())
    }

    /// Maps pages of a guard's region for the one that it guards, who gets a
    /// handle to it unless it has one.
    fn supply(
        &mut self,
        pid: Pid,
        whom: Pid,
        handle: Handle,
        [address, pages, access]: [u64; 3],
    ) -> Result<(), Error> {
        let passed = self
            .passed(pid, whom, handle)
            .map_err(|fault| match fault {
                ipc::Fault::Sender(error) | ipc::Fault::ReceiversRoom(error) => error,
                ipc::Fault::SendersMemory | ipc::Fault::ReceiversMemory => Error::Invalid,
            })?;
        let found = passed.ok_or(Error::BadHandle)?;
        let object = self.capabilities.object(found.object);
        if object.map(crate::object::Object::kind) != Some(ObjectKind::Region) {
            return Err(Error::WrongObject);
        }
        let (first, count) = (pages >> 32, pages & u64::from(u32::MAX));
        self.map_region(whom, found, [address, first, count, access])?;
        let table = self.handles(whom)?;
        if !self.capabilities.has(table, found.object, found.rights) {
            // There is room, as of `passed`.
            self.capabilities
                .derive(found.slot, table, Rights::ALL, 0)?;
        }
        Ok(())
    }

    /// A process goes on after a fault.
    pub(crate) fn forgive(&mut self, pid: Pid) {
        if let Some(process) = self.table.get_mut(pid) {
            process.fault = None;
        }
    }

    /// Sets who guards a process: the caller itself, or one that it started.
    pub(crate) fn set_guard(
        &mut self,
        pid: Pid,
        endpoint: Capability,
        handle: Handle,
        whom: u64,
    ) -> Result<u64, Error> {
        if whom == 0 || whom == u64::from(pid) {
            let process = self.table.get_mut(pid).ok_or(Error::NoSuchProcess)?;
            process.guard = handle;
            return Ok(0);
        }
        let whom = Pid::try_from(whom).map_err(|_| Error::NoSuchProcess)?;
        let process = self.table.get(whom).filter(|it| it.is_alive());
        if process.ok_or(Error::NoSuchProcess)?.parent != pid {
            return Err(Error::NotPermitted);
        }
        if !endpoint.rights.contains(Rights::COPY) {
            return Err(Error::NotPermitted);
        }
        let table = self.handles(whom)?;
        let copy = self
            .capabilities
            .derive(endpoint.slot, table, Rights::CALL, whom.into())?;
        if let Some(process) = self.table.get_mut(whom) {
            // An earlier guard's handle stays where it is: it may be its own.
            process.guard = copy;
        }
        Ok(0)
    }
}
