//! The loop of a bootnode: the swarm's events and the clock.

use super::{
    BootnodeConfig,
    behaviour::{self, Behaviour, BehaviourEvent},
};
use crate::{
    config::Timing,
    discovery::{AddressPolicy, OwnAddresses, Pace, PeerStore, Walk, announce, insert},
    error::NetworkError,
    gossip::chain_prefix,
    reconnect::Reconnect,
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, identify,
    kad::{self, GetClosestPeersError, GetClosestPeersOk, QueryResult},
    swarm::{ConnectionId, DialError, SwarmEvent},
};
use std::{
    collections::HashMap,
    future::Future,
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::MissedTickBehavior};
use tracing::{debug, info, warn};

/// How often deadlines and dials are looked at.
const TICK: Duration = Duration::from_millis(250);

/// With fewer connections than this, peers of the table are dialed.
const FEW: usize = 8;

/// How long a peer is served when others wait for its place.
const STAY: Duration = Duration::from_secs(60);

/// How often the log says what there is.
const REPORT: Duration = Duration::from_secs(600);

/// What a bootnode shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootnodeState {
    /// The addresses that it listens on now, without its peer id.
    pub listening: Vec<Multiaddr>,
    /// How many peers are connected.
    pub connected: usize,
    /// How many peers its table has.
    pub table: usize,
}

#[derive(Debug)]
struct Peer {
    since: Instant,
    connections: HashMap<ConnectionId, Connection>,
}

#[derive(Debug)]
struct Connection {
    far_end: Multiaddr,
    is_dialer: bool,
}

/// A bootnode, to be run.
pub struct Bootnode {
    swarm: Swarm<Behaviour>,
    chain_prefix: String,
    policy: AddressPolicy,
    own: OwnAddresses,
    peers: HashMap<PeerId, Peer>,
    reconnect: Reconnect,
    walk: Walk,
    store: PeerStore,
    reported_at: Instant,
    max_connections: usize,
    state: watch::Sender<BootnodeState>,
}

impl Bootnode {
    /// Sets the swarm up and starts to listen. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`NetworkError`] if an address cannot be listened on or a transport cannot be set up.
    pub fn start(config: BootnodeConfig) -> Result<(Self, watch::Receiver<BootnodeState>), NetworkError> {
        let policy = AddressPolicy::new(config.private_addresses);
        let swarm = behaviour::build(&config, &policy)?;
        let BootnodeConfig {
            keypair: _,
            chain,
            listen: _,
            external_addresses,
            bootnodes,
            agent: _,
            max_connections,
            peer_store,
            relay: _,
            private_addresses: _,
        } = config;
        let now = Instant::now();
        for address in &external_addresses {
            policy.widen(address);
        }
        let mut reconnect = Reconnect::new(*swarm.local_peer_id(), &Timing::default());
        for address in bootnodes {
            reconnect.add_bootnode(address, now);
        }
        let (state, receiver) = watch::channel(BootnodeState::default());
        let mut bootnode = Self {
            swarm,
            chain_prefix: format!("{}/", chain_prefix(&chain)),
            policy,
            own: OwnAddresses::new(external_addresses),
            peers: HashMap::new(),
            reconnect,
            walk: Walk::new(Pace::default()),
            store: PeerStore::open(peer_store),
            reported_at: now,
            max_connections: usize::try_from(max_connections).unwrap_or(usize::MAX),
            state,
        };
        bootnode.remember(now);
        bootnode.update_told();
        Ok((bootnode, receiver))
    }

    /// Has the peers of the last time in the table, and dials some: those who do not answer leave it.
    fn remember(&mut self, now: Instant) {
        for (peer, addresses) in self.store.peers(&self.policy) {
            insert(&mut self.swarm.behaviour_mut().kademlia, &peer, &addresses);
            self.reconnect.add_candidate(peer, addresses, true, now);
        }
    }

