use super::*;
use crate::finality::InvalidQuorum;
use crate::messages::{Checkpoint, L1Anchor};
use crate::testing::{CONTEXT, Committee, pairing_checks};
use crate::types::{Era, SequencerSet, Stake};
use alloy_primitives::{Address, B256, FixedBytes, U256};

/// Two sets, and the change from one to the other.
fn scene() -> (Committee, Committee, SetChange) {
    let committee = Committee::new(&[3, 2, 2, 1]);
    let next = committee.successor();
    let anchor = L1Anchor { number: 9, hash: B256::repeat_byte(9) };
    let next_set_root = Some(next.electorate.set_root);
    let proof = committee.finality(&Checkpoint { anchor, next_set_root, ..committee.checkpoint(1) });
    let members = next.electorate.set.members().to_vec();
    let change = SetChange { proof, members, priorities: next.priorities.clone() };
    (committee, next, change)
}

fn verdict(change: SetChange, committee: &Committee) -> Result<VerifiedSetChange, InvalidSetChange> {
    Arc::new(change).verify(&committee.electorate)
}

const WRONG_SET: InvalidSetChange = InvalidSetChange::Succession(InvalidSuccession::SetRoot(Era(1)));

#[test]
fn a_closing_proof_opens_the_era_of_the_set_that_it_names() {
    let (committee, next, change) = scene();
    let verified = verdict(change.clone(), &committee).unwrap();
    assert_eq!(verified.reign().electorate, next.electorate);
    assert_eq!(*verified.reign().priorities, next.priorities);
    assert_eq!(verified.reign().base, change.proof.checkpoint.head);
    assert_eq!(change.reign(CONTEXT).as_ref(), Ok(verified.reign()));
}

#[test]
fn other_members_do_not_take_over() {
    let (committee, _, change) = scene();
    let mut missing = change.clone();
    missing.members.pop();
    assert_eq!(verdict(missing, &committee), Err(WRONG_SET));
    let mut heavier = change.clone();
    heavier.members[0].weight = Stake(U256::from(99));
    assert_eq!(verdict(heavier, &committee), Err(WRONG_SET));
    let mut twice = change;
    twice.members.push(twice.members[0].clone());
    let refused = verdict(twice, &committee);
    assert!(matches!(refused, Err(InvalidSetChange::Succession(InvalidSuccession::Set { .. }))), "{refused:?}");
}

#[test]
fn a_wrong_set_costs_no_pairing() {
    let (committee, _, mut change) = scene();
    change.members.pop();
    assert_eq!(pairing_checks(|| assert!(verdict(change, &committee).is_err())), 0);
}

#[test]
fn priorities_of_strangers_are_refused() {
    let (committee, next, change) = scene();
    // The members keep theirs, so the root is the same; who joins later would find one kept for it.
    let stranger = committee.electorate.set.members()[0].clone();
    let with_stranger = [next.electorate.set.members(), &[stranger]].concat();
    let larger = SequencerSet::new(with_stranger).unwrap();
    let mut entries: Vec<(Address, FixedBytes<64>)> = decode(&encode(&next.priorities));
    let extra = larger.members().iter().find(|member| !next.electorate.set.contains(member.address)).unwrap();
    entries.push((extra.address, FixedBytes::repeat_byte(0x11)));
    let priorities: Priorities = decode(&encode(&entries));
    assert_eq!(priorities.set_root(&next.electorate.set), next.electorate.set_root);
    assert_eq!(verdict(SetChange { priorities, ..change.clone() }, &committee), Err(WRONG_SET));
    let none = Priorities::default();
    assert_eq!(verdict(SetChange { priorities: none, ..change }, &committee), Err(WRONG_SET));
}

#[test]
fn what_does_not_close_its_era_changes_no_set() {
    let (committee, _, change) = scene();
    let proof = committee.finality(&committee.checkpoint(1));
    let refused = Err(InvalidSuccession::NotClosing(Era(0)).into());
    assert_eq!(verdict(SetChange { proof, ..change }, &committee), refused);
}

#[test]
fn a_child_that_does_not_repeat_the_end_proves_nothing() {
    let (committee, _, change) = scene();
    let checkpoint = change.proof.checkpoint;
    let child = Checkpoint { next_set_root: None, ..committee.child(&checkpoint) };
    let child = committee.certificate(child, &committee.all());
    let change = SetChange { proof: FinalityProof { checkpoint, child }, ..change };
    assert_eq!(verdict(change, &committee), Err(InvalidProof::SetChange.into()));
}

#[test]
fn only_the_set_of_its_own_era_can_end_it() {
    let (committee, next, change) = scene();
    // Shown to those who are in the next era already.
    assert!(matches!(verdict(change.clone(), &next), Err(InvalidSetChange::Proof(_))));
    // Signed by the next set, which cannot choose itself.
    let checkpoint = change.proof.checkpoint;
    let usurped = SetChange { proof: next.finality(&checkpoint), ..change.clone() };
    let refused = verdict(usurped, &committee);
    assert_eq!(refused, Err(InvalidProof::Quorum(InvalidQuorum::Signature).into()));
    // Signed by too few.
    let child = committee.certificate(committee.child(&checkpoint), &[0]);
    let few = SetChange { proof: FinalityProof { checkpoint, child }, ..change };
    assert!(matches!(verdict(few, &committee), Err(InvalidSetChange::Proof(InvalidProof::Quorum(_)))));
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    crate::codec::encode(value)
}

fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    crate::codec::decode::<T, 4096>(bytes).unwrap()
}
