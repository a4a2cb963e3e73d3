//! The sealed chain down to the final block, and the uncommitted blocks on it: above the head, or on another branch.
//!
//! Fork choice: inside a term the first seal decides. Between terms, a branch whose tip is sealed in a later term beats the
//! head's; and what the current term is announced to build on beats everything.

use crate::messages::Seal;
use crate::parameters::MAX_UNFINALIZED_BLOCKS;
use crate::signing::Verified;
use crate::types::{BlockRef, ExtraData, Height, Term, Tip, VerifiedBlock};
use alloy_primitives::{Address, B256};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Uncommitted blocks are kept up to this far above the head.
pub const MAX_PENDING_HEIGHTS: u64 = 64;

/// Blocks of one position that are kept: two prove the fault.
pub const MAX_RIVALS: usize = 2;

/// Unsealed blocks of one height that are kept, of all terms together.
pub(super) const MAX_PENDING_AT_HEIGHT: usize = 8;

/// Committed blocks that are not final and can be reverted; what is deeper stays, whoever wants it otherwise. A term's
/// scheduler waits before it comes to that.
const MAX_REVERTIBLE: u64 = MAX_UNFINALIZED_BLOCKS + MAX_PENDING_HEIGHTS;

/// Committed blocks that are remembered.
const RECENT: usize = 64;

/// How far an uncommitted block has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its parent is not executed here.
    Waiting,
    /// It is being executed.
    Executing,
    /// It executes to what its header says.
    Executed,
}

/// A block of the sealed chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Height and hash.
    pub block: BlockRef,
    /// Who built it.
    pub leader: Address,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// The state root after it.
    pub state_root: B256,
    /// Era, term and epoch of the block.
    pub position: ExtraData,
    /// The term of its seal; 0 for genesis.
    pub sealed_in: Term,
}

impl Committed {
    /// A block with its seal's term.
    #[must_use]
    pub fn new(block: &VerifiedBlock, sealed_in: Term) -> Self {
        Self {
            block: block.reference(),
            leader: block.leader(),
            timestamp: block.signed().block.header.timestamp,
            state_root: block.signed().block.header.state_root,
            position: block.position(),
            sealed_in,
        }
    }

    /// The branch that ends here.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        Tip { term: self.sealed_in, block: self.block }
    }
}

#[derive(Clone, Debug)]
struct Pending {
    block: VerifiedBlock,
    progress: Progress,
}

/// Sealed and executed blocks that stand on the chain.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The committed block that they stand on.
    pub(super) from: BlockRef,
    /// The blocks with their seals, lowest first; at least one.
    pub(super) blocks: Vec<(VerifiedBlock, Verified<Seal>)>,
}

/// A [`Branch`] without its blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct BranchSummary {
    /// The committed block that it stands on.
    pub(super) from: BlockRef,
    /// Its end.
    pub(super) tip: Tip,
    /// Whether one of its blocks is marked.
    pub(super) marked: bool,
    /// Whether it contains the block that was asked about.
    pub(super) contains: bool,
}

/// The sealed chain and what may come on it.
#[derive(Debug)]
pub(super) struct BlockTree {
    chain: BTreeMap<Height, Committed>,
    /// Where each committed block stands.
    heights: HashMap<B256, Height>,
    pending: BTreeMap<B256, Pending>,
    /// The seal of each uncommitted block.
    seals: HashMap<B256, Verified<Seal>>,
    /// The first seal seen for each position.
    positions: BTreeMap<(Height, Term), B256>,
    /// The newest committed blocks: their messages may still be on their way to others.
    recent: VecDeque<B256>,
}

impl BlockTree {
    /// The chain as it was restored, lowest first; it begins at genesis if it is empty.
    pub(super) fn new(genesis: BlockRef, chain: Vec<Committed>) -> Self {
        let mut tree = Self {
            chain: BTreeMap::new(),
            heights: HashMap::new(),
            pending: BTreeMap::new(),
            seals: HashMap::new(),
            positions: BTreeMap::new(),
            recent: VecDeque::new(),
        };
        if chain.is_empty() {
            tree.append(Committed { block: genesis, ..Committed::default() });
        }
        for committed in chain {
            tree.positions.insert((committed.block.height, committed.sealed_in), committed.block.hash);
            tree.append(committed);
        }
        tree
    }

