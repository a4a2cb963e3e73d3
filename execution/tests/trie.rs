//! The trie against two outside judges, and the cost of an update.

mod tries;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, proof::verify_proof};
use baton_execution::{Account, GenesisAccount, MemoryState, StateError, StateReader, TrieKey, genesis_state, trie};
use eth_trie::{EthTrie, MemoryDB, Trie};
use proptest::prelude::*;
use tries::{Contents, apply, hash_builder_root, keccak256_of, key, value};

fn rounds() -> impl Strategy<Value = Vec<Vec<(B256, Option<Vec<u8>>)>>> {
    prop::collection::vec(prop::collection::vec((key(), value()), 0..40), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_both_judges_over_rounds(rounds in rounds(), owner in any::<bool>()) {
        let owner = owner.then(|| B256::repeat_byte(7));
        let mut state = MemoryState::new();
        let mut contents = Contents::new();
        let mut judge = EthTrie::new(Arc::new(MemoryDB::new(false)));
        let mut root = EMPTY_ROOT_HASH;
        for round in rounds {
            for (key, value) in &round {
                match value {
                    Some(value) => {
                        contents.insert(*key, value.clone());
                        judge.insert(key.as_slice(), value).unwrap();
                    }
                    None => {
                        contents.remove(key);
                        judge.remove(key.as_slice()).unwrap();
                    }
                }
            }
            let updated = trie::update(&state, owner, root, round).unwrap();
            root = updated.root;
            apply(&mut state, updated.nodes);
            prop_assert_eq!(root, hash_builder_root(&contents));
            prop_assert_eq!(root.0, judge.root_hash().unwrap().0);

            // What is persisted is exactly what building from scratch persists: nothing missing, nothing left behind.
            let all = contents.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
            let fresh = trie::update(&MemoryState::new(), owner, EMPTY_ROOT_HASH, all).unwrap();
            prop_assert_eq!(fresh.root, root);
            prop_assert_eq!(fresh.nodes.len(), state.trie_node_count());
            for (key, node) in fresh.nodes {
                prop_assert_eq!(state.trie_node(&key).unwrap(), node);
            }
        }
    }

    #[test]
    fn proofs_are_verified_by_the_outside_judge(
        accounts in prop::collection::btree_map(0u8..60, prop::collection::btree_map(0u64..40, 1u64..1000, 0..20), 0..40),
        asked in prop::collection::vec((0u8..70, 0u64..50), 1..20),
    ) {
        let alloc: BTreeMap<Address, GenesisAccount> = accounts
            .iter()
            .map(|(id, storage)| {
                let storage = storage.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect();
                (Address::repeat_byte(*id), GenesisAccount { nonce: 1, storage, ..GenesisAccount::default() })
            })
            .collect();
        let (diff, root) = genesis_state(&alloc).unwrap();
        let mut state = MemoryState::new();
        state.apply(&diff);
        for (id, slot) in asked {
            let (address, slot) = (Address::repeat_byte(id), U256::from(slot));
            let proof = trie::prove(&state, root, address, &[slot]).unwrap();
            prop_assert_eq!(proof.account, state.account(address).unwrap());
            let expected = proof.account.map(|account| alloy_rlp::encode(account.to_trie_account()));
            verify_proof(root, Nibbles::unpack(keccak256(address)), expected, &proof.proof).unwrap();
            let storage_root = proof.account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
            let storage = &proof.storage[0];
            prop_assert_eq!(storage.value, state.storage(address, slot).unwrap());
            let expected = (!storage.value.is_zero()).then(|| alloy_rlp::encode(storage.value));
            let key = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
            verify_proof(storage_root, key, expected, &storage.proof).unwrap();
        }
        prop_assert!(trie::prove(&state, B256::repeat_byte(9), Address::ZERO, &[]).is_err());
    }
}

/// Counts the trie nodes that are read.
struct Counting<'a> {
    state: &'a MemoryState,
    reads: AtomicUsize,
}

impl StateReader for Counting<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Option<Bytes>, StateError> {
        self.state.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.state.block_hash(number)
    }

    fn trie_node(&self, key: &TrieKey) -> Result<Option<Bytes>, StateError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.state.trie_node(key)
    }
}

#[test]
fn an_update_reads_only_the_paths_that_it_touches() {
    const KEYS: u32 = 100_000;
    let key = |id: u32| keccak256(id.to_be_bytes());
    let mut state = MemoryState::new();
    let all = (0..KEYS).map(|id| (key(id), Some(vec![1; 40]))).collect();
    let built = trie::update(&state, None, EMPTY_ROOT_HASH, all).unwrap();
    apply(&mut state, built.nodes);

    // log16 of 100,000 is about 4.2; paths go a little deeper, and a removal may load a sibling.
    let deepest = 8;
    for touched in [1u32, 10, 100, 1000] {
        for value in [None, Some(vec![2; 40])] {
            let reader = Counting { state: &state, reads: AtomicUsize::new(0) };
            let changes = (0..touched).map(|id| (key(id * 97), value.clone())).collect();
            let updated = trie::update(&reader, None, built.root, changes).unwrap();
            let reads = reader.reads.into_inner();
            assert!(reads <= deepest * touched as usize, "{touched} keys read {reads} nodes");
            assert!(updated.nodes.len() <= deepest * touched as usize + 1);
        }
    }
}

#[test]
fn a_missing_node_is_a_read_failure() {
    let changes = vec![(keccak256_of(1), Some(vec![1]))];
    assert!(trie::update(&MemoryState::new(), None, B256::repeat_byte(1), changes).is_err());
}

#[test]
fn of_two_changes_to_one_key_the_later_wins() {
    let changes = |values: &[u8]| values.iter().map(|value| (B256::ZERO, Some(vec![*value]))).collect::<Vec<_>>();
    let state = MemoryState::new();
    let root = |values: &[u8]| trie::update(&state, None, EMPTY_ROOT_HASH, changes(values)).unwrap().root;
    assert_eq!(root(&[1, 2, 3]), root(&[3]));
}
