//! Finding peers, being found, and remembering who was good.

use super::NetworkTask;
use crate::{
    config::{DiscoveryConfig, RelayUse},
    discovery::{
        AddressPolicy, DiscoveryBehaviourEvent, Loneliness, OwnAddresses, PEERS_FILE, Pace, PeerStore, Reachability,
        Tried, Walk, announce, insert, is_relayed, kademlia_protocol,
    },
    reconnect::Reconnect,
    rpc::Protocol,
};
use baton_consensus::signing::SigningContext;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::transport::ListenerId,
    identify,
    kad::{self, GetClosestPeersError, GetClosestPeersOk, Mode, QueryResult},
    mdns,
    multiaddr::Protocol as Part,
    relay,
    swarm::ConnectionId,
    upnp,
};
use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::{debug, info};

/// How long a bootnode stays connected once there are enough peers: long enough for it to dial back.
const HELPER_STAY: Duration = Duration::from_secs(30);

/// Relays that are used at a time.
const MAX_RELAYS: usize = 2;

/// The pause after a relay was lost.
const RELAY_PAUSE: Duration = Duration::from_secs(30);

/// What a peer that dials back speaks (AutoNAT v2).
const AUTONAT: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-request");

/// The state of discovery.
pub(super) struct Discovery {
    policy: AddressPolicy,
    search: bool,
    walk: Walk,
    kademlia: StreamProtocol,
    own: OwnAddresses,
    told: watch::Sender<Vec<Multiaddr>>,
    reachability: watch::Sender<Reachability>,
    is_given: bool,
    relay: RelayUse,
    relays: HashMap<ListenerId, PeerId>,
    relay_not_before: Instant,
    offers: HashMap<PeerId, Multiaddr>,
    store: PeerStore,
    loneliness: Loneliness,
}

impl Discovery {
    pub(super) fn new(
        config: DiscoveryConfig,
        state_dir: Option<&Path>,
        chain: &SigningContext,
        given: Vec<Multiaddr>,
        policy: AddressPolicy,
        now: Instant,
    ) -> (Self, watch::Receiver<Vec<Multiaddr>>, watch::Receiver<Reachability>) {
        let DiscoveryConfig { search, mdns: _, upnp: _, relay, private_addresses: _ } = config;
        let is_given = !given.is_empty();
        for address in &given {
            policy.widen(address);
        }
        let (told, told_receiver) = watch::channel(Vec::new());
        let initial = if is_given { Reachability::Reachable } else { Reachability::Unknown };
        let (reachability, reachability_receiver) = watch::channel(initial);
        let discovery = Self {
            policy,
            search,
            walk: Walk::new(Pace::default()),
            kademlia: kademlia_protocol(chain),
            own: OwnAddresses::new(given),
            told,
            reachability,
            is_given,
            relay,
            relays: HashMap::new(),
            relay_not_before: now,
            offers: HashMap::new(),
            store: PeerStore::open(state_dir.map(|directory| directory.join(PEERS_FILE))),
            loneliness: Loneliness::new(now),
        };
        (discovery, told_receiver, reachability_receiver)
    }

    /// Has the peers of the store dialed.
    pub(super) fn remember(&self, reconnect: &mut Reconnect, now: Instant) {
        let peers = self.store.peers(&self.policy);
        if !peers.is_empty() {
            info!(peers = peers.len(), "peers are remembered from earlier");
        }
        for (peer, addresses) in peers {
            reconnect.add_candidate(peer, addresses, true, now);
        }
    }

    /// A dial to a known peer failed.
    pub(super) fn failed(&mut self, reason: &impl ToString) {
        self.loneliness.failed(reason);
    }
}

impl NetworkTask {
    /// A connection to this address is open.
    pub(super) fn meet(&mut self, far_end: &Multiaddr) {
        if self.discovery.policy.widen(far_end) {
            debug!(%far_end, surroundings = ?self.discovery.policy.surroundings(), "the node's surroundings are wider");
            self.update_told();
        }
    }

    pub(super) fn listens(&mut self, address: &Multiaddr) {
        self.discovery.own.listens(address);
        self.discovery.policy.widen(address);
        self.update_told();
    }

    pub(super) fn stopped_listening(&mut self, address: &Multiaddr) {
        self.discovery.own.stopped_listening(address);
        self.update_told();
    }

    pub(super) fn confirmed(&mut self, address: Multiaddr) {
        info!(%address, "others can reach this node");
        if !is_relayed(&address) {
            self.set_reachability(Reachability::Reachable);
        }
        self.discovery.own.confirmed(address);
        self.update_told();
    }

    pub(super) fn expired(&mut self, address: &Multiaddr) {
        self.discovery.own.expired(address);
        self.update_told();
    }

    /// Tells peers our addresses if they are others than before.
    pub(super) fn update_told(&mut self) {
        let told = self.discovery.own.to_tell(&self.discovery.policy);
        announce(&mut self.swarm, &told);
        if self.discovery.told.send_if_modified(|known| std::mem::replace(known, told.clone()) != told) {
            let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
            self.swarm.behaviour_mut().identify.push(peers);
        }
    }

