//! The server while there is no chain to answer from: it says how far the sync has come, and refuses the rest.

use super::{
    config::RpcConfig,
    errors::{RpcError, RpcResult},
    eth::sync_info,
    ports::{PeersView, SyncReport},
    server::{RpcHandle, RpcStartError, Socket, serve},
    web3::client_version,
};
use alloy_primitives::U64;
use jsonrpsee::RpcModule;
use std::sync::Arc;
use tokio::sync::watch;

/// What is known while a state is taken over.
#[derive(Clone)]
pub struct WaitingContext {
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// How far it has come.
    pub sync: watch::Receiver<SyncReport>,
    /// The state of the mesh.
    pub peers: Arc<dyn PeersView>,
}

impl std::fmt::Debug for WaitingContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WaitingContext").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

/// Starts the server that tells how far a node is that has no chain yet. The real one takes over its socket.
///
/// # Errors
/// If the socket cannot be used, or an origin is malformed.
pub fn start_waiting(socket: &Socket, config: RpcConfig, context: WaitingContext) -> Result<RpcHandle, RpcStartError> {
    let mut module = RpcModule::new(context);
    module.register_method("web3_clientVersion", |_, _, _| client_version())?;
    module.register_method("net_version", |_, waiting, _| waiting.chain_id.to_string())?;
    module.register_method("net_listening", |_, _, _| true)?;
    module.register_method("net_peerCount", |_, waiting, _| RpcResult::Ok(U64::from(waiting.peers.count())))?;
    module.register_method("eth_chainId", |_, waiting, _| RpcResult::Ok(U64::from(waiting.chain_id)))?;
    module.register_method("eth_blockNumber", |_, _, _| RpcResult::Ok(U64::ZERO))?;
    module.register_method("eth_syncing", |_, waiting, _| {
        let SyncReport { starting, current, highest, .. } = *waiting.sync.borrow();
        RpcResult::Ok(sync_info(starting, current, highest))
    })?;
    module.register_method("baton_sync", |_, waiting, _| RpcResult::Ok(waiting.sync.borrow().clone()))?;
    module.register_method("baton_peers", |_, waiting, _| RpcResult::Ok(waiting.peers.peers()))?;
    serve(socket, config, module, refuse)
}

fn refuse(method: &str) -> RpcError {
    RpcError::refused(format!(
        "{method} is not answered yet: this node is on its way to the chain's state; baton_sync and eth_syncing say how far \
         it has come"
    ))
}
