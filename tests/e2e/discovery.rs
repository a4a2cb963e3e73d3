//! Nodes that know only bootnodes: they find each other, and need the bootnodes no more.

use crate::harness::{BootnodeProcess, FINALITY, Net, Node, Plan, Rpc, Slot, until};
use eyre::{OptionExt, ensure};
use libp2p::Multiaddr;
use serde_json::json;
use std::time::{Duration, Instant};

/// How long nodes may take to find each other on a busy machine.
pub(crate) const FINDING: Duration = Duration::from_secs(120);

/// What a bootnode may hold in a debug build, in KiB.
const BOOTNODE_MEMORY: u64 = 96 << 10;

async fn bootnodes(net: &Net, count: usize) -> eyre::Result<(Vec<BootnodeProcess>, Vec<Multiaddr>)> {
    let (mut processes, mut addresses) = (Vec::new(), Vec::new());
    for index in 0..count {
        let mut process = BootnodeProcess::new(net.path().join(format!("boot{index}")), net.genesis.clone());
        addresses.push(process.start(&addresses).await?);
        processes.push(process);
    }
    Ok((processes, addresses))
}

async fn peers(rpc: &Rpc) -> eyre::Result<u64> {
    rpc.status().await?["peers"].as_u64().ok_or_eyre("no number of peers")
}

/// Waits until a node has so many peers at least.
pub(crate) async fn has_peers(rpc: &Rpc, least: u64) -> eyre::Result<()> {
    let what = format!("a node has {least} peers");
    until(FINDING, &what, async || Ok((peers(rpc).await? >= least).then_some(()))).await
}

async fn finalized(rpc: &Rpc) -> eyre::Result<u64> {
    rpc.status().await?["finalized"]["number"].as_u64().ok_or_eyre("nothing is final")
}

