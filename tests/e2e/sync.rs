//! Joining a chain that has gone on without the newcomer: by a snapshot of the state, or by executing everything.

use crate::harness::{BentPeer, CHAIN_ID, FINALITY, Load, Net, Plan, Rpc, Scrape, Slot, baton, run, until};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use baton_network::{Chunk, Response};
use eyre::{OptionExt, ensure};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

/// Blocks come fast, and leaders have time on a busy machine.
const GENESIS: &[&str] = &[
    "--finality",
    "quorum",
    "--block-time",
    "100ms",
    "--epoch-blocks",
    "16",
    "--leader-timeout",
    "5s",
    "--heartbeat-timeout",
    "10s",
    "--opening-timeout",
    "10s",
    "--term-timeout",
    "30s",
];

/// How long a newcomer may take on a busy machine.
const JOINING: Duration = Duration::from_secs(120);

fn plan(stakes: &'static [u64], wallets: usize) -> Plan {
    Plan { stakes, genesis: GENESIS, wallets, dust: Vec::new() }
}

/// All nodes keep states for each other, often.
fn keep_states(net: &mut Net) {
    for node in &mut net.nodes {
        node.more_arguments = ["--snapshot-interval", "32"].map(str::to_owned).to_vec();
    }
}

/// Adds accounts to the genesis file: so many that their state does not come in one piece.
fn crowd(genesis: &Path, accounts: u64) -> eyre::Result<()> {
    let mut file: Value = serde_json::from_slice(&fs::read(genesis)?)?;
    let alloc = file["alloc"].as_object_mut().ok_or_eyre("no alloc")?;
    for number in 0..accounts {
        alloc.insert(format!("{:#x}", crowd_member(number)), json!({ "balance": format!("{:#x}", number + 1) }));
    }
    Ok(fs::write(genesis, serde_json::to_vec(&file)?)?)
}

fn crowd_member(number: u64) -> Address {
    let mut address = Address::repeat_byte(0xcc);
    address[12..].copy_from_slice(&number.to_be_bytes());
    address
}

/// Waits until a state of a block that is not below this height can be taken over: until it is final, and pinned.
async fn has_snapshot_from(rpc: &Rpc, height: u64) -> eyre::Result<()> {
    until(FINALITY, &format!("block {height} is final"), async || {
        let finalized = rpc.status().await?["finalized"]["number"].as_u64().ok_or_eyre("no finalized block")?;
        Ok((finalized > height + 4).then_some(()))
    })
    .await
}

async fn sync_report(rpc: &Rpc) -> eyre::Result<Value> {
    rpc.ask("baton_sync", json!([])).await
}

/// Waits until a node has the head that another one has at that time.
async fn follows(rpc: &Rpc, other: &Rpc) -> eyre::Result<()> {
    until(JOINING, "the newcomer is at the head", async || {
        let height = other.height().await?;
        Ok((rpc.height().await? >= height).then_some(()))
    })
    .await
}

/// Holds what a newcomer says of the state against what another node says, at a height that both have.
async fn same_state(net: &Net, new: usize, probe: Address, accounts: &[Address]) -> eyre::Result<()> {
    let (new, old) = (net.rpc(new)?, net.rpc(0)?);
    let height = U64::from(new.height().await?);
    follows(&old, &new).await?;
    // At once: proofs are there for the last blocks alone.
    let proof: Value = new.ask("eth_getProof", json!([probe, ["0x1", "0x2"], height])).await?;
    let other: Value = old.ask("eth_getProof", json!([probe, ["0x1", "0x2"], height])).await?;
    ensure!(proof == other, "{proof} against {other}");
    for account in accounts.iter().chain([&probe]) {
        for method in ["eth_getBalance", "eth_getTransactionCount", "eth_getCode"] {
            let ask = json!([account, height]);
            let (ours, theirs): (Bytes, Bytes) = (hex(&new, method, &ask).await?, hex(&old, method, &ask).await?);
            ensure!(ours == theirs, "{method}{ask}: {ours} against {theirs}");
        }
    }
    let mut set = 0;
    for slot in 0..16_u64 {
        let ask = json!([probe, U256::from(slot), height]);
        let (ours, theirs): (B256, B256) =
            (new.ask("eth_getStorageAt", ask.clone()).await?, old.ask("eth_getStorageAt", ask.clone()).await?);
        ensure!(ours == theirs, "{ask}: {ours} against {theirs}");
        set += usize::from(ours != B256::ZERO);
    }
    ensure!(set > 1, "the contract has no storage");
    Ok(())
}

