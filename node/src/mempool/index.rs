//! The pool's transactions by hash, shared with everyone who looks them up.

use super::transaction::PooledTransaction;
use alloy_primitives::B256;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

const SHARDS: usize = 16;

/// The transactions of the pool by hash. Written by the pool only.
///
/// Split into shards by hash, so that readers rarely wait for the pool.
#[derive(Debug)]
pub struct TransactionIndex {
    shards: [RwLock<HashMap<B256, Arc<PooledTransaction>>>; SHARDS],
}

impl Default for TransactionIndex {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::default()) }
    }
}

impl TransactionIndex {
    /// The transaction, if the pool has it.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// Whether the pool has it.
    #[must_use]
    pub fn contains(&self, hash: &B256) -> bool {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner).contains_key(hash)
    }

    pub(super) fn insert(&self, transaction: Arc<PooledTransaction>) {
        let hash = transaction.hash();
        self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner).insert(hash, transaction);
    }

    pub(super) fn remove(&self, hash: &B256) {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }

    fn shard(&self, hash: &B256) -> &RwLock<HashMap<B256, Arc<PooledTransaction>>> {
        &self.shards[usize::from(hash[31]) % SHARDS]
    }
}
