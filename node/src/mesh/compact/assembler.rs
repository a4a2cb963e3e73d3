//! Puts compact blocks together, and asks peers for what is missing.

use super::{
    parts::{Parts, Unusable, Wrong},
    places::{Place, Places, Urgency},
};
use crate::{
    chain::RecentBlocks,
    engine::{EngineHandle, EngineMessage, Origin},
    mempool::PoolHandle,
    mesh::PeerBook,
    metrics::{Judgement, Metrics},
};
use alloy_primitives::{Address, B256};
use baton_consensus::types::{
    CompactTransaction, Electorate, SignedBlock, Transaction, VerifiedBlock, VerifiedCompactBlock,
};
use baton_network::{
    GossipTicket, MAX_ASKED_TRANSACTIONS, NetworkHandle, PeerId, Request, Responder, Response, TransactionsByHash,
    Verdict,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

/// How long a block may take. Gossip keeps what it would forward for ten seconds.
const DEADLINE: Duration = Duration::from_secs(4);

/// How long one peer may take to answer before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// Peers that are asked for one block at most.
const ASKED: usize = 5;

/// A block of more transactions is put together on another thread: the router must not wait for it.
const SMALL: usize = 64;

/// Puts blocks together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Assembler {
    network: NetworkHandle,
    engine: EngineHandle,
    pool: PoolHandle,
    recent: RecentBlocks,
    peers: PeerBook,
    metrics: Arc<Metrics>,
    places: Places,
}

/// A block that is being put together.
struct Assembly {
    assembler: Assembler,
    source: PeerId,
    ticket: GossipTicket,
    block: VerifiedCompactBlock,
    _place: Place,
}

/// Why a block could not be put together.
enum Failure {
    Wrong(String),
    Missing(usize),
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong.to_string())
    }
}

impl Assembler {
    /// Nothing is under way yet.
    #[must_use]
    pub fn new(
        network: NetworkHandle,
        engine: EngineHandle,
        pool: PoolHandle,
        recent: RecentBlocks,
        peers: PeerBook,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { network, engine, pool, recent, peers, metrics, places: Places::default() }
    }

    /// Takes a block in whose leader is a member, and sees to it that its message gets a verdict.
    pub(in crate::mesh) fn take(&self, source: PeerId, ticket: GossipTicket, block: VerifiedCompactBlock) {
        if let Some(known) = self.recent.verified(&block.hash()) {
            return self.judge_known(source, ticket, &block, known);
        }
        let leads = self.engine.position().leader == Some(block.leader());
        let urgency = if leads { Urgency::Leading } else { Urgency::Other };
        let Some(place) = self.places.take(urgency, source) else {
            debug!(%source, block = %block.reference(), "too many blocks are put together at once; one was ignored");
            return self.network.report(ticket, Verdict::Ignore);
        };
        let assembly = Assembly { assembler: self.clone(), source, ticket, block, _place: place };
        if assembly.block.transactions().len() <= SMALL {
            match self.gather(&assembly.block) {
                Ok(parts) if parts.is_complete() => {
                    let whole = complete(&assembly.block, parts);
                    assembly.end(whole);
                }
                Ok(parts) => _ = tokio::spawn(assembly.run(Some(parts))),
                Err(wrong) => assembly.end(Err(wrong.into())),
            }
        } else {
            tokio::spawn(assembly.run(None));
        }
    }

    /// The block came before. The list of its transactions may be another one all the same.
    fn judge_known(&self, source: PeerId, ticket: GossipTicket, block: &VerifiedCompactBlock, known: VerifiedBlock) {
        let transactions = &known.signed().block.body.transactions;
        let listed = block.transactions().iter().map(CompactTransaction::hash);
        if listed.eq(transactions.iter().map(|transaction| *transaction.tx_hash())) {
            self.offer(known, Origin::Gossip(ticket));
        } else {
            self.reject(source, ticket, block, "its transactions are not those of the block");
        }
    }

    /// Takes a block in that a leader handed over whole, and that is checked by the set's members. A large one is checked on another
    /// thread.
    pub(in crate::mesh) fn take_whole(
        &self,
        peer: PeerId,
        responder: Responder,
        block: Arc<SignedBlock>,
        electorate: Electorate,
    ) {
        let small = block.block.body.transactions.len() <= SMALL;
        let assembler = self.clone();
        let check = move || match block.verify_by(&electorate.context, |leader| electorate.set.contains(leader)) {
            Ok(whole) => {
                assembler.recent.note(&whole);
                assembler.offer(whole, Origin::Direct(responder));
            }
            Err(error) => {
                warn!(%peer, %error, "malformed block");
                assembler.metrics.mesh.messages_judged.get(Judgement::Malformed).inc();
            }
        };
        if small {
            check();
        } else {
            tokio::task::spawn_blocking(check);
        }
    }

