//! Targets against a direct transcription of the vocabulary's matching rule.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proviso_abi::target::{Filter, ProcessRef, Selector, Target};
use proviso_abi::value::Name;
use proviso_abi::words::{Order, RankKey};
use proviso_kernel_core::select::{expand, select};
use proviso_kernel_core::view::{ProcessView, View};

use crate::fixture::view;
use crate::generate;

/// What a target means in the rule: pids, and names that match nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    Pid(u64),
    Name(String),
}

/// The rule's `select`, line by line.
fn rule_select(selector: &Selector, view: &View) -> Vec<u32> {
    let Filter {
        name,
        state,
        priority,
        cpu_over,
        cpu_under,
        memory_over,
        memory_under,
    } = &selector.filter;
    let passes = |p: &&ProcessView| {
        let info = &p.info;
        info.pid != 1
            && name
                .as_ref()
                .is_none_or(|name| info.name.to_lowercase() == name.to_lowercase())
            && state.is_none_or(|state| info.state == state)
            && priority.is_none_or(|priority| info.priority == priority)
            && cpu_over.is_none_or(|share| info.cpu > share)
            && cpu_under.is_none_or(|share| info.cpu < share)
            && memory_over.is_none_or(|size| info.memory > size)
            && memory_under.is_none_or(|size| info.memory < size)
    };
    let mut found: Vec<&ProcessView> = view.processes.iter().filter(passes).collect();
    let by = selector.by.unwrap_or(RankKey::Pid);
    let key = |p: &ProcessView| match by {
        RankKey::Cpu => i128::from(p.info.cpu),
        RankKey::Memory => i128::from(p.info.memory.0),
        RankKey::Limit => i128::from(p.info.limit.0),
        RankKey::Age => -i128::from(p.started_ns),
        RankKey::Pid => i128::from(p.info.pid),
    };
    let lowest_first =
        (by == RankKey::Pid) != (selector.order.unwrap_or(Order::Most) == Order::Least);
    // Both sorts are stable, so equals stay in the order of the table.
    found.sort_by_key(|p| if lowest_first { key(p) } else { -key(p) });
    if let Some(nth) = selector.nth {
        found = found
            .into_iter()
            .skip((nth as usize).wrapping_sub(1))
            .take(1)
            .collect();
    }
    let take = selector.take.map_or(found.len(), |take| take as usize);
    found.into_iter().take(take).map(|p| p.info.pid).collect()
}

/// The rule's `expand` of one reference.
fn rule_one(one: &ProcessRef, view: &View) -> BTreeSet<Meant> {
    let name = match one {
        ProcessRef::Pid(pid) => return [Meant::Pid((*pid).into())].into(),
        ProcessRef::Name(name) => name.trim().to_lowercase(),
    };
    if name == "*" {
        return rule_all(view);
    }
    if !name.is_empty() && name.chars().all(|letter| letter.is_ascii_digit()) {
        return [name.parse().map_or(Meant::Name(name), Meant::Pid)].into();
    }
    let pids: BTreeSet<Meant> = view
        .processes
        .iter()
        .filter(|p| p.info.name.to_lowercase() == name)
        .map(|p| Meant::Pid(p.info.pid.into()))
        .collect();
    if pids.is_empty() {
        [Meant::Name(name)].into()
    } else {
        pids
    }
}

fn rule_all(view: &View) -> BTreeSet<Meant> {
    view.processes
        .iter()
        .filter(|p| p.info.pid != 1)
        .map(|p| Meant::Pid(p.info.pid.into()))
        .collect()
}

/// The rule's `expand`.
fn rule_expand(target: &Target, except: &[ProcessRef], view: &View) -> BTreeSet<Meant> {
    let mut found = match target {
        Target::One(one) => rule_one(one, view),
        Target::Many(many) => many.iter().flat_map(|one| rule_one(one, view)).collect(),
        Target::All => rule_all(view),
        Target::Select(selector) => rule_select(selector, view)
            .into_iter()
            .map(|pid| Meant::Pid(pid.into()))
            .collect(),
    };
    for one in except {
        let away = rule_one(one, view);
        found.retain(|meant| !away.contains(meant));
    }
    found
}

