//! What the network tells the node.

use crate::{
    gossip::{GossipMessage, GossipTicket},
    rpc::{Request, Responder},
    status::Status,
};
use baton_consensus::signing::SigningContext;
use libp2p::{Multiaddr, PeerId};

/// Something that happened on the network.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A message that can be decoded. It is forwarded only after [`crate::NetworkHandle::report`].
    Gossip {
        /// The peer that handed it over, which need not be its author.
        source: PeerId,
        /// Goes back with the verdict.
        ticket: GossipTicket,
        /// The message.
        message: GossipMessage,
    },
    /// A request that only the node can answer.
    Request {
        /// Who asks.
        peer: PeerId,
        /// What it asks.
        request: Request,
        /// Takes the response.
        responder: Responder,
    },
    /// A peer of the same chain is connected and told its status. Once for each peer until it is gone.
    PeerReady {
        /// The peer.
        peer: PeerId,
        /// Its status.
        status: Status,
    },
    /// The status of a ready peer is another one than before.
    PeerStatus {
        /// The peer.
        peer: PeerId,
        /// Its status.
        status: Status,
    },
    /// The last connection to a ready peer is closed.
    PeerGone {
        /// The peer.
        peer: PeerId,
    },
    /// A peer is on another chain and is being disconnected.
    OtherChain {
        /// The peer.
        peer: PeerId,
        /// Its chain.
        theirs: SigningContext,
        /// Our chain.
        ours: SigningContext,
    },
    /// The node listens on one more address.
    Listening(Multiaddr),
}
