//! Hosts apart: nodes with an address each, far from each other, behind routers, and at another address than before. They know
//! nothing but a bootnode, which does not stay.

use crate::{
    discovery::{FINDING, finalizes, has_peers},
    harness::{BootnodeProcess, CHAIN_ID, Distance, Hosts, Load, Net, Node, Plan, Slot, until, wallets},
};
use alloy_primitives::Address;
use eyre::{OptionExt, ensure};
use libp2p::Multiaddr;
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

/// Quorum finality, and patience for links on which a message takes a tenth of a second, or three times as long if it is lost.
fn plan(stakes: &'static [u64], wallets: usize) -> Plan {
    const GENESIS: &[&str] = &[
        "--finality",
        "quorum",
        "--block-time",
        "400ms",
        "--leader-timeout",
        "4s",
        "--heartbeat-timeout",
        "8s",
        "--opening-timeout",
        "10s",
        "--term-timeout",
        "15s",
    ];
    Plan { stakes, genesis: GENESIS, wallets, dust: Vec::new() }
}

/// A bootnode that relays, on this host.
async fn bootnode(net: &Net, hosts: &Hosts, host: usize) -> eyre::Result<(BootnodeProcess, Multiaddr)> {
    let mut process = BootnodeProcess::new(net.path().join("boot"), net.genesis.clone());
    process.place = hosts.place(host);
    process.more_arguments.push("--relay".to_owned());
    let address = process.start(&[]).await?;
    Ok((process, address))
}

