use super::*;
use crate::keys::OperatorKey;
use crate::messages::{CheckpointRef, TermReport};
use crate::testing::{CONTEXT, Committee};
use crate::types::{BlockRef, Epoch, ExtraData, Height, Round, Tip};
use blst::{BLST_ERROR, min_pk};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What two messages differ in.
#[derive(Clone, Copy, Debug)]
struct Difference {
    signers: [usize; 2],
    contexts: [SigningContext; 2],
    eras: [u64; 2],
    terms: [u64; 2],
    places: [u64; 2],
    heights: [u64; 2],
    contents: [u8; 2],
}

/// What is evidence: one position, and two contents.
const FAULT: Difference = Difference {
    signers: [1; 2],
    contexts: [CONTEXT; 2],
    eras: [0; 2],
    terms: [3; 2],
    places: [4; 2],
    heights: [5; 2],
    contents: [1, 2],
};

struct Scene {
    committee: Committee,
    stranger: Committee,
}

impl Scene {
    fn new() -> Self {
        let committee = Committee::new(&[1; 4]);
        let stranger = committee.successor();
        Self { committee, stranger }
    }

    /// Members, and strangers from 4 on.
    fn keys(&self, signer: usize) -> &(OperatorKey, crate::keys::BlsKey) {
        self.committee.keys.get(signer).unwrap_or_else(|| &self.stranger.keys[signer - 4])
    }

    fn evidence(&self, kind: EvidenceKind, difference: Difference) -> Evidence {
        let Difference { signers, contexts, eras, terms, places, heights, contents } = difference;
        let hash = |half: usize| B256::repeat_byte(contents[half]);
        let position = |half: usize| (Era(eras[half]), Term(terms[half]));
        let key = |half: usize| &self.keys(signers[half]).0;
        match kind {
            EvidenceKind::Announcement => Announcement::pair([0, 1].map(|half| {
                let (era, term) = position(half);
                let announcement = Announcement {
                    era,
                    term,
                    epoch: Epoch(places[half]),
                    leader: self.committee.address(0),
                    first: Height(8),
                    last: Height(15),
                    parent: hash(half),
                    previous: B256::ZERO,
                    skipped: Vec::new(),
                };
                Signed::new(announcement, &contexts[half], key(half))
            })),
            EvidenceKind::Block => Proposal::pair([0, 1].map(|half| {
                let (era, term) = position(half);
                let position = ExtraData { era, term, epoch: Epoch(places[half]) };
                let proposal = Proposal::new(position, Height(heights[half]), hash(half));
                Signed::new(proposal, &contexts[half], key(half))
            })),
            EvidenceKind::Seal => Seal::pair([0, 1].map(|half| {
                let (era, term) = position(half);
                let seal = Seal { era, term, height: Height(places[half]), hash: hash(half) };
                Signed::new(seal, &contexts[half], key(half))
            })),
            EvidenceKind::Checkpoint => Checkpoint::pair([0, 1].map(|half| {
                let (era, term) = position(half);
                let (round, state_root) = (Round(places[half]), hash(half));
                let checkpoint = Checkpoint { era, term, round, state_root, ..self.committee.checkpoint(1) };
                Signed::new(checkpoint, &contexts[half], key(half))
            })),
            EvidenceKind::Vote => {
                let paper = |half: usize| {
                    let (era, term) = position(half);
                    let vote = Vote { era, term, round: Round(places[half]), checkpoint: hash(half) };
                    BallotPaper { vote, signature: self.keys(signers[half]).1.sign(contexts[half].digest(&vote)) }
                };
                let signer = key(0).address();
                Evidence::Vote(Box::new(VoteEvidence { signer, votes: [0, 1].map(paper) }))
            }
        }
    }

    fn verify(&self, kind: EvidenceKind, difference: Difference) -> Result<Fault, InvalidEvidence> {
        self.judge(self.evidence(kind, difference))
    }

    fn judge(&self, evidence: Evidence) -> Result<Fault, InvalidEvidence> {
        evidence.verify(&self.committee.electorate).map(|verified| verified.fault())
    }
}

