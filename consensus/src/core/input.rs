#[cfg(any(test, feature = "simulation"))]
use super::Outgoing;
use super::{BuildRequest, Timer};
use crate::certificate::VerifiedCertificate;
use crate::evidence::VerifiedEvidence;
use crate::finality::{VerifiedQuorum, VerifiedSetChange};
use crate::messages::{Announcement, CastVote, Checkpoint, Heartbeat, Proposal, Seal, VerifiedTermChange};
use crate::reign::RegistrySet;
use crate::signing::Verified;
use crate::types::{Block, VerifiedBlock};
use alloy_primitives::B256;

/// What the core is told. Messages are verified: their signers are known, their entitlement is not.
#[derive(Clone, Debug)]
pub enum Input {
    /// The node runs. `proposals` are the own blocks that it had signed and that are not sealed, lowest first.
    Start {
        /// Own unsealed blocks, verified again.
        proposals: Vec<VerifiedBlock>,
    },
    /// A heartbeat came.
    Heartbeat(Verified<Heartbeat>),
    /// An announcement came.
    Announcement {
        /// The announcement.
        announcement: Verified<Announcement>,
        /// The certificate that came with it.
        certificate: Option<VerifiedCertificate>,
    },
    /// A leader's block came.
    Block(VerifiedBlock),
    /// A leader signed a block that cannot be had whole: all that it is good for is a proof that it signed two.
    Proposal(Verified<Proposal>),
    /// A seal came.
    Seal(Verified<Seal>),
    /// The scheduler puts a checkpoint to the vote.
    Checkpoint {
        /// The checkpoint.
        checkpoint: Verified<Checkpoint>,
        /// The certificate that came with it.
        parent: Option<VerifiedQuorum>,
    },
    /// A member votes. Its BLS signature is not checked yet: that is done together with others.
    Vote(Verified<CastVote>),
    /// A quorum certificate came.
    Quorum {
        /// The certificate.
        certificate: VerifiedQuorum,
        /// The parent of its checkpoint, if it came along. Nothing in it is verified.
        parent: Option<Checkpoint>,
    },
    /// Evidence came.
    Evidence(VerifiedEvidence),
    /// The registry on L1 names another set, as this node reads it: at an L1 block that is deep enough not to be taken back.
    /// If it is not above the last one, L1 was reorganized all the same, and this replaces what was said from there on.
    Registry(RegistrySet),
    /// L1 was reorganized: nothing that the registry said above this block counts.
    RegistryReverted {
        /// The number of an L1 block.
        above: u64,
    },
    /// Someone proves that this era is over (R13).
    SetChange(VerifiedSetChange),
    /// A member asks for a term.
    TermChange(VerifiedTermChange),
    /// A term certificate came.
    Certificate(VerifiedCertificate),
    /// The operator wants this node to hand the schedule over; answered with [`super::Effect::Resigned`].
    Resign,
    /// This node is about to stop: it hands over what it holds, and signs nothing of a term any more but the wish to leave it.
    Leave,
    /// A block that [`super::Effect::Execute`] named was executed.
    Executed {
        /// The block.
        hash: B256,
        /// Whether it is what it says.
        result: Result<(), ExecutionFailure>,
    },
    /// A block that [`super::Effect::Build`] asked for was built, and executed by that.
    Built {
        /// What was asked for.
        request: BuildRequest,
        /// The block, or nothing if it could not be built.
        result: Option<Box<Block>>,
    },
    /// A timer that [`super::Effect::StartTimer`] started ran out.
    Timer(Timer),
}

/// Why a block has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionFailure {
    /// It does not execute to what its header says.
    Invalid,
    /// Its parent's state is not at hand any more; nothing is known of the block.
    Unavailable,
}

#[cfg(any(test, feature = "simulation"))]
impl Input {
    /// What a node makes of a message from the mesh: all signatures that it checks before the core sees it. None if one of
    /// them is wrong.
    #[must_use]
    pub fn verify(message: Outgoing, electorate: &crate::types::Electorate) -> Option<Self> {
        let context = &electorate.context;
        Some(match message {
            Outgoing::Heartbeat(signed) => Self::Heartbeat(signed.verify(context).ok()?),
            Outgoing::Announcement(crate::certificate::Appointment { announcement, certificate }) => {
                let certificate = certificate.map(|certificate| certificate.verify(electorate)).transpose().ok()?;
                Self::Announcement { announcement: announcement.verify(context).ok()?, certificate }
            }
            Outgoing::Block(block) => Self::Block(block.verify(context).ok()?),
            Outgoing::Seal(signed) => Self::Seal(signed.verify(context).ok()?),
            Outgoing::TermChange(request) => {
                let change = request.change.verify(context).ok()?;
                Self::TermChange(VerifiedTermChange::check(change, request.certificate, electorate)?)
            }
            Outgoing::Certificate(certificate) => Self::Certificate(certificate.verify(electorate).ok()?),
            Outgoing::Checkpoint(proposed) => {
                let parent = proposed.parent.map(|parent| parent.verify(electorate)).transpose().ok()?;
                Self::Checkpoint { checkpoint: proposed.checkpoint.verify(context).ok()?, parent }
            }
            Outgoing::Vote(signed) => Self::Vote(signed.verify(context).ok()?),
            Outgoing::Quorum(certified) => {
                let certificate = certified.certificate.verify(electorate).ok()?;
                Self::Quorum { certificate, parent: certified.parent }
            }
            Outgoing::SetChange(change) => Self::SetChange(change.verify(electorate).ok()?),
            Outgoing::Evidence(evidence) => {
                Self::Evidence(crate::evidence::Evidence::clone(&evidence).verify(electorate).ok()?)
            }
        })
    }
}
