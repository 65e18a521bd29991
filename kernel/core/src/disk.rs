//! The disk's registers and interrupts, for the driver that has their handles.
//!
//! The line is let through only while a driver waits for it, and once for each
//! wait: a device that interrupts without end, or a driver that died, costs the
//! machine nothing.

use proviso_abi::Pid;
use proviso_abi::device::DeviceCall;
use proviso_abi::layout::{HEAP_BASE, PAGE};
use proviso_abi::syscall::{Error, Words};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::process::{Event, Process};

impl<M: Machine> Kernel<M> {
    /// One access to the disk's registers.
    pub(crate) fn access_disk(
        &mut self,
        machine: &mut M,
        pid: Pid,
        access: u64,
        words: Words,
    ) -> Result<u64, Error> {
        let call = DeviceCall::decode(access, words).ok_or(Error::Invalid)?;
        let process = self.table.get_mut(pid).ok_or(Error::NoSuchProcess)?;
        // Heap stays where it is until its process ends; a region may go earlier.
        let heap = HEAP_BASE..HEAP_BASE.saturating_add(process.heap_pages.saturating_mul(PAGE));
        let is_heap = match call {
            DeviceCall::SetQueue {
                descriptors,
                driver,
                device,
                ..
            } => [descriptors, driver, device]
                .iter()
                .all(|it| heap.contains(it)),
            DeviceCall::Physical { address } => heap.contains(&address),
            _ => true,
        };
        if !is_heap {
            return Err(Error::Invalid);
        }
        // From now on the device may use its memory; see `end_life`.
        process.is_driver |= matches!(
            call,
            DeviceCall::SetQueue { .. } | DeviceCall::Physical { .. }
        );
        let task = process.task.as_ref().ok_or(Error::NoSuchProcess)?;
        machine.access_disk(task, call).ok_or(Error::Invalid)
    }

    /// A driver is about to wait for the disk's line.
    pub(crate) fn listen(&mut self, machine: &mut M) -> Result<Event, Error> {
        if self.listener().is_some() {
            return Err(Error::Busy);
        }
        if !self.has_interrupted {
            machine.listen_to_disk();
        }
        Ok(Event::Line)
    }

    /// Passes an interrupt on to who waits for it.
    pub(crate) fn hear_disk(&mut self, machine: &mut M) {
        if machine.take_disk_interrupt() {
            self.has_interrupted = true;
            let listener = self.listener();
            listener
                .into_iter()
                .for_each(|pid| self.advance(machine, pid));
        }
    }

    fn listener(&self) -> Option<Pid> {
        let waits = |it: &&Process<M::Task>| it.wait.is_some_and(|wait| wait.event == Event::Line);
        self.table.living().find(waits).map(|it| it.pid)
    }
}
