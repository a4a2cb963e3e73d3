//! Taking over a state: begun, interrupted, finished, abandoned.

use crate::common::{
    CHAIN_ID, account, announcement, changes, commit, entry, epoch_of, extend, genesis, open, options, proof,
    sealed_block, set_change, transaction,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use baton_consensus::types::{BlockRef, Height, SealedBlock};
use baton_storage::{
    BlockCommit, GenesisId, ImportState, ImportedChain, JournalBatch, Kept, StateChanges, StorageError, Store,
};
use std::{path::Path, time::Duration};

const PROGRESS: Bytes = Bytes::from_static(b"progress");

fn id() -> GenesisId {
    GenesisId { chain_id: CHAIN_ID, genesis_hash: genesis().genesis_hash }
}

/// A chain of `count` blocks above genesis, without state.
fn blocks(count: u64) -> Vec<SealedBlock> {
    let mut parent = BlockRef { height: Height(0), hash: genesis().genesis_hash };
    let one = || {
        let block = sealed_block(parent, vec![transaction(parent.height.0)]);
        parent = block.seal.message.block();
        block
    };
    std::iter::repeat_with(one).take(count as usize).collect()
}

/// What surrounds the last of these blocks.
fn imported(blocks: &[SealedBlock]) -> ImportedChain {
    let (block, below) = blocks.split_last().unwrap();
    let genesis = genesis().block;
    let below = below.iter().rev().map(|block| block.block.block.header.clone());
    ImportedChain {
        ancestors: below.chain([genesis.header.clone()]).take(256).collect(),
        genesis,
        block: block.clone(),
        senders: vec![Address::repeat_byte(1)],
        finality: Some(proof(block.seal.message.block())),
        changes: Vec::new(),
        announcements: vec![announcement(epoch_of(block.seal.message.height).epoch.0)],
        certificates: Vec::new(),
        safety_state: None,
    }
}

/// The state of the imported block: one account, one slot.
fn state() -> StateChanges {
    StateChanges {
        accounts: vec![(Address::repeat_byte(9), Some(account(300)))],
        slots: vec![(Address::repeat_byte(9), U256::from(5), U256::from(6))],
        code: vec![(B256::repeat_byte(1), Bytes::from_static(b"code"))],
        trie: vec![(b"node".to_vec(), Some(Bytes::from_static(b"bytes")))],
    }
}

fn reopen(store: Store, path: &Path) -> Store {
    assert!(store.close(Duration::from_secs(30)));
    Store::open(path, &options()).unwrap()
}

#[test]
fn a_state_is_imported_over_a_chain_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    extend(&store, 3);
    let signed = [entry(1, b"signed")];
    let batch = JournalBatch { entries: &signed, safety_state: Some(b"safety"), ..Default::default() };
    store.journal_write(&batch).unwrap();
    let old = store.header(Height(2)).unwrap().unwrap().hash;
    let blocks = blocks(300);
    let target = blocks.last().unwrap().seal.message.block();

    store.begin_import(id(), target, PROGRESS).unwrap();
    store.import_state(target, &state(), Bytes::from_static(b"half")).unwrap();
    let store = reopen(store, directory.path());
    let under_way = ImportState { genesis: id(), target, progress: Bytes::from_static(b"half") };
    assert_eq!(store.import().unwrap(), Some(under_way));
    assert_eq!(store.journal_entry(&signed[0].key).unwrap().as_ref(), Some(&signed[0].value));
    store.finish_import(&imported(&blocks)).unwrap();

    let is_the_chain = |store: &Store| {
        assert_eq!(store.import().unwrap(), None);
        assert_eq!((store.genesis(), store.head(), store.finalized()), (Some(id()), target, target));
        assert_eq!(store.earliest(), target.height);
        store.initialize(&genesis()).unwrap();

        let view = store.view().unwrap();
        assert_eq!(view.account(Address::repeat_byte(9)).unwrap(), Some(account(300)));
        assert_eq!(view.account(Address::repeat_byte(1)).unwrap(), None, "the old state is gone");
        assert_eq!(view.slot(Address::repeat_byte(9), U256::from(5)).unwrap(), U256::from(6));
        assert_eq!(view.code(B256::repeat_byte(1)).unwrap().unwrap().as_ref(), b"code");
        assert_eq!(view.trie_node(b"node").unwrap().unwrap().as_ref(), b"bytes");
        assert_eq!(view.trie_node(b"root").unwrap(), None);
        assert_eq!(view.address_of(keccak256(Address::repeat_byte(9))).unwrap(), Some(Address::repeat_byte(9)));
        let slot = keccak256(U256::from(5).to_be_bytes::<32>());
        assert_eq!(view.slot_of(slot).unwrap(), Some(U256::from(5)));
        for height in 300 - 256..=300 {
            let expected = &blocks[height as usize - 1].seal.message.hash;
            assert_eq!(view.block_hash(Height(height)).unwrap().as_ref(), Some(expected));
        }
        assert_eq!(view.block_hash(Height(43)).unwrap(), None);
        assert!(matches!(store.view_at(Height(299)), Err(StorageError::HistoryPruned { oldest: Height(300), .. })));
        let first = Height(300);
        let kept = Kept { receipts: first.next(), state: first, indexed_state: first, trie: first };
        assert_eq!(store.kept().unwrap(), kept);

        assert_eq!(store.height_of(old).unwrap(), None);
        assert!(store.receipts(Height(2)).unwrap().is_none());
        assert!(store.block(Height(299)).unwrap().is_none());
        assert!(store.block(Height(0)).unwrap().is_some());
        assert_eq!(store.sealed_block(Height(300)).unwrap().as_ref(), blocks.last());
        let location = store.transaction_location(*transaction(299).tx_hash()).unwrap().unwrap();
        assert_eq!(location.height, Height(300));
        assert_eq!(store.newest_finality().unwrap(), Some(proof(target)));
        assert_eq!(store.announcements_of(Default::default(), baton_consensus::types::Term(1)).unwrap().len(), 1);
        assert_eq!(store.safety_state().unwrap().unwrap().as_ref(), b"safety");
        assert!(matches!(store.revert_head(), Err(StorageError::HeadIsFinal { .. })));
        let far = store.segment(Height(7), 10, 1 << 20, epoch_of(Height(7)));
        assert!(matches!(far, Err(StorageError::BlocksPruned { earliest: Height(300), .. })));
        assert_eq!(store.segment(Height(300), 10, 1 << 20, epoch_of(Height(300))).unwrap().blocks.len(), 1);
    };
    is_the_chain(&store);
    let store = reopen(store, directory.path());
    is_the_chain(&store);

    // It goes on, and reverts down to the imported block.
    let above = extend(&store, 3);
    assert_eq!(store.view_at(target.height).unwrap().account(Address::repeat_byte(1)).unwrap(), None);
    assert_eq!(store.view_at(Height(302)).unwrap().account(Address::repeat_byte(1)).unwrap(), Some(account(302)));
    assert_eq!(store.revert_head().unwrap(), above[1]);
    assert_eq!(store.earliest(), target.height);
    let store = reopen(store, directory.path());
    assert_eq!(store.head(), above[1]);
}

