use alloy_primitives::{Address, B256};
use baton_consensus::{
    certificate::VerifiedCertificate,
    core::CannotResign,
    evidence::VerifiedEvidence,
    finality::{VerifiedFinality, VerifiedQuorum, VerifiedSetChange},
    messages::{Announcement, CastVote, Checkpoint, Heartbeat, Proposal, Seal, VerifiedTermChange},
    reign::RegistrySet,
    signing::Verified,
    types::{BlockRef, ExtraData, Height, Term, VerifiedBlock, VerifiedSealedBlock},
};
use baton_network::{GossipTicket, PeerId, Responder};
use tokio::sync::{mpsc, oneshot, watch};

/// Messages that wait for the engine at most.
pub(super) const MAILBOX: usize = 1024;

/// Where a message came from, and so who wants to hear the verdict.
#[derive(Debug)]
pub enum Origin {
    /// Gossip waits for the verdict before it passes the message on.
    Gossip(GossipTicket),
    /// A peer handed the message over directly.
    Direct(Responder),
    /// The operator of this node waits for the answer to a wish.
    Operator(oneshot::Sender<Result<Term, CannotResign>>),
}

/// What others tell the engine. Every signature is checked already.
#[derive(Debug)]
pub enum EngineMessage {
    /// A heartbeat from the mesh.
    Heartbeat(Verified<Heartbeat>, Origin),
    /// An announcement from the mesh, with the certificate that came with it.
    Announcement(Verified<Announcement>, Option<VerifiedCertificate>, Origin),
    /// A member's wish to enter a term.
    TermChange(VerifiedTermChange, Origin),
    /// What opens a term.
    Certificate(VerifiedCertificate, Origin),
    /// A leader's block.
    Block(VerifiedBlock, Origin),
    /// What a leader signed of a block that could not be had whole.
    Proposal(Verified<Proposal>),
    /// A seal from the mesh.
    Seal(Verified<Seal>, Origin),
    /// What the scheduler puts to the vote, with the certificate that came with it.
    Checkpoint(Verified<Checkpoint>, Option<VerifiedQuorum>, Origin),
    /// A member's vote, its BLS signature not checked.
    Vote(Verified<CastVote>, Origin),
    /// A quorum certificate, with the checkpoint that it is said to build on.
    Quorum(VerifiedQuorum, Option<Checkpoint>, Origin),
    /// Evidence against a member.
    Evidence(VerifiedEvidence, Origin),
    /// The end of this era.
    SetChange(Box<VerifiedSetChange>, Origin),
    /// The registry on L1 names another set.
    Registry(RegistrySet),
    /// L1 was reorganized: what the registry said above this block does not count.
    RegistryReverted {
        /// The number of an L1 block.
        above: u64,
    },
    /// A stretch of the chain that was fetched because this node is behind; answered when all of it was taken in.
    Segment(Segment, oneshot::Sender<()>),
    /// A block that was asked for by its hash, with what it stands on.
    Branch(Branch),
    /// The operator wants this node to hand the schedule over; answered with the term that it asked for.
    Resign(oneshot::Sender<Result<Term, CannotResign>>),
    /// The node is about to stop; answered when nobody relies on it any more, and what it had to say is with the network.
    Leave(oneshot::Sender<()>),
}

/// A stretch of the sealed chain, signatures checked.
#[derive(Debug, Default)]
pub struct Segment {
    /// What opened the terms of the announcements, and the newest term.
    pub certificates: Vec<VerifiedCertificate>,
    /// The newest finality proof of whoever served it.
    pub finality: Option<VerifiedFinality>,
    /// The part of the schedule that it stands on, in order.
    pub announcements: Vec<Verified<Announcement>>,
    /// Consecutive blocks, lowest first.
    pub blocks: Vec<VerifiedSealedBlock>,
    /// The end of the era that all of it is of, if it has ended.
    pub change: Option<Box<VerifiedSetChange>>,
}

/// A block and its ancestors, on whatever branch, signatures checked.
#[derive(Debug, Default)]
pub struct Branch {
    /// What opened the terms of the announcements.
    pub certificates: Vec<VerifiedCertificate>,
    /// The schedule that the blocks stand on, in order.
    pub announcements: Vec<Verified<Announcement>>,
    /// The blocks, lowest first, with their seals if they have any.
    pub blocks: Vec<(VerifiedBlock, Option<Verified<Seal>>)>,
}

/// What the engine lacks.
#[derive(Clone, Debug, Default)]
pub struct CatchUp {
    /// A height that a member named; a hint that may be false.
    pub target: Height,
    /// The block there, if it is known by name.
    pub block: Option<B256>,
    /// Peers that hold it; nobody if that is not known.
    pub holders: Vec<PeerId>,
}

/// Where the engine stands, for those who follow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The sealed tip.
    pub head: BlockRef,
    /// The newest announcement known.
    pub schedule: ExtraData,
    /// Who schedules the term.
    pub scheduler: Address,
    /// Who leads the newest epoch known.
    pub leader: Option<Address>,
}

/// How others reach the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    messages: mpsc::Sender<EngineMessage>,
    position: watch::Receiver<Position>,
}

impl EngineHandle {
    pub(super) const fn new(messages: mpsc::Sender<EngineMessage>, position: watch::Receiver<Position>) -> Self {
        Self { messages, position }
    }

    /// Hands a message over if there is room; a full mailbox drops it, which for gossip is the same as a lost message.
    pub fn offer(&self, message: EngineMessage) -> bool {
        self.messages.try_send(message).is_ok()
    }

    /// Hands over what must not be lost, and waits for room. False if the engine has stopped.
    pub async fn tell(&self, message: EngineMessage) -> bool {
        self.messages.send(message).await.is_ok()
    }

    /// Hands a stretch of the chain over and waits until the engine has taken it in; its blocks may still be executing.
    /// False if the engine has stopped.
    pub async fn take_segment(&self, segment: Segment) -> bool {
        let (done, taken) = oneshot::channel();
        self.messages.send(EngineMessage::Segment(segment, done)).await.is_ok() && taken.await.is_ok()
    }

    /// Lets this node hand the schedule over: the term that it asked for, or why it did not. None if the engine has stopped.
    pub async fn resign(&self) -> Option<Result<Term, CannotResign>> {
        let (asker, answer) = oneshot::channel();
        self.messages.send(EngineMessage::Resign(asker)).await.ok()?;
        answer.await.ok()
    }

    /// Tells the engine that the node is about to stop, and waits until nobody relies on it any more. That may never be: give it
    /// a limit.
    pub async fn leave(&self) {
        let (asker, released) = oneshot::channel();
        if self.messages.send(EngineMessage::Leave(asker)).await.is_ok() {
            // An engine that has stopped is relied upon by nobody.
            let _ = released.await;
        }
    }

    /// Where the engine stands now.
    #[must_use]
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Follows where the engine stands.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Position> {
        self.position.clone()
    }
}
