//! The end of a run: letting everything arrive, and checking that the nodes tell one story.

use super::{
    client::{BlockView, Client},
    fleet::Fleet,
    load::{Entry, Ledger},
    observe::Record,
    report::{Agreement, Finality},
};
use alloy_primitives::{Address, B256};
use baton_consensus::types::ExtraData;
use eyre::{WrapErr, bail, eyre};
use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// How long accepted transactions may take into a block once nothing new is sent.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the live nodes may take to the same height and the same block there.
const AGREE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look.
const STEP: Duration = Duration::from_millis(200);

/// How many blocks' receipts are asked for at once.
const PARALLEL: usize = 8;

/// A block of the chain that the nodes agree on.
#[derive(Clone, Debug)]
pub(super) struct Canonical {
    pub(super) number: u64,
    pub(super) hash: B256,
    pub(super) leader: Address,
    pub(super) position: Option<ExtraData>,
    pub(super) transactions: Vec<B256>,
}

/// What the checks found.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) agree: Agreement,
    pub(super) finality: Finality,
    /// The chain without genesis, lowest first.
    pub(super) chain: Vec<Canonical>,
    /// The accepted transactions and the block of each, by number.
    pub(super) included: HashMap<B256, u64>,
    /// How many of them have a receipt that says failure.
    pub(super) failed: u64,
    /// What speaks against the network, each in a sentence.
    pub(super) problems: Vec<String>,
}

