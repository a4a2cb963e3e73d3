//! Undo records: the old values of everything that a block changed.
//!
//! A record is cut into parts: a small index, the state, and the trie in pieces. Reading the state of an older height
//! then does not read the trie, the trie, which is most of it, can go before the rest, and no piece outgrows the limit of a
//! record.

use crate::{
    changes::StateChanges,
    database::{Batch, Database, Read},
    error::StorageError,
    records::StoredAccount,
    tables::{Table, slot_key, undo_key},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::types::Height;
use serde::{Deserialize, Serialize};

const INDEX_PART: u32 = 0;
const STATE_PART: u32 = 1;
const FIRST_TRIE_PART: u32 = 2;

/// About how many bytes of keys and nodes go into one piece of the trie.
const TRIE_PIECE_BYTES: usize = 4 << 20;

/// More pieces than any block can have.
const MAX_TRIE_PARTS: u32 = 1 << 16;

/// The first part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoIndex {
    /// How many pieces the trie has.
    pub trie_parts: u32,
}

/// The old values of the state; none or zero where there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoState {
    /// The accounts that the block changed.
    pub accounts: Vec<(Address, Option<StoredAccount>)>,
    /// The slots that the block changed.
    pub slots: Vec<(Address, U256, U256)>,
    /// The code that the block added.
    pub code: Vec<B256>,
}

/// The old values of the trie; none where there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoTrie {
    /// Key and old node.
    pub nodes: Vec<(Bytes, Option<Bytes>)>,
}

/// A whole record.
pub(crate) struct Undo {
    state: UndoState,
    trie: Vec<UndoTrie>,
}

impl Undo {
    /// Reads the old values of everything that `changes` touches.
    pub(crate) fn of(database: &Database, changes: &StateChanges) -> Result<Self, StorageError> {
        let StateChanges { accounts, slots, code, trie } = changes;

        let keys: Vec<_> = accounts.iter().map(|(address, _)| *address).collect();
        let old = database.get_many(Table::Accounts, &keys)?;
        let accounts = keys.into_iter().zip(old).collect();

        let keys: Vec<_> = slots.iter().map(|(address, slot, _)| slot_key(*address, *slot)).collect();
        let old = database.get_many(Table::Slots, &keys)?;
        let slots = slots
            .iter()
            .zip(old)
            .map(|((address, slot, _), value)| (*address, *slot, value.unwrap_or_default()))
            .collect();

        let keys: Vec<_> = code.iter().map(|(hash, _)| *hash).collect();
        let known = database.exist(Table::Code, &keys)?;
        let code = keys.into_iter().zip(known).filter(|(_, known)| !known).map(|(hash, _)| hash).collect();

        let keys: Vec<_> = trie.iter().map(|(key, _)| key.as_slice()).collect();
        let old = database.get_many(Table::Trie, &keys)?;
        let nodes = keys.into_iter().map(Bytes::copy_from_slice).zip(old);
        Ok(Self { state: UndoState { accounts, slots, code }, trie: pieces(nodes) })
    }

    /// The old values of the state.
    pub(crate) const fn state(&self) -> &UndoState {
        &self.state
    }

    /// The accounts and the slots that did not exist before: only those can be new to the node.
    pub(crate) fn absent(&self) -> (impl Iterator<Item = Address>, impl Iterator<Item = U256>) {
        let accounts = self.state.accounts.iter().filter(|(_, old)| old.is_none()).map(|(address, _)| *address);
        let slots = self.state.slots.iter().filter(|(.., old)| old.is_zero()).map(|(_, slot, _)| *slot);
        (accounts, slots)
    }

    /// Reads the record of a height; none if it is not kept, or not the whole of it.
    pub(crate) fn load(source: &impl Read, height: Height) -> Result<Option<Self>, StorageError> {
        let Some(state) = load_state(source, height)? else { return Ok(None) };
        let Some(trie) = load_trie(source, height)? else { return Ok(None) };
        Ok(Some(Self { state, trie }))
    }

    /// Adds the record to a batch.
    pub(crate) fn put(&self, batch: &mut Batch<'_>, height: Height) {
        let mut parts = FIRST_TRIE_PART;
        for piece in &self.trie {
            batch.put(Table::Undo, undo_key(height, parts), piece);
            parts += 1;
        }
        batch.put(Table::Undo, undo_key(height, STATE_PART), &self.state);
        batch.put(Table::Undo, undo_key(height, INDEX_PART), &UndoIndex { trie_parts: parts - FIRST_TRIE_PART });
    }

