//! Bans of whole ranges: what an attacker with many identities cannot change as easily.

use super::{OFFENDERS_PER_RANGE, RANGE_MEMORY, ban_length, remembered};
use crate::gate::AddressRange;
use libp2p::PeerId;
use std::{
    collections::{HashMap, VecDeque},
    time::SystemTime,
};

/// Ranges that are remembered.
const MAX_RANGES: usize = 1024;

/// The ban of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RangeBan {
    pub(crate) since: SystemTime,
    pub(crate) until: SystemTime,
}

#[derive(Clone, Debug)]
pub(super) struct RangeRecord {
    /// Peers of the range that were banned lately, the newest last.
    pub(super) offenders: VecDeque<(PeerId, SystemTime)>,
    pub(super) ban: Option<RangeBan>,
    pub(super) bans: u32,
    /// When the last ban ends.
    pub(super) last: SystemTime,
}

impl RangeRecord {
    fn ban_at(&self, now: SystemTime) -> Option<RangeBan> {
        self.ban.filter(|ban| ban.until > now)
    }

    fn bans_at(&self, now: SystemTime) -> u32 {
        remembered(self.bans, now.duration_since(self.last).unwrap_or_default())
    }

    fn drop_old(&mut self, now: SystemTime) {
        self.offenders.retain(|(_, at)| now.duration_since(*at).unwrap_or_default() < RANGE_MEMORY);
    }

    fn is_over(&self, now: SystemTime) -> bool {
        self.offenders.is_empty() && self.ban_at(now).is_none() && self.bans_at(now) == 0
    }
}

/// The ranges against which something is held.
#[derive(Debug, Default)]
pub(super) struct Ranges(pub(super) HashMap<AddressRange, RangeRecord>);

impl Ranges {
    /// A peer of the range was banned.
    pub(super) fn blame(&mut self, range: AddressRange, peer: PeerId, now: SystemTime) {
        if self.0.len() >= MAX_RANGES && !self.0.contains_key(&range) {
            let least = self.0.iter().min_by_key(|(_, record)| {
                (record.ban_at(now).map(|ban| ban.until), record.bans_at(now), record.offenders.len(), record.last)
            });
            if let Some(range) = least.map(|(range, _)| *range) {
                self.0.remove(&range);
            }
        }
        let record = self.0.entry(range).or_insert_with(|| RangeRecord {
            offenders: VecDeque::new(),
            ban: None,
            bans: 0,
            last: SystemTime::UNIX_EPOCH,
        });
        record.drop_old(now);
        if !record.offenders.iter().any(|(known, _)| *known == peer) {
            record.offenders.push_back((peer, now));
        }
        if record.offenders.len() >= OFFENDERS_PER_RANGE && record.ban_at(now).is_none() {
            let until = now + ban_length(record.bans_at(now));
            record.ban = Some(RangeBan { since: now, until });
            record.bans = record.bans_at(now).saturating_add(1);
            record.last = until;
            record.offenders.clear();
        }
    }

    pub(super) fn banned(&self, range: AddressRange, now: SystemTime) -> Option<RangeBan> {
        self.0.get(&range)?.ban_at(now)
    }

    pub(super) fn all_banned(&self, now: SystemTime) -> impl Iterator<Item = (AddressRange, RangeBan)> {
        self.0.iter().filter_map(move |(range, record)| Some((*range, record.ban_at(now)?)))
    }

    pub(super) fn pardon(&mut self, range: AddressRange, now: SystemTime) -> bool {
        self.0.remove(&range).is_some_and(|record| record.ban_at(now).is_some())
    }

    pub(super) fn forget(&mut self, now: SystemTime) {
        for record in self.0.values_mut() {
            record.drop_old(now);
        }
        self.0.retain(|_, record| !record.is_over(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::penalties::{BAN_MEMORY, FIRST_BAN};

    const RANGE: AddressRange = AddressRange::V4([203, 0, 113]);

    #[test]
    fn many_identities_of_one_range_ban_it_for_a_while() {
        let mut ranges = Ranges::default();
        let now = SystemTime::UNIX_EPOCH + BAN_MEMORY;
        let peer = PeerId::random();
        for _ in 0..2 * OFFENDERS_PER_RANGE {
            ranges.blame(RANGE, peer, now);
        }
        assert!(ranges.banned(RANGE, now).is_none(), "one bad peer does not speak for its neighbours");
        for _ in 1..OFFENDERS_PER_RANGE {
            ranges.blame(RANGE, PeerId::random(), now);
        }
        let ban = ranges.banned(RANGE, now).unwrap();
        assert_eq!(ban.until, now + FIRST_BAN);
        assert!(ranges.banned(AddressRange::V4([203, 0, 114]), now).is_none());
        assert!(ranges.banned(RANGE, ban.until).is_none());
        for _ in 0..OFFENDERS_PER_RANGE {
            ranges.blame(RANGE, PeerId::random(), ban.until);
        }
        assert_eq!(ranges.banned(RANGE, ban.until).unwrap().until, ban.until + 2 * FIRST_BAN);
    }

    #[test]
    fn bans_far_apart_do_not_add_up() {
        let mut ranges = Ranges::default();
        let mut now = SystemTime::UNIX_EPOCH + BAN_MEMORY;
        for _ in 0..10 * OFFENDERS_PER_RANGE {
            ranges.blame(RANGE, PeerId::random(), now);
            now += RANGE_MEMORY / 2;
        }
        assert!(ranges.banned(RANGE, now).is_none());
        ranges.forget(now + RANGE_MEMORY);
        assert!(ranges.0.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut ranges = Ranges::default();
        for number in 0..2 * MAX_RANGES {
            let [.., a, b] = number.to_be_bytes();
            ranges.blame(AddressRange::V4([203, a, b]), PeerId::random(), SystemTime::UNIX_EPOCH);
        }
        assert_eq!(ranges.0.len(), MAX_RANGES);
    }
}
