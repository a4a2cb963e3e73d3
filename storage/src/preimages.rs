//! From hashed keys back to addresses and slots.
//!
//! The tries are keyed by hashes, the tables of the state by addresses and slots, and so is what a peer that takes over a state
//! must write: whoever serves a state by its tries has to say what was hashed. What was seen once is kept for ever, whether
//! the account or slot still exists or not.

use crate::{
    database::{Batch, Read},
    error::StorageError,
    tables::Table,
    view::StateView,
};
use alloy_primitives::{Address, B256, U256, keccak256};
use std::collections::HashSet;

/// Adds the preimages of accounts and slots to a batch.
pub(crate) fn put(batch: &mut Batch<'_>, accounts: impl Iterator<Item = Address>, slots: impl Iterator<Item = U256>) {
    for address in accounts {
        batch.put(Table::Addresses, keccak256(address), &address);
    }
    // Contracts of one kind use the same slots.
    for slot in slots.collect::<HashSet<_>>() {
        batch.put(Table::SlotKeys, slot_hash(slot), &slot);
    }
}

fn slot_hash(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

impl StateView<'_> {
    /// The address with this keccak, if it was ever seen.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn address_of(&self, hash: B256) -> Result<Option<Address>, StorageError> {
        self.snapshot().get(Table::Addresses, hash.as_slice())
    }

    /// The slot with this keccak, if it was ever seen.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn slot_of(&self, hash: B256) -> Result<Option<U256>, StorageError> {
        self.snapshot().get(Table::SlotKeys, hash.as_slice())
    }
}
