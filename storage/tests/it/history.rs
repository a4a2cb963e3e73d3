//! Random chains against a model.

use crate::common::{account, commit, open, read_only};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::types::Height;
use baton_storage::{StateChanges, Store, StoredAccount};
use proptest::{collection::vec, option, prelude::*};
use rocksdb::{DB, IteratorMode, Options};
use std::{collections::BTreeMap, path::Path};

fn address() -> impl Strategy<Value = Address> {
    (0..6u8).prop_map(Address::repeat_byte)
}

pub(crate) fn state_changes() -> impl Strategy<Value = StateChanges> {
    let accounts = vec((address(), option::of((0..4u64).prop_map(account))), 0..6);
    let slots = vec((address(), (0..3u64).prop_map(U256::from), (0..3u64).prop_map(U256::from)), 0..6);
    let code = vec((0..5u8).prop_map(|byte| (B256::repeat_byte(byte), Bytes::from(vec![byte]))), 0..3);
    let trie = vec((vec(0..3u8, 0..3), option::of(vec(any::<u8>(), 0..40).prop_map(Bytes::from))), 0..8);
    (accounts, slots, code, trie).prop_map(|(accounts, slots, code, trie)| StateChanges { accounts, slots, code, trie })
}

/// The state, kept the plain way.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    accounts: BTreeMap<Address, StoredAccount>,
    slots: BTreeMap<(Address, U256), U256>,
    trie: BTreeMap<Vec<u8>, Bytes>,
}

impl Model {
    pub(crate) fn apply(&mut self, changes: &StateChanges) {
        for (address, account) in &changes.accounts {
            match account {
                Some(account) => self.accounts.insert(*address, *account),
                None => self.accounts.remove(address),
            };
        }
        for (address, slot, value) in &changes.slots {
            self.slots.insert((*address, *slot), *value);
        }
        for (key, node) in &changes.trie {
            match node {
                Some(node) => self.trie.insert(key.clone(), node.clone()),
                None => self.trie.remove(key),
            };
        }
    }

    /// Compares every key that any block can have touched.
    fn check(&self, store: &Store, height: Height) {
        self.check_values(store, height);
        let view = store.view_at(height).unwrap();
        for key in keys() {
            assert_eq!(view.trie_node(&key).unwrap(), self.trie.get(&key).cloned());
        }
    }

    /// Compares the accounts and slots that any block can have touched.
    pub(crate) fn check_values(&self, store: &Store, height: Height) {
        let view = store.view_at(height).unwrap();
        assert_eq!(view.head().height, height);
        for address in (0..6).map(Address::repeat_byte) {
            assert_eq!(view.account(address).unwrap(), self.accounts.get(&address).copied());
            for slot in (0..3u64).map(U256::from) {
                let expected = self.slots.get(&(address, slot)).copied().unwrap_or_default();
                assert_eq!(view.slot(address, slot).unwrap(), expected);
            }
        }
    }
}

fn keys() -> Vec<Vec<u8>> {
    let one = (0..3u8).map(|byte| vec![byte]);
    let two = (0..3u8).flat_map(|first| (0..3u8).map(move |second| vec![first, second]));
    std::iter::once(vec![]).chain(one).chain(two).collect()
}

/// Commits a block with these changes.
pub(crate) fn apply(store: &Store, changes: &StateChanges) {
    store.commit_block(&commit(store.head(), 1, changes.clone())).unwrap();
}

/// Every key and value of every column family, but what was hashed, which is known once and for all.
pub(crate) fn dump(path: &Path) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let names = DB::list_cf(&Options::default(), path).unwrap();
    let db = read_only(path);
    let mut all = BTreeMap::new();
    for name in names.into_iter().filter(|name| !["addresses", "slot_keys"].contains(&name.as_str())) {
        for entry in db.iterator_cf(db.cf_handle(&name).unwrap(), IteratorMode::Start) {
            let (key, value) = entry.unwrap();
            all.insert((name.clone(), key.into_vec()), value.into_vec());
        }
    }
    all
}

/// The state of genesis.
pub(crate) fn genesis_model() -> Model {
    let mut model = Model::default();
    model.apply(&crate::common::genesis().state);
    model
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn what_is_reverted_was_never_there(kept in vec(state_changes(), 0..4), reverted in vec(state_changes(), 1..5)) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        kept.iter().for_each(|changes| apply(&store, changes));
        drop(store);
        let before = dump(directory.path());

        let store = open(directory.path());
        reverted.iter().for_each(|changes| apply(&store, changes));
        drop(store);
        prop_assert_ne!(&before, &dump(directory.path()));
        let store = open(directory.path());
        for _ in &reverted {
            store.revert_head().unwrap();
        }
        drop(store);
        prop_assert_eq!(before, dump(directory.path()));
    }

    #[test]
    fn every_height_shows_its_own_state(blocks in vec(state_changes(), 1..10), reopen in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path());
        let mut models = vec![genesis_model()];
        for changes in &blocks {
            apply(&store, changes);
            let mut next = models.last().unwrap().clone();
            next.apply(changes);
            models.push(next);
        }
        if reopen {
            drop(store);
            store = open(directory.path());
        }
        prop_assert_eq!(store.head().height.0, blocks.len() as u64);
        for (height, model) in models.iter().enumerate() {
            model.check(&store, Height(height as u64));
        }
    }
}
