//! The safety journal, proposals and the schedule.

use crate::common::{announcement, changes, commit, entry, epoch_of, extend, open, signed_block};
use baton_consensus::types::{BlockRef, Height};
use baton_storage::{JournalBatch, ScheduleWrite, StorageError};

#[test]
fn a_position_is_signed_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = [entry(1, b"one"), entry(2, b"two")];
    let write = JournalBatch { entries: &entries, safety_state: Some(b"floor 1"), ..Default::default() };
    store.journal_write(&write).unwrap();
    store.journal_write(&write).unwrap();

    let conflict = [entry(3, b"three"), entry(2, b"not two")];
    let write = JournalBatch { entries: &conflict, safety_state: Some(b"floor 2"), ..Default::default() };
    let error = store.journal_write(&write).unwrap_err();
    assert!(matches!(&error, StorageError::JournalConflict { key } if *key == conflict[1].key));
    assert!(error.to_string().contains("0x0000000000000002"));
    let twice = [entry(4, b"four"), entry(4, b"not four")];
    let write = JournalBatch { entries: &twice, ..Default::default() };
    assert!(matches!(store.journal_write(&write), Err(StorageError::JournalConflict { .. })));
    drop(store);

    let store = open(directory.path());
    assert_eq!(store.journal_entries().unwrap(), entries);
    assert_eq!(store.journal_entry(&entries[1].key).unwrap().as_ref(), Some(&entries[1].value));
    assert_eq!(store.safety_state().unwrap().unwrap().as_ref(), b"floor 1");
    store.journal_prune(&[entries[0].key.clone()]).unwrap();
    assert_eq!(store.journal_entries().unwrap(), entries[1..]);
}

#[test]
fn proposals_live_until_their_height_is_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let genesis = store.head();
    let first = signed_block(genesis, vec![]);
    let reference = BlockRef { height: Height(1), hash: first.block.header.hash_slow() };
    let second = signed_block(reference, vec![]);
    for proposal in [&first, &second] {
        store.journal_write(&JournalBatch { proposal: Some(proposal), ..Default::default() }).unwrap();
    }
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.proposals().unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.proposal(reference).unwrap(), Some(first));
    store.commit_block(&commit(genesis, 0, changes(1))).unwrap();
    assert_eq!(store.proposals().unwrap(), [second]);
    extend(&store, 1);
    drop(store);
    assert!(open(directory.path()).proposals().unwrap().is_empty());
}

#[test]
fn the_schedule_survives_with_its_announcements() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_announcement(ScheduleWrite { announcement: &announcement(1), certificate: None }, false).unwrap();
    let own = announcement(2);
    let schedule = Some(ScheduleWrite { announcement: &own, certificate: None });
    let entries = [entry(1, b"announcement 2")];
    store.journal_write(&JournalBatch { entries: &entries, schedule, ..Default::default() }).unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.announcement(epoch_of(Height(1)), announcement(1).message.hash()).unwrap(), Some(announcement(1)));
    assert_eq!(store.announcement(epoch_of(Height(4)), own.message.hash()).unwrap(), Some(own));
    assert_eq!(store.announcement(epoch_of(Height(7)), alloy_primitives::B256::ZERO).unwrap(), None);
}
