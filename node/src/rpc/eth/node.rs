//! What kind of node and chain this is.

use super::super::{context::Rpc, errors::RpcResult, ports::SyncProgress};
use alloy_primitives::{Address, U64, U256};
use alloy_rpc_types_eth::{SyncInfo, SyncStatus};
use baton_consensus::types::Height;
use jsonrpsee::{RpcModule, core::RegisterMethodError};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_method("eth_chainId", |_, rpc, _| RpcResult::Ok(U64::from(rpc.node.chain.spec().chain_id())))?;
    module.register_method("eth_blockNumber", |_, rpc, _| RpcResult::Ok(U64::from(rpc.node.chain.head().height.0)))?;
    module
        .register_method("eth_syncing", |_, rpc, _| RpcResult::Ok(sync_status(rpc.node.consensus.status().syncing)))?;
    // The node keeps no accounts of its users and mines nothing.
    module.register_method("eth_accounts", |_, _, _| Vec::<Address>::new())?;
    module.register_method("eth_mining", |_, _, _| false)?;
    Ok(())
}

fn sync_status(progress: Option<SyncProgress>) -> SyncStatus {
    progress
        .map_or(SyncStatus::None, |SyncProgress { starting, current, highest }| sync_info(starting, current, highest))
}

/// How far the sync has come, with the fields that the specification names.
pub(in crate::rpc) fn sync_info(starting: Height, current: Height, highest: Height) -> SyncStatus {
    SyncStatus::Info(Box::new(SyncInfo {
        starting_block: U256::from(starting.0),
        current_block: U256::from(current.0),
        highest_block: U256::from(highest.0),
        ..SyncInfo::default()
    }))
}
