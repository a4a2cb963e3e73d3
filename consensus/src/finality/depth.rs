//! The depth rules of finality: a block is final once blocks by enough distinct producers stand on it, itself counted.
//!
//! A producer stands on every block up to its own newest one. So the final height is found from each producer's newest
//! height alone, without walking the chain. Both rules hold while a majority is honest *and* producers do not equivocate.

use crate::parameters::FinalityRule;
use crate::types::{Height, SequencerSet, Stake};
use alloy_primitives::Address;
use std::collections::BTreeMap;

/// Tracks who stands on what.
#[derive(Clone, Debug)]
pub struct DepthFinality {
    rule: FinalityRule,
    newest: BTreeMap<Address, Height>,
    finalized: Height,
}

impl DepthFinality {
    /// Starts from what was final, with the producers of the blocks above it still to be [observed](Self::observe).
    #[must_use]
    pub const fn new(rule: FinalityRule, finalized: Height) -> Self {
        Self { rule, newest: BTreeMap::new(), finalized }
    }

    /// The newest final height.
    #[must_use]
    pub const fn finalized(&self) -> Height {
        self.finalized
    }

    /// Starts again from the producers of the blocks above the final one, lowest first: others were reverted.
    pub fn restart(&mut self, producers: impl IntoIterator<Item = (Address, Height)>) {
        self.newest = producers.into_iter().collect();
    }

    /// Takes the next block of the chain in and returns the newest final height. It never falls.
    pub fn observe(&mut self, set: &SequencerSet, producer: Address, height: Height) -> Height {
        self.newest.insert(producer, height);
        if let Some(height) = self.standing_height(set) {
            self.finalized = self.finalized.max(height);
        }
        self.finalized
    }

    /// The highest height on which enough producers stand.
    fn standing_height(&self, set: &SequencerSet) -> Option<Height> {
        let mut newest: Vec<_> =
            self.newest.iter().filter_map(|(address, height)| Some((*height, set.get(*address)?.weight))).collect();
        newest.sort_unstable_by(|one, other| other.cmp(one));
        match self.rule {
            FinalityRule::Quorum => None,
            FinalityRule::DepthCount => newest.get(set.len() / 2).map(|(height, _)| *height),
            FinalityRule::DepthStake => {
                let mut sum = Stake::default();
                newest.into_iter().find_map(|(height, weight)| {
                    sum = sum.checked_add(weight)?;
                    sum.is_majority_of(set.total()).then_some(height)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{address, set_of};
    use proptest::prelude::*;

    #[test]
    fn three_of_four_producers_make_final() {
        let set = set_of(&[1, 1, 1, 1]);
        let mut depth = DepthFinality::new(FinalityRule::DepthCount, Height(0));
        assert_eq!(depth.observe(&set, address(1), Height(1)), Height(0));
        assert_eq!(depth.observe(&set, address(2), Height(2)), Height(0));
        assert_eq!(depth.observe(&set, address(3), Height(3)), Height(1));
        assert_eq!(depth.observe(&set, address(1), Height(4)), Height(2));
    }

    #[test]
    fn more_than_half_of_the_stake_makes_final() {
        let set = set_of(&[5, 3, 2]);
        let mut depth = DepthFinality::new(FinalityRule::DepthStake, Height(0));
        assert_eq!(depth.observe(&set, address(1), Height(1)), Height(0), "half is not more than half");
        assert_eq!(depth.observe(&set, address(3), Height(2)), Height(1));
    }

    proptest! {
        /// The rule, told as the design tells it: walk up from a block and count who produced.
        #[test]
        fn agrees_with_a_walk_along_the_chain(
            weights in prop::collection::vec(1u64..9, 1..7),
            producers in prop::collection::vec(0usize..7, 1..60),
            by_stake in any::<bool>(),
        ) {
            let rule = if by_stake { FinalityRule::DepthStake } else { FinalityRule::DepthCount };
            let set = set_of(&weights);
            let chain: Vec<_> = producers.iter().map(|index| set.members()[index % set.len()].clone()).collect();
            let mut depth = DepthFinality::new(rule, Height(0));
            for (index, member) in chain.iter().enumerate() {
                depth.observe(&set, member.address, Height(index as u64 + 1));
            }
            let is_final = |from: usize| {
                let standing: BTreeMap<_, _> = chain[from..].iter().map(|member| (member.address, member.weight)).collect();
                if by_stake {
                    let sum = standing.values().fold(Stake::default(), |sum, weight| sum.checked_add(*weight).unwrap());
                    sum.is_majority_of(set.total())
                } else {
                    standing.len() > set.len() / 2
                }
            };
            let walked = (0..chain.len()).rev().find(|from| is_final(*from)).map_or(0, |from| from as u64 + 1);
            prop_assert_eq!(depth.finalized(), Height(walked));
        }
    }
}
