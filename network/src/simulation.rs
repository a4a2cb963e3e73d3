//! Parts of the node's network without its swarm, for the simulation of large meshes.

use crate::{
    behaviour,
    error::NetworkError,
    gossip::{Kind, Topics, build},
};
use baton_consensus::signing::SigningContext;
use libp2p::{
    gossipsub::{self, IdentityTransform, TopicHash, WhitelistSubscriptionFilter},
    yamux,
};

/// Gossipsub that accepts the topics of one chain.
pub type Gossipsub = gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// Gossipsub as a node has it for blocks and consensus messages, subscribed to all of their topics.
///
/// # Errors
/// [`NetworkError::Setup`] if gossipsub refuses its configuration.
pub fn gossipsub(chain: &SigningContext) -> Result<Gossipsub, NetworkError> {
    Ok(build(&Topics::new(chain))?.into_chain())
}

/// The topic of a kind; none if it has no topic.
#[must_use]
pub fn topic(chain: &SigningContext, kind: Kind) -> Option<TopicHash> {
    Topics::new(chain).hash(kind).cloned()
}

/// Yamux as a node has it.
#[must_use]
pub fn yamux() -> yamux::Config {
    behaviour::yamux()
}
