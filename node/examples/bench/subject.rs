//! What is measured, from start to stop.

use crate::{
    Kind, Options,
    fleet::{self, Fleet, Node},
    ground::{self, BASE_FEE, node_directory},
    process::Process,
    transactions::CHAIN_ID,
    workload::Accounts,
    workloads::Workloads,
};
use alloy_primitives::keccak256;
use eyre::{WrapErr, ensure};
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

const POLL: Duration = Duration::from_millis(20);

/// What the nodes log: what there is by default, and how long blocks take.
const LOG_FILTER: &str = "info,libp2p_gossipsub=error,baton_node::engine::executor=debug";

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
    let process = Process::start(&mut command, &place.join("log"))?;
    let mut node = Node::new(process, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let started = Instant::now();
    while node.client.ask("eth_chainId", json!([])).await.is_err() {
        node.process.check().wrap_err("anvil does not run")?;
        ensure!(started.elapsed() < PATIENCE, "anvil does not answer after {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
    for address in accounts.funded() {
        node.client.ask("anvil_setBalance", json!([address, Accounts::fortune()])).await?;
    }
    Ok(node)
}

async fn batons(options: &Options, accounts: &Accounts, place: &Path, count: usize) -> eyre::Result<Vec<Node>> {
    let genesis = ground::write(options, accounts, place, count)?;
    let directories: Vec<_> = (0..count).map(|index| node_directory(place, index)).collect();
    let fleet = Fleet {
        program: &options.baton,
        genesis: &genesis,
        directories: &directories,
        arguments: &["--log-filter", LOG_FILTER, "--log-format", "json"],
    };
    fleet.start(async |ready| Ok(fleet::addresses(ready))).await
}