#[test]
fn nothing_takes_an_import_under_way_for_a_chain() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let head = extend(&store, 2)[1];
    let target = blocks(3)[2].seal.message.block();
    store.begin_import(id(), target, PROGRESS).unwrap();
    let is_no_chain = |store: &Store| {
        assert_eq!((store.genesis(), store.head(), store.earliest()), (None, BlockRef::default(), Height(0)));
        assert!(matches!(store.initialize(&genesis()), Err(StorageError::ImportUnderWay)));
        assert!(matches!(store.view(), Err(StorageError::NotInitialized)));
        assert!(matches!(store.pin(Height(0)), Err(StorageError::NotInitialized)));
        let next: BlockCommit = commit(head, 1, changes(3));
        assert!(matches!(store.commit_block(&next), Err(StorageError::NotInitialized)));
        assert!(matches!(store.revert_head(), Err(StorageError::NotInitialized)));
        assert!(store.put_finality(target, &proof(target), target.height).is_err());
        assert!(store.set_finalized(target.height, true).is_err());
        let other = GenesisId { chain_id: 1, ..id() };
        assert!(matches!(store.begin_import(other, target, PROGRESS), Err(StorageError::OtherGenesis { .. })));
    };
    is_no_chain(&store);
    is_no_chain(&reopen(store, directory.path()));
}

