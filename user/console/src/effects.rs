//! What actions did, as text: tables for lists, a line for everything else.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use proviso_abi::audit::AuditRecord;
use proviso_abi::console::UserInfo;
use proviso_abi::describe::{OneLine, RuleWords};
use proviso_abi::files::{FileEntry, Harmless};
use proviso_abi::outcome::{MemoryReport, ProcessDetail, StatusReport};
use proviso_abi::report::{Device, EndpointReport, Evidence, RuleReport};
use proviso_abi::snapshot::{LogLine, ProcessInfo};
use proviso_abi::{Bytes, Effect};

use crate::duration;
use crate::table::{Side, Table};

/// An effect as lines of text. Words of others are harmless in it.
#[must_use]
pub fn render(effect: &Effect) -> String {
    match effect {
        Effect::Status(status) => status_lines(status),
        Effect::Processes(list) if list.is_empty() => "  no processes\n".into(),
        Effect::Processes(list) => processes(list),
        Effect::Programs(names) if names.is_empty() => "  no programs\n".into(),
        Effect::Programs(names) => names
            .iter()
            .map(|name| format!("  {}\n", OneLine(name)))
            .collect(),
        Effect::Memory(memory) => memory_table(memory),
        Effect::Log(lines) if lines.is_empty() => "  the log is empty\n".into(),
        Effect::Log(lines) => log(lines),
        Effect::Inspected(details) => details.iter().map(detail).collect(),
        Effect::Explained(evidence) => explained(evidence),
        Effect::Rules(list) if list.is_empty() => "  no rules\n".into(),
        Effect::Rules(list) => rules(list),
        Effect::Endpoints(list) => endpoints(list),
        Effect::Devices(list) => devices(list),
        Effect::Audit(list) if list.is_empty() => "  nothing is on record\n".into(),
        Effect::Audit(list) => audit(list),
        Effect::Users(list) => users(list),
        Effect::File { path, text, bytes } => file(path, text, *bytes),
        Effect::Files { entries, .. } if entries.is_empty() => "  nothing is in it\n".into(),
        Effect::Files { entries, more, .. } => files(entries, *more),
        // One line each, in the words that the kernel's log has too.
        _ => format!("{effect}\n"),
    }
}

fn processes(list: &[ProcessInfo]) -> String {
    let mut table = Table::new(&[
        ("pid", Side::Right),
        ("name", Side::Left),
        ("state", Side::Left),
        ("priority", Side::Left),
        ("cpu", Side::Right),
        ("memory", Side::Right),
        ("limit", Side::Right),
    ]);
    for one in list {
        table.row([
            one.pid.to_string(),
            OneLine(&one.name).to_string(),
            one.state.to_string(),
            one.priority.to_string(),
            format!("{}%", one.cpu),
            one.memory.to_string(),
            one.limit.to_string(),
        ]);
    }
    table.render()
}

fn memory_table(memory: &MemoryReport) -> String {
    let mut table = Table::bare(&[Side::Left, Side::Right, Side::Left]);
    let heap = format!(
        "its heap: {} of {} in use",
        memory.kernel_heap_used, memory.kernel_heap
    );
    for (name, size, note) in [
        ("total", memory.total, ""),
        ("kernel", memory.kernel, heap.as_str()),
        ("processes", memory.processes, ""),
        (
            "reserve",
            memory.reserve,
            "free, but kept back from every plan",
        ),
        ("free", memory.free, ""),
    ] {
        table.row([name.into(), size.to_string(), note.into()]);
    }
    table.render()
}

fn status_lines(status: &StatusReport) -> String {
    let agent = match &status.agent {
        Some(model) => format!("connected, model {}", OneLine(model)),
        None => "not connected: sentences get no plan, commands work".into(),
    };
    let waiting = match status.intents {
        1 => "1 request".into(),
        count => format!("{count} requests"),
    };
    let mut table = Table::bare(&[Side::Left, Side::Left]);
    for (name, value) in [
        ("up", duration::seconds_words(status.uptime_s)),
        (
            "processor",
            format!(
                "{}% busy, scheduling {}, {} ms a turn",
                status.cpu, status.scheduler, status.quantum_ms
            ),
        ),
        (
            "memory",
            format!("{} of {} free", status.memory.free, status.memory.total),
        ),
        (
            "processes",
            format!("{} alive, {} crashed", status.alive, status.crashed),
        ),
        ("agent", agent),
        ("waiting", waiting),
    ] {
        table.row([name.into(), value]);
    }
    table.render()
}

fn log(lines: &[LogLine]) -> String {
    let mut table = Table::bare(&[Side::Right, Side::Left, Side::Left]);
    for line in lines {
        let who = match line.pid {
            0 => "kernel".into(),
            pid => format!("pid {pid}"),
        };
        table.row([
            duration::seconds_words(line.t),
            who,
            OneLine(&line.text).to_string(),
        ]);
    }
    table.render()
}