    /// Adds the restoration of all old values to a batch.
    pub(crate) fn restore(&self, batch: &mut Batch<'_>) {
        for (address, account) in &self.state.accounts {
            batch.set(Table::Accounts, address, account.as_ref());
        }
        for (address, slot, value) in &self.state.slots {
            batch.set(Table::Slots, slot_key(*address, *slot), (*value != U256::ZERO).then_some(value));
        }
        for hash in &self.state.code {
            batch.delete(Table::Code, hash);
        }
        for (key, node) in self.trie.iter().flat_map(|piece| &piece.nodes) {
            batch.set(Table::Trie, key, node.as_ref());
        }
    }
}

/// The index of a height's record; none if it is not kept.
fn load_index(source: &impl Read, height: Height) -> Result<Option<UndoIndex>, StorageError> {
    let index = source.get::<UndoIndex>(Table::Undo, &undo_key(height, INDEX_PART))?;
    if index.is_some_and(|index| index.trie_parts > MAX_TRIE_PARTS) {
        return Err(source.database().corrupt(format!("the undo record of block {height} claims too many parts")));
    }
    Ok(index)
}

/// The old state before a height; none if the record is not kept.
pub(crate) fn load_state(source: &impl Read, height: Height) -> Result<Option<UndoState>, StorageError> {
    source.get(Table::Undo, &undo_key(height, STATE_PART))
}

/// The old trie before a height, in pieces; none if the record is not kept.
pub(crate) fn load_trie(source: &impl Read, height: Height) -> Result<Option<Vec<UndoTrie>>, StorageError> {
    let Some(index) = load_index(source, height)? else { return Ok(None) };
    let load = |piece| {
        let part = FIRST_TRIE_PART.saturating_add(piece);
        let found = source.get(Table::Undo, &undo_key(height, part))?;
        found.ok_or_else(|| {
            source.database().corrupt(format!("part {part} of the undo record of block {height} is missing"))
        })
    };
    (0..index.trie_parts).map(load).collect::<Result<_, _>>().map(Some)
}

/// Adds the removal of a record to a batch.
pub(crate) fn delete(batch: &mut Batch<'_>, source: &impl Read, height: Height) -> Result<(), StorageError> {
    delete_state(batch, height);
    delete_trie(batch, source, height)
}

/// Adds the removal of the state in a record, whose trie goes too or is gone, to a batch.
pub(crate) fn delete_state(batch: &mut Batch<'_>, height: Height) {
    batch.delete(Table::Undo, undo_key(height, STATE_PART));
}

/// Adds the removal of the trie in a record to a batch. The rest is no record any more, only a list of old values.
pub(crate) fn delete_trie(batch: &mut Batch<'_>, source: &impl Read, height: Height) -> Result<(), StorageError> {
    let Some(index) = load_index(source, height)? else { return Ok(()) };
    batch.delete(Table::Undo, undo_key(height, INDEX_PART));
    for piece in 0..index.trie_parts {
        batch.delete(Table::Undo, undo_key(height, FIRST_TRIE_PART.saturating_add(piece)));
    }
    Ok(())
}

fn pieces(nodes: impl Iterator<Item = (Bytes, Option<Bytes>)>) -> Vec<UndoTrie> {
    let mut pieces = Vec::new();
    let mut piece = UndoTrie::default();
    let mut bytes = 0;
    for (key, node) in nodes {
        bytes += key.len() + node.as_ref().map_or(0, |node: &Bytes| node.len());
        piece.nodes.push((key, node));
        if bytes >= TRIE_PIECE_BYTES {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
    }
    if !piece.nodes.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_trie_is_cut_and_nothing_is_lost() {
        let node = Bytes::from(vec![7; TRIE_PIECE_BYTES / 4]);
        let nodes: Vec<_> =
            (0..9u8).map(|key| (Bytes::from(vec![key]), (key % 2 == 0).then(|| node.clone()))).collect();
        let pieces = pieces(nodes.clone().into_iter());
        assert_eq!(pieces.len(), 2);
        assert_eq!(pieces.into_iter().flat_map(|piece| piece.nodes).collect::<Vec<_>>(), nodes);
    }
}
