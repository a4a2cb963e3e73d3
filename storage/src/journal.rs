//! The safety journal: what was signed, durable before it is sent (R3), and never twice for one position (R2).

use crate::{
    changes::{JournalBatch, JournalWrite},
    database::{Batch, Database, Read},
    error::StorageError,
    schedule,
    store::Store,
    tables::{Table, meta, proposal_key},
};
use alloy_primitives::Bytes;
use baton_consensus::types::{BlockRef, Height, SignedBlock};
use std::collections::BTreeMap;

impl Store {
    /// Writes entries of the safety journal, and what goes with them, in one atomic batch that is on disk when this
    /// returns. An entry that is there already with the same bytes is no change.
    ///
    /// # Errors
    /// [`StorageError::JournalConflict`] if a position holds another value, or if the disk refuses. Then nothing is
    /// written, and nothing of it may be sent.
    pub fn journal_write(&self, write: &JournalBatch<'_>) -> Result<(), StorageError> {
        let JournalBatch { entries, proposal, schedule, safety_state } = *write;
        let mut writer = self.writer();
        let mut batch = self.database().batch();
        put(self.database(), &mut batch, entries)?;
        let proposal = proposal.map(|proposal| (reference(proposal), proposal));
        if let Some((block, proposal)) = proposal {
            batch.put(Table::Proposals, proposal_key(block), proposal);
        }
        if let Some(schedule) = schedule {
            schedule::put(&mut batch, schedule);
        }
        if let Some(state) = safety_state {
            batch.put(Table::Meta, meta::SAFETY, &Bytes::copy_from_slice(state));
        }
        // Every entry that is known already was synced when it was written.
        if batch.keys() == 0 {
            return Ok(());
        }
        batch.write(true)?;
        writer.proposals.extend(proposal.map(|(block, _)| block));
        Ok(())
    }

    /// Every entry of the journal, in the order of keys.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn journal_entries(&self) -> Result<Vec<JournalWrite>, StorageError> {
        let entries = self.database().scan(Table::Journal, &[]);
        entries.map(|entry| entry.map(|(key, _, value)| JournalWrite { key: key.into_vec(), value })).collect()
    }

    /// What was signed for a position.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn journal_entry(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.database().get(Table::Journal, key)
    }

    /// Forgets positions that can never be signed again, as those below the fence (R6). Not synced: what a crash brings
    /// back is pruned again.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn journal_prune(&self, keys: &[Vec<u8>]) -> Result<(), StorageError> {
        let _writer = self.writer();
        let mut batch = self.database().batch();
        for key in keys {
            batch.delete(Table::Journal, key);
        }
        batch.write(false)
    }

    /// The safety state that the last [`JournalBatch`] with one carried.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn safety_state(&self) -> Result<Option<Bytes>, StorageError> {
        self.database().get(Table::Meta, meta::SAFETY)
    }

    /// The own blocks above the head at their writing that are signed but not sealed, lowest first.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn proposals(&self) -> Result<Vec<SignedBlock>, StorageError> {
        let entries = self.database().scan(Table::Proposals, &[]);
        entries.map(|entry| entry.map(|(_, _, proposal)| proposal)).collect()
    }

    /// One own block that is signed but not sealed.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn proposal(&self, block: BlockRef) -> Result<Option<SignedBlock>, StorageError> {
        self.database().get(Table::Proposals, &proposal_key(block))
    }
}

/// Adds journal entries to a batch, unless one contradicts what was signed before. Call it as the writer.
pub(crate) fn put(database: &Database, batch: &mut Batch<'_>, entries: &[JournalWrite]) -> Result<(), StorageError> {
    let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_slice()).collect();
    let known: Vec<Option<Bytes>> = database.get_many(Table::Journal, &keys)?;
    let mut added = BTreeMap::new();
    for (JournalWrite { key, value }, known) in entries.iter().zip(known) {
        match known.as_ref().or(added.get(key.as_slice()).copied()) {
            Some(other) if other != value => return Err(StorageError::JournalConflict { key: key.clone() }),
            Some(_) => {}
            None => {
                batch.put(Table::Journal, key, value);
                added.insert(key.as_slice(), value);
            }
        }
    }
    Ok(())
}

fn reference(proposal: &SignedBlock) -> BlockRef {
    let header = &proposal.block.header;
    BlockRef { height: Height(header.number), hash: header.hash_slow() }
}
