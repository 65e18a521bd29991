//! The scheduler by itself: order, shares, and that nobody is ever lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn at(priority: Priority) -> Standing {
    Standing {
        priority,
        is_caretaker: false,
    }
}

const CARETAKER: Standing = Standing {
    priority: Priority::Normal,
    is_caretaker: true,
};

fn with(word: Word) -> Scheduler<u32> {
    let mut scheduler = Scheduler::default();
    scheduler.set_policy(word, QUANTUM_NS);
    scheduler
}

/// Lets those who want to run for so long, in steps; who got how much.
fn share(scheduler: &mut Scheduler<u32>, total_ns: u64, step_ns: u64) -> BTreeMap<u32, u64> {
    let mut used = BTreeMap::new();
    for _ in 0..total_ns / step_ns {
        let Some(id) = scheduler.next() else { break };
        *used.entry(id).or_default() += step_ns;
        scheduler.charge(id, step_ns);
    }
    used
}

#[test]
fn the_most_urgent_runs_and_peers_take_turns() {
    let mut scheduler = Scheduler::default();
    assert_eq!(scheduler.next(), None);
    scheduler.add(1, at(Priority::Normal));
    scheduler.add(2, at(Priority::Normal));
    scheduler.add(3, at(Priority::Idle));
    assert_eq!(scheduler.next(), Some(1));
    scheduler.charge(1, QUANTUM_NS - 1);
    assert_eq!(scheduler.next(), Some(1));
    scheduler.charge(1, 1);
    assert_eq!(scheduler.next(), Some(2));
    scheduler.add(4, at(Priority::Realtime));
    assert_eq!(scheduler.next(), Some(4));
    for pid in [4, 2, 1] {
        scheduler.remove(pid);
    }
    assert_eq!(scheduler.next(), Some(3));
    assert!(!scheduler.contains(2));
}

#[test]
fn an_interruption_neither_ends_nor_renews_a_turn() {
    for word in Word::ALL {
        let mut scheduler = with(*word);
        scheduler.add(1, at(Priority::Low));
        scheduler.add(2, at(Priority::Low));
        for _ in 0..10 {
            assert_eq!(scheduler.next(), Some(1), "{word}");
            scheduler.charge(1, QUANTUM_NS / 10);
            scheduler.add(9, at(Priority::Realtime));
            assert_eq!(scheduler.next(), Some(9), "{word}");
            scheduler.remove(9);
        }
        assert_eq!(scheduler.next(), Some(2), "{word}");
    }
}

#[test]
fn strangers_are_ignored() {
    let mut scheduler = Scheduler::default();
    scheduler.charge(7, u64::MAX);
    scheduler.yield_turn(7);
    scheduler.remove(7);
    scheduler.forget(7);
    assert_eq!(scheduler.next(), None);
    scheduler.add(1, at(Priority::Low));
    scheduler.forget(1);
    scheduler.charge(1, u64::MAX);
    assert_eq!(scheduler.next(), None);
}

#[test]
fn under_fair_shares_are_as_tickets() {
    let mut scheduler = with(Word::Fair);
    let levels = [Priority::Low, Priority::Normal, Priority::High];
    for (id, level) in levels.iter().enumerate() {
        scheduler.add(id as u32, at(*level));
    }
    scheduler.add(9, at(Priority::Idle));
    let used = share(&mut scheduler, 2100 * MS, 5 * MS);
    // 1 : 4 : 16, each to a turn.
    for (id, ideal) in [(0, 100 * MS), (1, 400 * MS), (2, 1600 * MS)] {
        assert!(used[&id].abs_diff(ideal) <= QUANTUM_NS, "{used:?}");
    }
    assert!(!used.contains_key(&9));
}

#[test]
fn under_priority_and_fair_short_turns_are_made_up_for() {
    for word in [Word::Priority, Word::Fair] {
        let mut scheduler = with(word);
        scheduler.add(1, at(Priority::Normal));
        scheduler.add(2, at(Priority::Normal));
        let mut used = [0u64; 3];
        for _ in 0..10_000 {
            let id = scheduler.next().unwrap();
            // The second blocks after each millisecond, and is back at once.
            scheduler.charge(id, MS);
            used[id as usize] += MS;
            if id == 2 {
                scheduler.remove(2);
                scheduler.add(2, at(Priority::Normal));
            }
        }
        assert!(
            used[1].abs_diff(used[2]) <= 2 * QUANTUM_NS,
            "{word} {used:?}"
        );
    }
}

