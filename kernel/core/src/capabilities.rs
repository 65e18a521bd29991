//! Who may reach what: the handles of all processes, and where they come from.
//!
//! Every process has a table of [`MAX_HANDLES`] slots. All tables lie in one
//! arena, reserved at boot, and a slot is at once the handle and its node in the
//! derivation order of its object: a list in which what was copied from a handle
//! follows it directly, one deeper (seL4's mapping database has the same shape).
//! So revoking is walking on while it is deeper: no recursion, no memory, at
//! most as many steps as there are slots.
//!
//! An object exists while a handle names it, and a process has so many handles,
//! so nobody can exhaust the objects of others: the arenas have room for all.

use alloc::vec::Vec;

use proviso_abi::handle::MAX_HANDLES;
use proviso_abi::syscall::{Error, Needs};
use proviso_abi::{Handle, ObjectKind, Pid, Rights};

use crate::object::{Endpoint, Object, ObjectId};

/// No slot, where one may be named.
const NONE: u32 = u32::MAX;

/// The number of a handle table.
pub type TableId = usize;

/// What is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Free,
    /// A handle whose object is no more: it stays until it is closed, so that
    /// its holder learns what became of it.
    Dead,
    Of(ObjectId),
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    content: Content,
    generation: u32,
    rights: Rights,
    depth: u16,
    badge: u64,
    previous: u32,
    next: u32,
}

const FREE: Slot = Slot {
    content: Content::Free,
    generation: 1,
    rights: Rights::NONE,
    depth: 0,
    badge: 0,
    previous: NONE,
    next: NONE,
};

/// A slot, by its place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotId(u32);

/// What a valid handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capability {
    /// The slot that it was found in.
    pub slot: SlotId,
    /// The object.
    pub object: ObjectId,
    /// What the holder may do.
    pub rights: Rights,
    /// What names the holder to the other side.
    pub badge: u64,
}

#[derive(Debug)]
struct Entry {
    object: Object,
    /// The first of the handles to it.
    first: u32,
    next_free: u32,
}

/// All handle tables and all objects.
#[derive(Debug)]
pub struct Capabilities {
    slots: Vec<Slot>,
    /// Whose each table is.
    owners: Vec<Option<Pid>>,
    objects: Vec<Entry>,
    free_object: u32,
    /// Objects that died and whose waiters do not know yet.
    dead: Vec<ObjectId>,
    most_living: usize,
}

impl Capabilities {
    /// Room for the handles and objects of so many processes.
    #[must_use]
    pub fn new(most_living: usize) -> Self {
        let slots = most_living.saturating_mul(MAX_HANDLES);
        Self {
            slots: Vec::with_capacity(slots),
            owners: Vec::with_capacity(most_living),
            objects: Vec::with_capacity(slots),
            free_object: NONE,
            dead: Vec::with_capacity(MAX_HANDLES),
            most_living,
        }
    }

    /// An empty table for a process. There is one for every living process, so
    /// `None` means that somebody forgot to give one back.
    pub fn add_table(&mut self, owner: Pid) -> Option<TableId> {
        let free = self.owners.iter().position(Option::is_none);
        let table = match free {
            Some(table) => table,
            None if self.owners.len() < self.most_living => {
                self.owners.push(None);
                self.slots.extend([FREE; MAX_HANDLES]);
                self.owners.len().saturating_sub(1)
            }
            None => return None,
        };
        *self.owners.get_mut(table)? = Some(owner);
        for slot in self.slots_of(table) {
            *self.slots.get_mut(slot)? = FREE;
        }
        Some(table)
    }

    /// Closes every handle of a table and gives it back.
    pub fn remove_table(&mut self, table: TableId) {
        for slot in self.slots_of(table) {
            self.clear(slot as u32);
        }
        if let Some(owner) = self.owners.get_mut(table) {
            *owner = None;
        }
    }

    fn slots_of(&self, table: TableId) -> core::ops::Range<usize> {
        let first = table.saturating_mul(MAX_HANDLES);
        first..first.saturating_add(MAX_HANDLES).min(self.slots.len())
    }

