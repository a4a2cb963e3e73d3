use crate::signing::Message;
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Era, Round, Term};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A sealed head that the scheduler puts to the vote (R10). Position: (era, term, round).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, RlpEncodable, RlpDecodable)]
#[rlp(trailing)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// Counts the checkpoints of the term, from 1.
    pub round: Round,
    /// The sealed block that is voted on.
    pub head: BlockRef,
    /// The state root of that block.
    pub state_root: B256,
    /// The checkpoint that this one builds on, whose certificate travels with it.
    pub parent: CheckpointRef,
    /// The set of the era: the keccak that [`Electorate`](crate::types::Electorate) has.
    pub set_root: B256,
    /// The L1 block that the set of the era comes from, zero where that is the genesis file; of a closing checkpoint, the L1
    /// block that the next set comes from.
    pub anchor: L1Anchor,
    /// The root of the next era's set; only closing checkpoints have one (R13).
    pub next_set_root: Option<B256>,
}

/// A block of L1.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    RlpEncodable,
    RlpDecodable,
)]
pub struct L1Anchor {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

/// Where a checkpoint stands (R1). Positions compare in this order.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    RlpEncodable,
    RlpDecodable,
)]
pub struct CheckpointPosition {
    /// The era.
    pub era: Era,
    /// The term; 0 for genesis.
    pub term: Term,
    /// The round; 0 for genesis.
    pub round: Round,
}

/// A checkpoint by position and hash. Genesis counts as one at position zero, by its block hash.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, RlpEncodable, RlpDecodable,
)]
pub struct CheckpointRef {
    /// Its position.
    pub position: CheckpointPosition,
    /// Its hash.
    pub hash: B256,
}

impl CheckpointPosition {
    /// Where an era begins: below all checkpoints of it, and above all of earlier eras. Nobody votes there.
    #[must_use]
    pub const fn root(era: Era) -> Self {
        Self { era, term: Term(0), round: Round(0) }
    }
}

impl CheckpointRef {
    /// What the first checkpoint of a chain builds on.
    #[must_use]
    pub fn genesis(hash: B256) -> Self {
        Self { position: CheckpointPosition::default(), hash }
    }
}

impl Checkpoint {
    /// What identifies a checkpoint: the keccak of its RLP.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(alloy_rlp::encode(self))
    }

    /// Whether it ends its era (R13).
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.next_set_root.is_some()
    }

    /// Whether, once it is certified, whatever builds on it repeats it (R13).
    pub(crate) fn binds_what_follows(&self) -> bool {
        self.is_closing() && !mutation::breaks(Mutation::ClosingNotRepeated)
    }

    /// Whether it says of the end of the era what `parent` says.
    #[must_use]
    pub fn repeats(&self, parent: &Self) -> bool {
        (self.head, self.state_root, self.anchor, self.next_set_root)
            == (parent.head, parent.state_root, parent.anchor, parent.next_set_root)
    }

    /// Where it stands.
    #[must_use]
    pub const fn position(&self) -> CheckpointPosition {
        CheckpointPosition { era: self.era, term: self.term, round: self.round }
    }

    /// Position and hash.
    #[must_use]
    pub fn reference(&self) -> CheckpointRef {
        CheckpointRef { position: self.position(), hash: self.hash() }
    }
}

impl Message for Checkpoint {
    const DOMAIN: &'static str = "baton/checkpoint/1";
}

impl fmt::Display for CheckpointPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.era, self.term, self.round)
    }
}

impl fmt::Display for CheckpointRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.position, self.hash)
    }
}
