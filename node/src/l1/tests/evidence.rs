use super::{
    Following,
    anvil::rich,
    chain::{Chain, L2},
    client, counted, patient,
    proxy::Proxy,
    until,
};
use crate::{
    keys::NodeKeys,
    l1::{EvidenceReport, EvidenceReporter, FeePolicy, L1Client, ReporterConfig, ReporterHandle, Sender, SlashOutcome},
    metrics,
};
use alloy_primitives::{B256, U256};
use alloy_signer_local::PrivateKeySigner;
use baton_consensus::{
    evidence::{BallotPaper, Evidence, VoteEvidence},
    messages::{CheckpointPosition, CheckpointRef, Seal, Vote},
    signing::Signed,
    types::{Electorate, Era, Height, Round, SequencerSet, Term},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

fn two_seals(chain: &Chain, keys: &NodeKeys, height: u64) -> EvidenceReport {
    let seal = |byte| Seal { era: Era(0), term: Term(1), height: Height(height), hash: B256::repeat_byte(byte) };
    let pair = [1, 2].map(|byte| Signed::new(seal(byte), &L2, &keys.operator));
    verified(chain, Evidence::Seal(Box::new(pair)), None)
}

fn two_votes(chain: &Chain, keys: &NodeKeys) -> EvidenceReport {
    let votes = [1, 2].map(|byte| {
        let position = CheckpointPosition { era: Era(0), term: Term(1), round: Round(3) };
        let vote = Vote::new(CheckpointRef { position, hash: B256::repeat_byte(byte) });
        BallotPaper { vote, signature: keys.bls.sign(L2.digest(&vote)) }
    });
    let evidence = Evidence::Vote(Box::new(VoteEvidence { signer: keys.operator.address(), votes }));
    verified(chain, evidence, Some(keys))
}

fn verified(chain: &Chain, evidence: Evidence, voter: Option<&NodeKeys>) -> EvidenceReport {
    let electorate = Electorate::genesis(L2, Arc::new(SequencerSet::new(chain.members()).unwrap()));
    let bls_public_key = voter.map(|keys| keys.bls.public_key());
    EvidenceReport { evidence: evidence.verify(&electorate).unwrap(), bls_public_key }
}

struct Reporting {
    handle: ReporterHandle,
    metrics: metrics::L1,
    _stop: DropGuard,
}

impl Reporting {
    fn start(chain: &Chain, key: PrivateKeySigner) -> Self {
        Self::through(chain, key, &chain.client)
    }

    /// By another way to L1.
    fn through(chain: &Chain, key: PrivateKeySigner, client: &L1Client) -> Self {
        let (metrics, stop) = (counted(), CancellationToken::new());
        let policy = FeePolicy { poll_interval: Duration::from_millis(20), ..FeePolicy::default() };
        let sender = Sender::new(client.clone(), key, policy);
        let config = ReporterConfig { registry: chain.registry, context: L2, stagger: Duration::ZERO };
        let (reporter, handle) = EvidenceReporter::new(config, client.clone(), sender, metrics.clone());
        tokio::spawn(reporter.run(stop.clone()));
        Self { handle, metrics, _stop: stop.drop_guard() }
    }

    fn count(&self, outcome: SlashOutcome) -> u64 {
        self.metrics.l1_evidence.get(outcome).get()
    }

    async fn reaches(&self, outcome: SlashOutcome, count: u64) {
        until(&format!("{outcome:?}"), || self.count(outcome) == count).await;
    }
}

#[tokio::test]
async fn two_seals_cost_the_stake_and_the_seat() {
    let chain = Chain::start(2).await;
    let mut following = Following::start(chain.follower(), &chain.client);
    let reporting = Reporting::start(&chain, rich());
    let cheater = &chain.founders[0];
    let report = two_seals(&chain, cheater, 9);
    assert!(reporting.handle.report(report.clone()));
    reporting.reaches(SlashOutcome::Slashed, 1).await;
    let (view, logs) = chain.view_and_logs().await;
    assert_eq!((view.len(), &view), (1, &logs.seats()));
    chain.anvil.mine(3).await;
    let members = following.set().await.members;
    assert_eq!(members.iter().map(|member| member.address).collect::<Vec<_>>(), [chain.founders[1].operator.address()]);

    // The same again costs nobody anything; another fault does, while the stake is there.
    assert!(reporting.handle.report(report.clone()));
    assert!(reporting.handle.report(two_seals(&chain, cheater, 10)));
    reporting.reaches(SlashOutcome::Slashed, 2).await;
    assert_eq!(reporting.count(SlashOutcome::AlreadySlashed), 0);
    let other = Reporting::start(&chain, rich());
    let nonce = chain.client.nonce(rich().address()).await.unwrap();
    assert!(other.handle.report(report));
    other.reaches(SlashOutcome::AlreadySlashed, 1).await;
    assert_eq!(chain.client.nonce(rich().address()).await.unwrap(), nonce);
}

#[tokio::test]
async fn two_votes_are_slashed_by_their_bls_signatures() {
    let chain = Chain::start(2).await;
    let reporting = Reporting::start(&chain, rich());
    assert!(reporting.handle.report(two_votes(&chain, &chain.founders[1])));
    reporting.reaches(SlashOutcome::Slashed, 1).await;
    // Without the key that signed, the registered one is named.
    let report = EvidenceReport { bls_public_key: None, ..two_votes(&chain, &chain.founders[0]) };
    assert!(reporting.handle.report(report));
    reporting.reaches(SlashOutcome::Slashed, 2).await;
}

#[tokio::test]
async fn of_two_reporters_one_is_rewarded() {
    let chain = Chain::start(2).await;
    let other = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x42)).unwrap();
    let balance = U256::from(10).pow(U256::from(19));
    chain.anvil.request("anvil_setBalance", json!([other.address(), balance])).await;
    chain.anvil.mine_by_itself().await;
    let reporters = [Reporting::start(&chain, rich()), Reporting::start(&chain, other)];
    for reporter in &reporters {
        assert!(reporter.handle.report(two_seals(&chain, &chain.founders[0], 4)));
    }
    let count = |outcome| reporters.iter().map(|reporter| reporter.count(outcome)).sum::<u64>();
    until("both are settled", || count(SlashOutcome::Slashed) + count(SlashOutcome::AlreadySlashed) == 2).await;
    assert_eq!(count(SlashOutcome::Slashed), 1);
}

