//! One mesh, from its start to its end: blocks of every size in turn.

use crate::{
    cpu::{busy, cpu_of},
    fleet::{self, Fleet, Node},
    ground::{self, Ground},
    log,
    options::{Form, Options},
    sockets::Sent,
    workload::{Accounts, Body},
};
use baton_consensus::Parameters;
use baton_node::config::Ready;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// What the nodes log: what there is by default, when a block leaves its leader, and when another node has all of it.
const LOG_FILTER: &str = "info,libp2p_gossipsub=error,baton_node::engine::course=debug,baton_node::chain::recent=debug";

/// How much later than it is due a block may be.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// What the nodes are given for what they still have to say before their connections are looked at.
const BREATH: Duration = Duration::from_millis(300);

/// The blocks of one size in one mesh.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) nodes: usize,
    pub(crate) form: Form,
    /// Transactions that each block was to have.
    pub(crate) transactions: usize,
    /// Blocks of that size.
    pub(crate) blocks: usize,
    /// Blocks of another size, which are left out.
    pub(crate) others: usize,
    /// From the leader's publication until another node had all of the block, in ms: each other node of each block.
    pub(crate) each: Vec<f64>,
    /// The same for the last node of each block.
    pub(crate) last: Vec<f64>,
    /// Nodes that got a block in another way than on the mesh, or not at all, summed over all blocks.
    pub(crate) missed: usize,
    /// Bytes that a node sent for a block, with all that was said meanwhile: on average, and the node that sent most.
    pub(crate) bytes: (f64, f64),
    /// Processors that the nodes kept busy, and everything else but this program.
    pub(crate) processors: (f64, f64),
}

/// A span in which blocks of one size came.
struct Turn {
    transactions: usize,
    /// Heights with how many transactions were in the block.
    blocks: Vec<(u64, usize)>,
    bytes: Vec<u64>,
    processors: (f64, f64),
}

/// Runs a mesh.
pub(crate) async fn measure(
    options: &Options,
    (nodes, form): (usize, Form),
    place: &Path,
    accounts: &Accounts,
    bodies: &[Vec<Body>],
) -> eyre::Result<Vec<Measured>> {
    let parameters = Parameters {
        block_time: options.block_time,
        leader_timeout: Duration::from_secs(20),
        heartbeat_interval: Duration::from_secs(1),
        heartbeat_timeout: Duration::from_secs(30),
        term_timeout: Duration::from_secs(60),
        ..Parameters::default()
    };
    let further = ["--gas-limit", "600000000", "--opening-timeout", "60s"];
    let ground = ground::write(&options.baton, &parameters, &further, place, nodes, accounts.funded())?;
    let Ground { genesis, directories, .. } = &ground;
    let mut arguments = vec!["--log-filter", LOG_FILTER, "--log-format", "json", "--database-cache", "32MiB"];
    arguments.extend((form == Form::Whole).then_some("--whole-blocks-for-measurements"));
    let fleet = Fleet { program: &options.baton, genesis, directories, arguments: &arguments };
    let mut rpcs = HashSet::new();
    let mesh = fleet
        .start(async |ready: &[Ready]| {
            rpcs.extend(ready.iter().map(|ready| ready.rpc));
            Ok(fleet::addresses(ready))
        })
        .await?;
    let last = Ready::read(&directories[nodes - 1].join("ready.json"))?.ok_or_eyre("no ready file")?;
    rpcs.insert(last.rpc);
    let mut turns = Vec::new();
    for (transactions, bodies) in options.transactions.iter().zip(bodies) {
        let turn = turn(options, &mesh, &rpcs, *transactions, bodies).await;
        turns.push(turn.wrap_err_with(|| format!("blocks of {transactions} transactions"))?);
    }
    let logs: Vec<_> = mesh.iter().map(|node| node.process.log().to_owned()).collect();
    mesh.into_iter().for_each(|node| node.process.stop());
    let logs = logs.iter().map(|path| Steps::read(path)).collect::<eyre::Result<Vec<_>>>()?;
    Ok(turns.iter().map(|turn| evaluate(turn, form, &logs)).collect())
}

async fn height(node: &Node) -> eyre::Result<u64> {
    node.client.number("eth_blockNumber", json!([])).await
}