/// The halves' signatures, to be spoilt.
fn spoil(evidence: &mut Evidence, half: usize, by: impl Fn(&mut [u8])) {
    match evidence {
        Evidence::Announcement(pair) => by(&mut pair[half].signature.0),
        Evidence::Block(pair) => by(&mut pair[half].signature.0),
        Evidence::Seal(pair) => by(&mut pair[half].signature.0),
        Evidence::Checkpoint(pair) => by(&mut pair[half].signature.0),
        Evidence::Vote(votes) => by(&mut votes.votes[half].signature.0.0),
    }
}

#[test]
fn two_messages_of_one_key_for_one_position_are_evidence() {
    let scene = Scene::new();
    for kind in EvidenceKind::ALL {
        let evidence = scene.evidence(kind, FAULT);
        assert_eq!(evidence.kind(), kind);
        let height = if kind == EvidenceKind::Block { 5 } else { 0 };
        let signer = scene.committee.address(1);
        let fault = Fault { signer, kind, era: Era(0), term: Term(3), place: 4, height };
        assert_eq!(evidence.claim(&CONTEXT), Some(fault));
        assert_eq!(scene.judge(evidence), Ok(fault));
        // In either order.
        assert_eq!(scene.verify(kind, Difference { contents: [2, 1], ..FAULT }), Ok(fault));
    }
}

#[test]
fn one_message_is_no_evidence() {
    let scene = Scene::new();
    for kind in EvidenceKind::ALL {
        let same = Difference { contents: [1; 2], ..FAULT };
        assert_eq!(scene.verify(kind, same), Err(InvalidEvidence::Same), "{kind}");
    }
}

#[test]
fn different_positions_are_no_evidence() {
    let scene = Scene::new();
    for kind in EvidenceKind::ALL {
        for elsewhere in [
            Difference { eras: [0, 1], ..FAULT },
            Difference { terms: [3, 4], ..FAULT },
            Difference { places: [4, 5], ..FAULT },
        ] {
            assert_eq!(scene.verify(kind, elsewhere), Err(InvalidEvidence::Positions), "{kind}: {elsewhere:?}");
        }
    }
    let heights = Difference { heights: [5, 6], ..FAULT };
    assert_eq!(scene.verify(EvidenceKind::Block, heights), Err(InvalidEvidence::Positions));
}

#[test]
fn two_keys_are_no_evidence() {
    let scene = Scene::new();
    for kind in EvidenceKind::ALL {
        for signers in [[1, 2], [1, 4]] {
            let verdict = scene.verify(kind, Difference { signers, ..FAULT });
            assert_eq!(verdict, Err(InvalidEvidence::Signer), "{kind} by {signers:?}");
        }
    }
    // A vote does not tell whose it is: to name another does not help.
    let Evidence::Vote(mut votes) = scene.evidence(EvidenceKind::Vote, FAULT) else { unreachable!() };
    votes.signer = scene.committee.address(2);
    assert_eq!(scene.judge(Evidence::Vote(votes)), Err(InvalidEvidence::Signer));
}

#[test]
fn a_stranger_to_the_era_is_not_accused() {
    let scene = Scene::new();
    for kind in EvidenceKind::ALL {
        let stranger = Difference { signers: [4; 2], ..FAULT };
        assert_eq!(scene.verify(kind, stranger), Err(InvalidEvidence::Stranger), "{kind}");
        let other_era = Difference { eras: [1; 2], ..FAULT };
        assert_eq!(scene.verify(kind, other_era), Err(InvalidEvidence::Stranger), "{kind}");
    }
}

