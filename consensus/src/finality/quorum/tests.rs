use super::*;
use crate::keys::BlsPublicKey;
use crate::messages::TermReport;
use crate::signing::SigningContext;
use crate::testing::{CONTEXT, Committee, subset};
use crate::types::{Era, InvalidSet, Round, Sequencer, SequencerSet, Stake, Term, Tip};
use alloy_primitives::{FixedBytes, U256, U512};
use proptest::prelude::*;

fn verify(certificate: QuorumCertificate, committee: &Committee) -> Result<VerifiedQuorum, InvalidQuorum> {
    Arc::new(certificate).verify(&committee.electorate)
}

/// The rule of a quorum, told once more.
fn is_quorum(stakes: &[U256], signers: &[usize]) -> bool {
    let total = stakes.iter().fold(U512::ZERO, |sum, stake| sum + U512::from(*stake));
    let sum = signers.iter().fold(U512::ZERO, |sum, member| sum + U512::from(stakes[*member]));
    sum * U512::from(3) > total * U512::from(2)
}

/// Stakes that differ widely; their sum fits 256 bits.
fn stakes() -> impl Strategy<Value = Vec<U256>> {
    let stake = prop_oneof![
        (1u64..5).prop_map(U256::from),
        (1u64..).prop_map(U256::from),
        (1u64..).prop_map(|word| U256::from(word) << 185),
    ];
    prop::collection::vec(stake, 1..11)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any members in any order give a certificate if and only if they are a quorum, and it is the same in every order.
    #[test]
    fn a_quorum_in_any_order_gives_a_certificate(stakes in stakes(), bits: u32, seed: u64) {
        let committee = Committee::of_stakes(&stakes);
        let checkpoint = committee.checkpoint(1);
        let signers = subset(bits, committee.len());
        let mut votes: Vec<_> = signers
            .iter()
            .map(|member| (committee.address(*member), committee.vote(*member, checkpoint.reference())))
            .collect();
        let sorted = VerifiedQuorum::assemble(&committee.electorate, checkpoint, votes.iter().map(|(a, v)| (a, v)));
        prop_assert_eq!(sorted.is_some(), is_quorum(&stakes, &signers));
        if !votes.is_empty() {
            let turns = usize::try_from(seed % 11).unwrap() % votes.len();
            votes.rotate_left(turns);
            votes.reverse();
        }
        let turned = VerifiedQuorum::assemble(&committee.electorate, checkpoint, votes.iter().map(|(a, v)| (a, v)));
        prop_assert_eq!(&sorted, &turned);
        let Some(quorum) = sorted else { return Ok(()) };
        prop_assert_eq!(verify(QuorumCertificate::clone(quorum.certificate()), &committee), Ok(quorum.clone()));
        // The bits are in order of the addresses.
        let addresses: Vec<_> = signers.iter().map(|member| committee.address(*member)).collect();
        prop_assert!(addresses.is_sorted());
        prop_assert_eq!(quorum.signers(&committee.electorate), addresses);
        for (place, member) in committee.electorate.set.members().iter().enumerate() {
            let bit = quorum.certificate().signers[place / 8] >> (place % 8) & 1 == 1;
            prop_assert_eq!(bit, signers.iter().any(|signer| committee.address(*signer) == member.address));
        }
    }

    /// A bit more or less, and the aggregate is of others.
    #[test]
    fn a_flipped_bit_is_refused(bits: u32, flipped in 0usize..16) {
        let committee = Committee::new(&[1; 9]);
        let signers = subset(bits | 0b1_0111_1110, 9);
        let good = committee.certificate(committee.checkpoint(1), &signers);
        prop_assert!(verify(good.clone(), &committee).is_ok());
        let mut bitmap = good.signers.to_vec();
        bitmap[flipped / 8] ^= 1 << (flipped % 8);
        let count = bitmap.iter().map(|byte| byte.count_ones()).sum::<u32>();
        let error = verify(QuorumCertificate { signers: bitmap.into(), ..good }, &committee).unwrap_err();
        prop_assert_eq!(error, match () {
            () if flipped >= 9 => InvalidQuorum::Signers(InvalidSigners::Length),
            () if count < 7 => InvalidQuorum::NoQuorum,
            () => InvalidQuorum::Signature,
        });
    }

    /// What a vote is for is all that it is for.
    #[test]
    fn whatever_is_changed_in_a_checkpoint_is_refused(field in 0usize..13, byte in 0usize..32, bit in 0u8..8) {
        let committee = Committee::new(&[3, 2, 1, 1]);
        let mut certificate = committee.certificate(committee.checkpoint(5), &[0, 1, 3]);
        prop_assert!(verify(certificate.clone(), &committee).is_ok());
        let flip = |hash: &mut B256| hash.0[byte] ^= 1 << bit;
        let mask = 1 << (byte % 8 * 8 + usize::from(bit));
        let checkpoint = &mut certificate.checkpoint;
        let mut expected = InvalidQuorum::Signature;
        match field {
            0 => {
                checkpoint.era.0 ^= mask;
                expected = InvalidQuorum::Era;
            }
            1 => {
                checkpoint.term.0 ^= mask;
                if checkpoint.term == Term(0) {
                    expected = InvalidQuorum::Position;
                }
            }
            2 => {
                checkpoint.round.0 ^= mask;
                if checkpoint.round == Round(0) {
                    expected = InvalidQuorum::Position;
                }
            }
            3 => checkpoint.head.height.0 ^= mask,
            4 => flip(&mut checkpoint.head.hash),
            5 => flip(&mut checkpoint.state_root),
            6 => {
                checkpoint.parent.position.era.0 ^= mask;
                expected = InvalidQuorum::Position;
            }
            7 => checkpoint.parent.position.round.0 ^= mask,
            8 => flip(&mut checkpoint.parent.hash),
            9 => {
                flip(&mut checkpoint.set_root);
                expected = InvalidQuorum::SetRoot;
            }
            10 => checkpoint.anchor.number ^= mask,
            11 => flip(&mut checkpoint.anchor.hash),
            _ => checkpoint.next_set_root = Some(B256::ZERO),
        }
        prop_assert_eq!(verify(certificate, &committee), Err(expected));
    }

    /// A bit of the aggregate.
    #[test]
    fn a_changed_aggregate_is_refused(byte in 0usize..96, bit in 0u8..8) {
        let committee = Committee::new(&[1; 4]);
        let mut certificate = committee.certificate(committee.checkpoint(1), &[0, 1, 2]);
        certificate.signature.0.0[byte] ^= 1 << bit;
        prop_assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Signature));
    }

    /// Exact where 256 bits end: the smallest quorum is one, and one unit less is none.
    #[test]
    fn thresholds_are_exact_near_the_limit(below in 0u64..1000, small in 1u64..1000) {
        let total = U256::MAX - U256::from(below);
        let small = U256::from(small);
        let threshold: U256 = (U512::from(total) * U512::from(2) / U512::from(3) + U512::ONE).to();
        for (heavy, is_quorum) in [(threshold, true), (threshold - U256::ONE, false)] {
            let committee = Committee::of_stakes(&[heavy, total - heavy - small, small]);
            prop_assert_eq!(committee.electorate.set.total(), Stake(total));
            let certificate = committee.certificate(committee.checkpoint(1), &[0]);
            prop_assert_eq!(verify(certificate, &committee).is_ok(), is_quorum);
            prop_assert_eq!(self::is_quorum(&[heavy, total - heavy - small, small], &[0]), is_quorum);
        }
    }

    /// A sum that needs more than 256 bits makes no set.
    #[test]
    fn a_total_that_overflows_is_refused(over in 1u64.., low in 1u64..) {
        let member = |number: u8, weight| Sequencer {
            address: crate::testing::address(number),
            bls_public_key: BlsPublicKey(FixedBytes::repeat_byte(number)),
            weight: Stake(weight),
            peer_id: String::new(),
        };
        let rest = U256::MAX - U256::from(low);
        let set = |more: u64| SequencerSet::new(vec![member(1, rest), member(2, U256::from(low)), member(3, U256::from(more))]);
        prop_assert_eq!(set(over), Err(InvalidSet::WeightOverflow));
        let full = SequencerSet::new(vec![member(1, rest), member(2, U256::from(low))]).unwrap();
        prop_assert_eq!(full.total(), Stake(U256::MAX));
    }
}

