//! What peers that catch up are served.

use crate::common::{announcement, epoch_of, extend, open, proof, set_change};
use baton_consensus::{
    codec,
    types::{BlockRef, ChainSegment, Epoch, Era, ExtraData, Height, Term},
};
use baton_storage::{MAX_SEGMENT_ANNOUNCEMENTS, ScheduleWrite, Store};

const NOTHING: ExtraData = ExtraData { era: Era(0), term: Term(0), epoch: Epoch(0) };

fn heights(segment: &ChainSegment) -> Vec<u64> {
    segment.blocks.iter().map(|block| block.block.block.header.number).collect()
}

fn epochs(segment: &ChainSegment) -> Vec<u64> {
    segment.announcements.iter().map(|announcement| announcement.message.epoch.0).collect()
}

/// Ten blocks in four epochs, and a fifth announced.
fn chain(store: &Store) {
    extend(store, 10);
    for epoch in 1..=5 {
        store.put_announcement(ScheduleWrite { announcement: &announcement(epoch), certificate: None }, false).unwrap();
    }
}

#[test]
fn blocks_come_with_the_announcements_that_they_need() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    chain(&store);
    let segment = |from, blocks, known| store.segment(Height(from), blocks, 1 << 20, known).unwrap();

    let some = segment(0, 4, NOTHING);
    assert_eq!((heights(&some), epochs(&some)), ((1..=4).collect(), vec![1, 2]));
    let more = segment(5, 100, epoch_of(Height(4)));
    assert_eq!((heights(&more), epochs(&more)), ((5..=10).collect(), vec![3, 4, 5]));
    let beyond = segment(11, 100, epoch_of(Height(10)));
    assert_eq!((heights(&beyond), epochs(&beyond)), (vec![], vec![5]));
    let none = segment(11, 100, epoch_of(Height(13)));
    assert_eq!(none, ChainSegment::default());
}

#[test]
fn the_newest_proof_comes_with_every_segment() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blocks = extend(&store, 3);
    let finality = || store.segment(Height(1), 1, usize::MAX, NOTHING).unwrap().finality;
    assert_eq!(finality(), None);
    for block in &blocks[..2] {
        store.put_finality(*block, &proof(*block), block.height).unwrap();
        assert_eq!(finality().as_deref(), Some(&proof(*block)));
    }
}

/// Who is in an ended era gets its last block, and what ended it; what comes after is served to who is there.
#[test]
fn a_segment_ends_with_the_askers_era() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    chain(&store);
    let change = set_change(store.head());
    store.put_set_change(&change, b"bound").unwrap();
    let ended = store.segment(Height(9), 100, 1 << 20, NOTHING).unwrap();
    assert_eq!(heights(&ended), [9, 10]);
    assert_eq!((ended.change.as_deref(), ended.finality.is_some()), (Some(&change), true));
    let beyond = store.segment(Height(11), 100, 1 << 20, NOTHING).unwrap();
    assert_eq!((heights(&beyond), beyond.change.as_deref()), (vec![], Some(&change)));
    let next = store.segment(Height(11), 100, 1 << 20, ExtraData { era: Era(1), ..NOTHING }).unwrap();
    assert_eq!(next, ChainSegment::default(), "nothing of an earlier era");
    assert_eq!(store.finalized(), store.head(), "an era ends with a final block");
    assert_eq!(store.safety_state().unwrap().unwrap(), b"bound"[..]);
    assert_eq!(store.newest_set_change().unwrap().as_ref(), Some(&change));
    assert_eq!(store.set_changes(Era(0), 8).unwrap(), [change]);
    let elsewhere = set_change(BlockRef { height: Height(9), ..BlockRef::default() });
    assert!(store.put_set_change(&elsewhere, b"").is_err(), "an era ends with the head");
}

#[test]
fn a_segment_keeps_to_its_bytes_but_always_makes_progress() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    chain(&store);
    let head = store.head();
    store.put_finality(head, &proof(head), head.height).unwrap();
    let whole = store.segment(Height(1), 100, usize::MAX, NOTHING).unwrap();
    let bytes = codec::encode(&whole).len();
    for limit in (0..bytes + 2000).step_by(97) {
        let (mut height, mut known) = (Height(1), NOTHING);
        let mut joined = ChainSegment::default();
        while joined.blocks.len() < 10 {
            let part = store.segment(height, 100, limit, known).unwrap();
            let items = part.blocks.len() + part.announcements.len();
            assert!(items > 0, "no progress with {limit} bytes");
            assert!(items == 1 || codec::encode(&part).len() <= limit);
            height = Height(height.0 + part.blocks.len() as u64);
            known = part.announcements.last().map_or(known, |last| ExtraData {
                era: last.message.era,
                term: last.message.term,
                epoch: last.message.epoch,
            });
            for block in &part.blocks {
                let epoch = ExtraData::from_bytes(&block.block.block.header.extra_data).unwrap();
                assert!(epoch <= known, "a block came without its announcement");
            }
            joined.blocks.extend(part.blocks);
            joined.announcements.extend(part.announcements);
        }
        assert_eq!(joined.blocks, whole.blocks);
        assert_eq!(joined.announcements, whole.announcements[..joined.announcements.len()]);
    }
}

#[test]
fn announcements_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    extend(&store, 4);
    let mut skipped = announcement(1);
    skipped.message.term = Term(0);
    for epoch in 1..=MAX_SEGMENT_ANNOUNCEMENTS as u64 + 3 {
        skipped.message.epoch = Epoch(epoch);
        store.put_announcement(ScheduleWrite { announcement: &skipped, certificate: None }, false).unwrap();
    }
    for epoch in 1..=2 {
        store.put_announcement(ScheduleWrite { announcement: &announcement(epoch), certificate: None }, false).unwrap();
    }
    let full = store.segment(Height(1), 100, usize::MAX, NOTHING).unwrap();
    assert_eq!((full.announcements.len(), full.blocks.len()), (MAX_SEGMENT_ANNOUNCEMENTS, 0));
    let known = ExtraData { epoch: Epoch(4), ..NOTHING };
    let cut = store.segment(Height(1), 100, usize::MAX, known).unwrap();
    assert_eq!((cut.announcements.len(), cut.blocks.len()), (MAX_SEGMENT_ANNOUNCEMENTS, 3));
}
