//! The loop over the network's events.

use super::{
    Assembler, Endorsers, Held, KnownCertificates, PeerBook, Recorder,
    allowance::Allowance,
    by_hash,
    electorates::{Electorates, Place},
    requests,
};
use crate::{
    chain::RecentBlocks,
    engine::{EngineHandle, EngineMessage, Origin},
    mempool::{self, PoolHandle},
    metrics::{Judgement, Metrics},
    sync::Snapshots,
};
use alloy_primitives::Bytes;
use baton_network::{
    GossipMessage, GossipTicket, Multiaddr, NetworkEvent, NetworkEvents, NetworkHandle, PeerId, Request, Responder,
    Verdict,
};
use baton_storage::Store;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

/// How often the list of peers for JSON-RPC is refreshed.
const PEERS_INTERVAL: Duration = Duration::from_millis(500);

/// Who is behind by an era learns of it within this time from whomever; looking whether there is such an era takes a question
/// to peers.
const HINT_INTERVAL: Duration = Duration::from_secs(1);

/// Segments that are read for peers at once.
const SEGMENTS_AT_ONCE: usize = 4;

/// Requests for transactions that are served at once.
const LOOK_UPS_AT_ONCE: usize = 8;

/// Answers to peers that join which are made at a time: each reads the disk and hashes for some milliseconds, beside the
/// engine.
const STATES_AT_ONCE: usize = 4;

/// Batches of transactions that are taken in at once.
const BATCHES_AT_ONCE: usize = 256;

/// How much may be under way for peers at once.
#[derive(Clone, Debug)]
pub struct AtOnce {
    segments: Arc<Semaphore>,
    look_ups: Arc<Semaphore>,
    states: Arc<Semaphore>,
    batches: Arc<Semaphore>,
}

impl Default for AtOnce {
    fn default() -> Self {
        let [segments, look_ups, states, batches] =
            [SEGMENTS_AT_ONCE, LOOK_UPS_AT_ONCE, STATES_AT_ONCE, BATCHES_AT_ONCE]
                .map(|count| Arc::new(Semaphore::new(count)));
        Self { segments, look_ups, states, batches }
    }
}

/// How often strangers are believed that there is a later era: a heartbeat of one may be of a member of a set that this node
/// has not seen, or of anyone.
#[derive(Debug)]
pub struct Hints(pub(super) Allowance);

impl Default for Hints {
    fn default() -> Self {
        Self(Allowance::once_in(HINT_INTERVAL))
    }
}

/// A peer came, moved on or left: the synchronizer looks again who is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerNews;

/// Routes events until the network stops.
#[derive(Debug)]
pub struct Router {
    /// For verdicts.
    pub network: NetworkHandle,
    /// Where consensus messages go.
    pub engine: EngineHandle,
    /// Where transactions go.
    pub pool: PoolHandle,
    /// What blocks are served from.
    pub store: Store,
    /// The blocks of the last moments.
    pub recent: RecentBlocks,
    /// What makes whole blocks of those that come with the hashes of their transactions.
    pub assembler: Assembler,
    /// Who is connected.
    pub peers: PeerBook,
    /// What signatures are checked against, and whose count.
    pub electorates: Electorates,
    /// What is of the next era, until that is opened.
    pub held: Held,
    /// What is under way for peers.
    pub at_once: AtOnce,
    /// What was checked already.
    pub known: KnownCertificates,
    /// Where the members of the set are.
    pub records: Recorder,
    /// Who may not vouch for anything any more.
    pub endorsers: Endorsers,
    /// Whether another stranger is believed.
    pub hints: Hints,
    /// Whom to tell of peers.
    pub news: mpsc::Sender<PeerNews>,
    /// What peers that join are served from.
    pub snapshots: Snapshots,
    /// Where the node listens.
    pub listening: watch::Sender<Vec<Multiaddr>>,
    /// Where it is counted what the engine does not see.
    pub metrics: Arc<Metrics>,
}

