//! Reading the chain.

use crate::{
    database::Read,
    error::StorageError,
    records::{StoredBlock, StoredHeader, StoredReceipt, TransactionLocation},
    store::Store,
    tables::{Table, height_key},
};
use alloy_primitives::B256;
use baton_consensus::types::{Height, SealedBlock};

/// Each of these fails only if the disk refuses or the database is damaged. A block that is reverted while it is read
/// is not found.
impl Store {
    /// The block at a height of the chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn block(&self, height: Height) -> Result<Option<StoredBlock>, StorageError> {
        self.database().get(Table::Blocks, &height_key(height))
    }

    /// The block with a hash, if it is in the chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn block_by_hash(&self, hash: B256) -> Result<Option<StoredBlock>, StorageError> {
        let snapshot = self.database().snapshot();
        match snapshot.get::<Height>(Table::BlockHeights, hash.as_slice())? {
            Some(height) => snapshot.get(Table::Blocks, &height_key(height)),
            None => Ok(None),
        }
    }

    /// The block at a height as peers serve it; none for genesis, which nobody signed.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn sealed_block(&self, height: Height) -> Result<Option<SealedBlock>, StorageError> {
        Ok(self.block(height)?.and_then(StoredBlock::into_sealed))
    }

    /// The block with a hash as peers serve it; none for genesis, which nobody signed.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn sealed_block_by_hash(&self, hash: B256) -> Result<Option<SealedBlock>, StorageError> {
        Ok(self.block_by_hash(hash)?.and_then(StoredBlock::into_sealed))
    }

    /// The header at a height of the chain. Reads no transactions.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn header(&self, height: Height) -> Result<Option<StoredHeader>, StorageError> {
        self.database().get(Table::Headers, &height_key(height))
    }

    /// The header with a hash, if it is in the chain. Reads no transactions.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn header_by_hash(&self, hash: B256) -> Result<Option<StoredHeader>, StorageError> {
        match self.height_of(hash)? {
            Some(height) => Ok(self.header(height)?.filter(|header| header.hash == hash)),
            None => Ok(None),
        }
    }

    /// The hash of the block at a height of the chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn block_hash(&self, height: Height) -> Result<Option<B256>, StorageError> {
        Ok(self.header(height)?.map(|header| header.hash))
    }

    /// The height of the block with a hash, if it is in the chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn height_of(&self, hash: B256) -> Result<Option<Height>, StorageError> {
        self.database().get(Table::BlockHeights, hash.as_slice())
    }

    /// The receipts of the block at a height, in the order of its transactions.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn receipts(&self, height: Height) -> Result<Option<Vec<StoredReceipt>>, StorageError> {
        self.database().get(Table::Receipts, &height_key(height))
    }

    /// Where in the chain a transaction is.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn transaction_location(&self, hash: B256) -> Result<Option<TransactionLocation>, StorageError> {
        self.database().get(Table::Transactions, hash.as_slice())
    }
}
