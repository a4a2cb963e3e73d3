use super::{CannotResign, Verdict};
use crate::certificate::{Appointment, TermCertificate};
use crate::evidence::{Evidence, Fault};
use crate::finality::{CertifiedCheckpoint, FinalityProof, ProposedCheckpoint, QuorumCertificate, SetChange};
use crate::jail::Record;
use crate::journal::{JournalEntry, SafetyState};
use crate::messages::{
    CastVote, Cause, CheckpointPosition, CheckpointRef, Heartbeat, L1Anchor, Seal, Skip, SkipReason, TermRequest,
};
use crate::schedule::ScheduleError;
use crate::signing::Signed;
use crate::types::{BlockRef, Epoch, Era, ExtraData, Height, SignedBlock, Term, Time, Tip, VerifiedBlock};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the node is to do, in order: an effect that makes something durable is done before the next one begins.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer gossip about the message that was just handled.
    Judge(Verdict),
    /// Make what binds this node durable, synced: it replaces what was there before.
    PersistSafety {
        /// What binds it.
        state: SafetyState,
        /// What it signs because of that.
        journal: Vec<JournalEntry>,
    },
    /// Make evidence durable.
    PersistEvidence {
        /// What it proves: the key to keep it under.
        fault: Fault,
        /// The evidence.
        evidence: Arc<Evidence>,
    },
    /// Make a finality proof durable, synced, and with it the newest final height.
    Finalize {
        /// The block that it makes final, which is in the chain.
        block: BlockRef,
        /// The proof.
        proof: Arc<FinalityProof>,
        /// The newest final height, as genesis defines it: that of the block, or one that a depth rule gives.
        finalized: Height,
    },
    /// A new quorum certificate came; the newest block of the chain under one is this. [`super::Core::safe`] tells at the start.
    Safe(BlockRef),
    /// Make the end of an era durable, synced, and with it what binds this node in the next one: it replaces what was there
    /// before, in one write. From here on messages are checked against the next set.
    OpenEra {
        /// What ends the era.
        change: Arc<SetChange>,
        /// What binds this node.
        state: SafetyState,
    },
    /// Stop: the protocol's assumptions are broken (R14). Keep both sides of the conflict, and do not start again without an
    /// operator's decision.
    Halt(Box<Conflict>),
    /// Hand a vote to the scheduler directly.
    CastVote {
        /// The scheduler.
        to: Address,
        /// The vote.
        vote: Signed<CastVote>,
    },
    /// Make an announcement and, if this node signed it, its journal entry durable.
    PersistAnnouncement {
        /// The announcement, a term's first with the certificate that it links to.
        appointment: Appointment,
        /// Present if this node signed it: then the write is synced.
        journal: Option<JournalEntry>,
    },
    /// Make an own block and its journal entry durable, synced.
    PersistProposal {
        /// The block.
        block: Arc<SignedBlock>,
        /// Its signature's entry.
        journal: JournalEntry,
    },
    /// Make an executed block the head: block, receipts, state, indexes and journal entry in one synced batch.
    Commit {
        /// The block.
        block: VerifiedBlock,
        /// Its seal.
        seal: Signed<Seal>,
        /// Present if this node sealed it.
        journal: Option<JournalEntry>,
        /// The newest final height after it.
        finalized: Height,
    },
    /// Take the head back to this block, which is not below the final one: every block above it leaves the sealed chain,
    /// and its transactions are pending again. Hand the blocks with their seals in once more, the lowest
    /// [`super::MAX_PENDING_HEIGHTS`] of them: this node may have voted for them, and then a later term may have to build on them.
    Revert {
        /// The new head.
        to: BlockRef,
    },
    /// Publish on the mesh.
    Gossip(Outgoing),
    /// Hand a block to a member directly.
    Submit {
        /// The scheduler.
        to: Address,
        /// The block.
        block: Arc<SignedBlock>,
    },
    /// Execute a block whose parent is executed or is the head; answer with [`super::Input::Executed`].
    Execute(VerifiedBlock),
    /// Forget the results of these executed blocks.
    Discard(Vec<B256>),
    /// Build a block; answer with [`super::Input::Built`].
    Build(BuildRequest),
    /// Answer with [`super::Input::Timer`] at this time or later.
    StartTimer {
        /// Which one.
        timer: Timer,
        /// When.
        at: Time,
    },
    /// Fetch what lies between the chain and this height, another branch too, or the announcements and certificates that
    /// are missing.
    CatchUp {
        /// A height that a member named; a hint that may be false.
        target: Height,
        /// The block there that is missing, if it is known by name. Its holders may have it beside their chain.
        block: Option<B256>,
        /// Members that hold it; nobody if that is not known.
        holders: Vec<Address>,
    },
    /// Answer the operator who wanted this node to hand the schedule over: the term that it asked for, or why it did not.
    Resigned(Result<Term, CannotResign>),
    /// Something that an operator wants to read.
    Report(Report),
}

