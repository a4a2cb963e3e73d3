//! Gossipsub, tuned for a small mesh with short delays.

use super::{Kind, Topics};
use crate::error::NetworkError;
use libp2p::gossipsub::{
    self, ConfigBuilder, IdentityTransform, Message, MessageAuthenticity, MessageId, ValidationMode,
    WhitelistSubscriptionFilter,
};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Room for a message's signature, key, source and topic around its data, in bytes.
const ENVELOPE_ROOM: usize = 4096;

/// How often the mesh is repaired and missing messages are advertised.
const HEARTBEAT: Duration = Duration::from_millis(400);

/// For how many gossipsub heartbeats a message waits for its verdict and can be served: 10 s.
const HISTORY: usize = 25;

/// In how many heartbeats a message is advertised to peers outside the mesh: 2 s.
const ADVERTISED: usize = 5;

/// How long a message is known as a duplicate.
const DUPLICATE_CACHE: Duration = Duration::from_secs(120);

/// Messages that may wait for one peer's link. A burst of transaction batches fits many times over, so that a block
/// behind it is delayed and not dropped.
const SEND_QUEUE: usize = 8192;

/// How long a message may wait for one peer's link.
const SEND_QUEUE_TIME: Duration = Duration::from_secs(10);

/// Gossipsub that accepts our topics only.
pub(crate) type Gossipsub = gossipsub::Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// Builds gossipsub and subscribes to every topic.
///
/// Messages carry no publisher and no signature of one (`StrictNoSign` in the pubsub specification): what they hold is signed by
/// whoever it binds. [ADR 9](../../../docs/adr/0009-gossip-carries-no-publisher.md) says why.
pub(crate) fn build(topics: &Topics) -> Result<Gossipsub, NetworkError> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(Kind::largest_cap() + ENVELOPE_ROOM)
        .flood_publish(true)
        .heartbeat_initial_delay(HEARTBEAT)
        .heartbeat_interval(HEARTBEAT)
        .history_length(HISTORY)
        .history_gossip(ADVERTISED)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .mesh_n(8)
        .mesh_n_low(6)
        .mesh_n_high(12)
        .mesh_outbound_min(3)
        .prune_backoff(Duration::from_secs(30))
        .connection_handler_queue_len(SEND_QUEUE)
        .publish_queue_duration(SEND_QUEUE_TIME)
        .forward_queue_duration(SEND_QUEUE_TIME)
        .build()
        .map_err(setup)?;
    let filter = WhitelistSubscriptionFilter(topics.iter().map(gossipsub::IdentTopic::hash).collect());
    let mut gossipsub =
        Gossipsub::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter).map_err(setup)?;
    for topic in topics.iter() {
        gossipsub.subscribe(topic).map_err(setup)?;
    }
    Ok(gossipsub)
}

fn setup(reason: impl std::fmt::Display) -> NetworkError {
    NetworkError::Setup { what: "gossipsub", reason: reason.to_string() }
}

/// The sha256 of topic, a zero byte and data: bound to the topic, the same for every publisher.
fn message_id(message: &Message) -> MessageId {
    let mut hasher = Sha256::new();
    hasher.update(message.topic.as_str().as_bytes());
    hasher.update([0]);
    hasher.update(&message.data);
    MessageId::new(hasher.finalize().as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::gossipsub::TopicHash;

    #[test]
    fn ids_are_bound_to_the_topic_and_not_to_the_sender() {
        let message = |topic: &str, data: &[u8], sequence_number| Message {
            source: None,
            data: data.to_vec(),
            sequence_number,
            topic: TopicHash::from_raw(topic),
        };
        assert_eq!(message_id(&message("a", b"x", Some(1))), message_id(&message("a", b"x", Some(2))));
        assert_ne!(message_id(&message("a", b"x", None)), message_id(&message("b", b"x", None)));
        assert_ne!(message_id(&message("a", b"x", None)), message_id(&message("a", b"y", None)));
    }
}
