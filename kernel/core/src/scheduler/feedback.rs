//! `adaptive`: five strict levels, and within each a multilevel feedback queue
//! (Corbató and others, "An Experimental Time-Sharing System", 1962, in the form
//! of Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter 8).
//!
//! Who uses up its allotment goes one step down and gets longer turns there; who
//! waits for something before keeps its step, so the interactive run before the
//! busy without anybody saying which is which. The allotment counts across
//! waits, so waiting just before the end of a quantum gains nothing. Once in a
//! second of processor time everybody begins at the top again, so nobody of a
//! level starves and who changes its ways is found out.

use proviso_abi::words::Policy as Word;

use super::policy::{Account, Policy, own_band};
use super::ready::Place;

/// Steps of each level.
const STEPS: u8 = 4;
/// Everybody begins at the top again after so much processor time.
pub const BOOST_NS: u64 = 1_000_000_000;

/// The feedback queues.
#[derive(Debug, Default)]
pub struct Feedback {
    /// Processor time since the last boost.
    since_ns: u64,
    /// Counts boosts.
    epoch: u64,
    is_due: bool,
}

impl Feedback {
    /// Forgets what was before the last boost.
    const fn refresh(&self, account: &mut Account) {
        if account.epoch != self.epoch {
            account.epoch = self.epoch;
            account.demotions = 0;
            account.used_ns = 0;
        }
    }
}

/// The quantum is doubled with every step down.
const fn allotment_ns(demotions: u8, quantum_ns: u64) -> u64 {
    quantum_ns.saturating_mul(1 << demotions)
}

impl Policy for Feedback {
    fn word(&self) -> Word {
        Word::Adaptive
    }

    fn place(&mut self, account: &mut Account) -> Place {
        self.refresh(account);
        Place {
            band: own_band(account.priority) * STEPS + account.demotions,
            key: 0,
        }
    }

    fn turn_ns(&self, account: &Account, quantum_ns: u64) -> u64 {
        allotment_ns(account.demotions, quantum_ns).saturating_sub(account.used_ns)
    }

    fn ran(&mut self, account: &mut Account, _: Place, used_ns: u64, quantum_ns: u64) {
        self.since_ns = self.since_ns.saturating_add(used_ns);
        if self.since_ns >= BOOST_NS {
            self.since_ns = 0;
            self.epoch = self.epoch.wrapping_add(1);
            self.is_due = true;
        }
        self.refresh(account);
        account.used_ns = account.used_ns.saturating_add(used_ns);
        if account.used_ns >= allotment_ns(account.demotions, quantum_ns) {
            account.used_ns = 0;
            account.demotions = account.demotions.saturating_add(1).min(STEPS - 1);
        }
    }

    fn reorders(&mut self) -> bool {
        core::mem::take(&mut self.is_due)
    }
}
