//! Smooth weighted round-robin: who schedules the next term (R4) and who leads the next epoch (R8).
//!
//! Every turn adds each candidate's weight to its priority, picks the highest (ties to the lower address) and subtracts
//! the candidates' total from the one picked. Over many turns everyone is picked in proportion to its weight, evenly
//! spread. This is the proposer priority of CometBFT and the upstream balancer of nginx.

use crate::simulation::mutation::{self, Mutation};
use crate::types::{Sequencer, SequencerSet, Stake, Term};
use alloy_primitives::{Address, B256, FixedBytes, U512, aliases::I512, keccak256};
use alloy_rlp::{Encodable, RlpEncodable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every member's priority. Signed 512-bit: sums of 256-bit weights cannot overflow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Priorities(BTreeMap<Address, I512>);

impl Priorities {
    /// Where a chain begins: nobody is ahead.
    #[must_use]
    pub fn genesis(set: &SequencerSet) -> Self {
        Self(set.members().iter().map(|member| (member.address, I512::ZERO)).collect())
    }

    /// Carries priorities into a new set. Members that stay keep their order, scaled down where the set has become so much
    /// lighter that the wait for a turn would outlast the weights. A newcomer starts at −1.125 × the new total below the
    /// average of those that stay, so that leaving and coming back gains nothing, whoever came and went before. The sum is
    /// about zero again.
    #[must_use]
    pub fn carried_into(&self, set: &SequencerSet) -> Self {
        let total = signed(set.total());
        let stay = set.members().iter().filter_map(|member| Some((member.address, *self.0.get(&member.address)?)));
        let mut carried = Self(stay.collect());
        carried.scale(total + total);
        carried.centre();
        let newcomer = match mutation::breaks(Mutation::NewcomerUnpunished) {
            false => -(total + total / eight()),
            true => I512::ZERO,
        };
        for member in set.members() {
            carried.0.entry(member.address).or_insert(newcomer);
        }
        carried.centre();
        carried
    }

    /// Divides all by the same number, so that the highest and the lowest are at most about `spread` apart.
    fn scale(&mut self, spread: I512) {
        let (Some(lowest), Some(highest)) = (self.0.values().min(), self.0.values().max()) else { return };
        let apart = *highest - *lowest;
        if apart > spread {
            let ratio = (apart + spread - I512::ONE) / spread;
            self.0.values_mut().for_each(|priority| *priority /= ratio);
        }
    }

    /// Shifts all by the same number, so that their average is about zero.
    fn centre(&mut self) {
        let count = I512::from_raw(U512::from(self.0.len().max(1)));
        let average = self.0.values().fold(I512::ZERO, |sum, priority| sum + *priority).div_euclid(count);
        self.0.values_mut().for_each(|priority| *priority -= average);
    }

    /// Takes a turn among the members that `is_candidate` admits; nobody's turn if it admits none.
    pub fn take_turn(&mut self, set: &SequencerSet, is_candidate: impl Fn(Address) -> bool) -> Option<Address> {
        let mut total = I512::ZERO;
        let mut best: Option<(Address, I512)> = None;
        for member in set.members().iter().filter(|member| is_candidate(member.address)) {
            let weight = signed(member.weight);
            total += weight;
            let priority = self.0.entry(member.address).or_default();
            *priority += weight;
            // Members come in order of their addresses: only a strictly higher priority beats an earlier one.
            if best.is_none_or(|(_, highest)| *priority > highest) {
                best = Some((member.address, *priority));
            }
        }
        let (chosen, priority) = best?;
        self.0.insert(chosen, priority - total);
        Some(chosen)
    }

    /// Whether these are the priorities of exactly the members of this set, neither of fewer nor of others.
    #[must_use]
    pub fn are_of(&self, set: &SequencerSet) -> bool {
        self.0.keys().copied().eq(set.members().iter().map(|member| member.address))
    }

    /// How many members they are of.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether they are of nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What checkpoints name a set by: the keccak of the RLP list of its members, sorted by address, and of the priorities
    /// with which its era begins, 64 bytes each, two's complement, in the same order.
    #[must_use]
    pub fn set_root(&self, set: &SequencerSet) -> B256 {
        #[derive(RlpEncodable)]
        struct Canonical {
            members: Vec<Sequencer>,
            priorities: Vec<FixedBytes<64>>,
        }
        let members = set.members().to_vec();
        let priorities = members.iter().map(|member| to_bytes(self.get(member.address))).collect();
        keccak256(alloy_rlp::encode(Canonical { members, priorities }))
    }

    /// The RLP of every address and its priority, 64 bytes, in order of the addresses.
    pub(crate) fn encode_entries(&self, out: &mut Vec<u8>) {
        for (address, priority) in &self.0 {
            address.encode(out);
            to_bytes(*priority).encode(out);
        }
    }

    /// This member's priority; zero for a stranger.
    #[must_use]
    pub fn get(&self, address: Address) -> I512 {
        self.0.get(&address).copied().unwrap_or_default()
    }
}

/// The schedulers of an era's terms: one turn a term (R4). The same everywhere, whatever opened the terms.
#[derive(Clone, Debug)]
pub struct Election {
    opening: Priorities,
    /// The turns computed so far, with the priorities after each; old ones are dropped and computed again if wanted.
    turns: BTreeMap<Term, (Address, Priorities)>,
}

/// Turns that are kept in mind.
const TURNS_KEPT: usize = 64;

impl Election {
    /// The election of an era that begins with these priorities.
    #[must_use]
    pub const fn new(opening: Priorities) -> Self {
        Self { opening, turns: BTreeMap::new() }
    }

    /// The scheduler of a term, 1 or later, and the priorities after its election. The work is one turn for every term
    /// that was not asked for before: ask only for terms that a certificate proves, or that are past.
    pub fn turn(&mut self, set: &SequencerSet, term: Term) -> (Address, Priorities) {
        if let Some(turn) = self.turns.get(&term) {
            return turn.clone();
        }
        let before = self.turns.range(..term).next_back();
        let (mut at, mut priorities) = before
            .map_or_else(|| (Term(0), self.opening.clone()), |(term, (_, priorities))| (*term, priorities.clone()));
        loop {
            at = at.next();
            #[expect(clippy::expect_used, reason = "a set has at least one member, and every member is a candidate")]
            let scheduler = priorities.take_turn(set, |_| true).expect("a set is never empty");
            if at >= term {
                self.turns.insert(at, (scheduler, priorities.clone()));
                while self.turns.len() > TURNS_KEPT {
                    self.turns.pop_first();
                }
                return (scheduler, priorities);
            }
        }
    }
}

fn eight() -> I512 {
    I512::from_raw(U512::from(8))
}

fn signed(stake: Stake) -> I512 {
    I512::from_raw(U512::from(stake.0))
}

/// Two's complement, big endian, in order of the addresses.
impl Serialize for Priorities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries: Vec<_> = self.0.iter().map(|(address, value)| (*address, to_bytes(*value))).collect();
        entries.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Priorities {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<(Address, FixedBytes<64>)>::deserialize(deserializer)?;
        Ok(Self(entries.into_iter().map(|(address, bytes)| (address, from_bytes(&bytes))).collect()))
    }
}

