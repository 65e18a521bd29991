//! `fair` and `priority`: processor time in exact proportion, by stride scheduling
//! (Waldspurger and Weihl, "Stride Scheduling: Deterministic Proportional-Share
//! Resource Management", MIT/LCS/TM-528, 1995).
//!
//! A client's pass is its virtual time: it grows with the time it ran, the slower
//! the more tickets it has. The lowest pass runs. Who waits for something keeps
//! what it is ahead of the others (the paper's `remain`), and nothing it is
//! behind: sleeping saves up no time. Turns that end early count for what they
//! were (fractional quanta).
//!
//! Under `fair`, low, normal and high share one band with 1 : 4 : 16 tickets, so
//! nobody between them starves. Under `priority` each level has its own band and
//! everybody in it the same tickets.

use proviso_abi::Priority;
use proviso_abi::words::Policy as Word;

use super::policy::{Account, Policy, own_band, shared_band};
use super::ready::Place;

const BANDS: usize = Priority::ALL.len();
/// The most tickets that anybody has.
const MOST_TICKETS: u64 = 16;

/// Proportional shares within bands.
#[derive(Debug)]
pub struct Stride {
    is_weighted: bool,
    /// By band: the virtual time, that of the last who ran in it.
    virtual_ns: [u64; BANDS],
}

impl Stride {
    /// Low, normal and high share by weight.
    #[must_use]
    pub const fn fair() -> Self {
        Self {
            is_weighted: true,
            virtual_ns: [0; BANDS],
        }
    }

    /// Each level by itself, the more urgent first.
    #[must_use]
    pub const fn by_level() -> Self {
        Self {
            is_weighted: false,
            virtual_ns: [0; BANDS],
        }
    }

    const fn band(&self, priority: Priority) -> u8 {
        if self.is_weighted {
            shared_band(priority)
        } else {
            own_band(priority)
        }
    }

    const fn tickets(&self, priority: Priority) -> u64 {
        match priority {
            Priority::Low if self.is_weighted => 1,
            Priority::Normal if self.is_weighted => 4,
            _ => MOST_TICKETS,
        }
    }

    fn virtual_ns(&self, band: u8) -> u64 {
        self.virtual_ns
            .get(usize::from(band))
            .copied()
            .unwrap_or_default()
    }
}

impl Policy for Stride {
    fn word(&self) -> Word {
        if self.is_weighted {
            Word::Fair
        } else {
            Word::Priority
        }
    }

    fn place(&mut self, account: &mut Account) -> Place {
        let band = self.band(account.priority);
        Place {
            band,
            key: self.virtual_ns(band).saturating_add(account.ahead),
        }
    }

    fn ran(&mut self, account: &mut Account, place: Place, used_ns: u64, _: u64) {
        // Whoever ran was the first of its band, so its pass is the band's time.
        if used_ns > 0
            && let Some(now) = self.virtual_ns.get_mut(usize::from(place.band))
        {
            *now = place.key.max(*now);
        }
        let stride = MOST_TICKETS / self.tickets(account.priority);
        let pass = place.key.saturating_add(used_ns.saturating_mul(stride));
        account.ahead = pass.saturating_sub(self.virtual_ns(place.band));
    }
}
