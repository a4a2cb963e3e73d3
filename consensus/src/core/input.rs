use super::{BuildRequest, Timer};
use crate::certificate::VerifiedCertificate;
use crate::messages::{Announcement, Heartbeat, Seal, VerifiedTermChange};
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
    /// A seal came.
    Seal(Verified<Seal>),
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