proptest! {
    #[test]
    fn a_selector_finds_what_the_rule_finds_in_its_order(selector in generate::selector(), view in generate::view()) {
        prop_assert_eq!(select(&selector, &view), rule_select(&selector, &view));
    }

    #[test]
    fn a_target_means_what_it_means_in_the_rule(
        target in generate::target(), except in generate::refs(), view in generate::view(),
    ) {
        let expansion = expand(&target, &except, &view);
        let there: BTreeSet<u64> = view.processes.iter().map(|p| p.info.pid.into()).collect();
        let (known, missing): (BTreeSet<Meant>, BTreeSet<Meant>) = rule_expand(&target, &except, &view)
            .into_iter()
            .partition(|meant| matches!(meant, Meant::Pid(pid) if there.contains(pid)));
        let pids: Vec<Meant> = expansion.pids.iter().map(|pid| Meant::Pid((*pid).into())).collect();
        prop_assert_eq!(pids, Vec::from_iter(known));
        let reported: BTreeSet<Meant> = expansion.missing.iter().flat_map(|one| rule_one(one, &view)).collect();
        prop_assert_eq!(reported, missing);
    }
}

fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn pids(target: &str, except: &str) -> Vec<u32> {
    let except: Vec<ProcessRef> = parse(except);
    expand(&parse(target), &except, &view()).pids
}

#[test]
fn each_form_of_target() {
    assert_eq!(pids("4", "[]"), [4]);
    assert_eq!(pids(r#"" Worker ""#, "[]"), [4, 6]);
    assert_eq!(pids(r#"[9,"worker",4]"#, "[]"), [4, 6, 9]);
    assert_eq!(pids(r#""*""#, r#"["shell",4,"nobody"]"#), [6, 7, 8, 9, 10]);
    assert_eq!(pids(r#""init""#, "[]"), [1]);
    assert_eq!(pids("{}", "[]"), [2, 4, 6, 7, 8, 9, 10]);
    assert_eq!(
        pids(r#"{"where":{"name":"init"}}"#, "[]"),
        [0; 0],
        "no selector finds init"
    );
    assert_eq!(pids(r#"{"by":"memory","take":1}"#, "[]"), [7]);
    assert_eq!(pids(r#"{"where":{"name":"worker"},"nth":2}"#, "[]"), [6]);
    assert_eq!(pids(r#"{"where":{"name":"worker"},"nth":3}"#, "[]"), [0; 0]);
    assert_eq!(pids(r#"{"by":"age","take":1}"#, "[]"), [2], "the oldest");
    assert_eq!(
        pids(r#"{"by":"age","order":"least","take":2}"#, "[]"),
        [9, 10],
        "the youngest"
    );
    assert_eq!(pids(r#"{"by":"pid","order":"least","take":1}"#, "[]"), [10]);
    assert_eq!(
        pids(r#"{"by":"memory","nth":2}"#, "[]"),
        [4],
        "of equals the lower pid"
    );
    assert_eq!(pids(r#"{"where":{"state":"crashed"}}"#, "[9]"), [0; 0]);
}

#[test]
fn references_that_mean_nothing_are_reported_once() {
    let target: Target = parse(r#"["ghost",4,"GHOST",99]"#);
    let missing = expand(&target, &[], &view()).missing;
    assert_eq!(
        missing,
        [ProcessRef::parse("ghost").unwrap(), ProcessRef::Pid(99)]
    );
    let missing = expand(&target, &missing, &view()).missing;
    assert_eq!(missing, [], "unless they are excepted");
    // On the wire a number can also come as a name.
    let name = |name: &str| Target::One(ProcessRef::Name(Name::cut(name)));
    assert_eq!(expand(&name("007"), &[], &view()).pids, [7]);
    assert_eq!(
        expand(&name("0099"), &[ProcessRef::Pid(99)], &view()).missing,
        []
    );
    assert_eq!(expand(&name("99999999999"), &[], &view()).missing.len(), 1);
}
