//! Blocks of the chain as the node hands them around.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Sealed};
use baton_consensus::types::{Block, BlockRef, Height};
use baton_storage::StoredReceipt;
use std::sync::Arc;

/// A block with its hash and the senders of its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredBlock {
    /// The hash of the header.
    pub hash: B256,
    /// The block.
    pub block: Block,
    /// The sender of each transaction, in order.
    pub senders: Vec<Address>,
}

impl RecoveredBlock {
    /// Height and hash.
    #[must_use]
    pub const fn reference(&self) -> BlockRef {
        BlockRef { height: Height(self.block.header.number), hash: self.hash }
    }

    /// The header with its hash.
    #[must_use]
    pub fn sealed_header(&self) -> Sealed<Header> {
        Sealed::new_unchecked(self.block.header.clone(), self.hash)
    }
}

/// A block with what its transactions did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockWithReceipts {
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// The receipt of each transaction, in order.
    pub receipts: Vec<StoredReceipt>,
}

/// The block as execution takes it. Blob sidecars, which no block carries, are dropped.
#[must_use]
pub fn execution_block(block: Block) -> baton_execution::Block {
    block.map_transactions(Into::into)
}

/// The block as consensus signs and stores it.
#[must_use]
pub fn consensus_block(block: baton_execution::Block) -> Block {
    block.map_transactions(Into::into)
}
