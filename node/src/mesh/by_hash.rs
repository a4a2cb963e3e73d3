//! Answers to peers that ask for transactions or blocks by their hashes.

use crate::{chain::RecentBlocks, mempool::PoolHandle};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes};
use baton_consensus::types::{Height, SealedBlock, SignedBlock};
use baton_network::{
    BlocksByHash, Branch, BranchBlock, FoundTransactions, MAX_FOUND_BYTES, MAX_SEGMENT_BYTES, Responder, Response,
    TransactionsByHash,
};
use baton_storage::{StorageError, Store, StoredBlock};
use std::{collections::HashMap, sync::Arc};
use tracing::{debug, warn};

/// The encoding of an answer is a little longer than what is in it.
const TRANSACTIONS_BUDGET: usize = MAX_FOUND_BYTES / 8 * 7;
const BRANCH_BUDGET: usize = MAX_SEGMENT_BYTES / 8 * 7;

/// Transactions that are looked for on the disk for one request: those of blocks in flight are in memory.
const DISK_LOOK_UPS: usize = 1_024;

/// Blocks that are read off the disk for one request for transactions.
const DISK_BLOCKS: usize = 8;

/// Hands transactions out: from the pool, from the blocks of the last moments, and from the chain.
pub(super) fn serve_transactions(
    pool: &PoolHandle,
    recent: &RecentBlocks,
    store: &Store,
    request: &TransactionsByHash,
    responder: Responder,
) {
    let (mut found, mut bytes) = (FoundTransactions::default(), 0);
    let mut disk = Disk { store, look_ups: 0, blocks: HashMap::new() };
    for hash in &request.hashes {
        let pooled = pool.find(hash).map(|pooled| pooled.raw().clone());
        let recent = || recent.transaction(hash).map(|transaction| Bytes::from(transaction.encoded_2718()));
        let Some(raw) = pooled.or_else(recent).or_else(|| disk.transaction(*hash)) else { continue };
        bytes += raw.len();
        if bytes > TRANSACTIONS_BUDGET {
            break;
        }
        found.transactions.push(raw);
    }
    if let Err(error) = responder.respond(&Response::TransactionsByHash(found)) {
        debug!(%error, "could not serve transactions");
    }
}

/// The chain on the disk, as far as one request may read it.
struct Disk<'a> {
    store: &'a Store,
    look_ups: usize,
    blocks: HashMap<Height, Option<StoredBlock>>,
}

impl Disk<'_> {
    fn transaction(&mut self, hash: B256) -> Option<Bytes> {
        if self.look_ups >= DISK_LOOK_UPS {
            return None;
        }
        self.look_ups += 1;
        let location = self.store.transaction_location(hash).ok()??;
        if !self.blocks.contains_key(&location.height) && self.blocks.len() >= DISK_BLOCKS {
            return None;
        }
        let block = self.blocks.entry(location.height);
        let block = block.or_insert_with(|| self.store.block(location.height).ok().flatten()).as_ref()?;
        let transaction = block.block.body.transactions.get(location.index as usize)?;
        (*transaction.tx_hash() == hash).then(|| transaction.encoded_2718().into())
    }
}

/// Hands a block and its ancestors out, wherever they are: in the chain, beside it, or not sealed yet.
pub(super) fn serve_branch(recent: &RecentBlocks, store: &Store, request: BlocksByHash, responder: Responder) {
    match branch(recent, store, request) {
        Ok(branch) => {
            if let Err(error) = responder.respond(&Response::BlocksByHash(branch)) {
                debug!(%error, "could not serve blocks");
            }
        }
        Err(error) => warn!(%error, "cannot read blocks for a peer"),
    }
}

fn branch(recent: &RecentBlocks, store: &Store, request: BlocksByHash) -> Result<Branch, StorageError> {
    let (mut branch, mut bytes, mut next) = (Branch::default(), 0, request.hash);
    while branch.blocks.len() < request.count as usize {
        let Some(block) = find(recent, store, next)? else { break };
        bytes += alloy_rlp::Encodable::length(&block.block.block) + 512;
        if bytes > BRANCH_BUDGET && !branch.blocks.is_empty() {
            break;
        }
        next = block.block.block.header.parent_hash;
        branch.blocks.push(block);
    }
    let mut terms: Vec<_> = branch.blocks.iter().filter_map(|block| block.block.position()).collect();
    terms.reverse();
    terms.dedup_by_key(|position| (position.era, position.term));
    for position in terms {
        let announcements = store.announcements_of(position.era, position.term)?;
        let certificates = store.certificates_of(position.era, position.term)?;
        let longer = announcements.iter().map(|signed| 256 + 32 * signed.message.skipped.len()).sum::<usize>()
            + certificates.iter().map(|certificate| 1024 + 512 * certificate.reports.len()).sum::<usize>();
        // Without their schedule the blocks are of no use, but the asker may have it.
        bytes += longer;
        if bytes > BRANCH_BUDGET {
            break;
        }
        branch.announcements.extend(announcements);
        branch.certificates.extend(certificates.into_iter().map(Arc::new));
    }
    Ok(branch)
}

fn find(recent: &RecentBlocks, store: &Store, hash: B256) -> Result<Option<BranchBlock>, StorageError> {
    if let Some(SealedBlock { block, seal }) = store.sealed_block_by_hash(hash)? {
        return Ok(Some(BranchBlock { block, seal: Some(seal) }));
    }
    let found = recent.block(&hash);
    Ok(found.map(|(block, seal)| BranchBlock { block: SignedBlock::clone(&block), seal }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_consensus::{
        messages::Seal,
        signing::{Signature, Signed},
        types::{Block, Era, Term},
    };
    use baton_storage::StoreOptions;

    fn block(height: u64, parent: B256) -> SignedBlock {
        let mut block = Block::default();
        (block.header.number, block.header.parent_hash) = (height, parent);
        SignedBlock { block, signature: Signature::ZERO }
    }

    /// One block left the chain with its seal, another on top of it has none yet: neither is on the disk.
    #[test]
    fn a_branch_beside_the_chain_is_served_highest_first() {
        let directory = tempfile::tempdir().unwrap();
        let small = StoreOptions { cache_bytes: 8 << 20, write_buffer_bytes: 16 << 20, ..StoreOptions::default() };
        let store = Store::open(directory.path(), &small).unwrap();
        let recent = RecentBlocks::default();
        let low = block(5, B256::repeat_byte(4));
        let hash = low.block.header.hash_slow();
        let message = Seal { era: Era(0), term: Term(1), height: Height(5), hash };
        let seal = Signed { message, signature: Signature::ZERO };
        recent.keep_beside(&SealedBlock { block: low.clone(), seal: seal.clone() });
        let high = Arc::new(block(6, hash));
        recent.note_own(&high);
        let ask = |hash, count| branch(&recent, &store, BlocksByHash { hash, count }).unwrap().blocks;
        let top = high.block.header.hash_slow();
        let served = ask(top, 64);
        let high = BranchBlock { block: (*high).clone(), seal: None };
        assert_eq!(served, [high.clone(), BranchBlock { block: low, seal: Some(seal) }]);
        assert_eq!(ask(top, 1), [high]);
        assert!(ask(B256::repeat_byte(9), 64).is_empty());
    }
}
