//! What an operator may say, on the command line, in the environment or in a file.

use super::ByteSize;
use crate::l1::EndpointUrl;
use alloy_primitives::B256;
use baton_network::RelayUse;
use baton_storage::Prune;
use clap::{Args, ValueEnum};
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// When a node has itself be reached through a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RelayMode {
    /// When peers say that it cannot be reached otherwise.
    Auto,
    /// As soon as there is one.
    Always,
    /// Never.
    Never,
}

impl From<RelayMode> for RelayUse {
    fn from(mode: RelayMode) -> Self {
        match mode {
            RelayMode::Auto => Self::Auto,
            RelayMode::Always => Self::Always,
            RelayMode::Never => Self::Never,
        }
    }
}

/// How a node that has no chain comes to the head of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SyncMode {
    /// It takes over the state of a final block that its peers offer and prove.
    Snapshot,
    /// It executes all blocks from genesis on.
    Full,
}

/// The settings of `baton node`, each absent unless said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct NodeOptions {
    /// A TOML file with any of the settings below, under the same names.
    #[arg(long, env = "BATON_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// The genesis file of the chain.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// Where the chain is kept; one running node a directory.
    #[arg(long, env = "BATON_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The sequencer's keys, as `baton key new` makes them; without it the node is an observer.
    #[arg(long, env = "BATON_KEYS_DIR", value_name = "DIR")]
    pub keys_dir: Option<PathBuf>,
    /// A file with the password of the sequencer's keys, if they are encrypted; without it, BATON_PASSWORD is the password.
    #[arg(long, env = "BATON_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// JSON-RPC servers of L1, the preferred ones first, where the genesis file names a registry there; several, as one may
    /// fail or lie. A sequencer without any votes for no set change.
    #[arg(long, env = "BATON_L1_RPC", value_name = "URL", value_delimiter = ',')]
    pub l1_rpc: Option<Vec<EndpointUrl>>,
    /// The key that pays for bringing evidence to L1, and gets the reward; without it this node brings none.
    #[arg(long, env = "BATON_L1_KEY", value_name = "FILE")]
    pub l1_key: Option<PathBuf>,
    /// The pause between two looks at L1; half of its block time is a good one [default: 2s].
    #[arg(long, env = "BATON_L1_POLL", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde")]
    pub l1_poll: Option<Duration>,
    /// Peer-to-peer addresses to listen on [default: /ip4/0.0.0.0/tcp/30400,/ip4/0.0.0.0/udp/30400/quic-v1].
    #[arg(long, env = "BATON_LISTEN", value_name = "MULTIADDR", value_delimiter = ',')]
    pub listen: Option<Vec<Multiaddr>>,
    /// Addresses under which peers reach this node, where it cannot find out itself.
    #[arg(long, env = "BATON_EXTERNAL_ADDRESS", value_name = "MULTIADDR", value_delimiter = ',')]
    pub external_address: Option<Vec<Multiaddr>>,
    /// Peers to start from, besides those of the genesis file; each ends in /p2p/<peer id>.
    #[arg(long, env = "BATON_BOOTNODE", value_name = "MULTIADDR", value_delimiter = ',')]
    pub bootnode: Option<Vec<Multiaddr>>,
    /// Search the mesh for more peers while there are too few [default: true].
    #[arg(long, env = "BATON_DISCOVERY", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub discovery: Option<bool>,
    /// Look for peers on the local network by mDNS, and tell it of this node [default: false].
    #[arg(long, env = "BATON_MDNS", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub mdns: Option<bool>,
    /// Ask the gateway to open the port by UPnP, unless --external-address is given or the node listens on loopback only
    /// [default: true].
    #[arg(long, env = "BATON_UPNP", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub upnp: Option<bool>,
    /// Be reached through a relay, which a bootnode may be [default: auto for observers, never for sequencers].
    #[arg(long, env = "BATON_RELAY", value_name = "WHEN")]
    pub relay: Option<RelayMode>,
    /// Spread addresses of private networks as if they were public: for a mesh inside of one whose nodes are on the internet
    /// as well [default: false].
    #[arg(long, env = "BATON_PRIVATE_ADDRESSES", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub private_addresses: Option<bool>,
    /// Connections that others may open; sequencers, trusted and added peers come on top [default: 96].
    #[arg(long, env = "BATON_MAX_INBOUND", value_name = "COUNT")]
    pub max_inbound: Option<u32>,
    /// Connections that this node opens; sequencers, trusted and added peers come on top [default: 48].
    #[arg(long, env = "BATON_MAX_OUTBOUND", value_name = "COUNT")]
    pub max_outbound: Option<u32>,
    /// Connections that one address range (IPv4 /24, IPv6 /56) may open [default: 16].
    #[arg(long, env = "BATON_MAX_INBOUND_PER_RANGE", value_name = "COUNT")]
    pub max_inbound_per_range: Option<u32>,
    /// Hold local address ranges (loopback, private, link-local) to the limits by range as well [default: false].
    #[arg(long, env = "BATON_LIMIT_LOCAL", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub limit_local: Option<bool>,
    /// How a node without a chain comes to its head [default: snapshot if its peers are more than 4096 blocks ahead, else full].
    #[arg(long, env = "BATON_SYNC", value_name = "MODE")]
    pub sync: Option<SyncMode>,
    /// The hash of a final block: a chain that does not contain it is not followed. Where stake can be withdrawn, take one
    /// that is younger than the unbonding delay.
    #[arg(long, env = "BATON_CHECKPOINT", value_name = "HASH")]
    pub checkpoint: Option<B256>,
    /// How many blocks lie between two states that are kept for peers that join; 0 keeps none. All nodes of a chain should
    /// say the same [default: two minutes, as a power of two from 64 to 8192].
    #[arg(long, env = "BATON_SNAPSHOT_INTERVAL", value_name = "BLOCKS")]
    pub snapshot_interval: Option<u64>,
    /// Where JSON-RPC listens, HTTP and WebSocket alike [default: 127.0.0.1:8545].
    #[arg(long, env = "BATON_RPC_LISTEN", value_name = "HOST:PORT")]
    pub rpc_listen: Option<SocketAddr>,
    /// How many RPC clients may be connected at once [default: 512].
    #[arg(long, env = "BATON_RPC_MAX_CONNECTIONS", value_name = "COUNT")]
    pub rpc_max_connections: Option<u32>,
    /// The largest RPC request [default: 16MiB].
    #[arg(long, env = "BATON_RPC_MAX_REQUEST_SIZE", value_name = "SIZE")]
    pub rpc_max_request_size: Option<ByteSize>,
    /// The largest RPC answer [default: 32MiB].
    #[arg(long, env = "BATON_RPC_MAX_RESPONSE_SIZE", value_name = "SIZE")]
    pub rpc_max_response_size: Option<ByteSize>,
    /// The most calls in one RPC batch [default: 1000].
    #[arg(long, env = "BATON_RPC_MAX_BATCH", value_name = "COUNT")]
    pub rpc_max_batch: Option<u32>,
    /// The web origins whose pages may call the RPC server from a browser; `*` for all [default: none].
    #[arg(long, env = "BATON_RPC_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub rpc_cors_origin: Option<Vec<String>>,
    /// Where Prometheus reads the metrics, at /metrics [default: nowhere].
    #[arg(long, env = "BATON_METRICS", value_name = "HOST:PORT")]
    pub metrics: Option<SocketAddr>,
    /// The most bytes that the transactions of the mempool may take together [default: 128MiB].
    #[arg(long, env = "BATON_MEMPOOL_MAX_BYTES", value_name = "SIZE")]
    pub mempool_max_bytes: Option<ByteSize>,
    /// The most transactions in the mempool [default: 200000].
    #[arg(long, env = "BATON_MEMPOOL_MAX_TRANSACTIONS", value_name = "COUNT")]
    pub mempool_max_transactions: Option<usize>,
    /// The most transactions of one sender in the mempool [default: 4096].
    #[arg(long, env = "BATON_MEMPOOL_MAX_PER_SENDER", value_name = "COUNT")]
    pub mempool_max_per_sender: Option<usize>,
    /// The smallest priority fee per gas that the mempool takes in [default: 0].
    #[arg(long, env = "BATON_MEMPOOL_MIN_PRIORITY_FEE", value_name = "WEI")]
    pub mempool_min_priority_fee: Option<u64>,
    /// How long the mempool keeps a transaction that waits for an earlier nonce or for funds [default: 3h].
    #[arg(long, env = "BATON_MEMPOOL_QUEUED_LIFETIME", value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde")]
    pub mempool_queued_lifetime: Option<Duration>,
    /// The database's block cache [default: 256MiB].
    #[arg(long, env = "BATON_DATABASE_CACHE", value_name = "SIZE")]
    pub database_cache: Option<ByteSize>,
    /// What of the past is kept: `archive`, all receipts and states; `full:N`, those of the last N blocks, at least 128. Without
    /// it, a data directory stays what it was, and a new one becomes full:345600, a day of blocks every 250 ms. An archive that
    /// is started as anything else loses its old states for good.
    #[arg(long, env = "BATON_PRUNE", value_name = "MODE")]
    pub prune: Option<Prune>,
    /// What is logged: a level, or target=level, comma separated [default: info,libp2p_gossipsub=error].
    #[arg(long, env = "BATON_LOG_FILTER", value_name = "FILTER")]
    pub log_filter: Option<String>,
    /// The form of the log [default: text].
    #[arg(long, env = "BATON_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// A file to write once the node listens: its RPC address, its peer-to-peer addresses and its process id, as JSON.
    #[arg(long, env = "BATON_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Shut down when standard input ends, so that the node does not outlive what started it.
    #[arg(long, env = "BATON_EXIT_ON_STDIN_EOF", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub exit_on_stdin_eof: Option<bool>,
}

