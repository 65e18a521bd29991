//! The process table: all living processes and the newest dead ones' records.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proviso_abi::Pid;

use crate::process::Process;

/// The most records of dead processes; the one that began first goes first.
pub const MAX_DEAD: usize = 16;
/// What a record can make the kernel's heap hold, whatever its process does: see
/// the account in [`crate::kernel`].
const RECORD_BYTES: u64 = 13 << 9;
/// What everything else on the heap can come to, whatever anybody does.
const OTHER_BYTES: u64 = 1456 << 10;

/// The most processes that can live at once, given the size of the kernel's heap:
/// so many that even at their worst they cannot exhaust it.
#[must_use]
pub const fn most_living(heap_bytes: u64) -> usize {
    let records = heap_bytes.saturating_sub(OTHER_BYTES) / RECORD_BYTES;
    (records as usize).saturating_sub(MAX_DEAD)
}
/// Numbers whose slot is known without a search.
const HINTS: usize = 256;

/// Process records by number. Numbers are never used twice.
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Option<Box<Process<T>>>>,
    /// The slot of every number.
    index: BTreeMap<Pid, usize>,
    /// The number and slot that were added last for each remainder: a record is
    /// looked up at every call between processes.
    hints: [(Pid, u32); HINTS],
    next: Pid,
    most_living: usize,
}

impl<T> Table<T> {
    /// An empty table for so many living processes.
    #[must_use]
    pub fn new(most_living: usize) -> Self {
        Self {
            slots: Vec::with_capacity(most_living.saturating_add(MAX_DEAD)),
            index: BTreeMap::new(),
            hints: [(0, u32::MAX); HINTS],
            next: 1,
            most_living,
        }
    }

    /// The number that the next new process gets.
    #[must_use]
    pub const fn next_pid(&self) -> Pid {
        self.next
    }

    /// Adds a process under its number, which must be `next_pid` or above.
    pub fn insert(&mut self, process: Process<T>) {
        let pid = process.pid;
        self.next = self.next.max(pid.saturating_add(1));
        let process = Some(Box::new(process));
        let slot = match self.slots.iter().position(Option::is_none) {
            Some(slot) => {
                if let Some(free) = self.slots.get_mut(slot) {
                    *free = process;
                }
                slot
            }
            None => {
                self.slots.push(process);
                self.slots.len().saturating_sub(1)
            }
        };
        self.index.insert(pid, slot);
        if let Some(hint) = self.hints.get_mut(remainder(pid)) {
            *hint = (pid, slot as u32);
        }
    }

    /// The process with this number, dead or alive.
    #[must_use]
    pub fn get(&self, pid: Pid) -> Option<&Process<T>> {
        self.slots.get(self.slot(pid)?)?.as_deref()
    }

    /// The process with this number, dead or alive, to change.
    pub fn get_mut(&mut self, pid: Pid) -> Option<&mut Process<T>> {
        let slot = self.slot(pid)?;
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    /// Where the process with this number is.
    #[inline]
    #[must_use]
    pub fn slot(&self, pid: Pid) -> Option<usize> {
        match self.hints.get(remainder(pid)) {
            Some((number, slot)) if *number == pid => Some(*slot as usize),
            _ => self.index.get(&pid).copied(),
        }
    }

    /// The process in a slot, to change.
    #[inline]
    pub fn at_mut(&mut self, slot: usize) -> Option<&mut Process<T>> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    /// The process in a slot.
    #[inline]
    #[must_use]
    pub fn at(&self, slot: usize) -> Option<&Process<T>> {
        self.slots.get(slot)?.as_deref()
    }

    /// Takes a record out.
    pub fn remove(&mut self, pid: Pid) -> Option<Process<T>> {
        let slot = self.index.remove(&pid)?;
        if let Some(hint) = self.hints.get_mut(remainder(pid))
            && hint.0 == pid
        {
            *hint = (0, u32::MAX);
        }
        self.slots.get_mut(slot)?.take().map(|process| *process)
    }

    /// All records, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Process<T>> {
        self.index
            .values()
            .filter_map(|slot| self.slots.get(*slot)?.as_deref())
    }

    /// All records, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process<T>> {
        self.slots.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// The living, by number.
    pub fn living(&self) -> impl Iterator<Item = &Process<T>> {
        self.iter().filter(|process| process.is_alive())
    }

    /// How many more processes can live.
    #[must_use]
    pub fn room(&self) -> usize {
        self.most_living.saturating_sub(self.living().count())
    }

    /// Forgets dead processes beyond [`MAX_DEAD`], those that began first.
    pub fn trim(&mut self) {
        let dead = self.iter().filter(|process| !process.is_alive()).count();
        for _ in MAX_DEAD..dead {
            let oldest = self
                .iter()
                .find(|process| !process.is_alive())
                .map(|process| process.pid);
            if let Some(pid) = oldest {
                self.remove(pid);
            }
        }
    }
}

const fn remainder(pid: Pid) -> usize {
    pid as usize % HINTS
}
