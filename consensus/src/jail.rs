//! The scheduler's judgement of leaders that fail: strikes, growing spans in jail, redemption. It dies with the term.

use crate::types::Epoch;
use alloy_primitives::Address;
use std::collections::BTreeMap;

/// The first strikes cost a leader its epoch alone; from this one on it is jailed.
const STRIKES_TO_JAIL: u32 = 2;

/// No span in jail is longer, in epochs.
const LONGEST_SPAN: u64 = 64;

/// A member's record in this term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Failures since the last epoch that it led to the end.
    pub strikes: u32,
    /// The first epoch that it may lead again; 0 if it was never jailed.
    pub jailed_until: Epoch,
}

/// The records of a term.
#[derive(Clone, Debug, Default)]
pub struct Jail {
    records: BTreeMap<Address, Record>,
}

impl Jail {
    /// Notes that `leader` failed in `epoch`. A repeat offender sits out 2, 4, 8 … epochs, 64 at most.
    pub fn strike(&mut self, leader: Address, epoch: Epoch) -> Record {
        let record = self.records.entry(leader).or_default();
        record.strikes = record.strikes.saturating_add(1);
        if record.strikes >= STRIKES_TO_JAIL {
            let span = 1u64.checked_shl(record.strikes - 1).unwrap_or(LONGEST_SPAN).min(LONGEST_SPAN);
            record.jailed_until = Epoch(epoch.0.saturating_add(1).saturating_add(span));
        }
        *record
    }

    /// Notes that `leader` led an epoch to its end, which clears its strikes.
    pub fn redeem(&mut self, leader: Address) {
        self.records.remove(&leader);
    }

    /// Whether this member sits out `epoch`.
    #[must_use]
    pub fn holds(&self, member: Address, epoch: Epoch) -> bool {
        epoch < self.record(member).jailed_until
    }

    /// The member's record.
    #[must_use]
    pub fn record(&self, member: Address) -> Record {
        self.records.get(&member).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::address;

    #[test]
    fn spans_grow_and_end() {
        let mut jail = Jail::default();
        let leader = address(1);
        assert_eq!(jail.strike(leader, Epoch(10)).jailed_until, Epoch(0));
        assert!(!jail.holds(leader, Epoch(11)));
        jail.strike(leader, Epoch(11));
        assert!(jail.holds(leader, Epoch(13)));
        assert!(!jail.holds(leader, Epoch(14)));
        for _ in 0..100 {
            jail.strike(leader, Epoch(20));
        }
        assert_eq!(jail.record(leader).jailed_until, Epoch(85));
    }

    #[test]
    fn an_epoch_led_to_its_end_redeems() {
        let mut jail = Jail::default();
        jail.strike(address(1), Epoch(1));
        jail.strike(address(1), Epoch(2));
        jail.redeem(address(1));
        assert_eq!(jail.record(address(1)), Record::default());
    }
}
