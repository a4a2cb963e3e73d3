//! What a node does until it has its first block.

use super::{RPC_PATIENCE, become_ready};
use crate::{
    config::ProcessConfig,
    mesh::Porter,
    rpc,
    stop::StopRequests,
    sync::{Arrival, Plan},
};
use baton_consensus::types::BlockRef;
use baton_network::NetworkEvents;
use std::sync::Arc;
use tracing::info;

/// The way to the first block, and what is served on it.
pub(super) struct Entrance<'a> {
    pub(super) arrival: Arrival,
    pub(super) porter: Porter,
    pub(super) process: &'a ProcessConfig,
    pub(super) rpc_socket: &'a rpc::Socket,
    pub(super) rpc_config: rpc::RpcConfig,
    /// How many addresses the network was told to listen on.
    pub(super) addresses: usize,
}

impl Entrance<'_> {
    /// Goes it, and says which blocks are proven final; none if the node is to stop before.
    pub(super) async fn pass(
        self,
        events: &mut NetworkEvents,
        requests: &mut StopRequests,
    ) -> eyre::Result<Option<Vec<BlockRef>>> {
        tokio::select! {
            anchors = self.arrive() => anchors.map(Some),
            () = self.porter.attend(events) => Ok(None),
            what = requests.next() => {
                info!("{what}: stopping");
                Ok(None)
            }
        }
    }

    /// While this takes its time, JSON-RPC tells how far the node is.
    async fn arrive(&self) -> eyre::Result<Vec<BlockRef>> {
        let Self { arrival, porter, process, rpc_socket, rpc_config, addresses } = self;
        let plan = arrival.plan().await?;
        if plan == Plan::Nothing {
            return arrival.carry_out(plan).await;
        }
        let context = rpc::WaitingContext {
            chain_id: arrival.genesis.chain_id(),
            sync: arrival.progress.follow(),
            peers: Arc::new(arrival.peers.clone()),
        };
        let waiting = rpc::start_waiting(rpc_socket, rpc_config.clone(), context)?;
        let mut listening = porter.listening.subscribe();
        become_ready(process, &arrival.network, (&mut listening, *addresses), rpc_socket.address()).await?;
        let anchors = arrival.carry_out(plan).await?;
        // Those who are connected come again.
        let _ = tokio::time::timeout(RPC_PATIENCE, waiting.stop()).await;
        Ok(anchors)
    }
}
