//! How much one peer may ask, and how much gossip is taken from it, in a second.
//!
//! The numbers are in the tables of protocols and of kinds, and hold for each peer and each row alone: a peer that spends its
//! share of one has not touched the others, nor those of other peers.
//!
//! - **Requests in**: `quota` a second are served, [`BURST`] times as many at once. What comes on top is refused with an empty
//!   frame before it is decoded. Whoever goes on after [`PATIENCE`] refusals, and comes back faster than [`REFUSALS`] a second, is
//!   blamed for it.
//! - **Requests out** keep to half of that: this node waits rather than be refused. Clocks and queues may bunch what it sends by
//!   as much again, so that an honest node is never refused for its quota.
//! - **Gossip in**: `rate` messages a second that are new here, [`BURST`] times as many at once. What comes on top is ignored
//!   before it is decompressed, and blames nobody: whoever forwards what others flood the mesh with does as it should.

use crate::{gossip::Kind, rpc::Protocol};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use libp2p::PeerId;
use std::{collections::HashMap, hash::Hash, num::NonZeroU32};

/// How many seconds' worth may come at once.
const BURST: u32 = 4;

/// Refusals a second that a peer may be given for its quotas without blame, over all protocols.
const REFUSALS: NonZeroU32 = NonZeroU32::new(16).unwrap();

/// How many of them may come at once.
const PATIENCE: NonZeroU32 = NonZeroU32::new(256).unwrap();

type Limiter = DefaultKeyedRateLimiter<PeerId>;

/// A limiter for each row of a table.
#[derive(Debug)]
struct Table<R>(HashMap<R, Limiter>);

impl<R: Copy + Eq + Hash> Table<R> {
    fn new(rows: &[R], rate: impl Fn(R) -> u32) -> Self {
        let limiter = |row: &R| {
            let rate = NonZeroU32::new(rate(*row)).unwrap_or(NonZeroU32::MIN);
            let burst = NonZeroU32::new(rate.get().saturating_mul(BURST)).unwrap_or(rate);
            (*row, RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
        };
        Self(rows.iter().map(limiter).collect())
    }

    /// Takes one of the peer's share; tells whether there was one.
    fn take(&self, row: R, peer: &PeerId) -> bool {
        self.0.get(&row).is_some_and(|limiter| limiter.check_key(peer).is_ok())
    }

    /// Forgets peers whose share is whole again.
    fn tidy(&self) {
        for limiter in self.0.values() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// What follows from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is served.
    Served,
    /// It is refused.
    Refused,
    /// It is refused, and was one too many.
    Flood,
}

/// What peers may send to this node.
#[derive(Debug)]
pub(crate) struct Incoming {
    requests: Table<Protocol>,
    refusals: Limiter,
    gossip: Table<Kind>,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self {
            requests: Table::new(Protocol::ALL, |protocol| protocol.spec().quota),
            refusals: RateLimiter::keyed(Quota::per_second(REFUSALS).allow_burst(PATIENCE)),
            gossip: Table::new(Kind::ALL, |kind| kind.spec().rate),
        }
    }

    /// A request came.
    pub(crate) fn request(&self, protocol: Protocol, peer: &PeerId) -> Admission {
        if self.requests.take(protocol, peer) {
            Admission::Served
        } else if self.refusals.check_key(peer).is_ok() {
            Admission::Refused
        } else {
            Admission::Flood
        }
    }

    /// A message came by gossip; tells whether to look at it.
    pub(crate) fn gossip(&self, kind: Kind, peer: &PeerId) -> bool {
        self.gossip.take(kind, peer)
    }

    /// To be called now and then.
    pub(crate) fn tidy(&self) {
        self.requests.tidy();
        self.refusals.retain_recent();
        self.gossip.tidy();
    }
}

/// What this node asks of peers.
#[derive(Debug)]
pub(crate) struct Outgoing(Table<Protocol>);

impl Outgoing {
    pub(crate) fn new() -> Self {
        Self(Table::new(Protocol::ALL, |protocol| protocol.spec().quota / 2))
    }

    /// Waits until one more request may go to the peer.
    pub(crate) async fn ready(&self, protocol: Protocol, peer: &PeerId) {
        if let Some(limiter) = self.0.0.get(&protocol) {
            limiter.until_key_ready(peer).await;
        }
    }

    /// To be called now and then.
    pub(crate) fn tidy(&self) {
        self.0.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_has_its_share_of_each_protocol() {
        let (incoming, one, other) = (Incoming::new(), PeerId::random(), PeerId::random());
        let share = Protocol::SequencerRecords.spec().quota * BURST;
        for _ in 0..share {
            assert_eq!(incoming.request(Protocol::SequencerRecords, &one), Admission::Served);
        }
        assert_eq!(incoming.request(Protocol::SequencerRecords, &one), Admission::Refused);
        assert_eq!(incoming.request(Protocol::SequencerRecords, &other), Admission::Served);
        assert_eq!(incoming.request(Protocol::BlocksByRange, &one), Admission::Served);
    }

    #[test]
    fn going_on_after_refusals_is_a_flood() {
        let (incoming, peer) = (Incoming::new(), PeerId::random());
        let share = Protocol::SequencerRecords.spec().quota * BURST + PATIENCE.get();
        let floods = |count: u32| {
            let asked = (0..count).map(|_| incoming.request(Protocol::SequencerRecords, &peer));
            asked.filter(|admission| *admission == Admission::Flood).count()
        };
        assert_eq!(floods(share), 0);
        assert!(floods(100) > 50, "time goes on meanwhile, but not by seconds");
    }

    #[tokio::test]
    async fn what_this_node_asks_others_serve() {
        let (outgoing, incoming, peer) = (Outgoing::new(), Incoming::new(), PeerId::random());
        for protocol in Protocol::ALL {
            // All that leaves at once and then for a second arrives in one moment.
            for _ in 0..protocol.spec().quota / 2 * (BURST + 1) {
                assert_eq!(incoming.request(*protocol, &peer), Admission::Served, "{protocol}");
            }
            outgoing.ready(*protocol, &peer).await;
        }
    }

    #[test]
    fn gossip_beyond_the_rate_is_not_looked_at() {
        let (incoming, peer) = (Incoming::new(), PeerId::random());
        let share = Kind::SetChange.spec().rate * BURST;
        assert!((0..share).all(|_| incoming.gossip(Kind::SetChange, &peer)));
        assert!(!incoming.gossip(Kind::SetChange, &peer));
        assert!(incoming.gossip(Kind::SetChange, &PeerId::random()));
    }

    #[test]
    fn whoever_is_gone_is_forgotten() {
        let table = Table::new(&[Protocol::PushTransactions], |_| 1_000_000);
        for _ in 0..100 {
            table.take(Protocol::PushTransactions, &PeerId::random());
        }
        let limiter = &table.0[&Protocol::PushTransactions];
        assert!(limiter.len() <= 100);
        while !limiter.is_empty() {
            table.tidy();
        }
    }
}
