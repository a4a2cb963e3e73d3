//! What the rest of the node may ask of the mempool.

use super::{
    actor::Command,
    budget::{Budget, Reply, Room},
    error::PoolError,
    index::TransactionIndex,
    metrics::Metrics,
    pool::{CommittedBlock, Content, Status},
    prepare::Incoming,
    selection::Demand,
    sender_cache::SenderCache,
    transaction::{Origin, PooledTransaction},
};
use alloy_primitives::{Address, B256, Bytes};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::timeout,
};

/// Transactions that are handed over at once; a longer batch goes in parts.
const PART: usize = 1_024;

/// What to tell the mesh about a gossiped batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something was new: pass it on.
    Accept,
    /// Nothing was new, or this node had no time to look: do not pass it on, blame nobody.
    Ignore,
    /// Something is invalid on every node: blame who sent it.
    Reject,
}

/// What came of a gossiped batch; the counts sum up to its transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GossipOutcome {
    /// Admitted.
    pub new: usize,
    /// In the pool, or included, already.
    pub known: usize,
    /// Refused for the state of their sender or of the pool: stale, underpriced, full.
    pub refused: usize,
    /// Malformed, wrongly signed or against the chain's rules ([`PoolError::is_invalid`]).
    pub invalid: usize,
    /// Not looked at, because too much arrives.
    pub overloaded: usize,
}

impl GossipOutcome {
    /// What to tell the mesh.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self { invalid: 1.., .. } => Verdict::Reject,
            // What is known may have come by a push: those who get it from us may not have it.
            Self { new: 1.., .. } | Self { known: 1.., .. } => Verdict::Accept,
            _ => Verdict::Ignore,
        }
    }
}

/// What came of a peer's push: what to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushOutcome {
    /// How many this node holds now, newly or already (or has in a sealed block).
    pub held: usize,
    /// How many of them are new.
    pub new: usize,
    /// Places in the batch of those that it does not hold.
    pub refused: Vec<u32>,
    /// How many of those are invalid on every node ([`PoolError::is_invalid`]): the peer's fault.
    pub invalid: usize,
}

/// The way to the mempool. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    pub(super) answered: mpsc::Sender<Incoming>,
    pub(super) gossip: mpsc::Sender<Incoming>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) answered_budget: Budget,
    pub(super) gossip_budget: Budget,
    pub(super) sequence: Arc<AtomicU64>,
    pub(super) index: Arc<TransactionIndex>,
    pub(super) senders: Arc<SenderCache>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) admissions: broadcast::Sender<Arc<PooledTransaction>>,
    pub(super) max_transaction_bytes: usize,
    pub(super) patience: Duration,
}

/// A transaction handed in: its answer, or the wait for it.
type Pending = Result<oneshot::Receiver<Result<B256, PoolError>>, PoolError>;

impl PoolHandle {
    /// Hands in a user's transactions (EIP-2718 encodings). The answers come in the same order, each once a peer has
    /// acknowledged that it holds the transaction, or once the reason is known why not.
    ///
    /// Waits for room and for a peer a bounded time each ([`Config::acknowledge_timeout`]).
    ///
    /// [`Config::acknowledge_timeout`]: super::Config::acknowledge_timeout
    pub async fn submit(&self, raw: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        let pending = self.enqueue(raw, Origin::Local).await;
        answers(pending).await
    }

    /// Hands in a batch that a peer pushes and wants acknowledged. The transactions are gossiped again if they are not
    /// included soon. Also the way back into the pool for the transactions of blocks that were abandoned.
    pub async fn pushed(&self, batch: Vec<Bytes>) -> PushOutcome {
        let pending = self.enqueue(batch, Origin::Pushed).await;
        let mut outcome = PushOutcome::default();
        for (place, answer) in (0_u32..).zip(answers(pending).await) {
            match answer {
                Ok(_) => (outcome.held, outcome.new) = (outcome.held + 1, outcome.new + 1),
                Err(PoolError::AlreadyKnown) => outcome.held += 1,
                Err(error) => {
                    outcome.refused.push(place);
                    outcome.invalid += usize::from(error.is_invalid());
                }
            }
        }
        outcome
    }

    /// Hands in a gossiped batch. Never waits for room: what there is none for is not looked at.
    pub async fn gossiped(&self, batch: Vec<Bytes>) -> GossipOutcome {
        let pending = self.enqueue(batch, Origin::Gossip).await;
        let mut outcome = GossipOutcome::default();
        for answer in answers(pending).await {
            let count = match answer {
                Ok(_) => &mut outcome.new,
                Err(PoolError::AlreadyKnown) => &mut outcome.known,
                Err(PoolError::Overloaded) => &mut outcome.overloaded,
                Err(error) if error.is_invalid() => &mut outcome.invalid,
                Err(_) => &mut outcome.refused,
            };
            *count += 1;
        }
        outcome
    }

