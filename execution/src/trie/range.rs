//! Range proofs: a stretch of a trie's leaves that convinces whoever knows the root that none is missing and none is made up.
//!
//! A stretch goes from a hashed key on, in the order of hashed keys. Beside its leaves travel the nodes on its two
//! boundaries: those on the path of the key where it begins, and, if there are more leaves, those on the path of its last
//! one. They are in the order in which a walk from the root meets them, left to right, so that no hash has to be looked up
//! and nothing superfluous can travel along. Where the stretch begins at the lowest key or ends with the trie, that side has
//! no boundary; a stretch that is the whole trie needs no nodes.
//!
//! To **verify**, walk down from the root. What is wholly inside the stretch is built from the leaves, and must give the
//! pointer that its parent holds; what is wholly outside is left alone; of what is on a boundary, the next of the nodes must
//! have the hash that its parent holds, and its children are looked at in the same way.
//!
//! Both kinds of node are, byte for byte and path for path, nodes of the trie that is being fetched. So a verified stretch
//! comes with all nodes to be persisted for it, and stretches that cover all keys leave the whole trie behind, in whatever
//! order they come: nothing has to be built afterwards.

mod prove;
mod verify;

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

pub use prove::prove_range;
pub use verify::{InvalidRange, VerifiedRange, verify_range};

/// The nibbles of a hashed key.
const KEY_NIBBLES: usize = 64;

/// A boundary has at most one node for each nibble and one more, and there are two.
const MAX_NODES: usize = 2 * (KEY_NIBBLES + 1);

/// A leaf of a trie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The keccak of the address or slot.
    pub key: B256,
    /// The account or the value of the slot, in RLP.
    pub value: Bytes,
}

/// Leaves that follow each other in a trie, with what proves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeProof {
    /// All leaves from the key that was asked for up to the last of these, by ascending key; all to the end of the trie if
    /// there are no more.
    pub leaves: Vec<Leaf>,
    /// Whether leaves follow the last of these.
    pub more: bool,
    /// The encoded nodes on the boundaries, from the root down and from left to right; at most 130.
    pub nodes: Vec<Bytes>,
}

/// A stretch of keys, both ends included.
struct Stretch {
    first: Nibbles,
    last: Nibbles,
}

/// Where the keys of a subtree are, seen from a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// All before it.
    Before,
    /// All in it.
    Inside,
    /// Some in it, and perhaps others not.
    Boundary,
    /// All after it.
    After,
}

impl Stretch {
    /// The stretch from a key to another one, or to the end.
    fn new(first: B256, last: Option<B256>) -> Self {
        Self { first: Nibbles::unpack(first), last: Nibbles::unpack(last.unwrap_or(B256::repeat_byte(0xff))) }
    }

    /// Where the keys are that start with `path`.
    fn place(&self, path: &Nibbles) -> Place {
        let (first, first_rest) = (self.first.slice(..path.len()), self.first.slice(path.len()..));
        let (last, last_rest) = (self.last.slice(..path.len()), self.last.slice(path.len()..));
        if *path < first {
            Place::Before
        } else if *path > last {
            Place::After
        } else if (*path == first && !first_rest.is_zeroes()) || (*path == last && last_rest.iter().any(|it| it != 15))
        {
            Place::Boundary
        } else {
            Place::Inside
        }
    }
}
