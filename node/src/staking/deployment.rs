//! A new registry.

use crate::l1::{Call, ISequencerRegistry::Parameters, creation_code};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolValue;
use std::sync::LazyLock;

/// What forge made of the contract's source.
const ARTIFACT: &str = include_str!("../../../contracts/artifacts/SequencerRegistry.json");

/// The code that creates a registry.
static CREATION_CODE: LazyLock<Bytes> = LazyLock::new(|| creation_code(ARTIFACT));

/// What a registry is created with.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Who governs it.
    pub owner: Address,
    /// What is staked; none for L1's own token.
    pub token: Option<Address>,
    /// The L2's chain id.
    pub l2_chain_id: u64,
    /// The parameters to begin with.
    pub parameters: Parameters,
    /// From scheduling other parameters to their change, in seconds.
    pub timelock_delay: u64,
}

impl Deployment {
    /// The transaction that creates it.
    #[must_use]
    pub fn call(&self) -> Call {
        let Self { owner, token, l2_chain_id, parameters, timelock_delay } = self;
        let arguments =
            (*owner, token.unwrap_or_default(), *l2_chain_id, parameters.clone(), *timelock_delay).abi_encode_params();
        Call { to: TxKind::Create, data: [CREATION_CODE.as_ref(), &arguments].concat().into(), value: U256::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_registry_is_here() {
        assert!(CREATION_CODE.len() > 10_000, "{}", CREATION_CODE.len());
    }
}
