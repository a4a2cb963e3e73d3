//! A stored state as execution reads it.

use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::types::{BlockRef, Height};
use baton_execution::{Account, StateError, StateReader, TrieKey};
use baton_storage::{StateView, StorageError, Store, StoredAccount};

/// The state after one block. Later commits and reverts do not disturb it; it holds a snapshot, so drop it when the work is
/// done.
#[derive(Debug)]
pub struct StateAdapter<'a> {
    view: StateView<'a>,
}

impl<'a> StateAdapter<'a> {
    /// The state at the head: what the next block executes on.
    ///
    /// # Errors
    /// Before genesis is written, or if the disk refuses.
    pub fn head(store: &'a Store) -> Result<Self, StorageError> {
        Ok(Self { view: store.view()? })
    }

    /// The state after the block at `height`.
    ///
    /// # Errors
    /// If there is no such block, if its state is not kept any more, or if the disk refuses.
    pub fn at(store: &'a Store, height: Height) -> Result<Self, StorageError> {
        Ok(Self { view: store.view_at(height)? })
    }

    /// Whether the state has its trie, so that something of it can be proven.
    ///
    /// # Errors
    /// [`StorageError::TriePruned`] if not.
    pub const fn has_trie(&self) -> Result<(), StorageError> {
        self.view.has_trie()
    }

    /// The block whose state this is.
    #[must_use]
    pub const fn block(&self) -> BlockRef {
        self.view.head()
    }
}

/// [`StateAdapter`] for a view that is lent, as that of a pinned state is.
#[derive(Clone, Copy, Debug)]
pub struct LentState<'v, 'a> {
    view: &'v StateView<'a>,
}

impl<'v, 'a> LentState<'v, 'a> {
    /// The state that `view` shows.
    #[must_use]
    pub const fn new(view: &'v StateView<'a>) -> Self {
        Self { view }
    }
}

impl StateReader for LentState<'_, '_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.view.account(address).map_err(StateError::new)?.map(account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.view.slot(address, slot).map_err(StateError::new)
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
        self.view.code(code_hash).map_err(StateError::new)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.view.block_hash(Height(number)).map_err(StateError::new)
    }

    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError> {
        self.view.trie_node(&key.to_bytes()).map_err(StateError::new)
    }
}

impl StateReader for StateAdapter<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        LentState::new(&self.view).account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        LentState::new(&self.view).storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
        LentState::new(&self.view).code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        LentState::new(&self.view).block_hash(number)
    }

    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError> {
        LentState::new(&self.view).trie_node(key)
    }
}

const fn account(stored: StoredAccount) -> Account {
    let StoredAccount { nonce, balance, code_hash, storage_root } = stored;
    Account { nonce, balance, code_hash, storage_root }
}