    /// Makes an object and its first handle, at the lowest free place.
    ///
    /// # Errors
    /// [`Error::Full`] if the table is.
    pub fn create(
        &mut self,
        table: TableId,
        object: Object,
        rights: Rights,
    ) -> Result<(Handle, ObjectId), Error> {
        let at = self.free_slot(table)?;
        let entry = Entry {
            object,
            first: at,
            next_free: NONE,
        };
        let id = match self.objects.get_mut(self.free_object as usize) {
            Some(free) => {
                let id = self.free_object;
                self.free_object = free.next_free;
                *free = entry;
                id
            }
            None => {
                self.objects.push(entry);
                self.objects.len().saturating_sub(1) as u32
            }
        };
        let object = ObjectId(id);
        self.fill(at, object, rights, 0, 0);
        Ok((self.handle_at(at), object))
    }

    /// What a handle stands for.
    ///
    /// # Errors
    /// [`Error::BadHandle`], or [`Error::Dead`] if the object is no more.
    #[inline]
    pub fn find(&self, table: TableId, handle: Handle) -> Result<Capability, Error> {
        let index = table
            .saturating_mul(MAX_HANDLES)
            .saturating_add(handle.place());
        let slot = self.slots.get(index).ok_or(Error::BadHandle)?;
        if Handle::new(handle.place(), slot.generation) != handle {
            return Err(Error::BadHandle);
        }
        match slot.content {
            Content::Of(object) => Ok(Capability {
                slot: SlotId(index as u32),
                object,
                rights: slot.rights,
                badge: slot.badge,
            }),
            Content::Dead => Err(Error::Dead),
            Content::Free => Err(Error::BadHandle),
        }
    }

