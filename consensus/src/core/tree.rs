//! The sealed head and the unsealed blocks above it. Fork choice: the seal decides; until then rivals are kept.

use crate::messages::Seal;
use crate::signing::Verified;
use crate::types::{BlockRef, Height, VerifiedBlock};
use alloy_primitives::B256;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Unsealed blocks are kept up to this far above the head.
pub const MAX_PENDING_HEIGHTS: u64 = 64;

/// Blocks kept at one height.
pub const MAX_RIVALS: usize = 2;

/// Committed blocks that are remembered.
const RECENT: usize = 64;

/// How far an unsealed block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its parent is not executed here.
    Waiting,
    /// It is being executed.
    Executing,
    /// It executes to what its header says.
    Executed,
}

#[derive(Clone, Debug)]
struct Pending {
    block: VerifiedBlock,
    progress: Progress,
}

/// The head and what may come above it.
#[derive(Debug)]
pub(super) struct BlockTree {
    head: BlockRef,
    head_timestamp: u64,
    pending: HashMap<B256, Pending>,
    seals: BTreeMap<Height, Verified<Seal>>,
    /// The newest committed blocks: their messages may still be on their way to others.
    recent: VecDeque<B256>,
}

impl BlockTree {
    pub(super) fn new(head: BlockRef, head_timestamp: u64) -> Self {
        Self { head, head_timestamp, pending: HashMap::new(), seals: BTreeMap::new(), recent: VecDeque::new() }
    }

    pub(super) const fn head(&self) -> BlockRef {
        self.head
    }

    /// The head's timestamp or an unsealed block's, in seconds.
    pub(super) fn timestamp_of(&self, block: B256) -> Option<u64> {
        if block == self.head.hash {
            return Some(self.head_timestamp);
        }
        self.pending.get(&block).map(|pending| pending.block.signed().block.header.timestamp)
    }

    pub(super) fn contains(&self, hash: B256) -> bool {
        self.head.hash == hash || self.pending.contains_key(&hash)
    }

    /// Whether this block was just committed.
    pub(super) fn is_recent(&self, hash: B256) -> bool {
        self.recent.contains(&hash)
    }

    pub(super) fn progress(&self, hash: B256) -> Option<Progress> {
        self.pending.get(&hash).map(|pending| pending.progress)
    }

    /// Whether blocks can be executed on this one.
    pub(super) fn is_executed(&self, hash: B256) -> bool {
        self.head.hash == hash || self.progress(hash) == Some(Progress::Executed)
    }

    pub(super) fn get(&self, hash: B256) -> Option<&VerifiedBlock> {
        self.pending.get(&hash).map(|pending| &pending.block)
    }

    /// The unsealed blocks at a height.
    pub(super) fn at(&self, height: Height) -> impl Iterator<Item = &VerifiedBlock> {
        self.pending.values().map(|pending| &pending.block).filter(move |block| block.height() == height)
    }

    /// Whether a height is within what is kept.
    pub(super) fn in_window(&self, height: Height) -> bool {
        height > self.head.height && height.0 <= self.head.height.0.saturating_add(MAX_PENDING_HEIGHTS)
    }

    pub(super) fn insert(&mut self, block: VerifiedBlock, progress: Progress) {
        self.pending.insert(block.hash(), Pending { block, progress });
    }

    pub(super) fn set_progress(&mut self, hash: B256, progress: Progress) {
        if let Some(pending) = self.pending.get_mut(&hash) {
            pending.progress = progress;
        }
    }

    /// The waiting blocks on top of this one, marked as executing.
    pub(super) fn start_children(&mut self, parent: B256) -> Vec<VerifiedBlock> {
        let mut started = Vec::new();
        for pending in self.pending.values_mut() {
            if pending.block.parent() == parent && pending.progress == Progress::Waiting {
                pending.progress = Progress::Executing;
                started.push(pending.block.clone());
            }
        }
        started.sort_by_key(VerifiedBlock::hash);
        started
    }

    /// Keeps a seal for when its block is executed; the one known for that height, if it is another.
    pub(super) fn note_seal(&mut self, seal: Verified<Seal>) -> Option<&Verified<Seal>> {
        let hash = seal.message().hash;
        let known = self.seals.entry(seal.message().height).or_insert(seal);
        (known.message().hash != hash).then_some(known)
    }

    pub(super) fn seal_at(&self, height: Height) -> Option<&Verified<Seal>> {
        self.seals.get(&height)
    }

    /// The next block that may become the head: sealed, executed, a child of the head.
    pub(super) fn next_sealed(&self) -> Option<(VerifiedBlock, Verified<Seal>)> {
        let seal = self.seals.get(&self.head.height.next())?;
        let pending = self.pending.get(&seal.message().hash)?;
        let ready = pending.progress == Progress::Executed && pending.block.parent() == self.head.hash;
        ready.then(|| (pending.block.clone(), seal.clone()))
    }

    /// Moves the head to a child of it; returns the blocks that can no longer come, the new head itself excepted.
    pub(super) fn advance(&mut self, block: &VerifiedBlock) -> Vec<B256> {
        self.head = block.reference();
        self.head_timestamp = block.signed().block.header.timestamp;
        self.pending.remove(&self.head.hash);
        self.recent.push_back(self.head.hash);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.seals = self.seals.split_off(&self.head.height.next());
        self.drop_dead_branches()
    }

    /// Forgets unsealed blocks at or above `first` that `is_void` condemns, with everything on top of them.
    pub(super) fn void(&mut self, first: Height, is_void: impl Fn(&VerifiedBlock) -> bool) -> Vec<B256> {
        let voided: Vec<_> = self
            .pending
            .values()
            .filter(|pending| pending.block.height() >= first && is_void(&pending.block))
            .map(|pending| pending.block.hash())
            .collect();
        let mut dropped = Vec::new();
        for hash in voided {
            self.remove_with_descendants(hash, &mut dropped);
        }
        dropped.sort_unstable();
        dropped
    }

    /// Forgets one block with everything on top of it.
    pub(super) fn remove(&mut self, hash: B256) -> Vec<B256> {
        let mut dropped = Vec::new();
        self.remove_with_descendants(hash, &mut dropped);
        dropped
    }

    fn remove_with_descendants(&mut self, hash: B256, dropped: &mut Vec<B256>) {
        let mut stack = vec![hash];
        while let Some(hash) = stack.pop() {
            if self.pending.remove(&hash).is_some() {
                dropped.push(hash);
            }
            let children = self.pending.values().filter(|pending| pending.block.parent() == hash);
            stack.extend(children.map(|pending| pending.block.hash()));
        }
    }

    fn drop_dead_branches(&mut self) -> Vec<B256> {
        let head = self.head;
        let dead: Vec<_> = self
            .pending
            .values()
            .map(|pending| &pending.block)
            .filter(|block| {
                block.height() <= head.height || (block.height() == head.height.next() && block.parent() != head.hash)
            })
            .map(VerifiedBlock::hash)
            .collect();
        let mut dropped = Vec::new();
        for hash in dead {
            self.remove_with_descendants(hash, &mut dropped);
        }
        dropped.sort_unstable();
        dropped
    }
}
