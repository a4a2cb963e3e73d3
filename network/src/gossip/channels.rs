//! Two instances of gossipsub on every connection, so that transactions give way.
//!
//! gossipsub keeps one queue a peer, first in, first out, and cannot tell what is urgent. With everything in one, a vote on a
//! slow link waits behind all transactions that came before it. So transactions have an instance of their own, with its own
//! protocol ids, queues and streams: the connection serves the two streams in turns, and a vote waits for one frame of
//! transactions, not for all of them.
//!
//! | channel | protocol ids | carries | queue of a peer | own messages go to |
//! |---|---|---|---|---|
//! | chain | `/meshsub/1.2.0` and older | all other kinds | 8,192 messages, 10 s | every peer |
//! | transactions | `/baton/transactions/1.1.0`, `1.0.0` | transactions | 256 messages, 2 s | the mesh, up to 8 peers |
//!
//! Sequencers are explicit peers in the chain's instance alone: what one accepts it passes on to all others. Transactions
//! travel along the mesh; a batch that finds a queue full is dropped for that peer, and whoever answers for a transaction
//! sends it again.

use super::{GossipTicket, Kind};
use libp2p::{
    PeerId,
    gossipsub::{self, IdentityTransform, MessageAcceptance, TopicHash, WhitelistSubscriptionFilter},
    swarm::NetworkBehaviour,
};

/// Gossipsub that accepts our topics only.
pub(crate) type Gossipsub = gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// An instance of gossipsub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Blocks and what consensus needs.
    Chain,
    /// Transactions, which give way.
    Transactions,
}

impl Kind {
    /// Where messages of this kind travel.
    pub(crate) const fn channel(self) -> Channel {
        match self {
            Self::Transactions => Channel::Transactions,
            _ => Channel::Chain,
        }
    }
}

/// The instances.
#[derive(NetworkBehaviour)]
pub(crate) struct Gossip {
    pub(super) chain: Gossipsub,
    pub(super) transactions: Gossipsub,
}

impl Gossip {
    /// The instance that carries a kind.
    pub(crate) const fn of(&mut self, kind: Kind) -> &mut Gossipsub {
        match kind.channel() {
            Channel::Chain => &mut self.chain,
            Channel::Transactions => &mut self.transactions,
        }
    }

    /// The instance for all but transactions, by itself.
    #[cfg(feature = "simulation")]
    pub(crate) fn into_chain(self) -> Gossipsub {
        self.chain
    }

    /// How many peers are subscribed to the topic of a kind.
    pub(crate) fn subscribers(&mut self, kind: Kind, topic: &TopicHash) -> usize {
        self.of(kind).all_peers().filter(|(_, topics)| topics.contains(&topic)).count()
    }

    /// Always passes consensus messages and blocks on to a peer.
    pub(crate) fn add_explicit_peer(&mut self, peer: &PeerId) {
        self.chain.add_explicit_peer(peer);
    }

    /// The end of that.
    pub(crate) fn remove_explicit_peer(&mut self, peer: &PeerId) {
        self.chain.remove_explicit_peer(peer);
    }

    /// Settles a message; whether it was still waiting for that.
    pub(crate) fn settle(&mut self, ticket: &GossipTicket, acceptance: MessageAcceptance) -> bool {
        let GossipTicket { id, source, kind } = ticket;
        self.of(*kind).report_message_validation_result(id, source, acceptance)
    }

    /// Tells both instances what the node itself thinks of a peer.
    pub(crate) fn set_application_score(&mut self, peer: &PeerId, score: f64) {
        // Each answers whether it knows the peer; it need not.
        let _ = self.chain.set_application_score(peer, score);
        let _ = self.transactions.set_application_score(peer, score);
    }

    /// The worse of a peer's two scores; nothing if it does not speak gossip.
    pub(crate) fn peer_score(&self, peer: &PeerId) -> Option<f64> {
        let scores = [self.chain.peer_score(peer), self.transactions.peer_score(peer)];
        scores.into_iter().flatten().reduce(f64::min)
    }
}

impl GossipEvent {
    /// What happened, in whichever instance.
    pub(crate) fn into_inner(self) -> gossipsub::Event {
        match self {
            Self::Chain(event) | Self::Transactions(event) => event,
        }
    }
}