    fn append(&mut self, committed: Committed) {
        self.chain.insert(committed.block.height, committed);
        self.heights.insert(committed.block.hash, committed.block.height);
    }

    fn last(&self) -> Committed {
        self.chain.last_key_value().map(|(_, committed)| *committed).unwrap_or_default()
    }

    pub(super) fn head(&self) -> BlockRef {
        self.last().block
    }

    pub(super) fn tip(&self) -> Tip {
        self.last().tip()
    }

    /// The committed block at a height, if it is not too deep.
    pub(super) fn committed(&self, height: Height) -> Option<&Committed> {
        self.chain.get(&height)
    }

    /// The committed blocks that are in reach, lowest first.
    pub(super) fn chain(&self) -> impl DoubleEndedIterator<Item = &Committed> {
        self.chain.values()
    }

    pub(super) fn is_on_chain(&self, block: BlockRef) -> bool {
        self.committed(block.height).is_some_and(|committed| committed.block == block)
    }

    /// The lowest block that is in reach: nothing at or below it is reverted.
    pub(super) fn floor(&self) -> Height {
        self.chain.first_key_value().map(|(height, _)| *height).unwrap_or_default()
    }

    /// The lowest block that is in reach.
    pub(super) fn lowest(&self) -> BlockRef {
        self.chain.first_key_value().map(|(_, committed)| committed.block).unwrap_or_default()
    }

    /// Whether a block of another branch leaves the chain below `height`, as far as is known here.
    pub(super) fn parts_below(&self, hash: B256, height: Height) -> bool {
        let mut at = hash;
        let mut lowest = None;
        while let Some(pending) = self.pending.get(&at) {
            lowest = Some(pending.block.height());
            at = pending.block.parent();
        }
        match (self.committed_by_hash(at), lowest) {
            (Some(root), _) => root.block.height < height,
            // Its parent is not of this chain, where this chain has another block.
            (None, Some(lowest)) => lowest.previous() <= height && lowest.previous() >= self.floor(),
            (None, None) => false,
        }
    }

    fn committed_by_hash(&self, hash: B256) -> Option<&Committed> {
        self.chain.get(self.heights.get(&hash)?)
    }

    /// A committed block's timestamp or an uncommitted one's, in seconds.
    pub(super) fn timestamp_of(&self, hash: B256) -> Option<u64> {
        match self.pending.get(&hash) {
            Some(pending) => Some(pending.block.signed().block.header.timestamp),
            None => self.committed_by_hash(hash).map(|committed| committed.timestamp),
        }
    }

    pub(super) fn contains(&self, hash: B256) -> bool {
        self.pending.contains_key(&hash) || self.committed_by_hash(hash).is_some()
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
        match self.progress(hash) {
            Some(progress) => progress == Progress::Executed,
            None => self.committed_by_hash(hash).is_some(),
        }
    }

    pub(super) fn get(&self, hash: B256) -> Option<&VerifiedBlock> {
        self.pending.get(&hash).map(|pending| &pending.block)
    }

    /// The uncommitted blocks at a height.
    pub(super) fn at(&self, height: Height) -> impl Iterator<Item = &VerifiedBlock> {
        self.pending.values().map(|pending| &pending.block).filter(move |block| block.height() == height)
    }

    /// Whether a height is within what is kept.
    pub(super) fn in_window(&self, height: Height) -> bool {
        height > self.floor() && height.0 <= self.head().height.0.saturating_add(MAX_PENDING_HEIGHTS)
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
        started
    }

    /// The first seal seen for a position.
    pub(super) fn sealed_at(&self, height: Height, term: Term) -> Option<B256> {
        self.positions.get(&(height, term)).copied()
    }