#[test]
fn sleep_saves_up_no_time() {
    for word in Word::ALL {
        let mut scheduler = with(*word);
        for id in [1, 2] {
            scheduler.add(id, at(Priority::Normal));
        }
        scheduler.remove(2);
        share(&mut scheduler, 10_000 * MS, 5 * MS);
        scheduler.add(2, at(Priority::Normal));
        let used = share(&mut scheduler, 400 * MS, 5 * MS);
        assert!(used[&1] >= 100 * MS, "{word}: {used:?}");
        assert!(used[&2] >= 100 * MS, "{word}: {used:?}");
    }
}

#[test]
fn under_round_robin_priority_does_not_matter() {
    let mut scheduler = with(Word::RoundRobin);
    scheduler.add(1, at(Priority::Low));
    scheduler.add(2, at(Priority::High));
    let used = share(&mut scheduler, 200 * MS, 10 * MS);
    assert_eq!(used[&1], used[&2]);
}

#[test]
fn under_adaptive_who_waits_runs_before_who_computes() {
    let mut scheduler = with(Word::Adaptive);
    for id in 1..=3 {
        scheduler.add(id, at(Priority::Normal));
    }
    // The third wakes for a millisecond in each ten; the others compute.
    scheduler.remove(3);
    share(&mut scheduler, 100 * MS, 5 * MS);
    for _ in 0..8 {
        scheduler.add(3, at(Priority::Normal));
        assert_eq!(scheduler.next(), Some(3));
        scheduler.charge(3, MS);
        scheduler.remove(3);
        share(&mut scheduler, 9 * MS, MS);
    }
}

#[test]
fn under_adaptive_waiting_just_in_time_gains_nothing() {
    let mut scheduler = with(Word::Adaptive);
    scheduler.add(1, at(Priority::Normal));
    scheduler.add(2, at(Priority::Normal));
    let mut used = [0u64; 3];
    for _ in 0..4000 {
        let id = scheduler.next().unwrap();
        scheduler.charge(id, MS);
        used[id as usize] += MS;
        // The second waits whenever one millisecond of a quantum is left.
        if id == 2 && used[2] % QUANTUM_NS == QUANTUM_NS - MS {
            scheduler.remove(2);
            scheduler.add(2, at(Priority::Normal));
        }
    }
    assert!(used[1] * 10 >= used[2] * 8, "{used:?}");
}

#[test]
fn no_policy_starves_a_peer() {
    for word in Word::ALL {
        let mut scheduler = with(*word);
        for id in 0..50 {
            scheduler.add(id, at(Priority::Normal));
        }
        let used = share(&mut scheduler, 20_000 * MS, 5 * MS);
        assert_eq!(used.len(), 50, "{word}");
        let (least, most) = (used.values().min().unwrap(), used.values().max().unwrap());
        // A turn or two; the longest of the feedback queue are of eight quanta.
        let turn = if *word == Word::Adaptive {
            8 * QUANTUM_NS
        } else {
            QUANTUM_NS
        };
        assert!(most - least <= 2 * turn, "{word}: {least} to {most}");
    }
}

#[test]
fn one_who_yields_lets_a_peer_run_whatever_the_accounts_say() {
    for word in Word::ALL {
        let mut scheduler = with(*word);
        scheduler.add(1, at(Priority::Normal));
        scheduler.add(2, at(Priority::Normal));
        share(&mut scheduler, 10 * MS, 5 * MS);
        assert_eq!(scheduler.next(), Some(2), "{word}");
        scheduler.charge(2, 1);
        scheduler.yield_turn(2);
        assert_eq!(scheduler.next(), Some(1), "{word}");
    }
}

#[test]
fn caretakers_and_realtime_cannot_lock_each_other_out() {
    for word in Word::ALL {
        let mut scheduler = with(*word);
        for id in 10..1010 {
            scheduler.add(id, at(Priority::Realtime));
        }
        share(&mut scheduler, 500 * MS, 5 * MS);
        for id in [1, 2] {
            scheduler.add(id, CARETAKER);
        }
        // At once, and then every other turn at least.
        let mut turns = Vec::new();
        for _ in 0..20 {
            let id = scheduler.next().unwrap();
            turns.push(id < 10);
            scheduler.charge(id, 200 * MS);
        }
        assert!(turns[0], "{word}");
        assert!(
            turns.windows(2).all(|two| two[0] != two[1]),
            "{word} {turns:?}"
        );
        // Nobody else keeps caretakers waiting at all.
        for id in 10..1010 {
            scheduler.forget(id);
            scheduler.add(id, at(Priority::High));
        }
        assert!(
            share(&mut scheduler, 100 * MS, 5 * MS)
                .keys()
                .all(|id| *id < 10)
        );
    }
}

