//! The key of a persisted trie node.

use alloy_primitives::B256;
use alloy_trie::Nibbles;

const ACCOUNTS: u8 = 0;
const STORAGE: u8 = 1;
const MAX_PATH: usize = 64;

/// Where a trie node is kept: in which trie, and on which path from its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrieKey {
    /// Keccak of the address whose storage trie it is; `None` for the account trie.
    pub owner: Option<B256>,
    /// The nibbles from the root to the node, at most 64.
    pub path: Nibbles,
}

impl TrieKey {
    /// A compact encoding of at most 66 bytes: a tag, the owner if any, the path two nibbles a byte, and the path's length.
    /// The keys of one trie share a prefix ([`TrieKey::prefix`]).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Self::prefix(self.owner);
        bytes.extend_from_slice(&self.path.pack());
        // A path has at most 64 nibbles.
        bytes.push(self.path.len() as u8);
        bytes
    }

    /// What the encoded keys of all nodes of one trie start with.
    #[must_use]
    pub fn prefix(owner: Option<B256>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(66);
        match owner {
            None => bytes.push(ACCOUNTS),
            Some(owner) => {
                bytes.push(STORAGE);
                bytes.extend_from_slice(owner.as_slice());
            }
        }
        bytes
    }

    /// The inverse of [`TrieKey::to_bytes`]; `None` when `bytes` are not exactly an encoded key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (owner, rest) = match *tag {
            ACCOUNTS => (None, rest),
            STORAGE => {
                let (owner, rest) = rest.split_first_chunk::<32>()?;
                (Some(B256::from(owner)), rest)
            }
            _ => return None,
        };
        let (length, packed) = rest.split_last()?;
        let length = usize::from(*length);
        if length > MAX_PATH || packed.len() != length.div_ceil(2) {
            return None;
        }
        if length % 2 == 1 && packed.last()? & 0x0f != 0 {
            return None;
        }
        let path = Nibbles::unpack(packed).slice(..length);
        Some(Self { owner, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trips(owner in proptest::option::of(any::<[u8; 32]>()), path in proptest::collection::vec(0u8..16, 0..=64)) {
            let key = TrieKey { owner: owner.map(B256::from), path: Nibbles::from_nibbles(&path) };
            let bytes = key.to_bytes();
            prop_assert!(bytes.len() <= 66);
            prop_assert!(bytes.starts_with(&TrieKey::prefix(key.owner)));
            prop_assert_eq!(TrieKey::from_bytes(&bytes), Some(key));
        }

        #[test]
        fn decodes_only_what_it_encodes(bytes in proptest::collection::vec(any::<u8>(), 0..70)) {
            if let Some(key) = TrieKey::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}
