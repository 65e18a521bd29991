//! What the kernel and the processes write to the console, and who owns it.

use core::fmt;

use proviso_abi::{INIT, Pid, Priority};

use crate::kernel::Kernel;
use crate::log;
use crate::machine::Machine;
use crate::memory;
use crate::process::Process;
use crate::scheduler::Standing;
use crate::view::Principal;

/// The program that gets the console.
const OWNERS_PROGRAM: &str = "shell";

impl<M: Machine> Kernel<M> {
    /// The console's owner: the shell that init started. A process of that name
    /// that anybody else started gains nothing by it.
    pub(crate) fn console_owner(&self) -> Option<Pid> {
        let mut living = self.table.living();
        living
            .find(|p| p.parent == INIT && p.name == OWNERS_PROGRAM)
            .map(|p| p.pid)
    }

    /// On whose authority a process acts.
    pub(crate) fn principal(&self, pid: Pid) -> Principal {
        if pid == INIT {
            Principal::Operator
        } else if self.console_owner() == Some(pid) {
            self.users.at_console()
        } else {
            Principal::Process(pid)
        }
    }

    /// Whether a person needs this process to put things right: init, and the
    /// console's owner.
    fn is_caretaker(&self, pid: Pid) -> bool {
        self.table.get(pid).is_some_and(|it| it.is_caretaker)
    }

    /// Notes who the caretakers are. To be called when a process begins or ends.
    pub(crate) fn appoint_caretakers(&mut self) {
        let owner = self.console_owner();
        for process in self.table.iter_mut() {
            process.is_caretaker = process.pid == INIT || owner == Some(process.pid);
        }
    }

    /// How a process is scheduled. A caretaker gets its turn whatever its
    /// priority: one realtime process that never waits would lock the person
    /// out for good. And who is waited for is as urgent as who waits.
    pub(crate) fn standing(&self, process: &Process<M::Task>) -> Standing {
        Standing {
            priority: process.priority.max(process.inherited),
            is_caretaker: self.is_caretaker(process.pid),
        }
    }

    /// How urgent a process is to those it calls.
    pub(crate) fn level(&self, process: &Process<M::Task>) -> Priority {
        if self.is_caretaker(process.pid) {
            Priority::Realtime
        } else {
            process.priority.max(process.inherited)
        }
    }

    /// Frames that must stay free when a process takes some for itself: the
    /// reserve, which is there for the caretakers.
    pub(crate) fn keep_free(&self, machine: &M, pid: Pid) -> u64 {
        if self.is_caretaker(pid) {
            0
        } else {
            memory::reserve_frames(machine)
        }
    }

    /// Resumes a suspended owner when somebody types: whoever sits at the
    /// console could not take a `suspend *` back otherwise.
    pub(crate) fn wake_owner(&mut self, machine: &mut M) {
        if !self.tty.has_input() {
            return;
        }
        let Some(pid) = self.console_owner() else {
            return;
        };
        let Some(process) = self
            .table
            .get_mut(pid)
            .filter(|process| process.is_suspended)
        else {
            return;
        };
        process.is_suspended = false;
        let title = process.title();
        self.settle(pid);
        self.say(
            machine,
            format_args!("{title} resumed, because somebody typed"),
        );
    }

    /// The kernel says something, on the console and in the log.
    pub(crate) fn say(&mut self, machine: &mut M, line: fmt::Arguments<'_>) {
        self.log.push(machine.now_ns(), log::KERNEL, line);
        self.show(machine, format_args!("[kernel] {line}"));
    }

    /// A process writes.
    pub(crate) fn write(&mut self, machine: &mut M, pid: Pid, bytes: &[u8]) {
        if self.console_owner() == Some(pid) {
            return self.tty.write_owner(machine, bytes);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(process) = self.table.get_mut(pid) else {
                return;
            };
            if let Some(line) = process.output.take_line(&mut rest) {
                self.show_line_of(machine, pid, &line);
            }
        }
    }

    /// Shows what a process wrote without ending the line.
    pub(crate) fn flush_output(&mut self, machine: &mut M, pid: Pid) {
        if let Some(line) = self
            .table
            .get_mut(pid)
            .and_then(|process| process.output.flush())
        {
            self.show_line_of(machine, pid, &line);
        }
    }

    fn show_line_of(&mut self, machine: &mut M, pid: Pid, line: &str) {
        let now = machine.now_ns();
        self.log.push(now, pid, format_args!("{line}"));
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        // Init is trusted, and a test program that runs as init reports much.
        let shown = if pid == INIT {
            Some(0)
        } else {
            process.output.may_show(now)
        };
        let title = process.title();
        match shown {
            None => {}
            Some(0) => self.show(machine, format_args!("[{title}] {line}")),
            Some(skipped) => {
                self.show(
                    machine,
                    format_args!("[{title}] ({skipped} lines not shown; /log has the newest)"),
                );
                self.show(machine, format_args!("[{title}] {line}"));
            }
        }
    }

    /// Shows a line on the console and lets the owner know if it was in the way.
    fn show(&mut self, machine: &mut M, line: fmt::Arguments<'_>) {
        let reader = self.console_owner().filter(|pid| self.is_reading(*pid));
        self.tty.write_line(machine, reader.is_some(), line);
        if let Some(pid) = reader {
            self.advance(machine, pid);
        }
    }
}
