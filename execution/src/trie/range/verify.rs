//! Checking range proofs.

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, nodes::RlpNode};

use super::{KEY_NIBBLES, Leaf, MAX_NODES, Place, RangeProof, Stretch};
use crate::{
    StateError,
    trie::{
        TrieKey,
        node::Node,
        update::{Change, Writes, range_under, seal, subtree},
    },
};

/// What a range proof has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRange {
    /// All nodes of the trie that are to be persisted for the stretch: those inside it and those on its boundaries.
    pub nodes: Vec<(TrieKey, Bytes)>,
    /// Where the next stretch begins; none after the last one.
    pub next: Option<B256>,
}

/// Why a range proof was refused: whoever sent it is at fault.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvalidRange {
    /// Keys must ascend, and begin where was asked.
    #[error("the leaf {key} is before the one that it follows, or before {from}, where the range begins")]
    Order {
        /// The key that is out of order.
        key: B256,
        /// Where the range was to begin.
        from: B256,
    },
    /// More leaves are promised behind none.
    #[error("there are more leaves but none came")]
    Nothing,
    /// Leaves or nodes came for an empty trie.
    #[error("the trie is empty, but leaves or nodes came for it")]
    NotEmpty,
    /// A boundary never has so many nodes.
    #[error("{0} nodes on the boundaries, there are never more than {MAX_NODES}")]
    TooManyNodes(usize),
    /// Nodes are left over.
    #[error("{0} nodes are not on the boundaries")]
    UnusedNodes(usize),
    /// A boundary is incomplete.
    #[error("the node at path {0:?} is missing")]
    MissingNode(Nibbles),
    /// Not the node that its parent names, or the root.
    #[error("the node at path {0:?} is another one")]
    WrongNode(Nibbles),
    /// The node that the root leads to is none.
    #[error("the node at path {0:?} cannot be decoded")]
    Undecodable(Nibbles),
    /// Leaves are missing, altered or made up.
    #[error("the leaves under path {0:?} are not those of the trie")]
    WrongLeaves(Nibbles),
    /// There are no more leaves.
    #[error("more leaves are promised, but none follows")]
    NoMore,
    /// A subtree could not be built.
    #[error("cannot build the nodes of the range: {0}")]
    Build(#[from] StateError),
}

/// Checks that `range` holds all leaves of the trie of `owner` (`None`: the account trie) under `root`, from the hashed key
/// `from` to its last leaf, or to the end of the trie if it says that there are no more.
///
/// It costs the hashing of the leaves and of what is built from them. Bound the size of a range before it is decoded.
///
/// # Errors
/// When it does not.
pub fn verify_range(
    owner: Option<B256>,
    root: B256,
    from: B256,
    range: &RangeProof,
) -> Result<VerifiedRange, InvalidRange> {
    let RangeProof { leaves, more, nodes } = range;
    if nodes.len() > MAX_NODES {
        return Err(InvalidRange::TooManyNodes(nodes.len()));
    }
    check_order(from, leaves)?;
    let last = match leaves.last() {
        Some(leaf) => Some(leaf.key),
        None if *more => return Err(InvalidRange::Nothing),
        None => None,
    };
    let last = last.filter(|_| *more);
    if root == EMPTY_ROOT_HASH {
        let is_empty = leaves.is_empty() && nodes.is_empty();
        return if is_empty {
            Ok(VerifiedRange { nodes: Vec::new(), next: None })
        } else {
            Err(InvalidRange::NotEmpty)
        };
    }

    let changes: Vec<Change> = leaves
        .iter()
        .map(|Leaf { key, value }| Change { key: Nibbles::unpack(key), value: Some(value.to_vec()) })
        .collect();
    let mut verifier =
        Verifier { stretch: Stretch::new(from, last), nodes: nodes.iter(), writes: Writes::new(), is_followed: false };
    verifier.visit(&RlpNode::word_rlp(&root), Nibbles::new(), &changes)?;
    let Verifier { nodes, writes, is_followed, .. } = verifier;
    if nodes.len() > 0 {
        return Err(InvalidRange::UnusedNodes(nodes.len()));
    }
    if *more && !is_followed {
        return Err(InvalidRange::NoMore);
    }
    let nodes = writes.into_iter().filter_map(|(path, node)| Some((TrieKey { owner, path }, node?))).collect();
    // What is followed is not the highest key.
    let next = last.map(|last| B256::from(U256::from_be_bytes(last.0).wrapping_add(U256::from(1))));
    Ok(VerifiedRange { nodes, next })
}

