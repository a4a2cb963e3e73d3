//! Terms that change: a scheduler that is killed, one that is paused, everyone who dies in the middle of it, and those who
//! come late.

use crate::harness::{CHAIN_ID, Load, Net, Plan, Rpc, until, wallets};
use alloy_primitives::B256;
use alloy_rpc_types_eth::Block;
use baton_consensus::types::ExtraData;
use eyre::{OptionExt, ensure};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// A term lasts long, and a scheduler that is gone is missed soon.
pub(crate) const PLAN: Plan = Plan {
    stakes: &[1, 1, 1, 1],
    genesis: &[
        "--finality",
        "depth-count",
        "--block-time",
        "200ms",
        "--epoch-blocks",
        "8",
        "--leader-timeout",
        "1s",
        "--heartbeat-timeout",
        "2s",
        "--opening-timeout",
        "3s",
        "--term-timeout",
        "4s",
        "--adopt-timeout",
        "1s",
    ],
    wallets: 5,
    dust: Vec::new(),
};

/// A term is over after two epochs.
const SHORT_TERMS: Plan = Plan {
    stakes: &[1, 1, 1, 1],
    genesis: &[
        "--finality",
        "depth-count",
        "--block-time",
        "200ms",
        "--epoch-blocks",
        "4",
        "--term-blocks",
        "8",
        "--leader-timeout",
        "1s",
        "--heartbeat-timeout",
        "3s",
    ],
    wallets: 1,
    dust: Vec::new(),
};

/// How long a paused scheduler may take to see that its term is over, once it goes on.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What a node's log says when it asks for another term, and when it enters one.
const ASKED: &str = "asking for another term";
const TERM_OPENED: &str = "reports: term term=";

const ALL: &[usize] = &[0, 1, 2, 3];

fn without(gone: usize) -> Vec<usize> {
    ALL.iter().copied().filter(|index| *index != gone).collect()
}

/// A network of four under load, past its first blocks; its scheduler, and the term.
async fn under_load() -> eyre::Result<(Net, Load, usize, u64)> {
    let mut net = Net::start(PLAN).await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 8, Duration::from_secs(60)).await?;
    let (scheduler, term) = net.one_term(ALL).await?;
    Ok((net, load, scheduler, term))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_scheduler_is_replaced_and_steps_down_when_it_returns() -> eyre::Result<()> {
    let (mut net, load, old, term) = under_load().await?;
    let killed = Instant::now();
    net.nodes[old].kill().await?;
    let later = net.replaced(&without(old), old, term).await?;
    eprintln!("the scheduler was killed: term {later} after {:?}", killed.elapsed());

    let said_before = net.nodes[old].log().len();
    net.start_one(old).await?;
    let view = net.stepped_down(old, term).await?;
    ensure!(view.fence >= later, "it may sign for a term that is over: {view:?}");
    let log = net.nodes[old].log();
    let said = &log[said_before..];
    ensure!(opened_later_term(said, term), "its log says nothing of another term: {said}");

    net.reunited().await?;
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    net.all_in_one_chain(&accepted).await?;
    net.finish()
}

/// Whether a log tells of a term after this one.
fn opened_later_term(log: &str, term: u64) -> bool {
    let numbers = log.lines().filter(|line| line.contains(TERM_OPENED));
    let numbers = numbers.filter_map(|line| line.split("term=").nth(1)?.split_whitespace().next()?.parse::<u64>().ok());
    numbers.max().is_some_and(|highest| highest > term)
}

/// A paused scheduler is worse than a dead one: it goes on with what it knew, and its connections are still there.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_scheduler_is_replaced_and_steps_down_at_once_when_it_goes_on() -> eyre::Result<()> {
    let (net, load, old, term) = under_load().await?;
    let others = without(old);
    let said_before = net.nodes[old].log().len();
    let paused = Instant::now();
    net.nodes[old].pause()?;
    let later = net.replaced(&others, old, term).await?;
    eprintln!("the scheduler was paused: term {later} after {:?}", paused.elapsed());
    let chain = net.common_chain(&others).await?;

    net.nodes[old].resume()?;
    let resumed = Instant::now();
    let view = net.stepped_down(old, term).await?;
    let took = resumed.elapsed();
    eprintln!("it went on, and stepped down after {took:?}: {view:?}");
    ensure!(took < AT_ONCE, "it took {took:?} to step down");
    let log = net.nodes[old].log();
    ensure!(opened_later_term(&log[said_before..], term), "its log says nothing of another term");

    // What it may still have sealed for its old term has changed nothing.
    net.reunited().await?;
    net.still_has(&chain).await?;
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    net.all_in_one_chain(&accepted).await?;
    net.finish()
}

