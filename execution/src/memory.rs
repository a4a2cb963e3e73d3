//! A state in memory, for tests and benchmarks.

use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map, HashMap},
};

use crate::{Account, ExecutedBlock, StateDiff, StateError, StateReader, TrieKey};

/// A whole state in memory: the reader that tests and benchmarks use in place of a database.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    accounts: AddressMap<Account>,
    storage: HashMap<(Address, U256), U256>,
    code: B256Map<Bytes>,
    trie_nodes: HashMap<TrieKey, Bytes>,
    block_hashes: HashMap<u64, B256>,
}

impl MemoryState {
    /// The empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies what a block changed.
    pub fn apply(&mut self, diff: &StateDiff) {
        for (address, account) in &diff.accounts {
            match account {
                Some(account) => self.accounts.insert(*address, *account),
                None => self.accounts.remove(address),
            };
        }
        for (slot, value) in &diff.storage {
            if value.is_zero() {
                self.storage.remove(slot);
            } else {
                self.storage.insert(*slot, *value);
            }
        }
        self.code.extend(diff.code.iter().map(|(hash, code)| (*hash, code.clone())));
        for (key, node) in &diff.trie_nodes {
            match node {
                Some(node) => self.trie_nodes.insert(*key, node.clone()),
                None => self.trie_nodes.remove(key),
            };
        }
    }

    /// Applies an executed block and remembers its hash.
    pub fn apply_block(&mut self, executed: &ExecutedBlock) {
        self.apply(&executed.diff);
        self.insert_block_hash(executed.block.header.number, executed.hash);
    }

    /// Remembers the hash of a block.
    pub fn insert_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// All accounts.
    #[must_use]
    pub const fn accounts(&self) -> &AddressMap<Account> {
        &self.accounts
    }

    /// All storage slots that are not zero.
    #[must_use]
    pub const fn all_storage(&self) -> &HashMap<(Address, U256), U256> {
        &self.storage
    }

    /// How many trie nodes are persisted.
    #[must_use]
    pub fn trie_node_count(&self) -> usize {
        self.trie_nodes.len()
    }
}

impl StateReader for MemoryState {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
        Ok(self.code.get(&code_hash).cloned())
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        Ok(self.block_hashes.get(&number).copied())
    }

    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError> {
        Ok(self.trie_nodes.get(key).cloned())
    }
}
