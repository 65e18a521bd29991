//! Memory regions: memory that several processes reach by handle.
//!
//! A mapping is a line in the record of its process, and costs no memory. Pages
//! come into the tables of a process when it touches them, and into the region
//! when anybody touches them first; the region's are on its maker's account, the
//! tables on the toucher's. What cannot be paid for is the toucher's fault.
//!
//! A mapping stands on a handle: it ends when its process has none any more with
//! the rights that the mapping needs. So closing, revoking and dying all come to
//! the same.

use alloc::vec::Vec;

use proviso_abi::handle::Rights;
use proviso_abi::layout::PAGE;
use proviso_abi::region::{
    MAX_MAPPINGS, MAX_PINNED_PAGES, MAX_REGION_PAGES, REGIONS_BASE, REGIONS_END,
};
use proviso_abi::syscall::Error;
use proviso_abi::{Handle, Pid};

use crate::capabilities::Capability;
use crate::kernel::Kernel;
use crate::machine::{Access, Machine, NoMemory};
use crate::object::{Object, ObjectId, Region};
use crate::process::Process;
use crate::user_slice::UserSlice;

/// Pages of a region in the space of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    region: ObjectId,
    address: u64,
    /// The first of the region's pages that it shows, and how many.
    first: u32,
    pages: u32,
    access: Access,
}

impl Mapping {
    fn end(&self) -> u64 {
        self.address
            .saturating_add(u64::from(self.pages).saturating_mul(PAGE))
    }

    /// Which page of the region lies at an address.
    fn page_at(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(self.address)? / PAGE;
        (offset < u64::from(self.pages)).then(|| offset.saturating_add(self.first.into()))
    }
}

impl<M: Machine> Kernel<M> {
    /// Makes a region of so many pages; its handle has every right.
    pub(crate) fn create_region(
        &mut self,
        machine: &mut M,
        pid: Pid,
        pages: u64,
        pinned: u64,
    ) -> Result<Handle, Error> {
        let most = match pinned {
            0 => MAX_REGION_PAGES,
            1 => MAX_PINNED_PAGES,
            _ => return Err(Error::Invalid),
        };
        if pages == 0 || pages > most {
            return Err(Error::Invalid);
        }
        let table = self.handles(pid)?;
        if !self.capabilities.has_room(table) {
            return Err(Error::Full);
        }
        let allowed = self.allowed_frames(machine, pid);
        let rest = allowed.checked_sub(1).ok_or(Error::NoMemory)?;
        let memory = machine
            .create_region()
            .map_err(|NoMemory| Error::NoMemory)?;
        if pinned == 1
            && let Err(NoMemory) = machine.pin_region(memory, pages, rest)
        {
            machine.destroy_region(memory);
            return Err(Error::NoMemory);
        }
        let taken = machine.region_frames(memory);
        let region = Region {
            owner: pid,
            pages: pages as u32,
            memory,
        };
        self.charge_region(pid, taken);
        let made = self
            .capabilities
            .create(table, Object::Region(region), Rights::ALL);
        made.map(|(handle, _)| handle)
    }

    /// Frames that a process may still take.
    fn allowed_frames(&self, machine: &M, pid: Pid) -> u64 {
        let Some(process) = self.table.get(pid) else {
            return 0;
        };
        let limit = process
            .limit_frames()
            .saturating_sub(process.frames(machine));
        let keep_free = self.keep_free(machine, pid);
        limit.min(machine.free_frames().saturating_sub(keep_free))
    }

    fn charge_region(&mut self, owner: Pid, frames: u64) {
        if let Some(process) = self.table.get_mut(owner) {
            process.region_frames = process.region_frames.saturating_add(frames);
        }
    }

    /// Maps pages of a region, from its page `first` on.
    pub(crate) fn map_region(
        &mut self,
        pid: Pid,
        of: Capability,
        [address, first, pages, access]: [u64; 4],
    ) -> Result<u64, Error> {
        let access = Access::from_number(access).ok_or(Error::Invalid)?;
        let Some(Object::Region(region)) = self.capabilities.object(of.object) else {
            return Err(Error::Dead);
        };
        let is_inside = first
            .checked_add(pages)
            .is_some_and(|end| pages > 0 && end <= region.pages.into());
        let is_place = address.is_multiple_of(PAGE)
            && (REGIONS_BASE..REGIONS_END).contains(&address)
            // A region is far shorter than what lies behind the last address.
            && is_inside;
        if !is_place {
            return Err(Error::Invalid);
        }
        if !of.rights.contains(access.needs()) {
            return Err(Error::NotPermitted);
        }
        let mapping = Mapping {
            region: of.object,
            address,
            first: first as u32,
            pages: pages as u32,
            access,
        };
        let mappings = &mut self.table.get_mut(pid).ok_or(Error::Dead)?.mappings;
        if mappings
            .iter()
            .any(|it| it.address < mapping.end() && address < it.end())
        {
            return Err(Error::Invalid);
        }
        if mappings.len() >= MAX_MAPPINGS {
            return Err(Error::Full);
        }
        mappings.push(mapping);
        Ok(0)
    }

