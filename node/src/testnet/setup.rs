//! What is on disk before the first node starts: keys, a genesis file, a directory for every node.

use super::{Options, accounts::Accounts};
use crate::{
    genesis::{Genesis, GenesisFile, GenesisSequencer, parameters_for},
    keys::NodeKeys,
};
use alloy_primitives::Address;
use eyre::{WrapErr, bail};
use std::{
    fs,
    path::{Path, PathBuf},
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
    pub(super) chain: Genesis,
    /// The operators, by node.
    pub(super) operators: Vec<Address>,
}

impl Setup {
    /// Writes everything into an empty or new directory.
    pub(super) fn write(directory: &Path, options: &Options, accounts: &Accounts) -> eyre::Result<Self> {
        if directory.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty; name a new directory with --dir", directory.display());
        }
        fs::create_dir_all(directory).wrap_err_with(|| format!("cannot create {}", directory.display()))?;
        // The nodes are told absolute paths.
        let directory = directory.canonicalize().wrap_err_with(|| format!("cannot resolve {}", directory.display()))?;
        let (stakes, finality) = options.stakes()?;
        let sequencers = stakes.iter().enumerate().map(|(index, weight)| {
            let keys = NodeKeys::create(&node_directory(&directory, index).join("keys"))?.public();
            eyre::Ok(GenesisSequencer::new(keys, *weight))
        });
        let sequencers = sequencers.collect::<eyre::Result<Vec<_>>>()?;
        let operators = sequencers.iter().map(|sequencer| sequencer.member.address).collect();
        let mut parameters = parameters_for(options.block_time);
        parameters.epoch_blocks = options.epoch_blocks;
        parameters.term_blocks = parameters.term_blocks.max(options.epoch_blocks);
        parameters.finality = finality;
        let file = GenesisFile {
            chain_id: CHAIN_ID,
            timestamp: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()),
            gas_limit: options.gas_limit,
            base_fee_per_gas: BASE_FEE,
            base_fee_recipient: None,
            parameters,
            sequencers,
            l1: None,
            bootnodes: Vec::new(),
            alloc: accounts.alloc()?,
        };
        let genesis = directory.join("genesis.json");
        fs::write(&genesis, file.to_json()?).wrap_err_with(|| format!("cannot write {}", genesis.display()))?;
        let chain = Genesis::new(file)?;
        Ok(Self { directory, genesis, chain, operators })
    }
}

/// Where a node keeps its keys, its data and its log.
pub(super) fn node_directory(directory: &Path, index: usize) -> PathBuf {
    directory.join(format!("node{index}"))
}
