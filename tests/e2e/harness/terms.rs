//! What the nodes say about terms, and waiting for terms to change.

use super::{Net, Rpc, until};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::Block;
use baton_consensus::types::ExtraData;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use serde::Deserialize;
use std::{collections::HashSet, time::Duration};

/// How long the members may take to elect another scheduler on a busy machine.
const ELECTION: Duration = Duration::from_secs(90);

/// How long a node that was away may take to be where the others are.
const RETURN: Duration = Duration::from_secs(120);

/// How many blocks show that a network is alive.
const ALIVE: u64 = 4;

/// A block, as `baton_status` tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Tip {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

/// What `baton_status` says about the term.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct View {
    pub(crate) role: String,
    pub(crate) term: u64,
    pub(crate) fence: u64,
    pub(crate) scheduler: Address,
    pub(crate) head: Tip,
    pub(crate) safe: Tip,
    pub(crate) finalized: Tip,
}

impl Rpc {
    /// What the node says about its term.
    pub(crate) async fn view(&self) -> eyre::Result<View> {
        let status = self.status().await?;
        serde_json::from_value(status.clone()).wrap_err_with(|| format!("an odd status: {status}"))
    }
}

impl Net {
    /// What a node says about its term.
    pub(crate) async fn view(&self, index: usize) -> eyre::Result<View> {
        self.rpc(index)?.view().await
    }

    pub(crate) async fn views(&self, nodes: &[usize]) -> eyre::Result<Vec<View>> {
        let mut views = Vec::new();
        for index in nodes {
            views.push(self.view(*index).await.wrap_err_with(|| format!("node {index}"))?);
        }
        Ok(views)
    }

    fn operator(&self, index: usize) -> eyre::Result<Address> {
        self.operators.get(index).copied().ok_or_eyre("no such operator")
    }

    /// Waits until these nodes are in one term; the node of its scheduler, and the term.
    pub(crate) async fn one_term(&self, nodes: &[usize]) -> eyre::Result<(usize, u64)> {
        let (scheduler, term) = until(RETURN, "all are in one term", async || {
            let views = self.views(nodes).await?;
            let first = views.first().ok_or_eyre("no nodes")?;
            let same = |view: &View| (view.term, view.scheduler) == (first.term, first.scheduler);
            ensure!(views.iter().all(same), "{views:?}");
            Ok(Some((first.scheduler, first.term)))
        })
        .await?;
        let index = self.operators.iter().position(|operator| *operator == scheduler);
        Ok((index.ok_or_else(|| eyre!("{scheduler} is no operator here"))?, term))
    }

    /// Waits until these nodes have replaced the scheduler `gone` of `term`, and grow again; the highest term among them.
    pub(crate) async fn replaced(&self, nodes: &[usize], gone: usize, term: u64) -> eyre::Result<u64> {
        let gone = self.operator(gone)?;
        let views = until(ELECTION, "another scheduler is elected", async || {
            let views = self.views(nodes).await?;
            ensure!(views.iter().all(|view| view.term > term && view.scheduler != gone), "{views:?}");
            Ok(Some(views))
        })
        .await?;
        let height = views.iter().map(|view| view.head.number).max().unwrap_or_default();
        self.grow(nodes, height, ELECTION).await?;
        Ok(views.iter().map(|view| view.term).max().unwrap_or_default())
    }

    /// Waits until each of these nodes has a few blocks above a height.
    pub(crate) async fn grow(&self, nodes: &[usize], height: u64, patience: Duration) -> eyre::Result<()> {
        for index in nodes {
            let rpc = self.rpc(*index)?;
            let what = format!("node {index} has {ALIVE} blocks above {height}");
            until(patience, &what, async || Ok((rpc.height().await? >= height + ALIVE).then_some(()))).await?;
        }
        Ok(())
    }

