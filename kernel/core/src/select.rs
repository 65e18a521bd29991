//! Which processes a target means, worked out against the live system.
//!
//! Names and `*` find every process with a record, dead ones included: whether
//! an action makes sense on a dead process is admission's business.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proviso_abi::INIT;
use proviso_abi::target::{Filter, ProcessRef, Selector, Target};
use proviso_abi::value::Pid;
use proviso_abi::words::{Order, RankKey};

use crate::view::{ProcessView, View};

/// What a target means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expansion {
    /// Processes that exist, lowest pid first.
    pub pids: Vec<Pid>,
    /// Numbers and names that were asked for and mean nothing.
    pub missing: Vec<ProcessRef>,
}

/// What a reference or a whole target means, as sets.
#[derive(Default)]
struct Found {
    pids: BTreeSet<Pid>,
    missing: Vec<ProcessRef>,
}

/// What `target` means, less what `except` means.
///
/// An exception that means nothing takes nothing away.
#[must_use]
pub fn expand(target: &Target, except: &[ProcessRef], view: &View) -> Expansion {
    // What most actions are about needs no sets.
    if let (Target::One(ProcessRef::Pid(pid)), []) = (target, except)
        && let Some(pid) = with_pid(*pid, view)
    {
        return Expansion {
            pids: alloc::vec![pid],
            missing: Vec::new(),
        };
    }
    let mut found = Found::default();
    match target {
        Target::One(one) => find(one, view, &mut found),
        Target::Many(many) => many.iter().for_each(|one| find(one, view, &mut found)),
        Target::All => found.pids.extend(all(view)),
        Target::Select(selector) => found.pids.extend(select(selector, view)),
    }
    let mut away = Found::default();
    except.iter().for_each(|one| find(one, view, &mut away));
    found
        .missing
        .retain(|one| !away.missing.iter().any(|other| is_same(one, other)));
    Expansion {
        pids: found.pids.difference(&away.pids).copied().collect(),
        missing: found.missing,
    }
}

/// The processes that a selector finds, best first. Never init.
#[must_use]
pub fn select(selector: &Selector, view: &View) -> Vec<Pid> {
    let by = selector.by.unwrap_or(RankKey::Pid);
    let is_least = selector.order == Some(Order::Least);
    // "Most first" is the highest value, but by number it is the lowest.
    let is_lowest_first = (by == RankKey::Pid) != is_least;
    let mut found: Vec<&ProcessView> = view
        .processes
        .iter()
        .filter(|process| process.info.pid != INIT && passes(process, &selector.filter))
        .collect();
    // The sort is stable and the view is by number: of equals, the lower comes
    // first, whichever end of the ranking does.
    found.sort_by(|a, b| {
        let ranked = rank(a, by).cmp(&rank(b, by));
        if is_lowest_first {
            ranked
        } else {
            ranked.reverse()
        }
    });
    let (skip, keep) = match selector.nth {
        Some(0) => (0, 0),
        Some(nth) => (nth as usize - 1, 1),
        None => (0, usize::MAX),
    };
    let take = selector.take.map_or(usize::MAX, |take| take as usize);
    found
        .into_iter()
        .skip(skip)
        .take(keep)
        .take(take)
        .map(|process| process.info.pid)
        .collect()
}

/// Whether two names are the same; case does not count.
#[must_use]
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.chars()
        .flat_map(char::to_lowercase)
        .eq(b.chars().flat_map(char::to_lowercase))
}

/// Adds what one reference means.
fn find(one: &ProcessRef, view: &View, found: &mut Found) {
    match meant(one, view) {
        Some(pids) => found.pids.extend(pids),
        None if found.missing.iter().any(|other| is_same(one, other)) => {}
        None => found.missing.push(one.clone()),
    }
}

/// What one reference means, if anything. A name of digits is a number and `*`
/// is `*` also where they come as names, inside a list.
fn meant(one: &ProcessRef, view: &View) -> Option<Vec<Pid>> {
    let pids: Vec<Pid> = match one {
        ProcessRef::Pid(pid) => with_pid(*pid, view).into_iter().collect(),
        ProcessRef::Name(name) => match name.trim() {
            // Everybody may be nobody; that is no unknown name.
            "*" => return Some(all(view).collect()),
            digits if is_digits(digits) => {
                with_pid(digits.parse().ok()?, view).into_iter().collect()
            }
            name => with_name(name, view).collect(),
        },
    };
    (!pids.is_empty()).then_some(pids)
}

fn all(view: &View) -> impl Iterator<Item = Pid> {
    view.processes
        .iter()
        .map(|process| process.info.pid)
        .filter(|pid| *pid != INIT)
}

fn with_pid(pid: Pid, view: &View) -> Option<Pid> {
    let place = view
        .processes
        .binary_search_by_key(&pid, |process| process.info.pid);
    place.ok().map(|_| pid)
}

fn with_name<'a>(name: &'a str, view: &'a View) -> impl Iterator<Item = Pid> + 'a {
    let has_name = move |process: &&ProcessView| is_same_name(&process.info.name, name);
    view.processes
        .iter()
        .filter(has_name)
        .map(|process| process.info.pid)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether two references that mean nothing ask for the same thing.
fn is_same(a: &ProcessRef, b: &ProcessRef) -> bool {
    match (a, b) {
        (ProcessRef::Name(name), ProcessRef::Name(other)) if number(a).is_none() => {
            is_same_name(name.trim(), other.trim())
        }
        _ => number(a).is_some() && number(a) == number(b),
    }
}

fn number(one: &ProcessRef) -> Option<Pid> {
    match one {
        ProcessRef::Pid(pid) => Some(*pid),
        ProcessRef::Name(name) if is_digits(name.trim()) => name.trim().parse().ok(),
        ProcessRef::Name(_) => None,
    }
}

fn passes(process: &ProcessView, filter: &Filter) -> bool {
    let info = &process.info;
    filter
        .name
        .as_ref()
        .is_none_or(|name| is_same_name(&info.name, name))
        && filter.state.is_none_or(|state| info.state == state)
        && filter
            .priority
            .is_none_or(|priority| info.priority == priority)
        && filter.cpu_over.is_none_or(|share| info.cpu > share)
        && filter.cpu_under.is_none_or(|share| info.cpu < share)
        && filter.memory_over.is_none_or(|size| info.memory > size)
        && filter.memory_under.is_none_or(|size| info.memory < size)
}

fn rank(process: &ProcessView, by: RankKey) -> u64 {
    match by {
        RankKey::Cpu => process.info.cpu.into(),
        RankKey::Memory => process.info.memory.0,
        RankKey::Limit => process.info.limit.0,
        // The earlier the start, the more age.
        RankKey::Age => u64::MAX - process.started_ns,
        RankKey::Pid => process.info.pid.into(),
    }
}
