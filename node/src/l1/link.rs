//! L1 as a part of the node: what the registry says goes to the engine, what the engine holds against a signer goes to the
//! registry.

use super::{
    ClientConfig, EvidenceReporter, FeePolicy, Follower, FollowerConfig, FollowerHandle, FollowerStatus, L1Client,
    RegistryUpdate, ReporterConfig, ReporterHandle, Sender,
};
use crate::{
    config::L1Config,
    engine::{EngineHandle, EngineMessage},
    genesis::Genesis,
    metrics,
};
use alloy_signer_local::PrivateKeySigner;
use baton_consensus::keys::OperatorKey;
use eyre::WrapErr;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Evidence is brought within this many looks at L1, each node at a moment of its own, so that not all pay for it.
const STAGGER: u32 = 5;

/// The node's two actors for L1, not running yet.
#[derive(Debug)]
#[must_use = "run it"]
pub struct Link {
    follower: Follower,
    followed: FollowerHandle,
    reporter: Option<(EvidenceReporter, ReporterHandle)>,
}

impl Link {
    /// Prepares what the genesis file and the configuration ask for; nothing if there is no registry, or nobody to ask.
    ///
    /// # Errors
    /// If an endpoint cannot be used at all.
    pub fn prepare(
        genesis: &Genesis,
        config: &L1Config,
        key: Option<&OperatorKey>,
        metrics: &metrics::L1,
    ) -> eyre::Result<Option<Self>> {
        let Some(l1) = &genesis.l1 else {
            if !config.endpoints.is_empty() {
                warn!("the genesis file names no registry on L1: the sequencer set is fixed, and --l1-rpc is not used");
            }
            return Ok(None);
        };
        if config.endpoints.is_empty() {
            warn!("no --l1-rpc: this node follows set changes that others vote for, and votes for none");
            return Ok(None);
        }
        let client = L1Client::new(ClientConfig::new(config.endpoints.clone(), l1.chain_id), metrics.clone())?;
        let follower = FollowerConfig {
            members: genesis.set.members().to_vec(),
            finality: genesis.parameters.finality,
            l2_chain_id: genesis.chain_id(),
            genesis_hash: genesis.hash,
            confirmations: l1.confirmations,
            poll_interval: config.poll,
            ..FollowerConfig::new(l1.registry, l1.anchor)
        };
        let (follower, followed) = Follower::new(follower, client.clone(), metrics.clone());
        let reporter = key.map(|key| reporter(genesis, config.poll, key, client, metrics)).transpose()?;
        info!(l1_chain = l1.chain_id, registry = %l1.registry, reports = reporter.is_some(), "following L1");
        Ok(Some(Self { follower, followed, reporter }))
    }

    /// Where evidence is handed in; nowhere without a key that pays.
    #[must_use]
    pub fn reporter(&self) -> Option<ReporterHandle> {
        self.reporter.as_ref().map(|(_, handle)| handle.clone())
    }

    /// How L1 is followed.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<FollowerStatus> {
        self.followed.status.clone()
    }

    /// Runs until `shutdown`, whatever L1 does.
    pub async fn run(self, engine: EngineHandle, shutdown: CancellationToken) {
        let Self { follower, followed, reporter } = self;
        let follow = async {
            if let Err(error) = follower.run(shutdown.clone()).await {
                error!(%error, "L1 is not followed: this node votes for no set change before that is mended and it restarts");
            }
            shutdown.cancelled().await;
        };
        let report = async {
            match reporter {
                Some((reporter, _)) => reporter.run(shutdown.clone()).await,
                None => shutdown.cancelled().await,
            }
        };
        tokio::join!(follow, report, tell(followed.updates, engine));
    }
}

fn reporter(
    genesis: &Genesis,
    poll: Duration,
    key: &OperatorKey,
    client: L1Client,
    metrics: &metrics::L1,
) -> eyre::Result<(EvidenceReporter, ReporterHandle)> {
    let registry = genesis.l1.map(|l1| l1.registry).unwrap_or_default();
    let config = ReporterConfig { registry, context: genesis.signing_context(), stagger: poll * STAGGER };
    let key = PrivateKeySigner::from_bytes(&key.to_bytes()).wrap_err("the key for L1 is none")?;
    let sender = Sender::new(client.clone(), key, FeePolicy { poll_interval: poll, ..FeePolicy::default() });
    Ok(EvidenceReporter::new(config, client, sender, metrics.clone()))
}

/// Tells the engine what the registry says, as fast as it takes it.
async fn tell(mut updates: mpsc::Receiver<RegistryUpdate>, engine: EngineHandle) {
    while let Some(update) = updates.recv().await {
        let message = match update {
            RegistryUpdate::Set(set) => {
                info!(l1_block = set.anchor.number, members = set.members.len(), "the registry names another set");
                EngineMessage::Registry(set)
            }
            RegistryUpdate::Reverted { above } => EngineMessage::RegistryReverted { above },
        };
        if !engine.tell(message).await {
            return;
        }
    }
}
