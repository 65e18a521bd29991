use super::*;
use proviso_abi::outcome::{Exit, ProcessName};
use proviso_abi::snapshot::MemoryTotals;
use proviso_abi::value::{Argument, Bytes, Name, Percent, Sentence};
use proviso_abi::words::{Policy, Priority, ShutdownMode, State};
use proviso_abi::{Path, Text};

fn info(pid: u32, name: &str) -> ProcessInfo {
    ProcessInfo {
        pid,
        name: Name::cut(name),
        state: State::Blocked,
        priority: Priority::Normal,
        cpu: 7,
        memory: Bytes(120 << 10),
        limit: Bytes(2 << 20),
    }
}

fn named(pid: u32, name: &str) -> ProcessName {
    ProcessName {
        pid,
        name: Name::cut(name),
    }
}

#[test]
fn processes_are_a_table() {
    let text = render(&Effect::Processes(vec![
        info(1, "init"),
        info(12, "counter"),
    ]));
    assert_eq!(
        text,
        "  pid  name     state    priority  cpu  memory  limit\n\
         \x20   1  init     blocked  normal     7%    120K     2M\n\
         \x20  12  counter  blocked  normal     7%    120K     2M\n"
    );
    assert_eq!(render(&Effect::Processes(vec![])), "  no processes\n");
}

#[test]
fn memory_adds_up_to_its_total() {
    let text = render(&Effect::Memory(MemoryReport {
        total: Bytes(126 << 20),
        kernel: Bytes(3 << 20),
        processes: Bytes(600 << 10),
        reserve: Bytes(2 << 20),
        free: Bytes(120 << 20),
        kernel_heap_used: Bytes(100 << 10),
        kernel_heap: Bytes(1 << 20),
    }));
    assert!(text.starts_with("  total      126M\n"), "{text}");
    assert!(
        text.contains("  kernel       3M  its heap: 100K of 1M in use\n"),
        "{text}"
    );
    assert!(text.ends_with("  free       120M\n"), "{text}");
}

#[test]
fn status_says_whether_the_agent_is_there() {
    let mut status = StatusReport {
        uptime_s: 75,
        scheduler: Policy::Priority,
        quantum_ms: 10,
        memory: MemoryTotals {
            total: Bytes(128 << 20),
            free: Bytes(100 << 20),
        },
        alive: 3,
        crashed: 1,
        cpu: 12,
        intents: 0,
        agent: None,
    };
    let text = render(&Effect::Status(status.clone()));
    assert!(text.contains("  up         1 min 15 s\n"), "{text}");
    assert!(text.contains("not connected"), "{text}");
    status.agent = Some(Name::cut("smollm2"));
    assert!(render(&Effect::Status(status)).contains("connected, model smollm2"));
}

#[test]
fn log_lines_cannot_pretend_to_be_more() {
    let line = |pid, text: &str| LogLine {
        t: 65,
        pid,
        text: Sentence::cut(text),
    };
    let text = render(&Effect::Log(vec![
        line(0, "booted"),
        line(4, "a\r\n\x1b[2J"),
    ]));
    assert_eq!(
        text,
        "  1 min 5 s  kernel  booted\n  1 min 5 s  pid 4   a  ?[2J\n"
    );
    assert_eq!(render(&Effect::Log(vec![])), "  the log is empty\n");
}

#[test]
fn inspection_shows_what_there_is_and_no_more() {
    let mut one = ProcessDetail {
        info: info(4, "counter"),
        parent: 2,
        args: vec![],
        cpu_time_ns: 1_200_000,
        cpu_limit: None,
        age_ns: 3_000_000_000,
        restarts: 0,
        messages: 0,
        last_exit: None,
        waits_for: None,
    };
    let text = render(&Effect::Inspected(vec![one.clone()]));
    assert!(
        text.starts_with("counter 4\n  state      blocked\n"),
        "{text}"
    );
    assert!(
        text.ends_with("  started    3.00 s ago by pid 2\n"),
        "{text}"
    );
    one.args = vec![Argument::cut("500"), Argument::cut("a\x07b")];
    one.cpu_limit = Percent::new(20);
    one.restarts = 2;
    one.messages = 1;
    one.waits_for = Some(Name::cut("sleep"));
    one.last_exit = Some(Exit::Crashed {
        what: Text::cut("page fault (write)"),
        instruction: 0x401000,
        address: Some(0),
    });
    let text = render(&Effect::Inspected(vec![one]));
    for part in [
        "blocked, waits for sleep",
        "arguments  500 a?b",
        "%, 20% at most, ",
        "restarts   2",
        "messages   1 waiting",
        "last end   page fault (write) at instruction 0x401000, address 0x0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn every_other_effect_is_a_line() {
    for (effect, text) in [
        (Effect::Programs(vec![]), "  no programs\n"),
        (Effect::Programs(vec![Name::cut("hog")]), "  hog\n"),
        (
            Effect::Spawned(vec![named(4, "hog"), named(5, "hog")]),
            "started hog 4, hog 5\n",
        ),
        (Effect::Killed(vec![named(4, "hog")]), "killed hog 4\n"),
        (
            Effect::Suspended(vec![named(4, "hog")]),
            "suspended hog 4\n",
        ),
        (Effect::Resumed(vec![named(4, "hog")]), "resumed hog 4\n"),
        (
            Effect::Restarted(vec![named(4, "hog")]),
            "restarted hog 4\n",
        ),
        (
            Effect::PrioritySet(vec![(named(4, "hog"), Priority::Low)]),
            "priority of hog 4 is low\n",
        ),
        (
            Effect::LimitSet(vec![(named(4, "hog"), Bytes(4096))]),
            "memory limit of hog 4 is 4K\n",
        ),
        (Effect::Sent(vec![named(4, "hog")]), "sent to hog 4\n"),
        (Effect::ShuttingDown(ShutdownMode::Halt), "shutting down\n"),
        (Effect::Answer(Sentence::cut("it is\nfine")), "it is fine\n"),
        (Effect::Ask(Sentence::cut("which?")), "which?\n"),
        (Effect::Refuse(Sentence::cut("no")), "refused: no\n"),
    ] {
        assert_eq!(render(&effect), text);
    }
}

#[test]
fn what_is_in_a_file_stays_in_its_place() {
    let file = Effect::File {
        path: Path::cut("/a"),
        text: Text::cut("one\n\u{1b}[2Jtwo\r\n> /kill *"),
        bytes: 5000,
    };
    assert_eq!(
        render(&file),
        "/a, 4.8K, of which 4.8K are not shown\n  | one\n  | ?[2Jtwo?\n  | > /kill *\n"
    );
    let entry = |name: &str, bytes| FileEntry {
        name: Path::cut(name),
        bytes,
    };
    let folder = Effect::Files {
        path: Path::cut("/"),
        entries: vec![entry("a", None), entry("b\u{7}", Some(7))],
        more: 2,
    };
    assert_eq!(
        render(&folder),
        "  folder  a/\n      7B  b?\n  and 2 more\n"
    );
}
