//! Nodes with another genesis.

use crate::harness::{Net, Plan, Slot, baton, run, until};
use eyre::{OptionExt, ensure};
use std::{fs, time::Duration};

const PLAN: Plan = Plan {
    stakes: &[1],
    genesis: &["--finality", "depth-stake", "--timestamp", "1700000000"],
    wallets: 1,
    dust: Vec::new(),
};

/// A second later, and so another chain.
const OTHER: Plan = Plan {
    stakes: &[1],
    genesis: &["--finality", "depth-stake", "--timestamp", "1700000001"],
    wallets: 1,
    dust: Vec::new(),
};

/// What a node says about a peer of another chain.
const REFUSED: &str = "peer is on another chain and is disconnected; one of the two runs with a wrong genesis file";

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_another_genesis_is_refused_on_both_sides() -> eyre::Result<()> {
    let home = Net::start(PLAN).await?;
    // One network is all that a slot is for, and each of these is a single node.
    let mut stranger = Net::prepare(OTHER, Slot::none()).await?;
    let node = stranger.nodes.first_mut().ok_or_eyre("no node")?;
    node.start(&home.addresses()).await?;
    for net in [&home, &stranger] {
        let node = net.nodes.first().ok_or_eyre("no node")?;
        let line = until(Duration::from_secs(60), "the log names the other chain", async || {
            Ok(node.log().lines().find(|line| line.contains(REFUSED)).map(str::to_owned))
        })
        .await?;
        ensure!(line.contains("ERROR") && line.contains("our_genesis") && line.contains("their_genesis"), "{line}");
    }
    // Both go on alone, and stay apart.
    for net in [&home, &stranger] {
        let rpc = net.rpc(0)?;
        let height = rpc.height().await?;
        net.reach(height + 8, Duration::from_secs(60)).await?;
        let status = rpc.status().await?;
        ensure!(status["peers"] == 0, "{status}");
        let log = net.nodes.first().ok_or_eyre("no node")?.log();
        let lines = log.lines().filter(|line| line.contains(REFUSED)).count();
        ensure!(lines == 1, "{lines} error lines for one stranger");
    }
    let hashes = [home.rpc(0)?.block(0).await?, stranger.rpc(0)?.block(0).await?];
    ensure!(hashes[0] != hashes[1], "the two chains are the same");
    stranger.finish()?;
    home.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_of_another_chain_is_refused() -> eyre::Result<()> {
    let mut net = Net::start(PLAN).await?;
    net.reach(3, Duration::from_secs(60)).await?;
    let head = net.rpc(0)?.height().await?;
    let hash = net.rpc(0)?.block(head).await?;
    net.nodes[0].stop_by_stdin().await?;

    let own = net.nodes[0].genesis.clone();
    let other = net.path().join("other.json");
    net.write_genesis(&other, &OTHER).await?;
    ensure!(fs::read(&own)? != fs::read(&other)?, "the two genesis files are the same");
    net.nodes[0].genesis = other;
    let outcome = run(baton(net.nodes[0].arguments(&[])), Duration::from_secs(60)).await?;
    let line = outcome.refusal(1)?;
    ensure!(
        line.contains("but the data directory belongs to") && line.contains("use the directory of this chain"),
        "{line}"
    );

    // Nothing was changed: with its own genesis it goes on.
    net.nodes[0].genesis = own;
    net.start_all().await?;
    ensure!(net.rpc(0)?.block(head).await? == hash, "the chain changed");
    net.reach(head + 2, Duration::from_secs(60)).await?;
    net.finish()
}
