//! A network of nodes, made with the program's own commands.

use super::{Node, Rpc, Signed, Slot, Wallet, baton, run, until, wallets};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::TransactionReceipt;
use eyre::{OptionExt, WrapErr, bail, ensure, eyre};
use libp2p::Multiaddr;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// The chain id of the tests' networks.
pub(crate) const CHAIN_ID: u64 = 31_999;

/// How long a command line tool may take.
const COMMAND: Duration = Duration::from_secs(60);

/// How long a transaction may take into a block on a busy machine.
const INCLUSION: Duration = Duration::from_secs(60);

/// How long the nodes may take to find each other and to make the first blocks.
const OPENING: Duration = Duration::from_secs(60);

/// How long blocks may take to become final on a busy machine.
pub(crate) const FINALITY: Duration = Duration::from_secs(120);

/// How many lines of each log a failure shows.
const LAST_WORDS: usize = 40;

/// What a network is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The weight of each sequencer.
    pub(crate) stakes: &'static [u64],
    /// Further arguments of `baton genesis new`.
    pub(crate) genesis: &'static [&'static str],
    /// How many funded accounts.
    pub(crate) wallets: usize,
    /// Accounts that hold one wei.
    pub(crate) dust: Vec<Address>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { stakes: &[1], genesis: &["--finality", "depth-stake"], wallets: 8, dust: Vec::new() }
    }
}

impl Plan {
    /// Quorum finality, and so patient that nobody is replaced on a busy machine.
    pub(crate) fn patient(stakes: &'static [u64], wallets: usize) -> Self {
        const GENESIS: &[&str] = &[
            "--finality",
            "quorum",
            "--block-time",
            "200ms",
            "--leader-timeout",
            "10s",
            "--heartbeat-timeout",
            "20s",
            "--opening-timeout",
            "30s",
            "--term-timeout",
            "60s",
        ];
        Self { stakes, genesis: GENESIS, wallets, dust: Vec::new() }
    }

    /// The same with further arguments of `baton genesis new`. They live as long as the tests, as those of constants do.
    pub(crate) fn with(self, more: &[&'static str]) -> Self {
        Self { genesis: [self.genesis, more].concat().leak(), ..self }
    }
}

/// Sequencers that share a genesis, each with its files in a temporary directory.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) nodes: Vec<Node>,
    pub(crate) operators: Vec<Address>,
    pub(crate) wallets: Vec<Wallet>,
    pub(crate) genesis: PathBuf,
    directory: Option<TempDir>,
    passed: bool,
    _slot: Slot,
}

impl Net {
    /// Makes keys and genesis, and starts nothing.
    pub(crate) async fn prepare(plan: Plan, slot: Slot) -> eyre::Result<Self> {
        let directory = tempfile::Builder::new().prefix("baton-e2e-").tempdir()?;
        let genesis = directory.path().join("genesis.json");
        let mut net = Self {
            nodes: Vec::new(),
            operators: Vec::new(),
            wallets: wallets(CHAIN_ID, plan.wallets)?,
            genesis: genesis.clone(),
            directory: Some(directory),
            passed: false,
            _slot: slot,
        };
        for index in 0..plan.stakes.len() {
            let node = Node::new(net.path().join(format!("node{index}")), genesis.clone(), true);
            let keys = node.keys_dir().display().to_string();
            let printed = run(baton(["key", "new", "--json", "--dir", &keys]), COMMAND).await?.success()?;
            let printed: Value = serde_json::from_str(&printed).wrap_err("`baton key new --json` prints no JSON")?;
            let address = printed["address"].as_str().ok_or_eyre("`baton key new --json` prints no address")?;
            net.operators.push(address.parse()?);
            net.nodes.push(node);
        }
        net.write_genesis(&genesis, &plan).await?;
        Ok(net)
    }

    /// Makes a network and starts it: every node knows those before it.
    pub(crate) async fn start(plan: Plan) -> eyre::Result<Self> {
        Self::start_in(plan, Slot::take().await?).await
    }

    /// As [`start`](Self::start), for a test that waited for the slot itself.
    pub(crate) async fn start_in(plan: Plan, slot: Slot) -> eyre::Result<Self> {
        let mut net = Self::prepare(plan, slot).await?;
        net.start_all().await?;
        Ok(net)
    }

