//! Blocks of the last moments, on whatever branch: what peers ask for that came by hash, and what comes twice.

use alloy_primitives::B256;
use alloy_rlp::Encodable;
use baton_consensus::{
    messages::Seal,
    signing::Signed,
    types::{Height, SealedBlock, SignedBlock, Transaction, VerifiedBlock},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tracing::debug;

/// Blocks that passed by and are remembered: at blocks of a quarter of a second, half a minute.
const PASSING: usize = 128;

/// Blocks that left the chain and are kept beside it: as many as the core keeps of one branch.
const BESIDE: usize = 64;

/// What the blocks of either kind may take, in bytes of RLP.
const MAX_BYTES: usize = 64 << 20;

/// The newest blocks that this node built, received or took back. Cheap to clone.
///
/// Bounded in blocks and bytes; the oldest make way. What is passed on to others is noted here before, so that they can ask
/// for what they lack of it. Blocks that left the chain are kept apart until something final is above them: this node may
/// have voted for them, and a later term may have to build on them.
#[derive(Clone, Debug)]
pub struct RecentBlocks {
    passing: Arc<Mutex<Memory>>,
    beside: Arc<Mutex<Memory>>,
}

impl Default for RecentBlocks {
    fn default() -> Self {
        Self { passing: Arc::new(Mutex::new(Memory::new(PASSING))), beside: Arc::new(Mutex::new(Memory::new(BESIDE))) }
    }
}

impl RecentBlocks {
    /// A block that a peer sent. `scripts/bench.sh network` reads the event.
    pub fn note(&self, block: &VerifiedBlock) {
        let signed = Arc::clone(block.signed());
        debug!(height = signed.block.header.number, hash = %block.hash(), "whole");
        lock(&self.passing).insert(block.hash(), Entry { signed, verified: Some(block.clone()), seal: None });
    }

    /// A block that this node built.
    pub fn note_own(&self, signed: &Arc<SignedBlock>) {
        let hash = signed.block.header.hash_slow();
        lock(&self.passing).insert(hash, Entry { signed: Arc::clone(signed), verified: None, seal: None });
    }

    /// A block that left the chain.
    pub fn keep_beside(&self, SealedBlock { block, seal }: &SealedBlock) {
        let entry = Entry { signed: Arc::new(block.clone()), verified: None, seal: Some(seal.clone()) };
        lock(&self.beside).insert(seal.message.hash, entry);
    }

    /// Nobody builds any more on what left the chain at this height or below.
    pub fn finalized(&self, height: Height) {
        lock(&self.beside).forget(|block| block.block.header.number <= height.0);
    }

    /// A block that a peer sent, as it was verified.
    #[must_use]
    pub fn verified(&self, hash: &B256) -> Option<VerifiedBlock> {
        lock(&self.passing).blocks.get(hash)?.verified.clone()
    }

    /// A block, with its seal if it left the chain.
    #[must_use]
    pub fn block(&self, hash: &B256) -> Option<(Arc<SignedBlock>, Option<Signed<Seal>>)> {
        let found = |entry: &Entry| (Arc::clone(&entry.signed), entry.seal.clone());
        let beside = lock(&self.beside).blocks.get(hash).map(found);
        beside.or_else(|| lock(&self.passing).blocks.get(hash).map(found))
    }

    /// A transaction of one of the blocks.
    #[must_use]
    pub fn transaction(&self, hash: &B256) -> Option<Transaction> {
        let passing = lock(&self.passing).transaction(hash);
        passing.or_else(|| lock(&self.beside).transaction(hash))
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Entry {
    signed: Arc<SignedBlock>,
    verified: Option<VerifiedBlock>,
    seal: Option<Signed<Seal>>,
}

#[derive(Debug)]
struct Memory {
    most: usize,
    blocks: HashMap<B256, Entry>,
    /// Oldest first, with their bytes.
    order: VecDeque<(B256, usize)>,
    bytes: usize,
    /// In which block a transaction is, and at which place.
    transactions: HashMap<B256, (B256, usize)>,
}

impl Memory {
    fn new(most: usize) -> Self {
        Self { most, blocks: HashMap::new(), order: VecDeque::new(), bytes: 0, transactions: HashMap::new() }
    }

    fn insert(&mut self, hash: B256, entry: Entry) {
        if let Some(known) = self.blocks.get_mut(&hash) {
            if known.verified.is_none() {
                known.verified = entry.verified;
            }
            return;
        }
        let bytes = entry.signed.block.length();
        for (place, transaction) in entry.signed.block.body.transactions.iter().enumerate() {
            self.transactions.insert(*transaction.tx_hash(), (hash, place));
        }
        self.blocks.insert(hash, entry);
        self.order.push_back((hash, bytes));
        self.bytes += bytes;
        while self.order.len() > self.most || self.bytes > MAX_BYTES {
            let Some((oldest, bytes)) = self.order.pop_front() else { break };
            self.remove(oldest, bytes);
        }
    }

    fn forget(&mut self, is_over: impl Fn(&SignedBlock) -> bool) {
        let over = |(hash, _): &(B256, usize)| self.blocks.get(hash).is_none_or(|entry| is_over(&entry.signed));
        let (gone, kept) = self.order.iter().copied().partition::<VecDeque<_>, _>(over);
        self.order = kept;
        for (hash, bytes) in gone {
            self.remove(hash, bytes);
        }
    }

    fn remove(&mut self, hash: B256, bytes: usize) {
        self.bytes -= bytes;
        let Some(entry) = self.blocks.remove(&hash) else { return };
        for transaction in &entry.signed.block.body.transactions {
            // It may be in a newer block as well.
            if self.transactions.get(transaction.tx_hash()).is_some_and(|(block, _)| *block == hash) {
                self.transactions.remove(transaction.tx_hash());
            }
        }
    }

    fn transaction(&self, hash: &B256) -> Option<Transaction> {
        let (block, place) = self.transactions.get(hash)?;
        self.blocks.get(block)?.signed.block.body.transactions.get(*place).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Signature, U256};
    use baton_consensus::{
        signing::Signature as OperatorSignature,
        types::{Block, Era, Term},
    };

    fn transaction(nonce: u64) -> Transaction {
        let signature = Signature::new(U256::from(nonce + 1), U256::from(2), false);
        TxEip1559 { chain_id: 7, nonce, ..TxEip1559::default() }.into_signed(signature).into()
    }

    fn block(height: u64, nonces: &[u64]) -> Arc<SignedBlock> {
        let mut block = Block::default();
        block.header.number = height;
        block.body.transactions = nonces.iter().copied().map(transaction).collect();
        Arc::new(SignedBlock { block, signature: OperatorSignature::ZERO })
    }

    fn sealed(block: &SignedBlock) -> SealedBlock {
        let (height, hash) = (Height(block.block.header.number), block.block.header.hash_slow());
        let message = Seal { era: Era(0), term: Term(1), height, hash };
        SealedBlock { block: block.clone(), seal: Signed { message, signature: OperatorSignature::ZERO } }
    }

    #[test]
    fn the_oldest_make_way_and_take_their_transactions_along() {
        let recent = RecentBlocks::default();
        // The second block has the first one's transaction as well: a rival.
        recent.note_own(&block(1, &[1, 2]));
        recent.note_own(&block(2, &[2]));
        let hash = |nonce| *transaction(nonce).tx_hash();
        assert_eq!(recent.transaction(&hash(1)), Some(transaction(1)));
        for height in 3..=PASSING as u64 + 1 {
            recent.note_own(&block(height, &[height]));
        }
        assert_eq!(recent.transaction(&hash(1)), None);
        assert_eq!(recent.transaction(&hash(2)), Some(transaction(2)));
        assert!(recent.block(&block(1, &[1, 2]).block.header.hash_slow()).is_none());
        let memory = lock(&recent.passing);
        assert_eq!((memory.blocks.len(), memory.order.len()), (PASSING, PASSING));
        assert_eq!(memory.transactions.len(), PASSING);
    }

    #[test]
    fn what_left_the_chain_stays_until_something_final_is_above_it() {
        let recent = RecentBlocks::default();
        let (low, high) = (sealed(&block(5, &[1])), sealed(&block(6, &[2])));
        recent.keep_beside(&low);
        recent.keep_beside(&high);
        let found = recent.block(&high.seal.message.hash).unwrap();
        assert_eq!((&*found.0, found.1), (&high.block, Some(high.seal.clone())));
        recent.finalized(Height(5));
        assert!(recent.block(&low.seal.message.hash).is_none());
        assert!(recent.block(&high.seal.message.hash).is_some());
        assert!(recent.transaction(transaction(1).tx_hash()).is_none());
    }
}
