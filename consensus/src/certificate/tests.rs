use super::*;
use crate::keys::BlsKey;
use crate::messages::{Cause, Checkpoint, CheckpointRef, TermChange};
use crate::testing::{CONTEXT, Committee, subset};
use crate::types::{BlockRef, Height, Round, Tip};
use alloy_primitives::U256;
use proptest::prelude::*;

/// A committee in term 1, two checkpoints of which are certified; it wants to enter term 2.
struct Scene {
    committee: Committee,
    low: Arc<QuorumCertificate>,
    high: Arc<QuorumCertificate>,
}

impl Scene {
    fn new(weights: &[u64]) -> Self {
        Self::of(Committee::new(weights))
    }

    fn of(committee: Committee) -> Self {
        let certified = |checkpoint| Arc::new(committee.certificate(checkpoint, &committee.all()));
        let first = committee.checkpoint(1);
        let (low, high) = (certified(first), certified(committee.child(&first)));
        Self { committee, low, high }
    }

    fn report(&self, certified: Option<&Arc<QuorumCertificate>>, height: u64) -> TermReport {
        let block = BlockRef { height: Height(height), hash: B256::repeat_byte(1) };
        let genesis = CheckpointRef::genesis(CONTEXT.genesis_hash);
        TermReport {
            era: Era(0),
            term: Term(2),
            certified: certified.map_or(genesis, |certificate| certificate.checkpoint.reference()),
            head: Tip { term: Term(1), block },
            signed: block,
        }
    }

    fn change(&self, member: usize, certified: Option<&Arc<QuorumCertificate>>, height: u64) -> VerifiedTermChange {
        let (operator, bls) = &self.committee.keys[member];
        let report = self.report(certified, height);
        let signed = TermChange::sign(report, Cause::NoSeal, 1, &CONTEXT, (operator, bls));
        let verified = signed.verify(&CONTEXT).unwrap();
        VerifiedTermChange::check(verified, certified.cloned(), &self.committee.electorate).unwrap()
    }

    fn assemble(&self, changes: &[VerifiedTermChange]) -> Option<TermCertificate> {
        let assembled = VerifiedCertificate::assemble(&self.committee.electorate, Term(2), changes)?;
        Some(TermCertificate::clone(assembled.certificate()))
    }

    /// A certificate of hand-made reports, each with its signers.
    fn signed(&self, reports: &[(TermReport, &[usize])], highest: Option<&Arc<QuorumCertificate>>) -> TermCertificate {
        let sign = |(report, signers): &(TermReport, &[usize])| {
            let digest = CONTEXT.digest(report);
            signers.iter().map(|member| self.committee.keys[*member].1.sign(digest)).collect::<Vec<_>>()
        };
        let signatures: Vec<_> = reports.iter().flat_map(sign).collect();
        let named = |(report, signers): &(TermReport, &[usize])| SignedReport {
            report: *report,
            signers: self.committee.bitmap(signers).into(),
        };
        TermCertificate {
            era: Era(0),
            term: Term(2),
            reports: reports.iter().map(named).collect(),
            signature: BlsSignature::aggregate(&signatures).unwrap(),
            highest: highest.cloned(),
        }
    }

