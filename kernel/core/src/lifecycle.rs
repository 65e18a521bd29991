//! How processes begin and end.

use alloc::vec::Vec;
use core::fmt;

use proviso_abi::outcome::{Exit, ExitRecord, ProcessName};
use proviso_abi::trace::TraceKind;
use proviso_abi::value::Argument;
use proviso_abi::words::ShutdownMode;
use proviso_abi::{Bytes, Handle, INIT, Name, Pid, Priority, Text};

use crate::cpu::CpuMeter;
use crate::cpu_cap::CpuCap;
use crate::kernel::Kernel;
use crate::log;
use crate::machine::Machine;
use crate::mailbox::Mailbox;
use crate::output::Output;
use crate::process::{Event, Life, Process};
use crate::view::UserId;

/// Ends that wait for init to watch them; the oldest go first.
const MAX_ENDS: usize = 64;

/// What a new process is.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) pid: Pid,
    pub(crate) name: Name,
    pub(crate) args: Vec<Argument>,
    pub(crate) parent: Pid,
    pub(crate) priority: Priority,
    pub(crate) limit: Bytes,
    pub(crate) owner: UserId,
}

impl<M: Machine> Kernel<M> {
    /// Takes a new process in.
    pub(crate) fn begin_life(&mut self, machine: &M, birth: Birth, task: M::Task) -> ProcessName {
        let now = machine.now_ns();
        let process = Process {
            pid: birth.pid,
            name: birth.name,
            args: birth.args,
            parent: birth.parent,
            owner: birth.owner,
            priority: birth.priority,
            limit: birth.limit,
            task: Some(task),
            life: Life::Alive,
            is_suspended: false,
            wait: None,
            mailbox: Mailbox::default(),
            handles: None,
            home: None,
            message: None,
            fault: None,
            guard: Handle::NONE,
            serving: None,
            is_caretaker: false,
            is_driver: false,
            unbilled_ticks: 0,
            is_unsettled: false,
            inherited: Priority::Idle,
            output: Output::default(),
            heap_pages: 0,
            region_frames: 0,
            mappings: Vec::new(),
            cpu: CpuMeter::default(),
            cpu_cap: CpuCap::default(),
            started_ns: now,
            restarts: 0,
            last_exit: None,
        };
        let (title, parent) = (process.title(), process.parent);
        self.trace
            .note(now, title.pid, TraceKind::Start, parent.into());
        self.log.push(
            now,
            log::KERNEL,
            format_args!("{title} started by process {parent}"),
        );
        self.table.insert(process);
        self.appoint_caretakers();
        self.equip(title.pid);
        self.settle(title.pid);
        title
    }

    /// Ends what is left of a process's life and begins another one.
    pub(crate) fn begin_again(
        &mut self,
        machine: &mut M,
        pid: Pid,
        task: M::Task,
    ) -> Option<ProcessName> {
        let was_alive = self.table.get(pid).is_some_and(Process::is_alive);
        if was_alive {
            self.end_life(machine, pid, Life::Exited, Exit::Killed);
        }
        let Some(process) = self.table.get_mut(pid) else {
            machine.destroy_task(task);
            return None;
        };
        process.forget_life();
        process.task = Some(task);
        process.life = Life::Alive;
        process.started_ns = machine.now_ns();
        process.restarts = process.restarts.saturating_add(1);
        let is_inits = process.parent == INIT;
        let parent = process.parent.into();
        self.trace
            .note(machine.now_ns(), pid, TraceKind::Start, parent);
        let title = process.title();
        self.appoint_caretakers();
        self.equip(pid);
        self.settle(pid);
        self.log.push(
            machine.now_ns(),
            log::KERNEL,
            format_args!("{title} restarted"),
        );
        if was_alive && is_inits {
            // Init has something for the new life of a service.
            self.report_end(machine, title.clone(), Exit::Killed);
        }
        Some(title)
    }

    /// A process ends by its own wish.
    pub(crate) fn exit(&mut self, machine: &mut M, pid: Pid, code: i32) {
        let Some(title) = self.end_life(machine, pid, Life::Exited, Exit::Code(code)) else {
            return;
        };
        if pid == INIT {
            self.power_after_init(machine, &Exit::Code(code));
        }
        self.log.push(
            machine.now_ns(),
            log::KERNEL,
            format_args!("{title} exited with code {code}"),
        );
        self.report_end(machine, title, Exit::Code(code));
    }

