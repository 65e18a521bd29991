//! `round_robin`: everybody in turn, whatever the priority; only realtime comes
//! before and idle after the rest.

use proviso_abi::words::Policy as Word;

use super::policy::{Account, Policy, shared_band};
use super::ready::Place;

/// Turn by turn. The queue keeps the order of arrival, so there is nothing to keep.
#[derive(Debug)]
pub struct Turns;

impl Policy for Turns {
    fn word(&self) -> Word {
        Word::RoundRobin
    }

    fn place(&mut self, account: &mut Account) -> Place {
        Place {
            band: shared_band(account.priority),
            key: 0,
        }
    }

    fn ran(&mut self, _: &mut Account, _: Place, _: u64, _: u64) {}
}