    /// Waits until a node that was the scheduler of `term` is in a later one, under another scheduler.
    pub(crate) async fn stepped_down(&self, index: usize, term: u64) -> eyre::Result<View> {
        let operator = self.operator(index)?;
        until(RETURN, &format!("node {index} stepped down"), async || {
            let view = self.view(index).await?;
            let down = view.term > term && view.scheduler != operator && view.role != "scheduler";
            ensure!(down, "{view:?}");
            Ok(Some(view))
        })
        .await
    }

    /// Waits until all nodes that are up have grown beyond what any of them has now, on one chain.
    pub(crate) async fn reunited(&self) -> eyre::Result<()> {
        let up: Vec<_> = (0..self.nodes.len()).filter(|index| self.nodes[*index].is_up()).collect();
        let height = self.views(&up).await?.iter().map(|view| view.head.number).max().unwrap_or_default();
        self.grow(&up, height, RETURN).await?;
        until(RETURN, "all are on one chain", async || self.agree().await.map(Some)).await?;
        Ok(())
    }

    /// The blocks that all of these nodes have, from the first one on. They are to stay.
    pub(crate) async fn common_chain(&self, nodes: &[usize]) -> eyre::Result<Vec<Block>> {
        let mut common = u64::MAX;
        for index in nodes {
            common = common.min(self.rpc(*index)?.height().await?);
        }
        let first = *nodes.first().ok_or_eyre("no nodes")?;
        let chain = self.chain(first, common).await?;
        let head = chain.last().ok_or_eyre("no blocks")?;
        for index in nodes {
            let same = self.rpc(*index)?.block(common).await?;
            ensure!(same.as_ref() == Some(head), "node {index} has another block {common} than node {first}");
        }
        Ok(chain)
    }

    /// Checks that all nodes that are up still have these blocks.
    pub(crate) async fn still_has(&self, chain: &[Block]) -> eyre::Result<()> {
        let head = chain.last().ok_or_eyre("no blocks")?;
        for rpc in self.rpcs()? {
            let number = head.header.number;
            // The whole chain stands behind the hash of its last block.
            ensure!(rpc.block(number).await?.as_ref() == Some(head), "block {number} changed at {}", rpc.url);
        }
        Ok(())
    }

    /// The blocks of a node from the first one to a height.
    pub(crate) async fn chain(&self, index: usize, to: u64) -> eyre::Result<Vec<Block>> {
        let rpc = self.rpc(index)?;
        let mut chain: Vec<Block> = Vec::new();
        for number in 1..=to {
            let block = rpc.block(number).await?.ok_or_eyre("a block below the head is missing")?;
            if let Some(parent) = chain.last() {
                ensure!(block.header.parent_hash == parent.header.hash, "block {number} is of another chain");
            }
            chain.push(block);
        }
        Ok(chain)
    }

    /// Waits until every one of these transactions is in the chain, and checks that each succeeded and that all nodes that
    /// are up have this chain; that its terms never go back, as well.
    pub(crate) async fn all_in_one_chain(&self, transactions: &[B256]) -> eyre::Result<()> {
        let first = self.nodes.iter().position(super::Node::is_up).ok_or_eyre("no node is up")?;
        for transaction in transactions {
            let receipt = self.included(first, *transaction).await?;
            ensure!(receipt.status(), "{transaction} failed");
        }
        self.reunited().await?;
        let common = self.agree().await?;
        let chain = self.chain(first, common).await?;
        let included: HashSet<B256> = chain.iter().flat_map(|block| block.transactions.hashes()).collect();
        if let Some(missing) = transactions.iter().find(|transaction| !included.contains(*transaction)) {
            return Err(eyre!("{missing} was in a block, and is in none of the chain up to {common}"));
        }
        let mut last = 0;
        for block in &chain {
            let position = ExtraData::from_bytes(&block.header.extra_data).ok_or_eyre("odd extra data")?;
            ensure!(position.term.0 >= last, "block {} is of term {} after {last}", block.header.number, position.term);
            last = position.term.0;
        }
        Ok(())
    }
}
