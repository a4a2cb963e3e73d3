//! A node as the tests see it: its network, run in the background, and conditions to wait for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on ends here")]

use alloy_primitives::B256;
use baton_consensus::{
    signing::SigningContext,
    types::{BlockRef, Epoch, Era, Height, Term},
};
use baton_network::{
    Agent, Keypair, Multiaddr, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PROTOCOL_VERSION, PeerId,
    Publication, Status, start,
};
use std::{future::Future, time::Duration};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

/// Far beyond what anything here takes; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const CHAIN: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(0xab) };
pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

pub(crate) struct Node {
    pub(crate) handle: NetworkHandle,
    pub(crate) events: NetworkEvents,
    pub(crate) status: watch::Sender<Status>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

pub(crate) fn config() -> NetworkConfig {
    let mut config = NetworkConfig::new(Keypair::generate_ed25519(), CHAIN);
    config.listen = vec![TCP.parse().unwrap()];
    // Who is connected with whom is the test's business.
    config.discovery.search = false;
    config.timing.status_interval = Duration::from_millis(200);
    config.timing.reconnect_initial = Duration::from_millis(100);
    config
}

pub(crate) fn status(chain: SigningContext) -> Status {
    Status {
        version: PROTOCOL_VERSION,
        chain_id: chain.chain_id,
        genesis_hash: chain.genesis_hash,
        head: BlockRef::default(),
        finalized: Height(0),
        earliest: Height(0),
        era: Era(0),
        term: Term(1),
        epoch: Epoch(1),
        agent: Agent::fit("baton/test"),
    }
}

pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("timed out waiting for {what}"),
    }
}

impl Node {
    pub(crate) fn start(config: NetworkConfig) -> Self {
        let (status, receiver) = watch::channel(status(config.chain));
        let (handle, events, task) = start(config, receiver).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(task.run(async {
            let _ = stopped.await;
        }));
        Self { handle, events, status, stop, task }
    }

    /// A node that dials `to`.
    pub(crate) async fn start_to(to: &[&Self]) -> Self {
        let mut config = config();
        for node in to {
            config.bootnodes.push(node.address().await);
        }
        Self::start(config)
    }

    pub(crate) fn id(&self) -> PeerId {
        self.handle.local_peer_id()
    }

    /// The first address that the node listens on, with its peer id.
    pub(crate) async fn address(&self) -> Multiaddr {
        let handle = &self.handle;
        within("an address", async {
            loop {
                if let Some(address) = handle.listen_addresses().pop() {
                    return address.with_p2p(handle.local_peer_id()).unwrap();
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// The first event that `pick` takes; others are passed over.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(NetworkEvent) -> Option<T>) -> T {
        within(what, async {
            loop {
                let event = self.events.next().await.unwrap_or_else(|| panic!("the network stopped: {what}"));
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        })
        .await
    }

    pub(crate) async fn ready(&mut self, peer: PeerId) -> Status {
        self.until("a ready peer", |event| match event {
            NetworkEvent::PeerReady { peer: ready, status } if ready == peer => Some(status),
            _ => None,
        })
        .await
    }

    pub(crate) async fn gone(&mut self, peer: PeerId) {
        self.until("a peer to be gone", |event| {
            matches!(event, NetworkEvent::PeerGone { peer: gone } if gone == peer).then_some(())
        })
        .await;
    }

    /// Publishes until at least `peers` are subscribed. Only the last attempt reaches them.
    pub(crate) async fn publish_to(&self, peers: usize, message: impl Fn(u64) -> baton_network::GossipMessage) {
        within("subscribers", async {
            for attempt in 0.. {
                match self.handle.publish(message(attempt)).await.unwrap() {
                    Publication::Sent { peers: reached } if reached >= peers => return,
                    _ => tokio::task::yield_now().await,
                }
            }
        })
        .await;
    }

    pub(crate) async fn no_peers(&self) {
        within("the connections to close", async {
            while !self.handle.peers().await.is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        within("the network to stop", self.task).await.unwrap();
    }
}

/// Two nodes, ready for each other; the second dialed.
pub(crate) async fn pair() -> (Node, Node) {
    let mut one = Node::start(config());
    let mut two = Node::start_to(&[&one]).await;
    one.ready(two.id()).await;
    two.ready(one.id()).await;
    (one, two)
}
