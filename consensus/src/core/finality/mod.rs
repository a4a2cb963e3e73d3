//! The quorum gadget (R10–R12): rounds of checkpoints and votes beside the blocks, which never wait for them.
//!
//! - **When something sealed is not final** and no round is open, the scheduler signs a checkpoint: its head, on the highest
//!   certificate whose head its chain contains. It journals and gossips it, and votes itself.
//! - **Upon a checkpoint** of its term a member votes (see [`voting`]) once it holds the head, executed and durable; until then
//!   the vote waits. The vote, the floor and the highest certificate become durable together before the vote leaves.
//! - **Votes** go to everyone in small sets and to the scheduler alone in large ones (see [`route`]). Whoever has those of a
//!   quorum adds them up and checks the sum; only if that is wrong, it looks for the bad one (see [`tallying`]).
//! - **Upon a certificate** the scheduler opens the next round at once if something sealed is not final; otherwise it gossips
//!   the certificate. A certified checkpoint makes the head of its direct parent final (see [`finalizing`]).
//! - **When votes do not come** for `vote_timeout`, the scheduler opens a higher round on the same head (see [`rounds`]).

mod finalizing;
mod rounds;
mod route;
mod tallying;
mod voting;

use super::Core;
use crate::finality::{VerifiedFinality, VerifiedQuorum};
use crate::messages::{Checkpoint, CheckpointPosition, CheckpointRef};
use crate::types::{BlockRef, Height, Term};
use alloy_primitives::B256;
use finalizing::Certificates;
use rounds::Round;
use std::collections::BTreeMap;
use tallying::Ballots;

pub(super) use voting::MAX_AHEAD;

pub use route::VoteRoute;

/// Checkpoints of the term that are kept until their votes have come.
const MAX_CHECKPOINTS: usize = 16;

/// What a node knows of checkpoints and their votes.
#[derive(Clone, Debug, Default)]
pub(super) struct Gadget {
    /// The newest checkpoint of the term that this node has not voted for.
    proposal: Option<Checkpoint>,
    /// Checkpoints of the term's scheduler by position, those that are too old to matter left out.
    checkpoints: BTreeMap<CheckpointPosition, Vec<(B256, Checkpoint)>>,
    ballots: Ballots,
    certificates: Certificates,
    /// The newest finality proof.
    finality: Option<VerifiedFinality>,
    /// The newest final block of this chain.
    settled: BlockRef,
    /// A final block that is not in this chain yet.
    awaited: Option<BlockRef>,
    /// What the scheduler waits for.
    round: Option<Round>,
}

impl Gadget {
    pub(super) fn new(settled: BlockRef, finality: Option<VerifiedFinality>, known: Vec<VerifiedQuorum>) -> Self {
        let mut gadget = Self { settled, ..Self::default() };
        let child = finality.iter().map(|finality| finality.child().clone());
        known.into_iter().chain(child).for_each(|quorum| {
            let _ = gadget.certificates.note(quorum);
        });
        gadget.finality = finality;
        gadget
    }

    pub(super) fn highest(&self) -> Option<&VerifiedQuorum> {
        self.certificates.highest()
    }

    /// The height of the newest final block of this chain.
    pub(super) const fn settled(&self) -> Height {
        self.settled.height
    }

    /// The newest finality proof.
    pub(super) const fn finality(&self) -> Option<&VerifiedFinality> {
        self.finality.as_ref()
    }

    /// Whether the open round is about the end of the era.
    pub(super) fn proposes_closing(&self) -> bool {
        self.round.is_some_and(Round::is_closing)
    }

    /// The newest certified checkpoint whose head is admitted.
    pub(super) fn newest_on_chain(&self, admits: impl Fn(BlockRef) -> bool) -> Option<&Checkpoint> {
        self.certificates.newest(|quorum| admits(quorum.checkpoint().head)).map(VerifiedQuorum::checkpoint)
    }

    /// A final block that is not in this chain yet.
    pub(super) const fn awaited(&self) -> Option<BlockRef> {
        self.awaited
    }

    /// Another term: what the last one's scheduler put to the vote is void.
    pub(super) fn enter_term(&mut self) {
        self.proposal = None;
        self.checkpoints.clear();
        self.ballots.clear();
        self.round = None;
    }

    /// Keeps a checkpoint until its votes have come.
    fn keep(&mut self, checkpoint: Checkpoint, reference: CheckpointRef) {
        let variants = self.checkpoints.entry(reference.position).or_default();
        // Two prove the fault; whoever votes for a third is as faulty.
        if variants.len() < 2 && variants.iter().all(|(known, _)| *known != reference.hash) {
            variants.push((reference.hash, checkpoint));
        }
        while self.checkpoints.len() > MAX_CHECKPOINTS {
            self.checkpoints.pop_first();
        }
    }

    fn checkpoint(&self, reference: CheckpointRef) -> Option<&Checkpoint> {
        let variants = self.checkpoints.get(&reference.position)?;
        variants.iter().find(|(known, _)| *known == reference.hash).map(|(_, checkpoint)| checkpoint)
    }
}

impl Core {
    /// The highest quorum certificate that this node holds.
    #[must_use]
    pub fn highest_quorum(&self) -> Option<&VerifiedQuorum> {
        self.gadget.highest()
    }

    /// The highest quorum certificate of a lower term.
    pub(super) fn highest_quorum_before(&self, term: Term) -> Option<&VerifiedQuorum> {
        self.gadget.certificates.newest(|quorum| quorum.position().term < term)
    }

    /// The newest block of the chain under a quorum certificate.
    #[must_use]
    pub fn safe(&self) -> BlockRef {
        let certified = self.gadget.certificates.newest(|quorum| self.tree.is_on_chain(quorum.checkpoint().head));
        certified.map(|quorum| quorum.checkpoint().head).unwrap_or(self.gadget.settled)
    }
}
