//! How often a principal may ask: so many at once, and so many a second.
//!
//! What was given up counts like what was carried out, so asking and giving up
//! in turns gains nothing. The operator is not limited: a person types slowly,
//! and must be able to act while everybody else is noisy.

use alloc::collections::BTreeMap;

use crate::view::Principal;

/// Requests at once.
pub const BURST: u32 = 32;
/// One more comes back after this time.
pub const REFILL_NS: u64 = 125_000_000;
/// The most principals that are remembered: more than there can be processes.
const MAX_KNOWN: usize = 160;

/// What each principal has left.
#[derive(Debug, Default)]
pub struct Rates {
    /// When each will have everything back, in nanoseconds since boot.
    full_at_ns: BTreeMap<Principal, u64>,
}

impl Rates {
    /// Takes one request of a principal's; false if it asks too often.
    pub fn take(&mut self, principal: Principal, now_ns: u64) -> bool {
        if principal == Principal::Operator {
            return true;
        }
        if self.full_at_ns.len() >= MAX_KNOWN {
            // Who has everything back is as one who never asked.
            self.full_at_ns.retain(|_, full_at_ns| *full_at_ns > now_ns);
        }
        let full_at_ns = self.full_at_ns.get(&principal).copied().unwrap_or_default();
        let next = full_at_ns.max(now_ns).saturating_add(REFILL_NS);
        if next.saturating_sub(now_ns) > u64::from(BURST).saturating_mul(REFILL_NS) {
            return false;
        }
        self.full_at_ns.insert(principal, next);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_a_trickle() {
        let mut rates = Rates::default();
        let noisy = Principal::Process(4);
        assert!((0..BURST).all(|_| rates.take(noisy, 0)));
        assert!(!rates.take(noisy, 0));
        assert!(rates.take(Principal::Process(5), 0), "others are not hit");
        assert!((0..1000).all(|_| rates.take(Principal::Operator, 0)));
        assert!(rates.take(noisy, REFILL_NS) && !rates.take(noisy, REFILL_NS));
        assert!((0..BURST).all(|_| rates.take(noisy, 100 * REFILL_NS)));
    }
}
