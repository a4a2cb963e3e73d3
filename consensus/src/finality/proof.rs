use super::{InvalidQuorum, QuorumCertificate, VerifiedQuorum};
use crate::messages::{Checkpoint, CheckpointPosition};
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Electorate};
use alloy_primitives::B256;
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// A quorum certificate and the direct parent of its checkpoint, whose head is final by that (R12). Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct FinalityProof {
    /// The checkpoint whose head is final.
    pub checkpoint: Checkpoint,
    /// The certificate of the next round's checkpoint.
    pub child: QuorumCertificate,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidProof {
    /// The certificate is none.
    #[error(transparent)]
    Quorum(#[from] InvalidQuorum),
    /// The certified checkpoint builds on another one.
    #[error("the certified checkpoint does not build on the one that is said to be final")]
    Parent,
    /// There is a term or a round between the two.
    #[error("the certified checkpoint is not of the next round of the same term")]
    NotDirect,
    /// It announces a set change that the certified checkpoint does not repeat (R13).
    #[error("the certified checkpoint does not repeat the set change")]
    SetChange,
}

impl FinalityProof {
    /// Checks everything against the era's set: a pairing, and a key added up for each signer.
    ///
    /// # Errors
    /// [`InvalidProof`].
    pub fn verify(&self, electorate: &Electorate) -> Result<VerifiedFinality, InvalidProof> {
        let child = Arc::new(self.child.clone()).verify(electorate)?;
        VerifiedFinality::new(self.checkpoint, &child)
    }
}

/// A proof that proves what it says. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedFinality {
    checkpoint: Checkpoint,
    child: VerifiedQuorum,
}

impl VerifiedFinality {
    /// What follows from a certificate and a checkpoint that may be its direct parent.
    ///
    /// # Errors
    /// [`InvalidProof`] if nothing does.
    pub fn new(checkpoint: Checkpoint, child: &VerifiedQuorum) -> Result<Self, InvalidProof> {
        let certified = child.checkpoint();
        if certified.parent != checkpoint.reference() {
            return Err(InvalidProof::Parent);
        }
        let same_term = certified.term == checkpoint.term || mutation::breaks(Mutation::FinalAcrossTerms);
        let next_round = match certified.term == checkpoint.term {
            true => certified.round == checkpoint.round.next() || mutation::breaks(Mutation::FinalWithoutParent),
            false => true,
        };
        if certified.era != checkpoint.era || !same_term || !next_round {
            return Err(InvalidProof::NotDirect);
        }
        if checkpoint.is_closing() && !certified.repeats(&checkpoint) {
            return Err(InvalidProof::SetChange);
        }
        Ok(Self { checkpoint, child: child.clone() })
    }

    /// What is final.
    #[must_use]
    pub const fn block(&self) -> BlockRef {
        self.checkpoint.head
    }

    /// The state root after that block.
    #[must_use]
    pub const fn state_root(&self) -> B256 {
        self.checkpoint.state_root
    }

    /// The checkpoint whose head is final.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Where that checkpoint stands.
    #[must_use]
    pub const fn position(&self) -> CheckpointPosition {
        self.checkpoint.position()
    }

    /// The certificate that makes it final.
    #[must_use]
    pub const fn child(&self) -> &VerifiedQuorum {
        &self.child
    }

    /// As it travels.
    #[must_use]
    pub fn proof(&self) -> FinalityProof {
        FinalityProof { checkpoint: self.checkpoint, child: QuorumCertificate::clone(self.child.certificate()) }
    }
}

#[cfg(test)]
mod tests;
