use super::{CheckpointPosition, CheckpointRef};
use crate::keys::{BlsKey, BlsSignature, OperatorKey};
use crate::signing::{Message, Signed, SigningContext};
use crate::types::{Era, Round, Term};
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// What a member's BLS key signs when it votes for a checkpoint. Position: (era, term, round).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct Vote {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The round.
    pub round: Round,
    /// The hash of the checkpoint.
    pub checkpoint: B256,
}

impl Vote {
    /// A vote for this checkpoint.
    #[must_use]
    pub const fn new(checkpoint: CheckpointRef) -> Self {
        let CheckpointPosition { era, term, round } = checkpoint.position;
        Self { era, term, round, checkpoint: checkpoint.hash }
    }

    /// What it is for.
    #[must_use]
    pub const fn checkpoint(&self) -> CheckpointRef {
        let position = CheckpointPosition { era: self.era, term: self.term, round: self.round };
        CheckpointRef { position, hash: self.checkpoint }
    }
}

impl Message for Vote {
    const DOMAIN: &'static str = "baton/vote/1";
}

/// A vote as it travels. The operator's key signs the whole, so that a stranger's costs a recovery and no pairing; only vote
/// and BLS signature go into a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct CastVote {
    /// The vote.
    pub vote: Vote,
    /// The member's BLS signature on it. It is checked only together with others.
    pub signature: BlsSignature,
}

impl CastVote {
    /// Signs a vote with both keys.
    #[must_use]
    pub fn sign(vote: Vote, context: &SigningContext, (operator, bls): (&OperatorKey, &BlsKey)) -> Signed<Self> {
        let signature = bls.sign(context.digest(&vote));
        Signed::new(Self { vote, signature }, context, operator)
    }
}

impl Message for CastVote {
    const DOMAIN: &'static str = "baton/cast-vote/1";
}
