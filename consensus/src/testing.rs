//! Small fixtures for this crate's unit tests.

use crate::keys::BlsPublicKey;
use crate::types::{Sequencer, SequencerSet, Stake};
use alloy_primitives::{Address, FixedBytes, U256};

/// The address `0x0101…`, `0x0202…` and so on: in order of their number.
pub(crate) fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

/// Members 1, 2, 3 … with these weights.
pub(crate) fn set_of(weights: &[u64]) -> SequencerSet {
    set_of_stakes(&weights.iter().copied().map(U256::from).collect::<Vec<_>>())
}

/// Members 1, 2, 3 … with these stakes.
pub(crate) fn set_of_stakes(stakes: &[U256]) -> SequencerSet {
    let member = |(index, stake): (usize, &U256)| {
        let number = u8::try_from(index + 1).unwrap();
        Sequencer {
            address: address(number),
            bls_public_key: BlsPublicKey(FixedBytes::repeat_byte(number)),
            weight: Stake(*stake),
            peer_id: String::new(),
        }
    };
    SequencerSet::new(stakes.iter().enumerate().map(member).collect()).unwrap()
}
