//! The state after a block.

use super::super::{
    context::{Rpc, check_depth, check_proof_depth},
    errors::{RpcError, RpcResult},
    params::Arguments,
};
use crate::chain::ChainReader;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{EIP1186AccountProofResponse, EIP1186StorageProof};
use alloy_serde::JsonStorageKey;
use baton_execution::trie::AccountProof;
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_getBalance", |params, rpc, _| async move { balance(&params, &rpc).await })?;
    module.register_async_method("eth_getCode", |params, rpc, _| async move { code(&params, &rpc).await })?;
    module.register_async_method("eth_getStorageAt", |params, rpc, _| async move { storage(&params, &rpc).await })?;
    module
        .register_async_method("eth_getTransactionCount", |params, rpc, _| async move { nonce(&params, &rpc).await })?;
    module.register_async_method("eth_getProof", |params, rpc, _| async move { proof(&params, &rpc).await })?;
    Ok(())
}

/// Which block's state is meant; the latest if none is named.
pub(super) fn block(arguments: &mut Arguments<'_>) -> RpcResult<BlockId> {
    Ok(arguments.optional("block")?.unwrap_or_default())
}

/// Asks for the state after a block that is not too old.
async fn read<T: Send + 'static>(
    rpc: &Rpc,
    at: BlockId,
    question: impl FnOnce(&ChainReader) -> RpcResult<T> + Send + 'static,
) -> RpcResult<T> {
    let most = rpc.limits.state_history_blocks;
    rpc.read(move |chain| {
        check_depth(chain, at, most)?;
        question(chain)
    })
    .await
}

async fn balance(params: &Params<'_>, rpc: &Rpc) -> RpcResult<U256> {
    let mut arguments = Arguments::new(params, 2)?;
    let address: Address = arguments.required("address")?;
    let at = block(&mut arguments)?;
    read(rpc, at, move |chain| Ok(chain.account(address, at)?.unwrap_or_default().balance)).await
}

async fn code(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Bytes> {
    let mut arguments = Arguments::new(params, 2)?;
    let address: Address = arguments.required("address")?;
    let at = block(&mut arguments)?;
    read(rpc, at, move |chain| Ok(chain.code(address, at)?)).await
}

async fn storage(params: &Params<'_>, rpc: &Rpc) -> RpcResult<B256> {
    let mut arguments = Arguments::new(params, 3)?;
    let address: Address = arguments.required("address")?;
    let slot: JsonStorageKey = arguments.required("storage slot")?;
    let at = block(&mut arguments)?;
    let slot = U256::from_be_bytes(slot.as_b256().0);
    read(rpc, at, move |chain| Ok(B256::from(chain.storage(address, slot, at)?))).await
}

async fn nonce(params: &Params<'_>, rpc: &Rpc) -> RpcResult<U64> {
    let mut arguments = Arguments::new(params, 2)?;
    let address: Address = arguments.required("address")?;
    let at = block(&mut arguments)?;
    let account = read(rpc, at, move |chain| Ok(chain.account(address, at)?.unwrap_or_default().nonce)).await?;
    let pool = match at {
        BlockId::Number(BlockNumberOrTag::Pending) => rpc.node.pool.pending_nonce(address).await,
        _ => None,
    };
    // The pool may lag behind the head by a block.
    Ok(U64::from(pool.unwrap_or_default().max(account)))
}

async fn proof(params: &Params<'_>, rpc: &Rpc) -> RpcResult<EIP1186AccountProofResponse> {
    let mut arguments = Arguments::new(params, 3)?;
    let address: Address = arguments.required("address")?;
    let keys: Vec<JsonStorageKey> = arguments.required("storage slots")?;
    let at = block(&mut arguments)?;
    let most = rpc.limits.proof_slots;
    if keys.len() > most {
        return Err(RpcError::limit(format!(
            "{} storage slots are asked for; at most {most} are proven at once",
            keys.len()
        )));
    }
    let history = rpc.limits.state_history_blocks;
    rpc.execute(move |chain| {
        check_proof_depth(chain, at, history)?;
        let slots: Vec<U256> = keys.iter().map(|key| U256::from_be_bytes(key.as_b256().0)).collect();
        let proof = chain.proof(address, &slots, at)?;
        Ok(response(proof, keys))
    })
    .await
}

fn response(proof: AccountProof, keys: Vec<JsonStorageKey>) -> EIP1186AccountProofResponse {
    let AccountProof { address, account, proof: account_proof, storage } = proof;
    let account = account.unwrap_or_default();
    let storage_proof = keys.into_iter().zip(storage).map(|(key, slot)| EIP1186StorageProof {
        key,
        value: slot.value,
        proof: slot.proof,
    });
    EIP1186AccountProofResponse {
        address,
        balance: account.balance,
        code_hash: account.code_hash,
        nonce: account.nonce,
        storage_hash: account.storage_root,
        account_proof,
        storage_proof: storage_proof.collect(),
    }
}
