//! The accounts of peers and ranges, and the bans that follow from them. It knows no clock: the caller says what time it is,
//! by the wall, because bans outlive the process.

use super::{
    MAX_CHARGES, Offence, RESERVED_BAN, ban_length,
    ranges::{RangeBan, Ranges},
    remembered,
    score::Score,
};
use crate::gate::AddressRange;
use libp2p::PeerId;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, SystemTime},
};

/// Peers that are remembered; identities are free, memory is not.
const MAX_PEERS: usize = 4096;

/// One offence, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What the peer did.
    pub offence: Offence,
    /// The kind of gossip or the protocol that it did it with.
    pub about: &'static str,
    /// When, by this node's clock.
    pub at: SystemTime,
}

/// Why a peer is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BanCause {
    /// The operator said so.
    Operator,
    /// This was the last of the offences that made it too much.
    Offence(Offence),
}

/// A ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Since when.
    pub since: SystemTime,
    /// Until when.
    pub until: SystemTime,
    /// Why.
    pub cause: BanCause,
}

/// What is held against a peer at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Points of faults, decayed; see [`super::BAN_AT`].
    pub faults: f64,
    /// Points of slowness, decayed.
    pub slowness: f64,
    /// The newest charges, oldest first; at most [`MAX_CHARGES`].
    pub charges: Vec<Charge>,
    /// The ban that holds now.
    pub ban: Option<Ban>,
    /// Bans that it had before and that still count, this one included.
    pub bans: u32,
}

/// What follows from a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// Nothing yet.
    Noted,
    /// The peer has to go, and is refused while it has too many points of faults.
    Disconnect,
    /// The peer is banned.
    Ban(Ban),
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) score: Score,
    pub(super) charges: VecDeque<Charge>,
    pub(super) ban: Option<Ban>,
    pub(super) bans: u32,
    /// When the last ban ends.
    pub(super) last_ban: SystemTime,
}

impl Record {
    pub(super) fn clean(now: SystemTime) -> Self {
        let (score, last_ban) = (Score::clean(now), SystemTime::UNIX_EPOCH);
        Self { score, charges: VecDeque::new(), ban: None, bans: 0, last_ban }
    }

    fn ban_at(&self, now: SystemTime) -> Option<Ban> {
        self.ban.filter(|ban| ban.until > now)
    }

    pub(super) fn bans_at(&self, now: SystemTime) -> u32 {
        remembered(self.bans, now.duration_since(self.last_ban).unwrap_or_default())
    }

    /// Whether nothing in it matters any more.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        self.ban_at(now).is_none() && self.bans_at(now) == 0 && self.score.at(now).is_clean()
    }

    fn impose(&mut self, length: Duration, cause: BanCause, now: SystemTime) -> Ban {
        let ban = Ban { since: now, until: now + length, cause };
        self.bans = self.bans_at(now).saturating_add(1);
        self.last_ban = ban.until;
        self.ban = Some(ban);
        self.score = Score::clean(now);
        ban
    }
}

/// Everyone's accounts.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(super) peers: HashMap<PeerId, Record>,
    pub(super) ranges: Ranges,
    /// Counts up with every change that is kept on disk.
    changes: u64,
}

