//! The owner of the pool: one command after the other, none of which waits for anything.

use super::{
    error::PoolError,
    metrics::Metrics,
    outbox::{BATCH_BYTES, BATCH_TRANSACTIONS, Outgoing},
    pool::{CommittedBlock, Content, Pool},
    prepare::{Candidate, Preparation, Prepared, Readings},
    rebroadcast::Rebroadcast,
    selection::Demand,
    transaction::{Origin, PooledTransaction},
};
use alloy_primitives::{Address, B256, Bytes};
use std::{
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Acquire},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// Senders whose accounts are read in one go.
const REFRESH_CHUNK: usize = 1_024;

/// Places that a round of transactions to gossip again may need.
pub(super) const ROUND_BATCHES: usize = 32;

/// How often queued transactions are looked through for old ones.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);

/// What the pool may be asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Take these in.
    Admit(Prepared),
    /// These accounts were read again.
    Refresh(Readings),
    /// Offer a block.
    Best(Demand, oneshot::Sender<Vec<Arc<PooledTransaction>>>),
    /// A block was sealed.
    Commit(CommittedBlock),
    /// These are invalid.
    Discard(Vec<B256>),
    /// The nonce after a sender's executable ones.
    PendingNonce(Address, oneshot::Sender<Option<u64>>),
    /// One sender's transactions, or all.
    Content(Option<Address>, oneshot::Sender<Content>),
}

/// The owner of the pool.
pub(super) struct Actor {
    pub(super) pool: Pool,
    pub(super) commands: mpsc::Receiver<Command>,
    /// The way back to itself for what is read elsewhere.
    pub(super) own_commands: mpsc::Sender<Command>,
    pub(super) preparation: Arc<Preparation>,
    pub(super) outbox: mpsc::Sender<Outgoing>,
    pub(super) again: mpsc::Sender<Vec<Bytes>>,
    pub(super) rebroadcast: Rebroadcast,
    pub(super) rebroadcast_interval: Duration,
    pub(super) admissions: broadcast::Sender<Arc<PooledTransaction>>,
    pub(super) metrics: Arc<Metrics>,
}

