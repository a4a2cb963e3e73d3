//! Four nodes, real transactions through all of them, one chain.

use crate::harness::{Lane, Load, Net, Plan, deploy};
use alloy_primitives::{Address, U64};
use alloy_rpc_types_eth::Block;
use baton_consensus::types::ExtraData;
use eyre::{OptionExt, ensure};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

/// The scheduler comes first: it has the most stake. The others lead in proportion to theirs.
const STAKES: &[u64] = &[3, 1, 2, 1];

const EPOCH_BLOCKS: u64 = 3;

/// Transactions of each of the eight lanes.
const PER_LANE: u64 = 25;

/// Patient enough that nobody is replaced on a busy machine.
const PLAN: Plan = Plan {
    stakes: STAKES,
    genesis: &[
        "--finality",
        "depth-stake",
        "--block-time",
        "200ms",
        "--epoch-blocks",
        "3",
        "--leader-timeout",
        "10s",
        "--heartbeat-timeout",
        "20s",
        "--opening-timeout",
        "30s",
        "--term-timeout",
        "60s",
    ],
    wallets: 9,
    dust: Vec::new(),
};

#[tokio::test(flavor = "multi_thread")]
async fn four_nodes_agree_under_load() -> eyre::Result<()> {
    let mut net = Net::start(PLAN).await?;
    let mut wallets = net.wallets.split_off(0);
    let probe = deploy(&net, &mut wallets.pop().ok_or_eyre("no wallet")?).await?;
    for index in 1..net.nodes.len() {
        net.reach(1, Duration::from_secs(30)).await?;
        ensure!(
            net.scheduler(index).await? == 0,
            "node {index} has another scheduler than the one with the most stake"
        );
    }
    let rpcs = net.rpcs()?;
    let lanes = wallets.into_iter().zip(rpcs.iter().cycle()).map(|(wallet, rpc)| Lane {
        wallet,
        rpc: rpc.clone(),
        probe,
        limit: PER_LANE,
    });
    let accepted = Load::start(lanes).complete().await?;
    ensure!(accepted.len() == 8 * PER_LANE as usize, "only {} transactions were accepted", accepted.len());
    ensure!(accepted.iter().collect::<HashSet<_>>().len() == accepted.len(), "a hash was answered twice");
    for hash in &accepted {
        ensure!(net.everywhere(*hash).await?.status(), "{hash} failed");
    }

    // Five rounds of all leaders, whose turns come 4 epochs in 4.
    let enough = EPOCH_BLOCKS * 4 * 5;
    net.reach(enough, Duration::from_secs(120)).await?;
    let height = net.agree().await?;
    leaders_take_turns(&net, height).await?;
    finality_follows(&net).await?;
    the_protocol_is_visible(&net).await?;
    net.finish()
}

/// Every member but the scheduler leads whole epochs, in proportion to its stake.
async fn leaders_take_turns(net: &Net, height: u64) -> eyre::Result<()> {
    let rpc = net.rpc(1)?;
    let mut epochs: BTreeMap<u64, Vec<Block>> = BTreeMap::new();
    for number in 1..=height {
        let block = rpc.block(number).await?.ok_or_eyre("a block below the head is missing")?;
        let position = ExtraData::from_bytes(&block.header.extra_data).ok_or_eyre("odd extra data")?;
        ensure!((position.era.0, position.term.0) == (0, 1), "block {number} is of {position:?}");
        epochs.entry(position.epoch.0).or_default().push(block);
    }
    let mut led: BTreeMap<Address, u64> = BTreeMap::new();
    let last = epochs.last_key_value().map(|(epoch, _)| *epoch);
    for (epoch, blocks) in &epochs {
        let leader = blocks.first().ok_or_eyre("an epoch without a block")?.header.beneficiary;
        ensure!(blocks.iter().all(|block| block.header.beneficiary == leader), "epoch {epoch} has two leaders");
        if Some(*epoch) != last {
            ensure!(blocks.len() as u64 == EPOCH_BLOCKS, "epoch {epoch} has {} blocks", blocks.len());
            *led.entry(leader).or_default() += 1;
        }
    }
    let whole: u64 = led.values().sum();
    let scheduler = *net.operators.first().ok_or_eyre("no operator")?;
    ensure!(!led.contains_key(&scheduler), "the scheduler led");
    for (operator, stake) in net.operators.iter().zip(STAKES).skip(1) {
        let turns = led.get(operator).copied().unwrap_or_default();
        // The shares of smooth weighted round-robin are never off by more than one turn.
        let due = whole * stake / 4;
        ensure!(turns.abs_diff(due) <= 1, "{operator} led {turns} of {whole} epochs with stake {stake} of 4");
    }
    Ok(())
}

/// Under depth-stake, `finalized` follows the head.
async fn finality_follows(net: &Net) -> eyre::Result<()> {
    for rpc in net.rpcs()? {
        let head: U64 = rpc.ask("eth_blockNumber", json!([])).await?;
        let finalized: Block = rpc.ask("eth_getBlockByNumber", json!(["finalized", false])).await?;
        let number = finalized.header.number;
        // More than half of the stake takes at most one round of leaders.
        ensure!(number + EPOCH_BLOCKS * 4 >= head.to::<u64>(), "finalized is {number}, the head {head}");
        let same = net.rpc(0)?.block(number).await?.ok_or_eyre("a final block is missing")?;
        ensure!(same.header.hash == finalized.header.hash, "two final blocks at height {number}");
    }
    Ok(())
}

async fn the_protocol_is_visible(net: &Net) -> eyre::Result<()> {
    for (index, rpc) in net.rpcs()?.iter().enumerate() {
        let sequencers: Vec<Value> = rpc.ask("baton_sequencers", json!([])).await?;
        ensure!(sequencers.len() == STAKES.len(), "node {index} knows {} sequencers", sequencers.len());
        for sequencer in &sequencers {
            let stake = STAKES[net.node_of(&sequencer["address"])?];
            let weight = json!(stake.to_string());
            ensure!(sequencer["weight"] == weight && sequencer["live"] == true, "node {index}: {sequencer}");
            ensure!(sequencer["strikes"] == 0, "nobody failed, but node {index} says {sequencer}");
        }
        let epoch: Value = rpc.ask("baton_epoch", json!([])).await?;
        let (first, last) = (epoch["first"].as_u64(), epoch["last"].as_u64());
        ensure!(first.zip(last).is_some_and(|(first, last)| last + 1 - first == EPOCH_BLOCKS), "{epoch}");
        let status = rpc.status().await?;
        ensure!(net.node_of(&status["address"])? == index, "node {index} says it is {}", status["address"]);
        ensure!(status["syncing"] == false && status["peers"] == 3, "{status}");
    }
    Ok(())
}
