//! A light client in one function: what convinces someone who knows genesis, or one final checkpoint, that a block is final.
//!
//! No clock, no disk, no network. Where stake can be withdrawn, a trusted checkpoint must be younger than the unbonding
//! delay: older keys may have been sold. The caller sees to that.

use super::{FinalityProof, InvalidProof, SetChange, VerifiedFinality};
use crate::election::Priorities;
use crate::messages::{Checkpoint, CheckpointRef, L1Anchor};
use crate::reign::{InvalidSuccession, Reign};
use crate::signing::SigningContext;
use crate::types::{BlockRef, Electorate, Height, Sequencer, SequencerSet};
use alloy_consensus::Header;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// The most headers between a block and the final one above it.
pub const MAX_HEADERS: usize = 1024;

/// The most set changes in one proof.
pub const MAX_CHANGES: usize = 4096;

/// Everything that convinces a light client that a block is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockProof {
    /// The ends of all eras between what the client trusts and the proof, in order.
    pub changes: Vec<SetChange>,
    /// Finality of the block, or of one above it.
    pub finality: FinalityProof,
    /// The header of the block and of all above it, up to the final one.
    pub headers: Vec<Header>,
}

/// A final checkpoint that a light client may start from, as it is kept in a file. Nothing in it is verified: whoever uses it
/// got it in a way that it trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedCheckpoint {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The members of the set that the checkpoint names.
    pub members: Vec<Sequencer>,
    /// The priorities with which their era began.
    pub priorities: Priorities,
}

/// What a light client knows to begin with, and after a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    electorate: Electorate,
    priorities: Priorities,
    /// Nothing below is accepted: it would be older than what is trusted.
    checkpoint: CheckpointRef,
    block: BlockRef,
}

/// A block that is final, as a light client was convinced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenBlock {
    /// Its header.
    pub header: Header,
    /// Its height and hash.
    pub block: BlockRef,
    /// What makes it final.
    pub finality: VerifiedFinality,
    /// What to trust from now on: the checkpoint of the proof, with the set of its era.
    pub trusted: Trusted,
}

/// Why a light client is not convinced.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotConvinced {
    /// The trusted checkpoint names another set than the one beside it.
    #[error("the set of sequencers is not the one that the trusted checkpoint names")]
    TrustedSet,
    /// A proof is of no use.
    #[error("{what}: {error}")]
    Proof {
        /// Which one.
        what: String,
        /// Why.
        error: InvalidProof,
    },
    /// The set of an era is not the one that the end of the era before names.
    #[error(transparent)]
    Succession(#[from] InvalidSuccession),
    /// The proof tells of something older than what is trusted.
    #[error("the proof makes block {proven} final; block {trusted} is trusted already, which became final later")]
    Older {
        /// What it is about.
        proven: BlockRef,
        /// What is trusted.
        trusted: BlockRef,
    },
    /// The proof contradicts what is trusted: of the two, only one can be of this chain as it should be.
    #[error("the proof is about block {proven}, which contradicts the trusted block {trusted}")]
    Contradicts {
        /// What it is about.
        proven: BlockRef,
        /// What is trusted.
        trusted: BlockRef,
    },
    /// Too many headers or set changes, or no header at all.
    #[error("a proof has 1 to {MAX_HEADERS} headers and at most {MAX_CHANGES} set changes")]
    Size,
    /// The headers do not lead from the block to the final one.
    #[error("the header of block {0} is not the parent of what comes after it")]
    Headers(Height),
    /// The final header has another state root than its checkpoint.
    #[error("the header of block {0} has another state root than its checkpoint")]
    StateRoot(Height),
}

impl Trusted {
    /// Trust in the genesis file alone.
    #[must_use]
    pub fn genesis(context: SigningContext, set: Arc<SequencerSet>) -> Self {
        Self::reign(&Reign::genesis(context, set, L1Anchor::default()))
    }

    /// Trust in an era that was opened.
    #[must_use]
    pub fn reign(reign: &Reign) -> Self {
        let Reign { electorate, priorities, base, root, .. } = reign.clone();
        Self { electorate, priorities: Arc::unwrap_or_clone(priorities), checkpoint: root, block: base }
    }

    /// Trust in a final checkpoint.
    ///
    /// # Errors
    /// [`NotConvinced::Succession`] if the set beside it is none, [`NotConvinced::TrustedSet`] if the checkpoint names another one.
    pub fn checkpoint(context: SigningContext, trusted: TrustedCheckpoint) -> Result<Self, NotConvinced> {
        let TrustedCheckpoint { checkpoint, members, priorities } = trusted;
        let era = checkpoint.era;
        let set = SequencerSet::new(members).map_err(|error| InvalidSuccession::Set { era, error })?;
        let electorate = Electorate::new(context, era, Arc::new(set), &priorities);
        if electorate.set_root != checkpoint.set_root || !priorities.are_of(&electorate.set) {
            return Err(NotConvinced::TrustedSet);
        }
        Ok(Self { electorate, priorities, checkpoint: checkpoint.reference(), block: checkpoint.head })
    }

