//! Why the chain could not be read.

use alloy_eips::BlockId;
use baton_consensus::{finality::light_client::MAX_HEADERS, types::Height};
use baton_execution::{CallError, EstimateError, trie::ProofError};
use baton_storage::StorageError;
use thiserror::Error;

/// Why a question about the chain has no answer.
#[derive(Debug, Error)]
pub enum ChainError {
    /// The store has no such block.
    #[error("block {0} is not known")]
    UnknownBlock(BlockId),
    /// No finality proof reaches the block.
    #[error("block {height} is not proven final yet: {}", newest_proof(*newest))]
    NotFinal {
        /// The block.
        height: Height,
        /// The highest block that is proven final.
        newest: Option<Height>,
    },
    /// The next finality proof is too far above the block: this node was not there when those between became final.
    #[error(
        "the lowest finality proof at or above block {height} that this node holds is of block {next}; a proof has at most \
         {MAX_HEADERS} headers. Ask a node that followed the chain at that time"
    )]
    ProofTooFar {
        /// The block.
        height: Height,
        /// The block of the proof.
        next: Height,
    },
    /// The block is in the chain, but its receipts, and with them its logs, are not kept any more.
    #[error(
        "pruned history unavailable: the receipts of block {height} are not kept; this node has those from block {oldest} on"
    )]
    ReceiptsPruned {
        /// The block.
        height: Height,
        /// The lowest height with receipts.
        oldest: Height,
    },
    /// The block is below where this node's chain begins.
    #[error("pruned history unavailable: this node does not have block {height}; ask one that holds the whole chain")]
    BlockPruned {
        /// The block.
        height: Height,
    },
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

impl ChainError {
    /// Whether the answer exists, but not on this node (any more).
    #[must_use]
    pub const fn is_pruned(&self) -> bool {
        matches!(self, Self::ReceiptsPruned { .. } | Self::BlockPruned { .. })
    }
}

fn newest_proof(newest: Option<Height>) -> String {
    newest.map_or_else(|| "no block is".to_owned(), |newest| format!("the highest that is is block {newest}"))
}
