//! Consistent views of the state: at the head, and at older heights.

use crate::{
    database::{Read, Snapshot},
    error::StorageError,
    history::History,
    prune,
    records::{StoredAccount, StoredHeader},
    state_history,
    store::Store,
    tables::{Table, height_key, meta, slot_key},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::types::{BlockRef, Height};
use std::fmt;

/// The state after one block. Later commits and reverts do not disturb it.
///
/// It holds a snapshot of the database, which keeps old values on disk: drop it when the work is done.
pub struct StateView<'a> {
    snapshot: Snapshot<'a>,
    block: BlockRef,
    past: Past,
}

/// Where what changed since the block is read from.
enum Past {
    /// Nothing changed: it is the head.
    None,
    /// From the undo records.
    Undo(History),
    /// From the history index; the trie from the undo records, if they reach so far.
    Index {
        trie: Option<History>,
        /// The lowest height whose trie they give.
        oldest: Height,
    },
}

impl Store {
    /// The state at the head.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] before genesis is written, or if the disk refuses.
    pub fn view(&self) -> Result<StateView<'_>, StorageError> {
        let snapshot = self.database().snapshot();
        let block = snapshot.get(Table::Meta, meta::HEAD)?.ok_or(StorageError::NotInitialized)?;
        Ok(StateView { snapshot, block, past: Past::None })
    }

    /// The state after the block at `height`. Every account and slot costs one look into the history index. Below where that
    /// begins, and for trie nodes, the undo records between that block and the head are read as far as the looked up keys
    /// need them, and stay in memory while the view lives: callers that serve strangers bound how far they go back
    /// ([`Store::kept`] tells what is indexed).
    ///
    /// # Errors
    /// [`StorageError::BeyondHead`] above the head, [`StorageError::HistoryPruned`] if neither index nor undo records
    /// reach so far, [`StorageError::NotInitialized`] before genesis is written, or if the disk refuses.
    pub fn view_at(&self, height: Height) -> Result<StateView<'_>, StorageError> {
        let mut view = self.view()?;
        let head = view.block;
        if height > head.height {
            return Err(StorageError::BeyondHead { height, head });
        }
        if height < head.height {
            let first = height.next();
            let undone = prune::oldest_undone(&view.snapshot)?.unwrap_or(head.height);
            let indexed = state_history::from(&view.snapshot)?.unwrap_or(head.height);
            let history = (height >= undone).then(|| History::new(first, head.height));
            view.past = match history {
                trie if height >= indexed => Past::Index { trie, oldest: undone },
                Some(history) => Past::Undo(history),
                None => return Err(StorageError::HistoryPruned { height, oldest: indexed.min(undone) }),
            };
            let hash = view.block_hash(height)?;
            let hash =
                hash.ok_or_else(|| self.database().corrupt(format!("the header of block {height} is missing")))?;
            view.block = BlockRef { height, hash };
        }
        Ok(view)
    }
}

impl<'a> StateView<'a> {
    /// What it reads from.
    pub(crate) const fn snapshot(&self) -> &Snapshot<'a> {
        &self.snapshot
    }

    /// The block whose state this is.
    #[must_use]
    pub const fn head(&self) -> BlockRef {
        self.block
    }

    /// An account; none if it does not exist.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn account(&self, address: Address) -> Result<Option<StoredAccount>, StorageError> {
        let old = match &self.past {
            Past::None => None,
            Past::Undo(history) => history.account(&self.snapshot, address)?,
            Past::Index { .. } => state_history::account(&self.snapshot, address, self.block.height)?,
        };
        if let Some(old) = old {
            return Ok(old);
        }
        self.snapshot.get(Table::Accounts, address.as_slice())
    }

    /// The value of a storage slot; zero if it is not set.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        let old = match &self.past {
            Past::None => None,
            Past::Undo(history) => history.slot(&self.snapshot, address, slot)?,
            Past::Index { .. } => state_history::slot(&self.snapshot, address, slot, self.block.height)?,
        };
        if let Some(old) = old {
            return Ok(old);
        }
        Ok(self.snapshot.get(Table::Slots, &slot_key(address, slot))?.unwrap_or_default())
    }

    /// The code with a hash. Code is named by its content: that of later blocks may be found as well.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn code(&self, hash: B256) -> Result<Option<Bytes>, StorageError> {
        self.snapshot.get(Table::Code, hash.as_slice())
    }

    /// The trie node under the caller's key.
    ///
    /// # Errors
    /// As [`StateView::has_trie`], or if the disk refuses or the database is damaged.
    pub fn trie_node(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        self.has_trie()?;
        if let Past::Undo(history) | Past::Index { trie: Some(history), .. } = &self.past
            && let Some(old) = history.trie_node(&self.snapshot, key)?
        {
            return Ok(old);
        }
        self.snapshot.get(Table::Trie, key)
    }

    /// Whether the state has its trie: an archive keeps accounts and slots for ever, trie nodes only as long as undo records.
    ///
    /// # Errors
    /// [`StorageError::TriePruned`] if not.
    pub const fn has_trie(&self) -> Result<(), StorageError> {
        match self.past {
            Past::Index { trie: None, oldest } => Err(StorageError::TriePruned { height: self.block.height, oldest }),
            Past::None | Past::Undo(_) | Past::Index { trie: Some(_), .. } => Ok(()),
        }
    }

    /// The hash of the block at a height; none above [`StateView::head`].
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn block_hash(&self, height: Height) -> Result<Option<B256>, StorageError> {
        if height > self.block.height {
            return Ok(None);
        }
        Ok(self.snapshot.get::<StoredHeader>(Table::Headers, &height_key(height))?.map(|header| header.hash))
    }
}

impl fmt::Debug for StateView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateView({})", self.block)
    }
}
