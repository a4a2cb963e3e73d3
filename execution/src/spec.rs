//! What genesis fixes about execution, and the constants of the fork.

use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::Address;
use revm::{context::CfgEnv, primitives::hardfork::SpecId};

/// The fork that every block follows.
pub(crate) const FORK: SpecId = SpecId::OSAKA;

/// The most gas that one transaction may ask for (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;

/// The largest RLP encoding of a block, in bytes (EIP-7934: 10 MiB less a margin of 2 MiB).
pub const MAX_BLOCK_SIZE: usize = 8 * 1024 * 1024;

/// The smallest gas limit of a block.
pub const MIN_GAS_LIMIT: u64 = 5_000;

/// The longest `extra_data` of a block, in bytes.
pub const MAX_EXTRA_DATA_SIZE: usize = 32;

/// What genesis fixes about execution. Every node of a network holds the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainSpec {
    chain_id: u64,
    base_fee_params: BaseFeeParams,
    base_fee_recipient: Option<Address>,
}

/// Why a [`ChainSpec`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Chain id 0 would accept transactions signed for no chain.
    #[error("the chain id must not be 0")]
    ZeroChainId,
    /// A base fee change denominator of 0 has no meaning.
    #[error("the base fee change denominator must not be 0")]
    ZeroDenominator,
    /// The elasticity divides the gas limit and must leave a gas target.
    #[error("the elasticity multiplier must lie between 1 and {MIN_GAS_LIMIT}, not {0}")]
    Elasticity(u128),
}

impl ChainSpec {
    /// A chain's rules. `base_fee_recipient` earns the base fee, which is burnt when `None`.
    ///
    /// # Errors
    /// When the chain id is 0 or the base fee formula could divide by zero.
    pub fn new(
        chain_id: u64,
        base_fee_params: BaseFeeParams,
        base_fee_recipient: Option<Address>,
    ) -> Result<Self, SpecError> {
        if chain_id == 0 {
            return Err(SpecError::ZeroChainId);
        }
        if base_fee_params.max_change_denominator == 0 {
            return Err(SpecError::ZeroDenominator);
        }
        let elasticity = base_fee_params.elasticity_multiplier;
        if elasticity == 0 || elasticity > u128::from(MIN_GAS_LIMIT) {
            return Err(SpecError::Elasticity(elasticity));
        }
        Ok(Self { chain_id, base_fee_params, base_fee_recipient })
    }

    /// The chain id (EIP-155).
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The parameters of the base fee formula (EIP-1559).
    #[must_use]
    pub const fn base_fee_params(&self) -> BaseFeeParams {
        self.base_fee_params
    }

    /// Who earns the base fee; `None` when it is burnt.
    #[must_use]
    pub const fn base_fee_recipient(&self) -> Option<Address> {
        self.base_fee_recipient
    }

    /// The EVM's configuration for this chain.
    pub(crate) fn cfg(&self) -> CfgEnv {
        CfgEnv::new_with_spec(FORK).with_chain_id(self.chain_id)
    }
}
