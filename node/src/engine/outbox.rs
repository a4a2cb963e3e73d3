//! What leaves the engine for the mesh, in order, without making the engine wait.

use super::{compact, endorser::Endorser};
use crate::{chain::RecentBlocks, mempool::PoolHandle};
use baton_consensus::{
    core::Outgoing,
    messages::CastVote,
    signing::Signed,
    types::{Electorate, SignedBlock},
};
use baton_network::{GossipMessage, NetworkHandle, PeerId, Request, Response, Submission};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

/// Messages that wait to be handed to the swarm at most.
const CAPACITY: usize = 256;

/// A message on its way out.
#[derive(Debug)]
enum Letter {
    Gossip(GossipMessage),
    Block(Arc<SignedBlock>),
    Submit(PeerId, Arc<SignedBlock>),
    CastVote(PeerId, Box<Signed<CastVote>>),
    /// Nothing to send: whoever waits for it knows that what was posted before is with the swarm.
    Mark(oneshot::Sender<()>),
}

/// The engine's side.
#[derive(Debug)]
pub(super) struct Outbox {
    letters: mpsc::Sender<Letter>,
    endorser: Endorser,
}

impl Outbox {
    /// Starts the task that hands messages to the swarm; it ends with the outbox.
    pub(super) fn start(
        network: NetworkHandle,
        endorser: Endorser,
        pool: PoolHandle,
        recent: RecentBlocks,
        whole_blocks: bool,
    ) -> Self {
        let (letters, receiver) = mpsc::channel(CAPACITY);
        let form = Form { pool, recent, whole_blocks };
        tokio::spawn(deliver(network, form, receiver));
        Self { letters, endorser }
    }

    /// From here on this node vouches as a member of another set, or does not.
    pub(super) fn open_era(&mut self, electorate: Electorate) {
        self.endorser.open_era(electorate);
    }

    /// Publishes a message. What must be endorsed is kept back if this node is not in the set: members tell the same.
    pub(super) fn gossip(&self, message: Outgoing) {
        let endorser = &self.endorser;
        let message = match message {
            Outgoing::Heartbeat(signed) => Some(GossipMessage::Heartbeat(signed)),
            Outgoing::Announcement(appointment) => Some(GossipMessage::Schedule(appointment)),
            Outgoing::Block(block) => return self.post(Letter::Block(block)),
            Outgoing::Seal(signed) => Some(GossipMessage::Seal(signed)),
            Outgoing::Vote(signed) => Some(GossipMessage::Vote(Box::new(signed))),
            Outgoing::TermChange(request) => endorser.endorse(request).map(Box::new).map(GossipMessage::TermChange),
            Outgoing::Certificate(certificate) => endorser.endorse(certificate).map(GossipMessage::Certificate),
            Outgoing::Checkpoint(proposed) => endorser.endorse(proposed).map(Box::new).map(GossipMessage::Checkpoint),
            Outgoing::Quorum(certified) => endorser.endorse(certified).map(Box::new).map(GossipMessage::Quorum),
            Outgoing::Evidence(evidence) => endorser.endorse(evidence).map(GossipMessage::Evidence),
            Outgoing::SetChange(change) => endorser.endorse(change).map(GossipMessage::SetChange),
        };
        if let Some(message) = message {
            self.post(Letter::Gossip(message));
        }
    }

    pub(super) fn submit(&self, to: PeerId, block: Arc<SignedBlock>) {
        self.post(Letter::Submit(to, block));
    }

    pub(super) fn cast_vote(&self, to: PeerId, vote: Signed<CastVote>) {
        self.post(Letter::CastVote(to, Box::new(vote)));
    }

    /// Answers when all that was posted before has been handed to the swarm.
    pub(super) fn mark(&self, passed: oneshot::Sender<()>) {
        self.post(Letter::Mark(passed));
    }

    fn post(&self, letter: Letter) {
        if let Err(mpsc::error::TrySendError::Full(letter)) = self.letters.try_send(letter) {
            warn!(?letter, "the mesh does not take messages fast enough; one was dropped");
        }
    }
}

/// In which form own blocks leave.
struct Form {
    pool: PoolHandle,
    recent: RecentBlocks,
    whole_blocks: bool,
}

impl Form {
    fn of(&self, block: &Arc<SignedBlock>) -> GossipMessage {
        // Before anyone can ask for what is in it.
        self.recent.note_own(block);
        let compact = if self.whole_blocks { compact::whole(block) } else { compact::compact(block, &self.pool) };
        GossipMessage::Block(Arc::new(compact))
    }
}

async fn deliver(network: NetworkHandle, form: Form, mut letters: mpsc::Receiver<Letter>) {
    while let Some(letter) = letters.recv().await {
        match letter {
            Letter::Gossip(message) => publish(&network, message).await,
            Letter::Block(block) => publish(&network, form.of(&block)).await,
            Letter::Submit(peer, block) => {
                let network = network.clone();
                tokio::spawn(async move { submit(&network, peer, block).await });
            }
            Letter::CastVote(peer, vote) => {
                let network = network.clone();
                tokio::spawn(async move { cast_vote(&network, peer, vote).await });
            }
            Letter::Mark(passed) => {
                // Whoever waited may have lost patience.
                let _ = passed.send(());
            }
        }
    }
}

async fn publish(network: &NetworkHandle, message: GossipMessage) {
    let kind = message.kind();
    match network.publish(message).await {
        Ok(publication) => debug!(?kind, ?publication, "published"),
        Err(error) => warn!(?kind, %error, "could not publish"),
    }
}

/// Gossip carries the same block: a submission that fails is not repeated.
async fn submit(network: &NetworkHandle, peer: PeerId, block: Arc<SignedBlock>) {
    let height = block.block.header.number;
    match network.request(peer, Request::SubmitBlock(block)).await {
        Ok(Response::SubmitBlock(Submission::Accepted)) => {}
        Ok(answer) => debug!(%peer, height, ?answer, "the scheduler did not take the block"),
        Err(error) => debug!(%peer, height, %error, "could not submit the block to the scheduler"),
    }
}

/// The scheduler puts the head to the vote again if votes are missing: one that fails is not repeated.
async fn cast_vote(network: &NetworkHandle, peer: PeerId, vote: Box<Signed<CastVote>>) {
    let position = vote.message.vote.checkpoint().position;
    match network.request(peer, Request::SubmitVote(vote)).await {
        Ok(Response::SubmitVote(Submission::Accepted)) => {}
        Ok(answer) => debug!(%peer, %position, ?answer, "the scheduler did not take the vote"),
        Err(error) => debug!(%peer, %position, %error, "could not hand the vote to the scheduler"),
    }
}
