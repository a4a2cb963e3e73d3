//! Quorum finality: it follows the head while more than two thirds vote, and stands still while they do not.

use crate::harness::{Net, Plan, Scrape, until};
use alloy_rpc_types_eth::Block;
use eyre::{OptionExt, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use std::time::Duration;

/// How many blocks may wait for finality.
const LIMIT: u64 = 12;

/// As in the genesis below.
const TERM_TIMEOUT: Duration = Duration::from_secs(10);

/// Patient enough that no leader is replaced on a busy machine, unless it is dead.
const PLAN: Plan = Plan {
    stakes: &[1, 1, 1, 1],
    genesis: &[
        "--finality",
        "quorum",
        "--block-time",
        "250ms",
        "--epoch-blocks",
        "16",
        "--leader-timeout",
        "3s",
        "--heartbeat-timeout",
        "5s",
        "--term-timeout",
        "10s",
        "--max-unfinalized-blocks",
        "12",
    ],
    wallets: 0,
    dust: Vec::new(),
};

/// How long a busy machine may take for what takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far the final block may be behind the head: one is being voted on, one may just have come.
const LAG: u64 = 2;

const ALL: &[usize] = &[0, 1, 2, 3];

#[tokio::test(flavor = "multi_thread")]
async fn finality_follows_the_head_everywhere() -> eyre::Result<()> {
    let mut net = Net::start(PLAN).await?;
    let observer = net.add_observer().await?;
    let everyone: Vec<_> = ALL.iter().copied().chain([observer]).collect();
    for height in [8, 16, 24] {
        follows(&net, &everyone, height).await?;
    }
    same_final_blocks(&net, &everyone).await?;
    for rpc in net.rpcs()? {
        let status = rpc.status().await?;
        let certified = &status["certified"];
        ensure!(certified["term"] == status["term"] && certified["round"].as_u64() >= Some(LAG), "{status}");
        let sequencers: Vec<Value> = rpc.ask("baton_sequencers", json!([])).await?;
        ensure!(sequencers.iter().all(|sequencer| sequencer["convicted"] == false), "{sequencers:?}");
    }
    // What was final before a restart is final after it.
    let before = net.view(3).await?.finalized;
    net.nodes[3].kill().await?;
    net.start_one(3).await?;
    let after = net.view(3).await?;
    ensure!(after.finalized.number >= before.number, "{after:?} after {before:?}");
    follows(&net, &everyone, after.head.number + 4).await?;
    same_final_blocks(&net, &everyone).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_quorum_nothing_is_final_and_sealing_stops_at_the_limit() -> eyre::Result<()> {
    let mut net = Net::start(PLAN).await?;
    follows(&net, ALL, 4).await?;
    let (scheduler, term) = net.one_term(ALL).await?;
    let epoch: Value = net.rpc(scheduler)?.ask("baton_epoch", json!([])).await?;
    let leader = net.node_of(&epoch["leader"])?;
    let (alive, dead): (Vec<usize>, Vec<usize>) = ALL.iter().partition(|index| [scheduler, leader].contains(index));
    for index in &dead {
        net.nodes[*index].start_killing()?;
    }
    for index in &dead {
        net.nodes[*index].kill().await?;
    }
    let last = net.view(scheduler).await?.head.number;

    // Blocks go on up to the limit, and not one is final.
    let stopped = until(PATIENCE, "sealing waits for finality", async || {
        let views = net.views(&alive).await?;
        let at_limit = |number: u64, finalized: u64| number == finalized + LIMIT;
        Ok(views.iter().all(|view| at_limit(view.head.number, view.finalized.number)).then_some(views))
    })
    .await?;
    ensure!(stopped.iter().all(|view| view.finalized.number <= last), "{stopped:?} after block {last}");
    // The scheduler goes on asking: what moved without a quorum would move now.
    let client = Client::builder().no_proxy().build()?;
    let metrics = net.nodes[scheduler].metrics()?;
    let rounds = async || Scrape::read(&client, metrics).await?.value("baton_finality_rounds_opened_total");
    let enough = rounds().await? + 2.0;
    until(PATIENCE, "the scheduler puts two more checkpoints to the vote", async || {
        Ok((rounds().await? >= enough).then_some(()))
    })
    .await?;
    for (before, after) in stopped.iter().zip(net.views(&alive).await?) {
        let still = (before.head, before.safe, before.finalized) == (after.head, after.safe, after.finalized);
        ensure!(still, "something moved without a quorum: {before:?}, {after:?}");
    }

    // Three of four are a quorum.
    let returned = *dead.first().ok_or_eyre("nobody died")?;
    net.start_one(returned).await?;
    let limit = stopped.iter().map(|view| view.head.number).max().unwrap_or_default();
    let three: Vec<_> = alive.iter().copied().chain([returned]).collect();
    until(TERM_TIMEOUT * 2, "finality resumes", async || {
        let views = net.views(&three).await?;
        Ok(views.iter().all(|view| view.finalized.number >= limit).then_some(()))
    })
    .await?;
    follows(&net, &three, limit + LIMIT).await?;
    same_final_blocks(&net, &three).await?;
    let views = net.views(&three).await?;
    eprintln!("the term was {term}, and is {} now", views[0].term);
    net.finish()
}

/// Waits until each of these nodes has a block of this height, and has finalized what is no more than [`LAG`] below its head.
async fn follows(net: &Net, nodes: &[usize], height: u64) -> eyre::Result<()> {
    for index in nodes {
        until(PATIENCE, &format!("node {index} finalizes around {height}"), async || {
            let view = net.view(*index).await?;
            let ordered = view.finalized.number <= view.safe.number && view.safe.number <= view.head.number;
            ensure!(ordered, "{view:?}");
            let close = view.head.number <= view.finalized.number + LAG;
            Ok((view.head.number >= height && close).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Checks that what each of these nodes calls final is in the chain of every other one.
async fn same_final_blocks(net: &Net, nodes: &[usize]) -> eyre::Result<()> {
    for index in nodes {
        let finalized: Block = net.rpc(*index)?.ask("eth_getBlockByNumber", json!(["finalized", false])).await?;
        let (number, hash) = (finalized.header.number, finalized.header.hash);
        ensure!(number > 0, "nothing is final at node {index}");
        for other in nodes {
            let rpc = net.rpc(*other)?;
            let what = format!("node {other} has block {number}");
            let block = until(PATIENCE, &what, async || rpc.block(number).await).await?;
            ensure!(block.header.hash == hash, "node {index} finalized another block {number} than node {other} has");
        }
    }
    Ok(())
}
