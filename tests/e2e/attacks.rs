//! A peer that means harm, against four sequencers and an observer: blocks flow as before, memory stays bounded, nobody
//! crashes, nothing forks, and no honest peer is sent away.
//!
//! The attacker is a process of its own (`tests/hostile`): this program once more, told by its environment what to do. It
//! runs at the lowest priority. On a machine of the nodes' own, a flood would cost them no processor time before it has
//! come over the wire; here it would, and that is not what is measured.

mod limits;

use crate::{
    harness::{CHAIN_ID, Net, Node, Plan, Slot, until},
    hostile::{self, Attack, Order, Tally},
};
use baton_node::genesis::Genesis;
use eyre::{OptionExt, WrapErr, ensure};
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    env,
    net::Ipv4Addr,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::process::Command;

/// What the attacker is told to do, as JSON.
const ORDER: &str = "BATON_E2E_ORDER";

/// How many seconds of each attack the long test measures.
const SECONDS: &str = "BATON_E2E_ATTACK_SECONDS";

/// The attacks that the long test is about, by their names with commas between; all if it is not set.
const ATTACKS: &str = "BATON_E2E_ATTACKS";

/// How the attacker's last line begins.
const SAID: &str = "the attack: ";

/// How much longer a block may take under attack than in calm: the p99 of the intervals between blocks.
const SLOWER: f64 = 1.5;

/// The same where other tests' builds may be running, and a hundredth of the intervals is a handful.
const MUCH_SLOWER: f64 = 4.0;

/// How much memory an attack may cost a node that it does not give back at once, in KiB.
const MORE_MEMORY: u64 = 192 << 10;

/// How long a node may take to be as it was.
const RECOVERY: Duration = Duration::from_secs(60);

/// From when on the p99 of an attack is not its one slow block.
const LONG: Duration = Duration::from_secs(20);

/// Block times below which a test machine's own unrest would be measured.
const PLAN_BLOCK_TIME: Duration = Duration::from_millis(200);

/// How long the attacker may take until it has come to something.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to begin and to end.
const GRACE: Duration = Duration::from_secs(20);

/// When each node got each head.
#[derive(Debug, Default)]
struct Watch(Vec<Arc<Mutex<Vec<Instant>>>>);

/// What a node's heads and memory were like in a while.
#[derive(Clone, Debug)]
struct Spell {
    /// Between a head and the next, over all nodes, shortest first.
    intervals: Vec<Duration>,
    /// The most that a node took, in KiB.
    memory: u64,
}

impl Watch {
    async fn start(net: &Net) -> eyre::Result<Self> {
        let mut watch = Self::default();
        for node in &net.nodes {
            let url = node.rpc()?.url.replacen("http", "ws", 1);
            let client = WsClientBuilder::default().build(url).await?;
            let mut heads: Subscription<Value> =
                client.subscribe("eth_subscribe", rpc_params!["newHeads"], "eth_unsubscribe").await?;
            let times = Arc::new(Mutex::new(Vec::new()));
            watch.0.push(Arc::clone(&times));
            tokio::spawn(async move {
                // The subscription ends with its client.
                let _client = client;
                while let Some(Ok(_)) = heads.next().await {
                    times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
            });
        }
        Ok(watch)
    }

    /// The intervals that ended between two moments. What had not ended by then counts as far as it lasted.
    fn intervals(&self, from: Instant, to: Instant) -> Vec<Duration> {
        let mut intervals = Vec::new();
        for times in &self.0 {
            let times = times.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = times.windows(2).filter(|pair| (from..to).contains(&pair[1])).map(|pair| pair[1] - pair[0]);
            intervals.extend(ended);
            let last = times.iter().rfind(|time| **time < to).copied().unwrap_or(from);
            let open = to.saturating_duration_since(last);
            if open > PLAN_BLOCK_TIME * 2 {
                intervals.push(open);
            }
        }
        intervals.sort_unstable();
        intervals
    }
}

impl Spell {
    /// Looks on until `over` is.
    async fn during<T>(net: &Net, watch: &Watch, over: impl Future<Output = T>) -> eyre::Result<(Self, T)> {
        let began = Instant::now();
        let mut memory = 0;
        let mut look = tokio::time::interval(Duration::from_millis(250));
        tokio::pin!(over);
        let value = loop {
            tokio::select! {
                value = &mut over => break value,
                _ = look.tick() => for node in &net.nodes {
                    memory = memory.max(node.memory()?);
                },
            }
        };
        Ok((Self { intervals: watch.intervals(began, Instant::now()), memory }, value))
    }