fn check_order(from: B256, leaves: &[Leaf]) -> Result<(), InvalidRange> {
    let mut lowest = Some(from);
    for Leaf { key, .. } in leaves {
        if lowest.is_none_or(|lowest| *key < lowest) {
            return Err(InvalidRange::Order { key: *key, from });
        }
        lowest = U256::from_be_bytes(key.0).checked_add(U256::from(1)).map(B256::from);
    }
    Ok(())
}

struct Verifier<'a> {
    stretch: Stretch,
    /// The nodes that were not met yet.
    nodes: std::slice::Iter<'a, Bytes>,
    writes: Writes,
    /// Whether something follows the stretch.
    is_followed: bool,
}

impl Verifier<'_> {
    /// Checks what `pointer` leads to, at `path`, against those of the leaves whose keys start with `path`.
    fn visit(&mut self, pointer: &RlpNode, path: Nibbles, leaves: &[Change]) -> Result<(), InvalidRange> {
        match self.stretch.place(&path) {
            Place::Before => Ok(()),
            Place::After => {
                self.is_followed = true;
                Ok(())
            }
            Place::Inside => self.build(pointer, path, leaves),
            Place::Boundary => self.descend(pointer, path, leaves),
        }
    }

    /// Builds what is wholly inside.
    fn build(&mut self, pointer: &RlpNode, path: Nibbles, leaves: &[Change]) -> Result<(), InvalidRange> {
        let wrong = InvalidRange::WrongLeaves(path);
        let Some(node) = subtree(path, leaves, &mut self.writes)? else { return Err(wrong) };
        let built = if path.is_empty() {
            // A root is named by its hash however small it is.
            let encoded = node.encode();
            let hash = keccak256(&encoded);
            self.writes.push((path, Some(encoded.into())));
            RlpNode::word_rlp(&hash)
        } else {
            seal(path, &node, false, &mut self.writes)
        };
        if built == *pointer { Ok(()) } else { Err(wrong) }
    }

    /// Takes the node on a boundary and looks at its children.
    fn descend(&mut self, pointer: &RlpNode, path: Nibbles, leaves: &[Change]) -> Result<(), InvalidRange> {
        let node = match pointer.as_hash() {
            Some(hash) => {
                let bytes = self.nodes.next().ok_or(InvalidRange::MissingNode(path))?;
                if keccak256(bytes) != hash {
                    return Err(InvalidRange::WrongNode(path));
                }
                self.writes.push((path, Some(bytes.clone())));
                Node::decode(bytes)
            }
            None => Node::decode(pointer),
        };
        let undecodable = || InvalidRange::Undecodable(path);
        let below = |key: &Nibbles| (path.len() + key.len() <= KEY_NIBBLES).then(|| path.join(key));
        match node.ok_or_else(undecodable)? {
            Node::Leaf { key, value } => {
                let key = below(&key).filter(|key| key.len() == KEY_NIBBLES).ok_or_else(undecodable)?;
                let place = self.stretch.place(&key);
                self.is_followed |= place == Place::After;
                let is_right = match leaves {
                    [] => place != Place::Inside,
                    [only] => only.key == key && only.value.as_ref() == Some(&value),
                    _ => false,
                };
                if is_right { Ok(()) } else { Err(InvalidRange::WrongLeaves(path)) }
            }
            Node::Extension { key, child } => {
                let child_path = below(&key).filter(|_| !key.is_empty()).ok_or_else(undecodable)?;
                let inside = range_under(leaves, &child_path);
                if inside.len() != leaves.len() {
                    return Err(InvalidRange::WrongLeaves(path));
                }
                self.visit(&child, child_path, inside)
            }
            Node::Branch(branch) => {
                let mut seen = 0;
                for (nibble, child) in branch.state_mask.iter().zip(&branch.stack) {
                    let child_path = below(&Nibbles::from_nibbles([nibble])).ok_or_else(undecodable)?;
                    let inside = range_under(leaves, &child_path);
                    seen += inside.len();
                    self.visit(child, child_path, inside)?;
                }
                if seen == leaves.len() { Ok(()) } else { Err(InvalidRange::WrongLeaves(path)) }
            }
        }
    }
}
