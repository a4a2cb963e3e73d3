//! The pool's transactions by hash, shared with everyone who looks them up.

use super::transaction::PooledTransaction;
use alloy_primitives::B256;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

const SHARDS: usize = 16;

/// Transactions that have left the pool and are remembered, for each shard.
const LEFT_LATELY: usize = 1_024;

/// What they may take, in bytes of their encodings, for each shard.
const LEFT_LATELY_BYTES: usize = 1 << 20;

/// The transactions of the pool by hash. Written by the pool only.
///
/// Split into shards by hash, so that readers rarely wait for the pool.
#[derive(Debug)]
pub struct TransactionIndex {
    shards: [RwLock<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    held: HashMap<B256, Arc<PooledTransaction>>,
    left: Left,
}

/// What has left the pool lately: another node's pool may have it still, and put it into a block.
#[derive(Debug, Default)]
struct Left {
    transactions: HashMap<B256, Arc<PooledTransaction>>,
    order: VecDeque<Arc<PooledTransaction>>,
    bytes: usize,
}

impl Left {
    fn push(&mut self, transaction: Arc<PooledTransaction>) {
        if self.transactions.insert(transaction.hash(), transaction.clone()).is_some() {
            return;
        }
        self.bytes += transaction.size();
        self.order.push_back(transaction);
        while self.order.len() > LEFT_LATELY || self.bytes > LEFT_LATELY_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= oldest.size();
            self.transactions.remove(&oldest.hash());
        }
    }
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
        self.read(hash).held.get(hash).cloned()
    }

    /// The transaction, if the pool has it or had it lately: included, replaced or driven out since.
    #[must_use]
    pub fn find(&self, hash: &B256) -> Option<Arc<PooledTransaction>> {
        let shard = self.read(hash);
        shard.held.get(hash).or_else(|| shard.left.transactions.get(hash)).cloned()
    }

    /// Whether the pool has it.
    #[must_use]
    pub fn contains(&self, hash: &B256) -> bool {
        self.read(hash).held.contains_key(hash)
    }

    pub(super) fn insert(&self, transaction: Arc<PooledTransaction>) {
        let hash = transaction.hash();
        self.write(&hash).held.insert(hash, transaction);
    }

    pub(super) fn remove(&self, hash: &B256) {
        let mut shard = self.write(hash);
        if let Some(transaction) = shard.held.remove(hash) {
            shard.left.push(transaction);
        }
    }

    fn read(&self, hash: &B256) -> RwLockReadGuard<'_, Shard> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: &B256) -> RwLockWriteGuard<'_, Shard> {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, hash: &B256) -> &RwLock<Shard> {
        &self.shards[usize::from(hash[31]) % SHARDS]
    }
}
