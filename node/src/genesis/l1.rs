//! The section `l1`: the registry on L1 that says who the sequencers are after era 0.

use super::{GenesisError, number::Number};
use alloy_primitives::{Address, B256};
use alloy_rlp::RlpEncodable;
use baton_consensus::messages::L1Anchor;
use serde::{Deserialize, Serialize};

/// The most confirmations that a genesis may ask for; on Ethereum, more than three hours.
const MAX_CONFIRMATIONS: u64 = 1024;

/// Where the sequencer set comes from after era 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable)]
pub struct L1Genesis {
    /// L1's EIP-155 chain id.
    pub chain_id: u64,
    /// The contract `SequencerRegistry`.
    pub registry: Address,
    /// The L1 block whose set is that of era 0.
    pub anchor: L1Anchor,
    /// How many blocks must stand on an L1 block before its set may become an era's; 0 takes L1's newest.
    pub confirmations: u64,
}

impl L1Genesis {
    pub(super) fn check(&self) -> Result<(), GenesisError> {
        let Self { chain_id, registry, anchor, confirmations } = self;
        if *chain_id == 0 {
            return Err(GenesisError::field("l1.chainId", "0 is no chain"));
        }
        if registry.is_zero() {
            return Err(GenesisError::field("l1.registry", "the zero address is no registry"));
        }
        if anchor.hash.is_zero() {
            return Err(GenesisError::field("l1.anchor.hash", "zero is no block's hash"));
        }
        if *confirmations > MAX_CONFIRMATIONS {
            return Err(GenesisError::field(
                "l1.confirmations",
                format_args!("{confirmations} are too many; at most {MAX_CONFIRMATIONS} are possible"),
            ));
        }
        Ok(())
    }
}

/// The JSON form of [`L1Genesis`].
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Section {
    chain_id: u64,
    registry: Address,
    anchor: Anchor,
    confirmations: u64,
}

/// The JSON form of [`L1Anchor`].
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Anchor {
    number: Number,
    hash: B256,
}

impl Section {
    pub(super) fn read(self) -> Result<L1Genesis, GenesisError> {
        let Self { chain_id, registry, anchor: Anchor { number, hash }, confirmations } = self;
        let anchor = L1Anchor { number: number.to_u64("l1.anchor.number")?, hash };
        Ok(L1Genesis { chain_id, registry, anchor, confirmations })
    }
}

impl From<L1Genesis> for Section {
    fn from(l1: L1Genesis) -> Self {
        let L1Genesis { chain_id, registry, anchor: L1Anchor { number, hash }, confirmations } = l1;
        Self { chain_id, registry, anchor: Anchor { number: number.into(), hash }, confirmations }
    }
}
