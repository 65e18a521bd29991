//! What `explain`, `search` and the smaller lists show.

use alloc::string::String;
use alloc::vec::Vec;

use proviso_abi::outcome::Effect;
use proviso_abi::report::{Device, EndpointReport, Evidence};
use proviso_abi::snapshot::LogLine;
use proviso_abi::{Name, Pid, Text};

use crate::kernel::Kernel;
use crate::log::KERNEL;
use crate::machine::Machine;
use crate::memory;

/// The most log lines in evidence.
const EVIDENCE_LINES: usize = 12;
/// The most log lines that a search shows.
const FOUND_LINES: usize = 20;

impl<M: Machine> Kernel<M> {
    /// All that bears on why these processes are as they are.
    pub(crate) fn explain(&self, machine: &M, pids: &[Pid]) -> Effect {
        let names: Vec<String> = pids
            .iter()
            .filter_map(|pid| self.table.get(*pid))
            .map(|process| alloc::format!("{}", process.title()))
            .collect();
        let concerns = |line: &&LogLine| {
            pids.contains(&line.pid)
                || line.pid == KERNEL && names.iter().any(|name| mentions(&line.text, name))
        };
        Effect::Explained(Evidence {
            processes: self.details(machine, pids),
            log: newest(self.log.lines().rev().filter(concerns), EVIDENCE_LINES),
            memory_free: memory::bytes(memory::free_frames(machine)),
            cpu: self.busy.share(machine.now_ns()),
        })
    }

    /// The newest log lines with all the words of a query; case does not count.
    pub(crate) fn search_log(&self, query: &str) -> Effect {
        let query = query.to_lowercase();
        let has_all = |line: &&LogLine| {
            let text = line.text.to_lowercase();
            query.split_whitespace().all(|word| text.contains(word))
        };
        Effect::Log(newest(self.log.lines().rev().filter(has_all), FOUND_LINES))
    }

    /// Who cannot call whom.
    pub(crate) fn show_endpoints(&self) -> Effect {
        let report = |process: &crate::process::Process<M::Task>| EndpointReport {
            process: process.title(),
            messages: u32::try_from(process.mailbox.len()).unwrap_or(u32::MAX),
            cut_off: self.relations.cut_off_from(process.pid),
        };
        Effect::Endpoints(self.table.living().map(report).collect())
    }

    /// The devices that the machine says it has.
    pub(crate) fn show_devices(&self, machine: &M) -> Effect {
        let device = |(name, what): &(&str, &str)| Device {
            name: Name::cut(name),
            what: Text::cut(what),
        };
        Effect::Devices(machine.devices().iter().map(device).collect())
    }
}

/// The first so many of lines that come newest first, oldest first.
fn newest<'a>(lines: impl Iterator<Item = &'a LogLine>, most: usize) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = lines.take(most).cloned().collect();
    lines.reverse();
    lines
}

/// Whether a line has a process's name and number, and not as the beginning
/// of a longer number.
fn mentions(line: &str, title: &str) -> bool {
    line.match_indices(title).any(|(at, _)| {
        let rest = line.get(at + title.len()..).unwrap_or_default();
        !rest.starts_with(|next: char| next.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_number_is_another_process() {
        assert!(mentions("worker 4 crashed", "worker 4"));
        assert!(mentions("killed worker 4", "worker 4"));
        assert!(!mentions("worker 41 crashed", "worker 4"));
    }
}
