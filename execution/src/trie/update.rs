//! Applying a batch of changes to a trie.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles, TrieMask,
    nodes::{BranchNode, RlpNode},
};
use rayon::prelude::*;

use super::{
    TrieKey,
    commit::Integrity,
    node::{Loader, Node},
    ordered::Nothing,
};
use crate::{StateError, StateReader};

/// From how many changes on the children of a branch are computed in parallel.
const PARALLEL: usize = 256;

/// What a batch made of a trie.
#[derive(Clone, Debug)]
pub struct TrieUpdate {
    /// The new root hash.
    pub root: B256,
    /// The nodes that changed, each key once; `None` removes the node.
    pub nodes: Vec<(TrieKey, Option<Bytes>)>,
}

/// Applies `changes` to the trie of `owner` (`None`: the account trie) with the given root. A change sets a hashed key to an
/// encoded value, or removes it; the order does not matter, and of two changes to one key the later wins.
///
/// # Errors
/// When a node cannot be read, is missing, or is damaged.
pub fn update(
    state: &dyn StateReader,
    owner: Option<B256>,
    root: B256,
    changes: Vec<(B256, Option<Vec<u8>>)>,
) -> Result<TrieUpdate, StateError> {
    update_with(state, owner, root, changes, Integrity::Trust)
}

pub(super) fn update_with(
    state: &dyn StateReader,
    owner: Option<B256>,
    root: B256,
    changes: Vec<(B256, Option<Vec<u8>>)>,
    integrity: Integrity,
) -> Result<TrieUpdate, StateError> {
    let mut changes: Vec<Change> =
        changes.into_iter().map(|(key, value)| Change { key: Nibbles::unpack(key), value }).collect();
    changes.sort_by_key(|change| change.key);
    changes.dedup_by(|later, earlier| {
        let same = later.key == earlier.key;
        if same {
            std::mem::swap(&mut later.value, &mut earlier.value);
        }
        same
    });

    let slot = if root == EMPTY_ROOT_HASH { Slot::Empty } else { Slot::Pointer(RlpNode::word_rlp(&root)) };
    let updater = Updater { loader: Loader { state, owner, integrity } };
    let mut writes = Vec::new();
    let slot = updater.apply(slot, Nibbles::new(), &changes, &mut writes)?;
    let root = close(slot, root, &mut writes);
    let nodes = writes.into_iter().map(|(path, node)| (TrieKey { owner, path }, node)).collect();
    Ok(TrieUpdate { root, nodes })
}

/// The root hash of a trie over `entries`, sorted by key; no key may be a prefix of another.
pub(super) fn root_of(state: &dyn StateReader, entries: &[Change]) -> Result<B256, StateError> {
    let updater = Updater { loader: Loader { state, owner: None, integrity: Integrity::Trust } };
    let mut writes = Vec::new();
    let slot = updater.apply(Slot::Empty, Nibbles::new(), entries, &mut writes)?;
    Ok(close(slot, EMPTY_ROOT_HASH, &mut writes))
}

/// The node at `path` over `entries`, sorted by key, all of whose keys start with `path`; none if there are none. The nodes
/// below it are added to `writes`.
pub(super) fn subtree(path: Nibbles, entries: &[Change], writes: &mut Writes) -> Result<Option<Node>, StateError> {
    let updater = Updater { loader: Loader { state: &Nothing, owner: None, integrity: Integrity::Trust } };
    match updater.apply(Slot::Empty, path, entries, writes)? {
        Slot::Fresh { node, .. } => Ok(Some(node)),
        Slot::Empty | Slot::Pointer(_) => Ok(None),
    }
}

/// Gives the root its place: it is persisted however small it is.
fn close(slot: Slot, unchanged: B256, writes: &mut Writes) -> B256 {
    match slot {
        Slot::Empty => EMPTY_ROOT_HASH,
        Slot::Pointer(_) => unchanged,
        Slot::Fresh { node, .. } => {
            let encoded = node.encode();
            let root = keccak256(&encoded);
            writes.push((Nibbles::new(), Some(encoded.into())));
            root
        }
    }
}

/// One change: a full key, and its new value or `None` for its removal.
pub(super) struct Change {
    pub(super) key: Nibbles,
    pub(super) value: Option<Vec<u8>>,
}

/// Changed nodes by path.
pub(super) type Writes = Vec<(Nibbles, Option<Bytes>)>;

/// What stands at a path.
#[derive(Default)]
enum Slot {
    /// Nothing.
    #[default]
    Empty,
    /// An unchanged node, not loaded.
    Pointer(RlpNode),
    /// A node in memory; `stored` says whether an older node is persisted at this very path.
    Fresh { node: Node, stored: bool },
}

struct Updater<'a> {
    loader: Loader<'a>,
}

