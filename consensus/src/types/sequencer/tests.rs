use super::*;
use crate::finality::QuorumCertificate;
use crate::keys::BlsKey;
use crate::messages::Vote;
use crate::testing::{CONTEXT, Committee};
use crate::types::Electorate;
use alloy_primitives::FixedBytes;
use blst::min_pk;
use std::sync::Arc;

/// The same point with the other y: a compressed point tells which by its third bit (draft-irtf-cfrg-pairing-friendly-curves).
fn negated<const N: usize>(mut compressed: [u8; N]) -> [u8; N] {
    compressed[0] ^= 0x20;
    compressed
}

/// The attacker's key less the keys of others.
fn rogue_key(attacker: &BlsKey, others: &[BlsPublicKey]) -> BlsPublicKey {
    let point = |bytes: &[u8; 48]| min_pk::PublicKey::key_validate(bytes).unwrap();
    let others: Vec<_> = others.iter().map(|key| point(&key.0.0)).collect();
    let others: Vec<_> = others.iter().collect();
    let sum = min_pk::AggregatePublicKey::aggregate(&others, false).unwrap().to_public_key().to_bytes();
    let parts = [point(&attacker.public_key().0.0), point(&negated(sum))];
    let rogue = min_pk::AggregatePublicKey::aggregate(&parts.each_ref(), true).unwrap().to_public_key();
    BlsPublicKey(FixedBytes(rogue.to_bytes()))
}

/// A sum of proofs, some of them negated.
fn added_up(proofs: &[[u8; 96]]) -> ProofOfPossession {
    let points: Vec<_> = proofs.iter().map(|proof| min_pk::Signature::sig_validate(proof, true).unwrap()).collect();
    let points: Vec<_> = points.iter().collect();
    let sum = min_pk::AggregateSignature::aggregate(&points, true).unwrap().to_signature();
    ProofOfPossession(FixedBytes(sum.to_bytes()))
}

#[test]
fn a_rogue_key_would_sign_for_everyone_and_no_proof_of_possession_admits_it() {
    let committee = Committee::new(&[1; 4]);
    let attacker = &committee.keys[3].1;
    let honest: Vec<_> = committee.keys[..3].iter().map(|(_, bls)| bls.public_key()).collect();
    let rogue = rogue_key(attacker, &honest);
    let mut members = committee.electorate.set.members().to_vec();
    members[3].bls_public_key = rogue;

    // Accepted as it is, the key makes one signature of the attacker a certificate of all four.
    let trusting = Electorate::genesis(CONTEXT, Arc::new(SequencerSet::new(members.clone()).unwrap()));
    let checkpoint = crate::messages::Checkpoint { set_root: trusting.set_root, ..committee.checkpoint(1) };
    let forged = QuorumCertificate {
        checkpoint,
        signers: committee.bitmap(&committee.all()).into(),
        signature: attacker.sign(CONTEXT.digest(&Vote::new(checkpoint.reference()))),
    };
    let forged = Arc::new(forged).verify(&trusting).expect("nobody but the attacker signed");
    assert_eq!(forged.signers(&trusting).len(), 4);

    // No proof that the attacker can make is one of the rogue key.
    let own = attacker.prove_possession();
    let of_others: Vec<_> = committee.keys[..3].iter().map(|(_, bls)| bls.prove_possession()).collect();
    let mut parts = vec![own.0.0];
    parts.extend(of_others.iter().map(|proof| negated(proof.0.0)));
    let as_a_vote = ProofOfPossession(attacker.sign(alloy_primitives::keccak256(rogue.0)).0);
    let honest_proofs = committee.keys.iter().map(|(_, bls)| bls.prove_possession());
    for proof in [own, added_up(&parts), as_a_vote].into_iter().chain(of_others) {
        let mut proofs: Vec<_> = honest_proofs.clone().collect();
        proofs[3] = proof;
        let members = members.iter().cloned().zip(proofs).collect();
        assert_eq!(SequencerSet::with_proofs(members), Err(InvalidSet::ProofOfPossession(committee.address(3))));
    }
    // The same attacker with its own key is welcome.
    let members = committee.electorate.set.members().iter().cloned().zip(honest_proofs).collect();
    assert_eq!(SequencerSet::with_proofs(members).as_ref(), Ok(&*committee.electorate.set));
}

#[test]
fn a_point_outside_the_group_is_no_key() {
    let committee = Committee::new(&[1; 2]);
    let proof = committee.keys[0].1.prove_possession();
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    // The first x on the curve after 0, whose point is not of the group's order.
    let outside = (1u8..=255).find_map(|x| {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        let on_curve = min_pk::PublicKey::uncompress(&bytes).ok()?;
        on_curve.validate().is_err().then_some(bytes)
    });
    for bytes in [infinity, outside.unwrap(), [0xff; 48]] {
        assert!(!BlsPublicKey(FixedBytes(bytes)).verify_possession(&proof));
    }
}
