//! Prune modes: what an archive keeps, what a full store takes away, and what changing between them leaves.

use crate::{
    common::{account, changes, commit, extend, noise, open_with, options, read_only, small_files},
    history::{Model, apply, dump, genesis_model, state_changes},
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use baton_consensus::types::Height;
use baton_storage::{BlockCommit, Kept, Prune, StateChanges, StorageError, Store, StoreOptions, StoredAccount};
use proptest::{collection::vec, prelude::*};
use std::path::Path;

fn open(path: &Path, prune: Prune) -> Store {
    open_with(path, &StoreOptions { prune: Some(prune), ..options() })
}

fn kept(receipts: u64, state: u64, indexed_state: u64, trie: u64) -> Kept {
    Kept { receipts: Height(receipts), state: Height(state), indexed_state: Height(indexed_state), trie: Height(trie) }
}

fn finalize(store: &Store, height: u64) {
    store.set_finalized(Height(height), true).unwrap();
}

fn nonce_at(store: &Store, height: u64) -> Result<u64, StorageError> {
    Ok(store.view_at(Height(height))?.account(Address::repeat_byte(1))?.unwrap().nonce)
}

/// What happens to a chain of which every state is known.
#[derive(Clone, Debug)]
enum Step {
    Commit(StateChanges),
    Revert,
    Finalize,
    Reopen(Prune),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => state_changes().prop_map(Step::Commit),
        3 => Just(Step::Revert),
        2 => Just(Step::Finalize),
        1 => Just(Step::Reopen(Prune::Archive)),
        1 => (1..4u64).prop_map(|blocks| Step::Reopen(Prune::Full(blocks))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens, the store shows what it claims to keep as it was, and refuses the rest.
    #[test]
    fn what_is_claimed_is_there_and_right(first in any::<bool>(), steps in vec(step(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path(), if first { Prune::Archive } else { Prune::Full(2) });
        let mut models = vec![genesis_model()];
        for step in steps {
            match step {
                Step::Commit(changes) => {
                    let mut next = models.last().unwrap().clone();
                    next.apply(&changes);
                    models.push(next);
                    apply(&store, &changes);
                }
                Step::Revert if store.head().height > store.finalized().height => {
                    store.revert_head().unwrap();
                    models.pop();
                }
                Step::Revert => {}
                Step::Finalize => finalize(&store, store.head().height.0.saturating_sub(1)),
                Step::Reopen(prune) => {
                    drop(store);
                    store = open(directory.path(), prune);
                }
            }
            check(&store, &models);
        }
    }

    #[test]
    fn nothing_is_left_of_what_is_reverted(
        is_archive in any::<bool>(),
        kept in vec(state_changes(), 0..4),
        reverted in vec(state_changes(), 1..5),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let open = || open(directory.path(), if is_archive { Prune::Archive } else { Prune::Full(8) });
        let store = open();
        kept.iter().for_each(|changes| apply(&store, changes));
        drop(store);
        let before = dump(directory.path());
        let store = open();
        reverted.iter().for_each(|changes| apply(&store, changes));
        reverted.iter().for_each(|_| _ = store.revert_head().unwrap());
        drop(store);
        prop_assert_eq!(before, dump(directory.path()));
    }
}

fn check(store: &Store, models: &[Model]) {
    let head = store.head().height;
    let kept = store.kept().unwrap();
    assert!(kept.state <= store.finalized().height && kept.receipts <= store.finalized().height);
    for height in (0..=head.0).map(Height) {
        if height >= kept.state {
            models[height.0 as usize].check_values(store, height);
        } else {
            let error = store.view_at(height).unwrap_err();
            assert!(matches!(error, StorageError::HistoryPruned { oldest, .. } if oldest == kept.state), "{error}");
        }
        assert_eq!(store.receipts(height).unwrap().is_some(), height >= kept.receipts);
        assert!(store.block(height).unwrap().is_some() && store.header(height).unwrap().is_some());
    }
}

/// Extends the chain by `count` final blocks without transactions, each of which changes some accounts.
fn extend_with_accounts(store: &Store, count: u64) {
    for _ in 0..count {
        let height = store.head().height.next();
        let mut state = changes(height.0);
        for number in 0..16_u8 {
            let code_hash = keccak256([height.0, number.into()].map(u64::to_be_bytes).concat());
            let account = StoredAccount { code_hash, ..account(height.0) };
            state.accounts.push((Address::repeat_byte(0x80 + number), Some(account)));
        }
        let next = BlockCommit { finalized: Some(height), ..commit(store.head(), 0, state) };
        store.commit_block(&next).unwrap();
    }
}

#[test]
fn an_archive_shows_every_state_but_only_recent_tries_until_it_is_none_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), Prune::Archive);
    // As many undo records as an archive keeps, and a few more.
    let head = 1_030;
    extend_with_accounts(&store, head);
    assert_eq!(store.kept().unwrap(), kept(0, 0, 0, 6));
    for height in [0, 1, 5, 6, 500, head] {
        assert_eq!(nonce_at(&store, height).unwrap(), height);
        let view = store.view_at(Height(height)).unwrap();
        let slot = U256::from(height % 4);
        assert_eq!(view.slot(Address::repeat_byte(1), slot).unwrap(), U256::from(height));
        match view.trie_node(b"root") {
            Ok(node) if height >= 6 => assert_eq!(node.unwrap().as_ref(), height.to_be_bytes()),
            Err(StorageError::TriePruned { height: at, oldest: Height(6) }) if height < 6 => assert_eq!(at.0, height),
            other => panic!("block {height}: {other:?}"),
        }
    }
    assert!(store.receipts(Height(1)).unwrap().is_some());
    drop(store);
    let indexed = table_bytes(directory.path(), "account_history");
    assert!(indexed > 500_000, "the index has {indexed} bytes of noise");

    let store = open(directory.path(), Prune::Full(600));
    assert_eq!(store.kept().unwrap(), kept(0, 6, head, 6));
    assert!(matches!(nonce_at(&store, 5), Err(StorageError::HistoryPruned { oldest: Height(6), .. })));
    assert_eq!(nonce_at(&store, 6).unwrap(), 6);
    extend_with_accounts(&store, 1);
    assert_eq!(store.kept().unwrap(), kept(64, 10, head, 10));
    assert_eq!((nonce_at(&store, 10).unwrap(), nonce_at(&store, head).unwrap()), (10, head));
    drop(store);
    let indexed = table_bytes(directory.path(), "account_history");
    assert!(indexed < 50_000, "{indexed} bytes are left on the disk");
}

