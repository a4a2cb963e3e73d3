//! Questions about the chain.

use super::{BlockWithReceipts, ChainError, RecoveredBlock, StateAdapter};
use alloy_consensus::Header;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Sealed};
use baton_consensus::types::{BlockRef, Height};
use baton_execution::ChainSpec;
use baton_storage::{StorageError, Store, StoredBlock, StoredHeader, TransactionLocation};
use lru::LruCache;
use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// How many blocks with receipts stay decoded: receipts and transactions of fresh blocks are asked for one by one.
const CACHED_BLOCKS: NonZeroUsize = NonZeroUsize::new(32).expect("32 is not zero");

/// The read side of the chain. Cheap to clone. Every method but the pointers blocks for disk access.
#[derive(Clone)]
pub struct ChainReader {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    spec: ChainSpec,
    safe: RwLock<BlockRef>,
    cache: Mutex<LruCache<B256, Arc<BlockWithReceipts>>>,
}

impl ChainReader {
    /// Reads `store`, whose blocks follow `spec`.
    #[must_use]
    pub fn new(store: Store, spec: ChainSpec) -> Self {
        let safe = RwLock::new(BlockRef::default());
        let cache = Mutex::new(LruCache::new(CACHED_BLOCKS));
        Self { inner: Arc::new(Inner { store, spec, safe, cache }) }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The rules of the chain.
    #[must_use]
    pub fn spec(&self) -> &ChainSpec {
        &self.inner.spec
    }

    /// The sealed head.
    #[must_use]
    pub fn head(&self) -> BlockRef {
        self.store().head()
    }

    /// The newest final block.
    #[must_use]
    pub fn finalized(&self) -> BlockRef {
        self.store().finalized()
    }

    /// Tells the newest block under a quorum certificate. The engine calls it; what is lower than before counts too, as such
    /// a block may be reverted.
    pub fn set_safe(&self, block: BlockRef) {
        *self.inner.safe.write().unwrap_or_else(PoisonError::into_inner) = block;
    }

    /// The newest block under a quorum certificate, or the newest final one if that is higher or the other is not in the
    /// chain (any more).
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn safe(&self) -> Result<BlockRef, ChainError> {
        let safe = *self.inner.safe.read().unwrap_or_else(PoisonError::into_inner);
        let finalized = self.finalized();
        if safe.height <= finalized.height || self.store().block_hash(safe.height)? != Some(safe.hash) {
            return Ok(finalized);
        }
        Ok(safe)
    }

    /// The height of the block that `id` means; none if it lies above the head or is in no block of the chain.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn height(&self, id: BlockId) -> Result<Option<Height>, ChainError> {
        let height = match id {
            BlockId::Hash(hash) => return Ok(self.store().height_of(hash.block_hash)?),
            BlockId::Number(BlockNumberOrTag::Number(number)) => Height(number),
            BlockId::Number(BlockNumberOrTag::Earliest) => Height(0),
            BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending) => self.head().height,
            BlockId::Number(BlockNumberOrTag::Safe) => self.safe()?.height,
            BlockId::Number(BlockNumberOrTag::Finalized) => self.finalized().height,
        };
        Ok(Some(height).filter(|height| *height <= self.head().height))
    }

    /// The header of a block, with its hash.
    ///
    /// # Errors
    /// [`ChainError::BlockPruned`] if the chain of this node begins above it, or if the disk refuses or the database is
    /// damaged.
    pub fn header(&self, id: BlockId) -> Result<Option<Sealed<Header>>, ChainError> {
        let Some(height) = self.height(id)? else { return Ok(None) };
        match self.header_at(height)? {
            Some(header) => Ok(Some(header).filter(|header| matches(id, header.hash()))),
            // One that was just taken back is above the head now.
            None if height <= self.head().height => Err(ChainError::BlockPruned { height }),
            None => Ok(None),
        }
    }

    /// The header at a height, with its hash.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn header_at(&self, height: Height) -> Result<Option<Sealed<Header>>, ChainError> {
        let header = self.store().header(height)?;
        Ok(header.map(|StoredHeader { hash, header }| Sealed::new_unchecked(header, hash)))
    }

    /// A block with its senders, whether its receipts are kept or not.
    ///
    /// # Errors
    /// [`ChainError::BlockPruned`], or if the disk refuses or the database is damaged.
    pub fn block_without_receipts(&self, id: BlockId) -> Result<Option<Arc<RecoveredBlock>>, ChainError> {
        match self.block(id) {
            Err(ChainError::ReceiptsPruned { height, .. }) => {
                let block = self.load_block(height)?.filter(|block| matches(id, block.hash));
                Ok(block.map(Arc::new))
            }
            block => Ok(block?.map(|block| Arc::clone(&block.block))),
        }
    }

    /// A block with its senders and receipts.
    ///
    /// # Errors
    /// [`ChainError::ReceiptsPruned`], [`ChainError::BlockPruned`], or if the disk refuses or the database is damaged.
    pub fn block(&self, id: BlockId) -> Result<Option<Arc<BlockWithReceipts>>, ChainError> {
        let Some(header) = self.header(id)? else { return Ok(None) };
        let (height, oldest) = (Height(header.number), self.store().oldest_receipts());
        if height < oldest {
            // Whether it is still in the cache makes no difference: the answer must not change from call to call.
            return Err(ChainError::ReceiptsPruned { height, oldest });
        }
        if let Some(block) = self.cache().get(&header.hash()) {
            return Ok(Some(Arc::clone(block)));
        }
        let block = self.load(height)?.map(Arc::new);
        if let Some(block) = &block {
            self.cache().put(block.block.hash, Arc::clone(block));
        }
        Ok(block.filter(|block| matches(id, block.block.hash)))
    }

    /// The head with its senders and receipts.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`] before genesis is written, or if the disk refuses.
    pub fn head_block(&self) -> Result<Arc<BlockWithReceipts>, ChainError> {
        let id = BlockId::latest();
        self.block(id)?.ok_or(ChainError::UnknownBlock(id))
    }

    /// A block with its senders and receipts, past the cache: for scans.
    ///
    /// # Errors
    /// [`ChainError::ReceiptsPruned`], [`ChainError::BlockPruned`], or if the disk refuses or the database is damaged.
    pub fn load(&self, height: Height) -> Result<Option<BlockWithReceipts>, ChainError> {
        let receipts = self.store().receipts(height)?;
        let Some(block) = self.load_block(height)? else { return Ok(None) };
        // Parts that do not fit come from a revert between the two reads.
        match receipts {
            Some(receipts) if receipts.len() == block.senders.len() => {
                Ok(Some(BlockWithReceipts { block: Arc::new(block), receipts }))
            }
            None if height <= self.finalized().height => {
                Err(ChainError::ReceiptsPruned { height, oldest: self.store().kept()?.receipts })
            }
            _ => Ok(None),
        }
    }

    fn load_block(&self, height: Height) -> Result<Option<RecoveredBlock>, ChainError> {
        let stored = self.store().block(height)?;
        let Some(hash) = self.store().block_hash(height)? else { return Ok(None) };
        match stored {
            // A revert in between shows as parts that do not fit.
            Some(StoredBlock { block, senders, seal: _ }) => {
                Ok((block.header.hash_slow() == hash).then_some(RecoveredBlock { hash, block, senders }))
            }
            // A header without a block: it was taken over for the sake of its hash.
            None if height <= self.finalized().height => Err(ChainError::BlockPruned { height }),
            None => Ok(None),
        }
    }

    /// The block that holds a transaction, and the transaction's index in it.
    ///
    /// # Errors
    /// [`ChainError::BlockPruned`], or if the disk refuses or the database is damaged.
    pub fn transaction(&self, hash: B256) -> Result<Option<(Arc<RecoveredBlock>, usize)>, ChainError> {
        let Some((id, index)) = self.place(hash)? else { return Ok(None) };
        let block = self.block_without_receipts(id)?;
        Ok(block.filter(|block| holds(block, index, hash)).map(|block| (block, index)))
    }

    /// The block with receipts that holds a transaction, and the transaction's index in it.
    ///
    /// # Errors
    /// [`ChainError::ReceiptsPruned`], [`ChainError::BlockPruned`], or if the disk refuses or the database is damaged.
    pub fn executed_transaction(&self, hash: B256) -> Result<Option<(Arc<BlockWithReceipts>, usize)>, ChainError> {
        let Some((id, index)) = self.place(hash)? else { return Ok(None) };
        let block = self.block(id)?;
        Ok(block.filter(|block| holds(&block.block, index, hash)).map(|block| (block, index)))
    }

    /// Where a transaction is, by the index.
    fn place(&self, hash: B256) -> Result<Option<(BlockId, usize)>, ChainError> {
        let location = self.store().transaction_location(hash)?;
        Ok(location.map(|TransactionLocation { height, index }| (BlockId::number(height.0), index as usize)))
    }

    /// The state after a block, with the block's header.
    ///
    /// # Errors
    /// [`ChainError::UnknownBlock`], [`StorageError::HistoryPruned`] if the state is not kept any more, or if the disk
    /// refuses.
    pub fn state(&self, id: BlockId) -> Result<(StateAdapter<'_>, Sealed<Header>), ChainError> {
        let unknown = || ChainError::UnknownBlock(id);
        let is_head = matches!(id, BlockId::Number(BlockNumberOrTag::Latest | BlockNumberOrTag::Pending));
        let state = if is_head {
            StateAdapter::head(self.store())?
        } else {
            let height = self.height(id)?.ok_or_else(unknown)?;
            match StateAdapter::at(self.store(), height) {
                // The head was taken back in between.
                Err(StorageError::BeyondHead { .. }) => return Err(unknown()),
                state => state?,
            }
        };
        let block = state.block();
        let header = self.header_at(block.height)?.filter(|header| header.hash() == block.hash).ok_or_else(unknown)?;
        if !matches(id, block.hash) {
            return Err(unknown());
        }
        Ok((state, header))
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, LruCache<B256, Arc<BlockWithReceipts>>> {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ChainReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainReader({:?})", self.store())
    }
}

/// Whether a block has this transaction at this place.
fn holds(block: &RecoveredBlock, index: usize, hash: B256) -> bool {
    block.block.body.transactions.get(index).is_some_and(|transaction| *transaction.tx_hash() == hash)
}

/// Whether a block that was found by `id` has the hash that `id` names, if it names one.
fn matches(id: BlockId, hash: B256) -> bool {
    id.as_block_hash().is_none_or(|wanted| wanted == hash)
}