    /// Starts all nodes and waits until all are connected and blocks flow.
    pub(crate) async fn start_all(&mut self) -> eyre::Result<()> {
        for index in 0..self.nodes.len() {
            self.start_one(index).await?;
        }
        let others = self.nodes.len() - 1;
        for rpc in self.rpcs()? {
            until(OPENING, "every node is connected and has a block", async || {
                let status = rpc.status().await?;
                let connected = status["peers"].as_u64().is_some_and(|peers| peers >= others as u64);
                let grows = status["head"]["number"].as_u64().is_some_and(|number| number > 0);
                Ok((connected && grows).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Starts one node; it is told of all that are up.
    pub(crate) async fn start_one(&mut self, index: usize) -> eyre::Result<()> {
        let bootnodes = self.addresses();
        let node = self.nodes.get_mut(index).ok_or_eyre("no such node")?;
        node.start(&bootnodes).await.wrap_err_with(|| format!("node {index}"))
    }

    /// The peer-to-peer addresses of the nodes that are up.
    pub(crate) fn addresses(&self) -> Vec<Multiaddr> {
        self.nodes.iter().filter(|node| node.is_up()).flat_map(Node::addresses).cloned().collect()
    }

    /// Adds a node without keys and starts it; its index.
    pub(crate) async fn add_observer(&mut self) -> eyre::Result<usize> {
        self.add_observer_with(&[]).await
    }

    /// The same with further arguments of `baton node`.
    pub(crate) async fn add_observer_with(&mut self, arguments: &[&str]) -> eyre::Result<usize> {
        let index = self.prepare_observer(arguments);
        self.start_one(index).await?;
        Ok(index)
    }

    /// The same, not started.
    pub(crate) fn prepare_observer(&mut self, arguments: &[&str]) -> usize {
        let index = self.nodes.len();
        let mut node = Node::new(self.path().join(format!("node{index}")), self.genesis.clone(), false);
        node.more_arguments = arguments.iter().map(ToString::to_string).collect();
        self.nodes.push(node);
        index
    }

    /// Writes a genesis file of this network's sequencers and wallets.
    pub(crate) async fn write_genesis(&self, file: &Path, plan: &Plan) -> eyre::Result<()> {
        let mut arguments = vec!["genesis".to_owned(), "new".to_owned()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        add("--chain-id", CHAIN_ID.to_string());
        for (node, stake) in self.nodes.iter().zip(plan.stakes) {
            add("--sequencer", format!("{},{stake}", node.keys_dir().display()));
        }
        for wallet in &self.wallets {
            add("--fund", format!("{}=1000000", wallet.address()));
        }
        for account in &plan.dust {
            add("--fund", format!("{account}=0.000000000000000001"));
        }
        add("--out", file.display().to_string());
        arguments.extend(plan.genesis.iter().map(|argument| (*argument).to_owned()));
        let printed = run(baton(arguments), COMMAND).await?.success()?;
        let hash: B256 = printed.trim().parse().wrap_err("`baton genesis new` prints no hash")?;
        ensure!(hash != B256::ZERO, "the genesis hash is zero");
        Ok(())
    }

    /// The directory of this network.
    pub(crate) fn path(&self) -> &Path {
        self.directory.as_ref().map_or(Path::new("/nonexistent"), TempDir::path)
    }

    pub(crate) fn rpc(&self, index: usize) -> eyre::Result<Rpc> {
        self.nodes.get(index).ok_or_eyre("no such node")?.rpc()
    }

    /// The nodes that are up.
    pub(crate) fn rpcs(&self) -> eyre::Result<Vec<Rpc>> {
        self.nodes.iter().filter(|node| node.is_up()).map(Node::rpc).collect()
    }

    /// The node of an operator.
    pub(crate) fn node_of(&self, operator: &Value) -> eyre::Result<usize> {
        let address: Address = serde_json::from_value(operator.clone())?;
        let index = self.operators.iter().position(|operator| *operator == address);
        index.ok_or_else(|| eyre!("{address} is no operator here"))
    }

    /// The node of the scheduler, as node `asked` sees it.
    pub(crate) async fn scheduler(&self, asked: usize) -> eyre::Result<usize> {
        self.node_of(&self.rpc(asked)?.status().await?["scheduler"])
    }

    /// Sends a transaction until the node accepts it: a node that has just lost its peers says to try again.
    pub(crate) async fn send(&self, index: usize, transaction: &Signed) -> eyre::Result<()> {
        let rpc = self.rpc(index)?;
        until(INCLUSION, "the transaction is accepted", async || match rpc.send(&transaction.raw).await {
            Ok(hash) => {
                ensure!(hash == transaction.hash, "answered with hash {hash}");
                Ok(Some(()))
            }
            Err(error) if format!("{error:#}").contains("already known") => Ok(Some(())),
            Err(error) => Err(error),
        })
        .await
    }

    /// Waits until a transaction is in a block of this node.
    pub(crate) async fn included(&self, index: usize, transaction: B256) -> eyre::Result<TransactionReceipt> {
        let rpc = self.rpc(index)?;
        let what = format!("node {index} has {transaction} in a block");
        until(INCLUSION, &what, async || rpc.receipt(transaction).await).await
    }

    /// Waits until every node that is up has a block of at least this height.
    pub(crate) async fn reach(&self, height: u64, patience: Duration) -> eyre::Result<()> {
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.is_up()) {
            let rpc = node.rpc()?;
            let what = format!("node {index} is at height {height}");
            until(patience, &what, async || Ok((rpc.height().await? >= height).then_some(()))).await?;
        }
        Ok(())
    }

    /// Checks that all nodes that are up have the same block, and state, at the highest height that all of them have.
    pub(crate) async fn agree(&self) -> eyre::Result<u64> {
        let rpcs = self.rpcs()?;
        let mut common = u64::MAX;
        for rpc in &rpcs {
            common = common.min(rpc.height().await?);
        }
        let mut first = None;
        for rpc in &rpcs {
            let block = rpc.block(common).await?.ok_or_eyre("a block below the head is missing")?;
            let same = (block.header.hash, block.header.state_root, block.header.receipts_root);
            let expected = first.get_or_insert(same);
            ensure!(*expected == same, "at height {common}: {same:?} against {expected:?}");
        }
        Ok(common)
    }

    /// Checks that a transaction is in the same block of every node that is up, and returns its receipt.
    pub(crate) async fn everywhere(&self, transaction: B256) -> eyre::Result<TransactionReceipt> {
        let mut seen: Option<TransactionReceipt> = None;
        for index in (0..self.nodes.len()).filter(|index| self.nodes.get(*index).is_some_and(Node::is_up)) {
            let receipt = self.included(index, transaction).await?;
            match &seen {
                None => seen = Some(receipt),
                Some(seen) if *seen == receipt => {}
                Some(seen) => bail!("node {index} has another receipt: {receipt:?} against {seen:?}"),
            }
        }
        seen.ok_or_eyre("no node is up")
    }

    /// Ends a test that passed: nothing bad may be in the logs, and the files can go.
    pub(crate) fn finish(mut self) -> eyre::Result<()> {
        self.nothing_bad_in_logs()?;
        self.passed = true;
        Ok(())
    }

    /// Checks that no node panicked, broke the safety rules or met somebody who did.
    fn nothing_bad_in_logs(&self) -> eyre::Result<()> {
        for (index, node) in self.nodes.iter().enumerate() {
            let log = node.log();
            for bad in [
                "panicked",
                "refused to sign",
                "signed two messages",
                "announced against the rules",
                "does not execute here",
                "block is invalid",
                "invalid block",
                "a request failed inside the node",
            ] {
                if let Some(line) = log.lines().find(|line| line.contains(bad)) {
                    bail!("node {index} logged: {line}");
                }
            }
        }
        Ok(())
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !self.passed {
            for (index, node) in self.nodes.iter().enumerate() {
                let log = node.log();
                let lines: Vec<_> = log.lines().collect();
                let from = lines.len().saturating_sub(LAST_WORDS);
                eprintln!("---- the last lines of node {index}'s log ----\n{}", lines[from..].join("\n"));
            }
            if let Some(directory) = self.directory.take() {
                eprintln!("---- everything is kept in {} ----", directory.keep().display());
            }
        }
    }
}