#[test]
fn an_import_begins_anew_or_is_abandoned() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &options()).unwrap();
    let chain = blocks(9);
    let first = chain[4].seal.message.block();
    let second = chain[8].seal.message.block();
    assert!(matches!(store.import_state(first, &state(), PROGRESS), Err(StorageError::NoImport)));
    assert!(matches!(store.finish_import(&imported(&chain)), Err(StorageError::NoImport)));
    store.begin_import(id(), first, PROGRESS).unwrap();
    store.import_state(first, &state(), PROGRESS).unwrap();

    // A newer target: nothing of the older state is left, and nothing comes late.
    store.begin_import(id(), second, Bytes::new()).unwrap();
    assert!(matches!(store.import_state(first, &state(), PROGRESS), Err(StorageError::NoImport)));
    assert_eq!(store.import().unwrap().map(|import| (import.target, import.progress)), Some((second, Bytes::new())));
    store.finish_import(&imported(&chain)).unwrap();
    assert_eq!(store.view().unwrap().account(Address::repeat_byte(9)).unwrap(), None);
    assert_eq!(store.block_hash(Height(0)).unwrap(), Some(id().genesis_hash));
    store.abandon_import().unwrap();
    assert_eq!(store.head(), second, "there was none to abandon");

    store.begin_import(id(), second, PROGRESS).unwrap();
    store.import_state(second, &state(), PROGRESS).unwrap();
    store.abandon_import().unwrap();
    let store = reopen(store, directory.path());
    assert_eq!((store.import().unwrap(), store.genesis(), store.earliest()), (None, None, Height(0)));
    store.initialize(&genesis()).unwrap();
    assert_eq!(store.view().unwrap().account(Address::repeat_byte(9)).unwrap(), None);
    assert_eq!(store.view().unwrap().account(Address::repeat_byte(1)).unwrap(), Some(account(0)));
    assert!(store.newest_finality().unwrap().is_none());
    extend(&store, 3);
}

/// What makes a chain wrong, and how.
type Change<'a> = (&'a str, &'a dyn Fn(&mut ImportedChain));

#[test]
fn parts_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &options()).unwrap();
    let chain = blocks(5);
    let target = chain[4].seal.message.block();
    let block_zero = BlockRef { height: Height(0), hash: id().genesis_hash };
    assert!(matches!(store.begin_import(id(), block_zero, PROGRESS), Err(StorageError::Inconsistent { .. })));
    store.begin_import(id(), target, PROGRESS).unwrap();
    let right = imported(&chain);
    let wrong: [Change<'_>; 9] = [
        ("another block", &|it| it.block = chain[3].clone()),
        ("another seal", &|it| it.block.seal = chain[3].seal.clone()),
        ("no senders", &|it| it.senders.clear()),
        ("an ancestor is missing", &|it| drop(it.ancestors.remove(1))),
        ("an ancestor is altered", &|it| it.ancestors[2].gas_used += 1),
        ("ancestors are turned around", &|it| it.ancestors.reverse()),
        ("something is below genesis", &|it| it.ancestors.push(it.ancestors[0].clone())),
        ("finality of a later block", &|it| it.finality = Some(proof(blocks(6)[5].seal.message.block()))),
        ("another genesis", &|it| it.genesis.header.timestamp += 1),
    ];
    for (what, change) in wrong {
        let mut chain = right.clone();
        change(&mut chain);
        assert!(matches!(store.finish_import(&chain), Err(StorageError::Inconsistent { .. })), "{what}");
        assert!(store.import().unwrap().is_some(), "{what}");
    }
    let long = blocks(300);
    store.begin_import(id(), long[299].seal.message.block(), PROGRESS).unwrap();
    let mut too_many = imported(&long);
    too_many.ancestors.push(long[42].block.block.header.clone());
    assert!(matches!(store.finish_import(&too_many), Err(StorageError::Inconsistent { .. })));
    too_many.ancestors.pop();
    store.finish_import(&too_many).unwrap();
}

#[test]
fn eras_that_ended_come_along() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &options()).unwrap();
    let chain = blocks(5);
    store.begin_import(id(), chain[4].seal.message.block(), PROGRESS).unwrap();
    let change = set_change(chain[1].seal.message.block());
    let safety_state = Some(Bytes::from_static(b"next era"));
    store.finish_import(&ImportedChain { changes: vec![change.clone()], safety_state, ..imported(&chain) }).unwrap();
    assert_eq!(store.newest_set_change().unwrap(), Some(change.clone()));
    assert_eq!(store.finality_proof_from(Height(1)).unwrap(), Some((Height(2), change.proof)));
    assert_eq!(store.safety_state().unwrap().unwrap().as_ref(), b"next era");
}
