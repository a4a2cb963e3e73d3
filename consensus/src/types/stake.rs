//! Voting weight and the two thresholds that the protocol knows.

use crate::simulation::mutation::{self, Mutation};
use alloy_primitives::{U256, U512};
use alloy_rlp::{RlpDecodableWrapper, RlpEncodableWrapper};
use serde::{Deserialize, Serialize};
use std::{fmt, iter::Sum};

/// A weight in the smallest unit of stake (wei for a native token). Full 256 bits: nothing is truncated.
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
    RlpEncodableWrapper,
    RlpDecodableWrapper,
)]
#[serde(transparent)]
pub struct Stake(pub U256);

impl Stake {
    /// The weight of everyone where producers are counted, not weighed.
    pub const ONE: Self = Self(U256::ONE);

    /// The sum, or nothing if it needs more than 256 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Whether this weight is a quorum of `total`: `3 * self > 2 * total`, without overflow.
    #[must_use]
    pub fn is_quorum_of(self, total: Self) -> bool {
        if mutation::breaks(Mutation::QuorumOfHalf) {
            return self.is_majority_of(total);
        }
        times(self, 3) > times(total, 2)
    }

    /// Whether this weight is more than a third of `total`: `3 * self > total`, without overflow.
    #[must_use]
    pub fn is_third_of(self, total: Self) -> bool {
        times(self, 3) > times(total, 1)
    }

    /// Whether this weight is more than half of `total`: `2 * self > total`, without overflow.
    #[must_use]
    pub fn is_majority_of(self, total: Self) -> bool {
        times(self, 2) > times(total, 1)
    }
}

/// Weights of members of one set: their sum fits, as that of the whole set does. What would not fit is left out.
impl Sum for Stake {
    fn sum<I: Iterator<Item = Self>>(weights: I) -> Self {
        weights.fold(Self::default(), |sum, weight| sum.checked_add(weight).unwrap_or(sum))
    }
}

fn times(stake: Stake, factor: u64) -> U512 {
    U512::from(stake.0) * U512::from(factor)
}

impl fmt::Display for Stake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(value: u64) -> Stake {
        Stake(U256::from(value))
    }

    #[test]
    fn thresholds_are_strict() {
        assert!(!stake(2).is_quorum_of(stake(3)));
        assert!(stake(3).is_quorum_of(stake(4)));
        assert!(!stake(1).is_third_of(stake(3)));
        assert!(stake(2).is_third_of(stake(4)));
        assert!(!stake(2).is_majority_of(stake(4)));
        assert!(stake(3).is_majority_of(stake(4)));
    }

    #[test]
    fn thresholds_do_not_wrap_near_the_limit() {
        let total = Stake(U256::MAX);
        assert!(total.is_quorum_of(total));
        assert!(!Stake(U256::MAX / U256::from(3)).is_third_of(total));
        assert!(Stake(U256::MAX / U256::from(3) + U256::ONE).is_third_of(total));
        assert!(total.checked_add(Stake::ONE).is_none());
    }
}