    /// Keeps a seal for when its block is executed; of several for one block, that of the latest term.
    pub(super) fn note_seal(&mut self, seal: Verified<Seal>) {
        let message = *seal.message();
        self.positions.entry((message.height, message.term)).or_insert(message.hash);
        match self.seals.get(&message.hash) {
            Some(known) if known.message().term >= message.term => {}
            _ => {
                self.seals.insert(message.hash, seal);
            }
        }
    }

    pub(super) fn seal_of(&self, hash: B256) -> Option<&Verified<Seal>> {
        self.seals.get(&hash)
    }

    /// Every branch of executed and sealed blocks that consists of admitted ones, told whether it has a marked one, and
    /// whether it contains a certain one. In one
    /// pass, whatever a hostile scheduler makes of the tree.
    pub(super) fn branches(
        &self,
        admits: impl Fn(&VerifiedBlock, Term) -> bool,
        marks: impl Fn(&VerifiedBlock) -> bool,
        contained: Option<BlockRef>,
    ) -> Vec<BranchSummary> {
        let mut executed: Vec<_> =
            self.pending.values().filter(|pending| pending.progress == Progress::Executed).collect();
        executed.sort_by_key(|pending| pending.block.height());
        let mut found: BTreeMap<B256, BranchSummary> = BTreeMap::new();
        for block in executed.into_iter().map(|pending| &pending.block) {
            let Some(seal) = self.seals.get(&block.hash()) else { continue };
            let on_chain =
                |root: &Committed| BranchSummary { from: root.block, tip: root.tip(), marked: false, contains: false };
            let below = found.get(&block.parent()).copied();
            let below = below.or_else(|| self.committed_by_hash(block.parent()).map(on_chain));
            let term = seal.message().term;
            let Some(below) = below.filter(|below| below.tip.term <= term && admits(block, term)) else { continue };
            let tip = Tip { term, block: block.reference() };
            let contains = below.contains || Some(tip.block) == contained;
            let marked = below.marked || marks(block);
            found.insert(block.hash(), BranchSummary { tip, marked, contains, ..below });
        }
        found.into_values().collect()
    }

    /// The branch that ends in this block: every block of it executed and sealed, in terms that never fall.
    pub(super) fn branch(&self, hash: B256) -> Option<Branch> {
        let mut blocks = Vec::new();
        let mut at = hash;
        let mut term = None;
        let from = loop {
            let Some(pending) = self.pending.get(&at) else { break self.committed_by_hash(at)? };
            let seal = self.seals.get(&at)?;
            let sealed_in = seal.message().term;
            if pending.progress != Progress::Executed || term.is_some_and(|above| sealed_in > above) {
                return None;
            }
            term = Some(sealed_in);
            blocks.push((pending.block.clone(), seal.clone()));
            at = pending.block.parent();
        };
        if term.is_some_and(|lowest| from.sealed_in > lowest) {
            return None;
        }
        blocks.reverse();
        (!blocks.is_empty()).then_some(Branch { from: from.block, blocks })
    }

    /// The committed block that a block stands on, if all between are known; a committed one stands on itself.
    pub(super) fn root_of(&self, hash: B256) -> Option<BlockRef> {
        let mut at = hash;
        loop {
            match self.pending.get(&at) {
                Some(pending) => at = pending.block.parent(),
                None => return self.committed_by_hash(at).map(|committed| committed.block),
            }
        }
    }

    /// Whether `block` is `ancestor` or stands on it, as far as is known here.
    pub(super) fn descends(&self, block: BlockRef, ancestor: BlockRef) -> bool {
        let mut at = block.hash;
        loop {
            if at == ancestor.hash {
                return true;
            }
            match self.pending.get(&at) {
                Some(pending) => at = pending.block.parent(),
                None => {
                    return self.committed_by_hash(at).is_some_and(|root| root.block.height >= ancestor.height)
                        && self.is_on_chain(ancestor);
                }
            }
        }
    }

