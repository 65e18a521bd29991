//! The process table: all living processes and the newest dead ones' records.

use alloc::collections::BTreeMap;

use proviso_abi::Pid;

use crate::process::Process;

/// The most records of dead processes; the one that began first goes first.
pub const MAX_DEAD: usize = 16;
/// What a record can make the kernel's heap hold, whatever its process does: see
/// the account in [`crate::kernel`].
const RECORD_BYTES: u64 = 13 << 9;
/// What everything else on the heap can come to, whatever anybody does.
const OTHER_BYTES: u64 = 1408 << 10;

/// The most processes that can live at once, given the size of the kernel's heap:
/// so many that even at their worst they cannot exhaust it.
#[must_use]
pub const fn most_living(heap_bytes: u64) -> usize {
    let records = heap_bytes.saturating_sub(OTHER_BYTES) / RECORD_BYTES;
    (records as usize).saturating_sub(MAX_DEAD)
}

/// Process records by number. Numbers are never used twice.
#[derive(Debug)]
pub struct Table<T> {
    processes: BTreeMap<Pid, Process<T>>,
    next: Pid,
    most_living: usize,
}

impl<T> Table<T> {
    /// An empty table for so many living processes.
    #[must_use]
    pub const fn new(most_living: usize) -> Self {
        Self {
            processes: BTreeMap::new(),
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
        self.next = self.next.max(process.pid.saturating_add(1));
        self.processes.insert(process.pid, process);
    }

    /// The process with this number, dead or alive.
    #[must_use]
    pub fn get(&self, pid: Pid) -> Option<&Process<T>> {
        self.processes.get(&pid)
    }

    /// The process with this number, dead or alive, to change.
    pub fn get_mut(&mut self, pid: Pid) -> Option<&mut Process<T>> {
        self.processes.get_mut(&pid)
    }

    /// Takes a record out.
    pub fn remove(&mut self, pid: Pid) -> Option<Process<T>> {
        self.processes.remove(&pid)
    }

    /// All records, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Process<T>> {
        self.processes.values()
    }

    /// All records, by number, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process<T>> {
        self.processes.values_mut()
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
