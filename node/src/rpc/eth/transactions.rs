//! Transactions: sending them, and finding them again.

use super::{
    super::{
        context::Rpc,
        convert,
        errors::{RpcError, RpcResult},
        params::Arguments,
    },
    blocks::{find, hash, number},
};
use crate::mempool::PoolError;
use alloy_eips::BlockId;
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_eth::{Index, Transaction, TransactionReceipt};
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method(
        "eth_sendRawTransaction",
        |params, rpc, _| async move { send_raw(&params, &rpc).await },
    )?;
    module.register_async_method("eth_getTransactionByHash", |params, rpc, _| async move {
        by_hash(&params, &rpc).await
    })?;
    module.register_async_method("eth_getTransactionReceipt", |params, rpc, _| async move {
        receipt(&params, &rpc).await
    })?;
    module.register_async_method("eth_getTransactionByBlockNumberAndIndex", |params, rpc, _| async move {
        let mut arguments = Arguments::new(&params, 2)?;
        let id = number(&mut arguments)?;
        by_index(&rpc, id, arguments.required("transaction index")?).await
    })?;
    module.register_async_method("eth_getTransactionByBlockHashAndIndex", |params, rpc, _| async move {
        let mut arguments = Arguments::new(&params, 2)?;
        let id = hash(&mut arguments)?;
        by_index(&rpc, id, arguments.required("transaction index")?).await
    })?;
    module.register_async_method(
        "eth_getRawTransactionByHash",
        |params, rpc, _| async move { raw(&params, &rpc).await },
    )?;
    Ok(())
}

/// Answers when the pool has the transaction and a peer acknowledged it, so that it survives the end of this node.
async fn send_raw(params: &Params<'_>, rpc: &Rpc) -> RpcResult<B256> {
    let bytes: Bytes = Arguments::new(params, 1)?.required("signed transaction")?;
    let answers = rpc.node.pool.submit(vec![bytes]).await;
    let answer = answers.into_iter().next().unwrap_or(Err(PoolError::Closed));
    answer.map_err(RpcError::from)
}

async fn by_hash(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Option<Transaction>> {
    let hash: B256 = Arguments::new(params, 1)?.required("transaction hash")?;
    // The pool first: a transaction that moves from pool to block in between is found in the block then.
    let pooled = rpc.node.pool.get(&hash);
    let found = rpc
        .read(move |chain| Ok(chain.transaction(hash)?.and_then(|(found, index)| convert::transaction(&found, index))));
    let found = found.await?;
    Ok(found.or_else(|| pooled.map(|pooled| convert::pending_transaction(&pooled))))
}

async fn raw(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Option<Bytes>> {
    use alloy_eips::eip2718::Encodable2718;
    let hash: B256 = Arguments::new(params, 1)?.required("transaction hash")?;
    let pooled = rpc.node.pool.get(&hash);
    let found = rpc.read(move |chain| {
        let found = chain.transaction(hash)?;
        Ok(found.and_then(|(found, index)| {
            found.block.body.transactions.get(index).map(|transaction| transaction.encoded_2718().into())
        }))
    });
    Ok(found.await?.or_else(|| pooled.map(|pooled| pooled.raw().clone())))
}

async fn receipt(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Option<TransactionReceipt>> {
    let hash: B256 = Arguments::new(params, 1)?.required("transaction hash")?;
    rpc.read(move |chain| {
        Ok(chain.executed_transaction(hash)?.and_then(|(found, index)| convert::receipt(&found, index)))
    })
    .await
}

async fn by_index(rpc: &Rpc, id: BlockId, index: Index) -> RpcResult<Option<Transaction>> {
    rpc.read(move |chain| Ok(find(chain, id)?.and_then(|found| convert::transaction(&found, index.0)))).await
}

impl From<PoolError> for RpcError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::StateUnavailable(cause) => Self::internal(cause),
            // The same code as geth's for all of these: tools match on the message.
            error => Self::refused(error),
        }
    }
}
