//! What a transaction costs.

use super::super::{
    context::Rpc,
    errors::{RpcError, RpcResult},
    params::Arguments,
};
use crate::chain::{BlockWithReceipts, ChainReader};
use alloy_consensus::Transaction as _;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, U64, U256};
use alloy_rpc_types_eth::FeeHistory;
use baton_consensus::types::Height;
use baton_execution::next_base_fee;
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use std::sync::{Arc, Mutex, PoisonError};

/// The blocks that a suggested tip looks back on, and the percentile of their tips that it takes (as geth's oracle).
const TIP_BLOCKS: u64 = 20;
const TIP_PERCENTILE: usize = 60;

/// How many tips of one block count: its lowest, which were enough.
const TIPS_OF_BLOCK: usize = 3;

/// Percentiles in a request of `eth_feeHistory`.
const MAX_PERCENTILES: usize = 100;

/// The least blob base fee (EIP-4844): no block carries blobs, so it never rises.
const BLOB_BASE_FEE: u128 = 1;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_gasPrice", |_, rpc, _| async move { gas_price(&rpc).await })?;
    module.register_async_method("eth_maxPriorityFeePerGas", |_, rpc, _| async move { priority_fee(&rpc).await })?;
    module.register_async_method("eth_feeHistory", |params, rpc, _| async move { fee_history(&params, &rpc).await })?;
    module.register_method("eth_blobBaseFee", |_, _, _| RpcResult::Ok(U256::from(BLOB_BASE_FEE)))?;
    Ok(())
}

/// Suggests a tip from what the last blocks took.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct TipOracle {
    minimum: u128,
    last: Arc<Mutex<Option<(B256, u128)>>>,
}

impl TipOracle {
    pub(in crate::rpc) fn new(minimum: u128) -> Self {
        Self { minimum, last: Arc::default() }
    }

    /// The tip for the next block. Worked out once for every head.
    fn suggest(&self, chain: &ChainReader) -> RpcResult<u128> {
        let head = chain.head();
        let known = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tip)) = known.filter(|(hash, _)| *hash == head.hash) {
            return Ok(tip);
        }
        let mut tips = Vec::new();
        for height in head.height.0.saturating_sub(TIP_BLOCKS - 1)..=head.height.0 {
            let block = match chain.block(BlockId::number(height)) {
                Err(error) if error.is_pruned() => continue,
                block => block?,
            };
            let Some(block) = block else { continue };
            tips.extend(rewards(&block).into_iter().take(TIPS_OF_BLOCK).map(|reward| reward.tip));
        }
        tips.sort_unstable();
        let tip = tips.get((tips.len().saturating_sub(1)) * TIP_PERCENTILE / 100).copied();
        let tip = tip.unwrap_or_default().max(self.minimum);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((head.hash, tip));
        Ok(tip)
    }
}

/// What a legacy transaction should pay to enter the next block.
async fn gas_price(rpc: &Rpc) -> RpcResult<U256> {
    let tips = rpc.tips.clone();
    rpc.read(move |chain| {
        let head = chain.header(BlockId::latest())?.ok_or_else(|| RpcError::internal("the head has no header"))?;
        let base_fee = next_base_fee(chain.spec(), &head);
        Ok(U256::from(base_fee) + U256::from(tips.suggest(chain)?))
    })
    .await
}

async fn priority_fee(rpc: &Rpc) -> RpcResult<U256> {
    let tips = rpc.tips.clone();
    rpc.read(move |chain| tips.suggest(chain).map(U256::from)).await
}

async fn fee_history(params: &Params<'_>, rpc: &Rpc) -> RpcResult<FeeHistory> {
    let mut arguments = Arguments::new(params, 3)?;
    let count = arguments.required::<U64>("block count")?.to::<u64>().min(rpc.limits.fee_history_blocks);
    let newest: BlockNumberOrTag = arguments.required("newest block")?;
    let percentiles: Option<Vec<f64>> = arguments.optional("reward percentiles")?;
    check_percentiles(percentiles.as_deref().unwrap_or_default())?;
    rpc.execute(move |chain| history(chain, count, newest, percentiles.as_deref())).await
}

fn check_percentiles(percentiles: &[f64]) -> RpcResult<()> {
    if percentiles.len() > MAX_PERCENTILES {
        let message =
            format!("{} reward percentiles are asked for; at most {MAX_PERCENTILES} are accepted", percentiles.len());
        return Err(RpcError::limit(message));
    }
    if let Some(wrong) = percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
        return Err(RpcError::invalid_params(format!("invalid reward percentile: {wrong} is not between 0 and 100")));
    }
    if percentiles.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(RpcError::invalid_params("invalid reward percentiles: they must not decrease"));
    }
    Ok(())
}

