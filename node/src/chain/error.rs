//! Why the chain could not be read.

use alloy_eips::BlockId;
use baton_execution::{CallError, EstimateError, trie::ProofError};
use baton_storage::StorageError;
use thiserror::Error;

/// Why a question about the chain has no answer.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The store has no such block.
    #[error("block {0} is not known")]
    UnknownBlock(BlockId),
    /// The store refused or failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A call could not be executed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// No gas limit was found.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// The trie does not fit the state.
    #[error(transparent)]
    Proof(#[from] ProofError),
}
