//! Gossipsub, tuned for a small mesh with short delays.

use super::{
    Kind, Topics,
    channels::{Channel, Gossip, Gossipsub},
    scoring,
};
use crate::error::NetworkError;
use libp2p::gossipsub::{
    ConfigBuilder, Message, MessageAuthenticity, MessageId, ValidationMode, WhitelistSubscriptionFilter,
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

/// From this size on, in bytes, a node tells its mesh that it has a message as soon as it comes, so that nobody sends it once
/// more (IDONTWANT of gossipsub 1.2): well above the 40 bytes or so that telling takes.
const LARGE: usize = 1 << 10;

/// The protocol ids of transactions are this with a version behind it.
const TRANSACTIONS_PROTOCOL: &str = "/baton/transactions";

/// What may wait for one peer's link: messages, and for how long.
const fn send_queue(channel: Channel) -> (usize, Duration) {
    match channel {
        // A round of votes of the largest set fits many times over.
        Channel::Chain => (8192, Duration::from_secs(10)),
        // What is older has reached everyone by other links, or is sent again.
        Channel::Transactions => (256, Duration::from_secs(2)),
    }
}

/// Builds both instances and subscribes to every topic.
pub(crate) fn build(topics: &Topics) -> Result<Gossip, NetworkError> {
    Ok(Gossip { chain: instance(topics, Channel::Chain)?, transactions: instance(topics, Channel::Transactions)? })
}

/// Builds gossipsub and subscribes to the topics of a channel.
///
/// Messages carry no publisher and no signature of one (`StrictNoSign` in the pubsub specification): what they hold is signed by
/// whoever it binds. [ADR 9](../../../docs/adr/0009-gossip-carries-no-publisher.md) says why.
fn instance(topics: &Topics, channel: Channel) -> Result<Gossipsub, NetworkError> {
    let (queue, patience) = send_queue(channel);
    let mut builder = ConfigBuilder::default();
    if channel == Channel::Transactions {
        builder.protocol_id_prefix(TRANSACTIONS_PROTOCOL);
    }
    let config = builder
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(Kind::largest_cap() + ENVELOPE_ROOM)
        // A transaction's first node need not send it to everyone by itself; a vote's does, as every hop costs its time.
        .flood_publish(channel == Channel::Chain)
        .idontwant_message_size_threshold(LARGE)
        .idontwant_on_publish(true)
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
        .connection_handler_queue_len(queue)
        .publish_queue_duration(patience)
        .forward_queue_duration(patience)
        .build()
        .map_err(setup)?;
    let carried = Vec::from_iter(topics.of(channel));
    let filter = WhitelistSubscriptionFilter(carried.iter().map(|topic| topic.hash()).collect());
    let mut gossipsub =
        Gossipsub::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter).map_err(setup)?;
    scoring::apply(&mut gossipsub, topics, channel)?;
    for topic in carried {
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