    /// What votes of the newest era are checked against.
    #[must_use]
    pub const fn electorate(&self) -> &Electorate {
        &self.electorate
    }

    /// Follows the set changes and checks the proof; a pairing for each.
    ///
    /// # Errors
    /// [`NotConvinced`] names the first thing that is wrong.
    pub fn verify(&self, changes: &[SetChange], proof: &FinalityProof) -> Result<VerifiedFinality, NotConvinced> {
        Ok(self.follow(changes, proof)?.0)
    }

    /// The block that is trusted.
    #[must_use]
    pub const fn block(&self) -> BlockRef {
        self.block
    }

    /// [`Self::verify`], and that the headers lead from a block to the final one.
    ///
    /// # Errors
    /// [`NotConvinced`] names the first thing that is wrong.
    pub fn verify_block(&self, proof: &BlockProof) -> Result<ProvenBlock, NotConvinced> {
        let BlockProof { changes, finality, headers } = proof;
        let Some(header) = headers.first().filter(|_| headers.len() <= MAX_HEADERS) else {
            return Err(NotConvinced::Size);
        };
        let (finality, trusted, path) = self.follow(changes, finality)?;
        let mut wanted = finality.block();
        let mut block = wanted;
        for (index, header) in headers.iter().rev().enumerate() {
            block = BlockRef { height: Height(header.number), hash: header.hash_slow() };
            if block != wanted {
                return Err(NotConvinced::Headers(block.height));
            }
            if index == 0 && header.state_root != finality.state_root() {
                return Err(NotConvinced::StateRoot(block.height));
            }
            if let Some(trusted) = path.iter().find(|trusted| trusted.height == block.height && **trusted != block) {
                return Err(NotConvinced::Contradicts { proven: block, trusted: *trusted });
            }
            wanted = BlockRef { height: block.height.previous(), hash: header.parent_hash };
        }
        Ok(ProvenBlock { header: header.clone(), block, finality, trusted })
    }

    /// Checks everything but headers. With what to trust after that, and all blocks that were trusted on the way.
    fn follow(
        &self,
        changes: &[SetChange],
        proof: &FinalityProof,
    ) -> Result<(VerifiedFinality, Self, Vec<BlockRef>), NotConvinced> {
        if changes.len() > MAX_CHANGES {
            return Err(NotConvinced::Size);
        }
        let mut trusted = self.clone();
        let mut path = vec![trusted.block];
        for change in changes {
            trusted = trusted.after(change)?;
            path.push(trusted.block);
        }
        let finality = trusted.check(proof, || "the finality proof".to_owned())?;
        trusted = Self { checkpoint: finality.checkpoint().reference(), block: finality.block(), ..trusted };
        Ok((finality, trusted, path))
    }

    /// What is trusted once an era has ended.
    fn after(&self, change: &SetChange) -> Result<Self, NotConvinced> {
        let SetChange { proof, members, priorities } = change;
        let closing = self.check(proof, || format!("the end of era {}", self.electorate.era))?;
        let checkpoint = closing.checkpoint();
        let reign = Reign::after(self.electorate.context, checkpoint, members.clone(), priorities.clone())?;
        Ok(Self {
            electorate: reign.electorate,
            priorities: priorities.clone(),
            checkpoint: checkpoint.reference(),
            block: closing.block(),
        })
    }

    fn check(&self, proof: &FinalityProof, what: impl Fn() -> String) -> Result<VerifiedFinality, NotConvinced> {
        let proof = proof.verify(&self.electorate).map_err(|error| NotConvinced::Proof { what: what(), error })?;
        let (proven, trusted) = (proof.block(), self.block);
        let checkpoint = proof.checkpoint().reference();
        let same_place = checkpoint.position == self.checkpoint.position && checkpoint != self.checkpoint;
        if same_place || (proven.height == trusted.height && proven != trusted) {
            return Err(NotConvinced::Contradicts { proven, trusted });
        }
        if checkpoint.position < self.checkpoint.position {
            return Err(NotConvinced::Older { proven, trusted });
        }
        // What became final later does not lie below.
        if proven.height < trusted.height {
            return Err(NotConvinced::Contradicts { proven, trusted });
        }
        Ok(proof)
    }
}

impl ProvenBlock {
    /// What to keep, to start from the next time.
    #[must_use]
    pub fn checkpoint(&self) -> TrustedCheckpoint {
        let Trusted { electorate, priorities, .. } = &self.trusted;
        TrustedCheckpoint {
            checkpoint: *self.finality.checkpoint(),
            members: electorate.set.members().to_vec(),
            priorities: priorities.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
