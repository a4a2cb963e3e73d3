//! A new verifier.

use crate::{
    genesis::Genesis,
    l1::{Call, creation_code},
};
use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolValue;
use std::sync::LazyLock;

/// What forge made of the contract's source.
const ARTIFACT: &str = include_str!("../../../contracts/artifacts/CheckpointVerifier.json");

/// The code that creates a verifier.
static CREATION_CODE: LazyLock<Bytes> = LazyLock::new(|| creation_code(ARTIFACT));

/// The transaction that creates the verifier of a chain, which trusts the set of its genesis file to begin with.
#[must_use]
pub fn deployment(genesis: &Genesis) -> Call {
    let arguments = (genesis.chain_id(), genesis.hash, genesis.reign().electorate.set_root).abi_encode_params();
    Call { to: TxKind::Create, data: [CREATION_CODE.as_ref(), &arguments].concat().into(), value: U256::ZERO }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_verifier_is_here() {
        assert!(CREATION_CODE.len() > 5_000, "{}", CREATION_CODE.len());
    }
}