fn history(
    chain: &ChainReader,
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: Option<&[f64]>,
) -> RpcResult<FeeHistory> {
    let id = BlockId::Number(newest);
    let Some(Height(newest)) = chain.height(id)? else {
        let head = chain.head().height;
        return Err(RpcError::refused(format!("request beyond head block: requested {newest}, head {head}")));
    };
    let mut history = FeeHistory::default();
    let count = count.min(newest.saturating_add(1));
    if count == 0 {
        return Ok(history);
    }
    history.oldest_block = newest - (count - 1);
    history.reward = percentiles.map(|_| Vec::new());
    let mut next = 0;
    for height in history.oldest_block..=newest {
        let unknown = || RpcError::refused(format!("header not found: block {height} was just taken back"));
        let header = chain.header(BlockId::number(height))?.ok_or_else(unknown)?;
        history.base_fee_per_gas.push(header.base_fee_per_gas.unwrap_or_default().into());
        history.gas_used_ratio.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        next = next_base_fee(chain.spec(), &header);
        if let (Some(rows), Some(percentiles)) = (&mut history.reward, percentiles) {
            // An empty block has no receipts to look at.
            let rewards = if percentiles.is_empty() || header.gas_used == 0 {
                Vec::new()
            } else {
                rewards(&chain.load(Height(height))?.ok_or_else(unknown)?)
            };
            rows.push(rewards_at(&rewards, percentiles, header.gas_used));
        }
    }
    history.base_fee_per_gas.push(next.into());
    history.base_fee_per_blob_gas = vec![BLOB_BASE_FEE; history.base_fee_per_gas.len()];
    history.blob_gas_used_ratio = vec![0.0; history.gas_used_ratio.len()];
    Ok(history)
}

/// What one transaction paid the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reward {
    /// Wei per gas above the base fee.
    tip: u128,
    gas_used: u64,
}

/// What each transaction of a block paid, the lowest tip first.
fn rewards(block: &BlockWithReceipts) -> Vec<Reward> {
    let base_fee = block.block.block.header.base_fee_per_gas.unwrap_or_default();
    let transactions = block.block.block.body.transactions.iter().zip(&block.receipts);
    let mut rewards: Vec<_> = transactions
        .map(|(transaction, receipt)| Reward {
            tip: transaction.effective_tip_per_gas(base_fee).unwrap_or_default(),
            gas_used: receipt.gas_used,
        })
        .collect();
    rewards.sort_by_key(|reward| reward.tip);
    rewards
}

/// The tips at which the given percentiles of the block's gas are reached; zeros for an empty block.
fn rewards_at(rewards: &[Reward], percentiles: &[f64], gas_used: u64) -> Vec<u128> {
    let Some(last) = rewards.last() else { return vec![0; percentiles.len()] };
    let at = |percentile: &f64| {
        let threshold = gas_used as f64 * percentile / 100.0;
        let mut sum = 0_u64;
        let reached = rewards.iter().find(|reward| {
            sum = sum.saturating_add(reward.gas_used);
            sum as f64 >= threshold
        });
        reached.unwrap_or(last).tip
    };
    percentiles.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_gas_not_of_transactions() {
        let rewards = [(1, 10), (2, 80), (9, 10)].map(|(tip, gas_used)| Reward { tip, gas_used });
        assert_eq!(rewards_at(&rewards, &[0.0, 10.0, 10.1, 90.0, 91.0, 100.0], 100), [1, 1, 2, 2, 9, 9]);
        assert_eq!(rewards_at(&[], &[1.0, 2.0], 0), [0, 0]);
    }

    #[test]
    fn percentiles_must_be_in_order_and_in_range() {
        check_percentiles(&[0.0, 50.0, 50.0, 100.0]).unwrap();
        for wrong in [vec![-1.0], vec![100.1], vec![20.0, 10.0]] {
            assert_eq!(check_percentiles(&wrong).unwrap_err().code(), -32602);
        }
        assert_eq!(check_percentiles(&[1.0; 101]).unwrap_err().code(), -32005);
    }

    #[test]
    fn a_block_count_may_be_written_in_three_ways() {
        for text in ["\"0xa\"", "10", "\"10\""] {
            assert_eq!(serde_json::from_str::<U64>(text).unwrap().to::<u64>(), 10, "{text}");
        }
    }
}
