//! Taking the newest block back.

use crate::{
    error::StorageError,
    state_history,
    store::{Pointers, Store},
    tables::{Table, height_key, meta},
    undo::{self, Undo},
};
use baton_consensus::types::BlockRef;

impl Store {
    /// Undoes the head block in one atomic batch, on disk when this returns: state, trie, indexes, receipts, the block
    /// itself and the head pointer are as if it had never been committed. The journal stays. Returns the new head.
    ///
    /// # Errors
    /// [`StorageError::HeadIsFinal`] if the head is final or genesis, [`StorageError::UndoPruned`] if its undo record is
    /// gone, or if the disk refuses. Nothing is changed then.
    pub fn revert_head(&self) -> Result<BlockRef, StorageError> {
        let mut writer = self.writer();
        let pointers = self.pointers();
        let Pointers { genesis, head, finalized, .. } = pointers;
        if genesis.is_none() {
            return Err(StorageError::NotInitialized);
        }
        if head.height <= finalized.height {
            return Err(StorageError::HeadIsFinal { head, finalized });
        }
        let database = self.database();
        let Some(undo) = Undo::load(database, head.height)? else {
            return Err(StorageError::UndoPruned { head });
        };
        let block = self.block(head.height)?;
        let block = block.ok_or_else(|| database.corrupt(format!("the head block {head} is missing")))?.block;
        let parent = BlockRef { height: head.height.previous(), hash: block.header.parent_hash };
        if self.block_hash(parent.height)? != Some(parent.hash) {
            return Err(database.corrupt(format!("the parent {parent} of the head {head} is missing")));
        }

        let mut batch = database.batch();
        undo.restore(&mut batch);
        undo::delete(&mut batch, database, head.height)?;
        state_history::delete(&mut batch, head.height, undo.state());
        let indexed_from = writer.indexed_from.min(parent.height);
        state_history::put_from(&mut batch, indexed_from);
        let key = height_key(head.height);
        for table in [Table::Headers, Table::Blocks, Table::Receipts] {
            batch.delete(table, key);
        }
        batch.delete(Table::BlockHeights, head.hash);
        for transaction in &block.body.transactions {
            batch.delete(Table::Transactions, transaction.tx_hash());
        }
        batch.put(Table::Meta, meta::HEAD, &parent);
        batch.write(true)?;
        writer.indexed_from = indexed_from;
        self.publish(&mut writer, Pointers { head: parent, ..pointers });
        Ok(parent)
    }
}
