//! Messages out and in.

use super::NetworkTask;
use crate::{
    counters::Counters,
    error::{Publication, PublishError},
    event::NetworkEvent,
    gossip::{self, GossipTicket, Kind, Verdict},
    penalties::Offence,
    wire::WireError,
};
use libp2p::{
    PeerId,
    gossipsub::{self, MessageAcceptance, MessageId, TopicHash},
};
use tracing::{debug, warn};

impl NetworkTask {
    pub(super) fn publish(&mut self, kind: Kind, data: Vec<u8>) -> Result<Publication, PublishError> {
        let Some(topic) = self.topics.hash(kind) else {
            return Err(PublishError::Gossip(format!("{kind} has no topic")));
        };
        let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;
        let peers = gossipsub.subscribers(kind, topic);
        if peers == 0 {
            self.kept.push(kind, data);
            return Ok(Publication::Kept);
        }
        match gossipsub.of(kind).publish(topic.clone(), data.clone()) {
            Ok(_) => {
                Counters::add(&self.counters.published);
                Ok(Publication::Sent { peers })
            }
            Err(gossipsub::PublishError::Duplicate) => Ok(Publication::AlreadyKnown),
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {
                self.kept.push(kind, data);
                Ok(Publication::Kept)
            }
            Err(gossipsub::PublishError::AllQueuesFull(peers)) => Err(PublishError::QueuesFull { peers }),
            Err(error) => Err(PublishError::Gossip(error.to_string())),
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                self.on_message(message_id, propagation_source, &message.topic, &message.data);
            }
            gossipsub::Event::Subscribed { topic, .. } => self.send_kept(&topic),
            gossipsub::Event::SlowPeer { peer_id, failed_messages } => {
                debug!(peer = %peer_id, ?failed_messages, "peer does not keep up with gossip");
            }
            gossipsub::Event::GossipsubNotSupported { peer_id } => {
                debug!(peer = %peer_id, "peer does not speak gossipsub");
            }
            gossipsub::Event::Unsubscribed { .. } => {}
        }
    }

    fn on_message(&mut self, id: MessageId, source: PeerId, topic: &TopicHash, data: &[u8]) {
        // Subscriptions are to these topics alone, and gossipsub drops the rest.
        let Some(kind) = self.topics.kind(topic) else { return };
        let ticket = GossipTicket { id: id.clone(), source, kind };
        if !self.incoming.gossip(kind, &source) {
            debug!(peer = %source, %kind, "more gossip than is taken from one peer");
            Counters::add(&self.counters.over_quota);
            self.settle(&ticket, MessageAcceptance::Ignore);
            return;
        }
        match gossip::open(kind, data) {
            Ok(message) => {
                Counters::add(&self.counters.received);
                // In memory a message takes about what it took decompressed.
                let bytes = snap::raw::decompress_len(data).unwrap_or(data.len());
                if !self.lanes.gossip(kind, bytes, NetworkEvent::Gossip { source, ticket, message }) {
                    self.settle(&GossipTicket { id, source, kind }, MessageAcceptance::Ignore);
                }
            }
            Err(error) => {
                debug!(peer = %source, %kind, %error, "undecodable gossip");
                self.settle(&ticket, MessageAcceptance::Reject);
                let oversized = matches!(error, WireError::TooLarge { .. });
                let offence = if oversized { Offence::OversizedGossip } else { Offence::UndecodableGossip };
                self.charge(source, offence, kind.name());
            }
        }
    }

    pub(super) fn on_verdict(&mut self, ticket: &GossipTicket, verdict: Verdict) {
        if !self.settle(ticket, verdict.into()) && verdict == Verdict::Accept {
            Counters::add(&self.counters.late_verdicts);
        }
        if verdict == Verdict::Reject {
            let offence = match ticket.kind {
                Kind::Transactions => Offence::InvalidTransactions,
                _ => Offence::InvalidGossip,
            };
            self.charge(ticket.source, offence, ticket.kind.name());
        }
    }

    fn settle(&mut self, ticket: &GossipTicket, acceptance: MessageAcceptance) -> bool {
        self.swarm.behaviour_mut().gossipsub.settle(ticket, acceptance)
    }

    fn send_kept(&mut self, topic: &TopicHash) {
        let Some(kind) = self.topics.kind(topic) else { return };
        for data in self.kept.take(kind) {
            if let Err(error) = self.publish(kind, data) {
                warn!(%kind, %error, "a kept message could not be sent");
            }
        }
    }
}