impl Router {
    /// Runs until `shutdown` or the end of the network.
    pub async fn run(mut self, mut events: NetworkEvents, shutdown: CancellationToken) {
        let mut refresh = tokio::time::interval(PEERS_INTERVAL);
        loop {
            let event = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = refresh.tick() => {
                    self.peers.refresh(&self.network).await;
                    continue;
                }
                _ = self.electorates.next() => {
                    self.endorsers.forgive();
                    for (source, ticket, message) in self.held.take() {
                        self.gossip(source, ticket, message);
                    }
                    continue;
                }
                event = events.next() => event,
            };
            match event {
                None => return,
                Some(NetworkEvent::Gossip { source, ticket, message }) => {
                    self.gossip(source, ticket, message);
                }
                Some(NetworkEvent::Request { peer, request, responder }) => {
                    self.request(peer, request, responder);
                }
                Some(NetworkEvent::PeerReady { peer, status }) => {
                    let operator = self.peers.operator(&peer);
                    info!(%peer, ?operator, head = %status.head.height, agent = %status.agent, "peer connected");
                    self.peers.note(peer, status);
                    self.records.ask(peer);
                    self.tell();
                }
                Some(NetworkEvent::PeerStatus { peer, status }) => {
                    self.peers.note(peer, status);
                    self.tell();
                }
                Some(NetworkEvent::PeerGone { peer }) => {
                    info!(%peer, "peer gone");
                    self.peers.forget(&peer);
                }
                Some(NetworkEvent::OtherChain { peer, theirs, ours }) => {
                    error!(
                        %peer,
                        their_chain = theirs.chain_id,
                        their_genesis = %theirs.genesis_hash,
                        our_chain = ours.chain_id,
                        our_genesis = %ours.genesis_hash,
                        "the peer is on another chain: one of the two nodes has the wrong genesis file"
                    );
                }
                Some(NetworkEvent::Listening(address)) => {
                    info!(%address, "listening");
                    self.listening.send_modify(|addresses| addresses.push(address));
                }
            }
        }
    }

    fn tell(&self) {
        // One unread piece of news is enough.
        let _ = self.news.try_send(PeerNews);
    }

    fn gossip(&mut self, source: PeerId, ticket: GossipTicket, message: GossipMessage) {
        match self.electorates.place(&message) {
            Place::Now => self.take(source, ticket, message),
            Place::Next => {
                // What makes way may have waited for an era that nobody opens.
                for ticket in self.held.keep((source, ticket, message)) {
                    self.network.report(ticket, Verdict::Ignore);
                }
            }
            Place::Never => self.network.report(ticket, Verdict::Ignore),
        }
    }

    fn take(&self, source: PeerId, ticket: GossipTicket, message: GossipMessage) {
        match message {
            GossipMessage::Heartbeat(signed) => self.heartbeat(source, ticket, signed),
            GossipMessage::Schedule(appointment) => self.appointment(source, ticket, appointment),
            GossipMessage::TermChange(request) => self.term_change(source, ticket, *request),
            GossipMessage::Certificate(certificate) => self.certificate(source, ticket, certificate),
            GossipMessage::Checkpoint(proposed) => self.checkpoint(source, ticket, *proposed),
            GossipMessage::Vote(signed) => self.vote(source, ticket, *signed),
            GossipMessage::Quorum(certified) => self.quorum(source, ticket, *certified),
            GossipMessage::Evidence(evidence) => self.evidence(source, ticket, &evidence),
            GossipMessage::SetChange(change) => self.set_change(source, ticket, change),
            GossipMessage::SequencerRecord(signed) => self.record(source, ticket, *signed),
            GossipMessage::Seal(signed) => self.seal(source, ticket, signed),
            GossipMessage::Block(block) => self.block(source, ticket, block),
            GossipMessage::Transactions(batch) => self.transactions(ticket, batch),
        }
    }

    pub(super) fn offer(&self, message: EngineMessage) {
        if !self.engine.offer(message) {
            warn!("the engine is busy; a message was dropped");
            self.metrics.mesh.messages_dropped.inc();
        }
    }

    pub(super) fn count_malformed(&self) {
        self.metrics.mesh.messages_judged.get(Judgement::Malformed).inc();
    }

    fn transactions(&self, ticket: GossipTicket, batch: Vec<Bytes>) {
        let Ok(permit) = Arc::clone(&self.at_once.batches).try_acquire_owned() else {
            debug!("too many batches of transactions at once; one was dropped");
            return self.network.report(ticket, Verdict::Ignore);
        };
        let (pool, network) = (self.pool.clone(), self.network.clone());
        tokio::spawn(async move {
            let verdict = match pool.gossiped(batch).await.verdict() {
                mempool::Verdict::Accept => Verdict::Accept,
                mempool::Verdict::Ignore => Verdict::Ignore,
                mempool::Verdict::Reject => Verdict::Reject,
            };
            network.report(ticket, verdict);
            drop(permit);
        });
    }

    /// Reads for a peer off the disk, unless too much is read at once.
    fn serve(&self, peer: PeerId, limit: &Arc<Semaphore>, what: &'static str, read: impl FnOnce() + Send + 'static) {
        let Ok(permit) = Arc::clone(limit).try_acquire_owned() else {
            return debug!(%peer, "too many peers ask for {what} at once; one was refused");
        };
        tokio::task::spawn_blocking(move || {
            read();
            drop(permit);
        });
    }

    fn request(&self, peer: PeerId, request: Request, responder: Responder) {
        let (store, recent) = (self.store.clone(), self.recent.clone());
        match request {
            Request::BlocksByRange(range) => self.serve(peer, &self.at_once.segments, "blocks", move || {
                requests::serve_blocks(&store, range, responder);
            }),
            Request::BlocksByHash(named) => self.serve(peer, &self.at_once.segments, "blocks", move || {
                by_hash::serve_branch(&recent, &store, named, responder);
            }),
            Request::TransactionsByHash(named) => {
                let pool = self.pool.clone();
                self.serve(peer, &self.at_once.look_ups, "transactions", move || {
                    by_hash::serve_transactions(&pool, &recent, &store, &named, responder);
                });
            }
            Request::SubmitBlock(block) => {
                self.assembler.take_whole(peer, responder, block, self.electorates.now().clone());
            }
            Request::SubmitVote(signed) => match self.member(*signed) {
                Some(verified) => self.offer(EngineMessage::Vote(verified, Origin::Direct(responder))),
                None => {
                    warn!(%peer, "a vote of nobody in the set");
                    self.count_malformed();
                }
            },
            Request::SequencerRecords(_) => self.records.serve(responder),
            request @ (Request::SetChanges(_)
            | Request::Headers(_)
            | Request::SnapshotOffers(_)
            | Request::SnapshotChunk(_)) => {
                let snapshots = self.snapshots.clone();
                self.serve(peer, &self.at_once.states, "states", move || snapshots.answer(peer, &request, responder));
            }
            Request::PushTransactions(batch) => {
                let Ok(permit) = Arc::clone(&self.at_once.batches).try_acquire_owned() else {
                    return debug!(%peer, "too many batches of transactions at once; one was refused");
                };
                let pool = self.pool.clone();
                tokio::spawn(async move {
                    requests::take_transactions(&pool, batch, responder).await;
                    drop(permit);
                });
            }
        }
    }
}