/// Waits, within bounds, until every accepted transaction is in a block that stands. One that was seen in a block may have
/// left the chain with it, and be pending again.
pub(super) async fn settle(record: &Record, ledger: &Ledger) {
    let started = Instant::now();
    let waiting: Vec<_> = ledger.accepted().into_iter().map(|(transaction, _)| transaction).collect();
    while started.elapsed() < SETTLE_TIMEOUT {
        let standing = record.chronicle().standing();
        if waiting.iter().all(|transaction| standing.contains(transaction)) {
            return;
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Compares the live nodes with each other, and the chain with what was accepted.
pub(super) async fn verify(fleet: &Fleet, record: &Record, ledger: &Ledger) -> eyre::Result<Verdict> {
    let live = fleet.live();
    let (agree, head, mut problems) = compare(&live, record).await?;
    let finality = finality(&live).await?;
    let chain = chain(&live, record, head).await?;
    let accepted = ledger.accepted();
    let places = place(&chain, &accepted);
    let receipts = receipts(&live, &chain, &places).await?;
    let mut included = HashMap::new();
    let mut failed = 0;
    let mut missing = Vec::new();
    for (transaction, _) in &accepted {
        match (places.get(transaction), receipts.get(transaction)) {
            (Some(number), Some(success)) => {
                included.insert(*transaction, *number);
                failed += u64::from(!success);
            }
            _ => missing.push(*transaction),
        }
    }
    if let Some(example) = missing.first() {
        let count = missing.len();
        problems.push(format!("{count} accepted transactions have no receipt at the end, such as {example}"));
    }
    if failed > 0 {
        problems.push(format!("{failed} transactions of the load failed, although none should"));
    }
    Ok(Verdict { agree, finality, chain, included, failed, problems })
}

/// Brings the live nodes to a common height and compares their blocks there. Unfinalized heads may differ for a moment,
/// so this looks again until they agree or the time is up.
async fn compare(live: &[(usize, Client)], record: &Record) -> eyre::Result<(Agreement, BlockView, Vec<String>)> {
    let started = Instant::now();
    let highest = record.chronicle().highest();
    loop {
        let heights = try_join_all(live.iter().map(|(index, client)| async move {
            client.block_number().await.wrap_err_with(|| format!("node {index} does not tell its head"))
        }));
        let heights = heights.await?;
        let common = heights.iter().min().copied().ok_or_else(|| eyre!("no node is up at the end"))?;
        let blocks = try_join_all(live.iter().map(|(index, client)| async move {
            let block = client.block_by_number(common).await;
            block.wrap_err_with(|| format!("node {index} does not tell block {common}"))
        }));
        let blocks: Vec<_> = blocks.await?.into_iter().flatten().collect();
        let late = started.elapsed() > AGREE_TIMEOUT;
        if let Some(first) = blocks.first()
            && blocks.len() == live.len()
        {
            let heads = blocks.iter().all(|block| block.hash == first.hash);
            let state_roots = blocks.iter().all(|block| block.state_root == first.state_root);
            let done = heads && state_roots && common >= highest;
            if done || late {
                let mut problems = Vec::new();
                if common < highest {
                    let nodes = live.iter().zip(&heights).filter(|(_, height)| **height < highest);
                    let nodes: Vec<_> =
                        nodes.map(|((index, _), height)| format!("node {index} is at {height}")).collect();
                    problems.push(format!("not every node reached block {highest}: {}", nodes.join(", ")));
                }
                if !heads {
                    problems.push(format!("the nodes disagree about block {common}: {}", views(live, &blocks)));
                }
                return Ok((Agreement { heads, state_roots }, first.clone(), problems));
            }
        } else if late {
            bail!("not every node has block {common}, although all are at it");
        }
        tokio::time::sleep(STEP).await;
    }
}

/// What all live nodes have.
async fn finality(live: &[(usize, Client)]) -> eyre::Result<Finality> {
    let statuses = try_join_all(live.iter().map(|(index, client)| async move {
        client.status().await.wrap_err_with(|| format!("node {index} does not tell its status"))
    }));
    let statuses = statuses.await?;
    Ok(Finality {
        safe: statuses.iter().map(|status| status.safe.number).min().unwrap_or_default(),
        finalized: statuses.iter().map(|status| status.finalized.number).min().unwrap_or_default(),
    })
}

fn views(live: &[(usize, Client)], blocks: &[BlockView]) -> String {
    let mut by_hash = BTreeMap::<B256, Vec<String>>::new();
    for ((index, _), block) in live.iter().zip(blocks) {
        by_hash.entry(block.hash).or_default().push(format!("node {index}"));
    }
    let views: Vec<_> = by_hash.into_iter().map(|(hash, nodes)| format!("{} say {hash}", nodes.join(", "))).collect();
    views.join("; ")
}

/// The chain down from `head`: from what was seen, or else from the nodes.
async fn chain(live: &[(usize, Client)], record: &Record, head: BlockView) -> eyre::Result<Vec<Canonical>> {
    let mut chain = Vec::new();
    let mut hash = head.hash;
    let mut number: u64 = head.number.to();
    while number > 0 {
        let (block, parent) = match seen(record, hash) {
            Some(seen) => seen,
            None => ask(live, hash).await?,
        };
        number = block.number.saturating_sub(1);
        hash = parent;
        chain.push(block);
    }
    chain.reverse();
    Ok(chain)
}

fn seen(record: &Record, hash: B256) -> Option<(Canonical, B256)> {
    let chronicle = record.chronicle();
    let block = chronicle.block(&hash)?;
    let transactions = block.transactions.clone()?;
    let (number, leader, position) = (block.number, block.leader, block.position);
    Some((Canonical { number, hash, leader, position, transactions }, block.parent))
}

async fn ask(live: &[(usize, Client)], hash: B256) -> eyre::Result<(Canonical, B256)> {
    for (_, client) in live {
        if let Ok(Some(block)) = client.block_by_hash(hash).await {
            let canonical = Canonical {
                number: block.number.to(),
                hash,
                leader: block.miner,
                position: ExtraData::from_bytes(&block.extra_data),
                transactions: block.transactions.unwrap_or_default(),
            };
            return Ok((canonical, block.parent_hash));
        }
    }
    bail!("no node has block {hash}, an ancestor of the common head")
}

/// The block number of every accepted transaction that is in the chain.
fn place(chain: &[Canonical], accepted: &[(B256, Entry)]) -> HashMap<B256, u64> {
    let all: HashMap<_, _> =
        chain.iter().flat_map(|block| block.transactions.iter().map(|hash| (*hash, block.number))).collect();
    accepted.iter().filter_map(|(hash, _)| Some((*hash, *all.get(hash)?))).collect()
}

/// Whether each placed transaction succeeded, by its receipt; each block's receipts from another node.
async fn receipts(
    live: &[(usize, Client)],
    chain: &[Canonical],
    places: &HashMap<B256, u64>,
) -> eyre::Result<HashMap<B256, bool>> {
    let loaded = chain.iter().filter(|block| block.transactions.iter().any(|hash| places.contains_key(hash)));
    let requests = loaded.zip(live.iter().cycle()).map(|(block, (index, client))| async move {
        let receipts = client.block_receipts(block.hash).await;
        let receipts =
            receipts.wrap_err_with(|| format!("node {index} does not tell the receipts of block {}", block.number))?;
        eyre::Ok(receipts.unwrap_or_default())
    });
    let receipts: Vec<_> = stream::iter(requests).buffer_unordered(PARALLEL).try_collect().await?;
    Ok(receipts
        .into_iter()
        .flatten()
        .filter(|receipt| places.contains_key(&receipt.transaction_hash))
        .map(|receipt| (receipt.transaction_hash, receipt.status.to::<u64>() == 1))
        .collect())
}
