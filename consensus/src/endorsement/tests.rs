use super::{Endorsable, Endorsed, NotEndorsed};
use crate::finality::{CertifiedCheckpoint, ProposedCheckpoint, SetChange};
use crate::messages::{Cause, CheckpointRef, TermChange, TermReport, TermRequest};
use crate::signing::Signed;
use crate::testing::{CONTEXT, Committee, pairing_checks};
use crate::types::{BlockRef, Height, Term, Tip};
use alloy_primitives::{Address, B256, Bytes};
use std::sync::Arc;

fn certified(committee: &Committee) -> CertifiedCheckpoint {
    let checkpoint = committee.checkpoint(1);
    let certificate = Arc::new(committee.certificate(committee.child(&checkpoint), &committee.all()));
    CertifiedCheckpoint { certificate, parent: Some(checkpoint) }
}

fn content(endorsable: &impl Endorsable) -> Vec<u8> {
    let mut bytes = Vec::new();
    endorsable.encode_content(&mut bytes);
    bytes
}

#[test]
fn a_member_vouches_and_nothing_is_paired() {
    let committee = Committee::new(&[1; 4]);
    let endorsed = Endorsed::new(certified(&committee), &CONTEXT, &committee.keys[2].0);
    let pairings = pairing_checks(|| {
        let (content, endorser) = endorsed.clone().verify(&committee.electorate).unwrap();
        assert_eq!((content, endorser), (certified(&committee), committee.address(2)));
    });
    assert_eq!(pairings, 0);
}

#[test]
fn strangers_vouch_for_nothing() {
    let (committee, others) = (Committee::new(&[1; 4]), Committee::new(&[1; 4]).successor());
    let endorsed = Endorsed::new(certified(&committee), &CONTEXT, &others.keys[0].0);
    assert_eq!(endorsed.verify(&committee.electorate).unwrap_err(), NotEndorsed::Stranger(others.address(0)));
}

/// Whoever takes a member's endorsement for something else, of however little difference, is a stranger.
#[test]
fn an_endorsement_is_of_every_byte() {
    let committee = Committee::new(&[1; 4]);
    let key = &committee.keys[0].0;
    let good = certified(&committee);
    let endorsed = Endorsed::new(good.clone(), &CONTEXT, key);
    let instead = |content: CertifiedCheckpoint| {
        let forged = Endorsed { content, signature: endorsed.signature };
        assert!(!matches!(forged.verify(&committee.electorate), Ok((_, by)) if by == key.address()));
    };
    let mut other = (*good.certificate).clone();
    other.signature = committee.certificate(other.checkpoint, &[0, 1, 2]).signature;
    instead(CertifiedCheckpoint { certificate: Arc::new(other), ..good.clone() });
    let other = committee.certificate(good.certificate.checkpoint, &[0, 1, 2]);
    instead(CertifiedCheckpoint { certificate: Arc::new(other), ..good.clone() });
    instead(CertifiedCheckpoint { parent: None, ..good.clone() });

    // What a member signed anyway, with another certificate beside it.
    let checkpoint = committee.child(&committee.checkpoint(1));
    let parent = |signers: &[usize]| Some(Arc::new(committee.certificate(committee.checkpoint(1), signers)));
    let checkpoint = Signed::new(checkpoint, &CONTEXT, key);
    let honest = ProposedCheckpoint { checkpoint: checkpoint.clone(), parent: parent(&committee.all()) };
    let forged = ProposedCheckpoint { checkpoint, parent: parent(&[0]) };
    assert_ne!(content(&honest), content(&forged));
}

#[test]
fn a_term_change_is_bound_to_the_certificate_beside_it() {
    let committee = Committee::new(&[1; 4]);
    let block = BlockRef { height: Height(1), hash: B256::repeat_byte(1) };
    let certified = CheckpointRef::genesis(CONTEXT.genesis_hash);
    let head = Tip { term: Term(1), block };
    let report = TermReport { era: committee.electorate.era, term: Term(2), certified, head, signed: block };
    let (operator, bls) = &committee.keys[0];
    let change = TermChange::sign(report, Cause::NoSeal, 1, &CONTEXT, (operator, bls));
    let with = |certificate| content(&TermRequest { change: change.clone(), certificate });
    let certificate = committee.certificate(committee.checkpoint(1), &committee.all());
    let cut = Arc::new(crate::finality::QuorumCertificate { signers: Bytes::new(), ..certificate.clone() });
    assert_ne!(with(None), with(Some(Arc::new(certificate))));
    assert_ne!(with(None), with(Some(cut)));
}

#[test]
fn a_set_change_is_bound_to_members_and_priorities() {
    let committee = Committee::new(&[1, 2, 3, 4]);
    let next = committee.successor();
    let change = SetChange {
        proof: committee.finality(&committee.checkpoint(1)),
        members: next.electorate.set.members().to_vec(),
        priorities: next.priorities,
    };
    let honest = content(&change);
    let mut other = change.clone();
    other.members[0].address = Address::ZERO;
    assert_ne!(content(&other), honest);
    let mut other = change;
    other.priorities.take_turn(&next.electorate.set, |_| true);
    assert_ne!(content(&other), honest);
}

#[test]
fn kinds_do_not_stand_for_each_other() {
    let kinds = [
        <CertifiedCheckpoint as Endorsable>::KIND,
        ProposedCheckpoint::KIND,
        SetChange::KIND,
        TermRequest::KIND,
        crate::certificate::TermCertificate::KIND,
        crate::evidence::Evidence::KIND,
    ];
    let distinct: std::collections::BTreeSet<_> = kinds.into_iter().collect();
    assert_eq!(distinct.len(), kinds.len());
}
