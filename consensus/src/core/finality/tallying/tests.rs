use super::*;
use crate::core::{Effect, Input, Outgoing};
use crate::evidence::EvidenceKind;
use crate::messages::Checkpoint;
use crate::signing::Signed;
use crate::testing::{CONTEXT, Committee, Mesh, pairing_checks, subset};
use alloy_primitives::FixedBytes;
use proptest::prelude::*;

/// A member that is told of checkpoints and votes by hand. It does not hold the blocks, and so does not vote itself.
struct Teller {
    mesh: Mesh,
    teller: usize,
    effects: Vec<Effect>,
}

impl Teller {
    fn new(weights: &[u64]) -> Self {
        let mesh = Mesh::open(weights);
        let teller = (mesh.scheduler() + 1) % weights.len();
        Self { mesh, teller, effects: Vec::new() }
    }

    fn committee(&self) -> &Committee {
        &self.mesh.committee
    }

    fn feed(&mut self, input: Input) {
        self.effects = self.mesh.cores[self.teller].handle(input, self.mesh.now);
    }

    /// The scheduler puts a checkpoint to the vote.
    fn propose(&mut self, checkpoint: Checkpoint) -> CheckpointRef {
        let key = &self.committee().keys[self.mesh.scheduler()].0;
        let checkpoint_message = Signed::new(checkpoint, &CONTEXT, key).verify(&CONTEXT).unwrap();
        self.feed(Input::Checkpoint { checkpoint: checkpoint_message, parent: None });
        checkpoint.reference()
    }

    fn vote(&mut self, vote: Signed<CastVote>) {
        self.feed(Input::Vote(vote.verify(&CONTEXT).unwrap()));
    }

    /// A vote as it should be.
    fn good(&mut self, member: usize, checkpoint: CheckpointRef) {
        self.vote(self.committee().cast(member, checkpoint));
    }

    /// A vote whose BLS signature is of something else.
    fn bad(&mut self, member: usize, checkpoint: CheckpointRef) {
        let signature = self.committee().keys[member].1.sign(B256::repeat_byte(0xbd));
        self.vote(self.committee().cast_with(member, checkpoint, signature));
    }

    fn verdict(&self) -> Verdict {
        let verdict = |effect: &Effect| if let Effect::Judge(verdict) = effect { Some(*verdict) } else { None };
        self.effects.iter().find_map(verdict).unwrap()
    }

    /// Who is blamed in what was done last.
    fn blamed(&self) -> Vec<usize> {
        let blamed = |effect: &Effect| match effect {
            Effect::Report(Report::BadVote { signer, .. }) => Some(self.committee().place(*signer)),
            _ => None,
        };
        self.effects.iter().filter_map(blamed).collect()
    }

    fn convicted(&self) -> Vec<(usize, EvidenceKind)> {
        let convicted = |effect: &Effect| match effect {
            Effect::Report(Report::Equivocation(fault)) => Some((self.committee().place(fault.signer), fault.kind)),
            _ => None,
        };
        self.effects.iter().filter_map(convicted).collect()
    }

    fn certificate(&self) -> Option<&VerifiedQuorum> {
        self.mesh.cores[self.teller].highest_quorum()
    }

    /// The members whose votes the newest certificate has, which holds.
    fn certified_by(&self) -> Option<Vec<usize>> {
        let quorum = self.certificate()?;
        let verified = quorum.certificate().clone().verify(&self.committee().electorate);
        assert_eq!(verified.as_ref(), Ok(quorum));
        Some(
            quorum.signers(&self.committee().electorate).iter().map(|signer| self.committee().place(*signer)).collect(),
        )
    }
}

#[test]
fn a_quorum_of_good_votes_makes_a_certificate_at_the_cost_of_one_check() {
    let mut teller = Teller::new(&[1; 4]);
    let checkpoint = teller.propose(teller.committee().checkpoint(1));
    let checks = pairing_checks(|| {
        for member in [3, 0] {
            teller.good(member, checkpoint);
            assert_eq!((teller.verdict(), teller.certified_by()), (Verdict::Accept, None));
        }
        teller.good(2, checkpoint);
    });
    assert_eq!(checks, 1);
    assert_eq!(teller.certified_by(), Some(vec![0, 2, 3]));
    teller.good(2, checkpoint);
    assert_eq!(teller.verdict(), Verdict::Ignore(Ignored::Duplicate));
}

