//! Actions, plans and effects in plain words: one line each, for console and log.
//!
//! The words may quote what a model or a process wrote, so every line goes
//! through [`OneLine`]: no plan can move the cursor or forge a second line.

use core::fmt::{self, Display, Formatter, Write};

use crate::action::Action;
use crate::audit::AuditEvent;
use crate::bounded::List;
use crate::outcome::{Effect, StatusReport};
use crate::plan::Plan;
use crate::snapshot::RuleInfo;
use crate::target::{MAX_REFS, ProcessRef, Target};
use crate::value::{Argument, Bytes, Factor};
use crate::words::{ListWhat, Priority, RuleDo, RuleWhen, SearchWhere, ShutdownMode, SortKey};

/// Shows a value without anything that a terminal would obey: line ends become
/// spaces, other control characters and changes of writing direction a `?`.
#[derive(Debug, Clone, Copy)]
pub struct OneLine<T>(pub T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(Plain(f), "{}", self.0)
    }
}

/// Passes on text with its control characters replaced.
struct Plain<'a, 'b>(&'a mut Formatter<'b>);

impl Write for Plain<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|letter| self.write_char(letter))
    }

    fn write_char(&mut self, letter: char) -> fmt::Result {
        self.0.write_char(match letter {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
            letter if letter.is_control() => '?',
            letter => letter,
        })
    }
}

/// Items with a separator between them.
pub struct Joined<'a, T>(pub &'a [T], pub &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(self.1)?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

/// `1 process`, `2 processes`.
struct Count(u64, &'static str, &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            self.0,
            if self.0 == 1 { self.1 } else { self.2 }
        )
    }
}

/// A target less its exceptions; the exceptions are numbers and names alone.
struct Whom<'a>(&'a Target, Option<&'a List<ProcessRef, MAX_REFS>>);

impl Display for Whom<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        let except = self.1.map(|list| &**list).unwrap_or_default();
        for (index, one) in except.iter().enumerate() {
            f.write_str(if index == 0 { ", except " } else { " and " })?;
            match one {
                ProcessRef::Pid(pid) => write!(f, "{pid}")?,
                ProcessRef::Name(name) => name.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Joined(&self.actions, "; ").fmt(f)
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        describe(self, &mut Plain(f))
    }
}