    fn quantile(&self, part: f64) -> Duration {
        quantile(&self.intervals, part)
    }
}

fn quantile(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

/// The attacker's process: see [`attack`].
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the attacker's process, which other tests start"]
async fn attacker() -> eyre::Result<()> {
    let Ok(order) = env::var(ORDER) else { return Ok(()) };
    let tally = hostile::run(serde_json::from_str(&order)?).await;
    println!("\n{SAID}{}", serde_json::to_string(&tally)?);
    Ok(())
}

/// Runs the attacker to its end.
async fn attack(order: Order) -> eyre::Result<Tally> {
    let program = env::current_exe()?;
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program);
    command.args(["attacks::attacker", "--exact", "--ignored", "--nocapture"]);
    command.env(ORDER, serde_json::to_string(&order)?);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let patience = Duration::from_millis(order.patience_milliseconds) + GRACE;
    let output = tokio::time::timeout(patience, command.output()).await;
    let output = output.wrap_err("the attacker does not end")?.wrap_err("cannot start the attacker")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix(SAID));
    let failed = || format!("the attacker failed: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_str(line.ok_or_else(|| eyre::eyre!(failed()))?)?)
}

/// Four sequencers and an observer.
async fn mesh(slot: Slot) -> eyre::Result<Net> {
    let mut net = Net::start_in(Plan::patient(&[1, 1, 1, 1], 1), slot).await?;
    net.add_observer().await?;
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 5, RECOVERY).await?;
    Ok(net)
}

fn order(net: &Net, attack: Attack, duration: Duration) -> eyre::Result<Order> {
    let genesis = Genesis::load(&net.genesis)?;
    let electorate = genesis.reign().electorate;
    let is_tcp = |address: &&Multiaddr| address.iter().any(|part| matches!(part, Protocol::Tcp(_)));
    let targets = net.nodes.iter().filter_map(|node| node.addresses().iter().find(is_tcp).cloned()).collect();
    let context = electorate.context;
    ensure!(context.chain_id == CHAIN_ID, "{context:?}");
    Ok(Order {
        attack,
        targets,
        from: Ipv4Addr::LOCALHOST,
        chain_id: context.chain_id,
        genesis_hash: context.genesis_hash,
        set_root: electorate.set_root,
        milliseconds: u64::try_from(duration.as_millis())?,
        patience_milliseconds: u64::try_from((duration + PATIENCE).as_millis())?,
    })
}

fn peer_ids(net: &Net) -> eyre::Result<Vec<PeerId>> {
    let id = |node: &Node| {
        let last = node.addresses().first().and_then(|address| address.iter().last());
        match last {
            Some(Protocol::P2p(peer)) => Ok(peer),
            other => Err(eyre::eyre!("a node's address ends with {other:?}")),
        }
    };
    net.nodes.iter().map(id).collect()
}

