//! One simulation: a mesh is made, settles down, and carries blocks of every size in turn.

use crate::{
    chance,
    hub::Hub,
    node::{self, Order},
    tally::{Sent, Tally},
};
use alloy_primitives::B256;
use baton_consensus::signing::SigningContext;
use baton_network::{Keypair, Kind, simulation};
use baton_simulator::network::{REGIONS, between};
use eyre::{OptionExt, ensure, eyre};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng, seq::index};
use std::{collections::BTreeSet, sync::Arc, thread, time::Duration};
use tokio::{
    runtime::Builder,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, sleep},
};

/// What the mesh is given to settle down: many of gossipsub's heartbeats.
const WARM_UP: Duration = Duration::from_secs(30);

/// What the last blocks of a size are given: until then, whatever is still missing was asked for.
const SETTLE: Duration = Duration::from_secs(10);

const CHAIN: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(0xab) };

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What chance is drawn from.
    pub seed: u64,
    /// How many nodes; node i sits in region i modulo 10.
    pub nodes: usize,
    /// How many others each node dials, picked at random.
    pub dials: usize,
    /// The bits that a node can send in a second.
    pub bits_per_second: u64,
    /// What a node takes until it passes a block on.
    pub checking: Duration,
    /// The sizes of blocks in bytes, 8 at least, each in turn.
    pub sizes: Vec<usize>,
    /// How many blocks of each size, each from a node picked at random.
    pub blocks: u64,
    /// The time from one block to the next.
    pub interval: Duration,
}

/// What became of the blocks of one size.
#[derive(Clone, Debug)]
pub struct Carried {
    /// In bytes.
    pub size: usize,
    /// For each block, when it came to each of the nodes that have it, its publisher left out; in order.
    pub arrivals: Vec<Vec<Duration>>,
    /// What each node sent.
    pub sent: Vec<Sent>,
    /// The time in which it was sent.
    pub span: Duration,
}

/// What a simulation showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Connections of each node, fewest first.
    pub degrees: Vec<usize>,
    /// What all nodes sent until the mesh had settled down.
    pub settling: Sent,
    /// Every size.
    pub carried: Vec<Carried>,
}

/// Runs a simulation to its end.
///
/// # Errors
/// If the setup makes no mesh.
pub fn run(setup: &Setup) -> eyre::Result<Outcome> {
    ensure!(setup.dials > 0 && setup.nodes > setup.dials, "a node cannot dial {} of {}", setup.dials, setup.nodes);
    ensure!(setup.sizes.iter().all(|size| *size >= 8), "blocks have 8 bytes at least");
    ensure!(setup.bits_per_second > 0, "nothing can be sent");
    // A thread that has drawn nothing yet.
    let simulation = || {
        chance::start(setup.seed);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(simulate(setup))
    };
    let ended = thread::scope(|scope| scope.spawn(simulation).join());
    ended.map_err(|_| eyre!("the simulation panicked"))?
}

async fn simulate(setup: &Setup) -> eyre::Result<Outcome> {
    let mut random = StdRng::seed_from_u64(setup.seed);
    let tallies: Vec<Arc<Tally>> = (0..setup.nodes).map(|_| Arc::default()).collect();
    let peers = tallies.iter().map(|tally| {
        let mut secret = [0; 32];
        random.fill_bytes(&mut secret);
        Ok((Keypair::ed25519_from_bytes(secret)?.public().to_peer_id(), Arc::clone(tally)))
    });
    let peers = peers.collect::<eyre::Result<Vec<_>>>()?;
    let ids: Vec<_> = peers.iter().map(|(peer, _)| *peer).collect();
    let latency = |from: usize, to: usize| Duration::from_millis(between(0, from % REGIONS.len(), to % REGIONS.len()));
    let transports = Hub::connect(peers, setup.bits_per_second, Box::new(latency));
    let topic = simulation::topic(&CHAIN, Kind::Block).ok_or_eyre("blocks have no topic")?;
    let mut orders = Vec::new();
    let (seen, mut arrivals) = unbounded_channel();
    for (peer, transport) in ids.into_iter().zip(transports) {
        let (sender, receiver) = unbounded_channel();
        let gossip = (simulation::gossipsub(&CHAIN)?, topic.clone());
        tokio::spawn(node::run((peer, transport), gossip, setup.checking, receiver, seen.clone()));
        orders.push(sender);
        // Nobody's heartbeat beats with the others'.
        sleep(Duration::from_millis(random.random_range(0..10))).await;
    }
    let links = links(setup, &mut random);
    let mut degrees = vec![0; setup.nodes];
    for (from, to) in links {
        orders[from].send(Order::Dial(to))?;
        degrees[from] += 1;
        degrees[to] += 1;
    }
    degrees.sort_unstable();
    sleep(WARM_UP).await;
    let read = || -> Vec<Sent> { tallies.iter().map(|tally| tally.read()).collect() };
    let mut settling = Sent::default();
    read().into_iter().for_each(|sent| settling += sent);

    let mut carried = Vec::new();
    for (turn, size) in setup.sizes.iter().enumerate() {
        let (before, started) = (read(), Instant::now());
        let mut published = Vec::new();
        for block in 0..setup.blocks {
            let number = turn as u64 * setup.blocks + block;
            let mut bytes = vec![0; *size];
            random.fill_bytes(&mut bytes);
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            published.push(Instant::now());
            orders[random.random_range(0..setup.nodes)].send(Order::Publish(bytes))?;
            sleep(setup.interval).await;
        }
        sleep(SETTLE).await;
        let first = turn as u64 * setup.blocks;
        let sent = read().into_iter().zip(before).map(|(after, before)| after - before).collect();
        let arrivals = sorted(&mut arrivals, first, &published);
        carried.push(Carried { size: *size, arrivals, sent, span: started.elapsed() });
    }
    Ok(Outcome { degrees, settling, carried })
}

/// Who dials whom: each pair at most once.
fn links(setup: &Setup, random: &mut StdRng) -> BTreeSet<(usize, usize)> {
    let mut links = BTreeSet::new();
    for from in 0..setup.nodes {
        let picked = index::sample(random, setup.nodes - 1, setup.dials);
        for to in picked.into_iter().map(|to| if to < from { to } else { to + 1 }) {
            if !links.contains(&(to, from)) {
                links.insert((from, to));
            }
        }
    }
    links
}

fn sorted(seen: &mut UnboundedReceiver<node::Seen>, first: u64, published: &[Instant]) -> Vec<Vec<Duration>> {
    let mut arrivals = vec![Vec::new(); published.len()];
    while let Ok(node::Seen { block, at }) = seen.try_recv() {
        let index = block.checked_sub(first).and_then(|index| usize::try_from(index).ok());
        if let Some((times, published)) =
            index.and_then(|index| Some((arrivals.get_mut(index)?, published.get(index)?)))
        {
            times.push(at - *published);
        }
    }
    arrivals.iter_mut().for_each(|times| times.sort_unstable());
    arrivals
}
