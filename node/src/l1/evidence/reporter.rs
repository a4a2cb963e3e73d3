//! The actor that brings evidence to L1.

use crate::{
    l1::{Call, ISequencerRegistry, L1Client, SendError, Sender},
    metrics,
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, TxKind, U256};
use alloy_sol_types::SolCall;
use baton_consensus::{
    evidence::{EvidenceKind, VerifiedEvidence},
    keys::{BlsPublicKey, BlsSignature, InvalidKey},
    signing::SigningContext,
};
use std::{collections::BTreeSet, time::Duration};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Reports that may wait.
const REPORTS: usize = 256;

/// The pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// How often a refusal is not believed.
const REFUSALS: u32 = 2;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Two contradicting messages, and whose key is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceReport {
    /// What was signed.
    pub evidence: VerifiedEvidence,
    /// For votes: the signer's BLS key in that era. Without it, the one that the registry has now.
    pub bls_public_key: Option<BlsPublicKey>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlashOutcome {
    /// This node had it slashed.
    Slashed,
    /// Somebody else was first.
    AlreadySlashed,
    /// The signer has no stake.
    NothingAtStake,
    /// The contract does not accept it.
    Refused,
}

/// What the reporter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReporterConfig {
    /// The registry.
    pub registry: Address,
    /// The chain whose messages these are.
    pub context: SigningContext,
    /// How long a node waits at most before it brings evidence, so that not all do at once.
    pub stagger: Duration,
}

/// Hands reports over; cheap to clone.
#[derive(Clone, Debug)]
pub struct ReporterHandle(mpsc::Sender<EvidenceReport>);

impl ReporterHandle {
    /// Has a fault slashed, some time. False if too many wait; bring it again later.
    pub fn report(&self, report: EvidenceReport) -> bool {
        self.0.try_send(report).is_ok()
    }
}

/// Brings evidence to L1; built and not running yet.
#[must_use = "run it"]
#[derive(Debug)]
pub struct EvidenceReporter {
    config: ReporterConfig,
    client: L1Client,
    sender: Sender,
    metrics: metrics::L1,
    reports: mpsc::Receiver<EvidenceReport>,
    settled: BTreeSet<B256>,
}

/// Why a fault was not slashed yet.
#[derive(Debug, Error)]
enum ReportError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the evidence cannot be written for the contract: {0}")]
    Key(#[from] InvalidKey),
    #[error("the registry has no BLS key of 48 bytes for the signer")]
    NoKey,
}

impl From<crate::l1::L1Error> for ReportError {
    fn from(error: crate::l1::L1Error) -> Self {
        Self::Send(error.into())
    }
}

