//! The news of the chain's head.

use super::BlockWithReceipts;
use alloy_consensus::Header;
use alloy_primitives::{B256, Sealed};
use baton_consensus::types::{Block, BlockRef, Height};
use baton_storage::{BlockCommit, StoredLog, StoredReceipt};
use std::sync::Arc;
use tokio::sync::broadcast;

/// How many events a listener may lag behind before it misses some.
const CAPACITY: usize = 256;

/// A change of the head.
#[derive(Clone, Debug)]
pub enum HeadEvent {
    /// A block was committed on top of the head.
    Committed(Arc<NewHead>),
    /// The head was taken back, in favour of another branch.
    Reverted(Arc<NewHead>),
}

/// A block that became, or ceased to be, the head.
#[derive(Clone, Debug)]
pub struct NewHead {
    /// The header with its hash.
    pub header: Sealed<Header>,
    /// Its logs, in order.
    pub logs: Vec<BlockLog>,
}

/// A log and its place in the block.
#[derive(Clone, Debug)]
pub struct BlockLog {
    /// The transaction that logged.
    pub transaction_hash: B256,
    /// The transaction's index in the block.
    pub transaction_index: u64,
    /// The log's index in the block.
    pub index: u64,
    /// The log.
    pub log: StoredLog,
}

impl NewHead {
    /// Height and hash.
    #[must_use]
    pub fn reference(&self) -> BlockRef {
        BlockRef { height: Height(self.header.number), hash: self.header.hash() }
    }
}

/// Where the engine tells of every change of the head, after it is durable. Cheap to clone; with no listener, cheap to use.
#[derive(Clone, Debug)]
pub struct HeadEvents {
    sender: broadcast::Sender<HeadEvent>,
}

impl Default for HeadEvents {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl HeadEvents {
    /// Nobody listens yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows the head from now on. A listener that lags by more than 256 events misses the oldest and is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<HeadEvent> {
        self.sender.subscribe()
    }

    /// Tells that a block was committed.
    pub fn committed(&self, commit: &BlockCommit) {
        let block = &commit.block.block.block;
        self.send(HeadEvent::Committed, block, commit.hash, &commit.receipts);
    }

    /// Tells that the head was taken back: `head` is what [`ChainReader::head_block`](super::ChainReader::head_block) gave
    /// before.
    pub fn reverted(&self, head: &BlockWithReceipts) {
        self.send(HeadEvent::Reverted, &head.block.block, head.block.hash, &head.receipts);
    }

    fn send(&self, event: fn(Arc<NewHead>) -> HeadEvent, block: &Block, hash: B256, receipts: &[StoredReceipt]) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let header = Sealed::new_unchecked(block.header.clone(), hash);
        let head = NewHead { header, logs: block_logs(block, receipts) };
        // The last listener may have left in between: then there is nobody to tell.
        let _ = self.sender.send(event(Arc::new(head)));
    }
}

/// All logs of a block, numbered.
pub(crate) fn block_logs(block: &Block, receipts: &[StoredReceipt]) -> Vec<BlockLog> {
    let transactions = block.body.transactions.iter().zip(receipts).enumerate();
    let logs = transactions.flat_map(|(index, (transaction, receipt))| {
        let place = (*transaction.tx_hash(), index as u64);
        receipt.logs.iter().map(move |log| (place, log))
    });
    let numbered = logs.enumerate().map(|(index, ((transaction_hash, transaction_index), log))| BlockLog {
        transaction_hash,
        transaction_index,
        index: index as u64,
        log: log.clone(),
    });
    numbered.collect()
}
