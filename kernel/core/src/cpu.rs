//! Who used how much of the processor, over about the last second.

/// The length of a slot of the window.
const SLOT_NS: u64 = 125_000_000;
/// The slots of the window; the newest is still filling.
const SLOTS: usize = 9;

/// Time used in a sliding window of one second and the slot that is filling.
#[derive(Debug, Clone, Default)]
pub struct CpuMeter {
    used_ns: [u64; SLOTS],
    /// The number of the newest slot, counted from boot.
    newest: u64,
    total_ns: u64,
}

impl CpuMeter {
    /// Adds time used up to `now_ns`. A run is at most a few milliseconds long,
    /// so all of it is put where it ended.
    pub fn add(&mut self, now_ns: u64, used_ns: u64) {
        self.total_ns = self.total_ns.saturating_add(used_ns);
        let slot = now_ns / SLOT_NS;
        if slot > self.newest {
            self.advance(slot);
        }
        if let Some(entry) = self.used_ns.get_mut(index(slot)) {
            *entry = entry.saturating_add(used_ns);
        }
    }

    #[cold]
    fn advance(&mut self, slot: u64) {
        // Slots that passed unused since are cleared, each at most once.
        for passed in (self.newest + 1..=slot).rev().take(SLOTS) {
            if let Some(entry) = self.used_ns.get_mut(index(passed)) {
                *entry = 0;
            }
        }
        self.newest = slot;
    }

    /// All time used, ever.
    #[must_use]
    pub const fn total_ns(&self) -> u64 {
        self.total_ns
    }

    /// The share of the window up to `now_ns`, in percent, rounded.
    #[must_use]
    pub fn share(&self, now_ns: u64) -> u8 {
        let slot = now_ns / SLOT_NS;
        let oldest = slot.saturating_sub(SLOTS as u64 - 1);
        let window = now_ns - oldest * SLOT_NS;
        let used: u64 = (oldest..=slot.min(self.newest))
            .filter(|slot| *slot + SLOTS as u64 > self.newest)
            .filter_map(|slot| self.used_ns.get(index(slot)))
            .sum();
        // Both are about a second: no product overflows.
        let percent = used.saturating_mul(100).saturating_add(window / 2) / window.max(1);
        percent.min(100) as u8
    }
}

const fn index(slot: u64) -> usize {
    (slot % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_share_is_that_of_the_last_second() {
        let mut meter = CpuMeter::default();
        for tick in 1..=400 {
            // Busy for half of each 10 ms, for four seconds.
            meter.add(tick * 10 * MS, 5 * MS);
        }
        // Each run counts where it ended, so one may be over the edge.
        assert_eq!(meter.share(4000 * MS), 51);
        assert_eq!(meter.total_ns(), 2000 * MS);
        assert_eq!(meter.share(4500 * MS), 26);
        assert_eq!(meter.share(9000 * MS), 0);
    }

    #[test]
    fn one_who_was_idle_for_long_starts_afresh() {
        let mut meter = CpuMeter::default();
        meter.add(500 * MS, 500 * MS);
        meter.add(100_000 * MS, 10 * MS);
        assert_eq!(meter.share(100_000 * MS), 1);
    }

    proptest! {
        #[test]
        fn never_panics_nor_exceeds_a_hundred(steps: Vec<(u32, u32)>) {
            let (mut meter, mut now, mut total) = (CpuMeter::default(), 0u64, 0u64);
            for (pause, used) in steps {
                now += u64::from(pause) + u64::from(used);
                total += u64::from(used);
                meter.add(now, used.into());
                prop_assert!(meter.share(now) <= 100);
            }
            prop_assert_eq!(meter.total_ns(), total);
        }
    }
}
