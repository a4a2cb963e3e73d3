//! A light client in one function: what convinces someone who knows genesis, or one final checkpoint, that a block is final.
//!
//! No clock, no disk, no network. Where stake can be withdrawn, a trusted checkpoint must be younger than the unbonding
//! delay: older keys may have been sold. The caller sees to that.

use super::{FinalityProof, InvalidProof, VerifiedFinality};
use crate::election::Priorities;
use crate::messages::{Checkpoint, CheckpointRef};
use crate::signing::SigningContext;
use crate::types::{BlockRef, Electorate, Era, Height, InvalidSet, Sequencer, SequencerSet};
use alloy_consensus::Header;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// The most headers between a block and the final one above it.
pub const MAX_HEADERS: usize = 1024;

/// The most set changes in one proof.
pub const MAX_CHANGES: usize = 4096;

/// The end of an era: the finality proof of its closing checkpoint and the set that it names (R13).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetChange {
    /// Finality of a checkpoint with a next set root.
    pub proof: FinalityProof,
    /// The members of the next set.
    pub members: Vec<Sequencer>,
    /// The priorities that they begin with.
    pub priorities: Priorities,
}

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

/// What a light client knows to begin with.
#[derive(Clone, Debug)]
pub struct Trusted {
    electorate: Electorate,
    /// Nothing below is accepted: it would be older than what is trusted.
    checkpoint: CheckpointRef,
    block: BlockRef,
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
    /// A set change whose checkpoint does not close its era.
    #[error("the checkpoint that should end era {0} names no next set")]
    NotClosing(Era),
    /// A set change brings another set than its checkpoint names.
    #[error("the members and priorities of era {0} are not those that the checkpoint before it names")]
    SetRoot(Era),
    /// A set change brings what is no set.
    #[error("the set of era {era}: {error}")]
    Set {
        /// Whose.
        era: Era,
        /// Why.
        error: InvalidSet,
    },
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
        let block = BlockRef { height: Height(0), hash: context.genesis_hash };
        let checkpoint = CheckpointRef::genesis(context.genesis_hash);
        Self { electorate: Electorate::genesis(context, set), checkpoint, block }
    }

    /// Trust in a final checkpoint, which names the set beside it.
    ///
    /// # Errors
    /// [`NotConvinced::TrustedSet`] if it names another one.
    pub fn checkpoint(
        context: SigningContext,
        checkpoint: &Checkpoint,
        set: Arc<SequencerSet>,
        priorities: &Priorities,
    ) -> Result<Self, NotConvinced> {
        let electorate = Electorate::new(context, checkpoint.era, set, priorities);
        if electorate.set_root != checkpoint.set_root || !priorities.are_of(&electorate.set) {
            return Err(NotConvinced::TrustedSet);
        }
        Ok(Self { electorate, checkpoint: checkpoint.reference(), block: checkpoint.head })
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

    /// [`Self::verify`], and that the headers lead from a block to the final one. Returns the block.
    ///
    /// # Errors
    /// [`NotConvinced`] names the first thing that is wrong.
    pub fn verify_block(&self, proof: &BlockProof) -> Result<(BlockRef, VerifiedFinality), NotConvinced> {
        let BlockProof { changes, finality, headers } = proof;
        if headers.is_empty() || headers.len() > MAX_HEADERS {
            return Err(NotConvinced::Size);
        }
        let (finality, path) = self.follow(changes, finality)?;
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
        Ok((block, finality))
    }

    /// Checks everything but headers. With the blocks that were trusted on the way.
    fn follow(
        &self,
        changes: &[SetChange],
        proof: &FinalityProof,
    ) -> Result<(VerifiedFinality, Vec<BlockRef>), NotConvinced> {
        if changes.len() > MAX_CHANGES {
            return Err(NotConvinced::Size);
        }
        let mut trusted = self.clone();
        let mut path = vec![trusted.block];
        for change in changes {
            trusted = trusted.after(change)?;
            path.push(trusted.block);
        }
        Ok((trusted.check(proof, || "the finality proof".to_owned())?, path))
    }

    /// What is trusted once an era has ended.
    fn after(&self, change: &SetChange) -> Result<Self, NotConvinced> {
        let SetChange { proof, members, priorities } = change;
        let era = self.electorate.era;
        let next = Era(era.0.saturating_add(1));
        let closing = self.check(proof, || format!("the end of era {era}"))?;
        let root = closing.checkpoint().next_set_root.ok_or(NotConvinced::NotClosing(era))?;
        let set = SequencerSet::new(members.clone()).map_err(|error| NotConvinced::Set { era: next, error })?;
        let electorate = Electorate::new(self.electorate.context, next, Arc::new(set), priorities);
        if electorate.set_root != root || !priorities.are_of(&electorate.set) {
            return Err(NotConvinced::SetRoot(next));
        }
        Ok(Self { electorate, checkpoint: closing.checkpoint().reference(), block: closing.block() })
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

#[cfg(test)]
mod tests;