#[tokio::test]
async fn evidence_waits_for_an_l1_that_is_away() {
    let chain = Chain::start(2).await;
    let proxy = Proxy::start(None).await;
    let reporting = Reporting::through(&chain, rich(), &client(&[proxy.url()], patient()));
    assert!(reporting.handle.report(two_seals(&chain, &chain.founders[0], 4)));
    until("L1 was asked", || proxy.seen("eth_chainId") > 2).await;
    proxy.lead_to(Some(chain.anvil.address));
    reporting.reaches(SlashOutcome::Slashed, 1).await;
}

#[tokio::test]
async fn what_the_contract_does_not_accept_is_given_up() {
    let chain = Chain::start(2).await;
    let reporting = Reporting::start(&chain, rich());
    // Of a key that was never the signer's.
    let key = Some(NodeKeys::generate().unwrap().bls.public_key());
    let report = EvidenceReport { bls_public_key: key, ..two_votes(&chain, &chain.founders[0]) };
    assert!(reporting.handle.report(report));
    reporting.reaches(SlashOutcome::Refused, 1).await;
    assert_eq!(chain.view_and_logs().await.0.len(), 2);
}

#[tokio::test]
async fn whoever_has_no_stake_is_left_alone() {
    let mut chain = Chain::start(1).await;
    let stranger = NodeKeys::generate().unwrap();
    chain.founders.push(stranger);
    let reporting = Reporting::start(&chain, rich());
    assert!(reporting.handle.report(two_seals(&chain, &chain.founders[1], 4)));
    reporting.reaches(SlashOutcome::NothingAtStake, 1).await;
}
