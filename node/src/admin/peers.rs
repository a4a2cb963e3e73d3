//! What an operator may say and hear of peers.

use super::Answer;
use crate::mesh::MemberPeers;
use alloy_primitives::Address;
use baton_network::{
    AddressRange, Ban, BanCause, BannedRange, Charge, Direction, Multiaddr, NetworkHandle, PeerAccount, PeerId,
    PeerOverview,
};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest ban that an operator can make: ten years.
pub const MAX_BAN: Duration = Duration::from_secs(3652 * 24 * 3600);

/// Peers, and ranges, that one answer names at most.
pub(super) const MAX_ROWS: usize = 1_000;

/// What an operator may ask about peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum PeerRequest {
    /// Who is connected, banned, trusted or added.
    List,
    /// All that is known of a peer, and what it did.
    Why(#[serde(with = "text")] PeerId),
    /// Stay connected with a peer, whose id the address names at its end.
    Add(Multiaddr),
    /// Reserve a slot for a peer.
    Trust(#[serde(with = "text")] PeerId),
    /// End both.
    Remove(#[serde(with = "text")] PeerId),
    /// Disconnect and refuse a peer.
    Ban {
        /// The peer.
        #[serde(with = "text")]
        peer: PeerId,
        /// How long, in s; [`MAX_BAN`] at most.
        seconds: u64,
    },
    /// Forgive a peer everything that is held against it.
    Unban(#[serde(with = "text")] PeerId),
    /// Lift the ban of an address range.
    UnbanRange(#[serde(with = "text")] AddressRange),
}

/// What a node answers about peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PeerAnswer {
    /// Those who matter now: connected peers first, then those that the operator listed, then the banned.
    Peers {
        /// The peers.
        peers: Vec<PeerRow>,
        /// The address ranges that are banned.
        banned_ranges: Vec<RangeRow>,
        /// How many more there are.
        left_out: usize,
    },
    /// Everything about one.
    Peer(Box<PeerDetail>),
    /// It is done.
    Done {
        /// Whether anything is other than before.
        changed: bool,
    },
    /// The peer is banned.
    Banned(BanRow),
}

/// A peer in few words. Times are in ms since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerRow {
    /// Its id.
    pub peer: String,
    /// Its connection, if there is one.
    pub connection: Option<ConnectionRow>,
    /// Which sequencer it is.
    pub sequencer: Option<Address>,
    /// Whether the operator trusts it.
    pub trusted: bool,
    /// Where it is, if the operator added it.
    pub added: Option<Multiaddr>,
    /// Points of faults, at this moment.
    pub faults: f64,
    /// Points of slowness, at this moment.
    pub slowness: f64,
    /// The ban that holds now.
    pub ban: Option<BanRow>,
}

/// A peer's oldest connection, and what the peer says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRow {
    /// Whether the peer opened it.
    pub inbound: bool,
    /// Its far end.
    pub address: Option<Multiaddr>,
    /// Since when.
    pub since: u64,
    /// The peer's software.
    pub agent: Option<String>,
    /// The height of its head.
    pub head: Option<u64>,
    /// The round trip, in ms.
    pub latency: Option<u64>,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanRow {
    /// Since when.
    pub since: u64,
    /// Until when.
    pub until: u64,
    /// Why, in words that follow "because".
    pub cause: String,
}

/// An address range that is banned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRow {
    /// The range.
    #[serde(with = "text")]
    pub range: AddressRange,
    /// Since when.
    pub since: u64,
    /// Until when.
    pub until: u64,
}

/// Something that a peer did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRow {
    /// When.
    pub at: u64,
    /// How bad it is: fatal, severe, mild or slow.
    pub class: String,
    /// Its name.
    pub offence: String,
    /// The kind of gossip or the protocol.
    pub about: String,
    /// What the peer did, in words that follow "it".
    pub words: String,
}

/// All that is known of a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerDetail {
    /// What the list says of it.
    pub row: PeerRow,
    /// Bans that it had and that still count, the one that holds now included.
    pub bans: u32,
    /// Its score in gossipsub, while it is connected.
    pub gossip_score: Option<f64>,
    /// Ranges of its connections that are banned.
    pub banned_ranges: Vec<RangeRow>,
    /// What it did, the last 16, oldest first.
    pub charges: Vec<ChargeRow>,
}