impl Updater<'_> {
    /// Applies `changes`, all of whose keys start with `path`, to what stands at `path`.
    fn apply(&self, slot: Slot, path: Nibbles, changes: &[Change], writes: &mut Writes) -> Result<Slot, StateError> {
        if changes.is_empty() {
            return Ok(slot);
        }
        let (node, stored) = match slot {
            Slot::Empty => return self.insert(path, None, changes, writes),
            Slot::Pointer(pointer) => self.loader.load(&pointer, path)?,
            Slot::Fresh { node, stored } => (node, stored),
        };
        let result = match node {
            Node::Leaf { key, value } => {
                let key = path.join(&key);
                let replaced = changes.binary_search_by(|change| change.key.cmp(&key)).is_ok();
                let kept = (!replaced).then_some((key, value));
                self.insert(path, kept, changes, writes)?
            }
            Node::Extension { key, child } => self.apply_to_extension(path, key, child, changes, writes)?,
            Node::Branch(branch) => {
                let mut children: [Slot; 16] = Default::default();
                for (nibble, pointer) in branch.state_mask.iter().zip(branch.stack) {
                    children[usize::from(nibble)] = Slot::Pointer(pointer);
                }
                self.apply_to_branch(path, &mut children, changes, writes)?
            }
        };
        Ok(match result {
            Slot::Empty => {
                if stored {
                    writes.push((path, None));
                }
                Slot::Empty
            }
            Slot::Fresh { node, .. } => Slot::Fresh { node, stored },
            Slot::Pointer(pointer) => Slot::Pointer(pointer),
        })
    }

    /// A subtree of the values that `changes` set and perhaps one leaf that was there already.
    fn insert(
        &self,
        path: Nibbles,
        kept: Option<(Nibbles, Vec<u8>)>,
        changes: &[Change],
        writes: &mut Writes,
    ) -> Result<Slot, StateError> {
        let mut set = changes.iter().filter(|change| change.value.is_some());
        let (first, last) = (set.next(), set.next_back());
        let (first, last) = match (first, last, &kept) {
            (None, _, None) => return Ok(Slot::Empty),
            (None, _, Some(_)) => return Ok(kept.map_or(Slot::Empty, |(key, value)| leaf(path, key, value))),
            (Some(only), None, None) => {
                return Ok(leaf(path, only.key, only.value.clone().unwrap_or_default()));
            }
            (Some(first), last, Some((key, _))) => {
                let last = last.map_or(first.key, |last| last.key);
                (first.key.min(*key), last.max(*key))
            }
            (Some(first), Some(last), None) => (first.key, last.key),
        };
        // At least two different keys: they part at a branch.
        let fork = first.common_prefix_length(&last);
        let branch_path = first.slice(..fork);
        let mut children: [Slot; 16] = Default::default();
        if let Some((key, value)) = kept {
            let nibble = key.get_unchecked(fork);
            children[usize::from(nibble)] = leaf(branch_path.join(&Nibbles::from_nibbles([nibble])), key, value);
        }
        // Removals of what is not there may lie outside the branch.
        let inside = range_under(changes, &branch_path);
        let branch = self.apply_to_branch(branch_path, &mut children, inside, writes)?;
        self.prefix(path, first.slice(path.len()..fork), branch, writes)
    }

    fn apply_to_extension(
        &self,
        path: Nibbles,
        key: Nibbles,
        child: RlpNode,
        changes: &[Change],
        writes: &mut Writes,
    ) -> Result<Slot, StateError> {
        let child_path = path.join(&key);
        // Only a new value can split the extension; removals beside it have nothing to remove.
        let fork = changes
            .iter()
            .filter(|change| change.value.is_some())
            .map(|change| change.key.common_prefix_length(&child_path))
            .min()
            .unwrap_or(child_path.len())
            .min(child_path.len());
        if fork == child_path.len() {
            let inside = range_under(changes, &child_path);
            if inside.is_empty() {
                return Ok(Slot::Fresh { node: Node::Extension { key, child }, stored: false });
            }
            let child = self.apply(Slot::Pointer(child), child_path, inside, writes)?;
            return self.prefix(path, key, child, writes);
        }
        let branch_path = child_path.slice(..fork);
        let below = child_path.slice(fork + 1..);
        let mut children: [Slot; 16] = Default::default();
        children[usize::from(child_path.get_unchecked(fork))] = if below.is_empty() {
            Slot::Pointer(child)
        } else {
            Slot::Fresh { node: Node::Extension { key: below, child }, stored: false }
        };
        let inside = range_under(changes, &branch_path);
        let branch = self.apply_to_branch(branch_path, &mut children, inside, writes)?;
        self.prefix(path, child_path.slice(path.len()..fork), branch, writes)
    }

    fn apply_to_branch(
        &self,
        path: Nibbles,
        children: &mut [Slot; 16],
        changes: &[Change],
        writes: &mut Writes,
    ) -> Result<Slot, StateError> {
        let depth = path.len();
        let groups = changes.chunk_by(|a, b| a.key.get(depth) == b.key.get(depth)).filter_map(|group| {
            let nibble = group.first()?.key.get(depth)?;
            Some((nibble, group))
        });
        if changes.len() < PARALLEL {
            for (nibble, group) in groups {
                let slot = std::mem::take(&mut children[usize::from(nibble)]);
                children[usize::from(nibble)] = self.apply(slot, child_path(path, nibble), group, writes)?;
            }
        } else {
            let jobs: Vec<_> = groups
                .map(|(nibble, group)| (nibble, group, std::mem::take(&mut children[usize::from(nibble)])))
                .collect();
            let done: Vec<_> = jobs
                .into_par_iter()
                .map(|(nibble, group, slot)| {
                    let mut writes = Vec::with_capacity(group.len() * 2);
                    let slot = self.apply(slot, child_path(path, nibble), group, &mut writes)?;
                    Ok((nibble, slot, writes))
                })
                .collect::<Result<_, StateError>>()?;
            for (nibble, slot, mut child_writes) in done {
                children[usize::from(nibble)] = slot;
                writes.append(&mut child_writes);
            }
        }
        self.close_branch(path, children, writes)
    }

    /// Makes a branch of `children`, or what it collapses to when fewer than two are left.
    fn close_branch(&self, path: Nibbles, children: &mut [Slot; 16], writes: &mut Writes) -> Result<Slot, StateError> {
        let mut state_mask = TrieMask::default();
        for (nibble, child) in (0u8..).zip(children.iter()) {
            if !matches!(child, Slot::Empty) {
                state_mask.set_bit(nibble);
            }
        }
        match state_mask.count_bits() {
            0 => return Ok(Slot::Empty),
            1 => {
                let nibble = state_mask.first_set_bit_index().unwrap_or_default();
                let child = std::mem::take(&mut children[usize::from(nibble)]);
                return self.prefix(path, Nibbles::from_nibbles([nibble]), child, writes);
            }
            _ => {}
        }
        let mut stack = Vec::with_capacity(state_mask.len());
        for (nibble, child) in (0u8..).zip(children.iter_mut()) {
            match std::mem::take(child) {
                Slot::Empty => {}
                Slot::Pointer(pointer) => stack.push(pointer),
                Slot::Fresh { node, stored } => stack.push(seal(child_path(path, nibble), &node, stored, writes)),
            }
        }
        Ok(Slot::Fresh { node: Node::Branch(BranchNode::new(stack, state_mask)), stored: false })
    }

    /// Puts what stands at `path` + `prefix` under `path`: leaves and extensions absorb the prefix, branches get an
    /// extension.
    fn prefix(&self, path: Nibbles, prefix: Nibbles, slot: Slot, writes: &mut Writes) -> Result<Slot, StateError> {
        if prefix.is_empty() {
            return Ok(slot);
        }
        let lower = path.join(&prefix);
        let (node, stored, pointer) = match slot {
            Slot::Empty => return Ok(Slot::Empty),
            Slot::Pointer(pointer) => {
                let (node, stored) = self.loader.load(&pointer, lower)?;
                (node, stored, Some(pointer))
            }
            Slot::Fresh { node, stored } => (node, stored, None),
        };
        let node = match node {
            Node::Branch(_) => {
                let child = pointer.unwrap_or_else(|| seal(lower, &node, stored, writes));
                return Ok(Slot::Fresh { node: Node::Extension { key: prefix, child }, stored: false });
            }
            Node::Leaf { key, value } => Node::Leaf { key: prefix.join(&key), value },
            Node::Extension { key, child } => Node::Extension { key: prefix.join(&key), child },
        };
        if stored {
            writes.push((lower, None));
        }
        Ok(Slot::Fresh { node, stored: false })
    }
}

/// The changes whose keys start with `prefix`; all changes must be sorted.
pub(super) fn range_under<'c>(changes: &'c [Change], prefix: &Nibbles) -> &'c [Change] {
    let start = changes.partition_point(|change| change.key < *prefix);
    let length = changes[start..].partition_point(|change| change.key.starts_with(prefix));
    &changes[start..start + length]
}

fn child_path(mut path: Nibbles, nibble: u8) -> Nibbles {
    path.push(nibble);
    path
}

fn leaf(path: Nibbles, key: Nibbles, value: Vec<u8>) -> Slot {
    Slot::Fresh { node: Node::Leaf { key: key.slice(path.len()..), value }, stored: false }
}

/// Encodes a node that has its final place, and gives the pointer to it.
pub(super) fn seal(path: Nibbles, node: &Node, stored: bool, writes: &mut Writes) -> RlpNode {
    let encoded = node.encode();
    let pointer = RlpNode::from_rlp(&encoded);
    if pointer.is_hash() {
        writes.push((path, Some(encoded.into())));
    } else if stored {
        writes.push((path, None));
    }
    pointer
}