#[test]
fn a_bitmap_has_one_form() {
    let committee = Committee::new(&[1; 10]);
    let good = committee.certificate(committee.checkpoint(1), &committee.all());
    let with =
        |signers: &[u8]| verify(QuorumCertificate { signers: signers.to_vec().into(), ..good.clone() }, &committee);
    let length = Err(InvalidQuorum::Signers(InvalidSigners::Length));
    let empty = Err(InvalidQuorum::Signers(InvalidSigners::Empty));
    assert!(with(&[0xff, 0b11]).is_ok());
    assert_eq!(with(&[0xff, 0b111]), length, "a bit beyond the set");
    assert_eq!(with(&[0xff, 0b1000_0011]), length, "the last bit of the last byte");
    assert_eq!(with(&[0xff]), length, "too short");
    assert_eq!(with(&[0xff, 0b11, 0]), length, "too long");
    assert_eq!(with(&[]), length, "no bitmap");
    assert_eq!(with(&[0, 0]), empty, "no signers");
    // Where the set fills its bytes, there is no bit beyond it.
    let eight = Committee::new(&[1; 8]);
    let full = eight.certificate(eight.checkpoint(1), &eight.all());
    assert_eq!(full.signers.as_ref(), [0xff]);
    assert!(verify(full, &eight).is_ok());
}

