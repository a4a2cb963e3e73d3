//! Sending one workload and watching it being included.

use crate::{
    batch,
    client::Client,
    cpu::{busy, cpu_of},
    fleet::{Node, follower},
    workload::{Body, Load},
};
use eyre::{WrapErr, ensure, eyre};
use serde_json::json;
use std::{
    ops::RangeInclusive,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How often the chain is asked for its height.
const POLL: Duration = Duration::from_millis(10);

/// How long nothing may be included before the run is given up.
const STALL: Duration = Duration::from_secs(60);

/// What came out of one run.
pub(crate) struct Measured {
    pub(crate) transactions: usize,
    /// From the first request to the answer that told of the block with the last transaction.
    pub(crate) elapsed: Duration,
    /// From the first block with transactions to the last one, and how many are in the blocks after the first.
    pub(crate) steady: (Duration, usize),
    /// The blocks in which the transactions are.
    pub(crate) heights: RangeInclusive<u64>,
    /// How many of them there are.
    pub(crate) blocks: usize,
    /// What the transactions used.
    pub(crate) gas: u64,
    /// How often a batch had to be sent again.
    pub(crate) repeated: u32,
    /// Processor seconds of every node.
    pub(crate) cpu: Vec<f64>,
    /// Processor seconds of this program, which sends and watches.
    pub(crate) own_cpu: f64,
    /// Processors that everything else on this machine kept busy meanwhile: noise.
    pub(crate) others: f64,
    /// The node that never led, in a mesh.
    pub(crate) follower: Option<usize>,
    /// How long each batch took to be answered.
    pub(crate) answers: Vec<Duration>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.transactions as f64 / self.elapsed.as_secs_f64()
    }

    /// Without the start, and without the wait for the first block.
    pub(crate) fn steady_per_second(&self) -> f64 {
        let (elapsed, transactions) = self.steady;
        // Between two blocks there is nothing steady.
        if self.blocks < 3 { self.per_second() } else { transactions as f64 / elapsed.as_secs_f64() }
    }

    pub(crate) fn gas_per_second(&self) -> f64 {
        self.gas as f64 / self.elapsed.as_secs_f64()
    }
}

/// What senders and watcher share.
#[derive(Default)]
struct Progress {
    sent: AtomicUsize,
    included: AtomicUsize,
    repeated: AtomicU32,
}

impl Progress {
    fn backlog(&self) -> usize {
        self.sent.load(Relaxed).saturating_sub(self.included.load(Relaxed))
    }
}

/// Sends `load` over all connections, each to one node, and waits until all of it is included. Sending pauses while more
/// than `backlog` transactions are sent and in no block.
pub(crate) async fn drive(nodes: &[Node], backlog: usize, load: &Load) -> eyre::Result<Measured> {
    let cpu = || nodes.iter().map(|node| cpu_of(node.process.id())).collect::<eyre::Result<Vec<_>>>();
    let watched = &nodes[0].client;
    let first_height = watched.number("eth_blockNumber", json!([])).await? + 1;
    let progress = Progress::default();
    let (cpu_before, own_before, busy_before) = (cpu()?, cpu_of(std::process::id())?, busy()?);
    let started = Instant::now();
    let lanes = load.lanes.iter().enumerate().map(|(index, bodies)| {
        let client = &nodes[index % nodes.len()].client;
        // The time between two batches of one connection.
        let pace = load.pace.map(|pace| {
            let size = bodies.first().map_or(0, |body| body.transactions);
            Duration::from_secs_f64((size * load.lanes.len()) as f64 / pace)
        });
        // The connections take turns.
        let offset = pace.unwrap_or_default().mul_f64(index as f64 / load.lanes.len() as f64);
        let start = started + offset;
        send(client, bodies, backlog, pace.map(|pace| (start, pace)), &progress)
    });
    let (answers, blocks) = tokio::try_join!(
        futures::future::try_join_all(lanes),
        watch(watched, first_height, load.transactions, &progress),
    )?;
    let (cpu_after, own_after, busy_after) = (cpu()?, cpu_of(std::process::id())?, busy()?);
    let own_cpu = own_after - own_before;
    let cpu: Vec<_> = cpu_after.iter().zip(cpu_before).map(|(after, before)| after - before).collect();
    let others = busy_after - busy_before - own_cpu - cpu.iter().sum::<f64>();
    let others = (others / started.elapsed().as_secs_f64()).max(0.0);
    let (first, last) = blocks.first().zip(blocks.last()).ok_or_else(|| eyre!("nothing was sent"))?;
    let mut gas = 0;
    for block in &blocks {
        let whole = watched.ask("eth_getBlockByNumber", json!([format!("{:#x}", block.height), false])).await?;
        let used = whole["gasUsed"].as_str().and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        gas += used.ok_or_else(|| eyre!("block {} tells no gas", block.height))?;
    }
    all_succeeded(watched, last.height).await?;
    Ok(Measured {
        transactions: load.transactions,
        elapsed: last.at.duration_since(started),
        steady: (last.at.duration_since(first.at), load.transactions - first.transactions),
        heights: first.height..=last.height,
        blocks: blocks.len(),
        gas,
        repeated: progress.repeated.load(Relaxed),
        cpu,
        own_cpu,
        others,
        follower: follower(nodes).await,
        answers: answers.into_iter().flatten().collect(),
    })
}