impl Effect {
    /// Fetch a block that is known by name, and what lies between it and the chain.
    pub(super) const fn fetch(block: BlockRef, holders: Vec<Address>) -> Self {
        Self::CatchUp { target: block.height, block: Some(block.hash), holders }
    }
}

/// What must not be: more than a third of the weight signed against the rules, or a depth rule was broken (R14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Two quorum certificates of one position.
    Quorums([Arc<QuorumCertificate>; 2]),
    /// A finality proof that contradicts what is final here.
    Finality {
        /// The newest finality proof that this node holds.
        known: Option<Box<FinalityProof>>,
        /// The one that came.
        theirs: Box<FinalityProof>,
        /// The block of this chain at the height of theirs, if it is in reach.
        here: Option<BlockRef>,
        /// The newest height that is tagged final here.
        finalized: Height,
    },
}

/// What this node publishes.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// The own sign of life.
    Heartbeat(Signed<Heartbeat>),
    /// The own appointment.
    Announcement(Appointment),
    /// The own block.
    Block(Arc<SignedBlock>),
    /// The own seal.
    Seal(Signed<Seal>),
    /// The own wish to enter a term.
    TermChange(TermRequest),
    /// The own checkpoint.
    Checkpoint(ProposedCheckpoint),
    /// The own vote.
    Vote(Signed<CastVote>),
    /// A quorum certificate that this node assembled, or answers with.
    Quorum(CertifiedCheckpoint),
    /// Evidence that is new here.
    Evidence(Arc<Evidence>),
    /// The end of an era, which this node has just left.
    SetChange(Arc<SetChange>),
    /// A certificate that this node assembled.
    Certificate(Arc<TermCertificate>),
}

impl Outgoing {
    /// The era that the message is of: by its set, signatures are checked.
    #[must_use]
    pub fn era(&self) -> Era {
        match self {
            Self::Heartbeat(signed) => signed.message.era,
            Self::Announcement(appointment) => appointment.announcement.message.era,
            Self::Block(block) => block.position().map(|position| position.era).unwrap_or_default(),
            Self::Seal(signed) => signed.message.era,
            Self::TermChange(request) => request.change.message.report.era,
            Self::Checkpoint(proposed) => proposed.checkpoint.message.era,
            Self::Vote(signed) => signed.message.vote.era,
            Self::Quorum(certified) => certified.certificate.checkpoint.era,
            Self::Evidence(evidence) => evidence.era(),
            Self::SetChange(change) => change.proof.checkpoint.era,
            Self::Certificate(certificate) => certificate.era,
        }
    }
}

/// What to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// The block to build on: the head, or an executed block above it.
    pub parent: BlockRef,
    /// Seconds since the Unix epoch; not before the parent's.
    pub timestamp: u64,
    /// Who is paid.
    pub beneficiary: Address,
    /// Era, term and epoch.
    pub position: ExtraData,
    /// The hash of the announcement.
    pub announcement: B256,
}