    /// What a peer says of itself.
    pub(super) fn identified(&mut self, peer: PeerId, connection: ConnectionId, info: &identify::Info) {
        let Some(far_end) = self.peers.far_end(&peer, connection).cloned() else { return };
        let policy = &self.discovery.policy;
        let addresses = policy.first_hand(&peer, &info.listen_addrs, &far_end);
        self.peers.identified(peer, &info.agent_version, addresses.clone());
        self.reconnect.learn(peer, &addresses);
        if self.peers.ready_ids().any(|ready| ready == peer) {
            self.discovery.store.told(peer, addresses.clone());
        }
        let speaks = |protocol: &StreamProtocol| info.protocols.contains(protocol);
        if speaks(&self.discovery.kademlia) {
            let kademlia = &mut self.swarm.behaviour_mut().discovery.kademlia;
            // Whoever is in the table is asked for more.
            let spread: Vec<_> = addresses.iter().filter(|address| policy.hearsay(address)).cloned().collect();
            if self.discovery.search && insert(kademlia, &peer, &spread) {
                self.discovery.walk.hurry();
            }
            if !speaks(&Protocol::Status.id(&self.chain)) {
                self.peers.set_helper(&peer);
            }
        }
        if speaks(&AUTONAT) {
            // Whether the addresses at which this node listens are open to others, nobody has checked.
            for address in self.discovery.own.to_tell(policy) {
                self.swarm.behaviour_mut().discovery.autonat.suggest(&address);
            }
        }
        if speaks(&relay::HOP_PROTOCOL_NAME) {
            let reached = self.peers.reached_at(&peer).into_iter().find(|address| !is_relayed(address));
            if let Some(address) = reached.filter(|_| self.discovery.offers.len() < 2 * MAX_RELAYS) {
                self.discovery.offers.insert(peer, address);
            }
        }
        if self.peers.is_useless(&peer) && !speaks(&Protocol::Status.id(&self.chain)) {
            debug!(%peer, "closing: the peer speaks no protocol of this chain");
            self.reconnect.refuse(peer);
            self.part_from(peer);
        }
    }

    /// A peer is of our chain: the store has it from now on.
    pub(super) fn remember_peer(&mut self, peer: PeerId) {
        for address in self.peers.reached_at(&peer).iter().filter(|address| !is_relayed(address)) {
            self.discovery.store.reached(peer, address);
        }
        self.discovery.store.told(peer, self.peers.listens(&peer));
    }

    /// Somebody trustworthy says where an explicit peer is.
    pub(super) fn know(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        let addresses = self.discovery.policy.second_hand(&peer, addresses);
        self.reconnect.learn(peer, &addresses);
    }

    pub(super) fn on_discovery(&mut self, event: DiscoveryBehaviourEvent) {
        match event {
            DiscoveryBehaviourEvent::Kademlia(kad::Event::OutboundQueryProgressed {
                result: QueryResult::GetClosestPeers(result),
                step,
                ..
            }) => {
                let (Ok(GetClosestPeersOk { peers, .. }) | Err(GetClosestPeersError::Timeout { peers, .. })) = result;
                let found = self.found(peers);
                if step.last {
                    self.discovery.walk.ended(Instant::now(), found);
                }
            }
            DiscoveryBehaviourEvent::Kademlia(_) => {}
            DiscoveryBehaviourEvent::Mdns(mdns::Event::Discovered(peers)) => {
                let peers = peers.into_iter().map(|(peer_id, address)| kad::PeerInfo { peer_id, addrs: vec![address] });
                self.found(peers.collect());
            }
            DiscoveryBehaviourEvent::Mdns(mdns::Event::Expired(_)) => {}
            DiscoveryBehaviourEvent::Autonat(event) => match &event.result {
                Ok(()) => debug!(address = %event.tested_addr, server = %event.server, "a peer dialed back"),
                Err(error) => {
                    debug!(address = %event.tested_addr, server = %event.server, %error, "a peer could not dial back");
                    let counts = self.discovery.policy.hearsay(&event.tested_addr);
                    if counts && *self.discovery.reachability.borrow() == Reachability::Unknown {
                        self.set_reachability(Reachability::Unreachable);
                    }
                }
            },
            DiscoveryBehaviourEvent::Upnp(event) => match event {
                upnp::Event::NewExternalAddr { local_addr, external_addr } => {
                    info!(listening = %local_addr, external = %external_addr, "the gateway opened a port");
                }
                upnp::Event::ExpiredExternalAddr { local_addr, external_addr } => {
                    info!(listening = %local_addr, external = %external_addr, "the gateway closed a port");
                }
                upnp::Event::GatewayNotFound => debug!("no gateway that speaks UPnP"),
                upnp::Event::NonRoutableGateway => info!("the gateway is itself behind a NAT: UPnP does not help"),
            },
            DiscoveryBehaviourEvent::Relay(event) => debug!(?event, "relay"),
            DiscoveryBehaviourEvent::HolePunching(event) => match event.result {
                Ok(_) => info!(peer = %event.remote_peer_id, "a direct connection replaces the relayed one"),
                Err(error) => debug!(peer = %event.remote_peer_id, %error, "no direct connection"),
            },
        }
    }