impl Ledger {
    /// Charges a peer whose connections come from `ranges`; those are blamed as well if it is banned.
    pub(crate) fn charge(
        &mut self,
        peer: PeerId,
        (offence, about): (Offence, &'static str),
        reserved: bool,
        ranges: &[AddressRange],
        now: SystemTime,
    ) -> Sentence {
        let record = self.record(peer, now);
        if record.charges.len() >= MAX_CHARGES {
            record.charges.pop_front();
        }
        record.charges.push_back(Charge { offence, about, at: now });
        record.score.charge(offence.class(), now);
        if record.score.is_ban() && record.ban_at(now).is_none() {
            let length = if reserved { RESERVED_BAN } else { ban_length(record.bans_at(now)) };
            let ban = record.impose(length, BanCause::Offence(offence), now);
            if !reserved {
                for range in ranges {
                    self.ranges.blame(*range, peer, now);
                }
            }
            self.changes += 1;
            return Sentence::Ban(ban);
        }
        let too_slow = record.score.take_slowness();
        if !reserved && (too_slow || record.score.is_refused()) { Sentence::Disconnect } else { Sentence::Noted }
    }

    /// The operator bans a peer.
    pub(crate) fn ban(&mut self, peer: PeerId, length: Duration, now: SystemTime) -> Ban {
        self.changes += 1;
        self.record(peer, now).impose(length, BanCause::Operator, now)
    }

    /// Forgives a peer everything; tells whether it was banned.
    pub(crate) fn pardon(&mut self, peer: &PeerId, now: SystemTime) -> bool {
        self.changes += 1;
        self.peers.remove(peer).is_some_and(|record| record.ban_at(now).is_some())
    }

    /// Lifts the ban of a range; tells whether there was one.
    pub(crate) fn pardon_range(&mut self, range: AddressRange, now: SystemTime) -> bool {
        self.changes += 1;
        self.ranges.pardon(range, now)
    }

    /// Until when a peer is banned.
    pub(crate) fn banned(&self, peer: &PeerId, now: SystemTime) -> Option<Ban> {
        self.peers.get(peer)?.ban_at(now)
    }

    /// Whether a peer without a ban has too many points to be let in.
    pub(crate) fn refused(&self, peer: &PeerId, now: SystemTime) -> bool {
        self.peers.get(peer).is_some_and(|record| record.score.at(now).is_refused())
    }

    /// The ban of a range.
    pub(crate) fn range_ban(&self, range: AddressRange, now: SystemTime) -> Option<RangeBan> {
        self.ranges.banned(range, now)
    }

    /// All points against a peer.
    pub(crate) fn points(&self, peer: &PeerId, now: SystemTime) -> f64 {
        self.peers.get(peer).map_or(0.0, |record| record.score.at(now).total())
    }

    /// The points of faults against a peer.
    pub(crate) fn faults(&self, peer: &PeerId, now: SystemTime) -> f64 {
        self.peers.get(peer).map_or(0.0, |record| record.score.at(now).faults)
    }

    /// What is held against a peer.
    pub(crate) fn account(&self, peer: &PeerId, now: SystemTime) -> Account {
        let Some(record) = self.peers.get(peer) else { return Account::default() };
        let Score { faults, slowness, at: _ } = record.score.at(now);
        let charges = record.charges.iter().copied().collect();
        Account { faults, slowness, charges, ban: record.ban_at(now), bans: record.bans_at(now) }
    }

    /// The peers that are banned now.
    pub(crate) fn banned_peers(&self, now: SystemTime) -> impl Iterator<Item = (PeerId, Ban)> {
        self.peers.iter().filter_map(move |(peer, record)| Some((*peer, record.ban_at(now)?)))
    }

    /// The ranges that are banned now, and until when.
    pub(crate) fn banned_ranges(&self, now: SystemTime) -> impl Iterator<Item = (AddressRange, RangeBan)> {
        self.ranges.all_banned(now)
    }

    /// Drops what does not matter any more.
    pub(crate) fn forget(&mut self, now: SystemTime) {
        self.peers.retain(|_, record| !record.is_over(now));
        self.ranges.forget(now);
    }

    /// Another number than before if something changed that is to be kept.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    fn record(&mut self, peer: PeerId, now: SystemTime) -> &mut Record {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer) {
            self.make_room(now);
        }
        self.peers.entry(peer).or_insert_with(|| Record::clean(now))
    }

    /// Forgets the peer that matters least: bans that the operator made and those that last longest stay.
    fn make_room(&mut self, now: SystemTime) {
        let weight = |record: &Record| {
            let ban = record.ban_at(now);
            let by_operator = ban.is_some_and(|ban| ban.cause == BanCause::Operator);
            (by_operator, ban.map(|ban| ban.until), record.bans_at(now), record.score.at(now).total())
        };
        let least = self.peers.iter().min_by(|(_, one), (_, other)| {
            weight(one).partial_cmp(&weight(other)).unwrap_or(std::cmp::Ordering::Equal)
        });
        if let Some(peer) = least.map(|(peer, _)| *peer) {
            self.peers.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::penalties::{BAN_MEMORY, FIRST_BAN, HALF_LIFE, LONGEST_BAN};

    const RANGE: AddressRange = AddressRange::V4([203, 0, 113]);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)
    }

    fn offend(ledger: &mut Ledger, peer: PeerId, offence: Offence, now: SystemTime) -> Sentence {
        ledger.charge(peer, (offence, "seal"), false, &[RANGE], now)
    }

    #[test]
    fn what_a_rejected_message_leads_to() {
        let (mut ledger, peer, now) = (Ledger::default(), PeerId::random(), start());
        let sentences: Vec<_> = (0..5).map(|_| offend(&mut ledger, peer, Offence::InvalidGossip, now)).collect();
        assert_eq!(sentences[..4], [Sentence::Noted, Sentence::Noted, Sentence::Disconnect, Sentence::Disconnect]);
        let ban = ledger.banned(&peer, now).unwrap();
        assert_eq!(sentences[4], Sentence::Ban(ban));
        assert_eq!(ban.cause, BanCause::Offence(Offence::InvalidGossip));
        assert_eq!(ban.until, now + FIRST_BAN);
        assert!(ledger.banned(&peer, ban.until).is_none());
        assert_eq!(ledger.account(&peer, now).charges.len(), 5);
    }

    #[test]
    fn refusal_ends_as_points_decay() {
        let (mut ledger, peer, now) = (Ledger::default(), PeerId::random(), start());
        for _ in 0..3 {
            offend(&mut ledger, peer, Offence::UndecodableGossip, now);
        }
        assert!(ledger.refused(&peer, now));
        assert!(!ledger.refused(&peer, now + HALF_LIFE));
    }

    #[test]
    fn who_does_not_answer_is_sent_away_now_and_then_and_never_refused() {
        let (mut ledger, peer, now) = (Ledger::default(), PeerId::random(), start());
        let sentences: Vec<_> = (0..100).map(|_| offend(&mut ledger, peer, Offence::NoAnswer, now)).collect();
        let sent_away = sentences.iter().filter(|sentence| **sentence == Sentence::Disconnect).count();
        assert_eq!((sent_away, sentences[9]), (10, Sentence::Disconnect));
        assert!(!ledger.refused(&peer, now) && ledger.banned(&peer, now).is_none());
        assert_eq!(ledger.charge(peer, (Offence::NoAnswer, "status"), true, &[], now), Sentence::Noted);
    }

    #[test]
    fn bans_grow_with_repetition_and_are_forgotten() {
        let (mut ledger, peer, mut now) = (Ledger::default(), PeerId::random(), start());
        let mut lengths = Vec::new();
        for _ in 0..10 {
            let Sentence::Ban(ban) = offend(&mut ledger, peer, Offence::ServedLie, now) else { panic!("no ban") };
            lengths.push(ban.until.duration_since(now).unwrap());
            now = ban.until;
        }
        assert_eq!(lengths[..3], [FIRST_BAN, 2 * FIRST_BAN, 4 * FIRST_BAN]);
        assert_eq!(lengths[9], LONGEST_BAN);
        let bans = ledger.account(&peer, now).bans;
        assert_eq!(ledger.account(&peer, now + BAN_MEMORY).bans, bans - 1);
        let long_after = now + 20 * BAN_MEMORY;
        let Sentence::Ban(ban) = offend(&mut ledger, peer, Offence::ServedLie, long_after) else { panic!("no ban") };
        assert_eq!(ban.until, long_after + FIRST_BAN);
    }

    #[test]
    fn reserved_peers_pause_and_their_ranges_are_not_blamed() {
        let (mut ledger, now) = (Ledger::default(), start());
        for round in 0..8 {
            let (member, later) = (PeerId::random(), now + Duration::from_secs(round));
            for _ in 0..4 {
                assert_eq!(
                    ledger.charge(member, (Offence::InvalidGossip, "vote"), true, &[RANGE], later),
                    Sentence::Noted
                );
            }
            let Sentence::Ban(ban) = ledger.charge(member, (Offence::InvalidGossip, "vote"), true, &[RANGE], later)
            else {
                panic!("no ban")
            };
            assert_eq!(ban.until, later + RESERVED_BAN);
        }
        assert!(ledger.range_ban(RANGE, now).is_none());
    }

    #[test]
    fn an_operators_ban_holds_and_can_be_lifted() {
        let (mut ledger, peer, now) = (Ledger::default(), PeerId::random(), start());
        let day = Duration::from_secs(24 * 3600);
        ledger.ban(peer, 30 * day, now);
        assert!(ledger.banned(&peer, now + 29 * day).is_some());
        ledger.forget(now + 29 * day);
        assert!(ledger.pardon(&peer, now + 29 * day));
        assert!(ledger.banned(&peer, now).is_none());
        assert!(!ledger.pardon(&peer, now));
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_matters() {
        let (mut ledger, now) = (Ledger::default(), start());
        let (kept, banned) = (PeerId::random(), PeerId::random());
        ledger.ban(kept, Duration::from_secs(1), now);
        offend(&mut ledger, banned, Offence::ServedLie, now);
        for _ in 0..2 * MAX_PEERS {
            offend(&mut ledger, PeerId::random(), Offence::TooManyRequests, now);
        }
        assert_eq!(ledger.peers.len(), MAX_PEERS);
        assert!(ledger.banned(&kept, now).is_some() && ledger.banned(&banned, now).is_some());
        ledger.forget(now + 100 * BAN_MEMORY);
        assert!(ledger.peers.is_empty());
    }
}
