//! The node's verdict on a message, and what it is given to reach one.

use super::Kind;
use libp2p::{
    PeerId,
    gossipsub::{MessageAcceptance, MessageId},
};

/// Names one received message until its verdict. Goes back by [`crate::NetworkHandle::report`].
///
/// A ticket that is dropped counts as [`Verdict::Ignore`]. So does one that comes back later than a few seconds, when
/// the message has left the cache that it would be forwarded from.
#[derive(Debug)]
#[must_use = "a message without a verdict is not forwarded"]
pub struct GossipTicket {
    pub(crate) id: MessageId,
    pub(crate) source: PeerId,
    pub(crate) kind: Kind,
}

/// What the node thinks of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: forward it.
    Accept,
    /// Duplicate, stale, early or not decidable: do not forward it, blame nobody.
    Ignore,
    /// Provably wrong: do not forward it, and count it against the peer that sent it.
    Reject,
}

impl From<Verdict> for MessageAcceptance {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accept => Self::Accept,
            Verdict::Ignore => Self::Ignore,
            Verdict::Reject => Self::Reject,
        }
    }
}