#[test]
fn no_votes_are_no_certificate() {
    let committee = Committee::new(&[1]);
    let none: [(&Address, &BlsSignature); 0] = [];
    assert_eq!(VerifiedQuorum::assemble(&committee.electorate, committee.checkpoint(1), none), None);
    // The point at infinity is the sum of no signatures.
    let mut infinity = [0; 96];
    infinity[0] = 0xc0;
    let signers = vec![1].into();
    let signature = BlsSignature(FixedBytes(infinity));
    let certificate = QuorumCertificate { checkpoint: committee.checkpoint(1), signers, signature };
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Signature));
}

#[test]
fn a_stranger_has_no_weight_and_spoils_the_sum() {
    let committee = Committee::new(&[1; 4]);
    let strangers = committee.successor();
    let checkpoint = committee.checkpoint(1);
    let stranger = strangers.address(0);
    let votes: Vec<_> = [0, 1]
        .map(|member| (committee.address(member), committee.vote(member, checkpoint.reference())))
        .into_iter()
        .chain([(stranger, strangers.vote(0, checkpoint.reference()))])
        .collect();
    let assembled =
        VerifiedQuorum::assemble(&committee.electorate, checkpoint, votes.iter().map(|(signer, vote)| (signer, vote)));
    assert_eq!(assembled, None, "two of four and a stranger");
    // In the sum of a quorum it counts for nothing, and the sum is of others than the bitmap says.
    let mut certificate = committee.certificate(checkpoint, &[0, 1, 2]);
    let with_stranger = [certificate.signature, strangers.vote(0, checkpoint.reference())];
    certificate.signature = BlsSignature::aggregate(&with_stranger).unwrap();
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Signature));
}

#[test]
fn a_member_counts_once() {
    let committee = Committee::new(&[1; 4]);
    let checkpoint = committee.checkpoint(1);
    let vote = |member| (committee.address(member), committee.vote(member, checkpoint.reference()));
    let (one, other) = (vote(0), vote(1));
    let twice = [(&one.0, &one.1), (&other.0, &other.1), (&one.0, &one.1)];
    assert_eq!(VerifiedQuorum::assemble(&committee.electorate, checkpoint, twice), None);
    // A quorum whose sum has one vote twice is not what the bitmap says.
    let mut certificate = committee.certificate(checkpoint, &[0, 1, 2]);
    certificate.signature = BlsSignature::aggregate(&[certificate.signature, one.1]).unwrap();
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Signature));
}

