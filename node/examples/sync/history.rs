//! A chain with a past: two members, transfers in its blocks, many accounts in its state.

use crate::{
    drive::drive,
    fleet::{self, Fleet, Node},
    ground::{self, Ground},
    options::Options,
    workload::{Accounts, Load, load, transfer},
};
use alloy_primitives::{Address, U64};
use baton_consensus::Parameters;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Who keeps the chain.
const MEMBERS: usize = 2;

/// Accounts that send, and that receive.
const ACCOUNTS: (usize, usize) = (200, 10_000);

/// Connections that send batches of so many.
const SHAPE: (usize, usize) = (4, 5);

/// Sending pauses while so many transactions are sent and in no block.
const BACKLOG: usize = 20_000;

/// How often the chain is asked for its height.
const POLL: Duration = Duration::from_millis(20);

/// How long it may take until blocks are final.
const PATIENCE: Duration = Duration::from_secs(60);

/// The chain, and how it came about.
pub(crate) struct History {
    pub(crate) members: Vec<Node>,
    /// A genesis file with the members as bootnodes: all that a newcomer has.
    pub(crate) genesis: PathBuf,
    pub(crate) produced: Produced,
}

/// How a stretch of blocks came about.
pub(crate) struct Produced {
    /// The height of the last one.
    pub(crate) last: u64,
    pub(crate) blocks: u64,
    pub(crate) transactions: usize,
    pub(crate) gas: u64,
    pub(crate) elapsed: Duration,
}

impl Produced {
    pub(crate) fn blocks_per_second(&self) -> f64 {
        self.blocks as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn gas_per_second(&self) -> f64 {
        self.gas as f64 / self.elapsed.as_secs_f64()
    }
}

/// Makes the chain.
pub(crate) async fn make(options: &Options, place: &Path) -> eyre::Result<History> {
    let accounts = Accounts::derive(ACCOUNTS.0, ACCOUNTS.1)?;
    let load = transfers(options, &accounts)?;
    let parameters = Parameters { block_time: options.block_time, ..Parameters::default() };
    let ground = ground::write(&options.baton, &parameters, &[], place, MEMBERS, accounts.funded())?;
    let Ground { genesis, directories, .. } = ground;
    add_accounts(&genesis, options.accounts)?;
    let arguments = ["--log-format", "json"];
    let fleet = Fleet { program: &options.baton, genesis: &genesis, directories: &directories, arguments: &arguments };
    let mut bootnodes = Vec::new();
    let members = fleet
        .start(async |ready| {
            bootnodes = fleet::addresses(ready);
            Ok(bootnodes.clone())
        })
        .await?;

    let client = &members[0].client;
    let (first, began) = (client.number("eth_blockNumber", json!([])).await?, Instant::now());
    let sending = drive(&members, BACKLOG, &load);
    let growing = async {
        loop {
            let height = client.number("eth_blockNumber", json!([])).await?;
            if height >= first + options.blocks {
                return eyre::Ok((height, began.elapsed()));
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let (sent, (last, elapsed)) = tokio::try_join!(async { sending.await.wrap_err("the transfers") }, growing)?;
    let gas = gas(&members[0], first + 1..=last).await?;
    let produced = Produced { last, blocks: last - first, transactions: sent.transactions, gas, elapsed };
    until_final(&members, last).await?;
    let genesis = with_bootnodes(&genesis, &bootnodes)?;
    Ok(History { members, genesis, produced })
}

/// Transfers for the time in which the blocks come about.
fn transfers(options: &Options, accounts: &Accounts) -> eyre::Result<Load> {
    let seconds = options.blocks as f64 * options.block_time.as_secs_f64();
    let each = (options.pace * seconds / ACCOUNTS.0 as f64).ceil() as u64;
    let load = load(accounts, "transfers", 0..each, SHAPE, transfer)?;
    Ok(Load { pace: Some(options.pace), ..load })
}

/// What blocks used.
async fn gas(node: &Node, heights: std::ops::RangeInclusive<u64>) -> eyre::Result<u64> {
    let mut gas = 0;
    for height in heights {
        let block = node.client.ask("eth_getBlockByNumber", json!([format!("{height:#x}"), false])).await?;
        let used: U64 = serde_json::from_value(block["gasUsed"].clone()).wrap_err("a block tells no gas")?;
        gas += used.to::<u64>();
    }
    Ok(gas)
}

/// Waits until a block is final everywhere.
async fn until_final(members: &[Node], height: u64) -> eyre::Result<()> {
    let began = Instant::now();
    for member in members {
        loop {
            let status = member.client.ask("baton_status", json!([])).await?;
            if status["finalized"]["number"].as_u64() >= Some(height) {
                break;
            }
            ensure!(began.elapsed() < PATIENCE, "block {height} is not final after {PATIENCE:?}");
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Adds accounts with a balance to the genesis file.
fn add_accounts(genesis: &Path, accounts: u64) -> eyre::Result<()> {
    let mut file: Value = serde_json::from_slice(&fs::read(genesis)?)?;
    let alloc = file["alloc"].as_object_mut().ok_or_eyre("the genesis file has no alloc")?;
    for number in 0..accounts {
        let mut address = Address::repeat_byte(0xcc);
        address[12..].copy_from_slice(&number.to_be_bytes());
        alloc.insert(format!("{address:#x}"), json!({ "balance": format!("{:#x}", number + 1) }));
    }
    Ok(fs::write(genesis, serde_json::to_vec(&file)?)?)
}

/// The same genesis file with bootnodes, beside it.
fn with_bootnodes(genesis: &Path, bootnodes: &[String]) -> eyre::Result<PathBuf> {
    let mut file: Value = serde_json::from_slice(&fs::read(genesis)?)?;
    file["sequencing"]["bootnodes"] = json!(bootnodes);
    let path = genesis.with_file_name("genesis-with-bootnodes.json");
    fs::write(&path, serde_json::to_vec(&file)?)?;
    Ok(path)
}
