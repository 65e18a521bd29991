//! What observing actions show, cut so that one event holds all of it.

use alloc::vec::Vec;
use core::cmp::Reverse;

use proviso_abi::outcome::{ProcessDetail, StatusReport};
use proviso_abi::words::SortKey;
use proviso_abi::{Effect, Name, Pid, State};
use serde::Serialize;

use crate::intents::MAX_EVENT_BYTES;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::memory;
use crate::process::Process;

/// Log lines that are shown if nobody says how many.
const DEFAULT_LOG_LINES: usize = 20;
/// Bytes of an event beside its effects.
const OVERHEAD: usize = 64;

/// Effects of one plan, which together fit into one event.
#[derive(Debug)]
pub(crate) struct Effects {
    done: Vec<Effect>,
    /// Actions still to come.
    left: usize,
    bytes: usize,
}

impl Effects {
    /// For a plan of so many actions.
    pub(crate) fn new(actions: usize) -> Self {
        Self {
            done: Vec::new(),
            left: actions,
            bytes: MAX_EVENT_BYTES - OVERHEAD,
        }
    }

    /// Bytes that the next effect may take: what is left, shared equally among
    /// the actions to come. Even with eight that is more than any effect that
    /// cannot be cut takes.
    pub(crate) fn share(&self) -> usize {
        self.bytes / self.left.max(1)
    }

    /// Adds an effect, cut to its share.
    pub(crate) fn push(&mut self, mut effect: Effect) {
        let bytes = fit(&mut effect, self.share());
        self.bytes = self.bytes.saturating_sub(bytes);
        self.left = self.left.saturating_sub(1);
        self.done.push(effect);
    }

    pub(crate) fn into_vec(self) -> Vec<Effect> {
        self.done
    }
}

/// Shortens the list in an effect until it takes at most so many bytes; gives
/// the bytes it takes then.
fn fit(effect: &mut Effect, most: usize) -> usize {
    loop {
        let bytes = size(effect);
        if bytes <= most {
            return bytes;
        }
        let keep = |length: usize| (length * most / bytes).min(length.saturating_sub(1));
        let is_cut = match effect {
            Effect::Processes(list) => cut(list, keep),
            Effect::Programs(list) => cut(list, keep),
            Effect::Inspected(list) => cut(list, keep),
            Effect::PrioritySet(list) => cut(list, keep),
            Effect::LimitSet(list) => cut(list, keep),
            Effect::CpuLimitSet(list) => cut(list, keep),
            Effect::Spawned(list)
            | Effect::Killed(list)
            | Effect::Suspended(list)
            | Effect::Resumed(list)
            | Effect::Restarted(list)
            | Effect::Sent(list) => cut(list, keep),
            Effect::Log(list) => cut_old(list, keep),
            Effect::Explained(evidence) => {
                cut_old(&mut evidence.log, keep) || cut(&mut evidence.processes, keep)
            }
            Effect::Audit(list) => cut_old(list, keep),
            Effect::Users(list) => cut(list, keep),
            Effect::Rules(list) => cut(list, keep),
            Effect::Endpoints(list) => cut(list, keep),
            Effect::Reclaimed(list) => cut(list, keep),
            Effect::Connected(list) | Effect::Disconnected(list) => cut(list, keep),
            // The rest is small.
            _ => false,
        };
        if !is_cut {
            return bytes;
        }
    }
}

fn cut<T>(list: &mut Vec<T>, keep: impl Fn(usize) -> usize) -> bool {
    let length = list.len();
    list.truncate(keep(length));
    list.len() < length
}

/// Of log lines the newest are kept, which are the last.
fn cut_old<T>(list: &mut Vec<T>, keep: impl Fn(usize) -> usize) -> bool {
    let length = list.len();
    list.drain(..length.saturating_sub(keep(length)));
    list.len() < length
}

fn size(value: &impl Serialize) -> usize {
    postcard::experimental::serialized_size(value).unwrap_or(usize::MAX / 2)
}

impl<M: Machine> Kernel<M> {
    pub(crate) fn show_status(&self, machine: &M) -> Effect {
        let count = |state| {
            let crashed = |p: &&Process<M::Task>| self.info(machine, p).state == state;
            self.table.iter().filter(crashed).count()
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Effect::Status(StatusReport {
            uptime_s: machine.now_ns() / 1_000_000_000,
            scheduler: self.scheduler.policy(),
            quantum_ms: self.quantum_ms(),
            memory: memory::totals(machine),
            alive: number(self.table.living().count()),
            crashed: number(count(State::Crashed)),
            cpu: self.busy.share(machine.now_ns()),
            intents: number(self.intents.pending().len()),
            agent: self.link.model(),
        })
    }

    pub(crate) fn show_processes(&self, machine: &M, sort: SortKey, limit: Option<u32>) -> Effect {
        let mut list: Vec<_> = self
            .table
            .iter()
            .map(|process| self.info(machine, process))
            .collect();
        // The table is in order of pid, and sorting keeps it among equals.
        match sort {
            SortKey::Pid => {}
            SortKey::Cpu => list.sort_by_key(|info| Reverse(info.cpu)),
            SortKey::Memory => list.sort_by_key(|info| Reverse(info.memory)),
            SortKey::Name => list.sort_by(|a, b| a.name.cmp(&b.name)),
        }
        list.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
        Effect::Processes(list)
    }

    pub(crate) fn show_programs(&self) -> Effect {
        Effect::Programs(self.program_names().collect())
    }

    pub(crate) fn show_memory(&self, machine: &M) -> Effect {
        Effect::Memory(memory::report(machine, &self.table))
    }

    /// The newest log lines that take at most so many bytes, oldest first.
    pub(crate) fn show_log(&self, limit: Option<u32>, bytes: usize) -> Effect {
        let most = limit.map_or(DEFAULT_LOG_LINES, |limit| limit as usize);
        let mut left = bytes.saturating_sub(OVERHEAD);
        let mut lines = Vec::new();
        for line in self.log.lines().rev().take(most) {
            let Some(rest) = left.checked_sub(size(line)) else {
                break;
            };
            left = rest;
            lines.push(line.clone());
        }
        lines.reverse();
        Effect::Log(lines)
    }

    pub(crate) fn inspect(&self, machine: &M, pids: &[Pid]) -> Effect {
        Effect::Inspected(self.details(machine, pids))
    }

    pub(crate) fn details(&self, machine: &M, pids: &[Pid]) -> Vec<ProcessDetail> {
        let found = pids.iter().filter_map(|pid| self.table.get(*pid));
        found.map(|process| self.detail(machine, process)).collect()
    }

    fn detail(&self, machine: &M, process: &Process<M::Task>) -> ProcessDetail {
        ProcessDetail {
            info: self.info(machine, process),
            parent: process.parent,
            args: process.args.clone(),
            cpu_time_ns: process.cpu.total_ns(),
            cpu_limit: process.cpu_cap.percent(),
            age_ns: machine.now_ns().saturating_sub(process.started_ns),
            restarts: process.restarts,
            messages: u32::try_from(process.mailbox.len()).unwrap_or(u32::MAX),
            last_exit: process.last_exit.clone(),
            waits_for: process.waits_for().map(Name::cut),
        }
    }
}
