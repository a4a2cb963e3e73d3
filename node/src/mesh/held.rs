//! What waits for the next era: it cannot be checked before that is opened, which may be a moment later here than elsewhere.
//!
//! Anyone can claim to be of the next era, so there is little room, by number and by bytes, and whoever takes most of it
//! makes way: a flood displaces itself.

use alloy_rlp::Encodable;
use baton_consensus::{certificate::TermCertificate, types::CompactTransaction};
use baton_network::{GossipMessage, GossipTicket, PeerId};
use std::collections::{HashMap, VecDeque};

/// Messages that are kept at most.
const MAX_MESSAGES: usize = 256;

/// Bytes that they may take together, roughly.
const MAX_BYTES: usize = 32 << 20;

type Message<T> = (PeerId, T, GossipMessage);

/// Messages of the next era, with what names them until their verdict.
#[derive(Debug)]
pub struct Held<T = GossipTicket> {
    messages: VecDeque<(usize, Message<T>)>,
    bytes: usize,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { messages: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Held<T> {
    /// Keeps a message; with the tickets of those that make way for it, which may be its own.
    pub(super) fn keep(&mut self, message: Message<T>) -> Vec<T> {
        let size = size(&message.2);
        self.bytes += size;
        self.messages.push_back((size, message));
        let mut displaced = Vec::new();
        while self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            let Some(ticket) = self.displace() else { break };
            displaced.push(ticket);
        }
        displaced
    }

    /// All of them, oldest first.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Message<T>> + use<T> {
        self.bytes = 0;
        std::mem::take(&mut self.messages).into_iter().map(|(_, message)| message)
    }

    /// Drops the oldest message of the peer that takes most of the room.
    fn displace(&mut self) -> Option<T> {
        let mut shares: HashMap<PeerId, f64> = HashMap::new();
        for (size, (source, ..)) in &self.messages {
            *shares.entry(*source).or_default() += share(*size);
        }
        let (greediest, _) = shares.into_iter().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
        let oldest = self.messages.iter().position(|(_, (source, ..))| *source == greediest)?;
        let (size, (_, ticket, _)) = self.messages.remove(oldest)?;
        self.bytes -= size;
        Some(ticket)
    }
}

/// What part of the room a message takes, by number and by bytes together.
#[allow(clippy::cast_precision_loss, reason = "it is compared with others of its kind")]
fn share(size: usize) -> f64 {
    1.0 / MAX_MESSAGES as f64 + size as f64 / MAX_BYTES as f64
}

/// About what a message takes in memory, in bytes.
fn size(message: &GossipMessage) -> usize {
    const SMALL: usize = 1 << 10;
    let certificate = |certificate: &TermCertificate| certificate.reports.len() * 512;
    SMALL
        + match message {
            GossipMessage::Block(block) => {
                let transaction = |transaction: &CompactTransaction| match transaction {
                    CompactTransaction::Hash(_) => 64,
                    CompactTransaction::Whole(bytes) => 64 + bytes.len(),
                };
                block.header.length() + block.transactions.iter().map(transaction).sum::<usize>()
            }
            GossipMessage::Schedule(appointment) => {
                appointment.announcement.message.skipped.len() * 32
                    + appointment.certificate.as_deref().map_or(0, certificate)
            }
            GossipMessage::Certificate(endorsed) => certificate(&endorsed.content),
            GossipMessage::SetChange(endorsed) => endorsed.content.members.len() * 512,
            GossipMessage::Evidence(_) => 64 << 10,
            _ => 0,
        }
}

#[cfg(test)]
mod tests;
