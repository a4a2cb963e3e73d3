//! Committing a block: everything that follows from it in one batch.

use crate::{
    changes::{BlockCommit, CommitStats},
    database::Batch,
    error::StorageError,
    genesis::put_state,
    journal, preimages,
    records::{BlockSeal, StoredBlockRef, StoredHeader, TransactionLocation},
    state_history,
    store::{Pointers, Store},
    tables::{Table, height_key, meta, proposal_key},
    undo::Undo,
};
use baton_consensus::types::{BlockRef, Height};
use std::time::Instant;

impl Store {
    /// Makes `commit.block` the head: block, receipts, indexes, state, trie, undo record, journal and head pointer in
    /// one atomic batch, on disk when this returns. Own proposals up to its height are removed with it.
    ///
    /// # Errors
    /// [`StorageError::NotNext`] if the block does not extend the head, [`StorageError::Inconsistent`] if the parts do
    /// not fit together, [`StorageError::JournalConflict`] if a position was signed differently before,
    /// [`StorageError::TooLarge`] if a record is beyond the limits, or if the disk refuses. Nothing is written then.
    pub fn commit_block(&self, commit: &BlockCommit) -> Result<CommitStats, StorageError> {
        let start = Instant::now();
        let mut writer = self.writer();
        let pointers = self.pointers();
        let block = check(commit, &pointers)?;
        let database = self.database();

        let mut batch = database.batch();
        put_block(&mut batch, commit, block)?;
        let undo = Undo::of(database, &commit.state)?;
        undo.put(&mut batch, block.height);
        state_history::put(&mut batch, block.height, undo.state());
        put_state(&mut batch, &commit.state);
        let (accounts, slots) = undo.absent();
        preimages::put(&mut batch, accounts, slots);
        journal::put(database, &mut batch, &commit.journal)?;

        let mut next = Pointers { head: block, ..pointers };
        batch.put(Table::Meta, meta::HEAD, &block);
        if let Some(height) = commit.finalized.filter(|height| *height > pointers.finalized.height) {
            next.finalized = if height == block.height { block } else { self.canonical(height)? };
            batch.put(Table::Meta, meta::FINALIZED, &next.finalized);
        }
        let (undo_from, indexed_from) = self.prune_states(&mut batch, &writer, &next)?;
        next.receipts_from = self.prune_receipts(&mut batch, &next);
        for proposal in writer.proposals.iter().take_while(|proposal| proposal.height <= block.height) {
            batch.delete(Table::Proposals, proposal_key(*proposal));
        }

        let prepare = start.elapsed();
        let (keys, bytes) = (batch.keys(), batch.bytes());
        batch.write(true)?;
        (writer.undo_from, writer.indexed_from) = (undo_from, indexed_from);
        writer.proposals.retain(|proposal| proposal.height > block.height);
        self.publish(&mut writer, next);
        Ok(CommitStats { keys, bytes, prepare, write: start.elapsed().saturating_sub(prepare) })
    }

    /// Moves the newest final block up to `height`; a lower one changes nothing. With `sync`, it is on disk when this
    /// returns, otherwise with the next synced write.
    ///
    /// # Errors
    /// [`StorageError::BeyondHead`] if there is no such block yet, or if the disk refuses.
    pub fn set_finalized(&self, height: Height, sync: bool) -> Result<BlockRef, StorageError> {
        let mut writer = self.writer();
        let pointers = self.pointers();
        if height > pointers.head.height {
            return Err(StorageError::BeyondHead { height, head: pointers.head });
        }
        if height <= pointers.finalized.height {
            return Ok(pointers.finalized);
        }
        let finalized = self.canonical(height)?;
        let mut batch = self.database().batch();
        batch.put(Table::Meta, meta::FINALIZED, &finalized);
        batch.write(sync)?;
        self.publish(&mut writer, Pointers { finalized, ..pointers });
        Ok(finalized)
    }

    /// The block of the chain at a height that is not above the head.
    pub(crate) fn canonical(&self, height: Height) -> Result<BlockRef, StorageError> {
        let hash = self.block_hash(height)?;
        let hash = hash.ok_or_else(|| self.database().corrupt(format!("the header of block {height} is missing")))?;
        Ok(BlockRef { height, hash })
    }
}

/// Checks that the block extends the head and that the parts of the commit fit it.
fn check(commit: &BlockCommit, pointers: &Pointers) -> Result<BlockRef, StorageError> {
    if pointers.genesis.is_none() {
        return Err(StorageError::NotInitialized);
    }
    let header = &commit.block.block.block.header;
    let block = BlockRef { height: Height(header.number), hash: commit.hash };
    let head = pointers.head;
    if block.height != head.height.next() || header.parent_hash != head.hash {
        return Err(StorageError::NotNext { block, parent: header.parent_hash, head });
    }
    let transactions = commit.block.block.block.body.transactions.len();
    let complaints = [
        (header.hash_slow() != block.hash, "its header has another hash"),
        (commit.block.seal.message.block() != block, "its seal is for another block"),
        (commit.senders.len() != transactions, "it needs one sender for each transaction"),
        (commit.receipts.len() != transactions, "it needs one receipt for each transaction"),
        (commit.finalized.is_some_and(|height| height > block.height), "a block above it cannot be final"),
    ];
    match complaints.into_iter().find(|(wrong, _)| *wrong) {
        Some((_, what)) => Err(StorageError::Inconsistent { block, what }),
        None => Ok(block),
    }
}

/// Adds the block, its receipts and its indexes to a batch.
fn put_block(batch: &mut Batch<'_>, commit: &BlockCommit, block: BlockRef) -> Result<(), StorageError> {
    let signed = &commit.block.block;
    let key = height_key(block.height);
    batch.put(Table::Headers, key, &StoredHeader { hash: block.hash, header: signed.block.header.clone() });
    let seal = Some(BlockSeal { signature: signed.signature, seal: commit.block.seal.clone() });
    batch.put(Table::Blocks, key, &StoredBlockRef { block: &signed.block, senders: &commit.senders, seal });
    batch.put(Table::BlockHeights, block.hash, &block.height);
    batch.put(Table::Receipts, key, &commit.receipts);
    for (index, transaction) in signed.block.body.transactions.iter().enumerate() {
        let index = u32::try_from(index)
            .map_err(|_| StorageError::Inconsistent { block, what: "it has more than 2^32 transactions" })?;
        batch.put(Table::Transactions, transaction.tx_hash(), &TransactionLocation { height: block.height, index });
    }
    Ok(())
}
