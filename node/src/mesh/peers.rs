//! Who is connected.

use super::MemberPeers;
use crate::rpc::ports::{Direction, PeerInfo, PeersView};
use alloy_primitives::Address;
use baton_network::{NetworkHandle, PeerId, Status};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// A peer on this chain.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who.
    pub id: PeerId,
    /// What it last told of itself.
    pub status: Status,
}

#[derive(Debug, Default)]
struct Book {
    ready: HashMap<PeerId, Status>,
    /// The swarm's own list as it was last asked for.
    connected: Vec<PeerInfo>,
}

/// The peers that are connected and on this chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PeerBook {
    local: PeerId,
    members: MemberPeers,
    book: Arc<RwLock<Book>>,
}

impl PeerBook {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(local: PeerId, members: MemberPeers) -> Self {
        Self { local, members, book: Arc::default() }
    }

    /// Whether the chain has a single sequencer.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.members.is_single()
    }

    /// The peers, sequencers first.
    #[must_use]
    pub fn ready(&self) -> Vec<Peer> {
        let mut peers: Vec<_> =
            self.read().ready.iter().map(|(id, status)| Peer { id: *id, status: status.clone() }).collect();
        let sequencers = self.members.operators();
        peers.sort_by_key(|peer| (!sequencers.contains_key(&peer.id), peer.id));
        peers
    }

    /// Who operates a peer, if it is a sequencer.
    #[must_use]
    pub fn operator(&self, peer: &PeerId) -> Option<Address> {
        self.members.operator(peer)
    }

    pub(super) fn note(&self, peer: PeerId, status: Status) {
        self.write().ready.insert(peer, status);
    }

    pub(super) fn forget(&self, peer: &PeerId) {
        self.write().ready.remove(peer);
    }

    /// Asks the swarm for its list, which JSON-RPC shows.
    pub(super) async fn refresh(&self, network: &NetworkHandle) {
        let connected = network.peers().await;
        let describe = |peer: &baton_network::PeerInfo| PeerInfo {
            peer_id: peer.peer_id.to_string(),
            address: peer.addresses.first().map(ToString::to_string).unwrap_or_default(),
            direction: match peer.direction {
                baton_network::Direction::Inbound => Direction::Inbound,
                baton_network::Direction::Outbound => Direction::Outbound,
            },
            agent: peer.agent.as_ref().map(ToString::to_string),
            height: peer.status.as_ref().map(|status| status.head.height),
            sequencer: self.operator(&peer.peer_id),
            connected_ms: (peer.connected_since.elapsed().ok())
                .map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        };
        let connected = connected.iter().map(describe).collect();
        self.write().connected = connected;
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Book> {
        self.book.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeersView for PeerBook {
    fn local_peer_id(&self) -> String {
        self.local.to_string()
    }

    fn count(&self) -> usize {
        self.read().ready.len()
    }

    fn peers(&self) -> Vec<PeerInfo> {
        self.read().connected.clone()
    }
}