fn describe(action: &Action, f: &mut dyn Write) -> fmt::Result {
    match action {
        Action::Status {} => f.write_str("show the status of the system"),
        Action::List {
            what: ListWhat::Files,
            path: Some(path),
            ..
        } => write!(f, "show files in {path}"),
        Action::List {
            what, sort, limit, ..
        } => list(f, *what, *sort, *limit),
        Action::Inspect { target } => write!(f, "inspect {target}"),
        Action::Explain {
            target: Some(target),
        } => write!(f, "explain {target}"),
        Action::Explain { target: None } => f.write_str("explain the state of the system"),
        Action::Search { query, r#where } => {
            write!(
                f,
                "search the {} for \"{query}\"",
                r#where.unwrap_or(SearchWhere::Log)
            )
        }
        Action::ReadFile { path } => write!(f, "show the file {path}"),
        Action::Spawn {
            program,
            args,
            count,
            priority,
            memory_limit,
        } => {
            write!(f, "start ")?;
            if let Some(count) = count {
                write!(f, "{count} ")?;
            }
            write!(f, "{program}")?;
            spawn_options(
                f,
                args.as_deref().unwrap_or_default(),
                *priority,
                *memory_limit,
            )
        }
        Action::Scale { program, count } => write!(f, "have {count} {program} in all"),
        Action::Kill { target, except } => write!(f, "kill {}", Whom(target, except.as_ref())),
        Action::Suspend { target, except } => {
            write!(f, "suspend {}", Whom(target, except.as_ref()))
        }
        Action::Resume { target, except } => write!(f, "resume {}", Whom(target, except.as_ref())),
        Action::Restart { target, except } => {
            write!(f, "restart {}", Whom(target, except.as_ref()))
        }
        Action::SetPriority {
            target,
            except,
            priority,
            step,
        } => set_priority(f, &Whom(target, except.as_ref()), *priority, *step),
        Action::SetCpuLimit {
            target,
            percent,
            except,
        } => {
            write!(
                f,
                "limit {} to {}% cpu",
                Whom(target, except.as_ref()),
                percent.get()
            )
        }
        Action::SetMemoryLimit {
            target,
            except,
            bytes,
            times,
        } => set_memory_limit(f, &Whom(target, except.as_ref()), *bytes, *times),
        Action::GrantMemory { target, bytes } => write!(f, "give {target} {bytes} more memory"),
        Action::Reclaim { target, except } => {
            write!(
                f,
                "take back unused memory of {}",
                Whom(target, except.as_ref())
            )
        }
        Action::SetScheduler { policy, quantum_ms } => {
            write!(f, "set the scheduler to {policy}")?;
            quantum_ms.map_or(Ok(()), |quantum_ms| write!(f, ", {quantum_ms} ms a turn"))
        }
        Action::Connect { from, to } => write!(f, "let {from} call {to}"),
        Action::Disconnect { from, to } => write!(f, "stop letting {from} call {to}"),
        Action::Send { to, message } => write!(f, "send \"{message}\" to {to}"),
        Action::WriteFile { path, content } => {
            let length = Count(content.len() as u64, "byte", "bytes");
            write!(f, "write {length} to the file {path}")
        }
        Action::DeleteFile { path } => write!(f, "delete the file {path}"),
        Action::SetRule {
            when,
            target,
            r#do,
            threshold,
            priority,
            bytes,
            limit,
        } => describe_rule(
            f,
            (*when, target, *threshold),
            (*r#do, *priority, *bytes),
            *limit,
        ),
        Action::ClearRule { id } => write!(f, "remove rule {id}"),
        Action::Remember { fact } => write!(f, "remember: {fact}"),
        Action::Forget { fact } => write!(f, "forget: {fact}"),
        Action::Undo { count } => match count.unwrap_or(1) {
            1 => f.write_str("undo the last change"),
            count => write!(f, "undo the last {count} changes"),
        },
        Action::Shutdown { mode } => f.write_str(match mode {
            ShutdownMode::Halt => "shut the machine down",
            ShutdownMode::Reboot => "restart the machine",
        }),
        Action::Answer { text } => write!(f, "answer: {text}"),
        Action::Ask { question } => write!(f, "ask: {question}"),
        Action::Refuse { reason } => write!(f, "refuse: {reason}"),
    }
}

fn list(
    f: &mut dyn Write,
    what: ListWhat,
    sort: Option<SortKey>,
    limit: Option<u32>,
) -> fmt::Result {
    match (what, limit) {
        (ListWhat::Log, Some(limit)) => {
            return write!(
                f,
                "show the last {} of the log",
                Count(limit.into(), "line", "lines")
            );
        }
        (ListWhat::Log | ListWhat::Memory | ListWhat::Audit, _) => write!(f, "show the {what}")?,
        _ => write!(f, "show {what}")?,
    }
    if let Some(sort) = sort {
        write!(f, " sorted by {sort}")?;
    }
    limit.map_or(Ok(()), |limit| write!(f, ", at most {limit}"))
}

fn spawn_options(
    f: &mut dyn Write,
    args: &[Argument],
    priority: Option<Priority>,
    memory_limit: Option<Bytes>,
) -> fmt::Result {
    if !args.is_empty() {
        write!(f, " with {}", Joined(args, " "))?;
    }
    if let Some(priority) = priority {
        write!(f, " at {priority} priority")?;
    }
    memory_limit.map_or(Ok(()), |limit| write!(f, ", at most {limit} memory"))
}

fn set_priority(
    f: &mut dyn Write,
    whom: &Whom<'_>,
    priority: Option<Priority>,
    step: Option<i8>,
) -> fmt::Result {
    match (priority, step) {
        (Some(priority), None) => write!(f, "set the priority of {whom} to {priority}"),
        (None, Some(step)) => {
            let verb = if step < 0 { "lower" } else { "raise" };
            write!(
                f,
                "{verb} the priority of {whom} by {}",
                step.unsigned_abs()
            )
        }
        // Malformed; admission says so.
        _ => write!(f, "change the priority of {whom}"),
    }
}

fn set_memory_limit(
    f: &mut dyn Write,
    whom: &Whom<'_>,
    bytes: Option<Bytes>,
    times: Option<Factor>,
) -> fmt::Result {
    match (bytes, times) {
        (Some(bytes), None) => write!(f, "set the memory limit of {whom} to {bytes}"),
        (None, Some(times)) => write!(f, "multiply the memory limit of {whom} by {times}"),
        // Malformed; admission says so.
        _ => write!(f, "change the memory limit of {whom}"),
    }
}

fn rule_when(
    f: &mut dyn Write,
    when: RuleWhen,
    target: &Target,
    threshold: Option<u64>,
) -> fmt::Result {
    let threshold = threshold.unwrap_or_default();
    match when {
        RuleWhen::Crash => write!(f, "when {target} crashes, "),
        RuleWhen::Exit => write!(f, "when {target} exits, "),
        RuleWhen::MemoryOver => write!(f, "when {target} holds over {} memory, ", Bytes(threshold)),
        RuleWhen::CpuOver => write!(f, "when {target} uses over {threshold}% cpu, "),
        RuleWhen::Idle => write!(f, "when {target} is idle for {threshold} ms, "),
    }
}

fn rule_do(
    f: &mut dyn Write,
    act: RuleDo,
    priority: Option<Priority>,
    bytes: Option<Bytes>,
) -> fmt::Result {
    match (act, priority, bytes) {
        (RuleDo::Restart, ..) => f.write_str("restart it"),
        (RuleDo::Kill, ..) => f.write_str("kill it"),
        (RuleDo::Suspend, ..) => f.write_str("suspend it"),
        (RuleDo::SetPriority, Some(priority), _) => write!(f, "set its priority to {priority}"),
        (RuleDo::SetPriority, None, _) => f.write_str("change its priority"),
        (RuleDo::SetMemoryLimit, _, Some(bytes)) => write!(f, "set its memory limit to {bytes}"),
        (RuleDo::SetMemoryLimit, _, None) => f.write_str("change its memory limit"),
        (RuleDo::Notify, ..) => f.write_str("say so"),
    }
}

impl Display for Effect {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        report(self, &mut Plain(f))
    }
}

