//! What can be said about a transaction without the state, and why one may not be executed.

use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_primitives::{Address, U256};
use rayon::prelude::*;
use revm::{context::result::InvalidTransaction, context_interface::Cfg, handler::validation};

use crate::{ChainSpec, MAX_TRANSACTION_GAS, RecoveredTransaction, Transaction, evm::transaction_env, spec::FORK};

/// The largest initcode, in bytes (EIP-3860).
const MAX_INITCODE_SIZE: usize = 49_152;

/// From how many transactions on recovery is shared among threads.
const PARALLEL: usize = 4;

/// Why a transaction cannot be executed. One verdict for the pool, the builder and the checker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Blob transactions are not part of this chain.
    #[error("blob transactions (EIP-4844) are not supported on this chain")]
    Blob,
    /// The transaction names no chain and could be replayed on any (EIP-155).
    #[error("the transaction names no chain id; sign it with replay protection (EIP-155)")]
    MissingChainId,
    /// The transaction is signed for another chain.
    #[error("the transaction is for chain {found}, this is chain {expected}")]
    WrongChainId {
        /// This chain.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// The signature is not valid, or malleable (EIP-2).
    #[error("the signature is not valid")]
    Signature,
    /// The nonce was used before.
    #[error("nonce too low: the transaction has {transaction}, the account is at {account}")]
    NonceTooLow {
        /// The transaction's nonce.
        transaction: u64,
        /// The account's next nonce.
        account: u64,
    },
    /// Earlier transactions of the sender are missing.
    #[error("nonce too high: the transaction has {transaction}, the account is at {account}")]
    NonceTooHigh {
        /// The transaction's nonce.
        transaction: u64,
        /// The account's next nonce.
        account: u64,
    },
    /// The nonce is the largest number there is (EIP-2681).
    #[error("the nonce is at its maximum")]
    NonceOverflow,
    /// The sender cannot pay value and gas.
    #[error(
        "insufficient funds for gas * price + value: the sender has {balance} wei, the transaction may cost {cost}"
    )]
    InsufficientFunds {
        /// The most that the transaction may cost, in wei.
        cost: U256,
        /// What the sender has, in wei.
        balance: U256,
    },
    /// The most that the transaction may cost is no 256-bit number.
    #[error("gas * price + value overflows")]
    CostOverflow,
    /// The fee cap is below the block's base fee.
    #[error("max fee per gas is less than the block's base fee")]
    FeeBelowBaseFee,
    /// The priority fee is above the fee cap.
    #[error("max priority fee per gas is higher than max fee per gas")]
    TipAboveFeeCap,
    /// The gas limit does not pay for the transaction's own bytes (EIP-7623 included).
    #[error("intrinsic gas too low: the transaction needs {required} gas, its limit is {limit}")]
    IntrinsicGas {
        /// The least gas limit.
        required: u64,
        /// The transaction's gas limit.
        limit: u64,
    },
    /// The gas limit is above the cap of EIP-7825.
    #[error("the gas limit {limit} is above the cap of {cap} for one transaction")]
    GasAboveCap {
        /// The cap.
        cap: u64,
        /// The transaction's gas limit.
        limit: u64,
    },
    /// The gas limit is above what is left in this block.
    #[error("the gas limit {limit} does not fit the {left} gas left in the block")]
    DoesNotFit {
        /// The transaction's gas limit.
        limit: u64,
        /// The gas left in the block.
        left: u64,
    },
    /// The transaction's bytes do not fit this block.
    #[error("the transaction of {size} bytes does not fit the {left} bytes left in the block")]
    DoesNotFitSize {
        /// The transaction's size, in bytes.
        size: usize,
        /// The bytes left in the block.
        left: usize,
    },
    /// The initcode is too large (EIP-3860).
    #[error("the initcode is larger than {MAX_INITCODE_SIZE} bytes")]
    InitcodeTooLarge,
    /// An EIP-7702 transaction authorizes nothing.
    #[error("the authorization list is empty")]
    EmptyAuthorizationList,
    /// The sender is a contract (EIP-3607).
    #[error("the sender has code that is no delegation")]
    SenderHasCode,
    /// Any other rule of the EVM.
    #[error("{0}")]
    Other(String),
}

impl TransactionError {
    /// Whether no later block can make the transaction executable, so that a pool should drop it.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::NonceTooHigh { .. }
            | Self::InsufficientFunds { .. }
            | Self::FeeBelowBaseFee
            | Self::DoesNotFit { .. }
            | Self::DoesNotFitSize { .. } => false,
            Self::Blob
            | Self::MissingChainId
            | Self::WrongChainId { .. }
            | Self::Signature
            | Self::NonceTooLow { .. }
            | Self::NonceOverflow
            | Self::CostOverflow
            | Self::TipAboveFeeCap
            | Self::IntrinsicGas { .. }
            | Self::GasAboveCap { .. }
            | Self::InitcodeTooLarge
            | Self::EmptyAuthorizationList
            | Self::SenderHasCode
            | Self::Other(_) => true,
        }
    }
}

