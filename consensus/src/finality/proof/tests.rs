use super::*;
use crate::messages::L1Anchor;
use crate::testing::Committee;
use crate::types::{Height, Round, Term};

fn certified(committee: &Committee, checkpoint: Checkpoint) -> VerifiedQuorum {
    Arc::new(committee.certificate(checkpoint, &committee.all())).verify(&committee.electorate).unwrap()
}

#[test]
fn the_direct_parent_is_final_and_nothing_else() {
    let committee = Committee::new(&[1; 4]);
    let checkpoint = committee.checkpoint(1);
    let child = committee.child(&checkpoint);
    let proof = VerifiedFinality::new(checkpoint, &certified(&committee, child)).unwrap();
    assert_eq!((proof.block(), proof.state_root()), (checkpoint.head, checkpoint.state_root));
    assert_eq!(proof.position(), checkpoint.position());
    assert_eq!(proof.proof().verify(&committee.electorate), Ok(proof));

    // A child that grew is a child.
    let head = BlockRef { height: Height(9), hash: B256::repeat_byte(9) };
    let grown = certified(&committee, Checkpoint { head, ..child });
    assert_eq!(VerifiedFinality::new(checkpoint, &grown).unwrap().block(), checkpoint.head);

    let judge = |child| VerifiedFinality::new(checkpoint, &certified(&committee, child)).map(|proof| proof.block());
    let later = Checkpoint { round: Round(3), ..child };
    assert_eq!(judge(later), Err(InvalidProof::NotDirect), "a round between");
    for round in [1, 2, 3] {
        let next_term = Checkpoint { term: Term(2), round: Round(round), ..child };
        assert_eq!(judge(next_term), Err(InvalidProof::NotDirect), "round {round} of the next term");
    }
    let other = Checkpoint { state_root: B256::ZERO, ..checkpoint };
    assert_eq!(judge(committee.child(&other)), Err(InvalidProof::Parent));
    // Siblings and grandchildren.
    assert_eq!(judge(Checkpoint { head, ..checkpoint }), Err(InvalidProof::Parent));
    assert_eq!(judge(committee.child(&child)), Err(InvalidProof::Parent));
}

#[test]
fn the_newest_position_has_no_child() {
    let committee = Committee::new(&[1; 4]);
    let last = Checkpoint { round: Round(u64::MAX), ..committee.checkpoint(1) };
    // Rounds saturate: a child that pretends to be of the next round is not after its parent.
    let child = committee.certificate(committee.child(&last), &committee.all());
    let proof = FinalityProof { checkpoint: last, child };
    assert_eq!(proof.verify(&committee.electorate), Err(InvalidProof::Quorum(InvalidQuorum::Position)));
}

#[test]
fn a_proof_is_as_good_as_its_certificate() {
    let committee = Committee::new(&[1; 4]);
    let checkpoint = committee.checkpoint(1);
    let child = committee.certificate(committee.child(&checkpoint), &[0, 1]);
    let proof = FinalityProof { checkpoint, child };
    assert_eq!(proof.verify(&committee.electorate), Err(InvalidProof::Quorum(InvalidQuorum::NoQuorum)));
}

#[test]
fn a_set_change_is_repeated_to_the_letter() {
    let committee = Committee::new(&[1; 4]);
    let anchor = L1Anchor { number: 5, hash: B256::repeat_byte(5) };
    let closing = Checkpoint { anchor, next_set_root: Some(B256::repeat_byte(1)), ..committee.checkpoint(1) };
    let child = committee.child(&closing);
    let judge = |parent, child| VerifiedFinality::new(parent, &certified(&committee, child)).map(|proof| proof.block());
    assert_eq!(judge(closing, child), Ok(closing.head));
    let refused = Err(InvalidProof::SetChange);
    assert_eq!(judge(closing, Checkpoint { next_set_root: None, ..child }), refused, "dropped");
    assert_eq!(judge(closing, Checkpoint { next_set_root: Some(B256::ZERO), ..child }), refused, "another set");
    assert_eq!(judge(closing, Checkpoint { anchor: L1Anchor::default(), ..child }), refused, "another anchor");
    let head = BlockRef { height: Height(2), hash: B256::repeat_byte(2) };
    assert_eq!(judge(closing, Checkpoint { head, ..child }), refused, "blocks above a closing head are void");
    // A set change that begins with the child does not keep the parent from being final.
    let open = committee.checkpoint(1);
    assert_eq!(
        judge(open, Checkpoint { anchor, next_set_root: Some(B256::ZERO), ..committee.child(&open) }),
        Ok(open.head)
    );
}
