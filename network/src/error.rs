//! What can go wrong at the surface of the network.

use crate::{rpc::Protocol, wire::WireError};
use libp2p::{Multiaddr, PeerId};
use std::time::Duration;
use thiserror::Error;

/// Why the network could not start.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// An address that this node should listen on.
    #[error("cannot listen on {address}: {reason}; is the port taken, or the transport neither tcp nor quic-v1?")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system said.
        reason: String,
    },
    /// A transport or protocol could not be set up.
    #[error("cannot set up {what}: {reason}")]
    Setup {
        /// Which part.
        what: &'static str,
        /// What it said.
        reason: String,
    },
}

/// Why a message was not published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// It is not within the bounds of its kind.
    #[error("the message cannot be published: {0}")]
    Message(#[from] WireError),
    /// Every subscribed peer's queue is full: the links are slower than what is published.
    #[error("the send queues of all {peers} subscribed peers are full")]
    QueuesFull {
        /// How many peers were tried.
        peers: usize,
    },
    /// The message could not be signed with the node's key.
    #[error("gossip refused the message: {0}")]
    Gossip(String),
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// Where a published message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// To this many subscribed peers, which forward it after their own check.
    Sent {
        /// How many.
        peers: usize,
    },
    /// Nowhere yet: nobody is subscribed. It is sent when a peer subscribes, unless newer messages push it out.
    Kept,
    /// The same bytes were published, or came from a peer, lately.
    AlreadyKnown,
}

/// Why a request has no response.
#[derive(Debug, Error)]
pub enum RequestError {
    /// No connection to the peer.
    #[error("not connected to {0}")]
    NotConnected(PeerId),
    /// The request is not within the bounds of its protocol.
    #[error("the request cannot be sent: {0}")]
    Request(WireError),
    /// The peer sent bytes that are no response; it is counted against it.
    #[error("{peer} answered {protocol} with a malformed response: {reason}")]
    Response {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: Protocol,
        /// What is wrong with it.
        reason: WireError,
    },
    /// No response in time. The peer may or may not have acted on the request.
    #[error("{peer} did not answer {protocol} within {after:?}")]
    Timeout {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: Protocol,
        /// The deadline.
        after: Duration,
    },
    /// The peer does not speak the protocol, or not for this chain.
    #[error("{peer} does not support {protocol}")]
    Unsupported {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: Protocol,
    },
    /// The peer does not serve it now: it has too much to do, too many requests came from here, or it does not have what was asked
    /// for. It may later.
    #[error("{peer} refuses {protocol} for now")]
    Refused {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: Protocol,
    },
    /// The stream or the connection broke.
    #[error("{protocol} with {peer} failed: {reason}")]
    Failed {
        /// The peer.
        peer: PeerId,
        /// The protocol.
        protocol: Protocol,
        /// What happened.
        reason: String,
    },
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// Why a response was not handed over.
#[derive(Debug, Error)]
pub enum RespondError {
    /// The response is of another protocol than the request.
    #[error("a response of {given} cannot answer a request of {asked}")]
    Protocol {
        /// The request's protocol.
        asked: Protocol,
        /// The response's protocol.
        given: Protocol,
    },
    /// The response is not within the bounds of its protocol.
    #[error("the response cannot be sent: {0}")]
    Response(#[from] WireError),
    /// The request has expired, or the network has stopped.
    #[error("nobody waits for the response any more")]
    Gone,
}

/// Why a dial led nowhere.
#[derive(Clone, Debug, Error)]
#[error("cannot connect to {address}: {reason}")]
pub struct DialFailure {
    /// The address.
    pub address: Multiaddr,
    /// What happened.
    pub reason: String,
}
