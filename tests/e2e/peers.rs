//! `baton peers`: an operator looks after the peers of a running node.

use crate::harness::{Net, Node, Outcome, Plan, baton, run, until};
use eyre::{OptionExt, ensure};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Says something to a node.
async fn peers(net: &Net, node: usize, words: &[&str]) -> eyre::Result<Outcome> {
    let data_dir = net.nodes[node].data_dir().display().to_string();
    let words = ["peers"].iter().chain(words).copied().chain(["--data-dir", &data_dir]);
    run(baton(words), PATIENCE).await
}

/// What a node's list says of a peer; nothing if it does not name it.
async fn row(net: &Net, node: usize, peer: PeerId) -> eyre::Result<Option<Value>> {
    let list: Value = serde_json::from_str(&peers(net, node, &["list", "--json"]).await?.success()?)?;
    let rows = list["peers"]["peers"].as_array().ok_or_eyre("no list")?;
    Ok(rows.iter().find(|row| row["peer"] == peer.to_string().as_str()).cloned())
}

/// Waits until a node's list says that a peer is connected or not.
async fn connected(net: &Net, node: usize, peer: PeerId, expected: bool) -> eyre::Result<()> {
    let what = format!("node {node} is connected with {peer}: {expected}");
    until(PATIENCE, &what, async || {
        let row = row(net, node, peer).await?;
        let connected = row.is_some_and(|row| !row["connection"].is_null());
        Ok((connected == expected).then_some(()))
    })
    .await
}

/// Where a node is, and who.
fn address(net: &Net, node: usize) -> eyre::Result<(Multiaddr, PeerId)> {
    named(&net.nodes[node])
}

fn named(node: &Node) -> eyre::Result<(Multiaddr, PeerId)> {
    let address = node.addresses().first().ok_or_eyre("no address")?;
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Ok((address.clone(), peer)),
        _ => Err(eyre::eyre!("{address} names nobody")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_bans_pardons_and_keeps_peers() -> eyre::Result<()> {
    let mut net = Net::start(Plan::patient(&[1, 1], 1)).await?;
    let (_, member) = address(&net, 1)?;
    connected(&net, 0, member, true).await?;
    let seen = row(&net, 0, member).await?.ok_or_eyre("the member is not listed")?;
    ensure!(seen["sequencer"].is_string() && seen["faults"] == 0.0 && seen["ban"].is_null(), "{seen}");

    let observer = net.add_observer().await?;
    let (at, peer) = address(&net, observer)?;
    let id = peer.to_string();
    connected(&net, 0, peer, true).await?;
    let said = peers(&net, 0, &["ban", &id, "--for", "1h"]).await?.success()?;
    ensure!(said.contains("is banned until"), "{said}");
    connected(&net, 0, peer, false).await?;
    // A ban outlives the process that made it.
    net.nodes[0].stop_with(Signal::SIGTERM).await?;
    net.start_one(0).await?;
    connected(&net, 0, member, true).await?;
    let why = peers(&net, 0, &["why", &id]).await?.success()?;
    for expected in ["is banned since", "because the operator said so", "not connected", "nothing is held against it"] {
        ensure!(why.contains(expected), "{why}");
    }
    let list = peers(&net, 0, &["list"]).await?.success()?;
    ensure!(list.lines().any(|line| line.starts_with(&id) && line.contains("banned until")), "{list}");
    let outcome = peers(&net, 0, &["unban", &id]).await?.success()?;
    ensure!(outcome.contains("is no longer banned"), "{outcome}");
    ensure!(peers(&net, 0, &["unban", &id]).await?.success()?.contains("was not banned"), "it was unbanned");

    // Added, it comes back by itself however many others there are; removed, it goes.
    let address = at.to_string();
    peers(&net, 0, &["add", &address]).await?.success()?;
    peers(&net, 0, &["trust", &id]).await?.success()?;
    connected(&net, 0, peer, true).await?;
    let seen = row(&net, 0, peer).await?.ok_or_eyre("the observer is not listed")?;
    ensure!(seen["trusted"] == true && seen["added"] == address.as_str(), "{seen}");
    peers(&net, 0, &["remove", &id]).await?.success()?;
    let seen = row(&net, 0, peer).await?;
    ensure!(seen.is_none_or(|seen| seen["trusted"] == false && seen["added"].is_null()), "it is still listed");

    // The node is nobody's peer of its own, and a node that does not run answers nothing.
    let (_, own) = self::address(&net, 0)?;
    let outcome = peers(&net, 0, &["ban", &own.to_string()]).await?;
    ensure!(outcome.refusal(1)?.contains("this is the node itself"), "{outcome:?}");
    net.nodes[observer].stop_with(Signal::SIGTERM).await?;
    let outcome = peers(&net, observer, &["list"]).await?;
    ensure!(outcome.refusal(1)?.contains("no node runs on"), "{outcome:?}");
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_get_in_when_a_node_is_full() -> eyre::Result<()> {
    let mut net = Net::start(Plan::patient(&[1, 1, 1], 1)).await?;
    let full = net.add_observer_with(&["--max-inbound", "1"]).await?;
    // Everybody dials it, so that it has not to dial itself.
    let way_in = address(&net, full)?;
    for node in 0..3 {
        peers(&net, node, &["add", &way_in.0.to_string()]).await?.success()?;
        connected(&net, node, way_in.1, true).await?;
    }
    let mut guests = Vec::new();
    for name in ["guest", "late"] {
        let mut guest = Node::new(net.path().join(name), net.genesis.clone(), false);
        guest.more_arguments = vec!["--discovery".to_owned(), "false".to_owned()];
        guest.start(std::slice::from_ref(&way_in.0)).await?;
        guests.push(guest);
    }
    // One of the two guests has the slot; the members have theirs all the same.
    let held = until(PATIENCE, "one guest has the slot", async || {
        let mut held = 0;
        for guest in &guests {
            let row = row(&net, full, named(guest)?.1).await?;
            held += usize::from(row.is_some_and(|row| !row["connection"].is_null()));
        }
        Ok((held > 0).then_some(held))
    })
    .await?;
    ensure!(held == 1, "{held} guests have the only slot");
    let (_, member) = address(&net, 2)?;
    net.nodes[2].stop_with(Signal::SIGTERM).await?;
    connected(&net, full, member, false).await?;
    net.start_one(2).await?;
    connected(&net, full, member, true).await?;
    net.finish()
}
