//! The history index: old accounts and slots by key and height, so that no state is further away than another.
//!
//! A block leaves, for every account and slot that it changed, the value before it under (account or slot, height of the
//! block). The value of a key after height `h` is then that of its lowest entry above `h`, or the present one if nothing
//! changed it since: one seek, however long ago that was. Old trie nodes are not indexed. The index gives all states from
//! [`meta::INDEXED_FROM`] on.
//!
//! Which keys a block left, its undo record says, and what it says of the state is kept as long as that. An archive, where they
//! stay for ever, keeps no such list.

use crate::{
    database::{Batch, Database, Read, Snapshot},
    error::StorageError,
    prune,
    records::StoredAccount,
    tables::{Table, account_history_key, height_key, meta, slot_history_key},
    undo::UndoState,
};
use alloy_primitives::{Address, U256};
use baton_consensus::types::{BlockRef, Height};

/// The tables of the index.
const TABLES: [Table; 2] = [Table::AccountHistory, Table::SlotHistory];

/// The lowest height whose state the index gives; none without a chain.
pub(crate) fn from(source: &impl Read) -> Result<Option<Height>, StorageError> {
    source.get(Table::Meta, meta::INDEXED_FROM)
}

/// Adds that the index gives the states from `height` on.
pub(crate) fn put_from(batch: &mut Batch<'_>, height: Height) {
    batch.put(Table::Meta, meta::INDEXED_FROM, &height);
}

/// Adds the old values, which the block at `height` replaced.
pub(crate) fn put(batch: &mut Batch<'_>, height: Height, old: &UndoState) {
    for (address, account) in &old.accounts {
        batch.put(Table::AccountHistory, account_history_key(*address, height), account);
    }
    for (address, slot, value) in &old.slots {
        batch.put(Table::SlotHistory, slot_history_key(*address, *slot, height), value);
    }
}

/// Adds the removal of what [`put`] added.
pub(crate) fn delete(batch: &mut Batch<'_>, height: Height, old: &UndoState) {
    for (address, _) in &old.accounts {
        batch.delete(Table::AccountHistory, account_history_key(*address, height));
    }
    for (address, slot, _) in &old.slots {
        batch.delete(Table::SlotHistory, slot_history_key(*address, *slot, height));
    }
}

/// Gives up what only an archive has, and its disk space: an index that goes further back than the undo records, since
/// nothing names the keys of its oldest entries. It begins anew at the head.
pub(crate) fn abandon_archive(database: &Database) -> Result<(), StorageError> {
    let Some(head) = database.get::<BlockRef>(Table::Meta, meta::HEAD)? else { return Ok(()) };
    let (from, undone) =
        (from(database)?.unwrap_or(head.height), prune::oldest_undone(database)?.unwrap_or(head.height));
    if from >= undone {
        return Ok(());
    }
    let mut batch = database.batch();
    TABLES.into_iter().for_each(|table| batch.clear(table));
    // Lists of keys, from when this was no archive yet.
    batch.clear_below(Table::Undo, &height_key(undone.next()));
    put_from(&mut batch, head.height);
    batch.write(true)?;
    for table in TABLES {
        database.reclaim(table)?;
    }
    tracing::warn!(%from, "the archive of states was removed: this is no archive any more");
    Ok(())
}

/// The account before the blocks above `height`, if one of them changed it.
pub(crate) fn account(
    snapshot: &Snapshot<'_>,
    address: Address,
    height: Height,
) -> Result<Option<Option<StoredAccount>>, StorageError> {
    snapshot.first_of_prefix(Table::AccountHistory, &account_history_key(address, height.next()))
}

/// The value of a slot before the blocks above `height`, if one of them changed it.
pub(crate) fn slot(
    snapshot: &Snapshot<'_>,
    address: Address,
    slot: U256,
    height: Height,
) -> Result<Option<U256>, StorageError> {
    snapshot.first_of_prefix(Table::SlotHistory, &slot_history_key(address, slot, height.next()))
}
