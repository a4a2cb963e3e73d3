//! Pinned states: undisturbed, bounded, and never in the way of closing.

use crate::common::{account, changes, commit, extend, open, open_with, options};
use alloy_primitives::{Address, U256, keccak256};
use baton_consensus::types::Height;
use baton_storage::{MAX_PINS, Prune, StateChanges, StorageError, Store, StoreOptions};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

fn nonce(pin: &baton_storage::PinnedState) -> u64 {
    pin.read(|view| view.account(Address::repeat_byte(1)).unwrap().unwrap().nonce).unwrap()
}

/// Waits for the threads of all pins: a process that ends with the database open may crash in RocksDB's own.
fn close(store: Store) {
    assert!(store.close(Duration::from_secs(30)));
}

#[test]
fn a_pinned_state_stays_however_far_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_with(directory.path(), &StoreOptions { prune: Some(Prune::Full(2)), ..options() });
    let blocks = extend(&store, 5);
    store.set_finalized(Height(3), false).unwrap();
    assert!(matches!(store.pin(Height(4)), Err(StorageError::NotFinal { height: Height(4), .. })));
    let pin = store.pin(Height(3)).unwrap();
    assert_eq!(pin.block(), blocks[2]);
    for _ in 0..20 {
        extend(&store, 1);
        store.set_finalized(Height(store.head().height.0 - 1), false).unwrap();
    }
    assert!(matches!(store.view_at(Height(3)), Err(StorageError::HistoryPruned { .. })));
    assert_eq!(nonce(&pin), 3);
    let (hash, node) =
        pin.read(|view| (view.block_hash(Height(3)).unwrap(), view.trie_node(b"root").unwrap().unwrap())).unwrap();
    assert_eq!((hash, node.as_ref()), (Some(blocks[2].hash), 3u64.to_be_bytes().as_slice()));

    // Many may ask at once, and a panic is that of the asker alone.
    let askers: Vec<_> = (0..8).map(|_| pin.clone()).map(|pin| thread::spawn(move || nonce(&pin))).collect();
    assert!(catch_unwind(AssertUnwindSafe(|| pin.read(|_| panic!("this panic is part of the test")))).is_err());
    for asker in askers {
        assert_eq!(asker.join().unwrap(), 3);
    }
    assert_eq!(nonce(&pin), 3);
    close(store);
}

#[test]
fn there_are_only_so_many_and_dropping_ends_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let pins: Vec<_> = (0..MAX_PINS).map(|_| store.pin(Height(0)).unwrap()).collect();
    assert!(matches!(store.pin(Height(0)), Err(StorageError::TooManyPins { most: MAX_PINS })));
    let clones = pins.clone();
    drop(pins);
    assert!(matches!(store.pin(Height(0)), Err(StorageError::TooManyPins { .. })));
    drop(clones);
    // The threads end on their own.
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.pin(Height(0)) {
        assert!(matches!(error, StorageError::TooManyPins { .. }) && Instant::now() < deadline, "{error}");
        thread::yield_now();
    }
    close(store);
}

#[test]
fn closing_does_not_wait_for_handles() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let pin = store.pin(Height(0)).unwrap();
    let idle = store.pin(Height(0)).unwrap();
    let reading = thread::spawn({
        let pin = pin.clone();
        move || nonce(&pin)
    });
    assert_eq!(reading.join().unwrap(), 0);
    assert!(store.close(Duration::from_secs(30)));
    assert!(matches!(pin.read(|_| ()), Err(StorageError::PinEnded)));
    drop(idle);
    assert!(Store::open(directory.path(), &options()).is_ok());
}

#[test]
fn what_was_hashed_is_known_from_the_first_block_that_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let slot = |number: u64| keccak256(U256::from(number).to_be_bytes::<32>());
    let view = store.view().unwrap();
    let (first, second) = (Address::repeat_byte(1), Address::repeat_byte(2));
    assert_eq!(view.address_of(keccak256(first)).unwrap(), Some(first));
    assert_eq!(view.address_of(keccak256(second)).unwrap(), None);
    assert_eq!(view.slot_of(slot(1)).unwrap(), None);

    let appear = StateChanges {
        accounts: vec![(second, Some(account(1)))],
        slots: vec![(second, U256::from(1), U256::from(7)), (first, U256::from(1), U256::from(7))],
        ..changes(1)
    };
    store.commit_block(&commit(store.head(), 1, appear)).unwrap();
    let gone = StateChanges {
        accounts: vec![(second, None)],
        slots: vec![(second, U256::from(1), U256::ZERO)],
        ..StateChanges::default()
    };
    store.commit_block(&commit(store.head(), 1, gone)).unwrap();
    let view = store.view().unwrap();
    assert_eq!(view.address_of(keccak256(second)).unwrap(), Some(second));
    assert_eq!(view.slot_of(slot(1)).unwrap(), Some(U256::from(1)));
    assert_eq!(view.slot_of(slot(2)).unwrap(), None);
}
