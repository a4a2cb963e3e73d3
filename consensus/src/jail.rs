//! How members did as leaders of a term: strikes, growing spans in jail, redemption. It dies with the term.
//!
//! Whom to pass over is the scheduler's judgement, but its announcements tell it: everyone who follows them has the same
//! records.

use crate::messages::{Announcement, SkipReason};
use crate::types::Epoch;
use alloy_primitives::Address;
use std::collections::BTreeMap;

/// The first strikes cost a leader its epoch alone; from this one on it is jailed.
const STRIKES_TO_JAIL: u32 = 2;

/// No span in jail is longer, in epochs.
const LONGEST_SPAN: u64 = 64;

/// A failure that cost a leader its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The epoch.
    pub epoch: Epoch,
    /// What it failed at.
    pub reason: SkipReason,
}

/// A member's record in this term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Failures since the last epoch that it led to the end.
    pub strikes: u32,
    /// Its newest failure, redeemed or not.
    pub last_strike: Option<Strike>,
    /// The first epoch that it may lead again; 0 if it is not jailed, or was redeemed since.
    pub jailed_until: Epoch,
    /// How often it cleared its strikes by leading an epoch to the end.
    pub redemptions: u32,
}

/// The records of a term.
#[derive(Clone, Debug, Default)]
pub struct Jail {
    records: BTreeMap<Address, Record>,
}

impl Jail {
    /// Takes in what an announcement tells of the epoch `before` it, of the same term: led to its end, or cut short because
    /// its leader failed. A leader that left is no failure.
    pub fn follow(&mut self, before: &Announcement, next: &Announcement) {
        if next.first > before.last {
            return self.redeem(before.leader);
        }
        let skip = next.skipped.iter().find(|skip| skip.sequencer == before.leader);
        if let Some(reason) = skip.map(|skip| skip.reason).filter(|reason| *reason != SkipReason::Left) {
            self.strike(before.leader, Strike { epoch: before.epoch, reason });
        }
    }

    /// A repeat offender sits out 2, 4, 8 … epochs, 64 at most.
    fn strike(&mut self, leader: Address, strike: Strike) {
        let record = self.records.entry(leader).or_default();
        record.strikes = record.strikes.saturating_add(1);
        record.last_strike = Some(strike);
        if record.strikes >= STRIKES_TO_JAIL {
            let span = 1u64.checked_shl(record.strikes - 1).unwrap_or(LONGEST_SPAN).min(LONGEST_SPAN);
            record.jailed_until = Epoch(strike.epoch.0.saturating_add(1).saturating_add(span));
        }
    }

    fn redeem(&mut self, leader: Address) {
        let Some(record) = self.records.get_mut(&leader).filter(|record| record.strikes > 0) else { return };
        record.strikes = 0;
        record.jailed_until = Epoch(0);
        record.redemptions = record.redemptions.saturating_add(1);
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
    use crate::messages::Skip;
    use crate::testing::address;
    use crate::types::{Era, Height, Term};
    use alloy_primitives::B256;

    /// An epoch of the first member over these heights; `skipped` are passed over.
    fn epoch(epoch: u64, heights: (u64, u64), skipped: &[(u8, SkipReason)]) -> Announcement {
        Announcement {
            era: Era(0),
            term: Term(1),
            epoch: Epoch(epoch),
            leader: address(1),
            first: Height(heights.0),
            last: Height(heights.1),
            parent: B256::ZERO,
            previous: B256::ZERO,
            skipped: skipped
                .iter()
                .map(|(member, reason)| Skip { sequencer: address(*member), reason: *reason })
                .collect(),
        }
    }

    /// The first member's epochs are cut short at these numbers for these reasons.
    fn failing(failures: &[(u64, SkipReason)]) -> Jail {
        let mut jail = Jail::default();
        for (number, reason) in failures {
            let next = epoch(number + 1, (13, 20), &[(1, *reason), (2, SkipReason::Silent)]);
            jail.follow(&epoch(*number, (11, 18), &[]), &next);
        }
        jail
    }

    #[test]
    fn spans_grow_and_end() {
        let late = |epoch| (epoch, SkipReason::Late);
        let once = failing(&[late(10)]);
        assert_eq!(once.record(address(1)).jailed_until, Epoch(0));
        assert!(!once.holds(address(1), Epoch(11)));
        let twice = failing(&[late(10), late(11)]);
        assert!(twice.holds(address(1), Epoch(13)));
        assert!(!twice.holds(address(1), Epoch(14)));
        let often = failing(&[late(20); 100]);
        assert_eq!(often.record(address(1)).jailed_until, Epoch(85));
    }

    #[test]
    fn the_record_says_what_it_failed_at_last() {
        let jail = failing(&[(4, SkipReason::Late), (9, SkipReason::Invalid)]);
        let record = jail.record(address(1));
        assert_eq!((record.strikes, record.jailed_until), (2, Epoch(12)));
        assert_eq!(record.last_strike, Some(Strike { epoch: Epoch(9), reason: SkipReason::Invalid }));
        assert_eq!(jail.record(address(2)), Record::default(), "who only was silent did not fail as a leader");
    }

    #[test]
    fn an_epoch_led_to_its_end_redeems_and_the_last_failure_stays_known() {
        let mut jail = failing(&[(1, SkipReason::Late), (2, SkipReason::Late)]);
        jail.follow(&epoch(6, (21, 28), &[]), &epoch(7, (29, 36), &[]));
        let record = jail.record(address(1));
        assert_eq!((record.strikes, record.jailed_until, record.redemptions), (0, Epoch(0), 1));
        assert_eq!(record.last_strike, Some(Strike { epoch: Epoch(2), reason: SkipReason::Late }));
        // There is nothing to redeem twice.
        jail.follow(&epoch(8, (37, 44), &[]), &epoch(9, (45, 52), &[]));
        assert_eq!(jail.record(address(1)).redemptions, 1);
    }

    #[test]
    fn a_leader_that_leaves_is_not_struck() {
        assert_eq!(failing(&[(3, SkipReason::Left)]).record(address(1)), Record::default());
    }
}
