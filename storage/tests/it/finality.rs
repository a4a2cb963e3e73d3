//! Finality proofs and evidence.

use crate::common::{evidence, extend, open, proof};
use alloy_primitives::B256;
use baton_consensus::types::{BlockRef, Height};
use baton_storage::StorageError;

#[test]
fn a_proof_and_the_final_height_come_together() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blocks = extend(&store, 6);
    assert_eq!(store.newest_finality().unwrap(), None);
    for index in [1, 4] {
        store.put_finality(blocks[index], &proof(blocks[index]), blocks[index].height).unwrap();
        assert_eq!(store.finalized(), blocks[index]);
    }
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.finalized(), blocks[4]);
    assert_eq!(store.newest_finality().unwrap(), Some(proof(blocks[4])));
    let from = |height| store.finality_proof_from(Height(height)).unwrap();
    for (height, block) in [(0, 1), (2, 1), (3, 4), (5, 4)] {
        assert_eq!(from(height), Some((blocks[block].height, proof(blocks[block]))));
    }
    assert_eq!(from(6), None);
}

#[test]
fn a_depth_rule_keeps_its_own_pace_and_nothing_goes_down() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blocks = extend(&store, 4);
    store.put_finality(blocks[2], &proof(blocks[2]), Height(1)).unwrap();
    assert_eq!(store.finalized(), blocks[0]);
    store.put_finality(blocks[3], &proof(blocks[3]), Height(0)).unwrap();
    assert_eq!(store.finalized(), blocks[0]);
    assert_eq!(store.newest_finality().unwrap(), Some(proof(blocks[3])));
}

#[test]
fn what_is_not_in_the_chain_is_not_final() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let blocks = extend(&store, 2);
    let other = BlockRef { hash: B256::repeat_byte(9), ..blocks[0] };
    let beyond = BlockRef { height: Height(3), ..other };
    let put = |block, finalized| store.put_finality(block, &proof(block), finalized).unwrap_err();
    assert!(matches!(put(other, Height(1)), StorageError::Inconsistent { .. }));
    assert!(matches!(put(beyond, Height(1)), StorageError::BeyondHead { .. }));
    assert!(matches!(put(blocks[0], Height(3)), StorageError::BeyondHead { .. }));
    assert_eq!((store.newest_finality().unwrap(), store.finalized().height), (None, Height(0)));
}

#[test]
fn evidence_is_kept_once_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (low, high) = (B256::repeat_byte(1), B256::repeat_byte(2));
    for (id, height) in [(high, 2), (low, 1), (high, 3)] {
        store.put_evidence(id, &evidence(height)).unwrap();
    }
    drop(store);
    assert_eq!(open(directory.path()).evidence().unwrap(), [evidence(1), evidence(3)]);
}
