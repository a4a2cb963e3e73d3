//! Old values, gathered from undo records as they are asked for.

use crate::{database::Read, error::StorageError, records::StoredAccount, undo};
use alloy_primitives::{Address, Bytes, U256};
use baton_consensus::types::Height;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What the blocks from `first` to `last` changed, as it was before `first`.
///
/// Records are read upwards until one holds the key: the first that does has the value. What was read stays in memory.
pub(crate) struct History {
    state: Mutex<State>,
    trie: Mutex<Trie>,
    last: Height,
}

struct State {
    next: Height,
    accounts: HashMap<Address, Option<StoredAccount>>,
    slots: HashMap<(Address, U256), U256>,
}

struct Trie {
    next: Height,
    nodes: HashMap<Bytes, Option<Bytes>>,
}

impl History {
    /// The history of the blocks from `first` to `last`, whose undo records exist.
    pub(crate) fn new(first: Height, last: Height) -> Self {
        Self {
            state: Mutex::new(State { next: first, accounts: HashMap::new(), slots: HashMap::new() }),
            trie: Mutex::new(Trie { next: first, nodes: HashMap::new() }),
            last,
        }
    }

    /// The old account, if it changed.
    pub(crate) fn account(
        &self,
        source: &impl Read,
        address: Address,
    ) -> Result<Option<Option<StoredAccount>>, StorageError> {
        let mut state = lock(&self.state);
        loop {
            if let Some(old) = state.accounts.get(&address) {
                return Ok(Some(*old));
            }
            if !state.load(source, self.last)? {
                return Ok(None);
            }
        }
    }

    /// The old value of a slot, if it changed.
    pub(crate) fn slot(&self, source: &impl Read, address: Address, slot: U256) -> Result<Option<U256>, StorageError> {
        let mut state = lock(&self.state);
        loop {
            if let Some(old) = state.slots.get(&(address, slot)) {
                return Ok(Some(*old));
            }
            if !state.load(source, self.last)? {
                return Ok(None);
            }
        }
    }

    /// The old trie node, if it changed.
    pub(crate) fn trie_node(&self, source: &impl Read, key: &[u8]) -> Result<Option<Option<Bytes>>, StorageError> {
        let mut trie = lock(&self.trie);
        loop {
            if let Some(old) = trie.nodes.get(key) {
                return Ok(Some(old.clone()));
            }
            if !trie.load(source, self.last)? {
                return Ok(None);
            }
        }
    }
}

impl State {
    /// Reads the next record; returns whether there was one.
    fn load(&mut self, source: &impl Read, last: Height) -> Result<bool, StorageError> {
        if self.next > last {
            return Ok(false);
        }
        let record = undo::load_state(source, self.next)?.ok_or_else(|| missing(source, self.next))?;
        for (address, old) in record.accounts {
            self.accounts.entry(address).or_insert(old);
        }
        for (address, slot, old) in record.slots {
            self.slots.entry((address, slot)).or_insert(old);
        }
        self.next = self.next.next();
        Ok(true)
    }
}

impl Trie {
    /// Reads the next record; returns whether there was one.
    fn load(&mut self, source: &impl Read, last: Height) -> Result<bool, StorageError> {
        if self.next > last {
            return Ok(false);
        }
        let record = undo::load_trie(source, self.next)?.ok_or_else(|| missing(source, self.next))?;
        for (key, old) in record.into_iter().flat_map(|piece| piece.nodes) {
            self.nodes.entry(key).or_insert(old);
        }
        self.next = self.next.next();
        Ok(true)
    }
}

fn missing(source: &impl Read, height: Height) -> StorageError {
    source.database().corrupt(format!("the undo record of block {height} is missing"))
}

/// A panic of an earlier holder left at worst a record half read, whose entries are right and which is read again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
