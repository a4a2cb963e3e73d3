//! Handing over on purpose: an operator lets a scheduler resign, or stops a node that the others rely on.

use crate::harness::{Load, Net, Outcome, Plan, Rpc, Slot, baton, run, until};
use alloy_primitives::B256;
use eyre::{OptionExt, WrapErr, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Patient enough that nobody is replaced by a timeout: what changes, changes because it was handed over.
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
        "10s",
        "--heartbeat-timeout",
        "20s",
        "--term-timeout",
        "30s",
    ],
    wallets: 9,
    dust: Vec::new(),
};

/// Far below the timeouts above; two block times are half a second, the rest is for a busy machine and a debug build.
const LONGEST_GAP: Duration = Duration::from_secs(5);

const PATIENCE: Duration = Duration::from_secs(60);

/// Looks at a node's head all the time.
struct Gaps {
    done: CancellationToken,
    longest: JoinHandle<eyre::Result<Duration>>,
}

impl Gaps {
    fn watch(rpc: Rpc) -> Self {
        let done = CancellationToken::new();
        let stop = done.clone();
        let longest = tokio::spawn(async move {
            let (mut last, mut since, mut longest) = (rpc.height().await?, Instant::now(), Duration::ZERO);
            while !stop.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let height = rpc.height().await?;
                longest = longest.max(since.elapsed());
                if height > last {
                    (last, since) = (height, Instant::now());
                }
            }
            Ok(longest)
        });
        Self { done, longest }
    }

    /// The longest time without a new block.
    async fn longest(self) -> eyre::Result<Duration> {
        self.done.cancel();
        self.longest.await.wrap_err("the watch panicked")?
    }
}

async fn resign(data_dir: &Path) -> eyre::Result<Outcome> {
    run(baton(["admin", "resign", "--data-dir", &data_dir.display().to_string()]), PATIENCE).await
}

/// Checks that the node refuses to resign, and says so in one line with these parts.
async fn refuses(data_dir: &Path, expected: &[&str]) -> eyre::Result<()> {
    let outcome = resign(data_dir).await?;
    let line = outcome.refusal(1)?;
    for part in expected {
        ensure!(line.contains(part), "`{part}` is not in: {line}");
    }
    Ok(())
}

/// Waits until every node that is up is in this term because the scheduler before resigned; the new scheduler's node.
async fn resigned_into(net: &Net, term: u64) -> eyre::Result<usize> {
    let mut scheduler = Value::Null;
    for (index, rpc) in net.rpcs()?.iter().enumerate() {
        let status = until(PATIENCE, &format!("term {term} at the {index}. node that is up"), async || {
            let status = rpc.status().await?;
            Ok((status["term"].as_u64() >= Some(term)).then_some(status))
        })
        .await?;
        ensure!(status["term"] == term && status["termCause"] == "resigned", "{status}");
        scheduler = status["scheduler"].clone();
    }
    net.node_of(&scheduler)
}

async fn all_included(net: &Net, accepted: &[B256]) -> eyre::Result<()> {
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    for hash in accepted {
        ensure!(net.everywhere(*hash).await?.status(), "{hash} failed");
    }
    net.agree().await?;
    Ok(())
}

