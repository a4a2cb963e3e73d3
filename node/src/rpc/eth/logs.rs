//! Logs by address and topics.

use super::super::{
    context::Rpc,
    convert,
    errors::{RpcError, RpcResult},
    params::Arguments,
};
use crate::chain::{BlockLog, BlockWithReceipts, ChainError, ChainReader, block_logs};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bloom};
use alloy_rpc_types_eth::{Filter, FilterBlockOption, FilterSet, Log};
use baton_consensus::types::Height;
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use std::time::{Duration, Instant};

/// Addresses in a filter, and alternatives for one topic.
const MAX_ALTERNATIVES: usize = 1_000;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_getLogs", |params, rpc, _| async move { logs(&params, &rpc).await })?;
    Ok(())
}

async fn logs(params: &Params<'_>, rpc: &Rpc) -> RpcResult<Vec<Log>> {
    let filter: Filter = Arguments::new(params, 1)?.required("filter")?;
    check(&filter)?;
    let limits = ScanLimits {
        blocks: rpc.limits.logs_blocks,
        results: rpc.limits.logs_results,
        timeout: rpc.limits.work.timeout,
    };
    rpc.execute(move |chain| scan(chain, &filter, limits)).await
}

/// Refuses a filter with more alternatives than anyone needs.
pub(super) fn check(filter: &Filter) -> RpcResult<()> {
    let most = filter.topics.iter().map(FilterSet::len).max().unwrap_or_default().max(filter.address.len());
    if most > MAX_ALTERNATIVES {
        let message = format!(
            "the filter names {most} addresses or alternatives of a topic; at most {MAX_ALTERNATIVES} are accepted"
        );
        return Err(RpcError::limit(message));
    }
    Ok(())
}

/// The bounds of one scan.
#[derive(Clone, Copy, Debug)]
struct ScanLimits {
    blocks: u64,
    results: usize,
    timeout: Duration,
}

fn scan(chain: &ChainReader, filter: &Filter, limits: ScanLimits) -> RpcResult<Vec<Log>> {
    let mut found = Vec::new();
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let id = BlockId::from(hash);
            let block = chain.block(id)?.ok_or_else(|| RpcError::refused(format!("unknown block {hash}")))?;
            collect(&block, filter, &mut found);
            return if found.len() > limits.results { Err(too_many(limits.results, None)) } else { Ok(found) };
        }
        FilterBlockOption::Range { from_block, to_block } => match range(chain, from_block, to_block, limits.blocks)? {
            Some(range) => range,
            None => return Ok(found),
        },
    };
    // A part of the answer would look like all of it.
    let oldest = chain.store().oldest_receipts();
    if Height(from) < oldest {
        return Err(ChainError::ReceiptsPruned { height: Height(from), oldest }.into());
    }
    let start = Instant::now();
    for height in from..=to {
        if start.elapsed() > limits.timeout {
            let message = format!(
                "the search took longer than {:?}; ask for fewer than {} blocks",
                limits.timeout,
                height - from
            );
            return Err(RpcError::limit(message));
        }
        // A block that was just taken back is not in the chain: neither are its logs.
        let Some(header) = chain.header_at(Height(height))? else { break };
        if !may_match(header.logs_bloom, filter) {
            continue;
        }
        let Some(block) = chain.load(Height(height))? else { break };
        collect(&block, filter, &mut found);
        if found.len() > limits.results {
            return Err(too_many(limits.results, (height > from).then(|| (from, height - 1))));
        }
    }
    Ok(found)
}

/// The heights to search; none if they all lie above the head.
fn range(
    chain: &ChainReader,
    from: Option<BlockNumberOrTag>,
    to: Option<BlockNumberOrTag>,
    most: u64,
) -> RpcResult<Option<(u64, u64)>> {
    let head = chain.head().height.0;
    let height = |tag: Option<BlockNumberOrTag>| match tag.unwrap_or_default() {
        BlockNumberOrTag::Number(number) => Ok(number),
        tag => Ok::<_, RpcError>(chain.height(BlockId::Number(tag))?.map_or(head, |height| height.0)),
    };
    let (from, to) = (height(from)?, height(to)?);
    if from > to {
        return Err(RpcError::invalid_params(format!("invalid block range: it begins at {from} and ends at {to}")));
    }
    let to = to.min(head);
    if from > to {
        return Ok(None);
    }
    let count = (to - from).saturating_add(1);
    if count > most {
        return Err(RpcError::limit(format!("the range holds {count} blocks; at most {most} are searched at once")));
    }
    Ok(Some((from, to)))
}

fn too_many(most: usize, enough: Option<(u64, u64)>) -> RpcError {
    RpcError::limit(match enough {
        Some((from, to)) => {
            format!("query returned more than {most} results. Try with this block range [{from:#x}, {to:#x}]")
        }
        None => format!("query returned more than {most} results. Name addresses or topics"),
    })
}

/// Whether a block with this bloom may hold a log that the filter wants.
pub(super) fn may_match(bloom: Bloom, filter: &Filter) -> bool {
    filter.matches_bloom(bloom)
}

fn collect(block: &BlockWithReceipts, filter: &Filter, found: &mut Vec<Log>) {
    let recovered = &block.block;
    let logs = block_logs(&recovered.block, &block.receipts);
    found.extend(matching(&recovered.block.header, recovered.hash, &logs, filter));
}

/// The logs of a block that the filter wants, whatever blocks it names.
pub(super) fn matching<'a>(
    header: &'a Header,
    hash: B256,
    logs: &'a [BlockLog],
    filter: &'a Filter,
) -> impl Iterator<Item = Log> + 'a {
    let wanted = logs
        .iter()
        .filter(|entry| filter.matches_address(entry.log.address) && filter.matches_topics(&entry.log.topics));
    wanted.map(move |entry| convert::log(header, hash, entry))
}
