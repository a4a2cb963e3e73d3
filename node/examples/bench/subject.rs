//! What is measured, from start to stop.

use crate::{
    Kind, Options,
    baton::{ANY_PORTS, Launch},
    client::Client,
    ground::{self, BASE_FEE, node_directory},
    process::Process,
    transactions::CHAIN_ID,
    workload::{Accounts, Workloads},
};
use alloy_primitives::keccak256;
use baton_node::config::Ready;
use eyre::{WrapErr, bail, ensure};
use serde_json::json;
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// How long anything may take before the load starts.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// What the nodes log: what there is by default, and how long blocks take.
const LOG_FILTER: &str = "info,libp2p_gossipsub=error,baton_node::engine::executor=debug";

/// One process of it.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) client: Client,
}

/// anvil, a node or a mesh, ready for the load: its accounts are funded and the token is deployed.
pub(crate) struct Subject {
    pub(crate) nodes: Vec<Node>,
}

impl Subject {
    pub(crate) async fn start(options: &Options, work: &Workloads, kind: Kind, place: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(place).wrap_err_with(|| format!("cannot create {}", place.display()))?;
        let nodes = match kind {
            Kind::Anvil => vec![anvil(options, &work.accounts, place).await?],
            Kind::One => batons(options, &work.accounts, place, 1).await?,
            Kind::Four => batons(options, &work.accounts, place, 4).await?,
        };
        let subject = Self { nodes };
        subject.deploy(work).await?;
        Ok(subject)
    }

    /// The logs of the nodes.
    pub(crate) fn logs(&self) -> Vec<PathBuf> {
        self.nodes.iter().map(|node| node.process.log().to_owned()).collect()
    }

    /// Which node follows and never leads: the scheduler of a mesh. The only node of a set of one does everything.
    pub(crate) async fn follower(&self) -> Option<usize> {
        for (index, node) in self.nodes.iter().enumerate() {
            let status = node.client.ask("baton_status", json!([])).await.ok()?;
            if self.nodes.len() > 1 && status["role"] == "scheduler" {
                return Some(index);
            }
        }
        None
    }

    pub(crate) fn stop(self) {
        self.nodes.into_iter().for_each(|node| node.process.stop());
    }

    /// Deploys the token and waits until every node has it.
    async fn deploy(&self, work: &Workloads) -> eyre::Result<()> {
        let hash = keccak256(&work.deployment);
        self.nodes[0].client.ask("eth_sendRawTransaction", json!([work.deployment])).await?;
        for node in &self.nodes {
            let started = Instant::now();
            loop {
                let receipt = node.client.ask("eth_getTransactionReceipt", json!([hash])).await?;
                if !receipt.is_null() {
                    ensure!(receipt["status"] == "0x1", "deploying the token failed: {receipt}");
                    break;
                }
                ensure!(started.elapsed() < PATIENCE, "the token is in no block after {PATIENCE:?}");
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }
}

async fn anvil(options: &Options, accounts: &Accounts, place: &Path) -> eyre::Result<Node> {
    // A port that is free now; nothing else on this machine asks for just this one.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut command = Command::new(&options.anvil);
    command
        .args(["--silent", "--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--block-time", "1", "--accounts", "1", "--no-request-size-limit"])
        .args(["--chain-id", &CHAIN_ID.to_string()])
        .args(["--gas-limit", &options.gas_limit.to_string()])
        .args(["--block-base-fee-per-gas", &BASE_FEE.to_string()]);
    let mut process = Process::start(&mut command, &place.join("log"))?;
    let client = Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ANSWER_TIMEOUT)?;
    let started = Instant::now();
    while client.ask("eth_chainId", json!([])).await.is_err() {
        process.check().wrap_err("anvil does not run")?;
        ensure!(started.elapsed() < PATIENCE, "anvil does not answer after {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
    for address in accounts.funded() {
        client.ask("anvil_setBalance", json!([address, Accounts::fortune()])).await?;
    }
    Ok(Node { process, client })
}

async fn batons(options: &Options, accounts: &Accounts, place: &Path, count: usize) -> eyre::Result<Vec<Node>> {
    let genesis = ground::write(options, accounts, place, count)?;
    let (mut nodes, mut bootnodes) = (Vec::new(), Vec::new());
    for index in 0..count {
        let (node, ready) = baton(options, &genesis, &node_directory(place, index), &bootnodes)
            .await
            .wrap_err_with(|| format!("node {index} does not run"))?;
        bootnodes.extend(ready.p2p.iter().map(ToString::to_string));
        nodes.push(node);
    }
    // All know each other, and blocks come.
    let started = Instant::now();
    for node in &nodes {
        loop {
            let status = node.client.ask("baton_status", json!([])).await?;
            let peers = status["peers"].as_u64().unwrap_or_default();
            let head = status["head"]["number"].as_u64().unwrap_or_default();
            if peers + 1 >= count as u64 && head > 0 {
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

async fn baton(
    options: &Options,
    genesis: &Path,
    directory: &Path,
    bootnodes: &[String],
) -> eyre::Result<(Node, Ready)> {
    let launch = Launch {
        program: &options.baton,
        genesis,
        directory,
        bootnodes,
        listen: ANY_PORTS,
        arguments: &["--log-filter", LOG_FILTER, "--log-format", "json"],
    };
    let (process, ready) = launch.start().await?;
    Ok((Node { process, client: Client::new(ready.rpc, ANSWER_TIMEOUT)? }, ready))
}