async fn more_blocks(net: &Net, asked: usize, blocks: u64) -> eyre::Result<()> {
    let height = net.rpc(asked)?.height().await?;
    net.reach(height + blocks, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lets_a_scheduler_resign_and_nothing_is_lost() -> eyre::Result<()> {
    let mut net = Net::start_in(PLAN, Slot::take_all().await?).await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let scheduler = net.scheduler(0).await?;
    let follower = (scheduler + 1) % 4;
    more_blocks(&net, follower, 8).await?;

    let operator = |index: usize| net.operators[index].to_string();
    refuses(&net.nodes[follower].data_dir(), &["did not resign", "not the scheduler", &operator(scheduler), "term 1"])
        .await?;
    let gaps = Gaps::watch(net.rpc(follower)?);
    let said = resign(&net.nodes[scheduler].data_dir()).await?.success()?;
    let next = resigned_into(&net, 2).await?;
    ensure!(next != scheduler, "the scheduler took over from itself");
    let expected = format!("{} resigned; {} schedules term 2\n", operator(scheduler), operator(next));
    ensure!(said == expected, "`{said}` instead of `{expected}`");
    more_blocks(&net, follower, 20).await?;
    let gap = gaps.longest().await?;
    eprintln!("the scheduler resigned: the longest gap was {gap:?}");
    ensure!(gap < LONGEST_GAP, "blocks stood still for {gap:?}");

    // Who resigned has nothing to hand over any more, and takes its turn as a leader.
    refuses(&net.nodes[scheduler].data_dir(), &["not the scheduler", &operator(next), "term 2"]).await?;
    let (rpc, leads) = (net.rpc(follower)?, net.operators[scheduler]);
    until(PATIENCE, "who resigned leads", async || {
        let epoch: Value = rpc.ask("baton_epoch", json!([])).await?;
        Ok((epoch["leader"] == json!(leads)).then_some(()))
    })
    .await?;
    all_included(&net, &load.stop().await?).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_stopped_hands_over_first_and_nothing_is_lost() -> eyre::Result<()> {
    let mut net = Net::start_in(PLAN, Slot::take_all().await?).await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let scheduler = net.scheduler(0).await?;
    more_blocks(&net, scheduler, 8).await?;

    // The leader first, in the middle of its epoch.
    let rpc = net.rpc(scheduler)?;
    let leader = until(PATIENCE, "a leader has most of its epoch before it", async || {
        let epoch: Value = rpc.ask("baton_epoch", json!([])).await?;
        let first = epoch["first"].as_u64().ok_or_eyre("no first height")?;
        let early = (first..first + 5).contains(&rpc.height().await?);
        Ok(if early { Some(net.node_of(&epoch["leader"])?) } else { None })
    })
    .await?;
    let watcher = (0..4).find(|index| ![scheduler, leader].contains(index)).ok_or_eyre("no watcher")?;
    let gaps = Gaps::watch(net.rpc(watcher)?);
    let status = net.nodes[leader].stop_with(Signal::SIGTERM).await?;
    ensure!(status.code() == Some(0), "the leader ended with {status}");
    more_blocks(&net, watcher, 12).await?;
    let gap = gaps.longest().await?;
    eprintln!("the leader was stopped: the longest gap was {gap:?}");
    ensure!(gap < LONGEST_GAP, "blocks stood still for {gap:?}");
    let log = net.nodes[scheduler].log();
    let replaced =
        log.lines().find(|line| line.contains("leader replaced")).ok_or_eyre("the leader was not replaced")?;
    ensure!(replaced.contains("reason=left") && replaced.contains("strikes=0"), "{replaced}");
    ensure!(net.rpc(watcher)?.status().await?["term"] == 1, "a leader's stop cost a term");
    refuses(&net.nodes[leader].data_dir(), &["no node runs on", "start it"]).await?;
    net.start_one(leader).await?;
    more_blocks(&net, watcher, 4).await?;

    // Then the scheduler.
    let gaps = Gaps::watch(net.rpc(watcher)?);
    let status = net.nodes[scheduler].stop_with(Signal::SIGTERM).await?;
    ensure!(status.code() == Some(0), "the scheduler ended with {status}");
    let next = resigned_into(&net, 2).await?;
    more_blocks(&net, watcher, 12).await?;
    let gap = gaps.longest().await?;
    eprintln!("the scheduler was stopped: the longest gap was {gap:?}");
    ensure!(gap < LONGEST_GAP, "blocks stood still for {gap:?}");
    let log = net.nodes[scheduler].log();
    ensure!(log.contains("nobody relies on this node any more"), "it did not wait for its successor: {log}");

    // It comes back into the new term, and everyone has everything.
    net.start_one(scheduler).await?;
    ensure!(scheduler_after_return(&net, scheduler).await? == next, "it came back with another scheduler");
    more_blocks(&net, watcher, 8).await?;
    all_included(&net, &load.stop().await?).await?;

    // Only a clean end takes the socket away.
    net.nodes[watcher].kill().await?;
    refuses(&net.nodes[watcher].data_dir(), &["no node answers at", "admin.sock"]).await?;
    net.finish()
}

/// Waits until a node that was away is in the second term; who it takes for the scheduler.
async fn scheduler_after_return(net: &Net, index: usize) -> eyre::Result<usize> {
    let rpc = net.rpc(index)?;
    let status = until(PATIENCE, "the second term", async || {
        let status = rpc.status().await?;
        Ok((status["term"] == 2).then_some(status))
    })
    .await?;
    net.node_of(&status["scheduler"])
}