fn to_bytes(value: I512) -> FixedBytes<64> {
    FixedBytes(value.into_raw().to_be_bytes())
}

fn from_bytes(bytes: &FixedBytes<64>) -> I512 {
    I512::from_raw(U512::from_be_bytes(bytes.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{address, set_of};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn signed(value: u64) -> I512 {
        I512::from_raw(U512::from(value))
    }

    fn sum(priorities: &Priorities) -> I512 {
        priorities.0.values().fold(I512::ZERO, |sum, priority| sum + *priority)
    }

    fn turns(weights: &[u64], count: usize) -> Vec<Address> {
        let set = set_of(weights);
        let mut priorities = Priorities::genesis(&set);
        (0..count).map(|_| priorities.take_turn(&set, |_| true).unwrap()).collect()
    }

    #[test]
    fn a_heavy_member_is_spread_evenly() {
        let (a, b, c) = (address(1), address(2), address(3));
        assert_eq!(turns(&[5, 1, 1], 7), [a, a, b, a, c, a, a]);
    }

    #[test]
    fn ties_go_to_the_lower_address() {
        let (a, b, c) = (address(1), address(2), address(3));
        assert_eq!(turns(&[1, 1, 1], 6), [a, b, c, a, b, c]);
    }

    #[test]
    fn nobody_is_chosen_where_nobody_stands() {
        let set = set_of(&[1, 2]);
        assert_eq!(Priorities::genesis(&set).take_turn(&set, |_| false), None);
    }

    #[test]
    fn the_schedulers_of_terms_follow_the_turns() {
        let set = set_of(&[5, 1, 1]);
        let mut election = Election::new(Priorities::genesis(&set));
        let turns = turns(&[5, 1, 1], 200);
        for term in [1u64, 2, 7, 3, 150, 149, 2, 200] {
            let expected = turns[usize::try_from(term - 1).unwrap()];
            assert_eq!(election.turn(&set, Term(term)).0, expected, "term {term}");
        }
    }

    #[test]
    fn a_newcomer_starts_behind_everyone() {
        let mut before = Priorities::genesis(&set_of(&[8, 8]));
        before.take_turn(&set_of(&[8, 8]), |_| true);
        let set = set_of(&[8, 8, 16]);
        let after = before.carried_into(&set);
        assert_eq!(after.get(address(1)) - after.get(address(2)), before.get(address(1)) - before.get(address(2)));
        // 36 below the two that average zero; then all are shifted up by a third of that.
        assert_eq!(after.get(address(3)), -signed(24));
        assert_eq!(sum(&after), I512::ZERO);
    }

    #[test]
    fn a_set_that_became_light_forgets_its_heavy_past() {
        let heavy = set_of(&[1 << 40, 1 << 41, 1 << 39]);
        let mut priorities = Priorities::genesis(&heavy);
        (0..5).for_each(|_| assert!(priorities.take_turn(&heavy, |_| true).is_some()));
        let light = set_of(&[1, 1, 1]);
        let mut carried = priorities.carried_into(&light);
        let first: BTreeSet<_> = (0..9).filter_map(|_| carried.take_turn(&light, |_| true)).collect();
        assert_eq!(first.len(), 3, "nobody waits for a turn of the past");
    }

    #[test]
    fn coming_and_going_gains_no_turns() {
        // A member leaves at every second change and comes back at the next one, when it has just had its turn.
        let (with, without) = (set_of(&[1, 1, 1, 1]), set_of(&[1, 1, 1]));
        let mut priorities = Priorities::genesis(&with);
        let (mut turns, mut cheated) = (0u32, 0u32);
        let mut inside = true;
        for _ in 0..400 {
            let set = if inside { &with } else { &without };
            let turn = priorities.take_turn(set, |_| true).unwrap();
            turns += 1;
            cheated += u32::from(turn == address(4));
            if inside == (turn == address(4)) {
                inside = !inside;
                priorities = priorities.carried_into(if inside { &with } else { &without });
            }
        }
        assert!(cheated * 4 <= turns, "{cheated} of {turns}");
        let largest = with.members().iter().map(|member| priorities.get(member.address).abs()).max().unwrap();
        assert!(largest <= signed(16), "they grow without bound: {largest}");
    }

    #[test]
    fn priorities_survive_the_codec() {
        let set = set_of(&[3, 1]);
        let mut priorities = Priorities::genesis(&set);
        priorities.take_turn(&set, |_| true);
        let bytes = crate::codec::encode(&priorities);
        assert_eq!(crate::codec::decode::<Priorities, 1024>(&bytes).unwrap(), priorities);
    }

    proptest! {
        #[test]
        fn turns_are_in_proportion_to_weight(weights in prop::collection::vec(1u64..50, 1..8)) {
            let total: u64 = weights.iter().sum();
            let turns = turns(&weights, usize::try_from(total).unwrap());
            for (index, weight) in weights.iter().enumerate() {
                let address = address(u8::try_from(index + 1).unwrap());
                let count = turns.iter().filter(|turn| **turn == address).count();
                prop_assert_eq!(u64::try_from(count).unwrap(), *weight);
            }
        }

        #[test]
        fn the_largest_weights_do_not_overflow(turns in 1usize..64) {
            let set = crate::testing::set_of_stakes(&[
                alloy_primitives::U256::MAX - alloy_primitives::U256::from(1),
                alloy_primitives::U256::from(1),
            ]);
            let mut priorities = Priorities::genesis(&set);
            for _ in 0..turns {
                prop_assert!(priorities.take_turn(&set, |_| true).is_some());
            }
            let sum = priorities.get(address(1)) + priorities.get(address(2));
            prop_assert_eq!(sum, I512::ZERO);
        }
    }
}
