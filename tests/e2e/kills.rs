//! `kill -9`: of the leader, of a follower, of everyone.

use crate::harness::{Lane, Load, Net, Plan, Rpc, Slot, until};
use alloy_primitives::B256;
use eyre::{OptionExt, bail, ensure};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A round of blocks takes a second, an epoch long enough that its leader can be caught in the middle of it.
const PLAN: Plan = Plan {
    stakes: &[1, 1, 1, 1],
    genesis: &[
        "--finality",
        "depth-count",
        "--block-time",
        "250ms",
        "--epoch-blocks",
        "16",
        "--leader-timeout",
        "1s",
        "--heartbeat-timeout",
        "5s",
    ],
    wallets: 9,
    dust: Vec::new(),
};

/// Blocks come fast, so that there is much to catch up with; leaders have as long as above.
const FAST: Plan = Plan {
    stakes: &[1, 1, 1, 1],
    genesis: &[
        "--finality",
        "depth-count",
        "--block-time",
        "100ms",
        "--epoch-blocks",
        "32",
        "--leader-timeout",
        "2s",
        "--heartbeat-timeout",
        "5s",
    ],
    wallets: 9,
    dust: Vec::new(),
};

/// Three block times and the leader timeout are 1.75 s; the rest is for a busy machine and a debug build.
const RECOVERY: Duration = Duration::from_secs(12);

/// How long a restarted node may take to be where the others are.
const CATCHING_UP: Duration = Duration::from_secs(90);

/// Waits until a leader, not `but`, is in the first third of its epoch, and says who.
async fn leader_early_in_its_epoch(net: &Net, asked: usize) -> eyre::Result<usize> {
    let rpc = net.rpc(asked)?;
    until(Duration::from_secs(60), "another node leads and has most of its epoch before it", async || {
        let epoch: Value = rpc.ask("baton_epoch", json!([])).await?;
        let height = rpc.height().await?;
        let leader = net.node_of(&epoch["leader"])?;
        let first = epoch["first"].as_u64().ok_or_eyre("no first height")?;
        Ok((leader != asked && (first..first + 5).contains(&height)).then_some(leader))
    })
    .await
}

