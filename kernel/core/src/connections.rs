//! Who has a handle to whose own endpoint: by name, and until they are disconnected.

use proviso_abi::handle::Rights;
use proviso_abi::syscall::Error;
use proviso_abi::{Handle, INIT, Pid};

use crate::capabilities::TableId;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::object::{Endpoint, Object, ObjectId};
use crate::process::Process;

/// What somebody gets who opens a process by name: it may call, and pass that on.
const OPENED: Rights = Rights::CALL.or(Rights::COPY);

impl<M: Machine> Kernel<M> {
    /// The first handles of a process, at the places that the abi names.
    pub(crate) fn equip(&mut self, pid: Pid) {
        let Some(table) = self.capabilities.add_table(pid) else {
            return;
        };
        // An empty table has room for all of these.
        let own = Object::endpoint(pid, Some(pid));
        let own = self.capabilities.create(table, own, Rights::ALL);
        let read = Rights::READ.or(Rights::COPY);
        let _ = self.capabilities.create(table, Object::Directory, read);
        if pid == INIT {
            let wait = Rights::WAIT.or(Rights::COPY);
            let _ = self.capabilities.create(table, Object::Ends, wait);
            let receive = Rights::RECEIVE.or(Rights::COPY);
            let _ = self.capabilities.create(table, Object::Files, receive);
            if self.has_disk {
                let operate = Rights::WRITE.or(Rights::COPY);
                let _ = self.capabilities.create(table, Object::Device, operate);
                let _ = self.capabilities.create(table, Object::Line, wait);
            }
        }
        if let Some(process) = self.table.get_mut(pid) {
            process.handles = Some(table);
            process.home = own.ok().map(|(_, object)| object);
        }
    }

    /// Takes a process's handles away, and with them what only it could serve.
    pub(crate) fn disarm(&mut self, machine: &mut M, pid: Pid) {
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        let handles = process.handles.take();
        self.dissolve_all_of(machine, pid);
        // Whoever else receives there goes on, but not with the letters of the
        // next life.
        if let Some(home) = self.home_of(pid)
            && let Some(endpoint) = self.endpoint_mut(home)
        {
            endpoint.home = None;
        }
        if let Some(process) = self.table.get_mut(pid) {
            process.home = None;
        }
        if let Some(table) = handles {
            self.capabilities.remove_table(table);
        }
        self.orphan_callers(machine, pid);
    }

    /// Opens the lowest-numbered living process of a name.
    pub(crate) fn open(&mut self, pid: Pid, name: &[u8]) -> Result<Handle, Error> {
        // A number names the process of that number: names can be taken by others.
        let number = core::str::from_utf8(name)
            .ok()
            .and_then(|it| it.parse().ok());
        let is_named =
            |process: &&Process<_>| process.name.as_bytes() == name || number == Some(process.pid);
        let found = self.table.living().find(is_named).map(|it| it.pid);
        let to = found.ok_or(Error::NoSuchProcess)?;
        self.give(pid, to)
    }

    /// Takes away every handle by which `from` can call `to`'s own endpoint, and
    /// every copy of them, whoever has it: what `disconnect` does beside closing
    /// the name. Its own handle to itself it keeps, or it could not receive.
    pub(crate) fn sever(&mut self, machine: &mut M, from: Pid, to: Pid) {
        if let (Ok(table), Some(home)) = (self.handles(from), self.home_of(to))
            && from != to
        {
            self.capabilities.remove_all(table, home);
            self.tell_of_dead_objects(machine);
            self.end_unfounded_waits(machine, home);
        }
    }

    /// A process's own endpoint, as long as it is that: objects' numbers are
    /// used again.
    pub(crate) fn home_of(&self, pid: Pid) -> Option<ObjectId> {
        let home = self.table.get(pid)?.home?;
        (self.endpoint(home)?.home == Some(pid)).then_some(home)
    }

    /// Whether a process may call at an endpoint, whose handle it has: it may
    /// have got that from others after it was disconnected.
    pub(crate) fn may_call_at(&self, pid: Pid, endpoint: &Endpoint) -> bool {
        endpoint
            .home
            .is_none_or(|home| self.relations.may_call(pid, home))
    }

    /// A handle in `from`'s table to `to`'s own endpoint.
    pub(crate) fn give(&mut self, from: Pid, to: Pid) -> Result<Handle, Error> {
        if !self.relations.may_call(from, to) {
            return Err(Error::NotPermitted);
        }
        let table = self.handles(from)?;
        let home = self.home_of(to).ok_or(Error::NoSuchProcess)?;
        if let Some(handle) = self
            .capabilities
            .handle_to(table, home, OPENED, from.into())
        {
            return Ok(handle);
        }
        // From a handle of its own without a badge: another's would give that
        // one's badge, and end when that one is revoked.
        let theirs = self.handles(to)?;
        let full = OPENED.or(Rights::RECEIVE);
        let origin = self.capabilities.handle_to(theirs, home, full, 0);
        let origin = self.capabilities.find(theirs, origin.ok_or(Error::Dead)?)?;
        self.capabilities
            .derive(origin.slot, table, OPENED, from.into())
    }

    /// The handle table of a living process.
    pub(crate) fn handles(&self, pid: Pid) -> Result<TableId, Error> {
        self.table
            .get(pid)
            .and_then(|process| process.handles)
            .ok_or(Error::NoSuchProcess)
    }
}
