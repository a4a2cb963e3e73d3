//! What the node tells the network.

use crate::{
    counters::{Counters, NetworkCounters},
    discovery::Reachability,
    error::{DialFailure, Publication, PublishError, RequestError},
    gossip::{self, GossipMessage, GossipTicket, Kind, Verdict},
    oversight::Oversight,
    peers::PeerInfo,
    penalties::Offence,
    quotas::Outgoing,
    rpc::{Protocol, Request, Response},
};
use libp2p::{Multiaddr, PeerId};
use std::{sync::Arc, time::Duration};
use tokio::sync::{mpsc, oneshot, watch};

/// Extra time for a request's own deadline to come back as its error before the handle gives up by itself.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) enum Command {
    Publish { kind: Kind, data: Vec<u8>, reply: oneshot::Sender<Result<Publication, PublishError>> },
    Request { peer: PeerId, protocol: Protocol, frame: Vec<u8>, reply: oneshot::Sender<Result<Vec<u8>, RequestError>> },
    Peers { reply: oneshot::Sender<Vec<PeerInfo>> },
    Dial { address: Multiaddr, reply: oneshot::Sender<Result<PeerId, DialFailure>> },
    Disconnect(PeerId),
    Know(PeerId, Vec<Multiaddr>),
    SetExplicitPeers(Vec<PeerId>),
    Oversight(Oversight),
}

/// The network, for everyone in the node. Cheap to clone.
///
/// Methods that talk to the swarm wait for it; the swarm never waits for them. A caller may drop any of them at an
/// await: the command is then carried out or not, and its result is lost.
#[derive(Clone)]
pub struct NetworkHandle {
    pub(crate) local: PeerId,
    pub(crate) deadline_max: Duration,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) verdicts: mpsc::Sender<(GossipTicket, Verdict)>,
    pub(crate) listening: watch::Receiver<Vec<Multiaddr>>,
    pub(crate) told: watch::Receiver<Vec<Multiaddr>>,
    pub(crate) reachability: watch::Receiver<Reachability>,
    pub(crate) quotas: Arc<Outgoing>,
    pub(crate) counters: Arc<Counters>,
}

impl NetworkHandle {
    /// Publishes a message to every subscribed peer. Encoding and compression run in the caller's task.
    ///
    /// # Errors
    /// [`PublishError`] if the message is beyond its kind's bounds, every link is jammed, or the network has stopped.
    pub async fn publish(&self, message: GossipMessage) -> Result<Publication, PublishError> {
        let (kind, data) = (message.kind(), gossip::seal(&message)?);
        drop(message);
        let (reply, result) = oneshot::channel();
        self.send(Command::Publish { kind, data, reply }).await.map_err(|Stopped| PublishError::Stopped)?;
        result.await.map_err(|_| PublishError::Stopped)?
    }

    /// Asks a connected peer, as soon as its quota lets this node. Encoding and decoding run in the caller's task. The protocol's
    /// deadline applies to all of it.
    ///
    /// # Errors
    /// [`RequestError`] tells what stood between the request and its response.
    pub async fn request(&self, peer: PeerId, request: Request) -> Result<Response, RequestError> {
        let protocol = request.protocol();
        let frame = request.encode().map_err(RequestError::Request)?;
        drop(request);
        let (reply, result) = oneshot::channel();
        let after = protocol.deadline(self.deadline_max);
        let exchange = async {
            self.quotas.ready(protocol, &peer).await;
            self.send(Command::Request { peer, protocol, frame, reply })
                .await
                .map_err(|Stopped| RequestError::Stopped)?;
            result.await.map_err(|_| RequestError::Stopped)?
        };
        let frame = tokio::time::timeout(after + GRACE, exchange).await.map_err(|_| RequestError::Timeout {
            peer,
            protocol,
            after,
        })??;
        if frame.is_empty() {
            return Err(RequestError::Refused { peer, protocol });
        }
        match Response::decode(protocol, &frame) {
            Some(Ok(response)) => Ok(response),
            Some(Err(reason)) => {
                self.report_peer(peer, Offence::MalformedResponse, protocol);
                Err(RequestError::Response { peer, protocol, reason })
            }
            None => Err(RequestError::Unsupported { peer, protocol }),
        }
    }

    /// Gives the verdict on a message. Never blocks; a verdict that finds its channel full is lost and counted, and the
    /// message is then not forwarded.
    pub fn report(&self, ticket: GossipTicket, verdict: Verdict) {
        if self.verdicts.try_send((ticket, verdict)).is_err() {
            Counters::add(&self.counters.late_verdicts);
        }
    }

    /// The connected peers; none once the network has stopped.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        let (reply, result) = oneshot::channel();
        if self.send(Command::Peers { reply }).await.is_err() {
            return Vec::new();
        }
        result.await.unwrap_or_default()
    }

    /// The addresses that this node listens on now, without its peer id.
    #[must_use]
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }

    /// The addresses that this node tells others of itself, without its peer id: 8 at most, and as they change.
    #[must_use]
    pub fn told_addresses(&self) -> watch::Receiver<Vec<Multiaddr>> {
        self.told.clone()
    }

    /// Whether others can open connections to this node, as it becomes known.
    #[must_use]
    pub fn reachability(&self) -> watch::Receiver<Reachability> {
        self.reachability.clone()
    }

    /// This node's peer id.
    #[must_use]
    pub const fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// What the network has counted so far.
    #[must_use]
    pub fn counters(&self) -> NetworkCounters {
        self.counters.snapshot()
    }

    /// Connects to an address and returns who is there. The peer is not dialed again when it is lost.
    ///
    /// # Errors
    /// [`DialFailure`] if there is no connection.
    pub async fn dial(&self, address: Multiaddr) -> Result<PeerId, DialFailure> {
        let (reply, result) = oneshot::channel();
        let stopped = || DialFailure { address: address.clone(), reason: "the network has stopped".to_owned() };
        self.send(Command::Dial { address: address.clone(), reply }).await.map_err(|Stopped| stopped())?;
        result.await.map_err(|_| stopped())?
    }

    /// Closes all connections to a peer. Explicit peers and bootnodes may be dialed again.
    pub async fn disconnect(&self, peer: PeerId) {
        // If the network has stopped, nobody is connected.
        let _ = self.send(Command::Disconnect(peer)).await;
    }

    /// Replaces the explicit peers, as when the sequencer set changes.
    pub async fn set_explicit_peers(&self, peers: Vec<PeerId>) {
        // If the network has stopped, nobody is connected.
        let _ = self.send(Command::SetExplicitPeers(peers)).await;
    }

    /// Tells where an explicit peer is said to be; addresses that the policy refuses are passed over.
    pub async fn know(&self, peer: PeerId, addresses: Vec<Multiaddr>) {
        // If the network has stopped, nobody is dialed.
        let _ = self.send(Command::Know(peer, addresses)).await;
    }

    async fn send(&self, command: Command) -> Result<(), Stopped> {
        self.commands.send(command).await.map_err(|_| Stopped)
    }
}

struct Stopped;

impl std::fmt::Debug for NetworkHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkHandle").field("local", &self.local).finish_non_exhaustive()
    }
}
