//! The connected peers and what is known of each.

use crate::status::{Agent, Status};
use libp2p::{Multiaddr, PeerId, core::ConnectedPoint, swarm::ConnectionId};
use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

/// Listening addresses that are remembered for one peer.
const MAX_ADDRESSES: usize = 16;

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// A connected peer.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Its identity.
    pub peer_id: PeerId,
    /// The far ends of its connections, then the addresses that it says it listens on.
    pub addresses: Vec<Multiaddr>,
    /// Its connections, the oldest first: who opened each, and its far end.
    pub connections: Vec<(Direction, Multiaddr)>,
    /// Who opened the oldest connection.
    pub direction: Direction,
    /// Its software, as it says.
    pub agent: Option<Agent>,
    /// What it said last of its chain; nothing before the first exchange.
    pub status: Option<Status>,
    /// When it connected, by this node's clock.
    pub connected_since: SystemTime,
    /// The round trip of the last ping.
    pub latency: Option<Duration>,
}

/// What a peer's status means for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Ready,
    Changed,
    Nothing,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    direction: Direction,
    address: Multiaddr,
}

#[derive(Debug)]
struct Peer {
    connections: Vec<Connection>,
    connected_since: SystemTime,
    connected_at: Instant,
    listens: Vec<Multiaddr>,
    agent: Option<Agent>,
    status: Option<Status>,
    latency: Option<Duration>,
    asked_at: Option<Instant>,
    close_at: Option<Instant>,
    is_helper: bool,
}

/// All connected peers.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<PeerId, Peer>);

impl Peers {
    pub(crate) fn connected(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint, now: Instant) {
        let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
        let entry = self.0.entry(peer).or_insert_with(|| Peer {
            connections: Vec::new(),
            connected_since: SystemTime::now(),
            connected_at: now,
            listens: Vec::new(),
            agent: None,
            status: None,
            latency: None,
            asked_at: None,
            close_at: None,
            is_helper: false,
        });
        entry.connections.push(Connection { id, direction, address: endpoint.get_remote_address().clone() });
    }

    /// Removes a connection. With the last one the peer goes; the answer is then whether it had been ready.
    pub(crate) fn disconnected(&mut self, peer: PeerId, id: ConnectionId) -> Option<bool> {
        let entry = self.0.get_mut(&peer)?;
        entry.connections.retain(|connection| connection.id != id);
        if !entry.connections.is_empty() {
            return None;
        }
        self.0.remove(&peer).map(|gone| gone.status.is_some())
    }

    pub(crate) fn identified(&mut self, peer: PeerId, agent: &str, mut listens: Vec<Multiaddr>) {
        if let Some(entry) = self.0.get_mut(&peer) {
            listens.truncate(MAX_ADDRESSES);
            entry.listens = listens;
            entry.agent = Some(Agent::fit(agent));
        }
    }

    pub(crate) fn pinged(&mut self, peer: PeerId, round_trip: Duration) {
        if let Some(entry) = self.0.get_mut(&peer) {
            entry.latency = Some(round_trip);
        }
    }

    pub(crate) fn asked(&mut self, peer: PeerId, now: Instant) {
        if let Some(entry) = self.0.get_mut(&peer) {
            entry.asked_at = Some(now);
        }
    }

    pub(crate) fn status(&mut self, peer: PeerId, status: &Status) -> Change {
        let Some(entry) = self.0.get_mut(&peer) else { return Change::Nothing };
        match entry.status.replace(status.clone()) {
            None => Change::Ready,
            Some(old) if old != *status => Change::Changed,
            Some(_) => Change::Nothing,
        }
    }

    /// Has the peer closed at `when`, unless an earlier time is set. Tells whether this is new.
    pub(crate) fn close_at(&mut self, peer: PeerId, when: Instant) -> bool {
        let Some(entry) = self.0.get_mut(&peer) else { return false };
        let new = entry.close_at.is_none();
        entry.close_at = Some(entry.close_at.map_or(when, |earlier| earlier.min(when)));
        new
    }

    /// The far end of a connection.
    pub(crate) fn far_end(&self, peer: &PeerId, id: ConnectionId) -> Option<&Multiaddr> {
        self.0
            .get(peer)?
            .connections
            .iter()
            .find(|connection| connection.id == id)
            .map(|connection| &connection.address)
    }

