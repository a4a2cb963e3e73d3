//! The way from the swarm to the node: five bounded lanes, served by urgency.
//!
//! | lane | carries | when it is full |
//! |---|---|---|
//! | peers | what happens to peers and listeners | waits in a backlog of at most two events a peer |
//! | consensus | heartbeats, announcements, seals, checkpoints, votes, certificates, evidence | the message is dropped and counted |
//! | blocks | leaders' blocks by gossip | as above |
//! | requests | requests that need the node | the request is dropped and counted; the peer sees it fail |
//! | transactions | batches by gossip and by push | as above |
//!
//! [`NetworkEvents::next`] takes from the first lane that has something, so a flood of transactions delays no block, and blocks
//! delay no vote.
//! Lanes are bounded in events and in bytes: each kind of gossip has a budget of its own (see the table of kinds), so
//! that large blocks cannot push out seals. The swarm never waits for the node.

use crate::{event::NetworkEvent, gossip::Kind, rpc::Protocol};
use libp2p::PeerId;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Events that a lane holds.
const LANE_EVENTS: usize = 4096;

/// Bytes of requests that may wait for the node.
const REQUEST_BYTES: usize = 64 << 20;

/// The unit in which waiting bytes are counted.
const UNIT: usize = 1 << 10;

/// An event with its share of the budget, given back when the node takes the event.
struct Weighed {
    event: NetworkEvent,
    _share: OwnedSemaphorePermit,
}

/// The node's end: what happened, the urgent first.
pub struct NetworkEvents {
    peers: mpsc::Receiver<NetworkEvent>,
    consensus: mpsc::Receiver<Weighed>,
    blocks: mpsc::Receiver<Weighed>,
    requests: mpsc::Receiver<Weighed>,
    transactions: mpsc::Receiver<Weighed>,
}

impl NetworkEvents {
    /// The next event; nothing when the network has stopped and everything is taken. Cancel-safe.
    pub async fn next(&mut self) -> Option<NetworkEvent> {
        tokio::select! {
            biased;
            Some(event) = self.peers.recv() => Some(event),
            Some(weighed) = self.consensus.recv() => Some(weighed.event),
            Some(weighed) = self.blocks.recv() => Some(weighed.event),
            Some(weighed) = self.requests.recv() => Some(weighed.event),
            Some(weighed) = self.transactions.recv() => Some(weighed.event),
            else => None,
        }
    }
}

impl std::fmt::Debug for NetworkEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetworkEvents").finish_non_exhaustive()
    }
}

/// The swarm's end.
pub(crate) struct Lanes {
    peers: mpsc::Sender<NetworkEvent>,
    backlog: VecDeque<NetworkEvent>,
    consensus: mpsc::Sender<Weighed>,
    blocks: mpsc::Sender<Weighed>,
    requests: mpsc::Sender<Weighed>,
    transactions: mpsc::Sender<Weighed>,
    budgets: HashMap<Kind, Arc<Semaphore>>,
    request_budget: Arc<Semaphore>,
    dropped: Arc<AtomicU64>,
}

/// Makes both ends; `dropped` counts what the node was too slow for.
pub(crate) fn lanes(dropped: Arc<AtomicU64>) -> (Lanes, NetworkEvents) {
    let (peers, peers_end) = mpsc::channel(LANE_EVENTS);
    let (consensus, consensus_end) = mpsc::channel(LANE_EVENTS);
    let (blocks, blocks_end) = mpsc::channel(LANE_EVENTS);
    let (requests, requests_end) = mpsc::channel(LANE_EVENTS);
    let (transactions, transactions_end) = mpsc::channel(LANE_EVENTS);
    let budgets = Kind::ALL.iter().map(|kind| (*kind, Arc::new(Semaphore::new(kind.spec().waiting / UNIT)))).collect();
    let lanes = Lanes {
        peers,
        backlog: VecDeque::new(),
        consensus,
        blocks,
        requests,
        transactions,
        budgets,
        request_budget: Arc::new(Semaphore::new(REQUEST_BYTES / UNIT)),
        dropped,
    };
    let events = NetworkEvents {
        peers: peers_end,
        consensus: consensus_end,
        blocks: blocks_end,
        requests: requests_end,
        transactions: transactions_end,
    };
    (lanes, events)
}

