//! Form: what can be said of a plan without looking at the system.

use proviso_abi::action::{Action, ActionKind};
use proviso_abi::outcome::Reason::{Malformed, TooMany, Unsupported};
use proviso_abi::plan::Plan;
use proviso_abi::target::{Selector, Target};
use proviso_abi::value::Argument;
use proviso_abi::words::{ListWhat, SearchWhere};

use super::SUPPORTED;
use super::rule;
use super::words::{Judged, ROOM_FOR_LIST, listed, refuse};

/// The most processes that one `spawn` starts.
pub const MAX_COUNT: u32 = 64;

/// The longest turn that the scheduler can be told to give, in milliseconds:
/// longer ones would make everything else seem to hang.
pub const MAX_QUANTUM_MS: u32 = 1000;

/// The lists that this kernel has.
const LISTS: &[ListWhat] = &[
    ListWhat::Processes,
    ListWhat::Programs,
    ListWhat::Memory,
    ListWhat::Files,
    ListWhat::Rules,
    ListWhat::Endpoints,
    ListWhat::Devices,
    ListWhat::Log,
    ListWhat::Audit,
];

/// A plan does something.
pub fn check_plan(plan: &Plan) -> Judged<()> {
    if plan.actions.is_empty() {
        return refuse(
            Malformed,
            format_args!("the plan is empty; it takes one to eight actions"),
        );
    }
    Ok(())
}

/// An action is one that this kernel has, and makes sense in itself.
///
/// `rest` are the actions that follow it.
pub fn check_action(action: &Action, rest: &[Action]) -> Judged<()> {
    check_support(action)?;
    action.targets().try_for_each(check_selector)?;
    match action {
        Action::List { limit: Some(0), .. } => refuse(
            Malformed,
            format_args!("a list of at most 0 shows nothing; ask for at least 1"),
        ),
        Action::Spawn { args, count, .. } => {
            check_args(args.as_deref().unwrap_or_default())?;
            check_count(count.unwrap_or(1))
        }
        Action::SetPriority { priority, step, .. } => {
            check_one_of(
                "set_priority",
                "priority",
                priority.is_some(),
                "step",
                step.is_some(),
            )?;
            if *step == Some(0) {
                return refuse(
                    Malformed,
                    format_args!("a step of 0 changes nothing; use 1 for up or -1 for down"),
                );
            }
            Ok(())
        }
        Action::SetMemoryLimit { bytes, times, .. } => check_one_of(
            "set_memory_limit",
            "bytes",
            bytes.is_some(),
            "times",
            times.is_some(),
        ),
        Action::GrantMemory { bytes, .. } if bytes.0 == 0 => refuse(
            Malformed,
            format_args!("granting 0 bytes changes nothing; say how much more"),
        ),
        Action::SetScheduler {
            quantum_ms: Some(quantum_ms),
            ..
        } if !(1..=MAX_QUANTUM_MS).contains(quantum_ms) => refuse(
            Malformed,
            format_args!(
                "turns of {quantum_ms} ms make no sense; choose 1 to {MAX_QUANTUM_MS} milliseconds"
            ),
        ),
        Action::Scale { count, .. } if *count > MAX_COUNT => check_count(*count),
        Action::Search { query, .. } => check_text("search", "query", query),
        Action::Remember { fact } => check_text("remember", "fact", fact),
        Action::Forget { fact } => check_text("forget", "fact", fact),
        Action::Undo { count: Some(0) } => refuse(
            Malformed,
            format_args!("undoing 0 changes does nothing; undo at least 1"),
        ),
        Action::SetRule { .. } => rule::check_form(action),
        Action::Send { message, .. } => check_text("send", "message", message),
        Action::Answer { text } => check_text("answer", "text", text),
        Action::Ask { question } => check_text("ask", "question", question),
        Action::Refuse { reason } => check_text("refuse", "reason", reason),
        // An answer may close any plan, this one too.
        Action::Shutdown { .. }
            if !rest
                .iter()
                .all(|action| matches!(action, Action::Answer { .. })) =>
        {
            refuse(
                Malformed,
                format_args!(
                    "only an answer can follow a shutdown; make it the last thing that the plan does"
                ),
            )
        }
        _ => Ok(()),
    }
}

fn check_support(action: &Action) -> Judged<()> {
    match action {
        Action::Search {
            r#where: Some(SearchWhere::Files),
            ..
        } => refuse(
            Unsupported,
            format_args!("what is in files is not searched; list them, and read one"),
        ),
        Action::Search {
            r#where: Some(SearchWhere::Docs),
            ..
        } => refuse(
            Unsupported,
            format_args!("this machine has no documents; search the log or the history"),
        ),
        action if !SUPPORTED.contains(&action.kind()) => refuse_kind(action.kind()),
        Action::List { what, .. } if !LISTS.contains(what) => refuse_list(*what),
        _ => Ok(()),
    }
}

/// Says that this kernel does not have an action.
pub fn refuse_kind<T>(kind: ActionKind) -> Judged<T> {
    refuse(
        Unsupported,
        format_args!("this kernel does not do {kind} yet; /help shows what it does"),
    )
}

/// Says that this kernel does not have a list.
pub fn refuse_list<T>(what: ListWhat) -> Judged<T> {
    let there = listed(LISTS, ROOM_FOR_LIST);
    refuse(
        Unsupported,
        format_args!("this kernel does not list {what} yet; it lists {there}"),
    )
}

fn check_selector(target: &Target) -> Judged<()> {
    match target {
        Target::Select(Selector { nth: Some(0), .. }) => refuse(
            Malformed,
            format_args!("a selector's nth of 0 means nobody; 1 is the first"),
        ),
        Target::Select(Selector { take: Some(0), .. }) => refuse(
            Malformed,
            format_args!("a selector's take of 0 means nobody; take at least 1"),
        ),
        _ => Ok(()),
    }
}

/// Programs get their arguments in one piece with NUL bytes between them.
fn check_args(args: &[Argument]) -> Judged<()> {
    if let Some(arg) = args.iter().find(|arg| arg.contains('\0')) {
        return refuse(
            Malformed,
            format_args!("the argument \"{arg}\" has a NUL byte in it; leave that out"),
        );
    }
    Ok(())
}

fn check_count(count: u32) -> Judged<()> {
    match count {
        0 => refuse(
            Malformed,
            format_args!("a count of 0 starts nothing; use at least 1"),
        ),
        1..=MAX_COUNT => Ok(()),
        _ => refuse(
            TooMany,
            format_args!("a count of {count} is too many; start at most {MAX_COUNT} at once"),
        ),
    }
}

fn check_one_of(kind: &str, a: &str, has_a: bool, b: &str, has_b: bool) -> Judged<()> {
    match (has_a, has_b) {
        (true, true) => refuse(
            Malformed,
            format_args!("{kind} has both {a} and {b}; it takes one of them"),
        ),
        (false, false) => refuse(
            Malformed,
            format_args!("{kind} has neither {a} nor {b}; it needs one of them"),
        ),
        _ => Ok(()),
    }
}

fn check_text(kind: &str, field: &str, text: &str) -> Judged<()> {
    if text.trim().is_empty() {
        return refuse(
            Malformed,
            format_args!("the {field} of {kind} is empty; it needs words"),
        );
    }
    Ok(())
}
