use crate::keys::{BlsSignature, BlsVerifyingKey};
use crate::messages::{Checkpoint, CheckpointPosition, CheckpointRef, Vote};
use crate::signing::Signed;
use crate::types::{Electorate, InvalidSigners};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// A checkpoint with the votes of a quorum (QC). Nothing in it is verified. It stands alone: whoever knows the era's set
/// verifies it without any history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
pub struct QuorumCertificate {
    /// What was voted on.
    pub checkpoint: Checkpoint,
    /// A bit for each member in order of their addresses, the first in the lowest bit of the first byte.
    pub signers: Bytes,
    /// The sum of the signers' BLS signatures on the [`Vote`] for the checkpoint.
    pub signature: BlsSignature,
}

/// A certificate as it travels, with the parent of its checkpoint if the sender has it: if that is the direct parent, both
/// together are a finality proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertifiedCheckpoint {
    /// The certificate.
    pub certificate: Arc<QuorumCertificate>,
    /// The checkpoint that the certified one names as its parent.
    pub parent: Option<Checkpoint>,
}

/// A checkpoint as it travels, with the certificate of its parent; none if that is the root of the era.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedCheckpoint {
    /// The checkpoint.
    pub checkpoint: Signed<Checkpoint>,
    /// The certificate of the checkpoint that it names as its parent, which is of the same era.
    pub parent: Option<Arc<QuorumCertificate>>,
}

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidQuorum {
    /// It is of another era.
    #[error("the checkpoint is of another era")]
    Era,
    /// Its checkpoint names another set.
    #[error("the checkpoint names another set of sequencers")]
    SetRoot,
    /// Its checkpoint has no position that votes can have, or does not come after its parent.
    #[error("the checkpoint's position is not after its parent's")]
    Position,
    /// The bitmap does not fit the set.
    #[error(transparent)]
    Signers(#[from] InvalidSigners),
    /// The signers are no quorum.
    #[error("the signers are not more than two thirds of the weight")]
    NoQuorum,
    /// The aggregate is not theirs.
    #[error("the aggregated signature is wrong")]
    Signature,
}

impl QuorumCertificate {
    /// Checks everything against the era's set: a pairing, and a key added up for each signer.
    ///
    /// # Errors
    /// [`InvalidQuorum`].
    pub fn verify(self: Arc<Self>, electorate: &Electorate) -> Result<VerifiedQuorum, InvalidQuorum> {
        let (verified, keys) = VerifiedQuorum::of_checked_votes(self, electorate)?;
        let digest = electorate.context.digest(&Vote::new(verified.reference));
        if verified.certificate.signature.verify_aggregate(&[(digest, keys)]) {
            Ok(verified)
        } else {
            Err(InvalidQuorum::Signature)
        }
    }
}

/// A certificate that proves what it says. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedQuorum {
    certificate: Arc<QuorumCertificate>,
    reference: CheckpointRef,
}

impl VerifiedQuorum {
    /// Makes a certificate of votes that were checked. None if they are no quorum.
    #[must_use]
    pub fn assemble<'a>(
        electorate: &Electorate,
        checkpoint: Checkpoint,
        votes: impl IntoIterator<Item = (&'a Address, &'a BlsSignature)>,
    ) -> Option<Self> {
        let (signers, signatures): (Vec<_>, Vec<_>) = votes.into_iter().map(|(signer, vote)| (*signer, *vote)).unzip();
        Self::of_sum(electorate, checkpoint, signers, BlsSignature::aggregate(&signatures)?)
    }

    /// Makes a certificate of the sum of votes, which was checked. None if the signers are no quorum.
    pub(crate) fn of_sum(
        electorate: &Electorate,
        checkpoint: Checkpoint,
        signers: impl IntoIterator<Item = Address>,
        signature: BlsSignature,
    ) -> Option<Self> {
        let signers = electorate.set.bitmap(signers).into();
        Self::restore(Arc::new(QuorumCertificate { checkpoint, signers, signature }), electorate)
    }

    /// A certificate that this node checked before it made it durable; everything but the signature is checked again.
    #[must_use]
    pub fn restore(certificate: Arc<QuorumCertificate>, electorate: &Electorate) -> Option<Self> {
        Some(Self::of_checked_votes(certificate, electorate).ok()?.0)
    }

    /// Checks everything but the signature; with the keys that it must be of.
    fn of_checked_votes(
        certificate: Arc<QuorumCertificate>,
        electorate: &Electorate,
    ) -> Result<(Self, Vec<BlsVerifyingKey>), InvalidQuorum> {
        let QuorumCertificate { checkpoint, signers, signature: _ } = &*certificate;
        if checkpoint.era != electorate.era {
            return Err(InvalidQuorum::Era);
        }
        if checkpoint.set_root != electorate.set_root {
            return Err(InvalidQuorum::SetRoot);
        }
        let numbered = checkpoint.term.0 > 0 && checkpoint.round.0 > 0;
        if !numbered || checkpoint.parent.position >= checkpoint.position() {
            return Err(InvalidQuorum::Position);
        }
        let places = electorate.set.places(signers)?;
        if !electorate.set.weight_of(&places).is_quorum_of(electorate.set.total()) {
            return Err(InvalidQuorum::NoQuorum);
        }
        let keys = places.iter().filter_map(|place| electorate.set.key_at(*place).copied()).collect();
        let reference = checkpoint.reference();
        Ok((Self { certificate, reference }, keys))
    }

    /// What is certified.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.certificate.checkpoint
    }

    /// Position and hash of what is certified.
    #[must_use]
    pub const fn reference(&self) -> CheckpointRef {
        self.reference
    }

    /// Where it stands.
    #[must_use]
    pub const fn position(&self) -> CheckpointPosition {
        self.reference.position
    }

    /// The hash of the checkpoint.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.reference.hash
    }

    /// Who voted, in order of their addresses.
    #[must_use]
    pub fn signers(&self, electorate: &Electorate) -> Vec<Address> {
        let places = electorate.set.places(&self.certificate.signers).unwrap_or_default();
        places.iter().filter_map(|place| Some(electorate.set.members().get(*place)?.address)).collect()
    }

    /// As it travels.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<QuorumCertificate> {
        &self.certificate
    }
}

#[cfg(test)]
mod tests;