fn report(effect: &Effect, f: &mut dyn Write) -> fmt::Result {
    match effect {
        Effect::Status(status) => report_status(f, status),
        Effect::Processes(list) => {
            write!(f, "{}", Count(list.len() as u64, "process", "processes"))
        }
        Effect::Programs(names) => {
            let count = Count(names.len() as u64, "program", "programs");
            write!(f, "{count}: {}", Joined(names, ", "))
        }
        Effect::Memory(memory) => write!(f, "{} of {} memory free", memory.free, memory.total),
        Effect::Log(lines) => write!(f, "{}", Count(lines.len() as u64, "log line", "log lines")),
        Effect::Inspected(details) => {
            let count = Count(details.len() as u64, "process", "processes");
            write!(f, "details of {count}")
        }
        Effect::Spawned(list) => write!(f, "started {}", Joined(list, ", ")),
        Effect::Killed(list) => write!(f, "killed {}", Joined(list, ", ")),
        Effect::Suspended(list) => write!(f, "suspended {}", Joined(list, ", ")),
        Effect::Resumed(list) => write!(f, "resumed {}", Joined(list, ", ")),
        Effect::Restarted(list) => write!(f, "restarted {}", Joined(list, ", ")),
        Effect::PrioritySet(list) => each(f, list, |f, (process, priority)| {
            write!(f, "priority of {process} is {priority}")
        }),
        Effect::LimitSet(list) => each(f, list, |f, (process, limit)| {
            write!(f, "memory limit of {process} is {limit}")
        }),
        Effect::CpuLimitSet(list) => each(f, list, |f, (process, percent)| {
            write!(f, "cpu limit of {process} is {}%", percent.get())
        }),
        Effect::SchedulerSet(policy, quantum_ms) => {
            write!(f, "the scheduler is {policy}, {quantum_ms} ms a turn")
        }
        Effect::Sent(list) => write!(f, "sent to {}", Joined(list, ", ")),
        Effect::ShuttingDown(ShutdownMode::Halt) => f.write_str("shutting down"),
        Effect::ShuttingDown(ShutdownMode::Reboot) => f.write_str("restarting the machine"),
        Effect::Answer(text) | Effect::Ask(text) => write!(f, "{text}"),
        Effect::Refuse(reason) => write!(f, "refused: {reason}"),
        Effect::Explained(evidence) => {
            let count = Count(evidence.processes.len() as u64, "process", "processes");
            write!(f, "evidence on {count}")
        }
        Effect::Rules(list) => write!(f, "{}", Count(list.len() as u64, "rule", "rules")),
        Effect::Endpoints(list) => {
            write!(f, "{}", Count(list.len() as u64, "endpoint", "endpoints"))
        }
        Effect::Devices(list) => write!(f, "{}", Count(list.len() as u64, "device", "devices")),
        Effect::Unchanged(why) => write!(f, "nothing to do: {why}"),
        Effect::Reclaimed(list) => each(f, list, |f, (process, limit)| {
            write!(
                f,
                "took back what {process} does not use, its limit is {limit}"
            )
        }),
        Effect::Connected(list) => each(f, list, |f, (from, to)| write!(f, "{from} may call {to}")),
        Effect::Disconnected(list) => each(f, list, |f, (from, to)| {
            write!(f, "{from} may not call {to} any more")
        }),
        Effect::RuleSet(rule) => write!(f, "rule {}: {}", rule.id, RuleWords(rule)),
        Effect::RuleCleared(rule) => {
            write!(f, "removed rule {}: {}", rule.id, RuleWords(rule))
        }
        Effect::Undone(list) => write!(f, "took back: {}", Joined(list, ", ")),
        Effect::Remembered(fact) => write!(f, "told the agent to remember: {fact}"),
        Effect::Forgotten(fact) => write!(f, "told the agent to forget: {fact}"),
        Effect::Audit(list) => {
            write!(
                f,
                "{}",
                Count(list.len() as u64, "audit record", "audit records")
            )
        }
        Effect::Users(list) => write!(f, "{}", Count(list.len() as u64, "user", "users")),
        Effect::Note(text) => write!(f, "{text}"),
        // Not what is in it: this goes on record.
        Effect::File { path, bytes, .. } => write!(f, "showed {path}, {}", Bytes(*bytes)),
        Effect::Files {
            path,
            entries,
            more,
        } => {
            let count = (entries.len() as u64).saturating_add((*more).into());
            write!(f, "{} in {path}", Count(count, "entry", "entries"))
        }
        Effect::Wrote {
            path,
            bytes,
            was_there,
        } => {
            let verb = if *was_there { "wrote over" } else { "wrote" };
            write!(f, "{verb} {path}, {}", Bytes(*bytes))
        }
        Effect::Deleted { path, bytes } => write!(f, "deleted {path}, {}", Bytes(*bytes)),
    }
}

