//! Where a stake puts an operator: the contract's ranking, the most stake first, of equals the lower address.

use super::Snapshot;
use alloy_primitives::{Address, U256};

/// Where an operator would stand with a stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the set.
    Member {
        /// Its place by stake, from 1.
        rank: usize,
        /// How many members the set has then.
        of: usize,
        /// Its share of the set's stake, in hundredths of a percent.
        share: u64,
        /// Who loses its seat to it.
        replaces: Option<Address>,
    },
    /// Below the least stake.
    BelowMinimum,
    /// The set is full of others with more.
    Outranked {
        /// The least stake that gets a seat from the last member: a little more than it has, or as much for a lower address.
        needed: U256,
    },
}

impl Standing {
    /// Where `operator` stands once it has `stake`, while nobody else changes.
    #[must_use]
    pub fn with(snapshot: &Snapshot, operator: Address, stake: U256) -> Self {
        if stake < snapshot.parameters.minimumStake {
            return Self::BelowMinimum;
        }
        let mut ranked: Vec<_> = snapshot
            .set
            .iter()
            .map(|member| (member.stake, member.operator))
            .filter(|(_, other)| *other != operator)
            .collect();
        let before = |one: &(U256, Address), other: &(U256, Address)| other.0.cmp(&one.0).then(one.1.cmp(&other.1));
        ranked.sort_by(before);
        let seats = usize::try_from(snapshot.parameters.maxMembers).unwrap_or(usize::MAX);
        let better = ranked.iter().filter(|other| before(other, &(stake, operator)).is_lt()).count();
        if better >= seats {
            let (last, address) = ranked[seats - 1];
            let needed = if operator < address { last } else { last.saturating_add(U256::from(1)) };
            return Self::Outranked { needed };
        }
        let replaces = ranked.get(seats - 1).map(|(_, address)| *address);
        ranked.insert(better, (stake, operator));
        ranked.truncate(seats);
        let total = ranked.iter().fold(U256::ZERO, |total, (stake, _)| total.saturating_add(*stake));
        let share = alloy_primitives::U512::from(stake) * alloy_primitives::U512::from(10_000)
            / alloy_primitives::U512::from(total.max(U256::from(1)));
        Self::Member { rank: better + 1, of: ranked.len(), share: share.saturating_to(), replaces }
    }

    /// The sentence that a person reads.
    #[must_use]
    pub fn tell(&self, snapshot: &Snapshot) -> String {
        let token = &snapshot.token;
        match self {
            Self::Member { rank, of, share, replaces } => {
                let replaced = replaces.map_or_else(String::new, |address| format!("; {address} loses its seat"));
                format!("in the set: rank {rank} of {of}, {}.{:02}% of the stake{replaced}", share / 100, share % 100)
            }
            Self::BelowMinimum => {
                format!("not in the set: the least stake is {}", token.format(snapshot.parameters.minimumStake))
            }
            Self::Outranked { needed } => format!(
                "not in the set: all {} seats are taken by more stake; {} would be enough today",
                snapshot.parameters.maxMembers,
                token.format(*needed)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        l1::{ISequencerRegistry, L1Block},
        staking::Token,
    };
    use alloy_primitives::B256;

    fn snapshot(seats: u32, stakes: &[(u8, u64)]) -> Snapshot {
        let member = |(address, stake): &(u8, u64)| ISequencerRegistry::Member {
            operator: Address::repeat_byte(*address),
            stake: U256::from(*stake),
            blsPublicKey: Default::default(),
            peerId: String::new(),
            multiaddr: String::new(),
        };
        Snapshot {
            at: L1Block { number: 1, hash: B256::ZERO, parent_hash: B256::ZERO, timestamp: 1 },
            parameters: ISequencerRegistry::Parameters {
                minimumStake: U256::from(10),
                maxMembers: seats,
                unbondingDelay: 1,
                rotationDelay: 1,
                slashBasisPoints: 1,
                rewardBasisPoints: 1,
            },
            token: Token { decimals: 0, ..Token::native() },
            l2_chain_id: 1,
            genesis_hash: B256::ZERO,
            set: stakes.iter().map(member).collect(),
        }
    }

    #[test]
    fn a_stake_ranks_as_the_contract_ranks_it() {
        let full = snapshot(3, &[(1, 30), (3, 20), (5, 10)]);
        let stand = |address, stake: u64| Standing::with(&full, Address::repeat_byte(address), U256::from(stake));
        assert_eq!(stand(9, 9), Standing::BelowMinimum);
        assert_eq!(stand(9, 10), Standing::Outranked { needed: U256::from(11) });
        assert_eq!(stand(4, 9), Standing::BelowMinimum);
        let replaces = Some(Address::repeat_byte(5));
        assert_eq!(stand(4, 10), Standing::Member { rank: 3, of: 3, share: 1_666, replaces });
        assert_eq!(stand(9, 20), Standing::Member { rank: 3, of: 3, share: 2_857, replaces });
        assert_eq!(stand(2, 20), Standing::Member { rank: 2, of: 3, share: 2_857, replaces });
        // A member that adds to its stake takes nobody's seat.
        assert_eq!(stand(5, 50), Standing::Member { rank: 1, of: 3, share: 5_000, replaces: None });
        let empty = snapshot(3, &[]);
        let alone = Standing::with(&empty, Address::ZERO, U256::MAX);
        assert_eq!(alone, Standing::Member { rank: 1, of: 1, share: 10_000, replaces: None });
        assert!(alone.tell(&empty).contains("rank 1 of 1, 100.00% of the stake"));
        assert!(stand(9, 10).tell(&full).contains("11 ETH would be enough"));
    }
}
