//! Commits, reverts, and what reads find after them.

use crate::common::{changes, commit, entry, extend, genesis, open, open_with, options, transaction};
use alloy_primitives::{Address, B256, U256};
use baton_consensus::types::{BlockRef, Height};
use baton_storage::{GenesisId, Prune, StateChanges, StorageError, Store, StoreOptions, TransactionLocation};
use std::sync::Arc;

#[test]
fn genesis_is_written_once_and_names_the_chain() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &options()).unwrap();
    let id = GenesisId { chain_id: genesis().chain_id, genesis_hash: genesis().genesis_hash };
    assert!(matches!(store.ensure_genesis(id), Err(StorageError::NotInitialized)));
    assert!(matches!(store.view(), Err(StorageError::NotInitialized)));
    assert!(matches!(store.revert_head(), Err(StorageError::NotInitialized)));
    let early = commit(BlockRef::default(), 0, StateChanges::default());
    assert!(matches!(store.commit_block(&early), Err(StorageError::NotInitialized)));

    store.initialize(&genesis()).unwrap();
    store.initialize(&genesis()).unwrap();
    store.ensure_genesis(id).unwrap();
    let other = GenesisId { chain_id: 1, ..id };
    assert!(matches!(store.ensure_genesis(other), Err(StorageError::OtherGenesis { found, .. }) if found == id));
    let stored = store.block(Height(0)).unwrap().unwrap();
    assert_eq!((stored.block.clone(), stored.seal.clone()), (genesis().block, None));
    assert!(stored.into_sealed().is_none());
    assert_eq!(store.head(), BlockRef { height: Height(0), hash: id.genesis_hash });
    assert_eq!(store.finalized(), store.head());
    assert!(matches!(store.revert_head(), Err(StorageError::HeadIsFinal { .. })));
}

#[test]
fn a_committed_block_is_found_by_everything_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let write = commit(store.head(), 3, changes(1));
    let stats = store.commit_block(&write).unwrap();
    assert!(stats.keys > 10 && stats.bytes > 1000);
    drop(store);

    let store = open(directory.path());
    assert_eq!(store.head(), BlockRef { height: Height(1), hash: write.hash });
    assert_eq!(store.height_of(write.hash).unwrap(), Some(Height(1)));
    assert_eq!(store.block_hash(Height(1)).unwrap(), Some(write.hash));
    assert_eq!(store.header_by_hash(write.hash).unwrap().unwrap().header, write.block.block.block.header);
    assert_eq!(store.sealed_block(Height(1)).unwrap().as_ref(), Some(&*write.block));
    assert_eq!(store.sealed_block_by_hash(write.hash).unwrap().as_ref(), Some(&*write.block));
    assert_eq!(store.block(Height(1)).unwrap().unwrap().senders, write.senders);
    assert_eq!(store.receipts(Height(1)).unwrap().unwrap(), write.receipts);
    let hash = *transaction(1_000_002).tx_hash();
    let location = TransactionLocation { height: Height(1), index: 2 };
    assert_eq!(store.transaction_location(hash).unwrap(), Some(location));
    assert_eq!(store.transaction_location(B256::ZERO).unwrap(), None);
    assert!(store.block(Height(2)).unwrap().is_none());
    assert!(store.block_by_hash(B256::ZERO).unwrap().is_none());

    let view = store.view().unwrap();
    assert_eq!(view.head(), store.head());
    assert_eq!(view.account(Address::repeat_byte(1)).unwrap().unwrap().nonce, 1);
    assert_eq!(view.slot(Address::repeat_byte(1), U256::from(1)).unwrap(), U256::from(1));
    assert_eq!(view.slot(Address::repeat_byte(1), U256::from(2)).unwrap(), U256::ZERO);
    assert_eq!(view.code(B256::with_last_byte(1)).unwrap().unwrap().len(), 8);
    assert_eq!(view.trie_node(b"root").unwrap().unwrap().last(), Some(&1));
    assert_eq!(view.block_hash(Height(2)).unwrap(), None);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let head = *extend(&store, 2).last().unwrap();

    let stale = commit(BlockRef { height: Height(0), hash: genesis().genesis_hash }, 0, StateChanges::default());
    let stranger = commit(BlockRef { hash: B256::ZERO, ..head }, 0, StateChanges::default());
    for write in [stale, stranger] {
        assert!(matches!(store.commit_block(&write), Err(StorageError::NotNext { .. })));
    }
    let good = commit(head, 2, changes(3));
    let mut wrong = vec![good.clone(); 5];
    wrong[0].hash = B256::ZERO;
    wrong[1].senders.pop();
    wrong[2].receipts.pop();
    wrong[3].finalized = Some(Height(4));
    Arc::make_mut(&mut wrong[4].block).seal.message.height = Height(9);
    for write in wrong {
        assert!(matches!(store.commit_block(&write), Err(StorageError::Inconsistent { .. })));
    }
    assert_eq!(store.head(), head);
    store.commit_block(&good).unwrap();
}