#[test]
fn what_was_signed_on_another_chain_is_no_evidence() {
    let scene = Scene::new();
    for other in
        [SigningContext { chain_id: 8, ..CONTEXT }, SigningContext { genesis_hash: B256::repeat_byte(8), ..CONTEXT }]
    {
        for kind in EvidenceKind::ALL {
            for contexts in [[other; 2], [CONTEXT, other], [other, CONTEXT]] {
                // A recovered key is some key, and nobody's.
                let verdict = scene.verify(kind, Difference { contexts, ..FAULT });
                let refused = matches!(verdict, Err(InvalidEvidence::Stranger | InvalidEvidence::Signer));
                assert!(refused, "{kind}: {verdict:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_forged_signature_accuses_nobody(kind in 0usize..5, half in 0usize..2, byte in 0usize..96, bit in 0u8..8) {
        let scene = Scene::new();
        let mut evidence = scene.evidence(EvidenceKind::ALL[kind], FAULT);
        spoil(&mut evidence, half, |bytes| {
            let place = byte % bytes.len();
            bytes[place] ^= 1 << bit;
        });
        prop_assert!(scene.judge(evidence).is_err());
    }
}

#[test]
fn a_signature_of_another_message_accuses_nobody() {
    let scene = Scene::new();
    // The key signed one, and the other bears the same signature.
    for kind in EvidenceKind::ALL {
        let mut evidence = scene.evidence(kind, FAULT);
        let copy = std::cell::Cell::new([0; 96]);
        spoil(&mut evidence, 0, |bytes| {
            let mut kept = [0; 96];
            kept[..bytes.len()].copy_from_slice(bytes);
            copy.set(kept);
        });
        spoil(&mut evidence, 1, |bytes| bytes.copy_from_slice(&copy.get()[..bytes.len()]));
        assert_eq!(scene.judge(evidence), Err(InvalidEvidence::Signer), "{kind}");
    }
    // What BLS signed for another purpose is no vote.
    let Evidence::Vote(mut votes) = scene.evidence(EvidenceKind::Vote, FAULT) else { unreachable!() };
    let block = BlockRef { height: Height(1), hash: B256::repeat_byte(2) };
    let report = TermReport {
        era: Era(0),
        term: Term(3),
        certified: CheckpointRef::genesis(CONTEXT.genesis_hash),
        head: Tip { term: Term(1), block },
        signed: block,
    };
    votes.votes[1].signature = scene.committee.keys[1].1.sign(CONTEXT.digest(&report));
    assert_eq!(scene.judge(Evidence::Vote(votes)), Err(InvalidEvidence::Signer));
}

/// As a contract checks them, with nothing of this crate: recover from the hash of the preimage, or pair.
#[test]
fn a_preimage_is_what_was_signed() {
    let scene = Scene::new();
    let (operator, bls) = &scene.committee.keys[1];
    for kind in EvidenceKind::ALL {
        let [one, other] = scene.evidence(kind, FAULT).preimages(&CONTEXT);
        assert_ne!(one.preimage, other.preimage);
        for SignedPreimage { preimage, signature } in [one, other] {
            let digest = keccak256(&preimage);
            if kind == EvidenceKind::Vote {
                let key = min_pk::PublicKey::key_validate(&bls.public_key().0.0).unwrap();
                let signature = min_pk::Signature::sig_validate(&signature, true).unwrap();
                let suite = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
                let verdict = signature.verify(true, digest.as_slice(), suite, &[], &key, true);
                assert_eq!(verdict, BLST_ERROR::BLST_SUCCESS);
                assert!(preimage.starts_with(b"baton/vote/1"));
            } else {
                let signature = alloy_primitives::Signature::from_raw(&signature).unwrap();
                assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), operator.address(), "{kind}");
            }
        }
    }
}

#[test]
fn every_fault_has_its_own_name() {
    let fault = |signer, kind, numbers: [u64; 4]| {
        let [era, term, place, height] = numbers;
        Fault { signer, kind, era: Era(era), term: Term(term), place, height }
    };
    let mut faults = Vec::new();
    for signer in [Address::ZERO, Address::repeat_byte(1)] {
        for kind in EvidenceKind::ALL {
            for numbers in [[0; 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [256, 0, 0, 0]] {
                faults.push(fault(signer, kind, numbers));
            }
        }
    }
    let ids: BTreeSet<_> = faults.iter().map(Fault::id).collect();
    assert_eq!(ids.len(), faults.len());
    let one = fault(Address::repeat_byte(0xab), EvidenceKind::Block, [1, 2, 3, 4]);
    let by = Address::repeat_byte(0xab);
    assert_eq!(one.to_string(), format!("two of kind block by {by} at 1/2/3/4"));
}