    fn verify(&self, certificate: TermCertificate) -> Result<VerifiedCertificate, InvalidCertificate> {
        Arc::new(certificate).verify(&self.committee.electorate)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the reports, those of a quorum open the term with the highest certificate among them; fewer do not.
    #[test]
    fn the_reports_of_a_quorum_open_a_term(
        members in prop::collection::vec((1u64..6, 0u64..3, 0usize..3), 1..8),
        bits: u32,
        reversed: bool,
    ) {
        let weights: Vec<_> = members.iter().map(|(weight, ..)| *weight).collect();
        let scene = Scene::new(&weights);
        let signers = subset(bits, members.len());
        let held = |member: usize| [None, Some(&scene.low), Some(&scene.high)][members[member].2];
        let mut changes: Vec<_> =
            signers.iter().map(|member| scene.change(*member, held(*member), members[*member].1)).collect();
        if reversed {
            changes.reverse();
        }
        let weight = |places: &[usize]| places.iter().map(|member| weights[*member]).sum::<u64>();
        let is_quorum = 3 * weight(&signers) > 2 * weights.iter().sum::<u64>();
        let assembled = scene.assemble(&changes);
        prop_assert_eq!(assembled.is_some(), is_quorum);
        let Some(certificate) = assembled else { return Ok(()) };
        let highest = signers.iter().filter_map(|member| held(*member)).max_by_key(|held| held.checkpoint.position());
        prop_assert_eq!(certificate.highest.as_ref(), highest);
        let verified = scene.verify(certificate).unwrap();
        prop_assert_eq!(verified.highest().map(VerifiedQuorum::certificate), highest);
        let named: usize = verified.reports().iter().map(|(_, signers)| signers.len()).sum();
        prop_assert_eq!(named, signers.len());
        for (report, reporters) in verified.reports() {
            for reporter in reporters {
                let member = scene.committee.place(*reporter);
                prop_assert_eq!(*report, scene.report(held(member), members[member].1));
            }
        }
    }
}

#[test]
fn the_highest_certificate_is_the_one_that_the_reports_name() {
    let scene = Scene::new(&[1; 4]);
    let changes =
        [scene.change(0, Some(&scene.low), 1), scene.change(1, Some(&scene.high), 1), scene.change(2, None, 1)];
    let good = scene.assemble(&changes).unwrap();
    assert!(scene.verify(good.clone()).is_ok());
    let with = |highest: Option<Arc<QuorumCertificate>>| scene.verify(TermCertificate { highest, ..good.clone() });
    let refused = Err(InvalidCertificate::Highest);
    assert_eq!(with(None), refused, "missing");
    assert_eq!(with(Some(Arc::clone(&scene.low))), refused, "too low");
    let fork = Checkpoint { state_root: B256::ZERO, ..scene.high.checkpoint };
    assert_eq!(with(Some(Arc::new(scene.committee.certificate(fork, &[0, 1, 2])))), refused, "another of its position");
    let above = scene.committee.child(&scene.high.checkpoint);
    assert_eq!(with(Some(Arc::new(scene.committee.certificate(above, &[0, 1, 2])))), refused, "too high");
    // The right checkpoint, but nothing that certifies it.
    let few = scene.committee.certificate(scene.high.checkpoint, &[0, 1]);
    assert_eq!(with(Some(Arc::new(few))), refused);
    let mut forged = QuorumCertificate::clone(&scene.high);
    forged.signature = scene.low.signature;
    assert_eq!(with(Some(Arc::new(forged))), Err(InvalidCertificate::Quorum(InvalidQuorum::Signature)));
    // Another quorum of votes for the same checkpoint is as good.
    let other = scene.committee.certificate(scene.high.checkpoint, &[1, 2, 3]);
    assert!(with(Some(Arc::new(other))).is_ok());

    let of_genesis = scene.assemble(&[0, 1, 2].map(|member| scene.change(member, None, 1))).unwrap();
    assert_eq!(of_genesis.highest, None);
    assert!(scene.verify(of_genesis.clone()).is_ok());
    let adorned = TermCertificate { highest: Some(Arc::clone(&scene.low)), ..of_genesis };
    assert_eq!(scene.verify(adorned), refused, "nobody named it");
}

#[test]
fn reports_come_in_order_each_once_of_this_term() {
    let scene = Scene::new(&[1; 4]);
    let (one, two) = (scene.report(None, 1), scene.report(None, 2));
    assert!(scene.verify(scene.signed(&[(one, &[0, 1]), (two, &[2])], None)).is_ok());
    let refused = Err(InvalidCertificate::Reports);
    assert_eq!(scene.verify(scene.signed(&[(two, &[2]), (one, &[0, 1])], None)), refused, "out of order");
    assert_eq!(scene.verify(scene.signed(&[(one, &[0, 1]), (one, &[2])], None)), refused, "one report twice");
    let other_term = TermReport { term: Term(3), ..one };
    assert_eq!(scene.verify(scene.signed(&[(other_term, &[0, 1, 2])], None)), refused);
    let other_era = TermReport { era: Era(1), ..one };
    assert_eq!(scene.verify(scene.signed(&[(other_era, &[0, 1, 2])], None)), refused);
    let mut ahead = one;
    ahead.head.term = Term(2);
    assert_eq!(scene.verify(scene.signed(&[(ahead, &[0, 1, 2])], None)), refused, "sealed in the term to come");
    let mut certified_ahead = one;
    certified_ahead.certified.position.term = Term(2);
    certified_ahead.certified.position.round = Round(1);
    assert_eq!(scene.verify(scene.signed(&[(certified_ahead, &[0, 1, 2])], None)), refused);
    let era = TermCertificate { era: Era(1), ..scene.signed(&[(other_era, &[0, 1, 2])], None) };
    assert_eq!(scene.verify(era), refused);
}

#[test]
fn a_member_signs_one_report() {
    let scene = Scene::new(&[1; 4]);
    let (one, two) = (scene.report(None, 1), scene.report(None, 2));
    let twice = scene.signed(&[(one, &[0, 1]), (two, &[1, 2])], None);
    assert_eq!(scene.verify(twice), Err(InvalidCertificate::Signers));
    assert_eq!(scene.verify(scene.signed(&[(one, &[0, 1])], None)), Err(InvalidCertificate::NoQuorum));
    let good = scene.signed(&[(one, &[0, 1, 2])], None);
    let with = |signers: &[u8]| {
        let reports = vec![SignedReport { report: one, signers: signers.to_vec().into() }];
        scene.verify(TermCertificate { reports, ..good.clone() })
    };
    assert!(with(&[0b0111]).is_ok());
    for bitmap in [&[][..], &[0], &[0b1_0111], &[0b0111, 0]] {
        assert_eq!(with(bitmap), Err(InvalidCertificate::Signers), "{bitmap:?}");
    }
    assert_eq!(with(&[0b1110]), Err(InvalidCertificate::Signature), "others than those that signed");
    assert_eq!(scene.verify(TermCertificate { reports: Vec::new(), ..good }), Err(InvalidCertificate::NoQuorum));
}

#[test]
fn a_change_brings_the_certificate_that_its_report_names() {
    let scene = Scene::new(&[1; 4]);
    let electorate = &scene.committee.electorate;
    let signed = |certified| scene.change(0, certified, 1);
    let wrapped = |change: &VerifiedTermChange| {
        let (operator, bls) = &scene.committee.keys[0];
        TermChange::sign(*change.report(), Cause::NoSeal, 1, &CONTEXT, (operator, bls)).verify(&CONTEXT).unwrap()
    };
    let named = signed(Some(&scene.high));
    let check = |certificate| VerifiedTermChange::check(wrapped(&named), certificate, electorate).is_some();
    assert!(check(Some(Arc::clone(&scene.high))));
    assert!(!check(None));
    assert!(!check(Some(Arc::clone(&scene.low))));
    let few = scene.committee.certificate(scene.high.checkpoint, &[0, 1]);
    assert!(!check(Some(Arc::new(few))));
    let genesis = signed(None);
    assert!(VerifiedTermChange::check(wrapped(&genesis), Some(Arc::clone(&scene.low)), electorate).is_none());
}

/// Keys that add up to nothing have proofs of possession like others. Who holds them must not spoil the certificates of all.
#[test]
fn keys_that_cancel_each_other_spoil_nothing() {
    let mut keys = Committee::new(&[1; 7]).keys;
    keys[6].1 = BlsKey::from_bytes(&negated(&keys[5].1)).unwrap();
    assert!(keys[6].1.public_key().verify_possession(&keys[6].1.prove_possession()));
    let scene = Scene::of(Committee::of_keys(keys, &[U256::ONE; 7]));
    // The two report what nobody else does; with them it is a quorum.
    let changes: Vec<_> = [0, 1, 2, 5, 6].map(|member| scene.change(member, None, 1 + u64::from(member > 3))).into();
    let certificate = scene.assemble(&changes).unwrap();
    let verified = scene.verify(certificate.clone()).unwrap();
    assert_eq!(verified.reports().iter().map(|(_, signers)| signers.len()).collect::<Vec<_>>(), [3, 2]);
    // Whatever they are said to report: it is theirs to say.
    let mut moved = certificate.clone();
    moved.reports[0].signers = scene.committee.bitmap(&[0, 1, 3]).into();
    assert_eq!(scene.verify(moved), Err(InvalidCertificate::Signature), "but not for others");
    let mut alone = certificate;
    alone.reports.remove(0);
    assert_eq!(scene.verify(alone), Err(InvalidCertificate::NoQuorum));
    // With all the weight they certify nothing either: a signature of nobody is none.
    let mut pair = Committee::new(&[1; 2]).keys;
    pair[1].1 = BlsKey::from_bytes(&negated(&pair[0].1)).unwrap();
    let scene = Scene::of(Committee::of_keys(pair, &[U256::ONE; 2]));
    let sum = scene.signed(&[(scene.report(None, 1), &[0, 1])], None);
    assert_eq!(scene.verify(sum), Err(InvalidCertificate::Signature));
}

/// The key that a key and this one add up to nothing.
fn negated(key: &BlsKey) -> B256 {
    let order = U256::from_str_radix("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", 16).unwrap();
    B256::from(order - U256::from_be_bytes(key.to_bytes().0))
}
