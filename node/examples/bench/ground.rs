//! The genesis and the keys of the Baton nodes.

use crate::{Options, transactions::CHAIN_ID, workload::Accounts};
use baton_consensus::{FinalityRule, types::Stake};
use baton_execution::{GenesisAccount, system_contracts};
use baton_node::{
    genesis::{GenesisFile, GenesisSequencer, parameters_for},
    keys::NodeKeys,
};
use eyre::WrapErr;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The base fee of block 0, and anvil's: 1 gwei.
pub(crate) const BASE_FEE: u64 = 1_000_000_000;

/// Writes the keys of `nodes` sequencers, each into its directory, and a genesis for them; returns the genesis file.
pub(crate) fn write(options: &Options, accounts: &Accounts, place: &Path, nodes: usize) -> eyre::Result<PathBuf> {
    let sequencers = (0..nodes).map(|index| {
        let keys = NodeKeys::create(&node_directory(place, index).join("keys"))?.public();
        eyre::Ok(GenesisSequencer::new(keys, Stake::ONE))
    });
    let sequencers = sequencers.collect::<eyre::Result<_>>()?;
    let mut parameters = parameters_for(options.block_time);
    parameters.finality = FinalityRule::DepthCount;
    let mut alloc = system_contracts();
    for address in accounts.funded() {
        alloc.insert(address, GenesisAccount { balance: Accounts::fortune(), ..GenesisAccount::default() });
    }
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
        alloc,
    };
    let path = place.join("genesis.json");
    fs::write(&path, file.to_json()?).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// Where a node keeps its keys, its chain and its log.
pub(crate) fn node_directory(place: &Path, index: usize) -> PathBuf {
    place.join(format!("node{index}"))
}
