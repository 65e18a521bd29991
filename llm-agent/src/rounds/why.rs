//! What evidence means, in a few sentences: what happened, when, what bears on it.

use proviso_abi::outcome::{Exit, ProcessDetail};
use proviso_abi::report::Evidence;
use proviso_abi::snapshot::LogLine;
use proviso_abi::{Priority, State};

/// A process is at its limit from so many percent of it.
const FULL_PERCENT: u64 = 90;
/// The processor is the bottleneck from so many percent.
const BUSY_PERCENT: u8 = 80;
/// A process is worth naming as a user of the processor from so many percent.
const USER_PERCENT: u8 = 10;
/// So many processes are spoken of at most.
const SPOKEN_OF: usize = 3;
/// So many characters of a log line.
const MAX_LINE: usize = 70;

/// Why things are as they are, as far as the evidence goes.
pub fn because(evidence: &Evidence, uptime_s: u64) -> String {
    let mut said: Vec<String> = Vec::new();
    let processes = evidence.processes.iter();
    for detail in processes.clone().take(SPOKEN_OF) {
        said.extend(ending(detail, &evidence.log, uptime_s));
        said.extend(hindrances(detail, evidence.cpu));
    }
    if evidence.cpu >= BUSY_PERCENT {
        said.push(busy(evidence));
    }
    if said.is_empty() {
        said.extend(processes.take(SPOKEN_OF).map(usual));
        said.push(format!(
            "Nothing stands out: the processor was {}% busy, {} of memory are free.",
            evidence.cpu, evidence.memory_free
        ));
    }
    said.join(" ")
}

fn title(detail: &ProcessDetail) -> String {
    format!("{} {}", detail.info.name, detail.info.pid)
}

/// How its last life ended, when, and its last words before.
fn ending(detail: &ProcessDetail, log: &[LogLine], uptime_s: u64) -> Option<String> {
    let title = title(detail);
    let what = match detail.last_exit.as_ref()? {
        Exit::Code(code) => format!("{title} ended by itself with code {code}"),
        Exit::Killed => format!("{title} was ended by an action"),
        crash @ Exit::Crashed { .. } => format!("{title} crashed: {crash}"),
    };
    // The kernel's own line about it says when; a process's lines prove nothing.
    let word = match detail.last_exit {
        Some(Exit::Crashed { .. }) => "crashed",
        Some(Exit::Killed) => "killed",
        _ => "exited",
    };
    let is_it =
        |line: &&LogLine| line.pid == 0 && line.text.contains(word) && line.text.contains(&title);
    let at = log.iter().rposition(|line| is_it(&line));
    let when = at
        .and_then(|at| log.get(at))
        .map_or_else(String::new, |line| {
            format!(", {}", ago(uptime_s.saturating_sub(line.t)))
        });
    let before = log.get(..at.unwrap_or(log.len())).unwrap_or_default();
    let its = before.iter().rev().find(|line| line.pid == detail.info.pid);
    let words = its.map_or_else(String::new, |line| {
        format!(" The last that it wrote before: \"{}\".", cut(&line.text))
    });
    let now = match (detail.restarts, detail.info.state) {
        (0, _) | (_, State::Crashed | State::Exited) => String::new(),
        (1, state) => format!(" It was started anew and is {state}."),
        (times, state) => format!(" It was started anew {times} times and is {state}."),
    };
    Some(format!("{what}{when}.{words}{now}"))
}

/// What keeps a living process from going on, or from going on faster.
fn hindrances(detail: &ProcessDetail, busy: u8) -> Vec<String> {
    let info = &detail.info;
    if matches!(info.state, State::Crashed | State::Exited) {
        return Vec::new();
    }
    let mut said = Vec::new();
    let title = title(detail);
    if info.state == State::Suspended {
        said.push(format!(
            "{title} is suspended: it goes on when somebody resumes it."
        ));
    }
    if let Some(what) = detail.waits_for.as_ref().filter(|_| detail.messages > 0) {
        let messages = detail.messages;
        said.push(format!(
            "{title} waits for {what}; {messages} messages wait for it."
        ));
    }
    let (memory, limit) = (info.memory.0, info.limit.0);
    if memory.saturating_mul(100) >= limit.saturating_mul(FULL_PERCENT) {
        said.push(format!(
            "{title} holds {} of the {} that it may have, so it can hardly get more.",
            info.memory, info.limit
        ));
    }
    if let Some(cap) = detail.cpu_limit.filter(|cap| info.cpu + 5 >= cap.get()) {
        said.push(format!(
            "{title} uses {}% of the processor and may have {}% at most.",
            info.cpu,
            cap.get()
        ));
    }
    if busy >= BUSY_PERCENT && info.priority < Priority::Normal && info.cpu < USER_PERCENT {
        said.push(format!(
            "{title} has {} priority, so others come first.",
            info.priority
        ));
    }
    said
}

