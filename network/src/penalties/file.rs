//! The ledger on disk: bans, and what makes the next one longer. Points are not kept, they decay within the hour.

use super::{
    Ban, BanCause, Charge, Ledger, MAX_CHARGES, Offence,
    ledger::Record,
    ranges::{RangeBan, RangeRecord},
};
use crate::{
    gossip::Kind,
    rpc::Protocol,
    state_file::{self, Bounded},
};
use libp2p::PeerId;
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The file's name in the data directory.
pub(crate) const BANS_FILE: &str = "bans.json";

/// What is written as the cause of an operator's ban.
const OPERATOR: &str = "operator";

/// The file's contents. Times are in milliseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contents {
    peers: Vec<PeerRow>,
    ranges: Vec<RangeRow>,
}

impl Bounded for Contents {
    const VERSION: u32 = 1;
    const MAX_BYTES: u64 = 8 << 20;
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PeerRow {
    peer: String,
    ban: Option<BanRow>,
    bans: u32,
    last_ban: u64,
    charges: Vec<ChargeRow>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BanRow {
    since: u64,
    until: u64,
    cause: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChargeRow {
    offence: String,
    about: String,
    at: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RangeRow {
    range: String,
    since: u64,
    until: u64,
    bans: u32,
    last_ban: u64,
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// What a file says may be anything: what no clock can hold is the beginning of time, and with it over.
fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}

/// The name of a kind of gossip or of a protocol; another version's is none.
fn kind_or_protocol(name: &str) -> &'static str {
    let names = Kind::ALL.iter().map(|kind| kind.name()).chain(Protocol::ALL.iter().map(|protocol| protocol.name()));
    names.into_iter().find(|known| *known == name).unwrap_or_default()
}

impl Ledger {
    /// What is to be kept of the ledger.
    pub(crate) fn contents(&self, now: SystemTime) -> Contents {
        let peers = self.peers.iter().filter(|(_, record)| record.bans_at(now) > 0 || record.ban.is_some());
        Contents {
            peers: peers.map(|(peer, record)| PeerRow::of(peer, record)).collect(),
            ranges: self
                .ranges
                .0
                .iter()
                .filter_map(|(range, record)| RangeRow::of(range.to_string(), record))
                .collect(),
        }
    }

    /// The ledger that a directory holds; an empty one if there is no file, or, with a warning, if it is damaged.
    pub(crate) fn load(directory: &Path, now: SystemTime) -> Self {
        let mut ledger = Self::default();
        let Some(Contents { peers, ranges }) = state_file::read(&directory.join(BANS_FILE)) else { return ledger };
        ledger.peers = peers.into_iter().filter_map(|row| row.record(now)).collect();
        ledger.ranges.0 = ranges.into_iter().filter_map(RangeRow::record).collect();
        ledger.forget(now);
        ledger
    }
}

impl PeerRow {
    fn of(peer: &PeerId, record: &Record) -> Self {
        Self {
            peer: peer.to_string(),
            ban: record.ban.map(|Ban { since, until, cause }| BanRow {
                since: millis(since),
                until: millis(until),
                cause: match cause {
                    BanCause::Operator => OPERATOR,
                    BanCause::Offence(offence) => offence.name(),
                }
                .to_owned(),
            }),
            bans: record.bans,
            last_ban: millis(record.last_ban),
            charges: (record.charges.iter())
                .map(|Charge { offence, about, at }| ChargeRow {
                    offence: offence.name().to_owned(),
                    about: (*about).to_owned(),
                    at: millis(*at),
                })
                .collect(),
        }
    }

    fn record(self, now: SystemTime) -> Option<(PeerId, Record)> {
        let Self { peer, ban, bans, last_ban, charges } = self;
        let mut record = Record::clean(now);
        record.ban = ban.map(|BanRow { since, until, cause }| Ban {
            since: time(since),
            until: time(until),
            // An offence of another version of this program is one all the same.
            cause: match cause.as_str() {
                OPERATOR => BanCause::Operator,
                name => BanCause::Offence(Offence::named(name).unwrap_or(Offence::InvalidGossip)),
            },
        });
        record.bans = bans;
        record.last_ban = time(last_ban);
        let charges = charges.into_iter().filter_map(|ChargeRow { offence, about, at }| {
            Some(Charge { offence: Offence::named(&offence)?, about: kind_or_protocol(&about), at: time(at) })
        });
        record.charges = charges.take(MAX_CHARGES).collect();
        Some((peer.parse().ok()?, record))
    }
}

impl RangeRow {
    fn of(range: String, record: &RangeRecord) -> Option<Self> {
        let RangeBan { since, until } = record.ban?;
        Some(Self {
            range,
            since: millis(since),
            until: millis(until),
            bans: record.bans,
            last_ban: millis(record.last),
        })
    }

    fn record(self) -> Option<(crate::gate::AddressRange, RangeRecord)> {
        let Self { range, since, until, bans, last_ban } = self;
        let record = RangeRecord {
            offenders: Default::default(),
            ban: Some(RangeBan { since: time(since), until: time(until) }),
            bans,
            last: time(last_ban),
        };
        Some((range.parse().ok()?, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gate::AddressRange,
        penalties::{FIRST_BAN, OFFENDERS_PER_RANGE},
    };

    fn save(ledger: &Ledger, directory: &Path, now: SystemTime) {
        state_file::write(&directory.join(BANS_FILE), &ledger.contents(now)).unwrap();
    }

    #[test]
    fn bans_and_their_history_survive_and_run_out() {
        let directory = tempfile::tempdir().unwrap();
        let now = time(millis(SystemTime::now()));
        let (peer, other, range) = (PeerId::random(), PeerId::random(), AddressRange::V4([203, 0, 113]));
        let mut ledger = Ledger::default();
        ledger.charge(peer, (Offence::ServedLie, "blocks-by-range"), false, &[], now);
        ledger.ban(other, Duration::from_secs(1 << 40), now);
        for _ in 0..OFFENDERS_PER_RANGE {
            ledger.charge(PeerId::random(), (Offence::ServedLie, "seal"), false, &[range], now);
        }
        save(&ledger, directory.path(), now);
        let restored = Ledger::load(directory.path(), now);
        assert_eq!(restored.account(&peer, now), ledger.account(&peer, now));
        assert_eq!(restored.banned(&other, now).unwrap().cause, BanCause::Operator);
        assert_eq!(restored.range_ban(range, now), ledger.range_ban(range, now));
        let later = now + FIRST_BAN;
        let mut restored = Ledger::load(directory.path(), later);
        assert!(restored.banned(&peer, later).is_none() && restored.range_ban(range, later).is_none());
        restored.charge(peer, (Offence::ServedLie, "seal"), false, &[], later);
        assert_eq!(restored.banned(&peer, later).unwrap().until, later + 2 * FIRST_BAN, "the second ban is longer");
    }

    #[test]
    fn what_a_file_cannot_mean_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            r#"{{"version":1,"peers":[{{"peer":"nobody","ban":null,"bans":1,"lastBan":0,"charges":[]}},
            {{"peer":"{}","ban":{{"since":0,"until":18446744073709551615,"cause":"?"}},"bans":4294967295,"lastBan":0,"charges":[{{"offence":"?","about":"?","at":1}}]}}],
            "ranges":[{{"range":"everything","since":0,"until":9,"bans":1,"lastBan":0}}]}}"#,
            PeerId::random()
        );
        std::fs::write(directory.path().join(BANS_FILE), text).unwrap();
        let ledger = Ledger::load(directory.path(), SystemTime::now());
        assert!(ledger.ranges.0.is_empty());
        assert!(ledger.peers.len() <= 1);
    }
}
