//! What the network is told at its start.

use baton_consensus::signing::SigningContext;
use libp2p::{Multiaddr, PeerId, identity::Keypair};
use std::{path::PathBuf, time::Duration};

/// Everything that the network needs to know.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// The node's libp2p key (ed25519); its public half is the peer id.
    pub keypair: Keypair,
    /// Where to listen: `/ip4/…/tcp/…` and `/ip4/…/udp/…/quic-v1`. Empty: the node only dials.
    pub listen: Vec<Multiaddr>,
    /// Where to find the first peers, best with their `/p2p/…` part. Redialed while connected peers are few.
    pub bootnodes: Vec<Multiaddr>,
    /// Addresses under which others reach this node, told to every peer.
    pub external_addresses: Vec<Multiaddr>,
    /// The chain: it names the topics and protocols, and peers of another one are sent away.
    pub chain: SigningContext,
    /// The software's name and version, told to every peer; cut to [`crate::MAX_AGENT_BYTES`].
    pub agent: String,
    /// Peers to stay connected with and to always forward to: the sequencers. They do not count against the limits.
    pub explicit_peers: Vec<PeerId>,
    /// How many connections are allowed.
    pub limits: ConnectionLimits,
    /// How further peers are found.
    pub discovery: DiscoveryConfig,
    /// The directory that keeps what outlives a restart: good peers, bans, and the operator's lists. None to forget them.
    pub state_dir: Option<PathBuf>,
    /// Times that hardly anyone changes.
    pub timing: Timing,
}

impl NetworkConfig {
    /// A configuration with defaults, without any address.
    #[must_use]
    pub fn new(keypair: Keypair, chain: SigningContext) -> Self {
        Self {
            keypair,
            listen: Vec::new(),
            bootnodes: Vec::new(),
            external_addresses: Vec::new(),
            chain,
            agent: concat!("baton/", env!("CARGO_PKG_VERSION")).to_owned(),
            explicit_peers: Vec::new(),
            limits: ConnectionLimits::default(),
            discovery: DiscoveryConfig::default(),
            state_dir: None,
            timing: Timing::default(),
        }
    }
}

/// How many connections are allowed; the gate (`network/src/gate`) tells how these work together. Reserved peers (the explicit
/// ones, and those that the operator trusts or added) are exempt from those that count established connections, but for
/// [`crate::MAX_CONNECTIONS_PER_PEER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Established connections that others opened.
    pub inbound: u32,
    /// Established connections that this node opened.
    pub outbound: u32,
    /// Connections being set up, for each direction.
    pub pending: u32,
    /// Connections that one IP address may be setting up.
    pub pending_per_ip: u32,
    /// New connections from one address range, a second; eight times as many may come at once.
    pub arrivals_per_range: u32,
    /// Established connections that one address range opened.
    pub per_range_inbound: u32,
    /// Established connections that this node opened to one address range.
    pub per_range_outbound: u32,
    /// Whether local ranges (loopback, private, link-local) are held to the limits by range and address as well.
    pub limit_local: bool,
    /// With at least this many connected peers, bootnodes are not dialed any more.
    pub enough_peers: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            inbound: 96,
            outbound: 48,
            pending: 64,
            pending_per_ip: 8,
            arrivals_per_range: 4,
            per_range_inbound: 16,
            per_range_outbound: 6,
            limit_local: false,
            enough_peers: 8,
        }
    }
}

/// How peers are found beyond those that the node is told of, and how others find this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// Whether to search the mesh for peers while there are too few.
    pub search: bool,
    /// Whether to look for peers on the local network by mDNS, and to tell it of this node.
    pub mdns: bool,
    /// Whether to ask the gateway to open the port by UPnP, where one may be needed.
    pub upnp: bool,
    /// When to be reached through a relay.
    pub relay: RelayUse,
    /// Whether addresses of private networks are spread as if they were public: for a mesh in such a network whose nodes are on
    /// the internet as well.
    pub private_addresses: bool,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { search: true, mdns: false, upnp: false, relay: RelayUse::Never, private_addresses: false }
    }
}

/// When a node has itself be reached through a relay, which a bootnode may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelayUse {
    /// When peers say that it cannot be reached otherwise.
    #[default]
    Auto,
    /// As soon as there is one.
    Always,
    /// Never.
    Never,
}

/// The network's own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often a dialer exchanges status with a peer again.
    pub status_interval: Duration,
    /// How long a new peer may take for its first status before it is disconnected.
    pub status_deadline: Duration,
    /// The wait before the first attempt to reconnect; doubles with every failure.
    pub reconnect_initial: Duration,
    /// The longest wait between attempts to reconnect.
    pub reconnect_max: Duration,
    /// An upper bound on the deadlines of all requests.
    pub request_deadline_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            status_interval: Duration::from_secs(5),
            status_deadline: Duration::from_secs(10),
            reconnect_initial: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(30),
            request_deadline_max: Duration::from_secs(60),
        }
    }
}