fn detail(detail: &ProcessDetail) -> String {
    let info = &detail.info;
    let used = duration::words(Duration::from_nanos(detail.cpu_time_ns));
    let age = duration::words(Duration::from_nanos(detail.age_ns));
    let cap = detail.cpu_limit.map_or_else(String::new, |percent| {
        format!(", {}% at most", percent.get())
    });
    let state = match &detail.waits_for {
        Some(what) => format!("{}, waits for {}", info.state, OneLine(what)),
        None => info.state.to_string(),
    };
    let mut rows = alloc::vec![
        ("state", state),
        ("priority", info.priority.to_string()),
        ("processor", format!("{}%{cap}, {used} in all", info.cpu)),
        ("memory", format!("{} of {}", info.memory, info.limit)),
        ("started", format!("{age} ago by pid {}", detail.parent)),
    ];
    if !detail.args.is_empty() {
        let words: alloc::vec::Vec<_> = detail.args.iter().map(|word| word.as_str()).collect();
        rows.push(("arguments", OneLine(words.join(" ")).to_string()));
    }
    if detail.restarts > 0 {
        rows.push(("restarts", detail.restarts.to_string()));
    }
    if detail.messages > 0 {
        rows.push(("messages", format!("{} waiting", detail.messages)));
    }
    if let Some(exit) = &detail.last_exit {
        rows.push(("last end", OneLine(exit).to_string()));
    }
    let mut table = Table::bare(&[Side::Left, Side::Left]);
    for (name, value) in rows {
        table.row([name.into(), value]);
    }
    format!("{} {}\n{}", OneLine(&info.name), info.pid, table.render())
}

fn explained(evidence: &Evidence) -> String {
    let mut text: String = evidence.processes.iter().map(detail).collect();
    text.push_str(&format!(
        "the machine: processor {}% busy, {} memory free\n",
        evidence.cpu, evidence.memory_free
    ));
    match evidence.log.is_empty() {
        true => text.push_str("the log says nothing about it\n"),
        false => {
            text.push_str("from the log:\n");
            text.push_str(&log(&evidence.log));
        }
    }
    text
}

fn rules(list: &[RuleReport]) -> String {
    let mut table = Table::new(&[
        ("id", Side::Right),
        ("rule", Side::Left),
        ("by", Side::Left),
        ("acted", Side::Right),
    ]);
    for one in list {
        table.row([
            one.rule.id.to_string(),
            RuleWords(&one.rule).to_string(),
            OneLine(&one.maker).to_string(),
            one.fired.to_string(),
        ]);
    }
    table.render()
}

fn audit(list: &[AuditRecord]) -> String {
    let mut table = Table::bare(&[Side::Right, Side::Right, Side::Left, Side::Left]);
    for one in list {
        table.row([
            one.number.to_string(),
            duration::seconds_words(one.t_ms / 1000),
            OneLine(&one.who).to_string(),
            match one.intent {
                0 => one.event.to_string(),
                intent => format!("#{intent} {}", one.event),
            },
        ]);
    }
    table.render()
}

fn users(list: &[UserInfo]) -> String {
    let mut table = Table::new(&[
        ("", Side::Left),
        ("user", Side::Left),
        ("processes", Side::Right),
        ("limits", Side::Right),
        ("asked before", Side::Left),
    ]);
    let of = |most: Option<String>| most.map_or_else(String::new, |most| format!(" of {most}"));
    for one in list {
        table.row([
            if one.is_here { "*" } else { "" }.into(),
            OneLine(&one.name).to_string(),
            format!(
                "{}{}",
                one.processes,
                of(one.max_processes.map(|most| most.to_string()))
            ),
            format!(
                "{}{}",
                one.memory,
                of(one.max_memory.map(|most| most.to_string()))
            ),
            one.confirm.to_string(),
        ]);
    }
    table.render()
}

fn endpoints(list: &[EndpointReport]) -> String {
    let mut table = Table::new(&[
        ("process", Side::Left),
        ("waiting", Side::Right),
        ("may not call it", Side::Left),
    ]);
    for one in list {
        let cut: alloc::vec::Vec<String> = one.cut_off.iter().map(ToString::to_string).collect();
        let cut = match cut.is_empty() {
            true => "-".into(),
            false => cut.join(" "),
        };
        table.row([
            OneLine(&one.process).to_string(),
            one.messages.to_string(),
            cut,
        ]);
    }
    table.render()
}

/// What is in a file, a line under the other: it is data, whatever it says.
fn file(path: &str, text: &str, bytes: u64) -> String {
    let mut shown = String::new();
    for line in Harmless(text).to_string().lines() {
        shown.push_str(&format!("  | {line}\n"));
    }
    let left = bytes.saturating_sub(text.len() as u64);
    let rest = match left {
        0 => String::new(),
        _ => format!(", of which {} are not shown", Bytes(left)),
    };
    format!("{}, {}{rest}\n{shown}", OneLine(path), Bytes(bytes))
}

fn files(entries: &[FileEntry], more: u32) -> String {
    let mut table = Table::bare(&[Side::Right, Side::Left]);
    for entry in entries {
        let (size, name) = match entry.bytes {
            Some(bytes) => (
                Bytes(bytes).to_string(),
                format!("{}", OneLine(&entry.name)),
            ),
            None => ("folder".into(), format!("{}/", OneLine(&entry.name))),
        };
        table.row([size, name]);
    }
    let mut text = table.render();
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

fn devices(list: &[Device]) -> String {
    let mut table = Table::bare(&[Side::Left, Side::Left]);
    for one in list {
        table.row([
            OneLine(&one.name).to_string(),
            OneLine(&one.what).to_string(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests;