#[test]
fn a_view_does_not_see_later_commits_and_reverts() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    extend(&store, 3);
    let view = store.view().unwrap();
    extend(&store, 2);
    let later = store.view_at(Height(3)).unwrap();
    for _ in 0..3 {
        store.revert_head().unwrap();
    }
    for view in [view, later] {
        assert_eq!(view.head().height, Height(3));
        assert_eq!(view.account(Address::repeat_byte(1)).unwrap().unwrap().nonce, 3);
        assert_eq!(view.block_hash(Height(3)).unwrap(), Some(view.head().hash));
    }
    assert_eq!(store.view().unwrap().account(Address::repeat_byte(1)).unwrap().unwrap().nonce, 2);
}

#[test]
fn final_blocks_are_not_reverted() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blocks = extend(&store, 3);
    assert!(matches!(store.set_finalized(Height(4), true), Err(StorageError::BeyondHead { .. })));
    assert_eq!(store.set_finalized(Height(2), true).unwrap(), blocks[1]);
    assert_eq!(store.set_finalized(Height(1), true).unwrap(), blocks[1]);
    assert_eq!(store.revert_head().unwrap(), blocks[1]);
    assert!(matches!(store.revert_head(), Err(StorageError::HeadIsFinal { .. })));
    let mut next = commit(blocks[1], 0, changes(9));
    next.finalized = Some(Height(3));
    store.commit_block(&next).unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.finalized(), BlockRef { height: Height(3), hash: next.hash });
}

#[test]
fn undo_records_are_pruned_when_old_and_final() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_with(directory.path(), &StoreOptions { prune: Some(Prune::Full(2)), ..options() });
    extend(&store, 6);
    // Nothing is final: all of it may be reverted still.
    assert_eq!(store.view_at(Height(0)).unwrap().account(Address::repeat_byte(1)).unwrap().unwrap().nonce, 0);
    store.set_finalized(Height(6), false).unwrap();
    extend(&store, 2);
    let pruned = store.view_at(Height(5)).unwrap_err();
    assert!(matches!(pruned, StorageError::HistoryPruned { oldest: Height(6), height: Height(5) }));
    assert_eq!(store.view_at(Height(6)).unwrap().account(Address::repeat_byte(1)).unwrap().unwrap().nonce, 6);
    assert!(matches!(store.view_at(Height(9)), Err(StorageError::BeyondHead { .. })));
    store.revert_head().unwrap();
    drop(store);
    let store = open(directory.path());
    assert!(matches!(store.view_at(Height(5)), Err(StorageError::HistoryPruned { oldest: Height(6), .. })));
    extend(&store, 1);
}

#[test]
fn a_commit_is_atomic_with_its_journal() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let head = store.head();
    let mut first = commit(head, 0, changes(1));
    first.journal = vec![entry(1, b"seal of 1")];
    store.commit_block(&first).unwrap();
    let mut second = commit(store.head(), 0, changes(2));
    second.journal = vec![entry(2, b"seal of 2"), entry(1, b"another seal of 1")];
    assert!(matches!(store.commit_block(&second), Err(StorageError::JournalConflict { .. })));
    assert_eq!(store.head().height, Height(1));
    assert_eq!(store.journal_entries().unwrap(), first.journal);
    // The journal outlives a revert: what was signed was signed.
    store.revert_head().unwrap();
    assert_eq!(store.journal_entries().unwrap(), first.journal);
    first.journal = vec![entry(1, b"seal of another block")];
    assert!(matches!(store.commit_block(&first), Err(StorageError::JournalConflict { .. })));
}

#[test]
fn clones_share_one_store_between_threads() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let reader = store.clone();
    let thread = std::thread::spawn(move || {
        while reader.head().height < Height(10) {
            let view = reader.view().unwrap();
            let nonce = view.account(Address::repeat_byte(1)).unwrap().unwrap().nonce;
            assert_eq!(nonce, view.head().height.0);
        }
    });
    extend(&store, 10);
    thread.join().unwrap();
}