/// No crash, no fork, and every honest node has every other one for a peer.
async fn stands(net: &mut Net) -> eyre::Result<()> {
    for (index, node) in net.nodes.iter_mut().enumerate() {
        ensure!(node.exited()?.is_none(), "node {index} ended");
    }
    let ids = peer_ids(net)?;
    for (index, node) in net.nodes.iter().enumerate() {
        let (rpc, own) = (node.rpc()?, ids.get(index));
        let what = format!("node {index} is connected to all other honest ones");
        until(RECOVERY, &what, async || {
            let peers: Vec<Value> = rpc.ask("baton_peers", json!([])).await?;
            let known: BTreeSet<_> = peers.iter().filter_map(|peer| peer["peerId"].as_str()).collect();
            let missing = ids.iter().filter(|id| Some(*id) != own && !known.contains(id.to_string().as_str())).count();
            ensure!(missing == 0, "{missing} are missing among {known:?}");
            Ok(Some(()))
        })
        .await?;
        // Whoever is sent away for being slow may come back at once.
        let is_blamed = |line: &&str| line.contains(" banned: the peer") || line.contains(" sent away: the peer");
        for line in node.log().lines().filter(is_blamed).filter(|line| !line.contains("did not answer in time")) {
            let honest = ids.iter().find(|id| line.contains(&id.to_string()));
            ensure!(honest.is_none(), "node {index} sent an honest peer away: {line}");
        }
    }
    let height = net.rpc(0)?.height().await?;
    net.reach(height + 5, RECOVERY).await?;
    net.agree().await?;
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Measures calm, then every attack; what they were like is printed as the lines of a table. Blocks take at most `slower` times
/// as long as in calm, over all attacks, and in each of them if that is long enough to tell.
async fn measure(calm: Duration, each: Duration, attacks: &[Attack], slower: f64) -> eyre::Result<()> {
    let mut net = mesh(Slot::take_all().await?).await?;
    let watch = Watch::start(&net).await?;
    let (calm, ()) = Spell::during(&net, &watch, tokio::time::sleep(calm)).await?;
    let line = |name: &str, spell: &Spell, tally: Option<Tally>| {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| milliseconds(spell.quantile(part)));
        let tally = tally.unwrap_or_default();
        eprintln!(
            "| {name} | {} | {p50:.0} | {p99:.0} | {max:.0} | {} | {} | {} | {} | {} |",
            spell.intervals.len(),
            spell.memory >> 10,
            tally.sent,
            tally.connections,
            tally.refused,
            tally.cut
        );
    };
    eprintln!("| attack | intervals | p50 ms | p99 ms | max ms | memory MiB | sent | connections | refused | cut |");
    line("calm", &calm, None);
    let limit = calm.quantile(0.99).mul_f64(slower);
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for attack_kind in attacks {
        let (spell, tally) = Spell::during(&net, &watch, attack(order(&net, *attack_kind, each)?)).await?;
        let tally = tally.wrap_err_with(|| format!("{attack_kind:?}"))?;
        let name = serde_json::to_value(attack_kind)?;
        line(name.as_str().ok_or_eyre("an attack without a name")?, &spell, Some(tally));
        stands(&mut net).await.wrap_err_with(|| format!("after {attack_kind:?}"))?;
        if !tally.has_come_to_something(*attack_kind) {
            problems.push(format!("{attack_kind:?} has come to nothing: {tally:?}"));
        }
        if spell.memory > calm.memory + MORE_MEMORY {
            problems.push(format!("{attack_kind:?}: {} KiB of memory, {} before", spell.memory, calm.memory));
        }
        if each >= LONG && spell.quantile(0.99) > limit {
            problems.push(format!("{attack_kind:?}: p99 {:?} of block intervals", spell.quantile(0.99)));
        }
        all.extend(spell.intervals);
    }
    all.sort_unstable();
    let (p99, calm_p99) = (quantile(&all, 0.99), calm.quantile(0.99));
    eprintln!("p99 of block intervals: {p99:?} under attack, {calm_p99:?} in calm");
    ensure!(p99 <= limit, "p99 of block intervals is {p99:?} under attack, {calm_p99:?} in calm");
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    net.finish()
}

/// Some seconds of everything.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_flow_under_attack() -> eyre::Result<()> {
    measure(Duration::from_secs(15), Duration::from_secs(3), &Attack::ALL, MUCH_SLOWER).await
}

/// Long enough for figures: `scripts/attacks.sh`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: scripts/attacks.sh"]
async fn attacks_at_length() -> eyre::Result<()> {
    let seconds = env::var(SECONDS).ok().map(|seconds| seconds.parse()).transpose()?.unwrap_or(30);
    let named = env::var(ATTACKS).ok();
    let attacks = match &named {
        None => Attack::ALL.to_vec(),
        Some(names) => {
            let attack = |name: &str| serde_json::from_value(json!(name)).wrap_err_with(|| format!("no attack {name}"));
            names.split(',').map(attack).collect::<eyre::Result<_>>()?
        }
    };
    let each = Duration::from_secs(seconds);
    measure(each * 2, each, &attacks, SLOWER).await
}