/// Waits until this many more blocks are final.
pub(crate) async fn finalizes(rpc: &Rpc, more: u64) -> eyre::Result<()> {
    let goal = finalized(rpc).await? + more;
    until(FINALITY, "blocks become final", async || Ok((finalized(rpc).await? >= goal).then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn members_who_know_only_bootnodes_find_each_other_and_then_do_without() -> eyre::Result<()> {
    let mut net = Net::prepare(Plan::patient(&[1, 1, 1, 1], 1), Slot::take().await?).await?;
    let (mut boots, addresses) = bootnodes(&net, 2).await?;
    for node in &mut net.nodes {
        node.start(&addresses).await?;
    }
    for rpc in net.rpcs()? {
        has_peers(&rpc, 3).await?;
        finalizes(&rpc, 2).await?;
    }
    for boot in &boots {
        let memory = boot.memory()?;
        println!("a bootnode holds {} MiB", memory >> 10);
        ensure!(memory < BOOTNODE_MEMORY, "a bootnode holds {memory} KiB");
    }
    // Every member's signed record is known to everyone, as the files say.
    for node in &net.nodes {
        let file = node.data_dir().join("sequencer-records.json");
        until(FINDING, "the records of all members are on disk", async || {
            let text = std::fs::read_to_string(&file)?;
            let document: serde_json::Value = serde_json::from_str(&text)?;
            Ok((document["records"].as_array().map(Vec::len) == Some(4)).then_some(()))
        })
        .await?;
    }
    for boot in &mut boots {
        boot.kill().await?;
    }
    finalizes(&net.rpc(0)?, 3).await?;
    // A member that is restarted finds the others by what it remembers.
    net.nodes[3].kill().await?;
    finalizes(&net.rpc(0)?, 2).await?;
    net.nodes[3].start(&addresses).await?;
    has_peers(&net.rpc(3)?, 3).await?;
    finalizes(&net.rpc(3)?, 2).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootnode_keeps_its_name_and_its_peers_over_a_restart() -> eyre::Result<()> {
    let mut net = Net::prepare(Plan::patient(&[1], 1), Slot::take().await?).await?;
    let (mut boots, addresses) = bootnodes(&net, 1).await?;
    net.nodes[0].start(&addresses).await?;
    let peers = net.path().join("boot0/data/peers.json");
    let id = net.nodes[0].addresses()[0].to_string().rsplit('/').next().unwrap_or_default().to_owned();
    until(FINDING, "the bootnode remembers the node", async || {
        Ok(std::fs::read_to_string(&peers)?.contains(&id).then_some(()))
    })
    .await?;
    boots[0].kill().await?;
    ensure!(boots[0].start(&[]).await? == addresses[0], "the bootnode has another address");
    let log = boots[0].log();
    for form in ["multiaddress  ", "genesis file  \"bootnodes\": [\"", "flag          --bootnode ", "\"dnsaddr="] {
        ensure!(log.contains(&format!("{form}{}", addresses[0])), "{form} is missing: {log}");
    }
    // Whoever comes only now finds the node by it.
    let mut late = Node::new(net.path().join("late"), net.genesis.clone(), false);
    late.start(&addresses).await?;
    has_peers(&late.rpc()?, 1).await?;
    late.kill().await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_finds_nobody_says_so_and_finds_them_later() -> eyre::Result<()> {
    let mut net = Net::prepare(Plan::patient(&[1], 1), Slot::take().await?).await?;
    let (mut boots, addresses) = bootnodes(&net, 1).await?;
    boots[0].kill().await?;
    let mut lonely = Node::new(net.path().join("lonely"), net.genesis.clone(), false);
    lonely.start(&addresses).await?;
    until(FINDING, "the node says that it is alone", async || {
        Ok(lonely.log().contains("nobody who is known can be reached").then_some(()))
    })
    .await?;
    let lines = lonely.log().lines().filter(|line| line.contains("no peers:")).count();
    ensure!(lines <= 2, "{lines} lines about the same");
    boots[0].start(&[]).await?;
    net.nodes[0].start(&addresses).await?;
    has_peers(&lonely.rpc()?, 1).await?;
    // A peer store that is damaged is told of, and is none.
    lonely.kill().await?;
    std::fs::write(lonely.data_dir().join("peers.json"), "{\"version\": 1, \"pee")?;
    lonely.start(&addresses).await?;
    ensure!(
        lonely.log().contains("the file cannot be used; the node goes on without what it held"),
        "{}",
        lonely.log()
    );
    has_peers(&lonely.rpc()?, 1).await?;
    lonely.kill().await?;
    net.finish()
}

/// The bar of the mesh: `scripts/mesh.sh` runs it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "25 nodes and 3 bootnodes want a machine for themselves: scripts/mesh.sh"]
async fn a_mesh_of_25_survives_its_bootnodes_and_a_third_of_itself() -> eyre::Result<()> {
    const NODES: usize = 25;
    const SEQUENCERS: usize = 4;
    let mut net = Net::prepare(Plan::patient(&[1; SEQUENCERS], 1), Slot::take_all().await?).await?;
    let (mut boots, addresses) = bootnodes(&net, 3).await?;
    let started = Instant::now();
    for index in SEQUENCERS..NODES {
        net.nodes.push(Node::new(net.path().join(format!("node{index}")), net.genesis.clone(), false));
    }
    for node in &mut net.nodes {
        node.start(&addresses).await?;
    }
    println!("{NODES} nodes and 3 bootnodes run after {:.1?}", started.elapsed());
    let enough = 8;
    for rpc in net.rpcs()? {
        has_peers(&rpc, enough).await?;
    }
    println!("every node has {enough} peers after {:.1?}: {:?}", started.elapsed(), counts(&net).await?);
    for (index, boot) in boots.iter().enumerate() {
        println!("bootnode {index} holds {} MiB", boot.memory()? >> 10);
    }
    finalizes(&net.rpc(0)?, 2).await?;
    let store = net.nodes[NODES - 1].data_dir().join("peers.json");
    until(FINDING, "the last node remembers peers", async || {
        let text = std::fs::read_to_string(&store)?;
        let document: serde_json::Value = serde_json::from_str(&text)?;
        Ok(document["peers"].as_array().is_some_and(|peers| peers.len() >= 8).then_some(()))
    })
    .await?;
    let remembered = std::fs::read(&store)?;

    // All bootnodes die, and a third of the nodes with one of the four sequencers.
    for boot in &mut boots {
        boot.kill().await?;
    }
    let dead: Vec<usize> = std::iter::once(SEQUENCERS - 1).chain((SEQUENCERS..NODES).step_by(3)).collect();
    for index in &dead {
        net.nodes[*index].kill().await?;
    }
    let killed = Instant::now();
    println!("killed 3 bootnodes and {} nodes", dead.len());
    for (index, node) in net.nodes.iter().enumerate().filter(|(_, node)| node.is_up()) {
        has_peers(&node.rpc()?, enough).await?;
        finalizes(&node.rpc()?, 2).await.map_err(|error| error.wrap_err(format!("node {index}")))?;
    }
    println!(
        "the {} others are meshed and finalize {:.1?} later: {:?}",
        NODES - dead.len(),
        killed.elapsed(),
        counts(&net).await?
    );

    // A newcomer with a list of peers that somebody stored joins, the bootnodes' addresses being dead.
    let joined = Instant::now();
    let mut newcomer = Node::new(net.path().join("newcomer"), net.genesis.clone(), false);
    std::fs::create_dir_all(newcomer.data_dir())?;
    std::fs::write(newcomer.data_dir().join("peers.json"), remembered)?;
    newcomer.start(&addresses).await?;
    let rpc = newcomer.rpc()?;
    has_peers(&rpc, enough).await?;
    let goal = net.rpc(0)?.height().await?;
    until(FINDING, "the newcomer is at the head", async || Ok((rpc.height().await? >= goal).then_some(()))).await?;
    finalizes(&rpc, 1).await?;
    println!(
        "a newcomer with a stored list has {} peers and the head after {:.1?}",
        peers(&rpc).await?,
        joined.elapsed()
    );
    let listed: serde_json::Value = rpc.ask("baton_peers", json!([])).await?;
    ensure!(listed.as_array().is_some_and(|peers| peers.len() as u64 >= enough), "{listed}");
    newcomer.kill().await?;
    net.finish()
}

async fn counts(net: &Net) -> eyre::Result<Vec<u64>> {
    let mut counts = Vec::new();
    for rpc in net.rpcs()? {
        counts.push(peers(&rpc).await?);
    }
    Ok(counts)
}
