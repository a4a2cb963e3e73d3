//! Trie nodes in memory, and how they are loaded.

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Decodable, Encodable};
use alloy_trie::{
    Nibbles,
    nodes::{BranchNode, ExtensionNodeRef, LeafNodeRef, RlpNode, TrieNode},
};

use super::{TrieKey, commit::Integrity};
use crate::{StateError, StateReader};

/// A node that is no empty root.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf { key: Nibbles, value: Vec<u8> },
    Extension { key: Nibbles, child: RlpNode },
    Branch(BranchNode),
}

impl Node {
    /// Decodes a node; `None` when the bytes are no node, or an empty root.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let node = match TrieNode::decode(&mut bytes).ok()? {
            TrieNode::EmptyRoot => return None,
            TrieNode::Leaf(leaf) => Self::Leaf { key: leaf.key, value: leaf.value },
            TrieNode::Extension(extension) => Self::Extension { key: extension.key, child: extension.child },
            TrieNode::Branch(branch) => Self::Branch(branch),
        };
        bytes.is_empty().then_some(node)
    }

    /// The node's RLP encoding.
    pub(super) fn encode(&self) -> Vec<u8> {
        fn encoded(node: &impl Encodable) -> Vec<u8> {
            let mut out = Vec::with_capacity(node.length());
            node.encode(&mut out);
            out
        }
        match self {
            Self::Leaf { key, value } => encoded(&LeafNodeRef::new(key, value)),
            Self::Extension { key, child } => encoded(&ExtensionNodeRef::new(key, child)),
            Self::Branch(branch) => encoded(branch),
        }
    }
}

/// Loads nodes of one trie.
#[derive(Clone, Copy)]
pub(super) struct Loader<'a> {
    pub(super) state: &'a dyn StateReader,
    pub(super) owner: Option<B256>,
    pub(super) integrity: Integrity,
}

impl Loader<'_> {
    /// The persisted bytes of the node with `hash` at `path`.
    pub(super) fn bytes(&self, hash: B256, path: Nibbles) -> Result<Bytes, StateError> {
        let key = TrieKey { owner: self.owner, path };
        let bytes = self.state.trie_node(&key)?.ok_or_else(|| StateError::new(format!("no trie node at {key:?}")))?;
        if self.integrity == Integrity::Check && keccak256(&bytes) != hash {
            return Err(StateError::new(format!("the trie node at {key:?} is not the one with hash {hash}")));
        }
        Ok(bytes)
    }

    /// The node that `pointer` leads to, and whether it is persisted at `path` rather than embedded in its parent.
    pub(super) fn load(&self, pointer: &RlpNode, path: Nibbles) -> Result<(Node, bool), StateError> {
        let (node, stored) = match pointer.as_hash() {
            Some(hash) => (Node::decode(&self.bytes(hash, path)?), true),
            None => (Node::decode(pointer), false),
        };
        let node = node.ok_or_else(|| {
            let key = TrieKey { owner: self.owner, path };
            StateError::new(format!("the trie node at {key:?} cannot be decoded"))
        })?;
        Ok((node, stored))
    }
}
