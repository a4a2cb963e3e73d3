//! What the node and its operator tell the network about peers, and what it tells about them.

use crate::{
    counters::PeerCounters,
    gate::AddressRange,
    handle::{Command, NetworkHandle},
    lists::ListError,
    peers::PeerInfo,
    penalties::{Account, Ban, Offence},
    rpc::Protocol,
};
use libp2p::{Multiaddr, PeerId};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::oneshot;
use tracing::debug;

/// Everything that is known of a peer, connected or not.
#[derive(Clone, Debug)]
pub struct PeerAccount {
    /// The peer.
    pub peer_id: PeerId,
    /// Its connections, and what it told of itself; nothing while it is not connected.
    pub info: Option<PeerInfo>,
    /// Whether it is a sequencer.
    pub explicit: bool,
    /// Whether the operator trusts it.
    pub trusted: bool,
    /// Where the operator said that it is, if he added it.
    pub added: Option<Multiaddr>,
    /// What is held against it.
    pub account: Account,
    /// Its score in gossipsub; nothing while it is not connected.
    pub gossip_score: Option<f64>,
    /// Address ranges of its connections that are banned.
    pub banned_ranges: Vec<BannedRange>,
}

/// An address range that is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BannedRange {
    /// The range.
    pub range: AddressRange,
    /// Since when.
    pub since: SystemTime,
    /// Until when.
    pub until: SystemTime,
}

/// The peers that matter now: those that are connected, banned, trusted or added; and the ranges that are banned.
#[derive(Clone, Debug, Default)]
pub struct PeerOverview {
    /// The peers, in no order.
    pub peers: Vec<PeerAccount>,
    /// The ranges, in no order.
    pub banned_ranges: Vec<BannedRange>,
}

pub(crate) enum Oversight {
    Report { peer: PeerId, offence: Offence, about: &'static str },
    Ban { peer: PeerId, length: Duration, reply: oneshot::Sender<Result<Ban, ListError>> },
    Unban { peer: PeerId, reply: oneshot::Sender<bool> },
    UnbanRange { range: AddressRange, reply: oneshot::Sender<bool> },
    Trust { peer: PeerId, reply: oneshot::Sender<Result<bool, ListError>> },
    Add { address: Multiaddr, reply: oneshot::Sender<Result<bool, ListError>> },
    Remove { peer: PeerId, reply: oneshot::Sender<bool> },
    Account { peer: PeerId, reply: oneshot::Sender<PeerAccount> },
    Overview { reply: oneshot::Sender<PeerOverview> },
}

impl NetworkHandle {
    /// Blames a peer for what it answered. Never blocks; if the swarm is too busy for it, the report is lost, which the next one
    /// makes good. What is wrong with gossip is told by [`Self::report`].
    pub fn report_peer(&self, peer: PeerId, offence: Offence, protocol: Protocol) {
        let report = Oversight::Report { peer, offence, about: protocol.name() };
        if self.commands.try_send(Command::Oversight(report)).is_err() {
            debug!(%peer, %offence, "a report was lost");
        }
    }

    /// Bans a peer, whoever it is, and closes its connections.
    ///
    /// # Errors
    /// [`ListError::Ourselves`] or [`ListError::Stopped`].
    pub async fn ban(&self, peer: PeerId, length: Duration) -> Result<Ban, ListError> {
        self.oversee(|reply| Oversight::Ban { peer, length, reply }).await.unwrap_or(Err(ListError::Stopped))
    }

    /// Forgives a peer everything that is held against it. Tells whether it was banned; nothing if the network has stopped.
    pub async fn unban(&self, peer: PeerId) -> Option<bool> {
        self.oversee(|reply| Oversight::Unban { peer, reply }).await
    }

    /// Lifts the ban of a range. Tells whether it was banned; nothing if the network has stopped.
    pub async fn unban_range(&self, range: AddressRange) -> Option<bool> {
        self.oversee(|reply| Oversight::UnbanRange { range, reply }).await
    }

    /// Reserves a slot for a peer, and exempts it from limits. Tells whether that is new.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn trust(&self, peer: PeerId) -> Result<bool, ListError> {
        self.oversee(|reply| Oversight::Trust { peer, reply }).await.unwrap_or(Err(ListError::Stopped))
    }

    /// Keeps the peer connected that an address names at its end, from now on and after a restart. Tells whether that is new.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn add(&self, address: Multiaddr) -> Result<bool, ListError> {
        self.oversee(|reply| Oversight::Add { address, reply }).await.unwrap_or(Err(ListError::Stopped))
    }

    /// Ends [`Self::trust`] and [`Self::add`]; a peer that was added is disconnected. Tells whether it was either; nothing if the
    /// network has stopped.
    pub async fn remove(&self, peer: PeerId) -> Option<bool> {
        self.oversee(|reply| Oversight::Remove { peer, reply }).await
    }

    /// What is known of a peer; nothing if the network has stopped.
    pub async fn account(&self, peer: PeerId) -> Option<PeerAccount> {
        self.oversee(|reply| Oversight::Account { peer, reply }).await
    }

    /// What is known of all peers that matter; nothing if the network has stopped.
    pub async fn overview(&self) -> Option<PeerOverview> {
        self.oversee(|reply| Oversight::Overview { reply }).await
    }

    /// What is counted of peers' misdeeds, live.
    #[must_use]
    pub fn peer_counters(&self) -> Arc<PeerCounters> {
        Arc::clone(&self.counters.peers)
    }

    async fn oversee<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Oversight) -> Option<T> {
        let (reply, result) = oneshot::channel();
        self.commands.send(Command::Oversight(command(reply))).await.ok()?;
        result.await.ok()
    }
}