impl NodeOptions {
    /// These options, with `lower` where these say nothing. A list is replaced, not extended.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        let Self {
            config,
            genesis,
            data_dir,
            keys_dir,
            password_file,
            l1_rpc,
            l1_key,
            l1_poll,
            listen,
            external_address,
            bootnode,
            discovery,
            mdns,
            upnp,
            relay,
            private_addresses,
            max_inbound,
            max_outbound,
            max_inbound_per_range,
            limit_local,
            sync,
            checkpoint,
            snapshot_interval,
            rpc_listen,
            rpc_max_connections,
            rpc_max_request_size,
            rpc_max_response_size,
            rpc_max_batch,
            rpc_cors_origin,
            metrics,
            mempool_max_bytes,
            mempool_max_transactions,
            mempool_max_per_sender,
            mempool_min_priority_fee,
            mempool_queued_lifetime,
            database_cache,
            prune,
            log_filter,
            log_format,
            ready_file,
            exit_on_stdin_eof,
        } = self;
        Self {
            config: config.or(lower.config),
            genesis: genesis.or(lower.genesis),
            data_dir: data_dir.or(lower.data_dir),
            keys_dir: keys_dir.or(lower.keys_dir),
            password_file: password_file.or(lower.password_file),
            l1_rpc: l1_rpc.or(lower.l1_rpc),
            l1_key: l1_key.or(lower.l1_key),
            l1_poll: l1_poll.or(lower.l1_poll),
            listen: listen.or(lower.listen),
            external_address: external_address.or(lower.external_address),
            bootnode: bootnode.or(lower.bootnode),
            discovery: discovery.or(lower.discovery),
            mdns: mdns.or(lower.mdns),
            upnp: upnp.or(lower.upnp),
            relay: relay.or(lower.relay),
            private_addresses: private_addresses.or(lower.private_addresses),
            max_inbound: max_inbound.or(lower.max_inbound),
            max_outbound: max_outbound.or(lower.max_outbound),
            max_inbound_per_range: max_inbound_per_range.or(lower.max_inbound_per_range),
            limit_local: limit_local.or(lower.limit_local),
            sync: sync.or(lower.sync),
            checkpoint: checkpoint.or(lower.checkpoint),
            snapshot_interval: snapshot_interval.or(lower.snapshot_interval),
            rpc_listen: rpc_listen.or(lower.rpc_listen),
            rpc_max_connections: rpc_max_connections.or(lower.rpc_max_connections),
            rpc_max_request_size: rpc_max_request_size.or(lower.rpc_max_request_size),
            rpc_max_response_size: rpc_max_response_size.or(lower.rpc_max_response_size),
            rpc_max_batch: rpc_max_batch.or(lower.rpc_max_batch),
            rpc_cors_origin: rpc_cors_origin.or(lower.rpc_cors_origin),
            metrics: metrics.or(lower.metrics),
            mempool_max_bytes: mempool_max_bytes.or(lower.mempool_max_bytes),
            mempool_max_transactions: mempool_max_transactions.or(lower.mempool_max_transactions),
            mempool_max_per_sender: mempool_max_per_sender.or(lower.mempool_max_per_sender),
            mempool_min_priority_fee: mempool_min_priority_fee.or(lower.mempool_min_priority_fee),
            mempool_queued_lifetime: mempool_queued_lifetime.or(lower.mempool_queued_lifetime),
            database_cache: database_cache.or(lower.database_cache),
            prune: prune.or(lower.prune),
            log_filter: log_filter.or(lower.log_filter),
            log_format: log_format.or(lower.log_format),
            ready_file: ready_file.or(lower.ready_file),
            exit_on_stdin_eof: exit_on_stdin_eof.or(lower.exit_on_stdin_eof),
        }
    }
}