impl From<InvalidTransaction> for TransactionError {
    fn from(error: InvalidTransaction) -> Self {
        use InvalidTransaction as Invalid;
        match error {
            Invalid::PriorityFeeGreaterThanMaxFee => Self::TipAboveFeeCap,
            Invalid::GasPriceLessThanBasefee => Self::FeeBelowBaseFee,
            Invalid::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                Self::IntrinsicGas { required: initial_gas, limit: gas_limit }
            }
            Invalid::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                Self::IntrinsicGas { required: gas_floor, limit: gas_limit }
            }
            Invalid::RejectCallerWithCode => Self::SenderHasCode,
            Invalid::LackOfFundForMaxFee { fee, balance } => Self::InsufficientFunds { cost: *fee, balance: *balance },
            Invalid::OverflowPaymentInTransaction => Self::CostOverflow,
            Invalid::NonceOverflowInTransaction => Self::NonceOverflow,
            Invalid::NonceTooHigh { tx, state } => Self::NonceTooHigh { transaction: tx, account: state },
            Invalid::NonceTooLow { tx, state } => Self::NonceTooLow { transaction: tx, account: state },
            Invalid::CreateInitCodeSizeLimit => Self::InitcodeTooLarge,
            Invalid::MissingChainId => Self::MissingChainId,
            Invalid::TxGasLimitGreaterThanCap { gas_limit, cap } => Self::GasAboveCap { cap, limit: gas_limit },
            Invalid::EmptyAuthorizationList => Self::EmptyAuthorizationList,
            Invalid::Eip4844NotSupported => Self::Blob,
            other => Self::Other(other.to_string()),
        }
    }
}

/// Whether a transaction is of a kind that this chain takes, and signed for it.
pub(crate) fn check_kind(spec: &ChainSpec, transaction: &Transaction) -> Result<(), TransactionError> {
    if transaction.is_eip4844() {
        return Err(TransactionError::Blob);
    }
    match transaction.chain_id() {
        None => Err(TransactionError::MissingChainId),
        Some(found) if found != spec.chain_id() => {
            Err(TransactionError::WrongChainId { expected: spec.chain_id(), found })
        }
        Some(_) => Ok(()),
    }
}

/// Checks everything about a transaction that the state has no part in, its signature excepted ([`recover_signer`]).
///
/// # Errors
/// The first rule that it breaks; all of them are permanent.
pub fn validate_stateless(spec: &ChainSpec, transaction: &Transaction) -> Result<(), TransactionError> {
    check_kind(spec, transaction)?;
    let limit = transaction.gas_limit();
    if limit > MAX_TRANSACTION_GAS {
        return Err(TransactionError::GasAboveCap { cap: MAX_TRANSACTION_GAS, limit });
    }
    if transaction.nonce() == u64::MAX {
        return Err(TransactionError::NonceOverflow);
    }
    let fee_cap = transaction.max_fee_per_gas();
    if transaction.max_priority_fee_per_gas().is_some_and(|tip| tip > fee_cap) {
        return Err(TransactionError::TipAboveFeeCap);
    }
    let gas_cost = U256::from(limit) * U256::from(fee_cap);
    if gas_cost.checked_add(transaction.value()).is_none() || u128::try_from(gas_cost).is_err() {
        return Err(TransactionError::CostOverflow);
    }
    if transaction.is_create() && transaction.input().len() > MAX_INITCODE_SIZE {
        return Err(TransactionError::InitcodeTooLarge);
    }
    if transaction.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(TransactionError::EmptyAuthorizationList);
    }
    let cfg = spec.cfg();
    let env = transaction_env(transaction, Address::ZERO);
    validation::validate_initial_tx_gas_with_gas_params(
        &env,
        FORK,
        cfg.gas_params(),
        false,
        false,
        MAX_TRANSACTION_GAS,
        None,
    )?;
    Ok(())
}

/// Recovers a transaction's sender from its signature. A malleable signature is refused (EIP-2).
///
/// # Errors
/// [`TransactionError::Signature`] when the signature is of no key.
pub fn recover_signer(transaction: &Transaction) -> Result<Address, TransactionError> {
    transaction.recover_signer().map_err(|_| TransactionError::Signature)
}

/// Recovers the senders of many transactions, in parallel, in order.
#[must_use]
pub fn recover_signers(transactions: Vec<Transaction>) -> Vec<Result<RecoveredTransaction, TransactionError>> {
    transactions
        .into_par_iter()
        .with_min_len(PARALLEL)
        .map(|transaction| {
            let sender = recover_signer(&transaction)?;
            Ok(RecoveredTransaction::new_unchecked(transaction, sender))
        })
        .collect()
}
