//! Consistent views of the state: at the head, and at older heights.

use crate::{
    database::{Read, Snapshot},
    error::StorageError,
    history::History,
    records::{StoredAccount, StoredHeader},
    store::Store,
    tables::{Table, height_key, meta, slot_key},
    undo,
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
    history: Option<History>,
}

impl Store {
    /// The state at the head.
    ///
    /// # Errors
    /// [`StorageError::NotInitialized`] before genesis is written, or if the disk refuses.
    pub fn view(&self) -> Result<StateView<'_>, StorageError> {
        let snapshot = self.database().snapshot();
        let block = snapshot.get(Table::Meta, meta::HEAD)?.ok_or(StorageError::NotInitialized)?;
        Ok(StateView { snapshot, block, history: None })
    }

    /// The state after the block at `height`. It reads the undo records between that block and the head as far as the
    /// looked up keys need them, and keeps them in memory while the view lives: callers that serve strangers bound how
    /// far they go back.
    ///
    /// # Errors
    /// [`StorageError::BeyondHead`] above the head, [`StorageError::HistoryPruned`] if the undo records do not reach so
    /// far, [`StorageError::NotInitialized`] before genesis is written, or if the disk refuses.
    pub fn view_at(&self, height: Height) -> Result<StateView<'_>, StorageError> {
        let mut view = self.view()?;
        let head = view.block;
        if height > head.height {
            return Err(StorageError::BeyondHead { height, head });
        }
        if height < head.height {
            let first = height.next();
            if !undo::is_kept(&view.snapshot, first)? {
                let kept = view.snapshot.get::<Height>(Table::Meta, meta::UNDO_FROM)?;
                let oldest = kept.map_or(head.height, Height::previous);
                return Err(StorageError::HistoryPruned { height, oldest });
            }
            let hash = view.block_hash(height)?;
            let hash =
                hash.ok_or_else(|| self.database().corrupt(format!("the header of block {height} is missing")))?;
            view.block = BlockRef { height, hash };
            view.history = Some(History::new(first, head.height));
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
        if let Some(history) = &self.history
            && let Some(old) = history.account(&self.snapshot, address)?
        {
            return Ok(old);
        }
        self.snapshot.get(Table::Accounts, address.as_slice())
    }

    /// The value of a storage slot; zero if it is not set.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn slot(&self, address: Address, slot: U256) -> Result<U256, StorageError> {
        if let Some(history) = &self.history
            && let Some(old) = history.slot(&self.snapshot, address, slot)?
        {
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
    /// If the disk refuses or the database is damaged.
    pub fn trie_node(&self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if let Some(history) = &self.history
            && let Some(old) = history.trie_node(&self.snapshot, key)?
        {
            return Ok(old);
        }
        self.snapshot.get(Table::Trie, key)
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
