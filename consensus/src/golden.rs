//! The RLP of what contracts on L1 decode. A change here is a change of the protocol, and of those contracts.

use crate::evidence::Evidence;
use crate::finality::QuorumCertificate;
use crate::keys::BlsSignature;
use crate::messages::{CastVote, Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor, Vote};
use crate::signing::Signed;
use crate::testing::{CONTEXT, Committee};
use crate::types::{BlockRef, Era, Height, Round, Term};
use alloy_primitives::{B256, FixedBytes, hex};
use alloy_rlp::{Decodable, Encodable};
use std::fmt::Debug;

/// List, era 0, term 3, round 300, head (70000, 11…), state root 22…, parent ((0, 3, 299), 33…), set root 44…, anchor
/// (20000000, 55…).
const CHECKPOINT: &str = concat!(
    "f8bc",
    "800382012c",
    "e583011170a01111111111111111111111111111111111111111111111111111111111111111",
    "a02222222222222222222222222222222222222222222222222222222222222222",
    "e7c5800382012b",
    "a03333333333333333333333333333333333333333333333333333333333333333",
    "a04444444444444444444444444444444444444444444444444444444444444444",
    "e68401312d00",
    "a05555555555555555555555555555555555555555555555555555555555555555",
);
/// The same with next set root 66….
const CLOSING: &str = concat!(
    "f8dd",
    "800382012c",
    "e583011170a01111111111111111111111111111111111111111111111111111111111111111",
    "a02222222222222222222222222222222222222222222222222222222222222222",
    "e7c5800382012b",
    "a03333333333333333333333333333333333333333333333333333333333333333",
    "a04444444444444444444444444444444444444444444444444444444444444444",
    "e68401312d00",
    "a05555555555555555555555555555555555555555555555555555555555555555",
    "a06666666666666666666666666666666666666666666666666666666666666666",
);
/// List, era 0, term 3, round 300, the hash of the checkpoint.
const VOTE: &str = concat!("e6800382012c", "a01a6e290abd07a3d92eb1a5d4f96726e537d7f26997cc471c9b6b55b2368d7dbe",);
/// List, the vote, 96 bytes 77….
const CAST_VOTE: &str = concat!(
    "f889",
    "e6800382012c",
    "a01a6e290abd07a3d92eb1a5d4f96726e537d7f26997cc471c9b6b55b2368d7dbe",
    "b860",
    "7777777777777777777777777777777777777777777777777777777777777777",
    "7777777777777777777777777777777777777777777777777777777777777777",
    "7777777777777777777777777777777777777777777777777777777777777777",
);
/// List, the checkpoint, members 0, 1, 3 and 8, 96 bytes 77….
const CERTIFICATE: &str = concat!(
    "f90123",
    "f8bc",
    "800382012c",
    "e583011170a01111111111111111111111111111111111111111111111111111111111111111",
    "a02222222222222222222222222222222222222222222222222222222222222222",
    "e7c5800382012b",
    "a03333333333333333333333333333333333333333333333333333333333333333",
    "a04444444444444444444444444444444444444444444444444444444444444444",
    "e68401312d00",
    "a05555555555555555555555555555555555555555555555555555555555555555",
    "820b01",
    "b860",
    "7777777777777777777777777777777777777777777777777777777777777777",
    "7777777777777777777777777777777777777777777777777777777777777777",
    "7777777777777777777777777777777777777777777777777777777777777777",
);
/// Domain, chain id 7, genesis hash 07…, the checkpoint.
const PREIMAGE: &str = concat!(
    "6261746f6e2f636865636b706f696e742f31",
    "0000000000000007",
    "0707070707070707070707070707070707070707070707070707070707070707",
    "f8bc",
    "800382012c",
    "e583011170a01111111111111111111111111111111111111111111111111111111111111111",
    "a02222222222222222222222222222222222222222222222222222222222222222",
    "e7c5800382012b",
    "a03333333333333333333333333333333333333333333333333333333333333333",
    "a04444444444444444444444444444444444444444444444444444444444444444",
    "e68401312d00",
    "a05555555555555555555555555555555555555555555555555555555555555555",
);

fn checkpoint() -> Checkpoint {
    Checkpoint {
        era: Era(0),
        term: Term(3),
        round: Round(300),
        head: BlockRef { height: Height(70_000), hash: B256::repeat_byte(0x11) },
        state_root: B256::repeat_byte(0x22),
        parent: CheckpointRef {
            position: CheckpointPosition { era: Era(0), term: Term(3), round: Round(299) },
            hash: B256::repeat_byte(0x33),
        },
        set_root: B256::repeat_byte(0x44),
        anchor: L1Anchor { number: 20_000_000, hash: B256::repeat_byte(0x55) },
        next_set_root: None,
    }
}

fn check<T: Encodable + Decodable + PartialEq + Debug>(value: &T, golden: &str) {
    assert_eq!(hex::encode(alloy_rlp::encode(value)), golden, "{value:?}");
    assert_eq!(alloy_rlp::decode_exact::<T>(hex::decode(golden).unwrap()).unwrap(), *value);
}

#[test]
fn what_is_voted_on() {
    check(&checkpoint(), CHECKPOINT);
    check(&Checkpoint { next_set_root: Some(B256::repeat_byte(0x66)), ..checkpoint() }, CLOSING);
}

#[test]
fn votes_and_what_they_add_up_to() {
    let vote = Vote::new(checkpoint().reference());
    let signature = BlsSignature(FixedBytes([0x77; 96]));
    check(&vote, VOTE);
    check(&CastVote { vote, signature }, CAST_VOTE);
    check(&QuorumCertificate { checkpoint: checkpoint(), signers: vec![0b1011, 0b1].into(), signature }, CERTIFICATE);
}

#[test]
fn half_of_a_piece_of_evidence() {
    let key = &Committee::new(&[1]).keys[0].0;
    let signed = |state_root| Signed::new(Checkpoint { state_root, ..checkpoint() }, &CONTEXT, key);
    let pair = [signed(checkpoint().state_root), signed(B256::ZERO)];
    let [half, other] = Evidence::Checkpoint(Box::new(pair)).preimages(&CONTEXT);
    assert_eq!(hex::encode(&half.preimage), PREIMAGE);
    assert!(half.preimage.starts_with(b"baton/checkpoint/1\0\0\0\0\0\0\0\x07"));
    assert!(hex::encode(&half.preimage).ends_with(CHECKPOINT));
    assert_ne!(half.preimage, other.preimage);
}