#[test]
fn a_policy_from_elsewhere_can_take_over() {
    /// The latest first: no policy that anybody wants, but one of its own.
    #[derive(Debug, Default)]
    struct Latest(u64);
    impl Policy for Latest {
        fn word(&self) -> Word {
            Word::Adaptive
        }
        fn place(&mut self, _: &mut Account) -> Place {
            self.0 += 1;
            Place {
                band: 0,
                key: u64::MAX - self.0,
            }
        }
        fn ran(&mut self, _: &mut Account, _: Place, _: u64, _: u64) {}
    }
    let mut scheduler = Scheduler::default();
    for id in 1..=3 {
        scheduler.add(id, at(Priority::Normal));
    }
    scheduler.swap_policy(Box::new(Latest::default()), QUANTUM_NS);
    assert_eq!(scheduler.next(), Some(3));
    scheduler.remove(3);
    assert_eq!(scheduler.next(), Some(2));
}

#[derive(Debug, Clone)]
enum Step {
    Add(u8, Priority, bool),
    Remove(u8),
    Forget(u8),
    Run(u32),
    Yield,
    Switch(Word, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0..12u8;
    let priority = proptest::sample::select(Priority::ALL);
    let word = proptest::sample::select(Word::ALL);
    prop_oneof![
        (id(), priority, proptest::bool::weighted(0.1)).prop_map(|(a, b, c)| Step::Add(a, b, c)),
        id().prop_map(Step::Remove),
        id().prop_map(Step::Forget),
        (0..30_000_000u32).prop_map(Step::Run),
        Just(Step::Yield),
        (word, 0..50 * MS).prop_map(|(word, quantum)| Step::Switch(word, quantum)),
    ]
}

proptest! {
    /// Whatever happens, the queue holds whom it should, the next one is among
    /// them, and bands are never jumped.
    #[test]
    fn nobody_is_lost_and_levels_hold(steps in proptest::collection::vec(step(), 0..200)) {
        let mut scheduler = Scheduler::<u8>::default();
        let mut model: BTreeMap<u8, Standing> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Add(id, priority, is_caretaker) => {
                    let standing = Standing { priority, is_caretaker };
                    model.entry(id).or_insert(standing);
                    scheduler.add(id, standing);
                }
                Step::Remove(id) => {
                    model.remove(&id);
                    scheduler.remove(id);
                }
                Step::Forget(id) => {
                    model.remove(&id);
                    scheduler.forget(id);
                }
                Step::Run(ns) => {
                    if let Some(id) = scheduler.next() {
                        scheduler.charge(id, ns.into());
                    }
                }
                Step::Yield => {
                    if let Some(id) = scheduler.next() {
                        scheduler.yield_turn(id);
                    }
                }
                Step::Switch(word, quantum) => scheduler.set_policy(word, quantum),
            }
            let queued: BTreeSet<u8> = (0..12).filter(|id| scheduler.contains(*id)).collect();
            let wanted: BTreeSet<u8> = model.keys().copied().collect();
            prop_assert_eq!(queued, wanted);
            prop_assert_eq!(scheduler.next().is_some(), !model.is_empty());
            let Some(next) = scheduler.next().map(|id| model[&id]) else { continue };
            if next.is_caretaker || next.priority == Priority::Realtime {
                continue;
            }
            for other in model.values() {
                prop_assert!(!other.is_caretaker && other.priority != Priority::Realtime);
                let is_strict = matches!(scheduler.policy(), Word::Priority | Word::Adaptive);
                prop_assert!(!is_strict || other.priority <= next.priority);
                let is_idle = next.priority == Priority::Idle;
                prop_assert!(!is_idle || other.priority == Priority::Idle);
            }
        }
    }

    /// Waldspurger and Weihl's bound: nobody is further from its share than a turn
    /// of its own and one of each other.
    #[test]
    fn stride_keeps_its_error_bounded(count in 2..20u32, turns in 1..500u64, step in 1..10u64) {
        for word in [Word::Fair, Word::Priority] {
            let mut scheduler = with(word);
            for id in 0..count {
                scheduler.add(id, at(Priority::Normal));
            }
            let total = turns * QUANTUM_NS;
            let used = share(&mut scheduler, total, step * MS);
            let ideal = used.values().sum::<u64>() / u64::from(count);
            for id in 0..count {
                let got = used.get(&id).copied().unwrap_or_default();
                prop_assert!(got.abs_diff(ideal) <= 2 * QUANTUM_NS, "{}: {:?}", word, used);
            }
        }
    }
}
