//! The chain's rules, as execution checks them.

use super::{error::PoolError, ports::Rules};
use alloy_consensus::Transaction as _;
use baton_execution::{ChainSpec, Transaction, TransactionError, validate_stateless};

/// The rules of a chain, and the gas limit that its blocks aim at.
#[derive(Clone, Copy, Debug)]
pub struct ChainRules {
    spec: ChainSpec,
    block_gas_limit: u64,
}

impl ChainRules {
    /// The rules of `spec`; what needs more gas than `block_gas_limit` is refused.
    #[must_use]
    pub const fn new(spec: ChainSpec, block_gas_limit: u64) -> Self {
        Self { spec, block_gas_limit }
    }
}

impl Rules for ChainRules {
    fn check(&self, transaction: &Transaction) -> Result<(), PoolError> {
        validate_stateless(&self.spec, transaction)?;
        let (have, limit) = (transaction.gas_limit(), self.block_gas_limit);
        if have > limit { Err(PoolError::ExceedsBlockGasLimit { have, limit }) } else { Ok(()) }
    }
}

impl From<TransactionError> for PoolError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Blob => Self::TypeNotSupported,
            TransactionError::MissingChainId => Self::NotReplayProtected,
            TransactionError::WrongChainId { expected, found } => Self::ChainId { have: found, want: expected },
            TransactionError::Signature => Self::InvalidSignature,
            TransactionError::NonceTooLow { transaction, account } => {
                Self::NonceTooLow { next: account, nonce: transaction }
            }
            TransactionError::TipAboveFeeCap => Self::TipAboveFeeCap,
            TransactionError::IntrinsicGas { required, limit } => Self::IntrinsicGas { have: limit, want: required },
            other => Self::BreaksRule(other.to_string()),
        }
    }
}
