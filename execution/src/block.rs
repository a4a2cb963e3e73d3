//! Blocks, transactions and receipts in the standard Ethereum formats.

use alloy_consensus::{EthereumReceipt, EthereumTxEnvelope, Header, TxEip4844, transaction::Recovered};
use alloy_primitives::{Address, B256, Bytes, Sealed};

use crate::StateDiff;

/// A signed transaction in its consensus form.
pub type Transaction = EthereumTxEnvelope<TxEip4844>;

/// A transaction with its sender, recovered from the signature.
pub type RecoveredTransaction = Recovered<Transaction>;

/// A block: header, transactions, no ommers and an empty list of withdrawals.
pub type Block = alloy_consensus::Block<Transaction>;

/// A header with its hash.
pub type SealedHeader = Sealed<Header>;

/// A transaction's receipt. Its bloom is derived from its logs.
pub type Receipt = EthereumReceipt;

/// What consensus decides about a block that is to be built.
#[derive(Clone, Debug)]
pub struct BlockAttributes {
    /// Seconds since the Unix epoch; at least the parent's.
    pub timestamp: u64,
    /// Who earns the priority fees.
    pub beneficiary: Address,
    /// The gas limit to aim at; the block's moves from its parent's towards it by at most 1/1024.
    pub gas_limit: u64,
    /// Consensus' data, at most 32 bytes.
    pub extra_data: Bytes,
    /// Consensus' link; the EIP-4788 contract keeps it.
    pub parent_beacon_block_root: B256,
}

/// A block that was executed, with everything that execution produced.
#[derive(Clone, Debug)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Block,
    /// Hash of the block's header.
    pub hash: B256,
    /// The senders of the block's transactions, in order.
    pub senders: Vec<Address>,
    /// The receipts of the block's transactions, in order.
    pub receipts: Vec<Receipt>,
    /// What the block changes in the state of its parent.
    pub diff: StateDiff,
}

impl ExecutedBlock {
    /// The header with its hash.
    #[must_use]
    pub fn sealed_header(&self) -> SealedHeader {
        Sealed::new_unchecked(self.block.header.clone(), self.hash)
    }
}
