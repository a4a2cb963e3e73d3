//! What a node is told at its start.
//!
//! Every setting has one name in three places: the flag `--rpc-listen`, the environment variable `BATON_RPC_LISTEN` and
//! the key `rpc-listen` of the TOML file that `--config` names. The flag wins over the variable, the variable over the
//! file, the file over the default. [`NodeOptions`] is what was said, [`NodeConfig`] is what holds.

mod error;
mod file;
mod options;
mod ready;
mod size;
mod stdin;

pub use error::ConfigError;
pub use options::{LogFormat, NodeOptions, RelayMode, SyncMode};
pub use ready::Ready;
pub(crate) use ready::write_whole;
pub use size::ByteSize;
pub use stdin::stdin_closed;

use crate::l1::EndpointUrl;
use alloy_primitives::B256;
use baton_storage::Prune;
use libp2p::Multiaddr;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// The port of the peer-to-peer network, over TCP and over QUIC, unless told otherwise.
pub const DEFAULT_P2P_PORT: u16 = 30_400;

/// Where JSON-RPC listens unless told otherwise: on this machine only.
pub const DEFAULT_RPC_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8545);

/// The least N of `--prune full:N`: the states that JSON-RPC proves on every node, which wallets and explorers rely on.
pub const MIN_PRUNE_BLOCKS: u64 = crate::rpc::STATE_HISTORY_BLOCKS;

/// Everything that a node is told at its start, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The genesis file.
    pub genesis: PathBuf,
    /// Where the chain is kept.
    pub data_dir: PathBuf,
    /// The key directory of a sequencer; none makes the node an observer.
    pub keys_dir: Option<PathBuf>,
    /// A file with the password of these keys.
    pub password_file: Option<PathBuf>,
    /// L1.
    pub l1: L1Config,
    /// The peer-to-peer network.
    pub network: NetworkConfig,
    /// How the node comes to the head of the chain, and helps others to.
    pub sync: SyncConfig,
    /// The JSON-RPC server.
    pub rpc: RpcConfig,
    /// Where Prometheus reads the metrics; none for nowhere.
    pub metrics: Option<SocketAddr>,
    /// The bounds of the mempool.
    pub mempool: MempoolConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The log.
    pub log: LogConfig,
    /// How the process behaves towards what started it.
    pub process: ProcessConfig,
    /// See [`baton_consensus::core::Identity::without_checkpoints`]. No setting: only the command line of a measurement says it.
    pub without_checkpoints: bool,
    /// See [`crate::engine::EngineConfig::whole_blocks`]. No setting either.
    pub whole_blocks: bool,
}

/// L1, where the genesis file names a registry there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L1Config {
    /// JSON-RPC servers, the preferred ones first.
    pub endpoints: Vec<EndpointUrl>,
    /// A file with the key that pays for bringing evidence; none if this node brings none.
    pub key: Option<PathBuf>,
    /// The pause between two looks.
    pub poll: Duration,
}

/// The peer-to-peer network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Addresses to listen on.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach this node, where it cannot find out itself.
    pub external: Vec<Multiaddr>,
    /// Peers to start from, besides those of the genesis file; each ends in `/p2p/<peer id>`.
    pub bootnodes: Vec<Multiaddr>,
    /// Whether to search the mesh for more peers.
    pub discovery: bool,
    /// Whether to look for peers on the local network.
    pub mdns: bool,
    /// Whether to ask the gateway to open the port, where that may help.
    pub upnp: bool,
    /// When to be reached through a relay; none for what suits the node's role.
    pub relay: Option<RelayMode>,
    /// Whether addresses of private networks are spread as if they were public.
    pub private_addresses: bool,
    /// Connections that others may open.
    pub max_inbound: u32,
    /// Connections that this node opens.
    pub max_outbound: u32,
    /// Connections that one address range may open.
    pub max_inbound_per_range: u32,
    /// Whether local address ranges are held to the limits by range as well.
    pub limit_local: bool,
}

/// How a node comes to the head of the chain, and helps others to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// What a node without a chain does; none leaves it to the node.
    pub mode: Option<SyncMode>,
    /// The hash of a block that must be in the chain.
    pub checkpoint: Option<B256>,
    /// How many blocks lie between two states that are kept for others, 0 for none; none leaves it to the node.
    pub snapshot_interval: Option<u64>,
}

/// The JSON-RPC server: HTTP and WebSocket on one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How many clients may be connected at once.
    pub max_connections: u32,
    /// The largest request, in bytes.
    pub max_request_size: ByteSize,
    /// The largest answer, in bytes.
    pub max_response_size: ByteSize,
    /// The most calls in one batch.
    pub max_batch: u32,
    /// The web origins whose pages may call the server from a browser; `*` for all.
    pub cors_origins: Vec<String>,
}