#[test]
fn a_vote_is_for_one_chain_and_one_purpose() {
    let committee = Committee::new(&[1; 4]);
    let checkpoint = committee.checkpoint(1);
    let vote = Vote::new(checkpoint.reference());
    let signed = |digest: B256| {
        let votes: Vec<_> = committee.keys.iter().map(|(_, bls)| bls.sign(digest)).collect();
        let signature = BlsSignature::aggregate(&votes).unwrap();
        let signers = committee.bitmap(&committee.all()).into();
        verify(QuorumCertificate { checkpoint, signers, signature }, &committee)
    };
    assert!(signed(CONTEXT.digest(&vote)).is_ok());
    let wrong = Err(InvalidQuorum::Signature);
    assert_eq!(signed(SigningContext { chain_id: 8, ..CONTEXT }.digest(&vote)), wrong, "chain id");
    let genesis_hash = B256::repeat_byte(8);
    assert_eq!(signed(SigningContext { genesis_hash, ..CONTEXT }.digest(&vote)), wrong, "genesis");
    assert_eq!(signed(CONTEXT.digest(&checkpoint)), wrong, "the domain of checkpoints");
    let report = TermReport {
        era: vote.era,
        term: vote.term,
        certified: checkpoint.reference(),
        head: Tip { term: Term(0), block: checkpoint.head },
        signed: checkpoint.head,
    };
    assert_eq!(signed(CONTEXT.digest(&report)), wrong, "the domain of reports");
    assert_eq!(signed(vote.checkpoint), wrong, "the bare hash");
}

#[test]
fn a_checkpoint_comes_after_its_parent() {
    let committee = Committee::new(&[1; 4]);
    let at = |era, term, round| CheckpointPosition { era: Era(era), term: Term(term), round: Round(round) };
    let signed = |position: CheckpointPosition, parent| {
        let CheckpointPosition { era, term, round } = position;
        let parent = CheckpointRef { position: parent, hash: B256::repeat_byte(1) };
        let checkpoint = Checkpoint { era, term, round, parent, ..committee.checkpoint(1) };
        verify(committee.certificate(checkpoint, &committee.all()), &committee).map(|quorum| quorum.position())
    };
    for (position, parent) in [
        (at(0, 1, 1), at(0, 0, 0)),
        (at(0, 2, 3), at(0, 2, 2)),
        (at(0, 2, 3), at(0, 1, 99)),
        (at(0, u64::MAX, u64::MAX), at(0, u64::MAX, u64::MAX - 1)),
    ] {
        assert_eq!(signed(position, parent), Ok(position));
    }
    for (position, parent) in [
        (at(0, 2, 3), at(0, 2, 3)),
        (at(0, 2, 3), at(0, 2, 4)),
        (at(0, 2, 3), at(0, 3, 1)),
        (at(0, 2, 3), at(1, 1, 1)),
        (at(0, 0, 1), at(0, 0, 0)),
        (at(0, 1, 0), at(0, 0, 0)),
    ] {
        assert_eq!(signed(position, parent), Err(InvalidQuorum::Position), "{position} on {parent}");
    }
    assert_eq!(signed(at(1, 1, 1), at(0, 1, 1)), Err(InvalidQuorum::Era));
}

#[test]
fn the_next_era_has_other_voters() {
    let committee = Committee::new(&[1; 4]);
    let next = committee.successor();
    let certificate = next.certificate(next.checkpoint(1), &next.all());
    assert!(verify(certificate.clone(), &next).is_ok());
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Era));
    let forged = Checkpoint { set_root: next.electorate.set_root, ..committee.checkpoint(1) };
    let certificate = next.certificate(forged, &next.all());
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::SetRoot));
    let certificate = next.certificate(committee.checkpoint(1), &next.all());
    assert_eq!(verify(certificate, &committee), Err(InvalidQuorum::Signature));
}

#[test]
fn a_restored_certificate_is_checked_but_for_its_signature() {
    let committee = Committee::new(&[1; 4]);
    let restore = |certificate| VerifiedQuorum::restore(Arc::new(certificate), &committee.electorate);
    let good = committee.certificate(committee.checkpoint(1), &[0, 1, 2]);
    assert!(restore(good.clone()).is_some());
    assert!(restore(committee.certificate(committee.checkpoint(1), &[0, 1])).is_none());
    assert!(restore(QuorumCertificate { signers: Bytes::new(), ..good }).is_none());
}
