//! The reign of one sequencer set: what an era begins with (R13).

use crate::election::Priorities;
use crate::messages::{Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor};
use crate::signing::SigningContext;
use crate::types::{BlockRef, Electorate, Era, Height, InvalidSet, Sequencer, SequencerSet};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::RlpEncodable;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// What an era begins with. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reign {
    /// Who votes.
    pub electorate: Electorate,
    /// The priorities that its first election begins with (R4).
    pub priorities: Arc<Priorities>,
    /// The block that the era builds on: block 0, or the head of the closing checkpoint before it.
    pub base: BlockRef,
    /// The L1 block that the set comes from; zero where that is the genesis file.
    pub anchor: L1Anchor,
    /// What the era's first checkpoint builds on, and, by its hash, what its first announcement links to. It is the same
    /// for everyone, whichever of several finality proofs ended the era before.
    pub root: CheckpointRef,
}

/// The sequencer set as the registry on L1 tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrySet {
    /// The L1 block that changed the set to this one.
    pub anchor: L1Anchor,
    /// The members in any order, with their stakes.
    pub members: Vec<Sequencer>,
}

/// Why a set does not take over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSuccession {
    /// The checkpoint does not close its era.
    #[error("the checkpoint that should end era {0} names no next set")]
    NotClosing(Era),
    /// It is another set than the checkpoint names.
    #[error("the members and priorities of era {0} are not those that the checkpoint before it names")]
    SetRoot(Era),
    /// It is no set.
    #[error("the set of era {era}: {error}")]
    Set {
        /// Whose.
        era: Era,
        /// Why.
        error: InvalidSet,
    },
}

impl Reign {
    /// The first era of a chain.
    #[must_use]
    pub fn genesis(context: SigningContext, set: Arc<SequencerSet>, anchor: L1Anchor) -> Self {
        let priorities = Arc::new(Priorities::genesis(&set));
        Self {
            electorate: Electorate::new(context, Era(0), set, &priorities),
            priorities,
            base: BlockRef { height: Height(0), hash: context.genesis_hash },
            anchor,
            root: CheckpointRef::genesis(context.genesis_hash),
        }
    }

    /// The era that a checkpoint opens once it is final, with the members and priorities that are said to be those that it
    /// names.
    ///
    /// # Errors
    /// [`InvalidSuccession`] if they are not.
    pub fn after(
        context: SigningContext,
        closing: &Checkpoint,
        members: Vec<Sequencer>,
        priorities: Priorities,
    ) -> Result<Self, InvalidSuccession> {
        let era = closing.era.next();
        let set_root = closing.next_set_root.ok_or(InvalidSuccession::NotClosing(closing.era))?;
        let set = SequencerSet::new(members).map_err(|error| InvalidSuccession::Set { era, error })?;
        let electorate = Electorate::new(context, era, Arc::new(set), &priorities);
        // The root binds the priorities of members. Those of others would be carried over once they join.
        if electorate.set_root != set_root || !priorities.are_of(&electorate.set) {
            return Err(InvalidSuccession::SetRoot(era));
        }
        let Checkpoint { head: base, state_root, anchor, .. } = *closing;
        let hash = keccak256(alloy_rlp::encode(Succession { era, base, state_root, anchor, set_root }));
        let root = CheckpointRef { position: CheckpointPosition::root(era), hash };
        Ok(Self { electorate, priorities: Arc::new(priorities), base, anchor, root })
    }

    /// The era.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.electorate.era
    }
}

/// What all proofs of an era's end have in common.
#[derive(RlpEncodable)]
struct Succession {
    era: Era,
    base: BlockRef,
    state_root: B256,
    anchor: L1Anchor,
    set_root: B256,
}

#[cfg(test)]
mod tests;
