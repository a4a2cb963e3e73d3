//! Four sequencers, each a process, that are killed and started again.

use crate::{
    baton::{ANY_PORTS, Launch},
    client::Client,
    ground::{self, Ground},
    options::Settings,
    process::Process,
};
use alloy_primitives::Address;
use baton_node::config::Ready;
use eyre::{OptionExt, WrapErr, ensure};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How many nodes there are.
pub(crate) const NODES: usize = 4;

/// How long an answer may take: longer than a node waits for a peer to acknowledge a transaction.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How to talk to a node that is up.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) rpc: SocketAddr,
    pub(crate) client: Client,
}

/// How to talk to each node; none while it is down. Shared by everyone who does.
#[derive(Clone, Debug)]
pub(crate) struct Contacts(Arc<RwLock<Vec<Option<Contact>>>>);

impl Contacts {
    fn new(nodes: usize) -> Self {
        Self(Arc::new(RwLock::new(vec![None; nodes])))
    }

    /// How to talk to a node; none while it is down.
    pub(crate) fn get(&self, node: usize) -> Option<Contact> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(node).cloned().flatten()
    }

    fn set(&self, node: usize, contact: Option<Contact>) {
        if let Some(entry) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(node) {
            *entry = contact;
        }
    }
}

/// One node.
struct Member {
    operator: Address,
    directory: PathBuf,
    /// None while it is down.
    process: Option<Process>,
    /// Where it listens, or did.
    ready: Option<Ready>,
}

/// The nodes.
pub(crate) struct Mesh {
    program: PathBuf,
    genesis: PathBuf,
    members: Vec<Member>,
    pub(crate) contacts: Contacts,
}

impl Mesh {
    /// Makes keys and genesis, in which `funded` hold something, and starts all nodes.
    pub(crate) async fn start(
        settings: &Settings,
        place: &Path,
        funded: impl Iterator<Item = Address>,
    ) -> eyre::Result<Self> {
        let Ground { genesis, directories, operators } =
            ground::write(&settings.baton, &settings.parameters, &[], place, NODES, funded)?;
        let members = operators.into_iter().zip(directories);
        let members = members.map(|(operator, directory)| Member { operator, directory, process: None, ready: None });
        let program = settings.baton.clone();
        let mut mesh = Self { program, genesis, members: members.collect(), contacts: Contacts::new(NODES) };
        for node in 0..NODES {
            mesh.start_node(node).await?;
        }
        Ok(mesh)
    }

    /// Starts a node that is down, on the ports of its former life; it is told of all that are up.
    pub(crate) async fn start_node(&mut self, node: usize) -> eyre::Result<()> {
        let up = self.members.iter().filter(|member| member.process.is_some());
        let bootnodes = up.filter_map(|member| member.ready.as_ref()?.p2p.first()).map(ToString::to_string);
        let bootnodes: Vec<_> = bootnodes.collect();
        let member = self.members.get_mut(node).ok_or_eyre("there is no such node")?;
        let former = member.ready.as_ref().map(|ready| (without_peer_id(ready), ready.rpc.to_string()));
        let launch = |listen| Launch {
            program: &self.program,
            genesis: &self.genesis,
            directory: &member.directory,
            bootnodes: &bootnodes,
            listen,
            arguments: &[],
        };
        let started = match &former {
            None => launch(ANY_PORTS).start().await,
            // Somebody else may have been given a port meanwhile.
            Some((p2p, rpc)) => match launch((p2p, rpc)).start().await {
                Ok(started) => Ok(started),
                Err(_) => launch(ANY_PORTS).start().await,
            },
        };
        let (process, ready) = started.wrap_err_with(|| format!("node {node} does not run"))?;
        let client = Client::new(ready.rpc, ANSWER_TIMEOUT)?;
        self.contacts.set(node, Some(Contact { rpc: ready.rpc, client }));
        (member.process, member.ready) = (Some(process), Some(ready));
        Ok(())
    }

    /// Kills a node without warning (SIGKILL); when, and the id of its process.
    pub(crate) async fn kill(&mut self, node: usize) -> eyre::Result<(Instant, u32)> {
        let process = self.members.get_mut(node).and_then(|member| member.process.take());
        let process = process.ok_or_eyre("the node is down already")?;
        let id = process.id();
        let killed = Instant::now();
        // Dropping it kills it, and waits until the system has put it away.
        let gone = tokio::task::spawn_blocking(move || drop(process));
        gone.await.wrap_err("cannot kill a node")?;
        // Clients learn of it the hard way until here.
        self.contacts.set(node, None);
        Ok((killed, id))
    }

    /// Fails if a node has ended that nobody killed.
    pub(crate) fn check(&mut self) -> eyre::Result<()> {
        for (node, member) in self.members.iter_mut().enumerate() {
            if let Some(process) = &mut member.process {
                let log = process.log().to_owned();
                process.check().wrap_err_with(|| format!("node {node} ended by itself, see {}", log.display()))?;
            }
        }
        Ok(())
    }

    /// The node of an operator.
    pub(crate) fn node_of(&self, operator: Address) -> Option<usize> {
        self.members.iter().position(|member| member.operator == operator)
    }

    /// How to talk to all nodes, which must be up.
    pub(crate) fn clients(&self) -> eyre::Result<Vec<Client>> {
        let contacts = (0..self.members.len()).map(|node| self.contacts.get(node));
        let clients: Vec<_> = contacts.flatten().map(|contact| contact.client).collect();
        ensure!(clients.len() == self.members.len(), "not every node is up");
        Ok(clients)
    }

    /// Asks all nodes to shut down, and waits.
    pub(crate) fn stop(self) {
        self.members.into_iter().filter_map(|member| member.process).for_each(Process::stop);
    }
}

/// The address at which a node listened for its peers.
fn without_peer_id(ready: &Ready) -> String {
    let address = ready.p2p.first().map_or_else(|| ANY_PORTS.0.to_owned(), ToString::to_string);
    address.split("/p2p/").next().unwrap_or(ANY_PORTS.0).to_owned()
}