/// The bounds of the mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MempoolConfig {
    /// The most bytes that all transactions together may take.
    pub max_bytes: ByteSize,
    /// The most transactions.
    pub max_transactions: usize,
    /// The most transactions of one sender.
    pub max_per_sender: usize,
    /// The smallest priority fee per gas that is taken in, in wei.
    pub min_priority_fee: u64,
    /// How long a transaction that waits for an earlier nonce or for funds is kept.
    pub queued_lifetime: Duration,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// The block cache of RocksDB, in bytes.
    pub cache: ByteSize,
    /// What of the past is kept; none for what the data directory kept so far.
    pub prune: Option<Prune>,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What is logged, as `level` or `target=level`, comma separated.
    pub filter: String,
    /// In which form.
    pub format: LogFormat,
}

/// How the process behaves towards what started it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessConfig {
    /// A file that the node writes once it listens; see [`Ready`].
    pub ready_file: Option<PathBuf>,
    /// Whether the node shuts down when its standard input ends; see [`stdin_closed`].
    pub exit_on_stdin_eof: bool,
}

impl NodeConfig {
    /// Fills `options` up from the file that it names and from the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that is missing or out of bounds, or the line of the file that is wrong.
    pub fn resolve(mut options: NodeOptions) -> Result<Self, ConfigError> {
        let options = match options.config.take() {
            Some(path) => options.or(file::read(&path)?),
            None => options,
        };
        Self::from_options(options)
    }

    fn from_options(options: NodeOptions) -> Result<Self, ConfigError> {
        let NodeOptions {
            config: _,
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
        } = options;
        let limits = baton_network::ConnectionLimits::default();
        let config = Self {
            genesis: genesis.ok_or(ConfigError::Required { setting: "genesis", what: "genesis file" })?,
            data_dir: data_dir.ok_or(ConfigError::Required { setting: "data-dir", what: "data directory" })?,
            keys_dir,
            password_file,
            l1: L1Config {
                endpoints: l1_rpc.unwrap_or_default(),
                key: l1_key,
                poll: l1_poll.unwrap_or(Duration::from_secs(2)),
            },
            network: NetworkConfig {
                listen: listen.unwrap_or_else(default_listen),
                external: external_address.unwrap_or_default(),
                bootnodes: bootnode.unwrap_or_default(),
                discovery: discovery.unwrap_or(true),
                mdns: mdns.unwrap_or(false),
                upnp: upnp.unwrap_or(true),
                relay,
                private_addresses: private_addresses.unwrap_or(false),
                max_inbound: max_inbound.unwrap_or(limits.inbound),
                max_outbound: max_outbound.unwrap_or(limits.outbound),
                max_inbound_per_range: max_inbound_per_range.unwrap_or(limits.per_range_inbound),
                limit_local: limit_local.unwrap_or(limits.limit_local),
            },
            sync: SyncConfig { mode: sync, checkpoint, snapshot_interval },
            rpc: RpcConfig {
                listen: rpc_listen.unwrap_or(DEFAULT_RPC_LISTEN),
                max_connections: rpc_max_connections.unwrap_or(512),
                max_request_size: rpc_max_request_size.unwrap_or(ByteSize::mebibytes(16)),
                max_response_size: rpc_max_response_size.unwrap_or(ByteSize::mebibytes(32)),
                max_batch: rpc_max_batch.unwrap_or(1000),
                cors_origins: rpc_cors_origin.unwrap_or_default(),
            },
            metrics,
            mempool: MempoolConfig {
                max_bytes: mempool_max_bytes.unwrap_or(ByteSize::mebibytes(128)),
                max_transactions: mempool_max_transactions.unwrap_or(200_000),
                max_per_sender: mempool_max_per_sender.unwrap_or(4_096),
                min_priority_fee: mempool_min_priority_fee.unwrap_or(0),
                queued_lifetime: mempool_queued_lifetime.unwrap_or(Duration::from_secs(3 * 3600)),
            },
            database: DatabaseConfig { cache: database_cache.unwrap_or(ByteSize::mebibytes(256)), prune },
            log: LogConfig {
                filter: log_filter.unwrap_or_else(|| "info,libp2p_gossipsub=error".to_owned()),
                format: log_format.unwrap_or_default(),
            },
            process: ProcessConfig { ready_file, exit_on_stdin_eof: exit_on_stdin_eof.unwrap_or(false) },
            without_checkpoints: false,
            whole_blocks: false,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let at_least = |setting: &'static str, value: u64, least: u64| match value >= least {
            true => Ok(()),
            false => Err(ConfigError::TooSmall { setting, value, least }),
        };
        at_least("rpc-max-connections", self.rpc.max_connections.into(), 1)?;
        at_least("rpc-max-request-size", self.rpc.max_request_size.0, 1024)?;
        at_least("rpc-max-response-size", self.rpc.max_response_size.0, 1024)?;
        at_least("rpc-max-batch", self.rpc.max_batch.into(), 1)?;
        at_least("mempool-max-bytes", self.mempool.max_bytes.0, 1 << 20)?;
        at_least("mempool-max-transactions", self.mempool.max_transactions as u64, 1)?;
        at_least("mempool-max-per-sender", self.mempool.max_per_sender as u64, 1)?;
        at_least("database-cache", self.database.cache.0, 1 << 20)?;
        if let Some(Prune::Full(blocks)) = self.database.prune {
            at_least("prune", blocks, MIN_PRUNE_BLOCKS)?;
        }
        at_least("l1-poll", u64::try_from(self.l1.poll.as_millis()).unwrap_or(u64::MAX), 1)?;
        at_least("max-outbound", self.network.max_outbound.into(), 1)?;
        for address in &self.network.bootnodes {
            if !crate::genesis::names_a_peer(address) {
                return Err(ConfigError::Bootnode { address: address.clone() });
            }
        }
        Ok(())
    }

