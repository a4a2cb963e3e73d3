//! Fixtures of this crate's unit tests: sets by number, committees with real keys, and a mesh of cores.

mod committee;
mod mesh;

pub(crate) use committee::{CONTEXT, Committee, subset};
pub(crate) use mesh::Mesh;

use crate::keys::BlsPublicKey;
use crate::types::{Sequencer, SequencerSet, Stake};
use alloy_primitives::{Address, FixedBytes, U256};
use std::cell::Cell;

thread_local! {
    static PAIRING_CHECKS: Cell<usize> = const { Cell::new(0) };
}

/// How many BLS signatures and aggregates this thread checked while it did `work`.
pub(crate) fn pairing_checks(work: impl FnOnce()) -> usize {
    let before = PAIRING_CHECKS.get();
    work();
    PAIRING_CHECKS.get() - before
}

/// A BLS signature or an aggregate is checked.
pub(crate) fn count_pairing_check() {
    PAIRING_CHECKS.set(PAIRING_CHECKS.get() + 1);
}

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