    /// Makes a child of the head the head; returns the blocks that can no longer come, the new head itself excepted.
    pub(super) fn advance(&mut self, block: &VerifiedBlock, sealed_in: Term) -> Vec<B256> {
        let committed = Committed::new(block, sealed_in);
        let hash = committed.block.hash;
        self.append(committed);
        self.positions.entry((committed.block.height, sealed_in)).or_insert(hash);
        self.pending.remove(&hash);
        self.seals.remove(&hash);
        self.recent.push_back(hash);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.drop_overtaken()
    }

    /// Takes the head back to a committed block; returns the blocks above it, lowest first, and the uncommitted ones that
    /// stood on them.
    pub(super) fn revert(&mut self, to: Height) -> (Vec<Committed>, Vec<B256>) {
        let reverted: Vec<_> = self.chain.split_off(&to.next()).into_values().collect();
        let mut dropped = Vec::new();
        for committed in &reverted {
            self.heights.remove(&committed.block.hash);
            self.recent.retain(|hash| *hash != committed.block.hash);
            let children: Vec<_> = self.children(committed.block.hash);
            children.into_iter().for_each(|hash| self.remove_with_descendants(hash, &mut dropped));
        }
        (reverted, dropped)
    }

    /// Lets go of what is at or below the final block, and of what is too deep to revert.
    pub(super) fn prune(&mut self, finalized: Height) {
        let floor = Height(self.head().height.0.saturating_sub(MAX_REVERTIBLE)).max(finalized).min(self.head().height);
        if floor <= self.floor() {
            return;
        }
        let kept = self.chain.split_off(&floor);
        for committed in std::mem::replace(&mut self.chain, kept).into_values() {
            self.heights.remove(&committed.block.hash);
        }
        self.positions = self.positions.split_off(&(floor, Term(0)));
        self.seals.retain(|_, seal| seal.message().height > floor);
    }

    /// Forgets uncommitted blocks at or above `first` that `is_void` condemns, with everything on top of them.
    pub(super) fn void(&mut self, first: Height, is_void: impl Fn(&VerifiedBlock) -> bool) -> Vec<B256> {
        let voided: Vec<_> = self
            .pending
            .values()
            .filter(|pending| pending.block.height() >= first && !self.seals.contains_key(&pending.block.hash()))
            .filter(|pending| is_void(&pending.block))
            .map(|pending| pending.block.hash())
            .collect();
        self.remove_all(voided)
    }

    /// Forgets one block with everything on top of it.
    pub(super) fn remove(&mut self, hash: B256) -> Vec<B256> {
        self.remove_all([hash])
    }

    /// Forgets all uncommitted blocks and seals.
    pub(super) fn clear_pending(&mut self) -> Vec<B256> {
        self.seals.clear();
        std::mem::take(&mut self.pending).into_keys().collect()
    }

    fn remove_all(&mut self, hashes: impl IntoIterator<Item = B256>) -> Vec<B256> {
        let mut dropped = Vec::new();
        for hash in hashes {
            self.remove_with_descendants(hash, &mut dropped);
        }
        dropped
    }

    fn remove_with_descendants(&mut self, hash: B256, dropped: &mut Vec<B256>) {
        let mut stack = vec![hash];
        while let Some(hash) = stack.pop() {
            if self.pending.remove(&hash).is_some() {
                dropped.push(hash);
            }
            stack.extend(self.children(hash));
        }
    }

    fn children(&self, parent: B256) -> Vec<B256> {
        let children = self.pending.values().filter(|pending| pending.block.parent() == parent);
        children.map(|pending| pending.block.hash()).collect()
    }

    /// Unsealed blocks that are no longer above the head, and everything below what is in reach.
    fn drop_overtaken(&mut self) -> Vec<B256> {
        let (head, floor) = (self.head(), self.floor());
        let dead: Vec<_> = self
            .pending
            .values()
            .map(|pending| &pending.block)
            .filter(|block| {
                let overtaken = block.height() <= head.height
                    || (block.height() == head.height.next() && block.parent() != head.hash);
                block.height() <= floor || (overtaken && !self.seals.contains_key(&block.hash()))
            })
            .map(VerifiedBlock::hash)
            .collect();
        self.remove_all(dead)
    }
}