/// Waits until all nodes have a block above this height; the lowest of their heights.
async fn next(mesh: &[Node], above: u64, patience: Duration) -> eyre::Result<u64> {
    let started = Instant::now();
    let mut lowest = u64::MAX;
    for (index, node) in mesh.iter().enumerate() {
        loop {
            let height = height(node).await?;
            if height > above {
                lowest = lowest.min(height);
                break;
            }
            ensure!(started.elapsed() < patience, "node {index} has no block above {above} after {patience:?}");
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(lowest)
}

async fn turn(
    options: &Options,
    mesh: &[Node],
    rpcs: &HashSet<std::net::SocketAddr>,
    transactions: usize,
    bodies: &[Body],
) -> eyre::Result<Turn> {
    let patience = options.block_time + PATIENCE;
    let processes: HashSet<_> = mesh.iter().map(|node| node.process.id()).collect();
    let spent = || -> eyre::Result<(f64, f64)> {
        let nodes = processes.iter().map(|process| cpu_of(*process)).sum::<eyre::Result<f64>>()?;
        Ok((nodes, busy()? - cpu_of(std::process::id())? - nodes))
    };
    let mut height = next(mesh, height(&mesh[0]).await?, patience).await?;
    tokio::time::sleep(BREATH).await;
    let (before, cpu_before, started, first) = (Sent::read(&processes, rpcs)?, spent()?, Instant::now(), height + 1);
    for block in 0..options.blocks {
        if let Some(body) = bodies.get(block) {
            // Long before the next block is due. Each time another node takes them.
            let answer = mesh[block % mesh.len()].client.post(body.json.0.clone().into()).await?;
            let answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let answers = answer.as_array().ok_or_eyre("the answer is no list")?;
            let refused = answers.iter().find(|answer| answer.get("error").is_some_and(|error| !is_kept(error)));
            ensure!(refused.is_none() && answers.len() == body.transactions, "a transaction was refused: {refused:?}");
        }
        height = next(mesh, height, patience).await?;
    }
    tokio::time::sleep(BREATH).await;
    let (after, cpu_after, elapsed) = (Sent::read(&processes, rpcs)?, spent()?, started.elapsed().as_secs_f64());
    let by_process = after.since(&before);
    let mut blocks = Vec::new();
    for number in first..=height {
        let count = json!([format!("{number:#x}")]);
        let count = mesh[0].client.number("eth_getBlockTransactionCountByNumber", count).await?;
        blocks.push((number, usize::try_from(count)?));
    }
    Ok(Turn {
        transactions,
        blocks,
        bytes: mesh.iter().map(|node| by_process.get(&node.process.id()).copied().unwrap_or(0)).collect(),
        processors: ((cpu_after.0 - cpu_before.0) / elapsed, ((cpu_after.1 - cpu_before.1) / elapsed).max(0.0)),
    })
}

/// A transaction that no peer acknowledged in time is in the pool all the same, and on its way.
fn is_kept(error: &serde_json::Value) -> bool {
    error["message"].as_str().is_some_and(|message| message.starts_with("no peer acknowledged"))
}

/// What one node logged of blocks, by hash.
#[derive(Debug, Default)]
struct Steps {
    published: HashMap<String, SystemTime>,
    whole: HashMap<String, SystemTime>,
    chain: HashMap<u64, String>,
}

impl Steps {
    fn read(path: &Path) -> eyre::Result<Self> {
        let mut steps = Self::default();
        for (at, event) in log::read(path)? {
            let hash = event["hash"].as_str().unwrap_or_default().to_owned();
            match event["message"].as_str().unwrap_or_default() {
                "published" => drop(steps.published.entry(hash).or_insert(at)),
                "whole" => drop(steps.whole.entry(hash).or_insert(at)),
                "block" => drop(log::height(&event).map(|height| steps.chain.insert(height, hash))),
                _ => {}
            }
        }
        Ok(steps)
    }
}

fn evaluate(turn: &Turn, form: Form, logs: &[Steps]) -> Measured {
    let Turn { transactions, blocks, bytes, processors } = turn;
    let share = |bytes: u64| bytes as f64 / blocks.len() as f64;
    let mean = share(bytes.iter().sum()) / bytes.len() as f64;
    let mut measured = Measured {
        nodes: logs.len(),
        form,
        transactions: *transactions,
        blocks: 0,
        others: 0,
        each: Vec::new(),
        last: Vec::new(),
        missed: 0,
        bytes: (mean, bytes.iter().copied().map(share).fold(0.0, f64::max)),
        processors: *processors,
    };
    for (number, count) in blocks {
        let hash = logs.first().and_then(|steps| steps.chain.get(number));
        let leader = hash.and_then(|hash| logs.iter().position(|steps| steps.published.contains_key(hash)));
        let (Some(hash), Some(leader)) = (hash.filter(|_| count == transactions), leader) else {
            measured.others += 1;
            continue;
        };
        measured.blocks += 1;
        let published = logs[leader].published[hash];
        let others = logs.iter().enumerate().filter(|(index, _)| *index != leader);
        let took: Vec<_> = others
            .filter_map(|(_, steps)| steps.whole.get(hash))
            .map(|at| at.duration_since(published).unwrap_or_default().as_secs_f64() * 1e3)
            .collect();
        measured.missed += logs.len() - 1 - took.len();
        measured.last.extend(took.iter().copied().reduce(f64::max));
        measured.each.extend(took);
    }
    measured
}
