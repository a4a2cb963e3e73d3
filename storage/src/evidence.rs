//! Evidence, by the fault that it proves.

use crate::{database::Read, error::StorageError, store::Store, tables::Table};
use alloy_primitives::B256;
use baton_consensus::evidence::Evidence;

impl Store {
    /// Stores evidence under its fault's [`id`](baton_consensus::evidence::Fault::id), on disk when this returns. What was
    /// known of the fault is replaced.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn put_evidence(&self, id: B256, evidence: &Evidence) -> Result<(), StorageError> {
        let _writer = self.writer();
        let mut batch = self.database().batch();
        batch.put(Table::Evidence, id, evidence);
        batch.write(true)
    }

    /// All evidence, in the order of the faults' ids.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn evidence(&self) -> Result<Vec<Evidence>, StorageError> {
        let entries = self.database().scan(Table::Evidence, &[]);
        entries.map(|entry| entry.map(|(_, _, evidence)| evidence)).collect()
    }
}
