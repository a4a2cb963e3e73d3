//! The ends of eras: each with the set that took over (R13).

use crate::{
    database::Read,
    error::StorageError,
    store::{Pointers, Store},
    tables::{Table, era_key, height_key, meta},
};
use alloy_primitives::Bytes;
use baton_consensus::{
    finality::SetChange,
    types::{Era, Height},
};

impl Store {
    /// Stores the end of an era, whose last block must be the head, and with it the protocol's safety state in the next one:
    /// it replaces the one before. That block is final, whatever genesis' rule. One atomic batch, on disk when this returns.
    ///
    /// # Errors
    /// [`StorageError::Inconsistent`] if the head is another block, or if the disk refuses. Nothing is written then.
    pub fn put_set_change(&self, change: &SetChange, safety_state: &[u8]) -> Result<(), StorageError> {
        let mut writer = self.writer();
        let pointers = self.pointers();
        let block = change.proof.checkpoint.head;
        if pointers.head != block {
            return Err(StorageError::Inconsistent { block, what: "it is not the head, so no era ends with it" });
        }
        let mut batch = self.database().batch();
        batch.put(Table::SetChanges, era_key(change.proof.checkpoint.era), change);
        batch.put(Table::Meta, meta::SAFETY, &Bytes::copy_from_slice(safety_state));
        // Block 0 needs no proof.
        if block.height > Height(0) {
            batch.put(Table::Finality, height_key(block.height), &change.proof);
        }
        let next = Pointers { finalized: block, ..pointers };
        batch.put(Table::Meta, meta::FINALIZED, &next.finalized);
        batch.write(true)?;
        self.publish(&mut writer, next);
        Ok(())
    }

    /// What ended an era; none if it has not ended here.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn set_change(&self, era: Era) -> Result<Option<SetChange>, StorageError> {
        self.database().get(Table::SetChanges, &era_key(era))
    }

    /// What ended the newest era that has ended; none in the first.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn newest_set_change(&self) -> Result<Option<SetChange>, StorageError> {
        self.database().last(Table::SetChanges)
    }

    /// The ends of the eras from one on, in order, as many as `most`.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn set_changes(&self, from: Era, most: usize) -> Result<Vec<SetChange>, StorageError> {
        let entries = self.database().scan(Table::SetChanges, &era_key(from)).take(most);
        entries.map(|entry| entry.map(|(_, _, change)| change)).collect()
    }
}