    /// The endpoint behind a handle that has these rights, with the handle's badge:
    /// [`Self::find`] in a few instructions, for the short way of calls.
    #[inline(always)]
    pub(crate) fn endpoint_of(
        &mut self,
        table: TableId,
        handle: Handle,
        rights: Rights,
    ) -> Option<(ObjectId, u64, &mut Endpoint)> {
        let index = table.wrapping_mul(MAX_HANDLES).wrapping_add(handle.place());
        let slot = self.slots.get(index)?;
        let is_valid =
            Handle::new(handle.place(), slot.generation) == handle && slot.rights.contains(rights);
        match slot.content {
            Content::Of(id) if is_valid => match &mut self.objects.get_mut(id.0 as usize)?.object {
                Object::Endpoint(endpoint) => Some((id, slot.badge, endpoint)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a handle stands for, if it is what a call needs.
    ///
    /// # Errors
    /// As for [`Self::find`], [`Error::WrongObject`], [`Error::NotPermitted`].
    pub fn check(&self, table: TableId, handle: Handle, needs: Needs) -> Result<Capability, Error> {
        let found = self.find(table, handle)?;
        let kind = self.object(found.object).map(Object::kind);
        if needs.kind.is_some() && needs.kind != kind {
            return Err(Error::WrongObject);
        }
        if !found.rights.contains(needs.rights) {
            return Err(Error::NotPermitted);
        }
        Ok(found)
    }

    /// Makes a handle that comes from another one, in any table. It has those of
    /// `rights` that the other has, and keeps a badge that the other has.
    ///
    /// # Errors
    /// [`Error::Full`] if the table is; [`Error::BadHandle`] if the slot is empty.
    pub fn derive(
        &mut self,
        from: SlotId,
        table: TableId,
        rights: Rights,
        badge: u64,
    ) -> Result<Handle, Error> {
        let parent = *self.slots.get(from.0 as usize).ok_or(Error::BadHandle)?;
        let Content::Of(object) = parent.content else {
            return Err(Error::BadHandle);
        };
        let at = self.free_slot(table)?;
        let badge = if parent.badge == 0 {
            badge
        } else {
            parent.badge
        };
        let depth = parent.depth.saturating_add(1);
        self.fill(at, object, parent.rights.and(rights), badge, depth);
        self.link_after(from.0, at);
        Ok(self.handle_at(at))
    }

    /// Gives a handle up; what was copied from it now comes from its origin.
    pub fn close(&mut self, table: TableId, handle: Handle) -> Result<(), Error> {
        let slot = match self.find(table, handle) {
            Ok(found) => found.slot.0 as usize,
            Err(Error::Dead) => table
                .saturating_mul(MAX_HANDLES)
                .saturating_add(handle.place()),
            Err(error) => return Err(error),
        };
        self.clear(slot as u32);
        Ok(())
    }

    /// Takes away everything that comes from a slot's handle; how many that was.
    pub fn revoke(&mut self, slot: SlotId) -> u64 {
        let Some(root) = self.slots.get(slot.0 as usize).copied() else {
            return 0;
        };
        let mut count: u64 = 0;
        // The list loses one in each turn, so this ends.
        while let Some(below) = self.slots.get(slot.0 as usize).map(|slot| slot.next) {
            match self.slots.get(below as usize) {
                // What comes from it goes as well, so nothing needs raising.
                Some(next) if next.depth > root.depth => self.empty(below),
                _ => break,
            }
            count = count.saturating_add(1);
        }
        count
    }

    /// The handle to an object in a table, if there is one with these rights
    /// and this badge.
    #[must_use]
    pub fn handle_to(
        &self,
        table: TableId,
        object: ObjectId,
        rights: Rights,
        badge: u64,
    ) -> Option<Handle> {
        self.slots_of(table).find_map(|at| {
            let slot = self.slots.get(at)?;
            let fits = slot.content == Content::Of(object)
                && slot.rights.contains(rights)
                && slot.badge == badge;
            fits.then(|| self.handle_at(at as u32))
        })
    }

    /// Whether a table has a handle to an object with these rights.
    #[must_use]
    pub fn has(&self, table: TableId, object: ObjectId, rights: Rights) -> bool {
        self.slots_of(table).any(|at| {
            self.slots.get(at).is_some_and(|slot| {
                slot.content == Content::Of(object) && slot.rights.contains(rights)
            })
        })
    }

    /// Takes every handle to an object out of a table, with all copies of them;
    /// how many handles that were.
    pub fn remove_all(&mut self, table: TableId, object: ObjectId) -> u64 {
        let mut count: u64 = 0;
        for at in self.slots_of(table) {
            let is_one = |slot: &Slot| slot.content == Content::Of(object);
            if self.slots.get(at).is_some_and(is_one) {
                count = count.saturating_add(self.revoke(SlotId(at as u32)));
                self.clear(at as u32);
                count = count.saturating_add(1);
            }
        }
        count
    }

    /// Ends objects; the handles to them stay and say so.
    pub fn bury_all(&mut self, is_meant: impl Fn(&Object) -> bool) {
        for id in 0..self.objects.len() {
            let is_over = |entry: &Entry| entry.first != NONE && is_meant(&entry.object);
            if self.objects.get(id).is_some_and(is_over) {
                self.bury(ObjectId(id as u32));
            }
        }
    }

    /// An object that exists.
    #[must_use]
    pub fn object(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(id.0 as usize).map(|entry| &entry.object)
    }

    /// An object that exists, to change.
    pub fn object_mut(&mut self, id: ObjectId) -> Option<&mut Object> {
        self.objects
            .get_mut(id.0 as usize)
            .map(|entry| &mut entry.object)
    }

    /// An object that died since the last call. Whoever waits for it must be
    /// told before anything else is created.
    pub fn take_dead(&mut self) -> Option<ObjectId> {
        let id = self.dead.pop()?;
        if let Some(entry) = self.objects.get_mut(id.0 as usize) {
            entry.next_free = self.free_object;
            self.free_object = id.0;
        }
        Some(id)
    }

    /// Handles in use in a table.
    #[must_use]
    pub fn count(&self, table: TableId) -> usize {
        let used = |at: &usize| {
            self.slots
                .get(*at)
                .is_some_and(|slot| slot.content != Content::Free)
        };
        self.slots_of(table).filter(used).count()
    }

    /// Every object that exists.
    #[cfg(test)]
    pub fn living_objects(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        let living = |(_, entry): &(usize, &Entry)| entry.first != NONE;
        let objects = self.objects.iter().enumerate().filter(living);
        objects.map(|(id, entry)| (ObjectId(id as u32), &entry.object))
    }

    /// Objects that exist.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects
            .iter()
            .filter(|entry| entry.first != NONE)
            .count()
    }

    /// Whether so many more handles fit into a table.
    #[must_use]
    pub fn has_room(&self, table: TableId) -> bool {
        self.free_slot(table).is_ok()
    }

    fn free_slot(&self, table: TableId) -> Result<u32, Error> {
        let is_free = |at: &usize| {
            self.slots
                .get(*at)
                .is_some_and(|slot| slot.content == Content::Free)
        };
        let at = self.slots_of(table).find(is_free).ok_or(Error::Full)?;
        Ok(at as u32)
    }

    fn handle_at(&self, at: u32) -> Handle {
        let generation = self
            .slots
            .get(at as usize)
            .map_or(0, |slot| slot.generation);
        Handle::new(at as usize, generation)
    }

    fn fill(&mut self, at: u32, object: ObjectId, rights: Rights, badge: u64, depth: u16) {
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.content = Content::Of(object);
            slot.rights = rights;
            slot.badge = badge;
            slot.depth = depth;
        }
    }

    fn link_after(&mut self, parent: u32, at: u32) {
        let Some(next) = self.slots.get(parent as usize).map(|slot| slot.next) else {
            return;
        };
        self.set_links(at, parent, next);
        if let Some(slot) = self.slots.get_mut(parent as usize) {
            slot.next = at;
        }
        if let Some(slot) = self.slots.get_mut(next as usize) {
            slot.previous = at;
        }
    }

    fn set_links(&mut self, at: u32, previous: u32, next: u32) {
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.previous = previous;
            slot.next = next;
        }
    }

    /// Empties a slot, whose copies come from its origin from now on.
    fn clear(&mut self, at: u32) {
        if let Some(slot) = self.slots.get(at as usize).copied()
            && slot.content != Content::Free
        {
            self.raise_copies(at, slot.depth);
            self.empty(at);
        }
    }

    /// Empties a slot. Its generation goes on, so that the handle is stale.
    fn empty(&mut self, at: u32) {
        let Some(slot) = self.slots.get(at as usize).copied() else {
            return;
        };
        if let Content::Of(object) = slot.content {
            self.unlink(at, object);
            self.note_loss(object, slot.rights);
        }
        if let Some(place) = self.slots.get_mut(at as usize)
            && slot.content != Content::Free
        {
            // Generations run from 1; after 2^32 uses of a place they begin again.
            let generation = slot.generation.checked_add(1).unwrap_or(1);
            *place = Slot { generation, ..FREE };
        }
    }

    /// What was copied from a handle that goes comes from its origin from now on.
    fn raise_copies(&mut self, at: u32, depth: u16) {
        let mut below = self.slots.get(at as usize).map_or(NONE, |slot| slot.next);
        while let Some(slot) = self.slots.get_mut(below as usize) {
            if slot.depth <= depth {
                break;
            }
            slot.depth = slot.depth.saturating_sub(1);
            below = slot.next;
        }
    }

    fn unlink(&mut self, at: u32, object: ObjectId) {
        let Some(Slot { previous, next, .. }) = self.slots.get(at as usize).copied() else {
            return;
        };
        match self.slots.get_mut(previous as usize) {
            Some(slot) => slot.next = next,
            None => {
                if let Some(entry) = self.objects.get_mut(object.0 as usize) {
                    entry.first = next;
                }
            }
        }
        if let Some(slot) = self.slots.get_mut(next as usize) {
            slot.previous = previous;
        }
    }

    /// An object dies with its last handle, an endpoint with the last handle by
    /// which one could receive: nobody shall call where nobody can answer.
    fn note_loss(&mut self, object: ObjectId, lost: Rights) {
        let Some(entry) = self.objects.get(object.0 as usize) else {
            return;
        };
        let is_endpoint = entry.object.kind() == ObjectKind::Endpoint;
        let is_last = entry.first == NONE;
        if is_last || is_endpoint && lost.contains(Rights::RECEIVE) && !self.is_received(object) {
            self.bury(object);
        }
    }

    fn is_received(&self, object: ObjectId) -> bool {
        let mut at = self
            .objects
            .get(object.0 as usize)
            .map_or(NONE, |e| e.first);
        while let Some(slot) = self.slots.get(at as usize) {
            if slot.rights.contains(Rights::RECEIVE) {
                return true;
            }
            at = slot.next;
        }
        false
    }

    /// Marks what is left of the handles to an object.
    fn bury(&mut self, object: ObjectId) {
        let Some(entry) = self.objects.get_mut(object.0 as usize) else {
            return;
        };
        let mut at = core::mem::replace(&mut entry.first, NONE);
        while let Some(slot) = self.slots.get_mut(at as usize) {
            at = slot.next;
            *slot = Slot {
                content: Content::Dead,
                generation: slot.generation,
                ..FREE
            };
        }
        self.dead.push(object);
    }
}
