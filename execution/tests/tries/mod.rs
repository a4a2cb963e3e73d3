//! Tries that show every shape.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use baton_execution::{MemoryState, StateDiff, TrieKey};
use proptest::prelude::*;

/// What a trie holds.
pub(crate) type Contents = BTreeMap<B256, Vec<u8>>;

/// Keys that share prefixes of many lengths, so that extensions, collapses and embedded nodes all occur.
pub(crate) fn key() -> impl Strategy<Value = B256> {
    let scattered = any::<u8>().prop_map(keccak256_of);
    let alike =
        (0usize..32, prop::sample::select(vec![0x00u8, 0x01, 0x10, 0x11, 0xff])).prop_map(|(position, byte)| {
            let mut key = B256::ZERO;
            key[position] = byte;
            key
        });
    let siblings = any::<u8>().prop_map(|last| {
        let mut key = B256::repeat_byte(0xab);
        key[31] = last;
        key
    });
    prop_oneof![scattered, alike, siblings]
}

/// A scattered key.
pub(crate) fn keccak256_of(byte: u8) -> B256 {
    keccak256([byte])
}

/// Values are RLP, as all values of Ethereum's tries are; the short ones make nodes that are embedded in their parents.
pub(crate) fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let encoded = |bytes: Vec<u8>| Some(alloy_rlp::encode(Bytes::from(bytes)));
    prop_oneof![
        2 => Just(None),
        2 => (1u8..128).prop_map(move |byte| encoded(vec![byte])),
        1 => prop::collection::vec(1u8.., 1..6).prop_map(encoded),
        1 => prop::collection::vec(1u8.., 33..80).prop_map(encoded),
    ]
}

/// Persists nodes.
pub(crate) fn apply(state: &mut MemoryState, nodes: Vec<(TrieKey, Option<Bytes>)>) {
    let diff = StateDiff { trie_nodes: nodes.into_iter().collect(), ..StateDiff::default() };
    state.apply(&diff);
}

/// The root by an outside judge.
pub(crate) fn hash_builder_root(contents: &Contents) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in contents {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}