    /// Runs until `shutdown` is done, then writes the table to disk and closes every connection.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                event = self.swarm.select_next_some() => self.on_event(event),
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
        for peer in self.peers.keys() {
            self.store.seen(peer);
        }
        self.store.save_all().await;
        info!("bootnode stopped");
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            // What was pushed is what this bootnode told the peer.
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            })) => self.identified(peer_id, connection_id, &info),
            SwarmEvent::Behaviour(BehaviourEvent::Kademlia(kad::Event::OutboundQueryProgressed {
                result: QueryResult::GetClosestPeers(result),
                step,
                ..
            })) => {
                let (Ok(GetClosestPeersOk { peers, .. }) | Err(GetClosestPeersError::Timeout { peers, .. })) = result;
                let is_new = |peer: &PeerId| !self.peers.contains_key(peer);
                let found = peers.iter().any(|info| is_new(&info.peer_id));
                if step.last {
                    self.walk.ended(now, found);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                let far_end = endpoint.get_remote_address().clone();
                debug!(peer = %peer_id, address = %far_end, "connected");
                self.reconnect.connected(connection_id, peer_id);
                if self.policy.widen(&far_end) {
                    self.update_told();
                }
                let peer =
                    self.peers.entry(peer_id).or_insert_with(|| Peer { since: now, connections: HashMap::new() });
                peer.connections.insert(connection_id, Connection { far_end, is_dialer: endpoint.is_dialer() });
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    peer.connections.remove(&connection_id);
                }
                if num_established == 0 {
                    self.peers.remove(&peer_id);
                    self.reconnect.gone(peer_id, now);
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                debug!(peer = ?peer_id, %error, "cannot connect");
                self.reconnect.failed(connection_id, matches!(error, DialError::LocalPeerId { .. }), now);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.own.listens(&address);
                self.policy.widen(&address);
                self.update_told();
                self.state.send_modify(|state| state.listening.push(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.own.stopped_listening(&address);
                self.update_told();
                self.state.send_modify(|state| state.listening.retain(|known| *known != address));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                warn!(?addresses, ?reason, "no longer listening");
            }
            _ => {}
        }
    }

    /// Who is of the chain is in the table from now on; others go.
    fn identified(&mut self, peer: PeerId, connection: ConnectionId, info: &identify::Info) {
        if !info.protocols.iter().any(|protocol| protocol.as_ref().starts_with(&self.chain_prefix)) {
            debug!(%peer, agent = %info.agent_version, "closing: the peer is not of this chain");
            self.reconnect.refuse(peer);
            // An error says that the peer has gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        }
        let Some(Connection { far_end, is_dialer }) =
            self.peers.get(&peer).and_then(|peer| peer.connections.get(&connection))
        else {
            return;
        };
        let addresses = self.policy.first_hand(&peer, &info.listen_addrs, far_end);
        if *is_dialer {
            self.store.reached(peer, far_end);
        }
        self.reconnect.ready(peer);
        // A peer that cannot be reached does not offer to be in the table.
        let kademlia = &mut self.swarm.behaviour_mut().kademlia;
        if kademlia.protocol_names().iter().any(|protocol| info.protocols.contains(protocol)) {
            let spread: Vec<_> = addresses.iter().filter(|address| self.policy.hearsay(address)).cloned().collect();
            if insert(kademlia, &peer, &spread) {
                self.walk.hurry();
            }
            self.store.told(peer, spread);
        }
    }

    fn update_told(&mut self) {
        let told = self.own.to_tell(&self.policy);
        if announce(&mut self.swarm, &told) {
            let peers: Vec<_> = self.peers.keys().copied().collect();
            self.swarm.behaviour_mut().identify.push(peers);
        }
    }

    fn on_tick(&mut self, now: Instant) {
        let few = self.peers.len() < FEW;
        let peers = &self.peers;
        self.reconnect.dial_due(&mut self.swarm, now, few, |peer| peers.contains_key(peer));
        if self.walk.is_due(now, few) {
            self.swarm.behaviour_mut().kademlia.get_closest_peers(PeerId::random());
        }
        self.make_room(now);
        let table: usize = self.swarm.behaviour_mut().kademlia.kbuckets().map(|bucket| bucket.num_entries()).sum();
        let connected = self.peers.len();
        self.state.send_if_modified(|state| {
            let changed = (state.connected, state.table) != (connected, table);
            (state.connected, state.table) = (connected, table);
            changed
        });
        if now.saturating_duration_since(self.reported_at) >= REPORT {
            self.reported_at = now;
            info!(connected, table, "bootnode");
        }
        self.store.save_if_due(now);
    }

    /// When nearly all places are taken, who was served longest goes.
    fn make_room(&mut self, now: Instant) {
        let enough = self.max_connections / 8 * 7;
        let surplus = self.peers.len().saturating_sub(enough);
        if surplus == 0 {
            return;
        }
        let mut served: Vec<_> = (self.peers.iter())
            .filter(|(_, peer)| now.saturating_duration_since(peer.since) >= STAY)
            .map(|(id, peer)| (peer.since, *id))
            .collect();
        served.sort_unstable();
        for (_, peer) in served.into_iter().take(surplus) {
            // An error says that the peer has gone by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }
}

impl std::fmt::Debug for Bootnode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootnode").field("local", self.swarm.local_peer_id()).finish_non_exhaustive()
    }
}
