//! Nodes of one chain that are started once, run, and are stopped.

use crate::{baton::Launch, client::Client, process::Process};
use baton_node::config::Ready;
use eyre::{WrapErr, bail};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the nodes may take until all know each other and blocks come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// A node that runs.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) client: Client,
}

impl Node {
    pub(crate) fn new(process: Process, rpc: std::net::SocketAddr) -> eyre::Result<Self> {
        Ok(Self { process, client: Client::new(rpc, ANSWER_TIMEOUT)? })
    }
}

/// What is started.
pub(crate) struct Fleet<'a> {
    pub(crate) program: &'a Path,
    pub(crate) genesis: &'a Path,
    /// Where each node has its files.
    pub(crate) directories: &'a [PathBuf],
    /// Further arguments.
    pub(crate) arguments: &'a [&'a str],
}

impl Fleet<'_> {
    /// Starts the nodes one after the other and waits until all know each other and blocks come. `bootnodes` tells where a
    /// node finds those that were started before it.
    pub(crate) async fn start(
        &self,
        mut bootnodes: impl AsyncFnMut(&[Ready]) -> eyre::Result<Vec<String>>,
    ) -> eyre::Result<Vec<Node>> {
        let (mut nodes, mut ready) = (Vec::new(), Vec::new());
        for (index, directory) in self.directories.iter().enumerate() {
            let launch = Launch {
                program: self.program,
                genesis: self.genesis,
                directory,
                bootnodes: &bootnodes(&ready).await?,
                listen: crate::baton::ANY_PORTS,
                arguments: self.arguments,
            };
            let (process, listens) = launch.start().await.wrap_err_with(|| format!("node {index} does not run"))?;
            nodes.push(Node::new(process, listens.rpc)?);
            ready.push(listens);
        }
        let started = Instant::now();
        for node in &nodes {
            loop {
                let status = node.client.ask("baton_status", json!([])).await?;
                let peers = status["peers"].as_u64().unwrap_or_default();
                let head = status["head"]["number"].as_u64().unwrap_or_default();
                if peers + 1 >= nodes.len() as u64 && head > 0 {
                    break;
                }
                if started.elapsed() > PATIENCE {
                    bail!("the mesh makes no progress after {PATIENCE:?}: {status}");
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(nodes)
    }
}

/// Where the nodes themselves listen.
pub(crate) fn addresses(ready: &[Ready]) -> Vec<String> {
    ready.iter().flat_map(|ready| &ready.p2p).map(ToString::to_string).collect()
}

/// Which node follows and never leads: the scheduler of a mesh. The only node of a set of one does everything.
pub(crate) async fn follower(nodes: &[Node]) -> Option<usize> {
    for (index, node) in nodes.iter().enumerate() {
        let status = node.client.ask("baton_status", json!([])).await.ok()?;
        if nodes.len() > 1 && status["role"] == "scheduler" {
            return Some(index);
        }
    }
    None
}
