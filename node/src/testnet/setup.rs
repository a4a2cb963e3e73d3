//! What is on disk before the first node starts: keys, a genesis file, a directory for every node.

use super::{
    Options,
    accounts::Accounts,
    l1::{Founder, Origin},
};
use crate::{
    genesis::{Genesis, GenesisFile, GenesisSequencer},
    keys::{NodeKeys, PublicKeys},
};
use alloy_primitives::Address;
use baton_consensus::{FinalityRule, types::Stake};
use eyre::{WrapErr, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The chain id of test networks; it belongs to no public chain.
pub(super) const CHAIN_ID: u64 = 2_280_766;

/// Low enough that the load never has to think of fees: 1 gwei.
const BASE_FEE: u64 = 1_000_000_000;

/// The files of a test network.
#[derive(Debug)]
pub(super) struct Setup {
    /// Where everything is.
    pub(super) directory: PathBuf,
    /// The genesis file.
    pub(super) genesis: PathBuf,
    /// What it says.
    pub(super) chain: Arc<Genesis>,
    /// The operators, by node; those who join later come last.
    pub(super) operators: Vec<Address>,
    /// How many of them found the chain.
    pub(super) founders: usize,
    /// Where L1's JSON-RPC is, if the set comes from there.
    pub(super) l1: Option<String>,
}

/// Directories with keys for all nodes.
#[derive(Debug)]
pub(super) struct Ground {
    /// Where everything is.
    pub(super) directory: PathBuf,
    /// What the nodes show of their keys; those who join later come last.
    keys: Vec<PublicKeys>,
    /// The stakes of those who found the chain.
    stakes: Vec<Stake>,
}

impl Ground {
    /// Makes keys in an empty or new directory.
    pub(super) fn prepare(directory: &Path, options: &Options) -> eyre::Result<Self> {
        if directory.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty; name a new directory with --dir", directory.display());
        }
        fs::create_dir_all(directory).wrap_err_with(|| format!("cannot create {}", directory.display()))?;
        // The nodes are told absolute paths.
        let directory = directory.canonicalize().wrap_err_with(|| format!("cannot resolve {}", directory.display()))?;
        let (stakes, _) = options.stakes()?;
        let keys = (0..options.all_nodes())
            .map(|index| eyre::Ok(NodeKeys::create(&keys_directory(&directory, index))?.public()));
        let keys = keys.collect::<eyre::Result<Vec<_>>>()?;
        Ok(Self { directory, keys, stakes })
    }

    /// Who founds the chain.
    pub(super) fn founders(&self) -> Vec<Founder> {
        let founders = self.keys.iter().zip(&self.stakes).enumerate();
        founders
            .map(|(index, (keys, weight))| Founder {
                keys: keys_directory(&self.directory, index),
                address: keys.address,
                weight: *weight,
            })
            .collect()
    }
}

impl Setup {
    /// Writes the genesis file of a chain that begins on L1, or by itself.
    pub(super) fn write(
        ground: Ground,
        options: &Options,
        accounts: &Accounts,
        origin: Option<Origin>,
    ) -> eyre::Result<Self> {
        let Ground { directory, keys, stakes } = ground;
        let operators = keys.iter().map(|keys| keys.address).collect();
        let founders = stakes.len();
        let (sequencers, l1, url) = match origin {
            None => {
                let sequencers = keys.into_iter().zip(stakes);
                (sequencers.map(|(keys, weight)| GenesisSequencer::new(keys, weight)).collect(), None, None)
            }
            Some(Origin { l1, sequencers, url }) => (sequencers, Some(l1), Some(url)),
        };
        let mut sequencers: Vec<GenesisSequencer> = sequencers;
        let parameters = options.parameters()?;
        if parameters.finality == FinalityRule::DepthCount {
            // Stake gets a member into the set, and counts for nothing more.
            sequencers.iter_mut().for_each(|sequencer| sequencer.member.weight = Stake::ONE);
        }
        let file = GenesisFile {
            chain_id: CHAIN_ID,
            timestamp: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()),
            gas_limit: options.gas_limit,
            base_fee_per_gas: BASE_FEE,
            base_fee_recipient: None,
            parameters,
            sequencers,
            l1,
            bootnodes: Vec::new(),
            alloc: accounts.alloc()?,
        };
        let genesis = directory.join("genesis.json");
        fs::write(&genesis, file.to_json()?).wrap_err_with(|| format!("cannot write {}", genesis.display()))?;
        let chain = Arc::new(Genesis::new(file)?);
        Ok(Self { directory, genesis, chain, operators, founders, l1: url })
    }
}

/// Where a node keeps its keys, its data and its log.
pub(super) fn node_directory(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!("node{index}"))
}

/// Where a node keeps its keys.
pub(super) fn keys_directory(directory: &Path, index: usize) -> PathBuf {
    node_directory(directory, index).join("keys")
}
