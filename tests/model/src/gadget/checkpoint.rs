//! What is put to the vote (R10).

use crate::chain::Chain;
use std::fmt;

/// Where a checkpoint stands: its term, and its round within the term (R1, R2).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The term, from 1; 0 for genesis.
    pub term: u8,
    /// The round, from 1; 0 for genesis.
    pub round: u8,
}

impl Position {
    /// Below every checkpoint.
    pub const GENESIS: Self = Self { term: 0, round: 0 };

    /// Whether this is the round right after the other, in the same term (R12).
    #[must_use]
    pub const fn follows(self, other: Self) -> bool {
        self.term == other.term && self.round == other.round + 1
    }
}

impl fmt::Debug for Position {
    /// `term.round`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.round)
    }
}

/// What of a checkpoint's quorum certificate the rules ask for. There is at most one certificate for a position, so these are
/// its name as well. Genesis needs none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Certified {
    /// Where the checkpoint stands.
    pub position: Position,
    /// Its head.
    pub head: Chain,
}

impl Certified {
    /// What everybody holds from the beginning.
    pub const GENESIS: Self = Self { position: Position::GENESIS, head: Chain::GENESIS };
}

impl fmt::Debug for Certified {
    /// `term.round [head]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} [{:?}]", self.position, self.head)
    }
}

/// A checkpoint: its position, its head, and the parent, whose certificate comes with it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checkpoint {
    /// Where it stands.
    pub position: Position,
    /// The block that it wants to be final, with all below.
    pub head: Chain,
    /// The checkpoint that it stands on.
    pub parent: Certified,
}

impl Checkpoint {
    /// What its certificate certifies.
    #[must_use]
    pub const fn certified(self) -> Certified {
        Certified { position: self.position, head: self.head }
    }
}

impl fmt::Debug for Checkpoint {
    /// `term.round [head] on term.round [head]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} on {:?}", self.certified(), self.parent)
    }
}