/// Timers name what they are for: one that has been overtaken is ignored when it runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Send a heartbeat, look who is silent and who is ahead.
    Heartbeat,
    /// The scheduler has waited long enough for members before its first appointment.
    Opening,
    /// It is time for this node to build.
    Build {
        /// The epoch that it leads.
        epoch: Epoch,
        /// The block's height.
        height: Height,
    },
    /// The block of a seal should have come.
    Missing {
        /// The sealed block.
        block: BlockRef,
    },
    /// The scheduler should have sealed something (R5a).
    Term {
        /// The era.
        era: Era,
        /// The term.
        term: Term,
    },
    /// A new scheduler has looked long enough for better branches.
    Adopt {
        /// Its era.
        era: Era,
        /// Its term.
        term: Term,
    },
    /// The votes on the scheduler's checkpoint should have come.
    Votes {
        /// Its position.
        position: CheckpointPosition,
    },
    /// The leader's block should have come.
    Deadline {
        /// The leader's epoch.
        epoch: Epoch,
        /// The block's height.
        height: Height,
    },
}

/// What operators read in the log and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// This node took up its part.
    Started {
        /// Who schedules.
        scheduler: Address,
    },
    /// This node asks for another term.
    TermChangeSigned {
        /// The term that it asks for.
        term: Term,
        /// Why.
        cause: Cause,
    },
    /// A term was opened by its certificate.
    TermOpened {
        /// The term.
        term: Term,
        /// Who schedules it.
        scheduler: Address,
        /// Why most members that told this node wanted it; none if nobody did.
        cause: Option<Cause>,
    },
    /// The sequencer set changed.
    EraOpened {
        /// The era.
        era: Era,
        /// The block that it builds on.
        base: BlockRef,
        /// The L1 block that its set comes from.
        anchor: L1Anchor,
        /// How many members the set has.
        members: usize,
    },
    /// The scheduler wants to change the set, but votes for that did not come: it tries again from this height on.
    ChangePostponed {
        /// The lowest height at which it tries again.
        until: Height,
    },
    /// This node takes the schedule over from this branch.
    Adopted {
        /// Its term.
        term: Term,
        /// The branch's tip.
        base: Tip,
    },
    /// Sealed blocks left the chain.
    Reverted {
        /// The head before.
        from: BlockRef,
        /// The head after.
        to: BlockRef,
    },
    /// The scheduler wants to build on a branch that contradicts what is final here: this node does not follow it.
    ContradictsFinal {
        /// What the scheduler builds on.
        base: BlockRef,
        /// The newest final height.
        finalized: Height,
    },
    /// The scheduler builds on a branch that loses what its certificate obliges it to keep.
    BadBase {
        /// What the scheduler builds on.
        base: BlockRef,
        /// What it must contain.
        obliged: BlockRef,
    },
    /// An epoch began.
    Appointed {
        /// The epoch.
        epoch: Epoch,
        /// Who leads it.
        leader: Address,
        /// Its first height.
        first: Height,
        /// Who was passed over.
        skipped: Vec<Skip>,
    },
    /// The scheduler gave up on a leader.
    LeaderReplaced {
        /// The epoch that ends.
        epoch: Epoch,
        /// Who led it.
        leader: Address,
        /// The height that did not come.
        height: Height,
        /// Why.
        reason: SkipReason,
        /// Its record after that.
        record: Record,
    },
    /// An announcement of the scheduler breaks the rules.
    BadAnnouncement {
        /// Which epoch.
        epoch: Epoch,
        /// How.
        error: ScheduleError,
    },
    /// One key signed two messages for one position: there is evidence.
    Equivocation(Fault),
    /// The scheduler put to the vote what breaks the rules, or contradicts what this node holds.
    BadCheckpoint(CheckpointRef),
    /// A checkpoint builds on less than this node's floor: no vote for it.
    BelowFloor {
        /// The checkpoint.
        checkpoint: CheckpointRef,
        /// What it would have to build on at least.
        floor: CheckpointPosition,
        /// The hash of the certificate by which this node entered the term.
        opening: Option<B256>,
    },
    /// A member's vote is not signed with its BLS key.
    BadVote {
        /// Whose.
        signer: Address,
        /// What it is said to be for.
        checkpoint: CheckpointRef,
    },
    /// A sealed block does not execute here: either the scheduler or this node is wrong.
    InvalidSealedBlock(BlockRef),
    /// A block does not execute to what it says.
    InvalidBlock {
        /// The block.
        block: BlockRef,
        /// Its leader.
        leader: Address,
    },
    /// The journal holds a signature at or above this position: nothing was signed.
    RefusedToSign {
        /// The journal's key of the position.
        key: Vec<u8>,
    },
}
