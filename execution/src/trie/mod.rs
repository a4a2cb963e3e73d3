//! Merkle-Patricia tries that persist their nodes by path and change in place.
//!
//! A node is kept under the trie that owns it and its path from the root ([`TrieKey`]), so that a new version of a node
//! replaces the old one and nothing is left to collect. Nodes of less than 32 bytes live inside their parents, as the
//! encoding demands, and are not kept apart; a root always is.
//!
//! [`update`] applies a sorted batch: it walks only the paths that the batch touches, in one pass, loads the nodes on them,
//! and gives back the new root with the nodes that changed. Its cost grows with the batch, and with the depth of the trie,
//! never with its size. Subtrees, and the tries of different accounts, are computed in parallel.

mod commit;
mod key;
mod node;
mod ordered;
mod proof;
mod range;
mod update;

pub(crate) use commit::{Integrity, commit, recheck};
pub use key::TrieKey;
pub(crate) use ordered::ordered_root;
pub use proof::{AccountProof, ProofError, StorageProof, prove};
pub use range::{InvalidRange, Leaf, RangeProof, VerifiedRange, prove_range, verify_range};
pub use update::{TrieUpdate, update};