impl Lanes {
    /// Offers a gossip event of `bytes`; tells whether there was room.
    pub(crate) fn gossip(&self, kind: Kind, bytes: usize, event: NetworkEvent) -> bool {
        let lane = match kind {
            Kind::Transactions => &self.transactions,
            Kind::Block => &self.blocks,
            _ => &self.consensus,
        };
        self.offer(lane, self.budgets.get(&kind), bytes, event)
    }

    /// Offers a request of `bytes`; tells whether there was room.
    pub(crate) fn request(&self, protocol: Protocol, bytes: usize, event: NetworkEvent) -> bool {
        match protocol {
            Protocol::PushTransactions => {
                self.offer(&self.transactions, self.budgets.get(&Kind::Transactions), bytes, event)
            }
            Protocol::SubmitVote => self.offer(&self.consensus, self.budgets.get(&Kind::Vote), bytes, event),
            _ => self.offer(&self.requests, Some(&self.request_budget), bytes, event),
        }
    }

    fn offer(
        &self,
        lane: &mpsc::Sender<Weighed>,
        budget: Option<&Arc<Semaphore>>,
        bytes: usize,
        event: NetworkEvent,
    ) -> bool {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let share = budget.and_then(|budget| Arc::clone(budget).try_acquire_many_owned(units).ok());
        let taken = share.is_some_and(|share| lane.try_send(Weighed { event, _share: share }).is_ok());
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Tells what happened to a peer or a listener; never lost, never waits.
    pub(crate) fn peer(&mut self, event: NetworkEvent) {
        let event = if self.backlog.is_empty() {
            match self.peers.try_send(event) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(_)) => return,
                Err(mpsc::error::TrySendError::Full(event)) => event,
            }
        } else {
            event
        };
        let Some(peer) = subject(&event) else {
            self.backlog.push_back(event);
            return;
        };
        match event {
            NetworkEvent::PeerGone { .. } => {
                let before = self.backlog.len();
                let ready = self.drop_waiting(peer, |waiting| matches!(waiting, NetworkEvent::PeerReady { .. }));
                self.drop_waiting(peer, |waiting| {
                    matches!(waiting, NetworkEvent::PeerStatus { .. } | NetworkEvent::OtherChain { .. })
                });
                debug_assert!(self.backlog.len() <= before);
                // The node never learns of a peer that came and went while it was not listening.
                if !ready {
                    self.backlog.push_back(event);
                }
            }
            NetworkEvent::PeerStatus { status, .. } => {
                let waiting = self.backlog.iter_mut().rev().find(|waiting| subject(waiting) == Some(peer));
                match waiting {
                    Some(
                        NetworkEvent::PeerStatus { status: old, .. } | NetworkEvent::PeerReady { status: old, .. },
                    ) => *old = status,
                    _ => self.backlog.push_back(NetworkEvent::PeerStatus { peer, status }),
                }
            }
            NetworkEvent::OtherChain { .. } => {
                self.drop_waiting(peer, |waiting| matches!(waiting, NetworkEvent::OtherChain { .. }));
                if self.backlog.len() < LANE_EVENTS {
                    self.backlog.push_back(event);
                }
            }
            event => self.backlog.push_back(event),
        }
    }

    fn drop_waiting(&mut self, peer: PeerId, unwanted: impl Fn(&NetworkEvent) -> bool) -> bool {
        let before = self.backlog.len();
        self.backlog.retain(|waiting| subject(waiting) != Some(peer) || !unwanted(waiting));
        self.backlog.len() < before
    }

    /// Whether events wait in the backlog.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Moves one event from the backlog to the node as soon as there is room. Cancel-safe.
    pub(crate) async fn drain(&mut self) {
        match self.peers.reserve().await {
            Ok(slot) => {
                if let Some(event) = self.backlog.pop_front() {
                    slot.send(event);
                }
            }
            Err(_) => self.backlog.clear(),
        }
    }
}