/// The longest time without a new block from now on, as the node sees it, until it has `blocks` more.
async fn longest_gap(rpc: &Rpc, blocks: u64) -> eyre::Result<Duration> {
    let started = Instant::now();
    let mut last = rpc.height().await?;
    let goal = last + blocks;
    let (mut since, mut longest) = (Instant::now(), Duration::ZERO);
    while last < goal {
        let height = rpc.height().await?;
        if height > last {
            longest = longest.max(since.elapsed());
            (last, since) = (height, Instant::now());
        }
        if started.elapsed() > RECOVERY * 10 {
            bail!("no {blocks} blocks in {:?}: the head is {height}, the goal {goal}", RECOVERY * 10);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_nothing_accepted_is_lost() -> eyre::Result<()> {
    let mut net = Net::start_in(PLAN, Slot::take_all().await?).await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let scheduler = net.scheduler(0).await?;
    let height = net.rpc(scheduler)?.height().await?;
    net.reach(height + 8, Duration::from_secs(60)).await?;

    let leader = leader_early_in_its_epoch(&net, scheduler).await?;
    net.nodes[leader].kill().await?;
    let gap = longest_gap(&net.rpc(scheduler)?, 20).await?;
    eprintln!("the leader was killed: the longest gap was {gap:?}");
    ensure!(gap < RECOVERY, "blocks stood still for {gap:?}");
    let log = net.nodes[scheduler].log();
    let replaced = format!("leader={}", net.operators[leader]);
    ensure!(
        log.lines().any(|line| line.contains("leader replaced") && line.contains(&replaced)),
        "the scheduler's log says nothing of a replaced leader ({replaced})"
    );

    // The survivors go on alone for a while, and the dead come back.
    net.agree().await?;
    net.start_one(leader).await?;
    let height = net.rpc(scheduler)?.height().await?;
    net.reach(height + 8, CATCHING_UP).await?;
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    for hash in &accepted {
        ensure!(net.everywhere(*hash).await?.status(), "{hash} failed");
    }
    net.agree().await?;

    // In time it leads again.
    let operator = net.operators[leader];
    let rpc = net.rpc(leader)?;
    until(Duration::from_secs(120), "the restarted node leads again", async || {
        let head = rpc.height().await?;
        let block = rpc.block(head).await?.ok_or_eyre("the head is missing")?;
        Ok((head > height && block.header.beneficiary == operator).then_some(()))
    })
    .await?;
    net.agree().await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_follower_catches_up_and_so_does_a_newcomer() -> eyre::Result<()> {
    let mut net = Net::start(FAST).await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let scheduler = net.scheduler(0).await?;
    let leader = leader_early_in_its_epoch(&net, scheduler).await?;
    let follower = (0..4).find(|index| ![scheduler, leader].contains(index)).ok_or_eyre("no follower")?;
    let left_at = net.rpc(follower)?.height().await?;
    net.nodes[follower].kill().await?;

    // Long enough away that live messages cannot close the gap: the blocks in between must be fetched.
    net.reach(left_at + 120, Duration::from_secs(180)).await?;
    net.start_one(follower).await?;
    let observer = net.add_observer().await?;
    let height = net.rpc(scheduler)?.height().await?;
    net.reach(height + 4, CATCHING_UP).await?;
    for index in [follower, observer] {
        let what = format!("node {index} says that it caught up");
        let node = &net.nodes[index];
        until(CATCHING_UP, &what, async || Ok(node.log().contains("caught up").then_some(()))).await?;
        let rpc = net.rpc(index)?;
        until(CATCHING_UP, "the node does not sync any more", async || {
            Ok((rpc.status().await?["syncing"] == false).then_some(()))
        })
        .await?;
    }
    ensure!(net.rpc(observer)?.status().await?["role"] == "observer", "a node without keys is no observer");
    let accepted = load.stop().await?;
    for hash in &accepted {
        ensure!(net.everywhere(*hash).await?.status(), "{hash} failed");
    }
    net.agree().await?;
    // Every block, not only the last.
    let (ours, theirs) = (net.rpc(observer)?, net.rpc(scheduler)?);
    for number in 0..=height {
        let (ours, theirs) = (ours.block(number).await?, theirs.block(number).await?);
        ensure!(ours == theirs && ours.is_some(), "block {number} is another one at the newcomer");
    }
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_net_that_was_killed_whole_goes_on_where_it_was() -> eyre::Result<()> {
    let mut net = Net::start(PLAN).await?;
    let mut included: Vec<B256> = Vec::new();
    let mut known: HashMap<u64, B256> = HashMap::new();
    let mut probe = None;
    for life in 1..=3 {
        // Under load, so that blocks, seals and writes are under way.
        let load = match probe {
            None => {
                let (load, address) = Load::through_all(&mut net).await?;
                probe = Some(address);
                load
            }
            Some(probe) => {
                let mut lanes = Vec::new();
                for (index, mut wallet) in crate::harness::wallets(crate::harness::CHAIN_ID, 8)?.into_iter().enumerate()
                {
                    let rpc = net.rpc(index % 4)?;
                    wallet.nonce = rpc.nonce(wallet.address()).await?;
                    lanes.push(Lane { wallet, rpc, probe, limit: u64::MAX });
                }
                Load::start(lanes)
            }
        };
        let height = net.agree().await?;
        net.reach(height + 12, Duration::from_secs(120)).await?;

        // What every node says it has must stay.
        for rpc in net.rpcs()? {
            let head = rpc.height().await?;
            for number in 0..=head {
                let block = rpc.block(number).await?.ok_or_eyre("a block below the head is missing")?;
                let hash = *known.entry(number).or_insert(block.header.hash);
                ensure!(hash == block.header.hash, "life {life}: block {number} changed from {hash}");
                included.extend(block.transactions.hashes());
            }
        }
        for node in &mut net.nodes {
            node.start_killing()?;
        }
        for node in &mut net.nodes {
            node.kill().await?;
        }
        // What was accepted and in no block yet died with all the pools: only blocks are durable.
        load.stop().await?;

        net.start_all().await?;
        let old_head = known.keys().max().copied().unwrap_or_default();
        net.reach(old_head + 4, CATCHING_UP).await?;
        net.agree().await?;
        for rpc in net.rpcs()? {
            for (number, hash) in &known {
                let block = rpc.block(*number).await?.ok_or_eyre("an old block is missing")?;
                ensure!(block.header.hash == *hash, "life {life}: block {number} changed from {hash}");
            }
        }
    }
    included.sort_unstable();
    included.dedup();
    ensure!(included.len() > 50, "only {} transactions were included", included.len());
    for hash in &included {
        ensure!(net.everywhere(*hash).await?.status(), "{hash} failed");
    }
    net.finish()
}
