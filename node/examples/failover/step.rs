//! Whether all nodes are in step, which is how a round begins and ends.

use crate::{client::Client, mesh::Mesh};
use alloy_primitives::{Address, U64};
use eyre::{OptionExt, bail, eyre};
use futures::future::try_join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the nodes may take to be in step.
const PATIENCE: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(50);

/// By how many blocks heads that are asked for one after the other may differ.
const SLACK: u64 = 1;

/// Who does what while everyone is in step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) term: u64,
    pub(crate) scheduler: usize,
    pub(crate) leader: usize,
    /// The lowest head.
    pub(crate) height: u64,
    /// The first and last height of the running epoch.
    pub(crate) epoch: (u64, u64),
}

impl Standing {
    /// Whether the leader has begun and has half of its epoch before it, so that its end is felt.
    pub(crate) const fn is_leading(&self) -> bool {
        let (first, last) = self.epoch;
        self.height >= first && self.height + (last - first).div_ceil(2) <= last
    }
}

/// Waits until all nodes are in step, and have final what is above `above`; at a moment that `suits`.
///
/// In step: every node runs, follows the head and has the same term, asks for no other, counts every member as live, has
/// the same block at a head that differs by one at most; the scheduler holds nothing against anyone's leading.
///
/// # Errors
/// When a node has ended, or after two minutes.
pub(crate) async fn wait(mesh: &mut Mesh, above: u64, suits: impl Fn(&Standing) -> bool) -> eyre::Result<Standing> {
    let started = Instant::now();
    loop {
        mesh.check()?;
        let lacking = match look(mesh, above).await {
            Ok(standing) if suits(&standing) => return Ok(standing),
            Ok(standing) => format!("no suitable moment came, at last {standing:?}"),
            Err(lacking) => format!("{lacking:#}"),
        };
        if started.elapsed() > PATIENCE {
            bail!("the nodes are not in step after {PATIENCE:?}: {lacking}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// One look; the error says what is lacking.
async fn look(mesh: &Mesh, above: u64) -> eyre::Result<Standing> {
    let clients = mesh.clients()?;
    let views = try_join_all(clients.iter().enumerate().map(|(node, client)| async move {
        let view = tokio::try_join!(client.ask("baton_status", json!([])), client.ask("baton_sequencers", json!([])));
        view.map_err(|error| error.wrap_err(format!("node {node}")))
    }));
    let views = views.await?;
    let (first, _) = views.first().ok_or_eyre("there are no nodes")?;
    let term = number(&first["term"])?;
    let mut heights = Vec::with_capacity(views.len());
    for (node, (status, sequencers)) in views.iter().enumerate() {
        let is = |name: &str| format!("node {node}: {name} is {}", status[name]);
        if status["term"] != first["term"] || status["fence"] != status["term"] {
            bail!("{}, {}, and node 0: {}", is("term"), is("fence"), first["term"]);
        }
        if status["syncing"] != false {
            bail!(is("syncing"));
        }
        let sequencers = sequencers.as_array().ok_or_eyre("`baton_sequencers` is no list")?;
        if let Some(silent) = sequencers.iter().find(|member| member["live"] != true) {
            bail!("node {node} does not count {} as live", silent["address"]);
        }
        let blamed = |member: &&Value| member["strikes"] != 0 || !member["jailedUntilEpoch"].is_null();
        if let Some(blamed) = sequencers.iter().find(blamed).filter(|_| status["role"] == "scheduler") {
            bail!("the scheduler, node {node}, has not seen {} lead well yet", blamed["address"]);
        }
        let finalized = number(&status["finalized"]["number"])?;
        if finalized <= above {
            bail!("node {node} has block {finalized} final, and nothing above {above}");
        }
        heights.push(number(&status["head"]["number"])?);
    }
    let (low, high) = (heights.iter().min().copied().unwrap_or(0), heights.iter().max().copied().unwrap_or(0));
    if high - low > SLACK {
        bail!("the heads are {heights:?}");
    }
    same_block(&clients, low).await?;
    let scheduler: Address = parse(&first["scheduler"])?;
    let scheduler = mesh.node_of(scheduler).ok_or_else(|| eyre!("the scheduler {scheduler} is a stranger"))?;
    let epoch = clients[scheduler].ask("baton_epoch", json!([])).await?;
    let leader: Address = parse(&epoch["leader"])?;
    let leader = mesh.node_of(leader).ok_or_else(|| eyre!("the leader {leader} is a stranger"))?;
    // Since the heads were asked for, one may have been added.
    let height = clients[scheduler].ask("eth_blockNumber", json!([])).await?;
    let height: U64 = parse(&height)?;
    Ok(Standing {
        term,
        scheduler,
        leader,
        height: height.to(),
        epoch: (number(&epoch["first"])?, number(&epoch["last"])?),
    })
}

async fn same_block(clients: &[Client], height: u64) -> eyre::Result<()> {
    let question = || json!([format!("{height:#x}"), false]);
    let blocks = try_join_all(clients.iter().map(|client| client.ask("eth_getBlockByNumber", question()))).await?;
    let hashes: Vec<_> = blocks.iter().map(|block| &block["hash"]).collect();
    match hashes.windows(2).all(|pair| pair[0] == pair[1] && pair[0].is_string()) {
        true => Ok(()),
        false => bail!("block {height} is {hashes:?}"),
    }
}

fn number(value: &Value) -> eyre::Result<u64> {
    value.as_u64().ok_or_else(|| eyre!("{value} is no number"))
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> eyre::Result<T> {
    serde_json::from_value(value.clone()).map_err(|error| eyre!("{value}: {error}"))
}