/// The scheduler dies, and everyone else while they ask for another term: who is fenced by then is known from their disks
/// alone.
#[tokio::test(flavor = "multi_thread")]
async fn everyone_dies_in_the_middle_of_a_term_change_and_goes_on() -> eyre::Result<()> {
    let (mut net, load, old, term) = under_load().await?;
    let chain = net.common_chain(ALL).await?;
    let said_before: Vec<_> = net.nodes.iter().map(|node| node.log().len()).collect();
    let asked = |net: &Net| {
        let logs = net.nodes.iter().zip(&said_before);
        logs.filter(|(node, before)| node.log()[**before..].contains(ASKED)).count()
    };
    net.nodes[old].kill().await?;
    until(Duration::from_secs(60), "somebody asks for another term", async || Ok((asked(&net) > 0).then_some(())))
        .await?;
    for node in &mut net.nodes {
        node.start_killing()?;
    }
    for node in &mut net.nodes {
        node.kill().await?;
    }
    eprintln!("{} of 3 had asked for another term when everyone died", asked(&net));
    // What was accepted and in no block yet died with all the pools.
    load.stop().await?;

    net.start_all().await?;
    net.reunited().await?;
    net.still_has(&chain).await?;
    let (scheduler, now) = net.one_term(ALL).await?;
    ensure!(now >= term && (now > term || scheduler == old), "term {now} of node {scheduler} after {term} of {old}");

    // Nothing that was in a block is lost, and new transactions find their way.
    let mut transactions: Vec<B256> = chain.iter().flat_map(|block| block.transactions.hashes()).collect();
    ensure!(transactions.len() > 20, "only {} transactions were in blocks", transactions.len());
    let mut wallet = wallets(CHAIN_ID, 1)?.pop().ok_or_eyre("no wallet")?;
    wallet.nonce = net.rpc(0)?.nonce(wallet.address()).await?;
    for index in ALL {
        let transfer = wallet.transfer(net.operators[*index], 1)?;
        net.send(*index, &transfer).await?;
        transactions.push(transfer.hash);
    }
    net.all_in_one_chain(&transactions).await?;
    net.finish()
}

/// A node that was not there when the terms changed learns the newest one from its peers, with its proof.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_node_learns_the_term_and_follows() -> eyre::Result<()> {
    let mut net = Net::start(SHORT_TERMS).await?;
    let members = net.rpc(0)?;
    until(Duration::from_secs(120), "three terms are over", async || {
        Ok((members.view().await?.term >= 4).then_some(()))
    })
    .await?;

    let observer = net.add_observer().await?;
    same_term(&members, &net.rpc(observer)?).await?;
    net.reunited().await?;
    let chain = net.common_chain(&[0, 1, 2, 3, observer]).await?;
    let position = |block: &Block| ExtraData::from_bytes(&block.header.extra_data).map(|position| position.term.0);
    let terms: BTreeSet<_> = chain.iter().filter_map(position).collect();
    ensure!(terms.len() >= 4, "the observer has blocks of the terms {terms:?} only");

    // It takes up where it was, and learns what it missed.
    let before = net.view(observer).await?.term;
    net.nodes[observer].kill().await?;
    until(Duration::from_secs(120), "a term is over without it", async || {
        Ok((members.view().await?.term > before + 1).then_some(()))
    })
    .await?;
    net.start_one(observer).await?;
    let restarted = net.rpc(observer)?;
    let view = until(Duration::from_secs(60), "it answers again", async || restarted.view().await.map(Some)).await?;
    ensure!(view.term >= before, "it forgot its term: {view:?}");
    same_term(&members, &restarted).await?;
    net.reunited().await?;
    net.finish()
}

/// Waits until one node says the same term as another one that says it before and after.
async fn same_term(known: &Rpc, asked: &Rpc) -> eyre::Result<()> {
    until(Duration::from_secs(90), "the term is the same", async || {
        let before = known.view().await?;
        let between = asked.view().await?;
        let after = known.view().await?;
        let terms = [before.term, between.term, after.term];
        ensure!(terms.iter().all(|term| *term == before.term), "the terms are {terms:?}");
        ensure!(between.scheduler == before.scheduler, "two schedulers of term {}", before.term);
        Ok(Some(()))
    })
    .await
}
