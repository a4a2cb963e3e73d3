//! What a node's settings are to its parts.

use super::version;
use crate::{
    config::{MempoolConfig, NetworkConfig, RelayMode, RpcConfig},
    genesis::Genesis,
    mempool, rpc,
};
use baton_network::{ConnectionLimits, DiscoveryConfig, Keypair, PeerId};
use std::{path::Path, time::Duration};

/// After how many block times a transaction that is in no block yet is gossiped again, at the soonest.
const REBROADCAST_BLOCKS: u32 = 4;

/// What the network is told. `is_sequencer` says that the node has the keys of one.
pub(super) fn network(
    settings: NetworkConfig,
    genesis: &Genesis,
    keypair: Keypair,
    explicit_peers: impl IntoIterator<Item = PeerId>,
    is_sequencer: bool,
    data_dir: &Path,
) -> baton_network::NetworkConfig {
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
    } = settings;
    let default_relay = if is_sequencer { RelayMode::Never } else { RelayMode::Auto };
    let mut config = baton_network::NetworkConfig::new(keypair, genesis.signing_context());
    config.listen = listen;
    config.bootnodes = genesis.bootnodes.iter().cloned().chain(bootnodes).collect();
    config.external_addresses = external;
    config.agent = version();
    config.explicit_peers = explicit_peers.into_iter().collect();
    config.limits = ConnectionLimits {
        inbound: max_inbound,
        outbound: max_outbound,
        per_range_inbound: max_inbound_per_range,
        limit_local,
        ..ConnectionLimits::default()
    };
    config.state_dir = Some(data_dir.to_owned());
    config.discovery = DiscoveryConfig {
        search: discovery,
        mdns,
        upnp,
        relay: relay.unwrap_or(default_relay).into(),
        private_addresses,
    };
    config
}

/// What the mempool of a chain with this block time is told.
pub(super) fn mempool(settings: &MempoolConfig, block_time: Duration) -> mempool::Config {
    let MempoolConfig { max_bytes, max_transactions, max_per_sender, min_priority_fee, queued_lifetime } = *settings;
    let defaults = mempool::Config::default();
    mempool::Config {
        limits: mempool::Limits {
            max_bytes: max_bytes.as_usize(),
            max_transactions,
            max_per_sender,
            min_priority_fee: u128::from(min_priority_fee),
            queued_lifetime,
            ..defaults.limits
        },
        // Where blocks are slow, nothing is overdue before there could be some.
        rebroadcast_after: defaults.rebroadcast_after.max(block_time * REBROADCAST_BLOCKS),
        ..defaults
    }
}

/// What the JSON-RPC server is told.
pub(super) fn rpc(settings: RpcConfig) -> rpc::RpcConfig {
    let RpcConfig { listen, max_connections, max_request_size, max_response_size, max_batch, cors_origins } = settings;
    rpc::RpcConfig {
        listen,
        max_connections,
        max_request_bytes: max_request_size.as_u32(),
        max_response_bytes: max_response_size.as_u32(),
        max_batch,
        cors_origins,
        ..rpc::RpcConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    #[test]
    fn nothing_is_gossiped_again_before_it_could_be_in_a_block() {
        let settings = MempoolConfig {
            max_bytes: ByteSize::mebibytes(1),
            max_transactions: 1,
            max_per_sender: 1,
            min_priority_fee: 0,
            queued_lifetime: Duration::from_secs(1),
        };
        let after = |block_time| mempool(&settings, block_time).rebroadcast_after;
        assert_eq!(after(Duration::from_millis(100)), mempool::Config::default().rebroadcast_after);
        assert_eq!(after(Duration::from_secs(3)), Duration::from_secs(12));
    }
}