/// What a node wrote into a file of its data directory; nothing if it is not there yet.
fn file(node: &Node, name: &str) -> String {
    fs::read_to_string(node.data_dir().join(name)).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_far_apart_go_on_without_their_bootnode_and_over_a_cut() -> eyre::Result<()> {
    const ALL: &[usize] = &[0, 1, 2, 3];
    const BOOTNODE: usize = 4;
    let slot = Slot::take().await?;
    let Some(mut hosts) = Hosts::make(5)? else { return Ok(()) };
    // From host to host: 60 ms one way, one message in a hundred lost.
    hosts.worsen(Distance { delay: 30, loss: 0.5, rate: 20 })?;
    let mut net = Net::prepare(plan(&[1, 1, 1, 1], 5), slot).await?;
    let (_boot, address) = bootnode(&net, &hosts, BOOTNODE).await?;
    let started = Instant::now();
    for index in ALL {
        net.nodes[*index].place = hosts.place(*index);
        net.nodes[*index].start(std::slice::from_ref(&address)).await?;
    }
    for index in ALL {
        has_peers(&net.rpc(*index)?, 3).await?;
    }
    finalizes(&net.rpc(0)?, 2).await?;
    eprintln!("all know all after {:.1?}", started.elapsed());

    // The bootnode's host is gone for good.
    hosts.split(&[ALL, &[BOOTNODE]])?;
    let (load, _) = Load::through_all(&mut net).await?;
    for index in ALL {
        finalizes(&net.rpc(*index)?, 4).await?;
    }

    let (scheduler, _) = net.one_term(ALL).await?;
    let lost = (scheduler + 1) % ALL.len();
    let others: Vec<_> = ALL.iter().copied().filter(|index| *index != lost).collect();
    hosts.split(&[&others, &[lost], &[BOOTNODE]])?;
    let cut = Instant::now();
    let before = net.view(lost).await?.finalized.number;
    for index in &others {
        finalizes(&net.rpc(*index)?, 8).await?;
    }
    let alone = net.view(lost).await?.finalized.number;
    ensure!(alone <= before + 8, "node {lost} finalized {before} to {alone} by itself");
    let goal = net.view(others[0]).await?.finalized.number;
    eprintln!("cut off: the others finalized 8 blocks in {:.1?}", cut.elapsed());

    hosts.split(&[ALL, &[BOOTNODE]])?;
    let healed = Instant::now();
    let rpc = net.rpc(lost)?;
    until(FINDING, "the node that was cut off is where the others are", async || {
        Ok((rpc.view().await?.finalized.number >= goal).then_some(()))
    })
    .await?;
    net.reunited().await?;
    eprintln!("healed; all are on one chain after {:.1?}", healed.elapsed());
    let accepted = load.stop().await?;
    ensure!(accepted.len() > 50, "only {} transactions were accepted", accepted.len());
    net.all_in_one_chain(&accepted).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_address_changes_is_found_again() -> eyre::Result<()> {
    const MOVES: usize = 2;
    const BOOTNODE: usize = 3;
    let slot = Slot::take().await?;
    let Some(mut hosts) = Hosts::make(4)? else { return Ok(()) };
    // All three are needed for a quorum.
    let mut net = Net::prepare(plan(&[1, 1, 1], 1), slot).await?;
    let (_boot, address) = bootnode(&net, &hosts, BOOTNODE).await?;
    for index in 0..3 {
        net.nodes[index].place = hosts.place(index);
    }
    net.nodes[MOVES].place.mesh = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    for node in &mut net.nodes {
        node.start(std::slice::from_ref(&address)).await?;
    }
    let old = format!("/ip4/{}/", hosts.address(MOVES));
    for index in [0, 1] {
        has_peers(&net.rpc(index)?, 2).await?;
        finalizes(&net.rpc(index)?, 2).await?;
        until(FINDING, "the member's record tells its first address", async || {
            Ok(file(&net.nodes[index], "sequencer-records.json").contains(&old).then_some(()))
        })
        .await?;
    }

    // Nobody can ask the bootnode where it is.
    hosts.split(&[&[0, 1, MOVES], &[BOOTNODE]])?;
    hosts.move_away(MOVES)?;
    let moved = Instant::now();
    let new = format!("/ip4/{}/", hosts.address(MOVES));
    for index in [0, 1] {
        until(FINDING, "the member's record tells its new address, and no other", async || {
            let records = file(&net.nodes[index], "sequencer-records.json");
            Ok((records.contains(&new) && !records.contains(&old)).then_some(()))
        })
        .await?;
    }
    let height = net.rpc(0)?.height().await?;
    finalizes(&net.rpc(MOVES)?, 4).await?;
    net.grow(&[0, 1, MOVES], height, FINDING).await?;
    eprintln!("moved; its new address is known and blocks are final {:.1?} later", moved.elapsed());

    // Whoever starts only now finds it where it is.
    net.nodes[0].kill().await?;
    net.nodes[0].start(&[]).await?;
    has_peers(&net.rpc(0)?, 2).await?;
    finalizes(&net.rpc(0)?, 2).await?;
    net.finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn observers_behind_routers_follow_and_their_private_addresses_stay_private() -> eyre::Result<()> {
    const BOOTNODE: usize = 1;
    const HOMES: [usize; 2] = [2, 3];
    let slot = Slot::take().await?;
    let Some(mut hosts) = Hosts::make_behind_nat(4, &HOMES)? else { return Ok(()) };
    hosts.worsen(Distance { delay: 10, loss: 0.0, rate: 50 })?;
    let mut net = Net::prepare(plan(&[1], 2), slot).await?;
    let (mut boot, address) = bootnode(&net, &hosts, BOOTNODE).await?;
    net.nodes[0].place = hosts.place(0);
    net.nodes[0].start(std::slice::from_ref(&address)).await?;
    finalizes(&net.rpc(0)?, 2).await?;
    let started = Instant::now();
    for host in HOMES {
        let index = net.nodes.len();
        let mut node = Node::new(net.path().join(format!("node{index}")), net.genesis.clone(), false);
        node.place = hosts.place(host);
        node.start(std::slice::from_ref(&address)).await?;
        net.nodes.push(node);
    }
    for index in [1, 2] {
        has_peers(&net.rpc(index)?, 1).await?;
        finalizes(&net.rpc(index)?, 2).await?;
    }
    eprintln!("both observers follow after {:.1?}", started.elapsed());
    for index in [1, 2] {
        until(FINDING, "a peer has dialed back in vain, and a relay lends an address", async || {
            let log = net.nodes[index].log();
            let lent =
                log.lines().any(|line| line.contains("others can reach this node") && line.contains("p2p-circuit"));
            Ok((log.contains("reachability=Unreachable") && lent).then_some(()))
        })
        .await?;
    }
    eprintln!("both are reached through the relay after {:.1?}", started.elapsed());
    // What the sequencer and the bootnode remember of others, they may tell others.
    let remembered = net.path().join("boot/data/peers.json");
    let remembered = until(FINDING, "the bootnode remembers the sequencer", async || {
        let known = fs::read_to_string(&remembered)?;
        Ok(known.contains("/ip4/77.77.77.").then_some(known))
    })
    .await?;
    for known in [remembered, file(&net.nodes[0], "peers.json")] {
        ensure!(!known.contains("/ip4/10."), "a private address was believed: {known}");
    }

    // They are held by the connections that they opened themselves.
    boot.kill().await?;
    let mut wallet = wallets(CHAIN_ID, 2)?.pop().ok_or_eyre("no wallet")?;
    let transfer = wallet.transfer(Address::repeat_byte(0x77), 1)?;
    net.send(2, &transfer).await?;
    ensure!(net.everywhere(transfer.hash).await?.status(), "{} failed", transfer.hash);
    net.reach(net.rpc(0)?.height().await? + 8, Duration::from_secs(60)).await?;
    net.finish()
}