    /// Ends the mapping that begins at an address.
    pub(crate) fn unmap_region(
        &mut self,
        machine: &mut M,
        pid: Pid,
        address: u64,
    ) -> Result<u64, Error> {
        let begins = |it: &Mapping| it.address == address;
        match self.unmap(machine, pid, begins) {
            0 => Err(Error::Invalid),
            _ => Ok(0),
        }
    }

    /// Changes what a mapping of the region is for.
    pub(crate) fn protect_region(
        &mut self,
        machine: &mut M,
        pid: Pid,
        of: Capability,
        address: u64,
        access: u64,
    ) -> Result<u64, Error> {
        let access = Access::from_number(access).ok_or(Error::Invalid)?;
        if !of.rights.contains(access.needs()) {
            return Err(Error::NotPermitted);
        }
        let process = self.table.get_mut(pid).ok_or(Error::Dead)?;
        let is_meant = |it: &&mut Mapping| it.address == address && it.region == of.object;
        let found = process.mappings.iter_mut().find(is_meant);
        let mapping = found.ok_or(Error::Invalid)?;
        mapping.access = access;
        if let Some(task) = process.task.as_mut() {
            machine.protect_region(task, address, mapping.pages.into(), Some(access));
        }
        Ok(0)
    }

    /// Ends mappings of a process; how many.
    fn unmap(&mut self, machine: &mut M, pid: Pid, is_over: impl Fn(&Mapping) -> bool) -> usize {
        let Some(process) = self.table.get_mut(pid) else {
            return 0;
        };
        let before = process.mappings.len();
        let Process { mappings, task, .. } = process;
        mappings.retain(|mapping| {
            let is_over = is_over(mapping);
            if is_over && let Some(task) = task.as_mut() {
                machine.protect_region(task, mapping.address, mapping.pages.into(), None);
            }
            !is_over
        });
        before.saturating_sub(mappings.len())
    }

    /// Ends the mappings of a region that no handle allows any more.
    pub(crate) fn end_unfounded_mappings(&mut self, machine: &mut M, region: ObjectId) {
        for pid in self.mappers_of(region) {
            let Some(Ok(table)) = self.table.get(pid).map(|_| self.handles(pid)) else {
                continue;
            };
            let is_founded =
                Access::ALL.map(|access| self.capabilities.has(table, region, access.needs()));
            self.unmap(machine, pid, |it| {
                let founded = is_founded.get(it.access as usize);
                it.region == region && founded != Some(&true)
            });
        }
    }

    /// A region is no more: nobody reaches it, and its frames go back.
    pub(crate) fn dissolve(&mut self, machine: &mut M, id: ObjectId, region: Region) {
        for pid in self.mappers_of(id) {
            self.unmap(machine, pid, |it| it.region == id);
        }
        let given = machine.destroy_region(region.memory);
        if let Some(owner) = self.table.get_mut(region.owner) {
            owner.region_frames = owner.region_frames.saturating_sub(given);
        }
    }

    /// Ends the regions that a process made.
    pub(crate) fn dissolve_all_of(&mut self, machine: &mut M, pid: Pid) {
        if self.table.get(pid).is_some_and(|it| it.region_frames > 0) {
            let is_its = |object: &Object| matches!(object, Object::Region(it) if it.owner == pid);
            self.capabilities.bury_all(is_its);
            self.tell_of_dead_objects(machine);
        }
    }

    fn mappers_of(&self, region: ObjectId) -> Vec<Pid> {
        let maps = |process: &&Process<M::Task>| {
            let mut mappings = process.mappings.iter();
            mappings.any(|mapping| mapping.region == region)
        };
        self.table.living().filter(maps).map(|it| it.pid).collect()
    }

    /// Gives a process the page of a region at an address, if it has mapped one
    /// there for what it wants.
    pub(crate) fn touch(
        &mut self,
        machine: &mut M,
        pid: Pid,
        address: u64,
        wanted: Access,
    ) -> Option<Result<(), NoMemory>> {
        let mappings = &self.table.get(pid)?.mappings;
        let (mapping, page) = mappings
            .iter()
            .find_map(|it| Some((*it, it.page_at(address)?)))?;
        let Some(Object::Region(region)) = self.capabilities.object(mapping.region) else {
            return None;
        };
        if !mapping.access.allows(wanted) {
            return None;
        }
        let (memory, owner) = (region.memory, region.owner);
        let allowed = self.allowed_frames(machine, owner);
        let taken = match machine.fill_region(memory, page, allowed) {
            Ok(taken) => taken,
            Err(NoMemory) => return Some(Err(NoMemory)),
        };
        self.charge_region(owner, taken);
        let allowed = self.allowed_frames(machine, pid);
        let task = self.table.get_mut(pid)?.task.as_mut()?;
        let at = address & !(PAGE.wrapping_sub(1));
        Some(machine.map_region(task, memory, page, at, mapping.access, allowed))
    }

    /// Gives a process the pages that it names in a call, so far as they are
    /// regions'; whether anything came of it.
    pub(crate) fn touch_all(
        &mut self,
        machine: &mut M,
        pid: Pid,
        memory: UserSlice,
        wanted: Access,
    ) -> bool {
        let touches = memory
            .pages()
            .map(|at| self.touch(machine, pid, at, wanted));
        touches.fold(false, |came, it| came | (it == Some(Ok(()))))
    }
}
