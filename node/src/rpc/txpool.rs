//! `txpool_*`: the state of the pool, as geth tells it.

use super::{context::Rpc, errors::RpcResult};
use alloy_primitives::U64;
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde::Serialize;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_method("txpool_status", |_, rpc, _| {
        let status = rpc.node.pool.status();
        RpcResult::Ok(PoolCounts { pending: U64::from(status.pending), queued: U64::from(status.queued) })
    })?;
    Ok(())
}

#[derive(Clone, Debug, Serialize)]
struct PoolCounts {
    pending: U64,
    queued: U64,
}
