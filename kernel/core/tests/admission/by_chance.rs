//! What holds for every plan against every system.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proviso_abi::words::{Priority, State};
use proviso_abi::{Bytes, INIT, Percent, Pid, Plan, Reason};
use proviso_kernel_core::admit::{MAX_COUNT, MAX_QUANTUM_MS, OWN_LIMIT, admit};
use proviso_kernel_core::kernel::{INIT_LIMIT, INIT_PRIORITY};
use proviso_kernel_core::view::{Operation, Principal, ProcessView, View};

use crate::generate;

/// The processes that an operation is about.
fn pids(operation: &Operation) -> Vec<Pid> {
    match operation {
        Operation::Inspect(pids)
        | Operation::Kill(pids)
        | Operation::Suspend(pids)
        | Operation::Resume(pids)
        | Operation::Restart(pids)
        | Operation::Send { to: pids, .. } => pids.clone(),
        Operation::SetPriority(changes) => changes.iter().map(|(pid, _)| *pid).collect(),
        Operation::SetLimit(changes) => changes.iter().map(|(pid, _)| *pid).collect(),
        Operation::SetCpuLimit(changes) => changes.iter().map(|(pid, _)| *pid).collect(),
        _ => Vec::new(),
    }
}

fn is_alive(process: &ProcessView) -> bool {
    !matches!(process.info.state, State::Crashed | State::Exited)
}

/// What a start takes. Names can repeat in a random system; the first counts.
fn footprint(view: &View, program: &str) -> Bytes {
    let name = program.to_lowercase();
    let found = view
        .programs
        .iter()
        .find(|one| one.name.to_lowercase() == name);
    found.map_or_else(|| panic!("no program {program}"), |one| one.footprint)
}

/// Does the operations with plain signed sums; says what memory and places
/// were at their lowest.
fn lowest(view: &View, operations: &[Operation]) -> (i128, i128) {
    let mut held: BTreeMap<Pid, i128> = view
        .processes
        .iter()
        .filter(|process| is_alive(process))
        .map(|process| (process.info.pid, process.info.memory.0.into()))
        .collect();
    let footprints: BTreeMap<Pid, i128> = view
        .processes
        .iter()
        .map(|process| (process.info.pid, process.footprint.0.into()))
        .collect();
    let (mut free, mut slots) = (
        i128::from(view.memory_free.0),
        i128::from(view.process_slots),
    );
    let mut lowest = (free, slots);
    for operation in operations {
        match operation {
            Operation::Spawn { program, count, .. } => {
                free -= i128::from(footprint(view, program).0) * i128::from(*count);
                slots -= i128::from(*count);
            }
            Operation::Kill(pids) | Operation::Restart(pids) => {
                for pid in pids {
                    if let Some(memory) = held.remove(pid) {
                        free += memory;
                        slots += 1;
                    }
                    if matches!(operation, Operation::Restart(_)) {
                        free -= footprints[pid];
                        slots -= 1;
                        held.insert(*pid, footprints[pid]);
                    }
                    lowest = (lowest.0.min(free), lowest.1.min(slots));
                }
            }
            _ => {}
        }
        lowest = (lowest.0.min(free), lowest.1.min(slots));
    }
    lowest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_verdict_is_whole_sound_and_the_same_again(
        plan in generate::plan(), principal in generate::principal(), view in generate::view(),
    ) {
        let verdict = admit(&plan, principal, &view);
        prop_assert_eq!(&verdict, &admit(&plan, principal, &view));
        match verdict {
            Ok(operations) => {
                prop_assert_eq!(operations.len(), plan.actions.len());
                check_operations(&view, principal, &operations)?;
            }
            Err(rejections) => {
                prop_assert!(!rejections.is_empty());
                for rejection in &rejections {
                    prop_assert!(!rejection.text.trim().is_empty());
                    prop_assert!(!rejection.text.chars().any(char::is_control));
                    prop_assert!(rejection.action.is_none_or(|index| usize::from(index) < plan.actions.len()));
                }
                prop_assert!(rejections.windows(2).all(|pair| pair[0].action < pair[1].action));
            }
        }
    }

    #[test]
    fn what_is_admitted_fits_and_what_is_rejected_as_too_much_does_not(
        plan in generate::lively_plan(), view in generate::tight_view(),
    ) {
        let rejections = match admit(&plan, Principal::Operator, &view) {
            Ok(operations) => return check_operations(&view, Principal::Operator, &operations),
            Err(rejections) => rejections,
        };
        let endless = View { memory_free: Bytes(u64::MAX), process_slots: u32::MAX, ..view.clone() };
        for (place, rejection) in rejections.iter().enumerate() {
            if !matches!(rejection.reason, Reason::WouldExhaustMemory | Reason::TooMany) {
                continue;
            }
            // What came before and was not rejected, and then this.
            let earlier: Vec<_> = rejections.iter().take(place).map(|one| one.action).collect();
            let index = rejection.action.map_or(0, usize::from);
            let upto = plan.actions.iter().enumerate().take(index + 1);
            let kept = upto.filter(|(index, _)| !earlier.contains(&u8::try_from(*index).ok()));
            let kept: Vec<_> = kept.map(|(_, action)| action.clone()).collect();
            let operations = admit(&Plan::new(kept).unwrap(), Principal::Operator, &endless);
            let operations = operations.map_err(|why| TestCaseError::fail(format!("{why:?}")))?;
            let (memory, slots) = lowest(&view, &operations);
            let is_right = match rejection.reason {
                Reason::TooMany => slots < 0,
                _ => memory < 0,
            };
            prop_assert!(is_right, "{rejection}, but {memory} bytes and {slots} places would be left");
        }
    }

    #[test]
    fn what_is_proposed_instead_is_admitted_in_its_place(
        plan in generate::plan(), principal in generate::principal(), view in generate::view(),
    ) {
        let Err(rejections) = admit(&plan, principal, &view) else { return Ok(()) };
        for rejection in &rejections {
            let (Some(instead), Some(index)) = (&rejection.instead, rejection.action) else { continue };
            let earlier = plan.actions.iter().enumerate().take(index.into());
            let is_rejected = |place: usize| rejections.iter().any(|one| one.action.map(usize::from) == Some(place));
            let kept = earlier.filter(|(place, _)| !is_rejected(*place));
            let mut actions: Vec<_> = kept.map(|(_, action)| action.clone()).collect();
            actions.push(instead.clone());
            let verdict = admit(&Plan::new(actions).unwrap(), principal, &view);
            prop_assert!(verdict.is_ok(), "{instead}: {verdict:?}");
        }
    }

    #[test]
    fn without_its_rejected_actions_a_plan_is_admitted(
        plan in generate::plan(), principal in generate::principal(), view in generate::view(),
    ) {
        let Err(rejections) = admit(&plan, principal, &view) else { return Ok(()) };
        let is_rejected = |index: usize| {
            rejections.iter().any(|rejection| rejection.action.is_none_or(|action| usize::from(action) == index))
        };
        let kept: Vec<_> = plan.actions.iter().enumerate().filter(|(index, _)| !is_rejected(*index)).collect();
        let kept: Vec<_> = kept.into_iter().map(|(_, action)| action.clone()).collect();
        if !kept.is_empty() {
            let verdict = admit(&Plan::new(kept).unwrap(), principal, &view);
            prop_assert!(verdict.is_ok(), "{verdict:?}");
        }
    }
}

