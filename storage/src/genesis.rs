//! The beginning of a chain, and the check that a directory belongs to it.

use crate::{
    changes::{GenesisCommit, StateChanges},
    database::Batch,
    error::StorageError,
    preimages,
    records::{GenesisId, StoredBlockRef, StoredHeader, StoredReceipt},
    state_history,
    store::{Pointers, Store},
    tables::{Table, height_key, meta, slot_key},
};
use alloy_primitives::{B256, U256};
use baton_consensus::types::{Block, BlockRef, Height};

impl Store {
    /// Which chain the directory belongs to; none before [`Store::initialize`].
    #[must_use]
    pub fn genesis(&self) -> Option<GenesisId> {
        self.pointers().genesis
    }

    /// Checks that the directory belongs to `expected`.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] if it belongs to no chain yet, [`StorageError::OtherGenesis`] if to another.
    pub fn ensure_genesis(&self, expected: GenesisId) -> Result<(), StorageError> {
        match self.genesis() {
            None => Err(StorageError::NotInitialized),
            Some(found) if found == expected => Ok(()),
            Some(found) => Err(StorageError::OtherGenesis { expected, found }),
        }
    }

    /// Writes block 0 and its state, atomically and synced. Does nothing if the same genesis is there already.
    ///
    /// # Errors
    /// [`StorageError::OtherGenesis`] if the directory belongs to another chain; [`StorageError::ImportUnderWay`] if a
    /// state is imported; [`StorageError::Inconsistent`] if the block is not number 0, has transactions or another hash; or if the disk refuses.
    pub fn initialize(&self, genesis: &GenesisCommit) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let id = GenesisId { chain_id: genesis.chain_id, genesis_hash: genesis.genesis_hash };
        match self.ensure_genesis(id) {
            Err(StorageError::NotInitialized) => {}
            done => return done,
        }
        if self.import()?.is_some() {
            return Err(StorageError::ImportUnderWay);
        }
        let header = &genesis.block.header;
        let block = BlockRef { height: Height(header.number), hash: genesis.genesis_hash };
        let refuse = |what| Err(StorageError::Inconsistent { block, what });
        if header.number != 0 {
            return refuse("genesis is block 0");
        }
        if header.hash_slow() != genesis.genesis_hash {
            return refuse("its header has another hash");
        }
        if !genesis.block.body.transactions.is_empty() {
            return refuse("genesis has no transactions");
        }
        let mut batch = self.database().batch();
        put_genesis_block(&mut batch, block.hash, &genesis.block);
        put_state(&mut batch, &genesis.state);
        let accounts = genesis.state.accounts.iter().map(|(address, _)| *address);
        preimages::put(&mut batch, accounts, genesis.state.slots.iter().map(|(_, slot, _)| *slot));
        let undo_from = block.height.next();
        batch.put(Table::Meta, meta::UNDO_FROM, &undo_from);
        batch.put(Table::Meta, meta::GENESIS, &id);
        batch.put(Table::Meta, meta::HEAD, &block);
        batch.put(Table::Meta, meta::FINALIZED, &block);
        state_history::put_from(&mut batch, block.height);
        batch.write(true)?;
        (writer.undo_from, writer.indexed_from) = (undo_from, block.height);
        self.publish(&mut writer, Pointers { genesis: Some(id), head: block, finalized: block, ..Pointers::default() });
        Ok(())
    }
}

/// Adds block 0 without its state to a batch.
pub(crate) fn put_genesis_block(batch: &mut Batch<'_>, hash: B256, block: &Block) {
    let key = height_key(Height(0));
    batch.put(Table::Headers, key, &StoredHeader { hash, header: block.header.clone() });
    batch.put(Table::Blocks, key, &StoredBlockRef { block, senders: &[], seal: None });
    batch.put(Table::BlockHeights, hash, &Height(0));
    batch.put(Table::Receipts, key, &Vec::<StoredReceipt>::new());
}

/// Adds the changes of the state to a batch.
pub(crate) fn put_state(batch: &mut Batch<'_>, state: &StateChanges) {
    let StateChanges { accounts, slots, code, trie } = state;
    for (address, account) in accounts {
        batch.set(Table::Accounts, address, account.as_ref());
    }
    for (address, slot, value) in slots {
        batch.set(Table::Slots, slot_key(*address, *slot), (*value != U256::ZERO).then_some(value));
    }
    for (hash, code) in code {
        batch.put(Table::Code, hash, code);
    }
    for (key, node) in trie {
        batch.set(Table::Trie, key, node.as_ref());
    }
}