impl Actor {
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut rebroadcast = interval(self.rebroadcast_interval);
        rebroadcast.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expiry = interval(EXPIRY_INTERVAL);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                command = self.commands.recv() => match command {
                    Some(command) => self.handle(command),
                    None => return,
                },
                _ = rebroadcast.tick() => self.send_again(),
                _ = expiry.tick() => Metrics::add(&self.metrics.expired, self.pool.expire(Instant::now())),
            }
            self.metrics.set_status(self.pool.status());
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Admit(prepared) => self.admit(prepared),
            Command::Refresh(readings) => self.refresh(&readings),
            Command::Best(demand, reply) => _ = reply.send(self.pool.best(&demand)),
            Command::Commit(block) => self.commit(&block),
            Command::Discard(hashes) => {
                let dropped = hashes.iter().filter(|hash| self.pool.discard(hash).is_some()).count();
                Metrics::add(&self.metrics.discarded, dropped);
            }
            Command::PendingNonce(sender, reply) => _ = reply.send(self.pool.pending_nonce(&sender)),
            Command::Content(sender, reply) => _ = reply.send(self.pool.content(sender.as_ref())),
        }
    }

    fn admit(&mut self, Prepared { candidates, readings }: Prepared) {
        let same_branch = readings.branch == self.preparation.branch.load(Acquire);
        let now = Instant::now();
        let mut outdated = Vec::new();
        for candidate in candidates {
            let sender = candidate.transaction.sender();
            let read = readings.accounts.get(&sender).filter(|_| same_branch);
            match read.and_then(|account| self.pool.resolve(&sender, *account, readings.height)) {
                Some((account, as_of)) => {
                    let result = self.pool.insert(candidate.transaction.clone(), account, as_of);
                    match result {
                        Ok(admission) => {
                            Metrics::add(&self.metrics.replaced, usize::from(admission.replaced.is_some()));
                            Metrics::add(&self.metrics.evicted, admission.evicted.len());
                            self.admitted(candidate, now);
                        }
                        Err(error) => self.refuse(candidate, error),
                    }
                }
                None => outdated.push(candidate),
            }
        }
        if !outdated.is_empty() {
            let (preparation, commands) = (self.preparation.clone(), self.own_commands.clone());
            tokio::task::spawn_blocking(move || {
                if let Some(prepared) = preparation.read_accounts(outdated) {
                    _ = commands.blocking_send(Command::Admit(prepared));
                }
            });
        }
    }

    fn admitted(&mut self, Candidate { transaction, reply }: Candidate, now: Instant) {
        Metrics::add(&self.metrics.admitted, 1);
        let (hash, origin) = (transaction.hash(), transaction.origin());
        if origin != Origin::Gossip {
            self.rebroadcast.watch(hash, now);
        }
        if origin == Origin::Local {
            self.hand_out(Outgoing { transaction: transaction.clone(), admitted_at: now, reply });
        } else {
            reply.send(Ok(hash));
        }
        if self.admissions.receiver_count() > 0 {
            _ = self.admissions.send(transaction);
        }
    }

    /// Has a peer asked to hold a user's transaction, who is answered then.
    fn hand_out(&self, outgoing: Outgoing) {
        // The outbox has a place for every transaction that there is room for; a failure is its end.
        if let Err(failure) = self.outbox.try_send(outgoing) {
            failure.into_inner().reply.send(Err(PoolError::NotAcknowledged));
        }
    }

    fn refuse(&mut self, candidate: Candidate, error: PoolError) {
        // To say that it is known would sound as if it were accepted, while nobody else may have it.
        if error == PoolError::AlreadyKnown
            && candidate.transaction.origin() == Origin::Local
            && let Some(transaction) = self.pool.index().get(&candidate.transaction.hash())
            && transaction.is_unacknowledged()
        {
            let Candidate { reply, .. } = candidate;
            return self.hand_out(Outgoing { transaction, admitted_at: Instant::now(), reply });
        }
        self.metrics.count_refusal(&error);
        // Known from the mesh only, perhaps; the peer that pushes it relies on this node.
        if error == PoolError::AlreadyKnown && candidate.transaction.origin() == Origin::Pushed {
            self.rebroadcast.watch(candidate.transaction.hash(), Instant::now());
        }
        candidate.reply.send(Err(error));
    }

    fn commit(&mut self, block: &CommittedBlock) {
        Metrics::add(&self.metrics.commits, 1);
        if self.pool.commit(block) {
            // Readings that are under way may be of the branch that was left.
            self.preparation.branch.fetch_add(1, AcqRel);
            self.read_again(self.pool.senders());
        }
    }

    fn refresh(&mut self, readings: &Readings) {
        // After another change of branch all accounts are read once more anyway.
        if readings.branch == self.preparation.branch.load(Acquire) {
            let all = readings.accounts.iter();
            let outdated = all.filter(|(sender, account)| !self.pool.refresh(**sender, **account, readings.height));
            let outdated: Vec<Address> = outdated.map(|(sender, _)| *sender).collect();
            self.read_again(outdated);
        }
    }

    /// Reads accounts again, elsewhere. What cannot be read stays as it is: executing a block finds what is wrong with it.
    fn read_again(&self, senders: Vec<Address>) {
        if senders.is_empty() {
            return;
        }
        Metrics::add(&self.metrics.refreshes, 1);
        let (preparation, commands) = (self.preparation.clone(), self.own_commands.clone());
        tokio::task::spawn_blocking(move || {
            for chunk in senders.chunks(REFRESH_CHUNK) {
                match preparation.read(chunk) {
                    Ok(readings) => _ = commands.blocking_send(Command::Refresh(readings)),
                    Err(error) => tracing::error!(%error, "cannot read accounts again for the mempool"),
                }
            }
        });
    }

    fn send_again(&mut self) {
        // A round that the outbox has no places for waits for the next tick.
        if self.again.capacity() < ROUND_BATCHES {
            return;
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for transaction in self.rebroadcast.take_due(Instant::now(), self.pool.index()) {
            if bytes + transaction.size() > BATCH_BYTES || batch.len() >= BATCH_TRANSACTIONS {
                _ = self.again.try_send(std::mem::take(&mut batch));
                bytes = 0;
            }
            bytes += transaction.size();
            batch.push(transaction.raw().clone());
        }
        if !batch.is_empty() {
            _ = self.again.try_send(batch);
        }
    }
}