impl Display for AuditEvent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let f = &mut Plain(f);
        match self {
            Self::Boot => f.write_str("boot"),
            Self::Sentence(text) => write!(f, "asked: {text}"),
            Self::Plan(text) => write!(f, "plan: {text}"),
            Self::Rejected(text) => write!(f, "refused: {text}"),
            Self::Asked(text) => write!(f, "needs a yes: {text}"),
            Self::Answered(true) => f.write_str("a person said yes"),
            Self::Answered(false) => f.write_str("a person said no"),
            Self::Committed(text) => write!(f, "done: {text}"),
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Rule(text) => write!(f, "by rule: {text}"),
            Self::Console(text) => write!(f, "at the console: {text}"),
            Self::Dropped(dropped) => write!(
                f,
                "dropped up to record {}: {} done and {} refused so far",
                dropped.up_to, dropped.committed, dropped.rejected
            ),
        }
    }
}

/// A rule in words, without its number.
pub struct RuleWords<'a>(pub &'a RuleInfo);

impl Display for RuleWords<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        describe_rule(
            &mut Plain(f),
            (rule.when, &rule.target, rule.threshold),
            (rule.r#do, rule.priority, rule.bytes),
            rule.limit,
        )
    }
}

fn describe_rule(
    f: &mut dyn Write,
    (when, target, threshold): (RuleWhen, &Target, Option<u64>),
    (act, priority, bytes): (RuleDo, Option<Priority>, Option<Bytes>),
    limit: Option<u32>,
) -> fmt::Result {
    rule_when(f, when, target, threshold)?;
    rule_do(f, act, priority, bytes)?;
    limit.map_or(Ok(()), |limit| {
        write!(f, ", at most {}", Count(limit.into(), "time", "times"))
    })
}

fn report_status(f: &mut dyn Write, status: &StatusReport) -> fmt::Result {
    let StatusReport {
        uptime_s,
        memory,
        alive,
        crashed,
        cpu,
        ..
    } = status;
    let alive = Count((*alive).into(), "process", "processes");
    write!(f, "up {uptime_s} s, {alive} alive, {crashed} crashed, ")?;
    write!(
        f,
        "cpu {cpu}%, {} of {} memory free",
        memory.free, memory.total
    )
}