const fn subject(event: &NetworkEvent) -> Option<PeerId> {
    match event {
        NetworkEvent::PeerReady { peer, .. }
        | NetworkEvent::PeerStatus { peer, .. }
        | NetworkEvent::PeerGone { peer }
        | NetworkEvent::OtherChain { peer, .. } => Some(*peer),
        NetworkEvent::Gossip { .. } | NetworkEvent::Request { .. } | NetworkEvent::Listening(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        gossip::{GossipMessage, GossipTicket},
        status::{Agent, PROTOCOL_VERSION, Status},
    };
    use alloy_primitives::{B256, Bytes};
    use baton_consensus::types::{BlockRef, Epoch, Era, Height, Term};
    use libp2p::gossipsub::MessageId;

    fn gossip(tag: u8) -> NetworkEvent {
        let source = PeerId::random();
        let ticket = GossipTicket { id: MessageId::new(&[tag]), source, kind: Kind::Transactions };
        NetworkEvent::Gossip { source, ticket, message: GossipMessage::Transactions(vec![Bytes::from(vec![tag])]) }
    }

    fn tag(event: Option<NetworkEvent>) -> Option<u8> {
        match event {
            Some(NetworkEvent::Gossip { ticket, .. }) => ticket.id.0.first().copied(),
            _ => None,
        }
    }

    fn status(height: u64) -> Status {
        Status {
            version: PROTOCOL_VERSION,
            chain_id: 1,
            genesis_hash: B256::ZERO,
            head: BlockRef { height: Height(height), hash: B256::ZERO },
            finalized: Height(0),
            earliest: Height(0),
            era: Era(0),
            term: Term(1),
            epoch: Epoch(1),
            agent: Agent::default(),
        }
    }

    #[tokio::test]
    async fn a_flood_of_transactions_delays_no_block_and_is_dropped_beyond_the_budget() {
        let dropped = Arc::new(AtomicU64::new(0));
        let (lanes, mut events) = lanes(Arc::clone(&dropped));
        let room = Kind::Transactions.spec().waiting >> 20;
        for _ in 0..room {
            assert!(lanes.gossip(Kind::Transactions, 1 << 20, gossip(1)));
        }
        assert!(!lanes.gossip(Kind::Transactions, 1 << 20, gossip(1)));
        assert!(lanes.gossip(Kind::Block, 1 << 20, gossip(2)));
        assert!(lanes.gossip(Kind::Vote, 300, gossip(4)));
        assert_eq!(tag(events.next().await), Some(4));
        assert_eq!(tag(events.next().await), Some(2));
        assert_eq!(tag(events.next().await), Some(1));
        assert!(lanes.gossip(Kind::Transactions, 1 << 20, gossip(3)), "taken events give their share back");
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn peers_are_never_lost_and_their_backlog_is_folded() {
        let (mut lanes, mut events) = lanes(Arc::default());
        let address: libp2p::Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        for _ in 0..LANE_EVENTS {
            lanes.peer(NetworkEvent::Listening(address.clone()));
        }
        let (stays, leaves) = (PeerId::random(), PeerId::random());
        lanes.peer(NetworkEvent::PeerGone { peer: stays });
        lanes.peer(NetworkEvent::PeerReady { peer: stays, status: status(1) });
        for height in 2..100 {
            lanes.peer(NetworkEvent::PeerStatus { peer: stays, status: status(height) });
            lanes.peer(NetworkEvent::PeerReady { peer: leaves, status: status(height) });
            lanes.peer(NetworkEvent::PeerGone { peer: leaves });
        }
        assert_eq!(lanes.backlog.len(), 2);
        for _ in 0..LANE_EVENTS {
            assert!(matches!(events.next().await, Some(NetworkEvent::Listening(_))));
        }
        while lanes.has_backlog() {
            lanes.drain().await;
        }
        assert!(matches!(events.next().await, Some(NetworkEvent::PeerGone { peer }) if peer == stays));
        let ready = events.next().await;
        assert!(matches!(ready, Some(NetworkEvent::PeerReady { status, .. }) if status.head.height == Height(99)));
        drop(lanes);
        assert!(events.next().await.is_none());
    }
}
