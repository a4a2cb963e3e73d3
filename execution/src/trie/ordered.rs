//! Roots over lists: transactions and receipts.

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

use super::update::{Change, root_of};
use crate::{Account, StateError, StateReader, TrieKey};

/// The root of a trie from RLP-encoded index to item.
pub(crate) fn ordered_root(items: Vec<Vec<u8>>) -> Result<B256, StateError> {
    let mut entries: Vec<Change> = items
        .into_iter()
        .enumerate()
        .map(|(index, item)| Change { key: Nibbles::unpack(alloy_rlp::encode_fixed_size(&index)), value: Some(item) })
        .collect();
    entries.sort_unstable_by_key(|entry| entry.key);
    root_of(&Nothing, &entries)
}

/// A reader of nothing: a trie that is built from scratch loads no node.
pub(super) struct Nothing;

impl StateReader for Nothing {
    fn account(&self, _: alloy_primitives::Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }

    fn storage(
        &self,
        _: alloy_primitives::Address,
        _: alloy_primitives::U256,
    ) -> Result<alloy_primitives::U256, StateError> {
        Ok(alloy_primitives::U256::ZERO)
    }

    fn code(&self, _: B256) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }

    fn block_hash(&self, _: u64) -> Result<Option<B256>, StateError> {
        Ok(None)
    }

    fn trie_node(&self, _: &TrieKey) -> Result<Option<Bytes>, StateError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_outside_judge() {
        for count in [0usize, 1, 2, 3, 15, 16, 17, 127, 128, 129, 200, 255, 256, 257, 1000, 3000] {
            for size in [1usize, 20, 40, 300] {
                let items: Vec<Vec<u8>> = (0..count).map(|i| vec![(i % 251) as u8 + 1; size]).collect();
                let expected = alloy_trie::root::ordered_trie_root_encoded(&items);
                assert_eq!(ordered_root(items).unwrap(), expected, "{count} items of {size} bytes");
            }
        }
    }
}
