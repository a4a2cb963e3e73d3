//! Who signed which transaction, so that no signature is recovered twice.

use super::recent::Generations;
use alloy_primitives::{Address, B256};
use std::sync::{PoisonError, RwLock};

const SHARDS: usize = 16;

/// Signers by transaction hash, for all transactions that this node saw lately, whether the pool took them or not.
///
/// A hash covers the signature, so an entry is true forever. Bounded: the older half is forgotten at once.
#[derive(Debug)]
pub struct SenderCache {
    shards: [RwLock<Generations<B256, Address>>; SHARDS],
}

impl SenderCache {
    /// A cache for at least this many signers, at most twice as many.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { shards: std::array::from_fn(|_| RwLock::new(Generations::new(capacity.div_ceil(SHARDS)))) }
    }

    /// The signer of a transaction.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<Address> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner).get(hash).copied()
    }

    /// Remembers a signer that was recovered from a transaction of this hash.
    pub fn insert(&self, hash: B256, signer: Address) {
        self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner).insert(hash, signer);
    }

    fn shard(&self, hash: &B256) -> &RwLock<Generations<B256, Address>> {
        &self.shards[usize::from(hash[31]) % SHARDS]
    }
}
