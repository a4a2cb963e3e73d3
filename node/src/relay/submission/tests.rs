use super::*;
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::SolCall;
use baton_consensus::{
    finality::QuorumCertificate,
    keys::{BlsKey, BlsSignature},
    messages::{CheckpointRef, L1Anchor, Vote},
    signing::SigningContext,
    types::{BlockRef, Electorate, Era, Height, Round, Stake, Term},
};
use std::sync::Arc;

const CONTEXT: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };

/// A set of three, of which the last joined later, and a closing proof that all signed.
fn closing_proof() -> (finality::FinalityProof, Electorate, Priorities) {
    let keys: Vec<_> = (1..=3u8).map(|seed| BlsKey::generate(&[seed; 32]).unwrap()).collect();
    let member = |(index, key): (usize, &BlsKey)| Sequencer {
        address: alloy_primitives::Address::repeat_byte(u8::try_from(index + 1).unwrap()),
        bls_public_key: key.public_key(),
        weight: Stake(U256::from(8)),
        peer_id: format!("peer {index}"),
    };
    let members: Vec<_> = keys.iter().enumerate().map(member).collect();
    let first = SequencerSet::new(members[..2].to_vec()).unwrap();
    let set = Arc::new(SequencerSet::new(members).unwrap());
    let priorities = Priorities::genesis(&first).carried_into(&set);
    let electorate = Electorate::new(CONTEXT, Era(1), Arc::clone(&set), &priorities);
    let checkpoint = messages::Checkpoint {
        era: Era(1),
        term: Term(2),
        round: Round(3),
        head: BlockRef { height: Height(4), hash: keccak256("head") },
        state_root: keccak256("state"),
        parent: CheckpointRef::genesis(CONTEXT.genesis_hash),
        set_root: electorate.set_root,
        anchor: L1Anchor { number: 5, hash: keccak256("anchor") },
        next_set_root: Some(keccak256("next")),
    };
    let child = messages::Checkpoint { round: Round(4), parent: checkpoint.reference(), ..checkpoint };
    let digest = CONTEXT.digest(&Vote::new(child.reference()));
    let votes: Vec<_> = keys.iter().map(|key| key.sign(digest)).collect();
    let child = QuorumCertificate {
        checkpoint: child,
        signers: set.bitmap(set.members().iter().map(|member| member.address)).into(),
        signature: BlsSignature::aggregate(&votes).unwrap(),
    };
    (finality::FinalityProof { checkpoint, child }, electorate, priorities)
}

#[test]
fn a_proof_is_submitted_with_all_that_it_says() {
    let (proof, electorate, priorities) = closing_proof();
    proof.verify(&electorate).unwrap();
    let call = submission(&proof, &electorate.set, &priorities).unwrap();
    let submitted = submitCall::abi_decode(&call.abi_encode()).unwrap().proof;

    let checkpoint = &submitted.checkpoint;
    let Position { era, term, round } = checkpoint.position;
    assert_eq!((era, term, round), (1, 2, 3));
    assert_eq!((checkpoint.head.height, checkpoint.head.hash), (4, keccak256("head")));
    assert_eq!(checkpoint.stateRoot, keccak256("state"));
    assert_eq!(checkpoint.parent.hash, CONTEXT.genesis_hash);
    assert_eq!(checkpoint.setRoot, electorate.set_root);
    assert_eq!((checkpoint.anchor.number, checkpoint.anchor.hash), (5, keccak256("anchor")));
    assert_eq!(checkpoint.nextSetRoot, keccak256("next"));
    assert_eq!((submitted.child.position.round, submitted.child.parent.position.round), (4, 3));
    assert_eq!(submitted.child.parent.hash, proof.checkpoint.hash());
    assert_eq!(submitted.signers, proof.child.signers);
    assert_eq!(submitted.signature.concat(), proof.child.signature.to_eip2537().unwrap().0);

    assert_eq!(submitted.members.len(), 3);
    for (submitted, member) in submitted.members.iter().zip(electorate.set.members()) {
        assert_eq!((submitted.operator, submitted.weight), (member.address, member.weight.0));
        assert_eq!(submitted.publicKey.concat(), member.bls_public_key.to_eip2537().unwrap().0);
        assert_eq!(submitted.peerId, member.peer_id);
    }
    // A newcomer starts at -27, nine eighths of 24; then all are shifted by 9, so that they add up to nothing.
    let mut negative = [0xff; 64];
    negative[63] = 0xee;
    let mut positive = [0; 64];
    positive[63] = 9;
    assert_eq!(submitted.members[0].priority.concat(), positive);
    assert_eq!(submitted.members[2].priority.concat(), negative);
}

#[test]
fn no_next_set_is_zero() {
    let (mut proof, electorate, priorities) = closing_proof();
    proof.checkpoint.next_set_root = None;
    let call = submission(&proof, &electorate.set, &priorities).unwrap();
    assert_eq!(call.proof.checkpoint.nextSetRoot, B256::ZERO);
}

#[test]
fn what_is_no_signature_is_refused() {
    let (mut proof, electorate, priorities) = closing_proof();
    proof.child.signature = BlsSignature(alloy_primitives::FixedBytes([0; 96]));
    assert!(submission(&proof, &electorate.set, &priorities).is_err());
}
