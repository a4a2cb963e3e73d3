//! A testnet whose set comes from a registry on L1, which is an anvil of its own.
//!
//! - [`options`]: what is asked for.
//! - [`anvil`]: L1 itself. [`commands`]: what operators type.
//! - [`L1::begin`] deploys the registry and registers the members, each with its own funded key; the genesis file takes its set
//!   from there, and [`L1::activate`] binds the registry to it.
//! - [`membership`] has operators join and leave, and [`twin`] has one sign two blocks, while the load runs.
//! - [`watch`] writes down which sets reign, and how finality goes; [`report`] says what became of everything, and judges.

mod anvil;
mod commands;
mod membership;
mod options;
mod report;
mod twin;
mod watch;

pub(super) use membership::{Courses, Memberships};
pub(super) use options::L1Options;
pub(super) use report::{L1Report, Run as ReportedRun, report};
pub(super) use watch::{Watch, start as start_watching};

use super::{accounts::PERSON, setup::CHAIN_ID};
use crate::{
    genesis::{GenesisSequencer, L1Genesis},
    l1::L1Client,
    staking::{Registry, connect},
};
use alloy_primitives::{Address, U256, hex, keccak256};
use anvil::Anvil;
use baton_consensus::types::Stake;
use commands::Commands;
use eyre::{WrapErr, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many blocks must stand on an L1 block before its set counts.
const CONFIRMATIONS: u64 = 1;

/// How long L1 may take to a block.
const BLOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// L1 and the registry on it.
#[derive(Debug)]
pub(super) struct L1 {
    anvil: Anvil,
    registry: Registry,
    commands: Commands,
    /// What a joiner stakes, in ether: as much as the largest founder, or it would hardly ever lead.
    stake: U256,
}

/// Where a chain on L1 begins.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// What the genesis file says of L1.
    pub(super) l1: L1Genesis,
    /// The members of era 0.
    pub(super) sequencers: Vec<GenesisSequencer>,
    /// Where L1's JSON-RPC is.
    pub(super) url: String,
}

/// An operator before the chain begins.
#[derive(Clone, Debug)]
pub(super) struct Founder {
    pub(super) keys: PathBuf,
    pub(super) address: Address,
    pub(super) weight: Stake,
}

impl L1 {
    /// Starts L1, deploys the registry and registers the founders.
    pub(super) async fn begin(
        directory: &Path,
        options: &L1Options,
        unbonding: Duration,
        founders: &[Founder],
    ) -> eyre::Result<(Self, Origin)> {
        let program = anvil::find(options.anvil.as_deref())?;
        let anvil = Anvil::start(&program).await?;
        let url = anvil.url.clone();
        let owner_key = directory.join("l1-owner.key");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&owner_key)?;
        writeln!(file, "{}", hex::encode(PERSON))?;
        let mut commands = Commands { url: url.clone(), owner_key, registry: None };
        let address = commands.deploy(CHAIN_ID, unbonding).await?;
        commands.registry = Some(address);
        println!("L1 is anvil at {url}, the registry {address}");
        let registry = Registry::at(connect(vec![url.parse()?], None).await?, address).await?;
        let stake = founders.iter().map(|founder| founder.weight.0).max().unwrap_or(U256::ONE);
        let l1 = Self { anvil, registry, commands, stake };
        let registrations = founders.iter().enumerate().map(|(node, founder)| l1.found(node, founder));
        let blocks = try_join_all(registrations).await?;
        println!("registered {} members", blocks.len());
        let origin = l1.origin(blocks.into_iter().max().unwrap_or_default(), founders.len(), url).await?;
        Ok((l1, origin))
    }

    async fn found(&self, node: usize, founder: &Founder) -> eyre::Result<u64> {
        let Founder { keys, address, weight } = founder;
        self.fund(*address).await?;
        let registered = self.commands.register(keys, weight.0, payout(node), CONFIRMATIONS + 1).await;
        registered.wrap_err_with(|| format!("cannot register node {node}"))
    }

    /// The set at the first confirmed block that has all registrations.
    async fn origin(&self, newest: u64, founders: usize, url: String) -> eyre::Result<Origin> {
        let started = Instant::now();
        let snapshot = loop {
            let snapshot = self.registry.snapshot(CONFIRMATIONS).await?;
            if snapshot.at.number >= newest {
                break snapshot;
            }
            ensure!(started.elapsed() < BLOCK_TIMEOUT, "L1 has no block in {BLOCK_TIMEOUT:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let sequencers = snapshot.sequencers();
        ensure!(sequencers.len() == founders, "the registry has {} members, not {founders}", sequencers.len());
        let l1 = L1Genesis {
            chain_id: self.client().chain_id(),
            registry: self.registry.address,
            anchor: snapshot.at.anchor(),
            confirmations: CONFIRMATIONS,
        };
        Ok(Origin { l1, sequencers, url })
    }

    /// Binds the registry to the chain.
    pub(super) async fn activate(&self, genesis: &Path) -> eyre::Result<()> {
        self.commands.activate(genesis).await
    }

    /// Stops L1 in its tracks: nobody gets an answer.
    pub(super) fn pause(&self) -> eyre::Result<()> {
        self.anvil.pause()
    }

    /// Lets L1 go on.
    pub(super) fn resume(&self) -> eyre::Result<()> {
        self.anvil.resume()
    }

    const fn client(&self) -> &L1Client {
        &self.registry.client
    }

    /// Gives an operator what it stakes and what pays for gas.
    async fn fund(&self, operator: Address) -> eyre::Result<()> {
        let fortune = U256::MAX >> 8;
        let _: Value = self.client().request("anvil_setBalance", json!([operator, fortune])).await?;
        Ok(())
    }
}

/// Where a node's stake goes in the end: an account that holds nothing else.
fn payout(node: usize) -> Address {
    Address::from_word(keccak256(format!("baton testnet payout {node}")))
}