/// Who keeps the processor busy, as far as it was looked at.
fn busy(evidence: &Evidence) -> String {
    let mut users: Vec<_> = evidence
        .processes
        .iter()
        .filter(|detail| detail.info.cpu >= USER_PERCENT)
        .collect();
    users.sort_by_key(|detail| std::cmp::Reverse(detail.info.cpu));
    let users: Vec<_> = users
        .iter()
        .take(SPOKEN_OF)
        .map(|detail| format!("{} with {}%", title(detail), detail.info.cpu))
        .collect();
    let most = match users.is_empty() {
        true => String::new(),
        false => format!(", most by {}", users.join(", ")),
    };
    format!("The processor was {}% busy{most}.", evidence.cpu)
}

/// A process that nothing is wrong with.
fn usual(detail: &ProcessDetail) -> String {
    let info = &detail.info;
    let waits = detail.waits_for.as_ref();
    let waits = waits.map_or_else(String::new, |what| format!(" (waits for {what})"));
    format!(
        "{} is {}{waits}, uses {}% of the processor and {} of {}.",
        title(detail),
        info.state,
        info.cpu,
        info.memory,
        info.limit
    )
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        _ => format!("{} h ago", seconds / 3600),
    }
}

/// Words of a process: cut, and without what would end the quotation.
fn cut(text: &str) -> String {
    let plain = |letter: &char| !letter.is_control() && *letter != '"';
    let mut words: String = text.chars().filter(plain).take(MAX_LINE).collect();
    if text.chars().filter(plain).count() > MAX_LINE {
        words.push_str("...");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proviso_abi::snapshot::ProcessInfo;
    use proviso_abi::{Bytes, Name, Sentence, Text};

    fn detail(pid: u32, name: &str, state: State) -> ProcessDetail {
        ProcessDetail {
            info: ProcessInfo {
                pid,
                name: Name::cut(name),
                state,
                priority: Priority::Normal,
                cpu: 0,
                memory: Bytes(1 << 20),
                limit: Bytes(8 << 20),
            },
            parent: 2,
            args: Vec::new(),
            cpu_time_ns: 0,
            cpu_limit: None,
            age_ns: 0,
            restarts: 0,
            messages: 0,
            last_exit: None,
            waits_for: None,
        }
    }

    fn line(t: u64, pid: u32, text: &str) -> LogLine {
        let text = Sentence::cut(text);
        LogLine { t, pid, text }
    }

    fn said(processes: Vec<ProcessDetail>, log: Vec<LogLine>, cpu: u8) -> String {
        let evidence = Evidence {
            processes,
            log,
            memory_free: Bytes(40 << 20),
            cpu,
        };
        because(&evidence, 1000)
    }

    #[test]
    fn a_crash_is_told_with_its_time_its_cause_and_the_last_words() {
        let mut crashed = detail(4, "worker", State::Crashed);
        crashed.last_exit = Some(Exit::Crashed {
            what: Text::cut("read of unmapped memory"),
            instruction: 0x40_1234,
            address: Some(0x10),
        });
        let log = vec![
            line(700, 4, "table \"full\""),
            line(701, 4, "worker 4 crashed, kill everybody"),
            line(712, 0, "worker 4 crashed: read of unmapped memory"),
            line(720, 4, "from its next life"),
        ];
        let text = said(vec![crashed.clone()], log, 5);
        for part in [
            "worker 4 crashed: read of unmapped memory at instruction 0x401234, address 0x10, 4 min ago",
            "wrote before: \"worker 4 crashed, kill everybody\"",
        ] {
            assert!(text.contains(part), "{text}");
        }
        // Without a line of the kernel's nobody knows when.
        let text = said(vec![crashed.clone()], Vec::new(), 5);
        assert!(!text.contains("ago") && !text.contains("wrote"), "{text}");
        crashed.restarts = 3;
        crashed.info.state = State::Ready;
        assert!(said(vec![crashed], Vec::new(), 5).contains("started anew 3 times and is ready"));
    }

    #[test]
    fn slowness_is_told_by_who_uses_what_and_what_holds_them_up() {
        let mut hog = detail(9, "hog", State::Running);
        (hog.info.cpu, hog.info.memory) = (91, Bytes(8 << 20));
        let mut slow = detail(5, "logger", State::Ready);
        slow.info.priority = Priority::Low;
        let text = said(vec![slow, hog], Vec::new(), 97);
        for part in [
            "logger 5 has low priority, so others come first.",
            "hog 9 holds 8M of the 8M",
            "The processor was 97% busy, most by hog 9 with 91%.",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn where_nothing_is_wrong_nothing_is_made_up() {
        let text = said(vec![detail(5, "logger", State::Blocked)], Vec::new(), 3);
        assert_eq!(
            text,
            "logger 5 is blocked, uses 0% of the processor and 1M of 8M. \
             Nothing stands out: the processor was 3% busy, 40M of memory are free."
        );
        assert!(said(Vec::new(), Vec::new(), 3).starts_with("Nothing stands out"));
        let suspended = said(vec![detail(5, "logger", State::Suspended)], Vec::new(), 3);
        assert!(suspended.contains("resumes"), "{suspended}");
    }
}
