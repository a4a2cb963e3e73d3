//! The swarm: transports and behaviours put together.

use crate::{
    config::NetworkConfig,
    counters::PeerCounters,
    discovery::{AddressPolicy, DiscoveryBehaviour},
    error::NetworkError,
    gate::Gate,
    gossip::{self, Gossip, Topics},
    muxer::Yamux,
    penalties::Ledger,
    rpc::RpcBehaviour,
    status::Agent,
};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, identify, identity::Keypair, noise, ping, quic, relay,
    swarm::NetworkBehaviour, tcp, yamux,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// What identify calls the family of protocols.
const IDENTIFY_PROTOCOL: &str = "/baton/1";

/// Connections without any stream are kept this long; peers exchange status far more often.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// How often a link is probed; the answer is due in the same time, else the connection is closed.
const PING: Duration = Duration::from_secs(10);

/// Streams that one connection may have at a time.
const MAX_STREAMS: u16 = 256;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    // First, so that refused peers cost the others nothing.
    pub(crate) gate: Gate,
    pub(crate) gossipsub: Gossip,
    pub(crate) rpc: RpcBehaviour,
    pub(crate) identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) discovery: DiscoveryBehaviour,
}

impl Behaviour {
    fn new(
        config: &NetworkConfig,
        topics: &Topics,
        policy: &AddressPolicy,
        counters: Arc<PeerCounters>,
        relay: relay::client::Behaviour,
    ) -> Result<Self, NetworkError> {
        let local = PeerId::from(config.keypair.public());
        let now = SystemTime::now();
        let ledger = config.state_dir.as_deref().map_or_else(Ledger::default, |directory| Ledger::load(directory, now));
        Ok(Self {
            gate: Gate::new(config.limits, ledger, counters),
            gossipsub: gossip::build(topics)?,
            rpc: RpcBehaviour::new(&config.chain, config.timing.request_deadline_max),
            identify: identify(&config.keypair, &config.agent),
            ping: ping(),
            discovery: DiscoveryBehaviour::new(config, local, policy, relay)?,
        })
    }
}

/// Builds the swarm and starts to listen.
pub(crate) fn build(
    config: &NetworkConfig,
    topics: &Topics,
    policy: &AddressPolicy,
    counters: &Arc<PeerCounters>,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let mut swarm = SwarmBuilder::with_existing_identity(config.keypair.clone())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
        .map_err(|error| setup("noise", &error))?
        .with_quic_config(quic)
        .with_dns()
        .map_err(|error| setup("the DNS resolver (is /etc/resolv.conf readable?)", &error))?
        .with_relay_client(noise::Config::new, multiplexer)
        .map_err(|error| setup("noise", &error))?
        .with_behaviour(|_, relay| Ok(Behaviour::new(config, topics, policy, Arc::clone(counters), relay)?))
        .map_err(|error| setup("the behaviours", &error))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(IDLE_TIMEOUT))
        .build();
    listen(&mut swarm, &config.listen)?;
    Ok(swarm)
}

pub(crate) fn identify(keypair: &Keypair, agent: &str) -> identify::Behaviour {
    let config = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), keypair.public())
        .with_agent_version(Agent::fit(agent).into())
        // What is told is decided in one place, and what is heard goes through the address policy.
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    identify::Behaviour::new(config)
}

pub(crate) fn ping() -> ping::Behaviour {
    ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING))
}

/// Streams are bounded.
pub(crate) fn yamux() -> yamux::Config {
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(MAX_STREAMS.into());
    yamux
}

pub(crate) fn multiplexer() -> Yamux {
    Yamux(yamux())
}

/// Streams are bounded here as well.
pub(crate) fn quic(mut quic: quic::Config) -> quic::Config {
    quic.max_concurrent_stream_limit = MAX_STREAMS.into();
    quic
}

/// Starts to listen.
pub(crate) fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>, addresses: &[Multiaddr]) -> Result<(), NetworkError> {
    for address in addresses {
        swarm
            .listen_on(address.clone())
            .map_err(|error| NetworkError::Listen { address: address.clone(), reason: error.to_string() })?;
    }
    Ok(())
}

pub(crate) fn setup(what: &'static str, error: &dyn std::fmt::Display) -> NetworkError {
    NetworkError::Setup { what, reason: error.to_string() }
}
