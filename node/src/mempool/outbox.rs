//! Hands transactions to the mesh in batches and answers users when a peer holds theirs.

use super::{
    budget::Reply,
    error::PoolError,
    metrics::Metrics,
    ports::{Mesh, Pushed},
    transaction::PooledTransaction,
};
use alloy_primitives::Bytes;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Bytes of a batch, unless its only transaction is bigger.
pub(super) const BATCH_BYTES: usize = 128 << 10;

/// Transactions of a batch.
pub(super) const BATCH_TRANSACTIONS: usize = 1_024;

/// Batches on their way at once.
const BATCHES: usize = 16;

/// A user's transaction that the pool holds.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) transaction: Arc<PooledTransaction>,
    /// When it was admitted, or asked for again.
    pub(super) admitted_at: Instant,
    pub(super) reply: Reply,
}

/// Sends what users handed in.
pub(super) struct Outbox<M> {
    pub(super) mesh: Arc<M>,
    /// Those whose users wait.
    pub(super) admitted: mpsc::Receiver<Outgoing>,
    /// Those to gossip again, as batches.
    pub(super) again: mpsc::Receiver<Vec<Bytes>>,
    /// The pause between two batches, unless one is full.
    pub(super) pause: Duration,
    /// How long a user waits for a peer's acknowledgement.
    pub(super) deadline: Duration,
    pub(super) metrics: Arc<Metrics>,
}

impl<M: Mesh> Outbox<M> {
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let (mut waiting, mut bytes) = (VecDeque::new(), 0);
        let mut next_batch_at = Instant::now();
        let mut under_way = JoinSet::new();
        loop {
            let room = under_way.len() < BATCHES;
            let due = waiting.front().is_some() && room;
            let full = bytes >= BATCH_BYTES || waiting.len() >= BATCH_TRANSACTIONS;
            if due && (full || next_batch_at <= Instant::now()) {
                let batch = take_batch(&mut waiting);
                bytes -= batch.iter().map(|outgoing: &Outgoing| outgoing.transaction.size()).sum::<usize>();
                under_way.spawn(send(self.mesh.clone(), batch, self.deadline, self.metrics.clone()));
                next_batch_at = Instant::now() + self.pause;
                continue;
            }
            tokio::select! {
                biased;
                Some(ended) = under_way.join_next() => {
                    if let Err(failure) = ended && failure.is_panic() {
                        std::panic::resume_unwind(failure.into_panic());
                    }
                }
                () = shutdown.cancelled() => break,
                Some(batch) = self.again.recv(), if room => {
                    under_way.spawn(send_again(self.mesh.clone(), batch, self.deadline, self.metrics.clone()));
                }
                // What users wait for is bounded by the room that each of them took.
                outgoing = self.admitted.recv() => {
                    let Some(outgoing) = outgoing else { break };
                    bytes += outgoing.transaction.size();
                    waiting.push_back(outgoing);
                }
                () = sleep_until(next_batch_at.into()), if due => {}
            }
        }
        // What was admitted before the shutdown still leaves.
        while !waiting.is_empty() {
            let batch = take_batch(&mut waiting);
            under_way.spawn(send(self.mesh.clone(), batch, self.deadline, self.metrics.clone()));
        }
        while under_way.join_next().await.is_some() {}
    }
}

fn take_batch(waiting: &mut VecDeque<Outgoing>) -> Vec<Outgoing> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < BATCH_TRANSACTIONS
        && let Some(next) = waiting.pop_front_if(|next| bytes == 0 || bytes + next.transaction.size() <= BATCH_BYTES)
    {
        bytes += next.transaction.size();
        batch.push(next);
    }
    batch
}

/// Gossips and pushes a batch; answers when both are done, as the push says.
async fn send<M: Mesh>(mesh: Arc<M>, batch: Vec<Outgoing>, deadline: Duration, metrics: Arc<Metrics>) {
    let oldest = batch.iter().map(|outgoing| outgoing.admitted_at).min().unwrap_or_else(Instant::now);
    let raw: Vec<Bytes> = batch.iter().map(|outgoing| outgoing.transaction.raw().clone()).collect();
    let pushed = gossip_and_push(&*mesh, raw, oldest + deadline, &metrics).await;
    let mut refused = match &pushed {
        Some(Pushed::Acknowledged { refused }) => refused.clone(),
        _ => Vec::new(),
    };
    refused.sort_unstable();
    for (place, Outgoing { transaction, reply, .. }) in (0_u32..).zip(batch) {
        let acknowledged = pushed.is_some() && refused.binary_search(&place).is_err();
        transaction.set_acknowledged(acknowledged);
        if acknowledged {
            Metrics::add(&metrics.acknowledged, 1);
            reply.send(Ok(transaction.hash()));
        } else {
            Metrics::add(&metrics.unacknowledged, 1);
            reply.send(Err(PoolError::NotAcknowledged));
        }
    }
}

async fn send_again<M: Mesh>(mesh: Arc<M>, batch: Vec<Bytes>, deadline: Duration, metrics: Arc<Metrics>) {
    Metrics::add(&metrics.rebroadcast, batch.len());
    gossip_and_push(&*mesh, batch, Instant::now() + deadline, &metrics).await;
}

async fn gossip_and_push<M: Mesh>(mesh: &M, batch: Vec<Bytes>, until: Instant, metrics: &Metrics) -> Option<Pushed> {
    let (gossiped, pushed) = tokio::join!(
        timeout_at(until.into(), mesh.broadcast(batch.clone())),
        timeout_at(until.into(), mesh.push_to_one(batch)),
    );
    Metrics::add(&metrics.gossiped_batches, 1);
    if !matches!(gossiped, Ok(Ok(()))) {
        Metrics::add(&metrics.gossip_failures, 1);
        tracing::debug!(?gossiped, "a batch of transactions was not gossiped");
    }
    match pushed {
        Ok(Ok(pushed)) => Some(pushed),
        failed => {
            tracing::debug!(?failed, "no peer acknowledged a batch of transactions");
            None
        }
    }
}
