//! Blocks, and what they hold.

use super::super::{
    context::Rpc,
    convert,
    errors::{RpcError, RpcResult},
    params::Arguments,
};
use crate::chain::{ChainReader, RecoveredBlock};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64};
use alloy_rpc_types_eth::{Block, TransactionReceipt};
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use std::sync::Arc;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_getBlockByNumber", |params, rpc, _| async move {
        let mut arguments = Arguments::new(&params, 2)?;
        let id = number(&mut arguments)?;
        block(&rpc, id, arguments.optional("full transactions")?.unwrap_or(false)).await
    })?;
    module.register_async_method("eth_getBlockByHash", |params, rpc, _| async move {
        let mut arguments = Arguments::new(&params, 2)?;
        let id = hash(&mut arguments)?;
        block(&rpc, id, arguments.optional("full transactions")?.unwrap_or(false)).await
    })?;
    module.register_async_method("eth_getBlockTransactionCountByNumber", |params, rpc, _| async move {
        transaction_count(&rpc, number(&mut Arguments::new(&params, 1)?)?).await
    })?;
    module.register_async_method("eth_getBlockTransactionCountByHash", |params, rpc, _| async move {
        transaction_count(&rpc, hash(&mut Arguments::new(&params, 1)?)?).await
    })?;
    module.register_async_method("eth_getUncleCountByBlockNumber", |params, rpc, _| async move {
        uncle_count(&rpc, number(&mut Arguments::new(&params, 1)?)?).await
    })?;
    module.register_async_method("eth_getUncleCountByBlockHash", |params, rpc, _| async move {
        uncle_count(&rpc, hash(&mut Arguments::new(&params, 1)?)?).await
    })?;
    module
        .register_async_method("eth_getBlockReceipts", |params, rpc, _| async move { receipts(&params, &rpc).await })?;
    Ok(())
}

/// A block number or tag.
pub(super) fn number(arguments: &mut Arguments<'_>) -> RpcResult<BlockId> {
    arguments.required::<BlockNumberOrTag>("block number or tag").map(BlockId::Number)
}

/// A block hash.
pub(super) fn hash(arguments: &mut Arguments<'_>) -> RpcResult<BlockId> {
    arguments.required::<B256>("block hash").map(BlockId::from)
}

/// The block that `id` means; none if there is no such block.
pub(super) fn find(chain: &ChainReader, id: BlockId) -> RpcResult<Option<Arc<RecoveredBlock>>> {
    chain.block_without_receipts(id).map_err(RpcError::from)
}

async fn block(rpc: &Rpc, id: BlockId, full: bool) -> RpcResult<Option<Block>> {
    rpc.read(move |chain| Ok(find(chain, id)?.map(|found| convert::block(&found, full)))).await
}

async fn transaction_count(rpc: &Rpc, id: BlockId) -> RpcResult<Option<U64>> {
    rpc.read(move |chain| Ok(find(chain, id)?.map(|found| U64::from(found.block.body.transactions.len())))).await
}

async fn uncle_count(rpc: &Rpc, id: BlockId) -> RpcResult<Option<U64>> {
    rpc.read(move |chain| Ok(chain.header(id)?.map(|_| U64::ZERO))).await
}

async fn receipts(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Option<Vec<TransactionReceipt>>> {
    let id: BlockId = Arguments::new(params, 1)?.required("block")?;
    rpc.read(move |chain| Ok(chain.block(id)?.map(|found| convert::receipts(&found)))).await
}
