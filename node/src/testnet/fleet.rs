//! All nodes of the network: starting, finding, killing, pausing and stopping them.

use super::{client::Client, process::Node, setup::Setup};
use alloy_primitives::Address;
use eyre::{WrapErr, bail, eyre};
use futures::future::{join_all, try_join_all};
use libp2p::Multiaddr;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{PoisonError, RwLock},
};
use tokio::sync::Mutex;

/// To how many nodes of the network a node is introduced at its start, where there are so many.
const BOOTNODES: usize = 3;

/// The nodes of the network.
#[derive(Debug)]
pub(super) struct Fleet {
    members: Vec<Member>,
    /// How many of them the network starts with; the others join later.
    founders: usize,
}

#[derive(Debug)]
struct Member {
    operator: Address,
    node: Mutex<Node>,
    state: RwLock<State>,
    /// The peer-to-peer addresses of its latest life.
    addresses: RwLock<Vec<Multiaddr>>,
}

/// Whether a node can be talked to.
#[derive(Clone, Debug)]
enum State {
    Down,
    Up(Client),
    /// It has a process, which does nothing.
    Paused(Client),
}

impl Member {
    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Fleet {
    /// The nodes that `setup` prepared, none of them started.
    pub(super) fn new(setup: &Setup) -> Self {
        let members = setup.operators.iter().enumerate().map(|(index, operator)| Member {
            operator: *operator,
            node: Mutex::new(Node::new(setup, index)),
            state: RwLock::new(State::Down),
            addresses: RwLock::new(Vec::new()),
        });
        Self { members: members.collect(), founders: setup.founders }
    }

    /// How many nodes there are, down ones included.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many nodes the network starts with.
    pub(super) const fn founders(&self) -> usize {
        self.founders
    }

    /// Starts all nodes but those that join later: the first two one after the other, so that everyone else knows two ways in.
    pub(super) async fn start(&self) -> eyre::Result<()> {
        let first = self.founders.min(2);
        for index in 0..first {
            self.start_one(index).await?;
        }
        try_join_all((first..self.founders).map(|index| self.start_one(index))).await?;
        Ok(())
    }

    /// The nodes that were started, ever.
    pub(super) async fn begun(&self) -> Vec<usize> {
        let mut begun = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            if member.node.lock().await.ready().is_some() {
                begun.push(index);
            }
        }
        begun
    }

