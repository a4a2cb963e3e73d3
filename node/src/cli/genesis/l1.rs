//! `baton genesis new` with a sequencer set that comes from L1.

use super::new::SequencerSource;
use crate::{
    cli::{
        finality::Finality,
        sequencer::{Joining, RegistryArguments, SendArguments, carry_out, deploy, join},
    },
    genesis::{GenesisSequencer, L1Genesis},
    keys::NodeKeys,
    l1::{EndpointUrl, ISequencerRegistry, L1Client},
    staking::{Registry, Snapshot, connect},
};
use alloy_primitives::{Address, U256};
use baton_consensus::types::Stake;
use clap::Args;
use eyre::{bail, ensure};

/// Where the set comes from, if it comes from L1.
#[derive(Debug, Args)]
pub(super) struct L1Options {
    /// Take the sequencers from this registry on L1, and follow it.
    #[arg(long, value_name = "ADDRESS", requires = "endpoints", conflicts_with_all = ["l1_deploy", "sequencers"])]
    l1_registry: Option<Address>,
    /// Deploy a registry, register every --sequencer in it with its weight as the stake (in the token's smallest unit), and
    /// follow it.
    #[arg(long, requires = "endpoints", requires = "l1_key")]
    l1_deploy: bool,
    /// A JSON-RPC server of L1; others after commas, or by repeating, are asked where the first fails.
    #[arg(long = "l1-rpc", env = "BATON_L1_RPC", value_name = "URL", value_delimiter = ',', hide_env_values = true)]
    endpoints: Vec<EndpointUrl>,
    /// How many L1 blocks must stand on one before its set may become an era's; so deep is the block of era 0.
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(u64).range(0..=1024))]
    l1_confirmations: u64,
    #[command(flatten, next_help_heading = "With --l1-deploy")]
    registry: RegistryArguments,
    #[command(flatten, next_help_heading = "With --l1-deploy")]
    send: SendArguments,
}

/// A set that was read from L1.
pub(super) struct FromL1 {
    pub(super) l1: L1Genesis,
    pub(super) sequencers: Vec<GenesisSequencer>,
}

impl L1Options {
    /// Whether the set comes from L1.
    pub(super) fn wanted(&self) -> bool {
        self.l1_deploy || self.l1_registry.is_some()
    }

    /// The set, deployed and registered first if that is asked for; none after a dry run.
    pub(super) async fn read(
        &self,
        chain_id: u64,
        finality: Finality,
        sequencers: &[SequencerSource],
    ) -> eyre::Result<Option<FromL1>> {
        let client = connect(self.endpoints.clone(), None).await?;
        let address = match self.l1_registry {
            Some(address) => address,
            None => match self.deploy(&client, chain_id, sequencers).await? {
                Some(address) => address,
                None => return Ok(None),
            },
        };
        let registry = Registry::at(client, address).await?;
        let head = registry.snapshot(0).await?;
        let era_0 = head.at.number.saturating_sub(self.l1_confirmations);
        // Before it was deployed there is nothing to read.
        let deployed_at = registry.read(&ISequencerRegistry::deployedAtCall {}, head.at).await?;
        ensure!(U256::from(era_0) >= deployed_at, no_members(era_0));
        let snapshot = registry.snapshot(self.l1_confirmations).await?;
        ensure!(
            snapshot.l2_chain_id == chain_id,
            "the registry {address} is that of chain {}, not of {chain_id}",
            snapshot.l2_chain_id
        );
        // As of now, not of the block of era 0.
        let bound = head.genesis_hash;
        ensure!(
            bound.is_zero(),
            "the registry {address} is bound to the genesis {bound} for ever; a new chain needs a new one"
        );
        let l1 = L1Genesis {
            chain_id: registry.client.chain_id(),
            registry: address,
            anchor: snapshot.at.anchor(),
            confirmations: self.l1_confirmations,
        };
        Ok(Some(FromL1 { l1, sequencers: members(&snapshot, finality)? }))
    }

    async fn deploy(
        &self,
        client: &L1Client,
        chain_id: u64,
        sequencers: &[SequencerSource],
    ) -> eyre::Result<Option<Address>> {
        let passwords = self.send.passwords();
        // All keys first: a registry is not deployed for nothing.
        let keys = sequencers.iter().map(|source| match source.path.is_dir() {
            true => Ok((NodeKeys::load(&source.path, &passwords)?, source.weight)),
            false => bail!(
                "--sequencer {}: with --l1-deploy it must be a key directory, since its keys sign the registration",
                source.path.display()
            ),
        });
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        // The newest registration must be in the block of era 0.
        let mut patient = self.send.clone();
        patient.confirmations = patient.confirmations.max(self.l1_confirmations + 1);
        let sender = patient.sender(client, None, &passwords)?;
        let Some(address) = deploy(client, &sender, &self.registry, chain_id, &self.send).await? else {
            return Ok(None);
        };
        let registry = Registry::at(client.clone(), address).await?;
        let quick = self.send.sender(client, None, &passwords)?;
        for (place, (operator, stake)) in keys.iter().enumerate() {
            let snapshot = registry.snapshot(0).await?;
            let joining = Joining { keys: operator, stake: *stake, payout: None, multiaddr: None };
            let intent = join(&registry, &snapshot, &sender, &joining).await?;
            // Those before the last one are as deep once that is.
            let sender = if place + 1 == keys.len() { &sender } else { &quick };
            carry_out(&intent, sender, &snapshot.token, &self.send).await?;
        }
        Ok(Some(address))
    }
}

/// The members of era 0. Under `depth-count` every weight is 1.
fn members(snapshot: &Snapshot, finality: Finality) -> eyre::Result<Vec<GenesisSequencer>> {
    ensure!(!snapshot.set.is_empty(), no_members(snapshot.at.number));
    let member = |mut member: GenesisSequencer| {
        if finality == Finality::DepthCount {
            member.member.weight = Stake::ONE;
        }
        member
    };
    Ok(snapshot.sequencers().into_iter().map(member).collect())
}

fn no_members(block: u64) -> String {
    format!(
        "the registry has no members at L1 block {block}: let them join first, by `baton sequencer register`, and wait for \
         the confirmations"
    )
}
