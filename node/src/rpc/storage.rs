//! `baton_storage`: what of the past this node keeps.

use super::{context::Rpc, errors::RpcResult};
use crate::chain::ChainError;
use baton_consensus::types::Height;
use baton_storage::Kept;
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde::Serialize;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("baton_storage", |_, rpc, _| async move { storage(&rpc).await })?;
    Ok(())
}

/// The lowest heights that JSON-RPC answers for. All up to the head are there as well.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    /// The prune mode, as `--prune` takes it.
    prune: String,
    /// With receipts and logs.
    oldest_receipts: Height,
    /// With a state: balances, code, slots, calls.
    oldest_state: Height,
    /// With a state of which something can be proven.
    oldest_proof: Height,
}

async fn storage(rpc: &Rpc) -> RpcResult<Storage> {
    let most = rpc.limits.state_history_blocks;
    rpc.read(move |chain| {
        let head = chain.head().height.0;
        let Kept { receipts, state: _, indexed_state, trie } = chain.store().kept().map_err(ChainError::from)?;
        let oldest_proof = trie.max(Height(head.saturating_sub(most)));
        let oldest_state = indexed_state.min(oldest_proof);
        let prune = chain.store().prune().to_string();
        Ok(Storage { prune, oldest_receipts: receipts, oldest_state, oldest_proof })
    })
    .await
}
