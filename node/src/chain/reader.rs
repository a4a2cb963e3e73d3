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
    /// If the disk refuses or the database is damaged.
    pub fn header(&self, id: BlockId) -> Result<Option<Sealed<Header>>, ChainError> {
        let Some(height) = self.height(id)? else { return Ok(None) };
        Ok(self.header_at(height)?.filter(|header| matches(id, header.hash())))
    }

    /// The header at a height, with its hash.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn header_at(&self, height: Height) -> Result<Option<Sealed<Header>>, ChainError> {
        let header = self.store().header(height)?;
        Ok(header.map(|StoredHeader { hash, header }| Sealed::new_unchecked(header, hash)))
    }

    /// A block with its senders and receipts.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn block(&self, id: BlockId) -> Result<Option<Arc<BlockWithReceipts>>, ChainError> {
        let Some(header) = self.header(id)? else { return Ok(None) };
        if let Some(block) = self.cache().get(&header.hash()) {
            return Ok(Some(Arc::clone(block)));
        }
        let block = self.load(Height(header.number))?.map(Arc::new);
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
    /// If the disk refuses or the database is damaged.
    pub fn load(&self, height: Height) -> Result<Option<BlockWithReceipts>, ChainError> {
        let Some(StoredBlock { block, senders, seal: _ }) = self.store().block(height)? else { return Ok(None) };
        let Some(receipts) = self.store().receipts(height)? else { return Ok(None) };
        let Some(hash) = self.store().block_hash(height)? else { return Ok(None) };
        // The three are read one after another: a revert in between shows as parts that do not fit.
        let fits = block.header.hash_slow() == hash && receipts.len() == senders.len();
        Ok(fits.then(|| BlockWithReceipts { block: Arc::new(RecoveredBlock { hash, block, senders }), receipts }))
    }

    /// The block that holds a transaction, and the transaction's index in it.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn transaction(&self, hash: B256) -> Result<Option<(Arc<BlockWithReceipts>, usize)>, ChainError> {
        let Some(TransactionLocation { height, index }) = self.store().transaction_location(hash)? else {
            return Ok(None);
        };
        let Some(block) = self.block(BlockId::number(height.0))? else { return Ok(None) };
        let index = index as usize;
        let found = block.block.block.body.transactions.get(index).is_some_and(|tx| *tx.tx_hash() == hash);
        Ok(found.then_some((block, index)))
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

/// Whether a block that was found by `id` has the hash that `id` names, if it names one.
fn matches(id: BlockId, hash: B256) -> bool {
    id.as_block_hash().is_none_or(|wanted| wanted == hash)
}
