//! Watching every node for new blocks: by subscription, or by asking often where there is none.

use super::{
    chronicle::Chronicle,
    client::{BlockView, Client},
    fleet::Fleet,
};
use eyre::{WrapErr, eyre};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// How often a node without subscriptions is asked for its head.
const POLL: Duration = Duration::from_millis(15);

/// How long to wait before a node that is down is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// How long a node may take to answer while everyone's blocks wait to be written down.
const PATIENCE: Duration = Duration::from_secs(2);

/// Blocks that may wait to be written down.
const BACKLOG: usize = 8192;

/// A chronicle that several tasks write and read, and its clock.
#[derive(Clone, Debug)]
pub(super) struct Record {
    chronicle: Arc<Mutex<Chronicle>>,
    origin: Instant,
}

impl Record {
    /// An empty record of so many nodes, whose clock starts now.
    pub(super) fn new(nodes: usize) -> Self {
        Self { chronicle: Arc::new(Mutex::new(Chronicle::new(nodes))), origin: Instant::now() }
    }

    /// The chronicle, for a short moment.
    pub(super) fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the record began.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A block, the node that told of it, and when.
struct Sighting {
    node: usize,
    client: Client,
    block: BlockView,
    at: Duration,
}

/// Watches all nodes until `stop`.
pub(super) fn start(tasks: &mut JoinSet<()>, fleet: &Arc<Fleet>, record: &Record, stop: &CancellationToken) {
    let (sightings, queue) = mpsc::channel(BACKLOG);
    for node in 0..fleet.len() {
        let (fleet, record, sightings) = (Arc::clone(fleet), record.clone(), sightings.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            let _ = stop.run_until_cancelled(watch(node, &fleet, &record, &sightings)).await;
        });
    }
    let (record, stop) = (record.clone(), stop.clone());
    tasks.spawn(async move {
        let _ = stop.run_until_cancelled(write_down(queue, &record)).await;
    });
}

async fn watch(node: usize, fleet: &Fleet, record: &Record, sightings: &mpsc::Sender<Sighting>) {
    loop {
        if let Some(client) = fleet.client(node) {
            // Whatever the failure, the node is either down or to be asked again.
            let _ = match subscribe(&client).await {
                Ok((_connection, heads)) => follow(node, &client, heads, record, sightings).await,
                Err(_) => poll(node, &client, record, sightings).await,
            };
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn subscribe(client: &Client) -> eyre::Result<(impl Sized, Subscription<BlockView>)> {
    let connection = WsClientBuilder::default()
        .max_buffer_capacity_per_subscription(BACKLOG)
        .build(format!("ws://{}", client.address()))
        .await?;
    let heads = connection.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
    Ok((connection, heads))
}

async fn follow(
    node: usize,
    client: &Client,
    mut heads: Subscription<BlockView>,
    record: &Record,
    sightings: &mpsc::Sender<Sighting>,
) -> eyre::Result<()> {
    // Nothing is announced of the head that is there already.
    let height = client.block_number().await?;
    if let Some(block) = client.block_by_number(height).await? {
        tell(sightings, Sighting { node, client: client.clone(), block, at: record.now() }).await?;
    }
    while let Some(head) = heads.next().await {
        let block = head.wrap_err("a node announced a block that is not one")?;
        tell(sightings, Sighting { node, client: client.clone(), block, at: record.now() }).await?;
    }
    Ok(())
}

async fn poll(node: usize, client: &Client, record: &Record, sightings: &mpsc::Sender<Sighting>) -> eyre::Result<()> {
    let mut last = None;
    loop {
        let height = client.block_number().await?;
        let at = record.now();
        if last != Some(height) {
            last = Some(height);
            if let Some(block) = client.block_by_number(height).await? {
                tell(sightings, Sighting { node, client: client.clone(), block, at }).await?;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn tell(sightings: &mpsc::Sender<Sighting>, sighting: Sighting) -> eyre::Result<()> {
    sightings.send(sighting).await.map_err(|_| eyre!("nobody writes down any more"))
}

/// Writes sightings down, and asks for what they leave out: transactions, and ancestors that nobody announced.
async fn write_down(mut queue: mpsc::Receiver<Sighting>, record: &Record) {
    while let Some(Sighting { node, client, mut block, at }) = queue.recv().await {
        loop {
            let known = record.chronicle().has_transactions(&block.hash);
            if !known && block.transactions.is_none() {
                // A node that dies or is paused here leaves the block to the others.
                if let Ok(Ok(Some(whole))) = timeout(PATIENCE, client.block_by_hash(block.hash)).await {
                    block = whole;
                }
            }
            let Some(ancestor) = record.chronicle().arrive(node, block, at) else { break };
            match timeout(PATIENCE, client.block_by_hash(ancestor)).await {
                Ok(Ok(Some(parent))) => block = parent,
                _ => break,
            }
        }
    }
}
