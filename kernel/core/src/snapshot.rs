//! The system as others see it: in requests to the agent, in lists, at admission.

use alloc::vec::Vec;

use proviso_abi::snapshot::{LogLine, MAX_LOG, MAX_PROCESSES, ProcessInfo, System};
use proviso_abi::{ActionKind, Name, Pid, Sentence, State};

use crate::admit::{FILE_ACTIONS, SUPPORTED};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory;
use crate::process::{Life, Process};
use crate::view::{FilesView, Principal, ProcessView, ProgramView, View};

/// The most bytes of a log line in a request; the model reads every one.
const LOG_BYTES: usize = 120;
/// The most programs that a request names.
const MAX_PROGRAMS: usize = 64;

impl<M: Machine> Kernel<M> {
    /// What goes with a request of this principal's.
    pub(crate) fn system(&self, machine: &M, principal: Principal) -> System {
        let (user, caller) = self.user(principal);
        let count = self.table.iter().count();
        let lines = self.log.lines();
        let old = lines.len().saturating_sub(MAX_LOG);
        System {
            uptime_s: machine.now_ns() / 1_000_000_000,
            user,
            scheduler: self.scheduler.policy(),
            memory: memory::totals(machine),
            programs: self.program_names().take(MAX_PROGRAMS).collect(),
            processes: self
                .table
                .iter()
                .take(MAX_PROCESSES)
                .map(|p| self.info(machine, p))
                .collect(),
            rules: self.rules.iter().cloned().collect(),
            log: lines.skip(old).map(shortened).collect(),
            caller,
            omitted: u32::try_from(count.saturating_sub(MAX_PROCESSES)).unwrap_or(u32::MAX),
            actions: self.actions(principal),
        }
    }

    /// What a plan may have in it now.
    fn actions(&self, principal: Principal) -> Vec<ActionKind> {
        let has_files = matches!(self.files_view(principal), FilesView::There { .. });
        let is_there = |kind: &ActionKind| has_files || !FILE_ACTIONS.contains(kind);
        SUPPORTED.iter().copied().filter(is_there).collect()
    }

    fn user(&self, principal: Principal) -> (Name, Option<Pid>) {
        match principal {
            Principal::Operator | Principal::User(_) => (self.principal_name(principal), None),
            Principal::Process(pid) => {
                let name = self.table.get(pid).map(|process| process.name.clone());
                (name.unwrap_or_default(), Some(pid))
            }
        }
    }

    /// What admission sees when it judges a plan of this principal's, which
    /// this process submitted.
    pub(crate) fn view(&self, machine: &M, principal: Principal, submitter: Pid) -> View {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let keep_free = memory::keep_free_of_plan(machine, submitter);
        View {
            processes: self
                .table
                .iter()
                .map(|process| self.process_view(machine, process))
                .collect(),
            programs: self
                .programs
                .iter()
                .map(|p| ProgramView {
                    name: p.name.clone(),
                    footprint: memory::bytes(p.frames),
                })
                .collect(),
            memory_total: memory::bytes(memory::for_processes(machine)),
            memory_free: memory::bytes(machine.free_frames().saturating_sub(keep_free)),
            process_slots: number(self.table.room()),
            quota: self.quota_left(principal),
            overdrawn: self.overdrawn(principal),
            rules: self.rules.iter().map(|rule| rule.id).collect(),
            rule_slots: number(self.rules.room()),
            cut_slots: number(self.relations.room_for(principal)),
            closed: match principal {
                Principal::Process(pid) => self.relations.closed_to(pid),
                _ => Vec::new(),
            },
            history: self.history.of(principal),
            is_agent_there: self.link.model().is_some(),
            files: self.files_view(principal),
        }
    }

    fn process_view(&self, machine: &M, process: &Process<M::Task>) -> ProcessView {
        let frames = self
            .program(&process.name)
            .map_or(0, |program| program.frames);
        ProcessView {
            info: self.info(machine, process),
            started_ns: process.started_ns,
            footprint: memory::bytes(frames),
            mailbox_free: u32::try_from(process.mailbox.room()).unwrap_or(u32::MAX),
            cpu_limit: process.cpu_cap.percent(),
            owner: process.owner,
        }
    }

    /// What lists show of a process.
    pub(crate) fn info(&self, machine: &M, process: &Process<M::Task>) -> ProcessInfo {
        ProcessInfo {
            pid: process.pid,
            name: process.name.clone(),
            state: self.state(process),
            priority: process.priority,
            cpu: process.cpu.share(machine.now_ns()),
            memory: memory::bytes(process.frames(machine)),
            limit: process.limit,
        }
    }

    fn state(&self, process: &Process<M::Task>) -> State {
        match process.life {
            Life::Crashed => State::Crashed,
            Life::Exited => State::Exited,
            Life::Alive if process.is_suspended => State::Suspended,
            Life::Alive if process.wait.is_some() || process.cpu_cap.is_spent() => State::Blocked,
            Life::Alive if self.current == Some(process.pid) => State::Running,
            Life::Alive => State::Ready,
        }
    }

    /// The programs that can be started.
    pub(crate) fn program_names(&self) -> impl Iterator<Item = Name> {
        self.programs.iter().map(|program| program.name.clone())
    }
}

fn shortened(line: &LogLine) -> LogLine {
    let text = proviso_abi::Text::<LOG_BYTES>::cut(&line.text);
    LogLine {
        t: line.t,
        pid: line.pid,
        text: Sentence::cut(&text),
    }
}