    /// The addresses at which this node reached the peer.
    pub(crate) fn reached_at(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let connections = self.0.get(peer).into_iter().flat_map(|peer| &peer.connections);
        connections
            .filter(|connection| connection.direction == Direction::Outbound)
            .map(|connection| connection.address.clone())
            .collect()
    }

    /// Where the peer says that it listens.
    pub(crate) fn listens(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.0.get(peer).map(|peer| peer.listens.clone()).unwrap_or_default()
    }

    /// The peer helps to find others and takes no part in the chain: a bootnode. It needs no status.
    pub(crate) fn set_helper(&mut self, peer: &PeerId) {
        if let Some(entry) = self.0.get_mut(peer) {
            entry.is_helper = true;
        }
    }

    /// Whether the peer has said what it speaks, and it is neither of a chain nor a helper.
    pub(crate) fn is_useless(&self, peer: &PeerId) -> bool {
        self.0.get(peer).is_some_and(|peer| peer.agent.is_some() && peer.status.is_none() && !peer.is_helper)
    }

    /// The helpers, and since when they are connected.
    pub(crate) fn helpers(&self) -> impl Iterator<Item = (PeerId, Instant)> {
        self.0
            .iter()
            .filter(|(_, peer)| peer.is_helper && peer.status.is_none())
            .map(|(id, peer)| (*id, peer.connected_at))
    }

    /// The peers of our chain.
    pub(crate) fn ready_ids(&self) -> impl Iterator<Item = PeerId> {
        self.0.iter().filter(|(_, peer)| peer.status.is_some()).map(|(id, _)| *id)
    }

    /// Whether there are too few peers of our chain, or too few that this node chose itself: who comes by itself may be one
    /// stranger with many faces.
    pub(crate) fn are_few(&self, enough: usize) -> bool {
        let ready = self.0.values().filter(|peer| peer.status.is_some());
        let chosen = ready
            .clone()
            .filter(|peer| peer.connections.iter().any(|connection| connection.direction == Direction::Outbound));
        ready.count() < enough || chosen.count() < enough / 2
    }

    /// Peers to close now: on another chain, or silent about theirs for longer than `deadline`.
    pub(crate) fn to_close(&self, now: Instant, deadline: Duration) -> Vec<PeerId> {
        self.0
            .iter()
            .filter(|(_, peer)| {
                let silent = peer.status.is_none()
                    && !peer.is_helper
                    && now.saturating_duration_since(peer.connected_at) > deadline;
                silent || peer.close_at.is_some_and(|when| when <= now)
            })
            .map(|(id, _)| *id)
            .collect()
    }

    /// Peers that this node dialed and whose status is older than `interval`.
    pub(crate) fn to_ask(&self, now: Instant, interval: Duration) -> Vec<PeerId> {
        self.0
            .iter()
            .filter(|(_, peer)| {
                peer.close_at.is_none()
                    && peer.connections.iter().any(|connection| connection.direction == Direction::Outbound)
                    && peer.asked_at.is_none_or(|asked| now.saturating_duration_since(asked) >= interval)
            })
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.0.contains_key(peer)
    }

    /// How many peers are of our chain.
    pub(crate) fn ready(&self) -> usize {
        self.0.values().filter(|peer| peer.status.is_some()).count()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = PeerId> {
        self.0.keys().copied()
    }

    pub(crate) fn info(&self, peer: &PeerId) -> Option<PeerInfo> {
        self.0.get(peer).map(|known| info(*peer, known))
    }

    pub(crate) fn infos(&self) -> Vec<PeerInfo> {
        self.0.iter().map(|(id, peer)| info(*id, peer)).collect()
    }
}

fn info(peer_id: PeerId, peer: &Peer) -> PeerInfo {
    let mut addresses: Vec<_> = peer.connections.iter().map(|connection| connection.address.clone()).collect();
    for address in &peer.listens {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    PeerInfo {
        peer_id,
        addresses,
        connections: (peer.connections.iter())
            .map(|connection| (connection.direction, connection.address.clone()))
            .collect(),
        direction: peer.connections.first().map_or(Direction::Inbound, |connection| connection.direction),
        agent: peer.agent.clone().or_else(|| peer.status.as_ref().map(|status| status.agent.clone())),
        status: peer.status.clone(),
        connected_since: peer.connected_since,
        latency: peer.latency,
    }
}