#[test]
fn a_full_store_keeps_tries_no_longer_than_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), Prune::Full(1_040));
    extend_with_accounts(&store, 1_100);
    assert_eq!(store.kept().unwrap(), kept(60, 60, 60, 76));
    for height in [60, 75, 76, 1_100] {
        assert_eq!(nonce_at(&store, height).unwrap(), height);
        let trie = store.view_at(Height(height)).unwrap().trie_node(b"root");
        assert_eq!(trie.is_ok(), height >= 76, "{trie:?}");
    }
    drop(store);
    let undo = || dump(directory.path()).into_keys().filter(|(table, _)| table == "undo").count();
    assert_eq!(undo(), 1_024 * 3 + 16, "three parts of each record, and one of each that lost its trie");

    // What becomes an archive and a full store again leaves nothing behind.
    let store = open(directory.path(), Prune::Archive);
    extend_with_accounts(&store, 2);
    assert_eq!(store.kept().unwrap(), kept(60, 60, 60, 78));
    drop(store);
    let store = open(directory.path(), Prune::Full(1_040));
    assert_eq!(store.kept().unwrap(), kept(60, 78, 1_102, 78));
    drop(store);
    assert_eq!(undo(), 1_024 * 3);
}

/// The size of the files of a table, in bytes.
fn table_bytes(path: &Path, table: &str) -> u64 {
    let db = read_only(path);
    db.property_int_value_cf(db.cf_handle(table).unwrap(), "rocksdb.total-sst-files-size").unwrap().unwrap()
}