#[test]
fn a_bad_vote_is_found_and_blamed_and_the_certificate_forms() {
    let mut teller = Teller::new(&[1; 7]);
    let checkpoint = teller.propose(teller.committee().checkpoint(1));
    for member in 0..3 {
        teller.good(member, checkpoint);
    }
    teller.bad(3, checkpoint);
    assert_eq!((teller.verdict(), teller.blamed(), teller.certified_by()), (Verdict::Accept, vec![], None));
    // It is looked at only when it matters.
    teller.good(4, checkpoint);
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![3], None), "four good ones are too few");
    teller.good(5, checkpoint);
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![], Some(vec![0, 1, 2, 4, 5])));
    let outgoing = |effect: &Effect| matches!(effect, Effect::Gossip(Outgoing::Evidence(_)));
    assert!(!teller.effects.iter().any(outgoing), "a bad signature is no evidence");
}

#[test]
fn who_sent_a_bad_vote_may_still_send_a_good_one() {
    let mut teller = Teller::new(&[1; 4]);
    let checkpoint = teller.propose(teller.committee().checkpoint(1));
    teller.bad(0, checkpoint);
    teller.good(1, checkpoint);
    teller.good(2, checkpoint);
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![0], None));
    teller.good(0, checkpoint);
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![], Some(vec![0, 1, 2])));
}

#[test]
fn a_second_bad_vote_costs_one_check() {
    let mut teller = Teller::new(&[1; 4]);
    let first = teller.propose(teller.committee().checkpoint(1));
    teller.bad(0, first);
    teller.good(1, first);
    teller.good(2, first);
    assert_eq!(teller.blamed(), [0]);
    let second = teller.propose(teller.committee().checkpoint(2));
    for checkpoint in [first, second, second] {
        assert_eq!(pairing_checks(|| teller.bad(0, checkpoint)), 1);
        assert_eq!((teller.verdict(), teller.blamed()), (Verdict::Ignore(Ignored::Duplicate), vec![]));
    }
    let checks = pairing_checks(|| [1, 2, 3].into_iter().for_each(|member| teller.good(member, second)));
    assert_eq!((checks, teller.certified_by()), (1, Some(vec![1, 2, 3])));
}

#[test]
fn a_vote_that_is_no_point_is_found_too() {
    let mut teller = Teller::new(&[1; 4]);
    let checkpoint = teller.propose(teller.committee().checkpoint(1));
    teller.vote(teller.committee().cast_with(0, checkpoint, BlsSignature(FixedBytes([0xff; 96]))));
    teller.vote(teller.committee().cast_with(1, checkpoint, BlsSignature(FixedBytes([0; 96]))));
    teller.good(2, checkpoint);
    assert_eq!(teller.blamed(), [0, 1]);
    teller.good(3, checkpoint);
    assert_eq!(teller.certified_by(), None);
    teller.good(0, checkpoint);
    assert_eq!(teller.certified_by(), Some(vec![0, 2, 3]));
}

#[test]
fn a_vote_copied_from_another_member_is_bad() {
    let mut teller = Teller::new(&[1; 4]);
    let checkpoint = teller.propose(teller.committee().checkpoint(1));
    let copied = teller.committee().vote(1, checkpoint);
    teller.good(1, checkpoint);
    teller.vote(teller.committee().cast_with(0, checkpoint, copied));
    teller.good(2, checkpoint);
    assert_eq!(teller.blamed(), [0]);
}

#[test]
fn votes_may_come_before_their_checkpoint() {
    let mut teller = Teller::new(&[1; 4]);
    let message = teller.committee().checkpoint(1);
    for member in [0, 1] {
        teller.good(member, message.reference());
    }
    teller.bad(2, message.reference());
    teller.good(3, message.reference());
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![], None));
    teller.propose(message);
    assert_eq!((teller.blamed(), teller.certified_by()), (vec![2], Some(vec![0, 1, 3])));
}