fn check_operations(
    view: &View,
    principal: Principal,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let (memory, slots) = lowest(view, operations);
    prop_assert!(
        memory >= 0 && slots >= 0,
        "{memory} bytes, {slots} places left"
    );
    for operation in operations {
        let pids = pids(operation);
        for pid in &pids {
            let process = view
                .processes
                .iter()
                .find(|process| process.info.pid == *pid);
            prop_assert!(process.is_some(), "no process {pid}");
        }
        let is_in_order = pids.windows(2).all(|pair| pair[0] < pair[1]);
        prop_assert!(is_in_order, "each process once, in order");
        check_init(view, operation)?;
        if let Principal::Process(own) = principal {
            check_own(view, own, operation)?;
        }
        match operation {
            Operation::Spawn {
                program,
                count,
                memory_limit,
                ..
            } => {
                prop_assert!((1..=MAX_COUNT).contains(count));
                prop_assert!(*memory_limit >= footprint(view, program));
            }
            Operation::SetLimit(changes) => {
                prop_assert!(changes.iter().all(|(_, limit)| *limit <= view.memory_total));
            }
            Operation::SetScheduler {
                quantum_ms: Some(quantum_ms),
                ..
            } => {
                prop_assert!((1..=MAX_QUANTUM_MS).contains(quantum_ms));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Init is never ended, stopped or lowered.
fn check_init(view: &View, operation: &Operation) -> Result<(), TestCaseError> {
    let Some(init) = view
        .processes
        .iter()
        .find(|process| process.info.pid == INIT)
    else {
        return Ok(());
    };
    match operation {
        Operation::Kill(pids) | Operation::Suspend(pids) | Operation::Restart(pids) => {
            prop_assert!(!pids.contains(&INIT));
        }
        Operation::SetPriority(changes) => {
            prop_assert!(changes.iter().all(|(pid, priority)| *pid != INIT
                || *priority >= init.info.priority.min(INIT_PRIORITY)));
        }
        Operation::SetLimit(changes) => {
            prop_assert!(
                changes
                    .iter()
                    .all(|(pid, limit)| *pid != INIT || *limit >= init.info.limit.min(INIT_LIMIT))
            );
        }
        Operation::SetCpuLimit(changes) => {
            prop_assert!(
                changes
                    .iter()
                    .all(|(pid, percent)| *pid != INIT || percent.get() == 100)
            );
        }
        _ => {}
    }
    Ok(())
}

/// A process touches itself alone, but it may look and send.
fn check_own(view: &View, own: Pid, operation: &Operation) -> Result<(), TestCaseError> {
    match operation {
        Operation::Spawn { .. } | Operation::Shutdown(_) | Operation::SetScheduler { .. } => {
            prop_assert!(false, "{operation:?}")
        }
        Operation::Inspect(_) | Operation::Send { .. } => {}
        other => prop_assert!(pids(other).iter().all(|pid| *pid == own), "{other:?}"),
    }
    let Some(process) = view
        .processes
        .iter()
        .find(|process| process.info.pid == own)
    else {
        return Err(TestCaseError::fail("the principal is gone"));
    };
    match operation {
        Operation::SetLimit(changes) => {
            let most = process.info.limit.max(OWN_LIMIT);
            prop_assert!(changes.iter().all(|(_, limit)| *limit <= most));
        }
        Operation::SetCpuLimit(changes) => {
            let most = process.cpu_limit.map_or(100, Percent::get);
            prop_assert!(changes.iter().all(|(_, percent)| percent.get() <= most));
        }
        Operation::SetPriority(changes) => {
            let most = process.info.priority.max(Priority::Normal);
            prop_assert!(changes.iter().all(|(_, priority)| *priority <= most));
        }
        _ => {}
    }
    Ok(())
}
