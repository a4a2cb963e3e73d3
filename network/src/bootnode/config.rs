//! What a bootnode is told at its start.

use baton_consensus::signing::SigningContext;
use libp2p::{Multiaddr, identity::Keypair};
use std::path::PathBuf;

/// Everything that a bootnode needs to know.
#[derive(Clone, Debug)]
pub struct BootnodeConfig {
    /// Its libp2p key (ed25519); the public half is the peer id that others name.
    pub keypair: Keypair,
    /// The chain whose peers it knows. It turns others away.
    pub chain: SigningContext,
    /// Where to listen: `/ip4/…/tcp/…` and `/ip4/…/udp/…/quic-v1`.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach it, told to every peer.
    pub external_addresses: Vec<Multiaddr>,
    /// Other bootnodes, to share what they know.
    pub bootnodes: Vec<Multiaddr>,
    /// The software's name and version, told to every peer; cut to [`crate::MAX_AGENT_BYTES`].
    pub agent: String,
    /// How many connections are allowed, in both directions together.
    pub max_connections: u32,
    /// The file that keeps the table's peers; none to forget them.
    pub peer_store: Option<PathBuf>,
    /// Whether to relay for peers that cannot be reached: within bounds, traffic then goes through this machine.
    pub relay: bool,
    /// See [`crate::DiscoveryConfig::private_addresses`].
    pub private_addresses: bool,
}

impl BootnodeConfig {
    /// A configuration with defaults, without any address.
    #[must_use]
    pub fn new(keypair: Keypair, chain: SigningContext) -> Self {
        Self {
            keypair,
            chain,
            listen: Vec::new(),
            external_addresses: Vec::new(),
            bootnodes: Vec::new(),
            agent: concat!("baton-bootnode/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_connections: 512,
            peer_store: None,
            relay: false,
            private_addresses: false,
        }
    }
}