    /// A process ends by a fault of its own. Without an instruction it is the
    /// one after the system call that it is in.
    pub(crate) fn crash(
        &mut self,
        machine: &mut M,
        pid: Pid,
        what: fmt::Arguments<'_>,
        instruction: Option<u64>,
        address: Option<u64>,
    ) {
        let Some(task) = self
            .table
            .get(pid)
            .and_then(|process| process.task.as_ref())
        else {
            return;
        };
        let instruction = instruction.unwrap_or_else(|| machine.instruction(task));
        let exit = Exit::Crashed {
            what: Text::format(what),
            instruction,
            address,
        };
        let Some(title) = self.end_life(machine, pid, Life::Crashed, exit.clone()) else {
            return;
        };
        self.say(machine, format_args!("{title} crashed: {exit}"));
        if pid == INIT {
            self.power_after_init(machine, &exit);
        }
        self.report_end(machine, title, exit);
    }

    /// A process is ended by a plan, or its record is cleared away.
    pub(crate) fn kill(&mut self, machine: &mut M, pid: Pid) -> Option<ProcessName> {
        let process = self.table.get(pid)?;
        let (title, was_alive) = (process.title(), process.is_alive());
        if was_alive {
            self.end_life(machine, pid, Life::Exited, Exit::Killed);
        }
        self.table.remove(pid);
        self.log.push(
            machine.now_ns(),
            log::KERNEL,
            format_args!("{title} killed"),
        );
        if was_alive {
            self.report_end(machine, title.clone(), Exit::Killed);
        }
        Some(title)
    }

    /// Frees all that a living process holds; its record stays.
    fn end_life(
        &mut self,
        machine: &mut M,
        pid: Pid,
        life: Life,
        exit: Exit,
    ) -> Option<ProcessName> {
        self.flush_output(machine, pid);
        self.drop_intents(machine, pid);
        if self.current == Some(pid) {
            self.current = None;
        }
        let server = self.server_of(pid);
        if let Some(wait) = self.table.get_mut(pid)?.wait.take() {
            self.leave(pid, wait.event);
        }
        server.into_iter().for_each(|server| self.lend(server));
        self.disarm(machine, pid);
        self.scheduler.forget(pid);
        self.trace.note(machine.now_ns(), pid, TraceKind::End, 0);
        let process = self.table.get_mut(pid)?;
        if process.is_driver {
            // Before its memory becomes somebody else's.
            machine.reset_disk();
        }
        if let Some(task) = process.task.take() {
            machine.destroy_task(task);
        }
        process.forget_life();
        process.life = life;
        process.last_exit = Some(exit);
        let title = process.title();
        self.appoint_caretakers();
        Some(title)
    }

    /// Tells who watches, and forgets the oldest dead if there are too many.
    fn report_end(&mut self, machine: &mut M, process: ProcessName, exit: Exit) {
        if self.ends.len() >= MAX_ENDS {
            self.ends.pop_front();
        }
        self.ends.push_back(ExitRecord { process, exit });
        self.table.trim();
        let table = &self.table;
        self.relations.retain(|pid| table.get(pid).is_some());
        self.tell_watchers(machine);
    }

    /// Ends the waits of those who watch for ends. One of them may end by that;
    /// its end is told by the turn that is going on, not by another inside it.
    fn tell_watchers(&mut self, machine: &mut M) {
        if core::mem::replace(&mut self.is_telling, true) {
            return;
        }
        let is_watching = |it: &&Process<M::Task>| {
            it.wait
                .is_some_and(|wait| matches!(wait.event, Event::Death(_)))
        };
        // Each turn ends the wait of one of them.
        while !self.ends.is_empty() {
            let watcher = self.table.living().find(is_watching).map(|it| it.pid);
            let Some(pid) = watcher else {
                break;
            };
            self.advance(machine, pid);
        }
        self.is_telling = false;
    }

    /// Without init nobody supervises the rest. Code 0 is how a test program
    /// that runs as init says that all is well.
    fn power_after_init(&mut self, machine: &mut M, exit: &Exit) -> ! {
        self.say(machine, format_args!("init: {exit}; the machine halts"));
        machine.power(ShutdownMode::Halt, *exit == Exit::Code(0))
    }

    /// Puts a process into the scheduler's queues, or out of them, as its
    /// record demands. Call after every change to what it depends on.
    pub(crate) fn settle(&mut self, pid: Pid) {
        let wanted = self.table.get(pid).filter(|process| process.is_runnable());
        let standing = wanted.map(|process| self.standing(process));
        match (standing, self.scheduler.contains(pid)) {
            (Some(standing), false) => self.scheduler.add(pid, standing),
            (None, true) => self.scheduler.remove(pid),
            _ => {}
        }
    }
}
