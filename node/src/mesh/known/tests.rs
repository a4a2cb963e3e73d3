use super::{KnownCertificates, OLD_INTERVAL, QUORUMS};
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::{
    finality::QuorumCertificate,
    keys::BlsKey,
    messages::{Checkpoint, CheckpointRef, L1Anchor, Vote},
    signing::SigningContext,
    types::{BlockRef, Electorate, Era, Height, Round, Sequencer, SequencerSet, Stake, Term},
};
use std::{sync::Arc, time::Instant};

const CONTEXT: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(7) };

/// A set of one member, which is a quorum.
struct Single {
    key: BlsKey,
    electorate: Electorate,
}

impl Single {
    fn new() -> Self {
        let key = BlsKey::generate(&[1; 32]).unwrap();
        let member = Sequencer {
            address: Address::repeat_byte(1),
            bls_public_key: key.public_key(),
            weight: Stake(U256::from(1)),
            peer_id: String::new(),
        };
        let set = Arc::new(SequencerSet::new(vec![member]).unwrap());
        Self { key, electorate: Electorate { context: CONTEXT, era: Era(0), set_root: B256::repeat_byte(2), set } }
    }

    fn certificate(&self, round: u64) -> Arc<QuorumCertificate> {
        let checkpoint = Checkpoint {
            era: Era(0),
            term: Term(1),
            round: Round(round),
            head: BlockRef { height: Height(round), hash: B256::repeat_byte(3) },
            state_root: B256::ZERO,
            parent: CheckpointRef::genesis(CONTEXT.genesis_hash),
            set_root: self.electorate.set_root,
            anchor: L1Anchor::default(),
            next_set_root: None,
        };
        let signature = self.key.sign(CONTEXT.digest(&Vote::new(checkpoint.reference())));
        Arc::new(QuorumCertificate { checkpoint, signers: Bytes::from_static(&[1]), signature })
    }
}

/// History is sent again from its beginning: the recent part of it is known, and of the old one certificate is looked at.
#[test]
fn replayed_history_is_not_paired_again() {
    let (single, known) = (Single::new(), KnownCertificates::default());
    let length = 2 * QUORUMS.get() as u64;
    let history: Vec<_> = (1..=length).map(|round| single.certificate(round)).collect();
    for certificate in &history {
        assert!(known.admits(certificate), "what comes in order waits for nothing");
        known.verify(Arc::clone(certificate), &single.electorate).unwrap();
    }
    let (old, recent) = history.split_at(QUORUMS.get());
    assert!(recent.iter().all(|certificate| known.admits(certificate)));
    assert!(known.admits(&old[0]), "one may have been lost on the way");
    let began = Instant::now();
    let admitted = old.iter().filter(|certificate| known.admits(certificate)).count();
    let allowed = 1 + began.elapsed().as_millis() / OLD_INTERVAL.as_millis();
    assert!(admitted as u128 <= allowed, "{admitted} of history, {allowed} are allowed in this time");
}

/// A position alone takes nothing: what does not hold does not count as the highest.
#[test]
fn rubbish_makes_nothing_old() {
    let (single, known) = (Single::new(), KnownCertificates::default());
    let mut far = QuorumCertificate::clone(&single.certificate(1_000_000));
    far.signature = single.certificate(1).signature;
    known.verify(Arc::new(far), &single.electorate).unwrap_err();
    for round in 1..10 {
        assert!(known.admits(&single.certificate(round)));
    }
}
