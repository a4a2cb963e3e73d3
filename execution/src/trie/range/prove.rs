//! Making range proofs.

use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

use super::{KEY_NIBBLES, Leaf, Place, RangeProof, Stretch};
use crate::{
    StateReader,
    trie::{
        commit::Integrity,
        node::{Loader, Node},
        proof::ProofError,
    },
};

/// What a leaf counts for besides its value, in bytes.
const KEY_BYTES: usize = 32;

/// The leaves of the trie of `owner` (`None`: the account trie) from the hashed key `from` on, as many as have at most
/// `max_bytes` of keys and values together, and at least one if there is one; with what proves them under `root`, which must
/// be the root of the state that `state` reads. The nodes of the proof come on top: a few kilobytes, 70 at the very most.
///
/// # Errors
/// When a node cannot be read or does not belong to that root.
pub fn prove_range(
    state: &dyn StateReader,
    owner: Option<B256>,
    root: B256,
    from: B256,
    max_bytes: usize,
) -> Result<RangeProof, ProofError> {
    if root == EMPTY_ROOT_HASH {
        return Ok(RangeProof::default());
    }
    let walk = Walk { loader: Loader { state, owner, integrity: Integrity::Check }, root };
    let pointer = RlpNode::word_rlp(&root);
    let mut gathering = Gathering { rest: Stretch::new(from, None), left: max_bytes, leaves: Vec::new(), more: false };
    walk.gather(&pointer, Nibbles::new(), &mut gathering)?;
    let Gathering { leaves, more, .. } = gathering;

    let last = leaves.last().filter(|_| more).map(|leaf| leaf.key);
    let mut nodes = Vec::new();
    walk.boundaries(&pointer, Nibbles::new(), &Stretch::new(from, last), &mut nodes)?;
    Ok(RangeProof { leaves, more, nodes })
}

/// A walk over one trie.
struct Walk<'a> {
    loader: Loader<'a>,
    root: B256,
}

/// The leaves so far.
struct Gathering {
    rest: Stretch,
    left: usize,
    leaves: Vec<Leaf>,
    more: bool,
}

impl Gathering {
    /// Takes a leaf if it fits.
    fn take(&mut self, key: Nibbles, value: Vec<u8>) {
        let bytes = value.len().saturating_add(KEY_BYTES);
        if bytes > self.left && !self.leaves.is_empty() {
            self.more = true;
            return;
        }
        self.left = self.left.saturating_sub(bytes);
        self.leaves.push(Leaf { key: B256::from_slice(&key.pack()), value: value.into() });
    }
}

impl Walk<'_> {
    /// Gathers the leaves under `path` until one does not fit.
    fn gather(&self, pointer: &RlpNode, path: Nibbles, gathering: &mut Gathering) -> Result<(), ProofError> {
        if gathering.more || gathering.rest.place(&path) == Place::Before {
            return Ok(());
        }
        match self.load(pointer, path)?.1 {
            Node::Leaf { key, value } => {
                let key = self.below(path, &key)?;
                if gathering.rest.place(&key) != Place::Before {
                    gathering.take(key, value);
                }
                Ok(())
            }
            Node::Extension { key, child } => self.gather(&child, self.below(path, &key)?, gathering),
            Node::Branch(branch) => {
                let mut children = branch.state_mask.iter().zip(&branch.stack);
                children.try_for_each(|(nibble, child)| {
                    self.gather(child, self.below(path, &Nibbles::from_nibbles([nibble]))?, gathering)
                })
            }
        }
    }

    /// Adds the persisted nodes under `path` that are on a boundary of `stretch`.
    fn boundaries(
        &self,
        pointer: &RlpNode,
        path: Nibbles,
        stretch: &Stretch,
        nodes: &mut Vec<Bytes>,
    ) -> Result<(), ProofError> {
        if stretch.place(&path) != Place::Boundary {
            return Ok(());
        }
        let (bytes, node) = self.load(pointer, path)?;
        nodes.extend(bytes);
        match node {
            Node::Leaf { .. } => Ok(()),
            Node::Extension { key, child } => self.boundaries(&child, self.below(path, &key)?, stretch, nodes),
            Node::Branch(branch) => {
                let mut children = branch.state_mask.iter().zip(&branch.stack);
                children.try_for_each(|(nibble, child)| {
                    self.boundaries(child, self.below(path, &Nibbles::from_nibbles([nibble]))?, stretch, nodes)
                })
            }
        }
    }

    /// A node, and its bytes if it is persisted rather than embedded in its parent.
    fn load(&self, pointer: &RlpNode, path: Nibbles) -> Result<(Option<Bytes>, Node), ProofError> {
        let root = self.root;
        let bytes = pointer.as_hash().map(|hash| self.loader.bytes(hash, path)).transpose();
        let bytes = bytes.map_err(|source| ProofError::NotStored { root, source })?;
        let node = bytes.as_ref().map_or_else(|| Node::decode(pointer), |bytes| Node::decode(bytes));
        Ok((bytes, node.ok_or(ProofError::Damaged { root })?))
    }

    /// The path of `key` below `path`; no path is longer than a key.
    fn below(&self, path: Nibbles, key: &Nibbles) -> Result<Nibbles, ProofError> {
        if path.len() + key.len() > KEY_NIBBLES {
            return Err(ProofError::Damaged { root: self.root });
        }
        Ok(path.join(key))
    }
}
