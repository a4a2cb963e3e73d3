//! Nodes that log the steps from a block to its finality.

use crate::{
    course::{self, Course},
    fleet::{self, Fleet, Node},
    ground::{self, Ground},
    links::Links,
    options::Options,
};
use alloy_primitives::Address;
use baton_consensus::Parameters;
use eyre::{ensure, eyre};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What the nodes log: what there is by default, and the steps.
const LOG_FILTER: &str =
    "info,libp2p_gossipsub=error,baton_node::engine::course=debug,baton_node::engine::executor=debug";

/// How long it may take until blocks become final.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(50);

/// A mesh, and the links between its nodes if they are slowed down.
pub(crate) struct Mesh {
    pub(crate) nodes: Vec<Node>,
    // Dropped after the nodes.
    links: Option<Links>,
}

impl Mesh {
    /// Starts so many nodes from nothing, with the default parameters; `funded` hold something. Each node knows those before
    /// it by the addresses of their links, if there are any.
    pub(crate) async fn start(
        options: &Options,
        place: &Path,
        count: usize,
        delay: Duration,
        arguments: &[&str],
        funded: impl Iterator<Item = Address>,
    ) -> eyre::Result<Self> {
        let parameters = Parameters::default();
        let further = ["--gas-limit", "600000000"];
        let ground = ground::write(&options.baton, &parameters, &further, place, count, funded)?;
        let Ground { genesis, directories, .. } = &ground;
        let arguments = [&["--log-filter", LOG_FILTER, "--log-format", "json"], arguments].concat();
        let fleet = Fleet { program: &options.baton, genesis, directories, arguments: &arguments };
        let mut links = (!delay.is_zero()).then(|| Links::new(delay));
        let nodes = fleet
            .start(async |ready| match &mut links {
                Some(links) => links.open(ready).await,
                None => Ok(fleet::addresses(ready)),
            })
            .await?;
        Ok(Self { nodes, links })
    }

    /// Waits until every node has something final.
    pub(crate) async fn until_final(&self) -> eyre::Result<()> {
        let started = Instant::now();
        for (index, node) in self.nodes.iter().enumerate() {
            while node.client.ask("baton_status", json!([])).await?["finalized"]["number"].as_u64().unwrap_or(0) == 0 {
                ensure!(started.elapsed() < PATIENCE, "node {index} has nothing final after {PATIENCE:?}");
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// Fails if nodes found another way to each other than their links.
    pub(crate) async fn check_links(&self) -> eyre::Result<()> {
        let Some(links) = &self.links else { return Ok(()) };
        for (index, node) in self.nodes.iter().enumerate() {
            let peers = node.client.ask("baton_peers", json!([])).await?;
            let peers = peers.as_array().ok_or_else(|| eyre!("`baton_peers` of node {index} is no list"))?;
            ensure!(peers.len() + 1 == self.nodes.len(), "node {index} has {} peers", peers.len());
            let around = peers.iter().filter(|peer| peer["direction"] == "outbound");
            let mut around = around.filter_map(|peer| peer["address"].as_str()).filter(|it| !links.is_one(it));
            if let Some(address) = around.next() {
                return Err(eyre!("node {index} goes around its links, to {address}"));
            }
        }
        Ok(())
    }

    /// Stops the nodes; what each logged.
    pub(crate) fn stop(self) -> eyre::Result<Vec<Course>> {
        let logs: Vec<PathBuf> = self.nodes.iter().map(|node| node.process.log().to_owned()).collect();
        self.nodes.into_iter().for_each(|node| node.process.stop());
        logs.iter().map(|log| course::read(log)).collect()
    }
}