    /// One peer-to-peer address of every node that was started.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        let first = |member: &Member| member.addresses.read().unwrap_or_else(PoisonError::into_inner).first().cloned();
        self.members.iter().filter_map(first).collect()
    }

    /// Starts one node, for the first time or again. Says whether it was down.
    pub(super) async fn start_one(&self, index: usize) -> eyre::Result<bool> {
        let bootnodes = self.bootnodes_for(index);
        let member = self.member(index)?;
        let mut node = member.node.lock().await;
        if node.is_running() {
            return Ok(false);
        }
        let ready = node.start(&bootnodes).await?;
        let client = Client::new(ready.rpc).wrap_err_with(|| format!("cannot talk to node {index}"))?;
        *member.addresses.write().unwrap_or_else(PoisonError::into_inner) = ready.p2p;
        member.set(State::Up(client));
        Ok(true)
    }

    /// Kills one node without warning.
    pub(super) async fn kill(&self, index: usize) -> eyre::Result<()> {
        let member = self.member(index)?;
        // Whoever asks for the node from now on finds it down.
        member.set(State::Down);
        member.node.lock().await.kill().await
    }

    /// Kills all nodes at one moment, without warning, and waits until none runs.
    pub(super) async fn kill_all(&self) -> eyre::Result<()> {
        // In order, so that nobody else who waits for two of them could block this.
        let mut nodes = Vec::new();
        for member in &self.members {
            nodes.push(member.node.lock().await);
        }
        for (member, node) in self.members.iter().zip(&mut nodes) {
            member.set(State::Down);
            node.start_killing()?;
        }
        for mut node in nodes {
            node.kill().await?;
        }
        Ok(())
    }

    /// Stops a node in its tracks: its process and its connections stay, and it does nothing.
    pub(super) async fn pause(&self, index: usize) -> eyre::Result<()> {
        let member = self.member(index)?;
        let mut node = member.node.lock().await;
        let State::Up(client) = member.state() else { bail!("node {index} is not up") };
        // Whoever asks for the node from now on does not wait for its answers.
        member.set(State::Paused(client));
        node.pause()
    }

    /// Lets a paused node go on. Says whether it was paused.
    pub(super) async fn resume(&self, index: usize) -> eyre::Result<bool> {
        let member = self.member(index)?;
        let mut node = member.node.lock().await;
        let State::Paused(client) = member.state() else { return Ok(false) };
        node.resume()?;
        member.set(State::Up(client));
        Ok(true)
    }

    /// Stops all nodes in order; what went wrong, node by node.
    pub(super) async fn stop(&self) -> Vec<eyre::Report> {
        let stopped = join_all(self.members.iter().map(|member| async {
            member.set(State::Down);
            member.node.lock().await.stop().await
        }));
        stopped.await.into_iter().filter_map(Result::err).collect()
    }

    /// A node that ended although nobody asked it to. It counts as down from now on.
    pub(super) fn crashed(&self) -> Option<eyre::Report> {
        for (index, member) in self.members.iter().enumerate() {
            // A node that is just being started or killed is looked after by whoever does that.
            let Ok(mut node) = member.node.try_lock() else { continue };
            let crash = match node.exited() {
                Ok(None) => continue,
                Ok(Some(status)) => eyre!("node {index} ended by itself ({status}): {}", node.last_words()),
                Err(error) => error,
            };
            member.set(State::Down);
            return Some(crash);
        }
        None
    }

    /// The way to a node; none while it is down or paused.
    pub(super) fn client(&self, index: usize) -> Option<Client> {
        match self.members.get(index)?.state() {
            State::Up(client) => Some(client),
            State::Down | State::Paused(_) => None,
        }
    }

    /// Whether a node is paused.
    pub(super) fn is_paused(&self, index: usize) -> bool {
        self.members.get(index).is_some_and(|member| matches!(member.state(), State::Paused(_)))
    }

    /// The nodes that are up.
    pub(super) fn live(&self) -> Vec<(usize, Client)> {
        (0..self.members.len()).filter_map(|index| Some((index, self.client(index)?))).collect()
    }

    /// The operator of a node.
    pub(super) fn operator(&self, index: usize) -> Option<Address> {
        self.members.get(index).map(|member| member.operator)
    }

    /// The node of an operator.
    pub(super) fn of(&self, operator: Address) -> Option<usize> {
        self.members.iter().position(|member| member.operator == operator)
    }

    /// Where a node's JSON-RPC and its log are.
    pub(super) async fn places(&self) -> Vec<(SocketAddr, PathBuf)> {
        let mut places = Vec::new();
        for member in &self.members {
            let node = member.node.lock().await;
            if let Some(ready) = node.ready() {
                places.push((ready.rpc, node.log()));
            }
        }
        places
    }

    /// The addresses of nodes that are up; those of the others where too few are.
    fn bootnodes_for(&self, index: usize) -> Vec<Multiaddr> {
        let others = self.members.iter().enumerate().filter(|(other, _)| *other != index);
        let (up, down): (Vec<_>, Vec<_>) = others.partition(|(other, _)| self.client(*other).is_some());
        up.into_iter()
            .chain(down)
            .filter_map(|(_, member)| member.addresses.read().unwrap_or_else(PoisonError::into_inner).first().cloned())
            .take(BOOTNODES)
            .collect()
    }

    fn member(&self, index: usize) -> eyre::Result<&Member> {
        self.members.get(index).ok_or_else(|| eyre!("there is no node {index}"))
    }
}
