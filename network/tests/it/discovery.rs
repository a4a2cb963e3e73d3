//! Finding peers: through bootnodes, through the peer store, by name, through a relay.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use crate::node::{CHAIN, Node, TCP, config, within};
use alloy_primitives::B256;
use baton_consensus::signing::SigningContext;
use baton_network::{
    Bootnode, BootnodeConfig, BootnodeState, Keypair, Multiaddr, NetworkConfig, PeerId, Reachability, RelayUse,
};
use std::path::Path;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// A bootnode, run in the background.
struct Helper {
    id: PeerId,
    state: watch::Receiver<BootnodeState>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Helper {
    fn start(config: BootnodeConfig) -> Self {
        let id = PeerId::from(config.keypair.public());
        let (bootnode, state) = Bootnode::start(config).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(bootnode.run(async {
            let _ = stopped.await;
        }));
        Self { id, state, stop, task }
    }

    async fn address(&mut self) -> Multiaddr {
        let listening =
            within("the bootnode to listen", self.state.wait_for(|state| !state.listening.is_empty())).await;
        listening.unwrap().listening[0].clone().with_p2p(self.id).unwrap()
    }

    async fn table(&mut self, peers: usize) {
        within("the table", self.state.wait_for(|state| state.table >= peers)).await.unwrap();
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        within("the bootnode to stop", self.task).await.unwrap();
    }
}

fn helper() -> BootnodeConfig {
    let mut config = BootnodeConfig::new(Keypair::generate_ed25519(), CHAIN);
    config.listen = vec![TCP.parse().unwrap()];
    config
}

/// A node that searches, from these.
fn searching(bootnodes: &[Multiaddr]) -> NetworkConfig {
    let mut config = config();
    config.discovery.search = true;
    config.bootnodes = bootnodes.to_vec();
    config
}

fn remembering(bootnodes: &[Multiaddr], directory: &Path) -> NetworkConfig {
    let mut config = searching(bootnodes);
    config.state_dir = Some(directory.to_owned());
    config
}

/// Waits until the node is ready with just so many peers, bootnodes not among them.
async fn ready_with(node: &Node, peers: usize) {
    within("peers", async {
        loop {
            let known = node.handle.peers().await;
            if known.iter().filter(|peer| peer.status.is_some()).count() == peers {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nodes_that_know_only_a_bootnode_find_each_other() {
    let mut helper = Helper::start(helper());
    let address = helper.address().await;
    let nodes: Vec<_> = (0..4).map(|_| Node::start(searching(std::slice::from_ref(&address)))).collect();
    for node in &nodes {
        ready_with(node, 3).await;
        let peers = node.handle.peers().await;
        let boot = peers.iter().find(|peer| peer.peer_id == helper.id).unwrap();
        assert!(boot.status.is_none(), "a bootnode has no chain");
    }
    helper.table(4).await;
    // They stay together without it.
    helper.stop().await;
    for node in &nodes {
        ready_with(node, 3).await;
    }
}

#[tokio::test]
async fn a_node_comes_back_through_the_peers_that_it_remembers() {
    let directory = tempfile::tempdir().unwrap();
    let mut helper = Helper::start(helper());
    let address = helper.address().await;
    let stays = Node::start(searching(std::slice::from_ref(&address)));
    let keypair = Keypair::generate_ed25519();
    let first =
        NetworkConfig { keypair: keypair.clone(), ..remembering(std::slice::from_ref(&address), directory.path()) };
    let leaves = Node::start(first);
    ready_with(&leaves, 1).await;
    helper.stop().await;
    leaves.stop().await;
    // Nobody tells it of anybody now.
    let mut back = Node::start(NetworkConfig { keypair, ..remembering(&[], directory.path()) });
    back.ready(stays.id()).await;
}

#[tokio::test]
async fn a_bootnode_that_was_restarted_is_of_use_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let config = BootnodeConfig { peer_store: Some(directory.path().join("peers.json")), ..helper() };
    let mut first = Helper::start(config.clone());
    let address = first.address().await;
    let nodes: Vec<_> = (0..2).map(|_| Node::start(searching(std::slice::from_ref(&address)))).collect();
    first.table(2).await;
    first.stop().await;
    let mut second = Helper::start(config);
    second.table(2).await;
    within("the nodes to be dialed", second.state.wait_for(|state| state.connected == 2)).await.unwrap();
    drop(nodes);
}

#[tokio::test]
async fn bootnodes_share_what_they_know() {
    let mut first = Helper::start(helper());
    let address = first.address().await;
    let mut second = Helper::start(BootnodeConfig { bootnodes: vec![address.clone()], ..helper() });
    let other = second.address().await;
    let one = Node::start(searching(&[address]));
    let two = Node::start(searching(&[other]));
    ready_with(&one, 1).await;
    ready_with(&two, 1).await;
}

#[tokio::test]
async fn bootnodes_are_named_by_dns() {
    let mut helper = Helper::start(helper());
    let address = helper.address().await;
    let named: Multiaddr = address.to_string().replace("/ip4/127.0.0.1/", "/dns4/localhost/").parse().unwrap();
    let one = Node::start(searching(&[named]));
    let two = Node::start(searching(&[address]));
    ready_with(&one, 1).await;
    ready_with(&two, 1).await;
}

#[tokio::test]
async fn a_bootnode_turns_other_chains_away() {
    let mut helper = Helper::start(helper());
    let address = helper.address().await;
    let chain = SigningContext { genesis_hash: B256::repeat_byte(0xcd), ..CHAIN };
    let stranger = Node::start(NetworkConfig { chain, ..config() });
    stranger.handle.dial(address).await.unwrap();
    stranger.no_peers().await;
    assert_eq!(helper.state.borrow_and_update().table, 0);
}

#[tokio::test]
async fn peers_find_out_whether_they_can_be_reached() {
    let mut helper = Helper::start(helper());
    let node = Node::start(searching(&[helper.address().await]));
    let mut reachability = node.handle.reachability();
    let reachable = reachability.wait_for(|reachability| *reachability == Reachability::Reachable);
    within("a dial back", reachable).await.unwrap();
    let listening = node.handle.listen_addresses();
    assert_eq!(*node.handle.told_addresses().borrow(), listening);
}

#[tokio::test]
async fn who_listens_nowhere_is_reached_through_a_relay() {
    let mut helper = Helper::start(BootnodeConfig { relay: true, ..helper() });
    let address = helper.address().await;
    let mut hidden = searching(&[address]);
    hidden.listen.clear();
    hidden.discovery.relay = RelayUse::Always;
    let hidden = Node::start(hidden);
    let mut told = hidden.handle.told_addresses();
    let circuit = within("a relay", told.wait_for(|told| !told.is_empty())).await.unwrap()[0].clone();
    let mut other = Node::start(config());
    other.handle.dial(circuit).await.unwrap();
    other.ready(hidden.id()).await;
}
