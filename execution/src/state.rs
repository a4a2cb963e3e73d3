//! The state as execution sees it: what it reads, and what a block changes.

use std::{error::Error, fmt, sync::Arc};

use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{
    Address, B256, Bytes, U256,
    map::{AddressMap, B256Map, HashMap},
};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount};

use crate::trie::TrieKey;

/// An account of the state. Its storage and code are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Keccak of the code; that of no bytes for an account without code.
    pub code_hash: B256,
    /// Root of the storage trie; the empty root when nothing is stored.
    pub storage_root: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK_EMPTY, storage_root: EMPTY_ROOT_HASH }
    }
}

impl Account {
    /// Whether the account has neither nonce, balance nor code, so that it must not exist (EIP-161).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && !self.has_code()
    }

    /// Whether the account has code, a delegation (EIP-7702) included.
    #[must_use]
    pub fn has_code(&self) -> bool {
        self.code_hash != KECCAK_EMPTY
    }

    /// The account as it is hashed into the account trie.
    #[must_use]
    pub const fn to_trie_account(&self) -> TrieAccount {
        TrieAccount::new(self.nonce, self.balance, self.storage_root, self.code_hash)
    }
}

/// A failure to read the state. It says nothing about any block: the reader cannot tell.
#[derive(Clone, Debug)]
pub struct StateError(Arc<dyn Error + Send + Sync>);

impl StateError {
    /// Wraps the failure of a state reader.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the state: {}", self.0)
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl revm::database_interface::DBErrorMarker for StateError {}

/// Reads one consistent state: that after a certain block.
///
/// An error means that the state could not be read; what does not exist is `None` or zero.
pub trait StateReader: Send + Sync {
    /// The account at `address`.
    fn account(&self, address: Address) -> Result<Option<Account>, StateError>;

    /// The value of a storage slot; zero when absent.
    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError>;

    /// Code by its keccak hash.
    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError>;

    /// The hash of the block of this chain at height `number`. The last 256 blocks must be known.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError>;

    /// The encoding of the persisted trie node under `key`.
    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError>;
}

/// What a block changes, as new values. It is applied to the state of the block's parent.
#[derive(Clone, Debug, Default)]
pub struct StateDiff {
    /// Accounts by address; `None` removes the account.
    pub accounts: AddressMap<Option<Account>>,
    /// Storage by address and slot; zero removes the slot.
    pub storage: HashMap<(Address, U256), U256>,
    /// New code by hash. Code is never removed.
    pub code: B256Map<Bytes>,
    /// Trie nodes; `None` removes the node.
    pub trie_nodes: HashMap<TrieKey, Option<Bytes>>,
}

impl StateDiff {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.storage.is_empty() && self.code.is_empty() && self.trie_nodes.is_empty()
    }
}