    fn gather(&self, block: &VerifiedCompactBlock) -> Result<Parts, Wrong> {
        Parts::gather(block.transactions(), |hash| self.look_up(hash))
    }

    fn look_up(&self, hash: &B256) -> Option<Transaction> {
        let pooled = self.pool.find(hash).map(|pooled| pooled.transaction().clone().into());
        pooled.or_else(|| self.recent.transaction(hash))
    }

    fn offer(&self, block: VerifiedBlock, origin: Origin) {
        if !self.engine.offer(EngineMessage::Block(block, origin)) {
            warn!("the engine is busy; a block was dropped");
            self.metrics.mesh.messages_dropped.inc();
        }
    }

    fn reject(&self, source: PeerId, ticket: GossipTicket, block: &VerifiedCompactBlock, reason: &str) {
        warn!(%source, block = %block.reference(), reason, "malformed block");
        self.metrics.mesh.messages_judged.get(Judgement::Malformed).inc();
        self.network.report(ticket, Verdict::Reject);
    }

    /// Whom to ask: who sent it, who built it, then others, sequencers first.
    fn order(&self, source: PeerId, leader: Address) -> Vec<PeerId> {
        let mut peers: Vec<_> = self.peers.ready().into_iter().map(|peer| peer.id).collect();
        // Stable: the rest stays in its order.
        peers.sort_by_key(|peer| (*peer != source, self.peers.operator(peer) != Some(leader)));
        peers.truncate(ASKED);
        peers
    }
}

impl Assembly {
    async fn run(self, parts: Option<Parts>) {
        let whole = self.assemble(parts).await;
        self.end(whole);
    }

    async fn assemble(&self, parts: Option<Parts>) -> Result<VerifiedBlock, Failure> {
        let parts = match parts {
            Some(parts) => parts,
            None => {
                let (assembler, block) = (self.assembler.clone(), self.block.clone());
                on_another_thread(move || assembler.gather(&block)).await?
            }
        };
        let parts = if parts.is_complete() { parts } else { self.fetch(parts).await? };
        let block = self.block.clone();
        on_another_thread(move || complete(&block, parts)).await
    }

    /// Asks for what is missing until it is here, nobody has it, or the time is over.
    async fn fetch(&self, mut parts: Parts) -> Result<Parts, Failure> {
        let deadline = Instant::now() + DEADLINE;
        let Assembler { network, metrics, .. } = &self.assembler;
        for peer in self.assembler.order(self.source, self.block.leader()) {
            loop {
                parts.look_again(|hash| self.assembler.look_up(hash))?;
                if parts.is_complete() {
                    return Ok(parts);
                }
                let hashes = parts.missing(MAX_ASKED_TRANSACTIONS);
                debug!(%peer, block = %self.block.reference(), count = hashes.len(), "asking for transactions");
                let request = Request::TransactionsByHash(TransactionsByHash { hashes });
                let until = deadline.min(Instant::now() + PATIENCE);
                let Ok(answer) = timeout_at(until, network.request(peer, request)).await else { break };
                let Ok(Response::TransactionsByHash(found)) = answer else { break };
                let (taken, filled) = on_another_thread(move || {
                    let taken = parts.fill(&found.transactions);
                    (taken, parts)
                })
                .await;
                parts = filled;
                match taken {
                    Ok(0) => break,
                    Ok(taken) => _ = metrics.mesh.block_transactions_fetched.inc_by(taken as u64),
                    Err(Unusable::NotAsked) => {
                        warn!(%peer, "the peer answers with transactions that nobody asked for");
                        break;
                    }
                    Err(Unusable::Wrong(wrong)) => return Err(wrong.into()),
                }
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        if parts.is_complete() { Ok(parts) } else { Err(Failure::Missing(parts.missing(usize::MAX).len())) }
    }

    fn end(self, whole: Result<VerifiedBlock, Failure>) {
        let Self { assembler, source, ticket, block, _place } = self;
        let failure = match whole {
            Ok(whole) => {
                assembler.recent.note(&whole);
                return assembler.offer(whole, Origin::Gossip(ticket));
            }
            Err(failure) => failure,
        };
        assembler.metrics.mesh.blocks_not_assembled.inc();
        // The core never sees the block, and its leader may have signed another one for the same position.
        assembler.engine.offer(EngineMessage::Proposal(block.verified_proposal()));
        match failure {
            Failure::Wrong(reason) => assembler.reject(source, ticket, &block, &reason),
            Failure::Missing(count) => {
                debug!(%source, block = %block.reference(), count, "nobody has the transactions of a block");
                assembler.network.report(ticket, Verdict::Ignore);
            }
        }
    }
}

fn complete(block: &VerifiedCompactBlock, parts: Parts) -> Result<VerifiedBlock, Failure> {
    block.complete(parts.into_transactions()).map_err(|malformed| Failure::Wrong(malformed.to_string()))
}

/// Runs what takes the processor for a while where nobody waits for it.
async fn on_another_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
