//! The protocols of a bootnode.

use super::BootnodeConfig;
use crate::{
    MAX_CONNECTIONS_PER_PEER,
    behaviour::{self, IDLE_TIMEOUT, listen, multiplexer, quic, setup},
    discovery::{AddressPolicy, Dials, Guard, Kademlia, build_kademlia},
    error::NetworkError,
};
use libp2p::{
    PeerId, Swarm, SwarmBuilder, autonat, connection_limits, identify, noise, ping, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
    tcp,
};
use std::time::Duration;

/// Connections being set up, for each direction.
const MAX_PENDING: u32 = 64;

/// Peers that may be reached through this one at a time.
const MAX_RESERVATIONS: usize = 128;

/// Relayed connections at a time, of all and of one peer.
const MAX_CIRCUITS: usize = 64;
const MAX_CIRCUITS_PER_PEER: usize = 4;

/// How long one relayed connection may last, and what it may carry: enough to agree on a direct one, and for some blocks.
const CIRCUIT_DURATION: Duration = Duration::from_secs(600);
const CIRCUIT_BYTES: u64 = 16 << 20;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) kademlia: Kademlia,
    autonat: Guard<autonat::v2::server::Behaviour>,
    relay: Toggle<relay::Behaviour>,
}

/// Builds the swarm and starts to listen.
pub(super) fn build(config: &BootnodeConfig, policy: &AddressPolicy) -> Result<Swarm<Behaviour>, NetworkError> {
    let local = PeerId::from(config.keypair.public());
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(MAX_PENDING))
        .with_max_pending_outgoing(Some(MAX_PENDING))
        .with_max_established(Some(config.max_connections))
        .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
    let relay = config.relay.then(|| relay::Behaviour::new(local, relay_limits()));
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        identify: behaviour::identify(&config.keypair, &config.agent),
        ping: behaviour::ping(),
        kademlia: build_kademlia(local, &config.chain, policy.clone(), true),
        autonat: Guard::new(autonat::v2::server::Behaviour::default(), policy.clone(), Dials::OnRequest),
        relay: relay.into(),
    };
    let mut swarm = SwarmBuilder::with_existing_identity(config.keypair.clone())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
        .map_err(|error| setup("noise", &error))?
        .with_quic_config(quic)
        .with_dns()
        .map_err(|error| setup("the DNS resolver (is /etc/resolv.conf readable?)", &error))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| setup("the behaviours", &error))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(IDLE_TIMEOUT))
        .build();
    listen(&mut swarm, &config.listen)?;
    Ok(swarm)
}

fn relay_limits() -> relay::Config {
    relay::Config {
        max_reservations: MAX_RESERVATIONS,
        max_reservations_per_peer: 1,
        max_circuits: MAX_CIRCUITS,
        max_circuits_per_peer: MAX_CIRCUITS_PER_PEER,
        max_circuit_duration: CIRCUIT_DURATION,
        max_circuit_bytes: CIRCUIT_BYTES,
        ..relay::Config::default()
    }
}