impl EvidenceReporter {
    /// A reporter that pays with this account, and is rewarded there.
    pub fn new(
        config: ReporterConfig,
        client: L1Client,
        sender: Sender,
        metrics: metrics::L1,
    ) -> (Self, ReporterHandle) {
        let (handle, reports) = mpsc::channel(REPORTS);
        (Self { config, client, sender, metrics, reports, settled: BTreeSet::new() }, ReporterHandle(handle))
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let report = tokio::select! {
                () = shutdown.cancelled() => return,
                report = self.reports.recv() => match report {
                    Some(report) => report,
                    None => return,
                },
            };
            let fault = report.evidence.fault();
            if self.settled.contains(&fault.id()) {
                continue;
            }
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return,
                outcome = self.settle(&report) => outcome,
            };
            info!(%fault, ?outcome, "evidence was brought to L1");
            self.metrics.l1_evidence.get(outcome).inc();
            self.settled.insert(fault.id());
        }
    }

    /// Tries until the contract has an opinion.
    async fn settle(&self, report: &EvidenceReport) -> SlashOutcome {
        tokio::time::sleep(self.config.stagger.mul_f64(rand::random_range(0.0..1.0))).await;
        let (mut pause, mut refusals) = (FIRST_PAUSE, 0);
        loop {
            match self.slash(report).await {
                // It may be the state of one moment: somebody else's slash that is not in a block yet, say.
                Ok(SlashOutcome::Refused) if refusals < REFUSALS => refusals += 1,
                Ok(outcome) => return outcome,
                Err(error @ (ReportError::Key(_) | ReportError::NoKey)) => {
                    warn!(fault = %report.evidence.fault(), %error, "evidence cannot be brought to L1");
                    return SlashOutcome::Refused;
                }
                Err(error) => warn!(fault = %report.evidence.fault(), %error, "evidence waits for L1"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn slash(&self, report: &EvidenceReport) -> Result<SlashOutcome, ReportError> {
        let (registry, latest, fault) = (self.config.registry, BlockId::latest(), report.evidence.fault());
        if self.is_slashed(fault.id()).await? {
            return Ok(SlashOutcome::AlreadySlashed);
        }
        let call = ISequencerRegistry::getOperatorCall { operator: fault.signer };
        let operator = self.client.read(registry, &call, latest).await?;
        if operator.stake == U256::ZERO {
            return Ok(SlashOutcome::NothingAtStake);
        }
        let evidence = write(report, &self.config.context, &operator.blsPublicKey)?;
        let data = ISequencerRegistry::slashCall { evidence }.abi_encode().into();
        let call = Call { to: TxKind::Call(registry), data, value: U256::ZERO };
        match self.sender.send(&call, |_| {}).await {
            Ok(_) => Ok(SlashOutcome::Slashed),
            Err(error @ (SendError::WouldRevert { .. } | SendError::Reverted(_))) => {
                if self.is_slashed(fault.id()).await? {
                    return Ok(SlashOutcome::AlreadySlashed);
                }
                warn!(%fault, %error, "the registry does not accept evidence");
                Ok(SlashOutcome::Refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn is_slashed(&self, fault: B256) -> Result<bool, crate::l1::L1Error> {
        let call = ISequencerRegistry::isSlashedCall { fault };
        self.client.read(self.config.registry, &call, BlockId::latest()).await
    }
}

/// Evidence as the contract reads it: BLS points as EIP-2537 writes them.
fn write(
    report: &EvidenceReport,
    context: &SigningContext,
    registered: &Bytes,
) -> Result<ISequencerRegistry::Evidence, ReportError> {
    let fault = report.evidence.fault();
    let halves = report.evidence.evidence().preimages(context);
    let preimages = halves.each_ref().map(|half| half.preimage.clone());
    let [mut first, mut second] = halves.map(|half| half.signature);
    let mut bls_public_key = Bytes::new();
    if fault.kind == EvidenceKind::Vote {
        for signature in [&mut first, &mut second] {
            let compressed = FixedBytes::try_from(signature.as_ref()).map_err(|_| ReportError::NoKey)?;
            *signature = BlsSignature(compressed).to_eip2537()?.to_vec().into();
        }
        let registered = || FixedBytes::try_from(registered.as_ref()).map(BlsPublicKey).ok();
        let key = report.bls_public_key.or_else(registered).ok_or(ReportError::NoKey)?;
        bls_public_key = key.to_eip2537()?.to_vec().into();
    }
    let kind = match fault.kind {
        EvidenceKind::Announcement => ISequencerRegistry::FaultKind::Announcement,
        EvidenceKind::Block => ISequencerRegistry::FaultKind::Block,
        EvidenceKind::Seal => ISequencerRegistry::FaultKind::Seal,
        EvidenceKind::Checkpoint => ISequencerRegistry::FaultKind::Checkpoint,
        EvidenceKind::Vote => ISequencerRegistry::FaultKind::Vote,
    };
    let signatures = [first, second];
    Ok(ISequencerRegistry::Evidence {
        kind,
        operator: fault.signer,
        preimages,
        signatures,
        blsPublicKey: bls_public_key,
    })
}
