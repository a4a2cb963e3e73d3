//! What a verifier has to be told, so that it knows what a proof proves.

use super::{bindings::ICheckpointVerifier::submitCall, submission};
use baton_consensus::{
    election::Priorities,
    finality::light_client::BlockProof,
    keys::InvalidKey,
    types::{Era, Height, InvalidSet, SequencerSet},
};
use thiserror::Error;

/// What a verifier knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The era whose set it holds.
    pub era: Era,
    /// The height of the newest block that it accepted.
    pub height: Height,
}

/// One submission.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The call.
    pub call: submitCall,
    /// The final block that it brings.
    pub height: Height,
    /// Whether it ends the era.
    pub ends_era: bool,
}

/// Why nothing can be submitted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoPlan {
    /// The verifier is ahead of the proof.
    #[error("the verifier is in {known}, the proof of era {proven} is older: ask a node that follows the chain")]
    Behind {
        /// The verifier's era.
        known: Era,
        /// The proof's.
        proven: Era,
    },
    /// A set in the proof is none.
    #[error("a set of the proof: {0}")]
    Set(#[from] InvalidSet),
    /// A key or the signature is no point.
    #[error(transparent)]
    Key(#[from] InvalidKey),
}

/// What to submit, in this order: the ends of the eras that the verifier has not seen end, then the proof itself. Nothing if it
/// knows the block. The proof must have been verified, from genesis with this set.
///
/// # Errors
/// [`NoPlan`].
pub fn plan(known: Known, proof: &BlockProof, genesis: &SequencerSet) -> Result<Vec<Submission>, NoPlan> {
    let proven = proof.finality.checkpoint.era;
    if proven < known.era {
        return Err(NoPlan::Behind { known: known.era, proven });
    }
    let mut set = genesis.clone();
    let mut priorities = Priorities::genesis(&set);
    let mut submissions = Vec::new();
    for (era, change) in proof.changes.iter().enumerate() {
        if era as u64 >= known.era.0 {
            let height = change.proof.checkpoint.head.height;
            submissions.push(Submission {
                call: submission(&change.proof, &set, &priorities)?,
                height,
                ends_era: true,
            });
        }
        set = SequencerSet::new(change.members.clone())?;
        priorities = change.priorities.clone();
    }
    let height = proof.finality.checkpoint.head.height;
    if height > known.height {
        submissions.push(Submission { call: submission(&proof.finality, &set, &priorities)?, height, ends_era: false });
    }
    Ok(submissions)
}
