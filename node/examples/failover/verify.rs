//! The end: what was accepted must be in the chain, and the chain must be the same on all nodes.

use crate::{client::Client, mesh::Mesh, step};
use alloy_primitives::B256;
use eyre::{OptionExt, WrapErr};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// How long accepted transactions may take into a block once nothing new is sent.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a node may take to the height up to which the nodes are compared.
const CATCH_UP: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(100);

/// How many blocks are asked for at once.
const PARALLEL: usize = 8;

/// What was found.
pub(crate) struct Verdict {
    /// The accepted transactions that are missing on some node.
    pub(crate) lost: HashSet<B256>,
    /// What speaks against the mesh, each in a sentence.
    pub(crate) problems: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    hash: B256,
    state_root: B256,
    transactions: Vec<B256>,
}

/// Lets everything arrive, and compares every block on every node.
pub(crate) async fn verify(mesh: &mut Mesh, accepted: &[B256]) -> eyre::Result<Verdict> {
    step::wait(mesh, 0, |_| true).await?;
    let clients = mesh.clients()?;
    let height = settle(clients.first().ok_or_eyre("there are no nodes")?, accepted).await?;
    let mut chains = Vec::with_capacity(clients.len());
    for (node, client) in clients.iter().enumerate() {
        let started = Instant::now();
        while head(client).await? < height && started.elapsed() < CATCH_UP {
            tokio::time::sleep(POLL).await;
        }
        chains.push(blocks(client, 1, height).await.wrap_err_with(|| format!("node {node}"))?);
    }
    let (mut lost, mut problems) = (HashSet::new(), Vec::new());
    for (node, chain) in chains.iter().enumerate() {
        let included: HashSet<_> = chain.iter().flat_map(|block| &block.transactions).collect();
        lost.extend(accepted.iter().filter(|hash| !included.contains(hash)));
        let same = |(ours, theirs): (&Block, &Block)| ours.hash == theirs.hash && ours.state_root == theirs.state_root;
        if let Some(index) = chains[0].iter().zip(chain).position(|pair| !same(pair)) {
            problems.push(format!("node {node} has another block {}, or state root, than node 0", index + 1));
        }
    }
    Ok(Verdict { lost, problems })
}

/// Waits until a node has every accepted transaction in a block, or the time is up; its head then.
async fn settle(client: &Client, accepted: &[B256]) -> eyre::Result<u64> {
    let mut missing: HashSet<_> = accepted.iter().collect();
    let (mut next, started) = (1, Instant::now());
    loop {
        let height = head(client).await?;
        for block in blocks(client, next, height).await? {
            for hash in &block.transactions {
                missing.remove(hash);
            }
        }
        if missing.is_empty() || started.elapsed() > SETTLE_TIMEOUT {
            return Ok(height);
        }
        next = height + 1;
        tokio::time::sleep(POLL).await;
    }
}

async fn head(client: &Client) -> eyre::Result<u64> {
    client.number("eth_blockNumber", json!([])).await
}

async fn blocks(client: &Client, from: u64, to: u64) -> eyre::Result<Vec<Block>> {
    let questions = (from..=to).map(|height| async move {
        let block = client.ask("eth_getBlockByNumber", json!([format!("{height:#x}"), false])).await?;
        serde_json::from_value::<Block>(block).wrap_err_with(|| format!("it does not tell block {height}"))
    });
    stream::iter(questions).buffered(PARALLEL).try_collect().await
}
