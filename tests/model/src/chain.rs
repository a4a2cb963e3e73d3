//! Sealed chains, named by what they contain.

use std::fmt;

/// How many bits name a block within a chain.
const BITS: u8 = 3;

/// The terms that blocks can be sealed in.
const TERMS: u8 = 3;

/// Which of several blocks with one parent that one term seals. Honest schedulers need one, an equivocator has two.
pub const VARIANTS: u8 = 2;

/// A chain of sealed blocks from genesis, and its tip. As a hash does, it tells all that is below: two chains are equal if
/// and only if all their blocks are. Every block keeps the term of its seal.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chain(u16);

impl Chain {
    /// No block but genesis.
    pub const GENESIS: Self = Self(0);

    /// The greatest height that can be told.
    pub const MAX_HEIGHT: u8 = 5;

    /// The height of the tip; 0 for genesis.
    #[must_use]
    pub const fn height(self) -> u8 {
        (u16::BITS as u8 - self.0.leading_zeros() as u8).div_ceil(BITS)
    }

    /// The term in which the block at this height, from 1, was sealed; 0 for genesis and above the tip.
    #[must_use]
    pub const fn term_at(self, height: u8) -> u8 {
        match height.checked_sub(1) {
            Some(below) if height <= Self::MAX_HEIGHT => match (self.0 >> (below * BITS)) & 7 {
                0 => 0,
                name => ((name - 1) as u8) % TERMS + 1,
            },
            _ => 0,
        }
    }

    /// The term of the tip's seal; 0 for genesis.
    #[must_use]
    pub const fn term(self) -> u8 {
        self.term_at(self.height())
    }

    /// Which of the rivals with its parent and term the tip is; 0 for genesis.
    #[must_use]
    pub const fn variant(self) -> u8 {
        match self.height().checked_sub(1) {
            Some(below) => ((self.0 >> (below * BITS)) as u8 & 7).saturating_sub(1) / TERMS,
            None => 0,
        }
    }

    /// The chain with one more block. `term` is 1 to 3, `variant` below [`VARIANTS`], the height below [`Self::MAX_HEIGHT`].
    #[must_use]
    pub const fn with(self, term: u8, variant: u8) -> Self {
        Self(self.0 | ((term + TERMS * variant) as u16) << (self.height() * BITS))
    }

    /// The chain up to this height.
    #[must_use]
    pub const fn up_to(self, height: u8) -> Self {
        if height >= Self::MAX_HEIGHT { self } else { Self(self.0 & ((1 << (height * BITS)) - 1)) }
    }

    /// The chain without its tip; genesis for itself.
    #[must_use]
    pub const fn parent(self) -> Self {
        self.up_to(self.height().saturating_sub(1))
    }

    /// Whether the tip of `other` is on this chain.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.up_to(other.height()).0 == other.0
    }

    /// The part that both chains have.
    #[must_use]
    pub fn common(self, other: Self) -> Self {
        let shorter = self.height().min(other.height());
        (0..=shorter).rev().map(|height| self.up_to(height)).find(|part| other.contains(*part)).unwrap_or_default()
    }

    /// What orders branches (R7): the term of the tip's seal, then the height. The rest only breaks ties.
    #[must_use]
    pub const fn rank(self) -> (u8, u8, Self) {
        (self.term(), self.height(), self)
    }
}

impl fmt::Debug for Chain {
    /// The terms of the seals from height 1 on, the second of two rivals with a prime: `1 1' 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::GENESIS {
            return f.write_str("genesis");
        }
        for height in 1..=self.height() {
            let rival = (self.0 >> ((height - 1) * BITS)) & 7 > u16::from(TERMS);
            write!(f, "{}{}{}", if height > 1 { " " } else { "" }, self.term_at(height), if rival { "'" } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_tells_its_blocks() {
        let chain = Chain::GENESIS.with(1, 0).with(1, 1).with(3, 0).with(3, 1).with(3, 1);
        assert_eq!((chain.height(), chain.term(), chain.term_at(2), chain.term_at(3)), (5, 3, 1, 3));
        assert_eq!(format!("{chain:?}"), "1 1' 3 3' 3'");
        assert_eq!(chain.parent().height(), 4);
        assert_eq!((chain.term_at(0), chain.term_at(6), Chain::GENESIS.term()), (0, 0, 0));
    }

    #[test]
    fn branches_part_where_their_blocks_do() {
        let root = Chain::GENESIS.with(1, 0);
        let (one, other) = (root.with(1, 0), root.with(1, 1).with(2, 0));
        assert_eq!(one.common(other), root);
        assert!(other.contains(root) && !other.contains(one) && !root.contains(other));
        assert!(other.contains(Chain::GENESIS) && one.contains(one));
    }

    #[test]
    fn a_later_seal_outranks_a_higher_block() {
        let root = Chain::GENESIS;
        assert!(root.with(2, 0).rank() > root.with(1, 0).with(1, 0).rank());
        assert!(root.with(1, 0).with(1, 0).rank() > root.with(1, 1).rank());
    }
}