    /// The configuration as a file that gives this configuration again.
    ///
    /// # Errors
    /// [`ConfigError::NotText`] if a path is not UTF-8, which TOML cannot say.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let Self {
            genesis,
            data_dir,
            keys_dir,
            password_file,
            l1,
            network,
            sync,
            rpc,
            metrics,
            mempool,
            database,
            log,
            process,
            without_checkpoints: _,
            whole_blocks: _,
        } = self.clone();
        let L1Config { endpoints, key: l1_key, poll } = l1;
        let NetworkConfig {
            listen,
            external,
            bootnodes,
            discovery,
            mdns,
            upnp,
            relay,
            private_addresses,
            max_inbound,
            max_outbound,
            max_inbound_per_range,
            limit_local,
        } = network;
        let SyncConfig { mode, checkpoint, snapshot_interval } = sync;
        let RpcConfig {
            listen: rpc_listen,
            max_connections,
            max_request_size,
            max_response_size,
            max_batch,
            cors_origins,
        } = rpc;
        let MempoolConfig { max_bytes, max_transactions, max_per_sender, min_priority_fee, queued_lifetime } = mempool;
        let DatabaseConfig { cache, prune } = database;
        let LogConfig { filter, format } = log;
        let ProcessConfig { ready_file, exit_on_stdin_eof } = process;
        file::write(&NodeOptions {
            config: None,
            genesis: Some(genesis),
            data_dir: Some(data_dir),
            keys_dir,
            password_file,
            l1_rpc: Some(endpoints),
            l1_key,
            l1_poll: Some(poll),
            listen: Some(listen),
            external_address: Some(external),
            bootnode: Some(bootnodes),
            discovery: Some(discovery),
            mdns: Some(mdns),
            upnp: Some(upnp),
            relay,
            private_addresses: Some(private_addresses),
            max_inbound: Some(max_inbound),
            max_outbound: Some(max_outbound),
            max_inbound_per_range: Some(max_inbound_per_range),
            limit_local: Some(limit_local),
            sync: mode,
            checkpoint,
            snapshot_interval,
            rpc_listen: Some(rpc_listen),
            rpc_max_connections: Some(max_connections),
            rpc_max_request_size: Some(max_request_size),
            rpc_max_response_size: Some(max_response_size),
            rpc_max_batch: Some(max_batch),
            rpc_cors_origin: Some(cors_origins),
            metrics,
            mempool_max_bytes: Some(max_bytes),
            mempool_max_transactions: Some(max_transactions),
            mempool_max_per_sender: Some(max_per_sender),
            mempool_min_priority_fee: Some(min_priority_fee),
            mempool_queued_lifetime: Some(queued_lifetime),
            database_cache: Some(cache),
            prune,
            log_filter: Some(filter),
            log_format: Some(format),
            ready_file,
            exit_on_stdin_eof: Some(exit_on_stdin_eof),
        })
    }
}

/// Where peers are listened for unless told otherwise: everywhere, over TCP and over QUIC.
pub(crate) fn default_listen() -> Vec<Multiaddr> {
    use libp2p::multiaddr::Protocol;
    let any = Multiaddr::empty().with(Protocol::Ip4(Ipv4Addr::UNSPECIFIED));
    vec![
        any.clone().with(Protocol::Tcp(DEFAULT_P2P_PORT)),
        any.with(Protocol::Udp(DEFAULT_P2P_PORT)).with(Protocol::QuicV1),
    ]
}

#[cfg(test)]
mod tests;