    /// Third peers say where these are. Tells whether anybody was new.
    fn found(&mut self, peers: Vec<kad::PeerInfo>) -> bool {
        let now = Instant::now();
        let mut any = false;
        for kad::PeerInfo { peer_id, addrs } in peers {
            let addresses = self.discovery.policy.second_hand(&peer_id, &addrs);
            if self.explicit.contains(&peer_id) {
                self.reconnect.learn(peer_id, &addresses);
            } else {
                any |= self.reconnect.add_candidate(peer_id, addresses, false, now);
            }
        }
        any
    }

    fn set_reachability(&mut self, new: Reachability) {
        if self.discovery.is_given || *self.discovery.reachability.borrow() == new {
            return;
        }
        self.discovery.reachability.send_replace(new);
        // Who cannot be reached is of no use in others' tables.
        let mode = if new == Reachability::Unreachable { Mode::Client } else { Mode::Server };
        self.swarm.behaviour_mut().discovery.kademlia.set_mode(Some(mode));
        info!(reachability = ?new, "whether others can reach this node");
    }

    pub(super) fn on_tick_discovery(&mut self, now: Instant) {
        let few = self.peers.are_few(self.enough_peers);
        let (peers, reconnect) = (&self.peers, &self.reconnect);
        let missing = reconnect.missing(|peer| peers.contains(peer));
        if self.discovery.search && self.discovery.walk.is_due(now, few || !missing.is_empty()) {
            // Every other search is for a sequencer that is to be kept, if there is one.
            let wanted = (!missing.is_empty() && rand::random::<bool>())
                .then(|| missing.get(rand::random_range(0..missing.len())).copied())
                .flatten();
            let target = wanted.unwrap_or_else(PeerId::random);
            self.swarm.behaviour_mut().discovery.kademlia.get_closest_peers(target);
        }
        self.send_helpers_away(now, few);
        self.use_relays(now);
        let (bootnodes, others) = self.reconnect.known();
        let tried = Tried { bootnodes, others, connected: self.peers.helpers().count() };
        self.discovery.loneliness.look(now, self.peers.ready(), tried);
        self.discovery.store.save_if_due(now);
    }

    /// Bootnodes have others to help. While peers are few, those that the operator named stay.
    fn send_helpers_away(&mut self, now: Instant, few: bool) {
        let over: Vec<_> = (self.peers.helpers())
            .filter(|(peer, since)| {
                let stays = self.explicit.contains(peer)
                    || self.discovery.relays.values().any(|relay| relay == peer)
                    || (few && self.reconnect.is_bootnode(peer));
                !stays && now.saturating_duration_since(*since) >= HELPER_STAY
            })
            .map(|(peer, _)| peer)
            .collect();
        for peer in over {
            debug!(%peer, "the bootnode is not needed any more");
            self.discovery.offers.remove(&peer);
            self.part_from(peer);
        }
    }

    fn use_relays(&mut self, now: Instant) {
        let wanted = match self.discovery.relay {
            RelayUse::Always => true,
            RelayUse::Auto => *self.discovery.reachability.borrow() == Reachability::Unreachable,
            RelayUse::Never => false,
        };
        if !wanted || self.discovery.relays.len() >= MAX_RELAYS || now < self.discovery.relay_not_before {
            return;
        }
        let peers = &self.peers;
        self.discovery.offers.retain(|peer, _| peers.contains(peer));
        let used: Vec<_> = self.discovery.relays.values().copied().collect();
        let free = self.discovery.offers.iter().find(|(peer, _)| !used.contains(peer));
        let Some((peer, address)) = free.map(|(peer, address)| (*peer, address.clone())) else { return };
        let mut circuit = address;
        if !matches!(circuit.iter().last(), Some(Part::P2p(_))) {
            circuit.push(Part::P2p(peer));
        }
        circuit.push(Part::P2pCircuit);
        match self.swarm.listen_on(circuit) {
            Ok(listener) => {
                self.discovery.relays.insert(listener, peer);
            }
            Err(error) => {
                debug!(%peer, %error, "cannot use the relay");
                self.discovery.offers.remove(&peer);
            }
        }
    }

    /// Whether the listener that closed was a relay's.
    pub(super) fn lost_relay(&mut self, listener: ListenerId) -> bool {
        let Some(peer) = self.discovery.relays.remove(&listener) else { return false };
        info!(%peer, "no longer reached through the relay");
        self.discovery.relay_not_before = Instant::now() + RELAY_PAUSE;
        true
    }

    /// Writes the peer store, with who is here now.
    pub(super) async fn save_peers(&mut self) {
        for peer in self.peers.ready_ids() {
            self.discovery.store.seen(&peer);
        }
        self.discovery.store.save_all().await;
    }
}