/// Does what is asked about peers.
pub(super) async fn carry_out(network: &NetworkHandle, members: &MemberPeers, request: PeerRequest) -> Answer {
    let done = |changed: Result<bool, baton_network::ListError>| match changed {
        Ok(changed) => PeerAnswer::Done { changed }.into(),
        Err(reason) => Answer::refused(reason),
    };
    let lifted = |was: Option<bool>| match was {
        Some(changed) => PeerAnswer::Done { changed }.into(),
        None => Answer::stopping(),
    };
    match request {
        PeerRequest::List => match network.overview().await {
            Some(overview) => list(overview, members).into(),
            None => Answer::stopping(),
        },
        PeerRequest::Why(peer) => match network.account(peer).await {
            Some(account) => PeerAnswer::Peer(Box::new(PeerDetail::of(account, members))).into(),
            None => Answer::stopping(),
        },
        PeerRequest::Add(address) => done(network.add(address).await),
        PeerRequest::Trust(peer) => done(network.trust(peer).await),
        PeerRequest::Remove(peer) => lifted(network.remove(peer).await),
        PeerRequest::Ban { peer, seconds } => match network.ban(peer, Duration::from_secs(seconds)).await {
            Ok(ban) => PeerAnswer::Banned(BanRow::of(ban)).into(),
            Err(reason) => Answer::refused(reason),
        },
        PeerRequest::Unban(peer) => lifted(network.unban(peer).await),
        PeerRequest::UnbanRange(range) => lifted(network.unban_range(range).await),
    }
}

fn list(overview: PeerOverview, members: &MemberPeers) -> PeerAnswer {
    let PeerOverview { peers, banned_ranges } = overview;
    let mut peers: Vec<_> = peers.into_iter().map(|account| PeerRow::of(&account, members)).collect();
    let listed = |row: &PeerRow| row.trusted || row.added.is_some();
    peers.sort_by(|one, other| {
        let key = |row: &PeerRow| (row.connection.is_none(), row.sequencer.is_none(), !listed(row));
        key(one).cmp(&key(other)).then_with(|| one.peer.cmp(&other.peer))
    });
    let mut banned_ranges: Vec<_> = banned_ranges.into_iter().map(RangeRow::of).collect();
    banned_ranges.sort_by_key(|row| row.range);
    let left_out = peers.len().saturating_sub(MAX_ROWS) + banned_ranges.len().saturating_sub(MAX_ROWS);
    peers.truncate(MAX_ROWS);
    banned_ranges.truncate(MAX_ROWS);
    PeerAnswer::Peers { peers, banned_ranges, left_out }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl PeerRow {
    fn of(account: &PeerAccount, members: &MemberPeers) -> Self {
        Self {
            peer: account.peer_id.to_string(),
            connection: account.info.as_ref().map(|info| ConnectionRow {
                inbound: info.direction == Direction::Inbound,
                address: info.connections.first().map(|(_, address)| address.clone()),
                since: millis(info.connected_since),
                agent: info.agent.as_ref().map(ToString::to_string),
                head: info.status.as_ref().map(|status| status.head.height.0),
                latency: info.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            }),
            sequencer: members.operator(&account.peer_id),
            trusted: account.trusted,
            added: account.added.clone(),
            faults: account.account.faults,
            slowness: account.account.slowness,
            ban: account.account.ban.map(BanRow::of),
        }
    }
}

impl BanRow {
    fn of(ban: Ban) -> Self {
        let cause = match ban.cause {
            BanCause::Operator => "the operator said so".to_owned(),
            BanCause::Offence(offence) => format!("it {offence}"),
        };
        Self { since: millis(ban.since), until: millis(ban.until), cause }
    }
}

impl RangeRow {
    fn of(BannedRange { range, since, until }: BannedRange) -> Self {
        Self { range, since: millis(since), until: millis(until) }
    }
}

impl ChargeRow {
    fn of(Charge { offence, about, at }: Charge) -> Self {
        Self {
            at: millis(at),
            class: offence.class().name().to_owned(),
            offence: offence.name().to_owned(),
            about: about.to_owned(),
            words: offence.to_string(),
        }
    }
}

impl PeerDetail {
    fn of(account: PeerAccount, members: &MemberPeers) -> Self {
        Self {
            row: PeerRow::of(&account, members),
            bans: account.account.bans,
            gossip_score: account.gossip_score,
            banned_ranges: account.banned_ranges.into_iter().map(RangeRow::of).collect(),
            charges: account.account.charges.into_iter().map(ChargeRow::of).collect(),
        }
    }
}

impl From<PeerAnswer> for Answer {
    fn from(answer: PeerAnswer) -> Self {
        Self::AboutPeers(answer)
    }
}

/// Values as the text that people write.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    pub(super) fn serialize<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