fn each<T>(
    f: &mut dyn Write,
    items: &[T],
    show: impl Fn(&mut dyn Write, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        show(f, item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::ProcessName;
    use crate::snapshot::MemoryTotals;
    use crate::value::{Name, Percent, Sentence};
    use crate::words::Policy;
    use std::string::{String, ToString};
    use std::vec;

    fn words_of(json: &str) -> String {
        serde_json::from_str::<Action>(json).unwrap().to_string()
    }

    #[test]
    fn every_action_reads_as_a_person_would_say_it() {
        for (json, words) in [
            (r#"{"action":"status"}"#, "show the status of the system"),
            (
                r#"{"action":"list","what":"processes","sort":"cpu"}"#,
                "show processes sorted by cpu",
            ),
            (
                r#"{"action":"list","what":"processes","limit":3}"#,
                "show processes, at most 3",
            ),
            (
                r#"{"action":"list","what":"log","limit":1}"#,
                "show the last 1 line of the log",
            ),
            (r#"{"action":"list","what":"memory"}"#, "show the memory"),
            (r#"{"action":"inspect","target":4}"#, "inspect process 4"),
            (r#"{"action":"explain"}"#, "explain the state of the system"),
            (r#"{"action":"explain","target":"hog"}"#, "explain hog"),
            (
                r#"{"action":"search","query":"oom","where":"docs"}"#,
                "search the docs for \"oom\"",
            ),
            (r#"{"action":"read_file","path":"/a"}"#, "show the file /a"),
            (
                r#"{"action":"spawn","program":"counter","count":2}"#,
                "start 2 counter",
            ),
            (
                r#"{"action":"spawn","program":"hog","args":["a","b"],"priority":"low","memory_limit":4194304}"#,
                "start hog with a b at low priority, at most 4M memory",
            ),
            (
                r#"{"action":"scale","program":"web","count":3}"#,
                "have 3 web in all",
            ),
            (
                r#"{"action":"kill","target":"worker","except":[4]}"#,
                "kill worker, except 4",
            ),
            (
                r#"{"action":"suspend","target":"*","except":["shell",9]}"#,
                "suspend every process but init, except shell and 9",
            ),
            (
                r#"{"action":"resume","target":[4,"hog"]}"#,
                "resume process 4 and hog",
            ),
            (
                r#"{"action":"restart","target":{"where":{"state":"crashed"}}}"#,
                "restart all crashed processes",
            ),
            (
                r#"{"action":"set_priority","target":"hog","step":1}"#,
                "raise the priority of hog by 1",
            ),
            (
                r#"{"action":"set_priority","target":"hog","step":-128}"#,
                "lower the priority of hog by 128",
            ),
            (
                r#"{"action":"set_priority","target":"hog","priority":"idle"}"#,
                "set the priority of hog to idle",
            ),
            (
                r#"{"action":"set_priority","target":"hog"}"#,
                "change the priority of hog",
            ),
            (
                r#"{"action":"set_cpu_limit","target":"hog","percent":20}"#,
                "limit hog to 20% cpu",
            ),
            (
                r#"{"action":"set_memory_limit","target":"hog","bytes":1048576}"#,
                "set the memory limit of hog to 1M",
            ),
            (
                r#"{"action":"set_memory_limit","target":"hog","times":0.5}"#,
                "multiply the memory limit of hog by 0.5",
            ),
            (
                r#"{"action":"set_memory_limit","target":"hog"}"#,
                "change the memory limit of hog",
            ),
            (
                r#"{"action":"grant_memory","target":"logger","bytes":8388608}"#,
                "give logger 8M more memory",
            ),
            (
                r#"{"action":"reclaim","target":"hog"}"#,
                "take back unused memory of hog",
            ),
            (
                r#"{"action":"set_scheduler","policy":"fair","quantum_ms":5}"#,
                "set the scheduler to fair, 5 ms a turn",
            ),
            (
                r#"{"action":"connect","from":"a","to":"b"}"#,
                "let a call b",
            ),
            (
                r#"{"action":"disconnect","from":"a","to":"b"}"#,
                "stop letting a call b",
            ),
            (
                r#"{"action":"send","to":"echo","message":"hi"}"#,
                "send \"hi\" to echo",
            ),
            (
                r#"{"action":"write_file","path":"/a","content":"x"}"#,
                "write 1 byte to the file /a",
            ),
            (
                r#"{"action":"delete_file","path":"/a"}"#,
                "delete the file /a",
            ),
            (
                r#"{"action":"set_rule","when":"crash","target":"hog","do":"restart","limit":5}"#,
                "when hog crashes, restart it, at most 5 times",
            ),
            (
                r#"{"action":"set_rule","when":"memory_over","target":"hog","do":"set_priority","threshold":4096,"priority":"low"}"#,
                "when hog holds over 4K memory, set its priority to low",
            ),
            (r#"{"action":"clear_rule","id":3}"#, "remove rule 3"),
            (r#"{"action":"remember","fact":"tea"}"#, "remember: tea"),
            (r#"{"action":"forget","fact":"tea"}"#, "forget: tea"),
            (r#"{"action":"undo"}"#, "undo the last change"),
            (r#"{"action":"undo","count":2}"#, "undo the last 2 changes"),
            (
                r#"{"action":"shutdown","mode":"halt"}"#,
                "shut the machine down",
            ),
            (r#"{"action":"answer","text":"done"}"#, "answer: done"),
            (r#"{"action":"ask","question":"which?"}"#, "ask: which?"),
            (r#"{"action":"refuse","reason":"no"}"#, "refuse: no"),
        ] {
            assert_eq!(words_of(json), words);
        }
    }

    #[test]
    fn a_plan_is_one_line_too() {
        let json = r#"{"plan":[{"action":"kill","target":4},{"action":"answer","text":"ok"}]}"#;
        let plan: Plan = serde_json::from_str(json).unwrap();
        assert_eq!(plan.to_string(), "kill process 4; answer: ok");
    }

    #[test]
    fn no_words_of_others_reach_the_terminal_as_control() {
        let hostile = "a\u{1b}[2Jb\r\nc\u{202e}d\u{7f}\u{9b}";
        let harmless = "a?[2Jb  c?d??";
        let text = Sentence::new(hostile).unwrap();
        let name = Name::new(hostile).unwrap();
        assert_eq!(
            Action::Answer { text: text.clone() }.to_string(),
            std::format!("answer: {harmless}")
        );
        let kill = Action::Kill {
            target: Target::name(hostile),
            except: None,
        };
        assert_eq!(kill.to_string(), std::format!("kill {harmless}"));
        assert_eq!(
            Effect::Refuse(text).to_string(),
            std::format!("refused: {harmless}")
        );
        let started = Effect::Spawned(vec![ProcessName { pid: 4, name }]);
        assert_eq!(started.to_string(), std::format!("started {harmless} 4"));
        assert_eq!(OneLine("plain ünicode").to_string(), "plain ünicode");
    }

    #[test]
    fn effects_say_what_happened_and_to_whom() {
        let process = |pid, name| ProcessName {
            pid,
            name: Name::cut(name),
        };
        let (worker, hog) = (process(4, "worker"), process(9, "hog"));
        let status = StatusReport {
            uptime_s: 812,
            scheduler: Policy::Fair,
            quantum_ms: 10,
            memory: MemoryTotals {
                total: Bytes(128 << 20),
                free: Bytes(40 << 20),
            },
            alive: 1,
            crashed: 2,
            cpu: 12,
            intents: 0,
            agent: None,
        };
        for (effect, words) in [
            (
                Effect::Status(status),
                "up 812 s, 1 process alive, 2 crashed, cpu 12%, 40M of 128M memory free",
            ),
            (Effect::Processes(vec![]), "0 processes"),
            (Effect::Programs(vec![Name::cut("hog")]), "1 program: hog"),
            (Effect::Log(vec![]), "0 log lines"),
            (
                Effect::Killed(vec![worker.clone(), hog.clone()]),
                "killed worker 4, hog 9",
            ),
            (
                Effect::PrioritySet(vec![(worker.clone(), Priority::Low)]),
                "priority of worker 4 is low",
            ),
            (
                Effect::LimitSet(vec![(worker, Bytes(4096)), (hog, Bytes(1 << 20))]),
                "memory limit of worker 4 is 4K, memory limit of hog 9 is 1M",
            ),
            (
                Effect::CpuLimitSet(vec![(process(4, "worker"), Percent::new(20).unwrap())]),
                "cpu limit of worker 4 is 20%",
            ),
            (
                Effect::SchedulerSet(Policy::Adaptive, 5),
                "the scheduler is adaptive, 5 ms a turn",
            ),
            (
                Effect::ShuttingDown(ShutdownMode::Reboot),
                "restarting the machine",
            ),
            (Effect::Answer(Sentence::cut("fine")), "fine"),
        ] {
            assert_eq!(effect.to_string(), words);
        }
    }
}
