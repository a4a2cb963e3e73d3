//! Nodes that do not reach each other, though all of them run: hosts of their own, and a switch that is split.

use crate::harness::{CHAIN_ID, Hosts, Load, Net, Signed, Slot, Tip, wallets};
use crate::terms::PLAN;
use alloy_primitives::Address;
use eyre::{OptionExt, bail, ensure};
use std::time::{Duration, Instant};

/// That of the plan.
const TERM_TIMEOUT: Duration = Duration::from_secs(4);

const ALL: &[usize] = &[0, 1, 2, 3];

/// How a host is cut off from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Nothing comes, nothing goes.
    BothWays,
    /// Nothing goes. What the others send arrives, until they wait for answers.
    Outgoing,
}

/// Four hosts with a node each, under load; none where hosts cannot be made.
async fn spread_out() -> eyre::Result<Option<(Hosts, Net, Load)>> {
    let slot = Slot::take().await?;
    let Some(hosts) = Hosts::make(4)? else { return Ok(None) };
    let mut net = Net::prepare(PLAN, slot).await?;
    for (index, node) in net.nodes.iter_mut().enumerate() {
        node.place = hosts.place(index);
    }
    net.start_all().await?;
    let (load, _) = Load::through_all(&mut net).await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 8, Duration::from_secs(60)).await?;
    Ok(Some((hosts, net, load)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_is_cut_off_is_replaced_and_steps_down_when_the_cut_heals() -> eyre::Result<()> {
    let Some((hosts, net, load)) = spread_out().await? else { return Ok(()) };
    for cut in [Cut::BothWays, Cut::Outgoing] {
        cut_the_scheduler_off(&hosts, &net, cut).await?;
    }
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    net.all_in_one_chain(&accepted).await?;
    net.finish()
}

async fn cut_the_scheduler_off(hosts: &Hosts, net: &Net, cut: Cut) -> eyre::Result<()> {
    let (old, term) = net.one_term(ALL).await?;
    let others: Vec<_> = ALL.iter().copied().filter(|index| *index != old).collect();
    let said_before = net.nodes[old].log().len();
    let since = Instant::now();
    match cut {
        Cut::BothWays => hosts.split(&[&others, &[old]])?,
        Cut::Outgoing => hosts.mute(old)?,
    }
    let later = net.replaced(&others, old, term).await?;
    eprintln!("{cut:?}: node {old} was cut off in term {term}; term {later} after {:?}", since.elapsed());

    // No peer can tell it that it has the transaction too: it does not accept any.
    let refused = refused(net, old).await?;
    let alone = net.view(old).await?;
    if cut == Cut::BothWays {
        ensure!(alone.term == term && alone.role == "scheduler", "who told it of another term? {alone:?}");
        let log = net.nodes[old].log();
        let said = &log[said_before..];
        ensure!(!said.contains("asking for another term"), "it asked though it heard no quorum: {said}");
    }
    let chain = net.common_chain(&others).await?;

    hosts.heal()?;
    let healed = Instant::now();
    let view = net.stepped_down(old, term).await?;
    ensure!(view.term >= later, "{view:?}");
    net.reunited().await?;
    eprintln!("{cut:?}: healed; all are on one chain after {:?}", healed.elapsed());
    net.still_has(&chain).await?;
    net.one_term(ALL).await?;
    // Whatever it sealed alone, it finalized nothing that the others do not have.
    stands(net, alone.finalized).await?;
    // It kept what it refused, and sends it again.
    ensure!(net.everywhere(refused.hash).await?.status(), "{} failed", refused.hash);
    Ok(())
}

/// A transaction that the node refuses, since it reaches nobody.
async fn refused(net: &Net, index: usize) -> eyre::Result<Signed> {
    let rpc = net.rpc(index)?;
    // The wallet that deployed the contract: no load waits for it.
    let mut wallet = wallets(CHAIN_ID, PLAN.wallets)?.pop().ok_or_eyre("no wallet")?;
    wallet.nonce = rpc.nonce(wallet.address()).await?;
    let transfer = wallet.transfer(Address::repeat_byte(0x77), 1)?;
    match rpc.send(&transfer.raw).await {
        Ok(hash) => bail!("node {index} accepted {hash}, though it reaches nobody"),
        Err(error) => ensure!(format!("{error:#}").contains("no peer acknowledged"), "{error:#}"),
    }
    Ok(transfer)
}

/// Checks that all nodes have this block.
async fn stands(net: &Net, tip: Tip) -> eyre::Result<()> {
    for (index, rpc) in net.rpcs()?.iter().enumerate() {
        let block = rpc.block(tip.number).await?.ok_or_eyre("a final block is missing")?;
        ensure!(block.header.hash == tip.hash, "node {index} has {} at the final height {tip:?}", block.header.hash);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_halves_elect_nobody_and_go_on_when_they_meet() -> eyre::Result<()> {
    let Some((hosts, net, load)) = spread_out().await? else { return Ok(()) };
    let (scheduler, term) = net.one_term(ALL).await?;
    let [first, second, third] = [1, 2, 3].map(|step| (scheduler + step) % ALL.len());
    let said_before: Vec<_> = net.nodes.iter().map(|node| node.log().len()).collect();
    hosts.split(&[&[scheduler, first], &[second, third]])?;

    // Much longer than a scheduler may be silent where a quorum is heard.
    let since = Instant::now();
    let mut lone = Vec::new();
    while since.elapsed() < TERM_TIMEOUT * 3 {
        for index in ALL {
            let view = net.view(*index).await?;
            ensure!(
                (view.term, view.fence) == (term, term),
                "node {index} left term {term} without a quorum: {view:?}"
            );
        }
        if since.elapsed() > TERM_TIMEOUT {
            lone.push(net.view(second).await?.head);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(lone.iter().all(|head| Some(head) == lone.first()), "the half without the scheduler grew: {lone:?}");
    for (index, (node, before)) in net.nodes.iter().zip(&said_before).enumerate() {
        ensure!(!node.log()[*before..].contains("asking for another term"), "node {index} asked for another term");
    }
    let mut finalized = Vec::new();
    for index in ALL {
        finalized.push(net.view(*index).await?.finalized);
    }

    hosts.heal()?;
    let healed = Instant::now();
    net.reunited().await?;
    eprintln!("healed; all are on one chain after {:?}", healed.elapsed());
    for tip in finalized {
        stands(&net, tip).await?;
    }
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    net.all_in_one_chain(&accepted).await?;
    net.finish()
}