#[test]
fn what_a_full_store_takes_away_leaves_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let run = |prune, blocks| {
        let store = open_with(directory.path(), &StoreOptions { prune: Some(prune), ..small_files() });
        for _ in 0..blocks {
            let height = store.head().height.next();
            let noise = Bytes::from(noise(height.0, 64 << 10));
            let mut next = commit(store.head(), 1, changes(height.0));
            next.state.trie = vec![(b"root".to_vec(), Some(noise.clone()))];
            next.receipts[0].logs[0].data = noise;
            next.finalized = Some(height);
            store.commit_block(&next).unwrap();
        }
        drop(store);
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    let all = run(Prune::Archive, 200);
    assert!(all > 200 * 2 * (60 << 10), "200 blocks of noise in receipts and undo records take {all} bytes");
    let left = run(Prune::Full(8), 200);
    assert!(left < all / 2, "of {all} bytes {left} are left after as many blocks again");
}

#[test]
fn a_full_store_takes_old_receipts_away_a_bounded_number_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), Prune::Archive);
    extend(&store, 200);
    finalize(&store, 190);
    drop(store);
    let store = open(directory.path(), Prune::Full(3));
    assert_eq!(store.kept().unwrap(), kept(0, 0, 0, 0), "the mode alone takes nothing away");
    extend(&store, 1);
    assert_eq!(store.kept().unwrap(), kept(64, 4, 4, 4));
    assert!(store.receipts(Height(63)).unwrap().is_none() && store.receipts(Height(64)).unwrap().is_some());
    extend(&store, 2);
    assert_eq!(store.kept().unwrap().receipts, Height(190), "what is not final stays");
    finalize(&store, 203);
    extend(&store, 60);
    assert_eq!(store.kept().unwrap(), kept(203, 203, 203, 203));
    finalize(&store, 263);
    extend(&store, 1);
    assert_eq!(store.kept().unwrap().receipts, Height(261));
    assert!(store.block(Height(1)).unwrap().is_some(), "blocks stay");
}

#[test]
fn a_directory_stays_what_it_was_unless_told() {
    let directory = tempfile::tempdir().unwrap();
    let untold = || open_with(directory.path(), &options()).prune();
    assert_eq!(untold(), Prune::default());
    for prune in [Prune::Archive, Prune::Full(7)] {
        drop(open(directory.path(), prune));
        assert_eq!(untold(), prune);
    }
}

#[test]
fn an_archive_begins_with_what_is_still_there() {
    let directory = tempfile::tempdir().unwrap();
    let run = |prune, blocks| {
        let store = open(directory.path(), prune);
        extend_with_accounts(&store, blocks);
        store
    };
    drop(run(Prune::Archive, 10));
    drop(run(Prune::Full(2), 10));
    let store = run(Prune::Archive, 30);
    assert_eq!(store.kept().unwrap(), kept(18, 18, 18, 18));
    for height in 18..=50 {
        assert_eq!(nonce_at(&store, height).unwrap(), height);
    }
    assert!(matches!(nonce_at(&store, 17), Err(StorageError::HistoryPruned { oldest: Height(18), .. })));
}

/// What a full store removes from its index is all that there was of those blocks.
#[test]
fn the_index_of_a_full_store_does_not_grow() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), Prune::Full(5));
    extend_with_accounts(&store, 50);
    drop(store);
    let keys = dump(directory.path()).into_keys();
    let indexed = keys.filter(|(table, _)| table == "account_history" || table == "slot_history").count();
    assert_eq!(indexed, 5 * (17 + 1), "17 accounts and a slot of each of the last five blocks");
}
