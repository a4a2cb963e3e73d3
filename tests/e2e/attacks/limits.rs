//! One address range with many identities, against nodes that limit ranges on loopback too: it takes few places, those who come
//! from elsewhere get in meanwhile, and after enough rubbish all of it is refused.

use super::{RECOVERY, attack, order, stands};
use crate::{
    harness::{Net, Node, Plan, Slot, baton, run, until},
    hostile::{Attack, Order},
};
use eyre::ensure;
use serde_json::Value;
use std::{net::Ipv4Addr, time::Duration};

/// Where the attacker comes from. The honest are at 127.0.0.1.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 7, 0, 1);

/// What all addresses of its range begin with, as multiaddresses.
const RANGE: &str = "/ip4/127.7.0.";

/// Connections that a node takes from one range.
const PER_RANGE: usize = 8;

/// How long the attacker goes on: a newcomer has time to get in.
const SIEGE: Duration = Duration::from_secs(20);

async fn mesh() -> eyre::Result<Net> {
    let mut net = Net::prepare(Plan::patient(&[1, 1, 1, 1], 1), Slot::take_all().await?).await?;
    for node in &mut net.nodes {
        node.more_arguments = limits();
    }
    net.start_all().await?;
    Ok(net)
}

fn limits() -> Vec<String> {
    vec!["--limit-local=true".to_owned(), format!("--max-inbound-per-range={PER_RANGE}")]
}

fn siege(net: &Net, attack: Attack) -> eyre::Result<Order> {
    Ok(Order { from: FROM, ..order(net, attack, SIEGE)? })
}

/// What a node says of its peers.
async fn list(node: &Node) -> eyre::Result<Value> {
    let data_dir = node.data_dir().display().to_string();
    let said = run(baton(["peers", "list", "--json", "--data-dir", &data_dir]), RECOVERY).await?.success()?;
    Ok(serde_json::from_str::<Value>(&said)?["peers"].take())
}

/// How many connections from the attacker's range a node has.
fn places(list: &Value) -> usize {
    let rows = list["peers"].as_array().into_iter().flatten();
    let addresses = rows.filter_map(|row| row["connection"]["address"].as_str());
    addresses.filter(|address| address.starts_with(RANGE)).count()
}

/// An observer from elsewhere gets in, and to the head.
async fn newcomer(net: &Net) -> eyre::Result<Node> {
    let height = net.rpc(0)?.height().await?;
    let mut node = Node::new(net.path().join("newcomer"), net.genesis.clone(), false);
    node.more_arguments = limits();
    node.start(&net.addresses()).await?;
    let rpc = node.rpc()?;
    until(RECOVERY, "a newcomer is in sync", async || Ok((rpc.height().await? > height).then_some(()))).await?;
    Ok(node)
}

/// The most places that the attacker's range has at any node, as often as they can be asked.
async fn most_places(net: &Net) -> eyre::Result<usize> {
    let mut most = 0;
    for node in &net.nodes {
        most = most.max(places(&list(node).await?));
    }
    Ok(most)
}

async fn holds_out(kind: Attack) -> eyre::Result<()> {
    let mut net = mesh().await?;
    let order = siege(&net, kind)?;
    let looks = async {
        until(RECOVERY, "the attacker is in", async || Ok((most_places(&net).await? > 0).then_some(()))).await?;
        let newcomer = newcomer(&net).await?;
        eyre::Ok((newcomer, most_places(&net).await?))
    };
    let (tally, looked) = tokio::join!(attack(order), looks);
    let (tally, (_newcomer, most)) = (tally?, looked?);
    ensure!(most <= PER_RANGE, "one range has {most} places at a node");
    ensure!(tally.cut + tally.refused > 0, "nobody was kept out: {tally:?}");
    stands(&mut net).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_of_one_range_do_not_eclipse() -> eyre::Result<()> {
    holds_out(Attack::Eclipse).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_leaves_room() -> eyre::Result<()> {
    holds_out(Attack::ConnectionFlood).await
}

/// Whoever comes back under another name after every ban is banned with its range; honest peers are not.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_full_of_liars_is_banned() -> eyre::Result<()> {
    let mut net = mesh().await?;
    attack(siege(&net, Attack::Signatures)?).await?;
    for (index, node) in net.nodes.iter().enumerate() {
        let ranges = list(node).await?["bannedRanges"].take();
        let names: Vec<_> = ranges.as_array().into_iter().flatten().filter_map(|row| row["range"].as_str()).collect();
        ensure!(names == ["127.7.0.0/24"], "node {index} bans {names:?}");
    }
    stands(&mut net).await?;
    net.finish()
}