async fn hex(rpc: &Rpc, method: &str, ask: &Value) -> eyre::Result<Bytes> {
    let text: String = rpc.ask(method, ask.clone()).await?;
    Ok(Bytes::from(text.into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_take_over_a_state_and_follow() -> eyre::Result<()> {
    // The fourth member has never run; three have the quorum.
    let mut net = Net::prepare(plan(&[1, 1, 1, 1], 7), Slot::take_all().await?).await?;
    keep_states(&mut net);
    for index in 0..3 {
        net.start_one(index).await?;
    }
    let accounts: Vec<_> = net.wallets.iter().map(crate::harness::Wallet::address).collect();
    let (load, probe) = Load::through_all(&mut net).await?;
    has_snapshot_from(&net.rpc(0)?, 96).await?;

    // An observer.
    let observer = net.add_observer_with(&["--sync", "snapshot", "--snapshot-interval", "32"]).await?;
    // And a member.
    net.nodes[3].more_arguments = net.nodes[observer].more_arguments.clone();
    net.start_one(3).await?;
    for index in [observer, 3] {
        let rpc = net.rpc(index)?;
        follows(&rpc, &net.rpc(0)?).await?;
        let report = sync_report(&rpc).await?;
        ensure!(report["phase"] == "following" && report["secondsLeft"].is_null(), "{report}");
        let log = net.nodes[index].log();
        ensure!(log.contains("the snapshot is complete"), "node {index} took over no state");
        // It has not executed what lies below.
        let missing: Option<Value> = rpc.ask("eth_getBlockByNumber", json!(["0x1", false])).await.unwrap_or_default();
        ensure!(missing.is_none(), "block 1 is there: {missing:?}");
        let genesis: Value = rpc.ask("eth_getBlockByNumber", json!(["0x0", false])).await?;
        ensure!(genesis["number"] == "0x0", "{genesis}");
    }
    // The member does its work: it leads.
    let operator = net.operators[3];
    until(JOINING, "the newcomer leads blocks", async || {
        let members: Value = net.rpc(0)?.ask("baton_sequencers", json!([])).await?;
        let led = members.as_array().into_iter().flatten().find(|member| member["address"] == json!(operator));
        Ok(led.and_then(|member| member["blocksLed"].as_u64()).filter(|led| *led > 0))
    })
    .await?;

    // They serve in their turn what they took over.
    let height = net.rpc(observer)?.height().await?;
    has_snapshot_from(&net.rpc(observer)?, height + 32).await?;
    let last = net.prepare_observer(&["--sync", "snapshot"]);
    let only = net.nodes[observer].addresses().to_vec();
    net.nodes[last].start(&only).await?;
    follows(&net.rpc(last)?, &net.rpc(0)?).await?;

    let accepted = load.stop().await?;
    ensure!(accepted.len() > 20, "only {} transactions were accepted", accepted.len());
    for index in [observer, 3, last] {
        same_state(&net, index, probe, &accounts).await?;
    }
    net.agree().await?;
    // After a restart it goes on as any node does.
    net.nodes[observer].kill().await?;
    net.start_one(observer).await?;
    follows(&net.rpc(observer)?, &net.rpc(0)?).await?;
    ensure!(net.nodes[observer].log().matches("the snapshot is complete").count() == 1, "it took over a state again");
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_killed_goes_on_where_it_was() -> eyre::Result<()> {
    const CROWD: u64 = 60_000;
    let mut net = Net::prepare(plan(&[1, 1, 1], 3), Slot::take_all().await?).await?;
    crowd(&net.genesis, CROWD)?;
    // The states stay while the newcomer is down.
    for node in &mut net.nodes {
        node.more_arguments = ["--snapshot-interval", "64"].map(str::to_owned).to_vec();
    }
    net.start_all().await?;
    let (load, probe) = Load::through_all(&mut net).await?;
    has_snapshot_from(&net.rpc(0)?, 64).await?;

    let new = net.add_observer_with(&["--sync", "snapshot"]).await?;
    // The server answers from the first moment on.
    let rpc = net.rpc(new)?;
    let share = until(JOINING, "a part of the state is there", async || {
        let report = sync_report(&rpc).await?;
        let syncing: Value = rpc.ask("eth_syncing", json!([])).await?;
        ensure!(report["phase"] != "following", "it was too fast to be interrupted: {report}");
        ensure!(syncing["highestBlock"].is_string(), "{syncing}");
        Ok(report["stateShare"].as_f64().filter(|share| *share > 0.05))
    })
    .await?;
    net.nodes[new].kill().await?;
    eprintln!("killed with {:.0} % of the state", share * 100.0);
    net.start_one(new).await?;
    follows(&net.rpc(new)?, &net.rpc(0)?).await?;
    let log = net.nodes[new].log();
    ensure!(log.contains("going on with a snapshot"), "it began anew");
    ensure!(log.matches("taking over the state of a final block").count() == 1, "it began twice");
    load.stop().await?;
    let members: Vec<_> = (0..20).map(|number| crowd_member(number * (CROWD / 20))).collect();
    same_state(&net, new, probe, &members).await?;
    net.finish()
}

/// The chain as peers name it.
async fn chain(rpc: &Rpc) -> eyre::Result<(u64, B256)> {
    let genesis: Value = rpc.ask("eth_getBlockByNumber", json!(["0x0", false])).await?;
    Ok((CHAIN_ID, serde_json::from_value(genesis["hash"].clone())?))
}

/// An account is richer than it is.
fn poison(response: Response) -> Option<Response> {
    let Response::SnapshotChunk(Chunk::Accounts(mut range)) = response else { return Some(response) };
    if let Some(leaf) = range.leaves.last_mut() {
        let mut value = leaf.value.to_vec();
        if let Some(byte) = value.last_mut() {
            *byte ^= 1;
        }
        leaf.value = value.into();
    }
    Some(Response::SnapshotChunk(Chunk::Accounts(range)))
}

/// Nothing comes of what is heavy.
fn stall(response: Response) -> Option<Response> {
    let heavy = matches!(response, Response::SnapshotChunk(_) | Response::BlocksByRange(_));
    (!heavy).then_some(response)
}

/// Blocks without their transactions, and some in another order.
fn rob(response: Response) -> Option<Response> {
    let Response::BlocksByRange(mut segment) = response else { return Some(response) };
    let full = segment.blocks.iter_mut().find(|sealed| !sealed.block.block.body.transactions.is_empty());
    match full {
        Some(sealed) => sealed.block.block.body.transactions.clear(),
        None => segment.blocks.reverse(),
    }
    Some(Response::BlocksByRange(segment))
}

/// The lies that the sync saw; the network has charged somebody with them.
async fn lies_seen(net: &Net, index: usize) -> eyre::Result<f64> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let scrape = Scrape::read(&client, net.nodes[index].metrics()?).await?;
    let charged = scrape.value("baton_peer_offences_total{offence=\"served-lie\"}")?
        + scrape.value("baton_peer_offences_total{offence=\"served-invalid\"}")?;
    ensure!(charged > 0.0, "nobody was charged with a lie");
    scrape.value("baton_sync_lies_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_snapshot_is_told_and_another_one_taken() -> eyre::Result<()> {
    let mut net = Net::prepare(plan(&[1], 3), Slot::take_all().await?).await?;
    crowd(&net.genesis, 60_000)?;
    net.start_all().await?;
    let (load, probe) = Load::through_all(&mut net).await?;
    // The sequencer, whom everybody finds, keeps no state, and nobody finds who does.
    let alone = "--discovery=false";
    let holder = net.add_observer_with(&["--sync", "full", "--snapshot-interval", "32", alone]).await?;
    has_snapshot_from(&net.rpc(holder)?, 64).await?;
    let (chain, honest) = (chain(&net.rpc(0)?).await?, net.nodes[holder].addresses().to_vec());
    let poisoner = BentPeer::start(chain, honest.clone(), poison).await?;
    let staller = BentPeer::start(chain, honest.clone(), stall).await?;

    let new = net.prepare_observer(&["--sync", "snapshot", alone]);
    net.nodes[new].start(&[poisoner.listens().await?, staller.listens().await?].concat()).await?;
    until(
        JOINING,
        "both bent peers were asked",
        async || Ok((poisoner.bent() > 0 && staller.bent() > 0).then_some(())),
    )
    .await?;
    let data_dir = net.nodes[new].data_dir().display().to_string();
    let address = honest.first().ok_or_eyre("no address")?.to_string();
    run(baton(["peers", "add", &address, "--data-dir", &data_dir]), JOINING).await?.success()?;
    follows(&net.rpc(new)?, &net.rpc(0)?).await?;
    let log = net.nodes[new].log();
    ensure!(log.contains("the snapshot is complete"), "it took over no state");
    ensure!(log.contains("a piece of the state of block"), "the lie was not told");
    ensure!(lies_seen(&net, new).await? > 0.0, "the lie was not counted");
    load.stop().await?;
    same_state(&net, new, probe, &[crowd_member(7), crowd_member(59_999)]).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_lies_and_one_who_stalls_hold_up_no_execution() -> eyre::Result<()> {
    let mut net = Net::start_in(plan(&[1], 3), Slot::take_all().await?).await?;
    let (load, probe) = Load::through_all(&mut net).await?;
    has_snapshot_from(&net.rpc(0)?, 250).await?;
    let (chain, honest) = (chain(&net.rpc(0)?).await?, net.addresses());
    let robber = BentPeer::start(chain, honest.clone(), rob).await?;
    let staller = BentPeer::start(chain, honest, stall).await?;

    let new = net.prepare_observer(&["--sync", "full"]);
    let known = [net.addresses(), robber.listens().await?, staller.listens().await?].concat();
    net.nodes[new].start(&known).await?;
    follows(&net.rpc(new)?, &net.rpc(0)?).await?;
    let log = net.nodes[new].log();
    ensure!(!log.contains("the snapshot is complete"), "it took over a state");
    ensure!(robber.bent() > 0 && staller.bent() > 0, "nobody asked the bent peers");
    ensure!(lies_seen(&net, new).await? > 0.0, "the lie was not counted");
    let first: Value = net.rpc(new)?.ask("eth_getBlockByNumber", json!(["0x1", false])).await?;
    ensure!(first["number"] == "0x1", "it has not executed block 1: {first}");
    load.stop().await?;
    same_state(&net, new, probe, &[]).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chain_is_followed_but_that_of_the_checkpoint() -> eyre::Result<()> {
    let mut net = Net::prepare(plan(&[1], 1), Slot::take().await?).await?;
    keep_states(&mut net);
    net.start_all().await?;
    let rpc = net.rpc(0)?;
    has_snapshot_from(&rpc, 64).await?;
    let finalized = rpc.status().await?["finalized"]["hash"].as_str().ok_or_eyre("no finalized block")?.to_owned();

    // A block that is nowhere.
    let nowhere = B256::repeat_byte(0xab).to_string();
    let astray = net.add_observer_with(&["--checkpoint", &nowhere]).await?;
    until(JOINING, "it is told that no peer has the checkpoint", async || {
        let log = net.nodes[astray].log();
        Ok(log.contains("no peer proves that its chain contains the block that --checkpoint names").then_some(()))
    })
    .await?;
    let astray = net.rpc(astray)?;
    ensure!(astray.height().await? == 0 && sync_report(&astray).await?["phase"] == "proofs", "it went on");
    let error = astray.status().await.err().ok_or_eyre("it answers as if it had a chain")?;
    ensure!(format!("{error:#}").contains("on its way"), "{error:#}");

    // The block that another node calls final, for one that takes over a state and for one that executes everything.
    for mode in ["snapshot", "full"] {
        let index = net.add_observer_with(&["--sync", mode, "--checkpoint", &finalized]).await?;
        follows(&net.rpc(index)?, &rpc).await?;
        ensure!(net.nodes[index].log().contains("the snapshot is complete") == (mode == "snapshot"), "{mode}");
    }
    Ok(())
}