#[test]
fn two_votes_in_one_round_are_evidence_and_bad_ones_are_none() {
    let mut teller = Teller::new(&[1; 7]);
    let message = teller.committee().checkpoint(1);
    let (one, other) = (message.reference(), Checkpoint { state_root: B256::ZERO, ..message }.reference());
    teller.good(0, one);
    teller.good(0, other);
    assert_eq!(teller.convicted(), [(0, EvidenceKind::Vote)]);
    // Nobody is convicted by what its BLS key did not sign; but it is found out.
    teller.good(1, one);
    teller.bad(1, other);
    assert_eq!((teller.convicted(), teller.blamed()), (vec![], vec![1]));
    teller.bad(2, one);
    teller.good(2, other);
    assert_eq!((teller.convicted(), teller.blamed()), (vec![], vec![2]));
}

#[test]
fn many_votes_in_one_round_cost_a_check_each_at_most() {
    let mut teller = Teller::new(&[1; 4]);
    let message = teller.committee().checkpoint(1);
    let variant = |number: u8| Checkpoint { state_root: B256::repeat_byte(number), ..message }.reference();
    // Two are compared; after that, whoever sends what it did not sign is looked at alone.
    teller.bad(0, variant(0));
    assert_eq!(pairing_checks(|| teller.bad(0, variant(1))), 2);
    assert_eq!(teller.blamed(), [0, 0]);
    for number in 2..20 {
        assert_eq!(pairing_checks(|| teller.bad(0, variant(number))), 1);
    }
    // Whoever is convicted already is not convicted again.
    teller.good(1, variant(0));
    assert_eq!(pairing_checks(|| teller.good(1, variant(1))), 2);
    assert_eq!(teller.convicted(), [(1, EvidenceKind::Vote)]);
    for number in 2..20 {
        assert_eq!(pairing_checks(|| teller.good(1, variant(number))), 0);
        // What is known is not looked at.
        assert_eq!(pairing_checks(|| teller.good(1, variant(number))), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever votes badly and in whatever order: exactly the bad ones are blamed, and a certificate forms if and only if the
    /// good ones are a quorum.
    #[test]
    fn the_bad_ones_are_blamed_and_the_good_ones_counted(
        weights in prop::collection::vec(1u64..5, 4..10),
        bad: u32,
        voting: u32,
        order in any::<prop::sample::Selector>(),
    ) {
        let mut teller = Teller::new(&weights);
        let checkpoint = teller.propose(teller.committee().checkpoint(1));
        let bad = subset(bad & voting, weights.len());
        let voters = subset(voting, weights.len());
        let mut waiting = voters.clone();
        let mut blamed = Vec::new();
        while !waiting.is_empty() {
            let member = *order.select(&waiting);
            waiting.retain(|other| *other != member);
            if bad.contains(&member) { teller.bad(member, checkpoint) } else { teller.good(member, checkpoint) }
            blamed.extend(teller.blamed());
        }
        let weight = |members: &[usize]| members.iter().map(|member| weights[*member]).sum::<u64>();
        let total = weight(&teller.committee().all());
        let good: Vec<_> = voters.iter().copied().filter(|member| !bad.contains(member)).collect();
        let certified = teller.certified_by();
        prop_assert_eq!(certified.is_some(), 3 * weight(&good) > 2 * total);
        let certified = certified.unwrap_or_default();
        prop_assert!(certified.iter().all(|member| good.contains(member)));
        blamed.sort_unstable();
        prop_assert!(blamed.windows(2).all(|pair| pair[0] < pair[1]), "each once: {blamed:?}");
        prop_assert!(blamed.iter().all(|member| bad.contains(member)));
        if certified.is_empty() && 3 * weight(&voters) > 2 * total {
            prop_assert!(!blamed.is_empty(), "a sum that is wrong is somebody's fault");
        }
    }
}