/// Sends one batch after the other, not faster than `pace` (the first one's time, the pause to the next); returns how long
/// each took.
async fn send(
    client: &Client,
    bodies: &[Body],
    backlog: usize,
    pace: Option<(Instant, Duration)>,
    progress: &Progress,
) -> eyre::Result<Vec<Duration>> {
    let mut answers = Vec::with_capacity(bodies.len());
    for (number, body) in (0u32..).zip(bodies) {
        if let Some((first, pause)) = pace {
            tokio::time::sleep_until((first + pause * number).into()).await;
        }
        while progress.backlog() > backlog {
            tokio::time::sleep(POLL).await;
        }
        progress.sent.fetch_add(body.transactions, Relaxed);
        let started = Instant::now();
        let repeated = batch::send(client, body).await.wrap_err("cannot send a batch")?;
        answers.push(started.elapsed());
        progress.repeated.fetch_add(repeated, Relaxed);
    }
    Ok(answers)
}

/// A block with transactions.
struct Seen {
    height: u64,
    transactions: usize,
    at: Instant,
}

/// Follows the chain until so many transactions are in it.
async fn watch(client: &Client, mut next: u64, transactions: usize, progress: &Progress) -> eyre::Result<Vec<Seen>> {
    let (mut blocks, mut last_change) = (Vec::new(), Instant::now());
    while progress.included.load(Relaxed) < transactions {
        let height = client.number("eth_blockNumber", json!([])).await?;
        let at = Instant::now();
        while next <= height {
            let number = json!([format!("{next:#x}")]);
            let count = client.number("eth_getBlockTransactionCountByNumber", number).await? as usize;
            if count > 0 {
                blocks.push(Seen { height: next, transactions: count, at });
                progress.included.fetch_add(count, Relaxed);
                last_change = at;
            }
            next += 1;
        }
        let included = progress.included.load(Relaxed);
        ensure!(included <= transactions, "{included} transactions are included, {transactions} were sent");
        ensure!(last_change.elapsed() < STALL, "{included} of {transactions} are included, and no more for {STALL:?}");
        tokio::time::sleep(POLL).await;
    }
    Ok(blocks)
}

/// A look at the last block: an included transaction that failed would have been cheaper than it should be.
async fn all_succeeded(client: &Client, height: u64) -> eyre::Result<()> {
    let receipts = client.ask("eth_getBlockReceipts", json!([format!("{height:#x}")])).await?;
    let receipts = receipts.as_array().ok_or_else(|| eyre!("block {height} has no receipts"))?;
    ensure!(receipts.iter().all(|receipt| receipt["status"] == "0x1"), "transactions of block {height} failed");
    Ok(())
}
