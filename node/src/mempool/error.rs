//! Why a transaction is not in the pool, in the words that Ethereum tools look for.

use alloy_primitives::U256;
use thiserror::Error;

/// Why a transaction was refused. The messages are those of other Ethereum clients, because tools match on them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The bytes are no canonical EIP-2718 transaction.
    #[error("rlp: cannot decode the transaction: {0}")]
    Malformed(String),
    /// The signature has no signer, or is malleable (EIP-2).
    #[error("invalid sender: the signature cannot be recovered")]
    InvalidSignature,
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have}, want {want}")]
    ChainId {
        /// The transaction's chain id.
        have: u64,
        /// This chain's id.
        want: u64,
    },
    /// Signed for no chain (before EIP-155), so that it could be replayed on any.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    NotReplayProtected,
    /// A type that this chain does not execute, such as blobs (EIP-4844).
    #[error("transaction type not supported")]
    TypeNotSupported,
    /// The tip is above the fee cap (EIP-1559).
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The gas limit does not even cover what the transaction costs before execution.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// The transaction's gas limit.
        have: u64,
        /// What it takes at least.
        want: u64,
    },
    /// The gas limit does not fit into any block.
    #[error("exceeds block gas limit: have {have}, limit {limit}")]
    ExceedsBlockGasLimit {
        /// The transaction's gas limit.
        have: u64,
        /// The block's gas limit.
        limit: u64,
    },
    /// Another rule of the chain is broken (init code size, authorization list, nonce at its maximum, …).
    #[error("{0}")]
    BreaksRule(String),
    /// The encoding is too big.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Bytes of the encoding.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The pool, or a sealed block, has this very transaction.
    #[error("already known")]
    AlreadyKnown,
    /// The account is past this nonce.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's nonce.
        next: u64,
        /// The transaction's nonce.
        nonce: u64,
    },
    /// The nonce is too far ahead of what can be executed.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}, at most {gap} ahead")]
    NonceTooHigh {
        /// The first nonce that is missing.
        next: u64,
        /// The transaction's nonce.
        nonce: u64,
        /// How far ahead it may be.
        gap: u64,
    },
    /// The account cannot pay for it, or not together with its earlier transactions.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, queued cost {queued}")]
    InsufficientFunds {
        /// The account's balance, in wei.
        balance: U256,
        /// The most that the transaction can cost, in wei.
        cost: U256,
        /// The most that the account's earlier transactions in the pool can cost, in wei.
        queued: U256,
    },
    /// It would replace a transaction of the same nonce without paying 10 % more in both fees.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// It offers less than this node's minimum.
    #[error("transaction underpriced: tip needed {minimum}, tip permitted {tip}")]
    Underpriced {
        /// The tip offered, in wei per gas.
        tip: u128,
        /// This node's minimum, in wei per gas.
        minimum: u128,
    },
    /// The sender has as many transactions in the pool as one sender may.
    #[error("account limit exceeded: at most {0} transactions per sender")]
    SenderLimit(usize),
    /// The pool is full of transactions that pay at least as much.
    #[error("txpool is full")]
    Full,
    /// More transactions arrive than this node can check.
    #[error("the node is overloaded; try again")]
    Overloaded,
    /// The head state could not be read.
    #[error("cannot read the sender's account: {0}")]
    StateUnavailable(String),
    /// The transaction is in this node's pool and is gossiped, but no peer confirmed in time that it has it too.
    #[error("no peer acknowledged the transaction; it stays in this node's pool and is sent again")]
    NotAcknowledged,
    /// The node shuts down.
    #[error("the node is shutting down")]
    Closed,
}

impl PoolError {
    /// Whether the transaction is invalid on every node, whatever its state and limits: the fault of who sent it.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::InvalidSignature
            | Self::ChainId { .. }
            | Self::NotReplayProtected
            | Self::TypeNotSupported
            | Self::TipAboveFeeCap
            | Self::IntrinsicGas { .. }
            | Self::BreaksRule(_) => true,
            Self::ExceedsBlockGasLimit { .. }
            | Self::Oversized { .. }
            | Self::AlreadyKnown
            | Self::NonceTooLow { .. }
            | Self::NonceTooHigh { .. }
            | Self::InsufficientFunds { .. }
            | Self::ReplacementUnderpriced
            | Self::Underpriced { .. }
            | Self::SenderLimit(_)
            | Self::Full
            | Self::Overloaded
            | Self::StateUnavailable(_)
            | Self::NotAcknowledged
            | Self::Closed => false,
        }
    }
}
