//! Caps on processor time: so much of each period, and no more.
//!
//! Time is counted to the nanosecond. The clock ticks more coarsely than a small
//! budget is, so a process may run over it; what it took too much is owed, and
//! paid back out of the periods that follow. Over many periods the cap is exact.

use proviso_abi::Percent;

/// Budgets are renewed this often.
pub const PERIOD_NS: u64 = 100_000_000;

/// The cap of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuCap {
    percent: Option<Percent>,
    /// Time used that no budget has paid for yet.
    owed_ns: u64,
}

impl CpuCap {
    /// The share of the processor it may have, if there is a cap.
    #[must_use]
    pub const fn percent(&self) -> Option<Percent> {
        self.percent
    }

    /// Sets the cap, or takes it away: 100 percent are none. What is owed stays
    /// so, else a process could pay by setting its cap again.
    pub fn set(&mut self, percent: Percent) {
        self.percent = Some(percent).filter(|percent| percent.get() < 100);
        if self.percent.is_none() {
            self.owed_ns = 0;
        }
    }

    /// Takes time that was used off the budget.
    pub const fn charge(&mut self, used_ns: u64) {
        if self.percent.is_some() {
            self.owed_ns = self.owed_ns.saturating_add(used_ns);
        }
    }

    /// Whether the budget is spent, so that it may not run before it is renewed.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.percent
            .is_some_and(|percent| self.owed_ns >= budget_ns(percent))
    }

    /// So many periods have passed.
    pub fn renew(&mut self, periods: u64) {
        if let Some(percent) = self.percent {
            let paid = budget_ns(percent).saturating_mul(periods);
            self.owed_ns = self.owed_ns.saturating_sub(paid);
        }
    }
}

const fn budget_ns(percent: Percent) -> u64 {
    PERIOD_NS / 100 * percent.get() as u64
}

/// When budgets were renewed last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Periods {
    number: u64,
}

impl Periods {
    /// How many periods have passed since it was last asked.
    pub const fn passed(&mut self, now_ns: u64) -> u64 {
        let number = now_ns / PERIOD_NS;
        let passed = number.saturating_sub(self.number);
        self.number = number;
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_cap_is_never_spent() {
        let mut cap = CpuCap::default();
        cap.charge(u64::MAX);
        assert!(!cap.is_spent());
        cap.set(Percent::new(5).unwrap());
        cap.charge(PERIOD_NS);
        assert!(cap.is_spent());
        cap.set(Percent::new(100).unwrap());
        assert!(!cap.is_spent());
        assert_eq!(cap.percent(), None);
    }

    proptest! {
        /// One who always wants to run, in steps as fine as a tick or coarser,
        /// gets its percentage of many periods, to within a step and a budget.
        #[test]
        fn is_exact_over_many_periods(
            percent in 1..100u8,
            step_ms in proptest::sample::select(&[1, 2, 4, 5, 10, 20, 25][..]),
            periods in 20..200u64,
        ) {
            let (mut cap, mut clock) = (CpuCap::default(), Periods::default());
            cap.set(Percent::new(percent).unwrap());
            let step_ns = step_ms * 1_000_000;
            let (mut now, mut used) = (0, 0);
            while now < periods * PERIOD_NS {
                now += step_ns;
                if !cap.is_spent() {
                    cap.charge(step_ns);
                    used += step_ns;
                }
                cap.renew(clock.passed(now));
            }
            let ideal = now / 100 * u64::from(percent);
            let slack = step_ns + budget_ns(Percent::new(percent).unwrap());
            prop_assert!(used.abs_diff(ideal) <= slack, "{} of {}", used, ideal);
        }
    }
}