    /// The best transactions for a leader's next block, in order. Empty while the node shuts down.
    pub async fn best(&self, demand: Demand) -> Vec<Arc<PooledTransaction>> {
        self.ask(|reply| Command::Best(demand, reply)).await.unwrap_or_default()
    }

    /// Tells the pool of a sealed block, once its state is the head state. In order, from one task: what that task asks
    /// next already sees it. Unsealed blocks are no matter here.
    pub async fn on_committed(&self, block: CommittedBlock) {
        _ = self.commands.send(Command::Commit(block)).await;
    }

    /// Drops transactions that a leader's execution found invalid, so that they are not offered again.
    pub async fn discard(&self, hashes: Vec<B256>) {
        _ = self.commands.send(Command::Discard(hashes)).await;
    }

    /// The nonce that the sender's next transaction should have; none if the pool holds nothing of it (then it is the
    /// account's own).
    pub async fn pending_nonce(&self, sender: Address) -> Option<u64> {
        self.ask(|reply| Command::PendingNonce(sender, reply)).await.flatten()
    }

    /// What the pool holds of one sender, or of all (which copies the whole list).
    pub async fn content(&self, sender: Option<Address>) -> Content {
        self.ask(|reply| Command::Content(sender, reply)).await.unwrap_or_default()
    }

    /// A transaction of the pool.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.index.get(hash)
    }

    /// A transaction that is in the pool, or was lately.
    #[must_use]
    pub fn find(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.index.find(hash)
    }

    /// The transactions of the pool among these, each at its hash's place.
    #[must_use]
    pub fn transactions(&self, hashes: &[B256]) -> Vec<Option<Arc<PooledTransaction>>> {
        hashes.iter().map(|hash| self.index.get(hash)).collect()
    }

    /// Who signed which transaction: for executing blocks without recovering what this node has seen already.
    #[must_use]
    pub const fn senders(&self) -> &Arc<SenderCache> {
        &self.senders
    }

    /// What the pool holds.
    #[must_use]
    pub fn status(&self) -> Status {
        self.metrics.status()
    }

    /// What the pool counts.
    #[must_use]
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Transactions as they are admitted, from any origin. A receiver that is too slow loses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<PooledTransaction>> {
        self.admissions.subscribe()
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }

    /// Hands transactions to the intake, part by part, each with the room that it takes.
    async fn enqueue(&self, batch: Vec<Bytes>, origin: Origin) -> Vec<Pending> {
        let mut pending = Vec::with_capacity(batch.len());
        let budget = if origin == Origin::Gossip { &self.gossip_budget } else { &self.answered_budget };
        let mut batch = batch.into_iter().peekable();
        while batch.peek().is_some() {
            let (mut part, mut units) = (Vec::new(), 0);
            while part.len() < PART
                && let Some(raw) = batch.next_if(|raw| part.is_empty() || units + self.units(raw) <= budget.size())
            {
                units += self.units(&raw);
                part.push(raw);
            }
            let room = match origin {
                Origin::Gossip => budget.try_take(units).ok_or(PoolError::Overloaded),
                Origin::Local | Origin::Pushed => {
                    timeout(self.patience, budget.take(units)).await.unwrap_or(Err(PoolError::Overloaded))
                }
            };
            if room.is_err() {
                Metrics::add(&self.metrics.overloaded, part.len());
            }
            for raw in part {
                pending.push(room.clone().and_then(|room| self.hand_in(raw, origin, room)));
            }
        }
        pending
    }

    /// The room that a transaction takes; one that is too big is refused at once and takes none to speak of.
    fn units(&self, raw: &Bytes) -> usize {
        Budget::units_for(raw.len().min(self.max_transaction_bytes))
    }

    fn hand_in(&self, raw: Bytes, origin: Origin, room: Room) -> Pending {
        let size = raw.len();
        if size > self.max_transaction_bytes {
            let error = PoolError::Oversized { size, limit: self.max_transaction_bytes };
            self.metrics.count_refusal(&error);
            return Err(error);
        }
        let (reply, answer) = Reply::new(room);
        let sequence = self.sequence.fetch_add(1, Relaxed);
        let incoming = Incoming { raw, origin, sequence, received_at: Instant::now(), reply };
        let intake = if origin == Origin::Gossip { &self.gossip } else { &self.answered };
        // There is a place for whatever has room; a failure is the end of the intake.
        intake.try_send(incoming).map_err(|_| PoolError::Closed)?;
        Ok(answer)
    }
}

async fn answers(pending: Vec<Pending>) -> Vec<Result<B256, PoolError>> {
    let mut answers = Vec::with_capacity(pending.len());
    for pending in pending {
        answers.push(match pending {
            Ok(answer) => answer.await.unwrap_or(Err(PoolError::Closed)),
            Err(error) => Err(error),
        });
    }
    answers
}
