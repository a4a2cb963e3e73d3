//! What is left of a state: the parts of the account trie that are not there yet. It rests on disk beside the state.

use alloy_primitives::{B256, U256};
use baton_consensus::codec::{self, CodecError};
use serde::{Deserialize, Serialize};

/// The most parts: as many are fetched at a time.
pub(super) const MOST_PARTS: usize = 16;

/// The largest encoded plan, as decoding counts it.
const LIMIT: usize = 4 << 10;

/// A stretch of hashed addresses, both ends included, whose accounts are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) next: B256,
    pub(super) last: B256,
}

/// The parts that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    parts: Vec<Part>,
}

impl Plan {
    /// Everything is missing.
    pub(super) fn whole() -> Self {
        Self { parts: vec![Part { next: B256::ZERO, last: B256::repeat_byte(0xff) }] }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode::<_, LIMIT>(bytes)
    }

    pub(super) fn parts(&self) -> Vec<Part> {
        self.parts.clone()
    }

    /// All accounts from `from`, where a part begins, up to `next` are there; up to the end if there is no next. The part may
    /// have been cut meanwhile.
    pub(super) fn advance(&mut self, from: B256, next: Option<B256>) {
        let Some(place) = self.parts.iter().position(|part| part.next == from) else { return };
        match next.filter(|next| *next <= self.parts[place].last) {
            Some(next) => self.parts[place].next = next,
            None => _ = self.parts.swap_remove(place),
        }
    }

    /// Cuts the largest parts in two until there are as many as can be fetched at a time, or none is worth it: less than
    /// `least` keys.
    pub(super) fn cut(&mut self, least: U256) {
        while self.parts.len() < MOST_PARTS {
            let Some(largest) = self.parts.iter_mut().max_by_key(|part| part.size()) else { return };
            if largest.size() <= least {
                return;
            }
            let middle = number(largest.next) + largest.size() / U256::from(2);
            let upper = Part { next: B256::from(middle + U256::from(1)), last: largest.last };
            largest.last = middle.into();
            self.parts.push(upper);
        }
    }

    /// How much is there, from 0 to 1.
    pub(super) fn share(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let left = |part: &Part| ((part.size() >> 192_usize).saturating_to::<u64>()) as f64 / u64::MAX as f64;
        (1.0 - self.parts.iter().map(left).sum::<f64>()).clamp(0.0, 1.0)
    }
}

impl Part {
    /// How many keys it has, without the last.
    pub(super) fn size(&self) -> U256 {
        number(self.last).saturating_sub(number(self.next))
    }
}

/// A hash as a number.
pub(super) fn number(hash: B256) -> U256 {
    U256::from_be_bytes(hash.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(high: u64) -> B256 {
        B256::from(U256::from(high) << 192)
    }

    proptest! {
        /// However it is cut and done, no key is forgotten and none is in two parts.
        #[test]
        fn parts_cover_what_is_missing(steps in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..60)) {
            let mut plan = Plan::whole();
            for (least, to) in steps {
                plan.cut(U256::from(least) << 190);
                prop_assert!(plan.parts().len() <= MOST_PARTS);
                prop_assert_eq!(&Plan::from_bytes(&plan.to_bytes()).unwrap(), &plan);
                let mut parts = plan.parts();
                parts.sort_by_key(|part| part.next);
                prop_assert!(parts.windows(2).all(|pair| pair[0].last < pair[1].next));
                let Some(part) = parts.into_iter().find(|part| part.last >= key(to)) else { continue };
                let share = plan.share();
                plan.advance(part.next, Some(key(to).max(part.next)));
                prop_assert!(plan.share() >= share);
            }
            for part in plan.parts() {
                plan.advance(part.next, None);
            }
            prop_assert_eq!(plan.share(), 1.0);
        }
    }

    #[test]
    fn a_cut_leaves_neighbours() {
        let mut plan = Plan::whole();
        plan.cut(number(key(1 << 61)));
        let mut parts = plan.parts();
        parts.sort_by_key(|part| part.next);
        assert_eq!((parts[0].next, parts.last().unwrap().last), (B256::ZERO, B256::repeat_byte(0xff)));
        assert!(parts.len() > 2);
        assert!(parts.windows(2).all(|pair| number(pair[0].last) + U256::from(1) == number(pair[1].next)));
    }
}
