//! What the network counts of peers' misdeeds by itself, read when Prometheus asks.

use super::{Label, Level, PerLabel, define::metrics};
use baton_network::{Offence, PeerCounters, Refusal};
use prometheus_client::metrics::counter::Counter;
use std::sync::atomic::Ordering::Relaxed;

metrics! {
    /// Peers that misbehave, or find no place.
    pub struct Peers {
        /// How often peers were charged with an offence; `baton peers why` tells of one peer.
        pub peer_offences: PerLabel<Offence, Counter>,
        /// Connections that were refused, in either direction.
        pub connections_refused: PerLabel<Refusal, Counter>,
        /// Peers that are banned.
        pub peers_banned: Level,
        /// Address ranges that are banned as a whole.
        pub ranges_banned: Level,
    }
}

impl Label for Offence {
    const NAME: &'static str = "offence";
    const ALL: &'static [Self] = Self::ALL;

    fn place(self) -> usize {
        self as usize
    }

    fn text(self) -> &'static str {
        self.name()
    }
}

impl Label for Refusal {
    const NAME: &'static str = "reason";
    const ALL: &'static [Self] = Self::ALL;

    fn place(self) -> usize {
        self as usize
    }

    fn text(self) -> &'static str {
        self.name()
    }
}

impl Peers {
    pub(super) fn read(&self, counted: &PeerCounters) {
        for offence in Offence::ALL {
            self.peer_offences.get(*offence).inner().store(counted.penalties(*offence), Relaxed);
        }
        for refusal in Refusal::ALL {
            self.connections_refused.get(*refusal).inner().store(counted.refusals(*refusal), Relaxed);
        }
        self.peers_banned.set(counted.banned_peers() as u64);
        self.ranges_banned.set(counted.banned_ranges() as u64);
    }
}
