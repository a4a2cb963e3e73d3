//! The checks of consensus messages: what is cheap comes first, so that a stranger costs a recovery and no pairing.

use super::Router;
use crate::engine::{EngineMessage, Origin};
use baton_consensus::{
    certificate::{Appointment, TermCertificate},
    evidence::Evidence,
    finality::{CertifiedCheckpoint, ProposedCheckpoint, SetChange},
    messages::{CastVote, CheckpointPosition, SequencerRecord, TermRequest, VerifiedTermChange},
    signing::{Message, Signed, Verified},
};
use baton_network::{GossipTicket, PeerId, Verdict};
use std::{fmt, sync::Arc};
use tracing::warn;

impl Router {
    /// Checks a signature and hands the message to the engine.
    pub(super) fn consensus<M: Message>(
        &self,
        source: PeerId,
        ticket: GossipTicket,
        signed: Signed<M>,
        message: fn(Verified<M>, Origin) -> EngineMessage,
    ) {
        match signed.verify(&self.electorates.context()) {
            Ok(verified) => self.offer(message(verified, Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, M::DOMAIN, error),
        }
    }

    pub(super) fn appointment(&self, source: PeerId, ticket: GossipTicket, appointment: Appointment) {
        let Appointment { announcement, certificate } = appointment;
        let Some(announcement) = self.member(announcement) else {
            return self.reject(source, ticket, "announcement", "nobody in the set signed it");
        };
        match certificate.map(|certificate| certificate.verify(self.electorates.now())).transpose() {
            Ok(certificate) => {
                self.offer(EngineMessage::Announcement(announcement, certificate, Origin::Gossip(ticket)));
            }
            Err(error) => self.reject(source, ticket, "announcement", error),
        }
    }

    pub(super) fn term_change(&self, source: PeerId, ticket: GossipTicket, request: TermRequest) {
        let TermRequest { change, certificate } = request;
        let verify = |certificate| self.quorums.verify(certificate, self.electorates.now()).ok();
        let checked = self
            .member(change)
            .and_then(|change| VerifiedTermChange::check_by(change, certificate, self.electorates.now(), verify));
        match checked {
            Some(change) => self.offer(EngineMessage::TermChange(change, Origin::Gossip(ticket))),
            None => {
                self.reject(source, ticket, "term change", "nobody in the set signed it, or its certificate is bad");
            }
        }
    }

    pub(super) fn certificate(&self, source: PeerId, ticket: GossipTicket, certificate: Arc<TermCertificate>) {
        match certificate.verify(self.electorates.now()) {
            Ok(verified) => self.offer(EngineMessage::Certificate(verified, Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, "term certificate", error),
        }
    }

    pub(super) fn checkpoint(&self, source: PeerId, ticket: GossipTicket, proposed: ProposedCheckpoint) {
        let ProposedCheckpoint { checkpoint, parent } = proposed;
        let Some(checkpoint) = self.member(checkpoint) else {
            return self.reject(source, ticket, "checkpoint", "nobody in the set signed it");
        };
        let named = checkpoint.message().parent;
        let is_named = match &parent {
            Some(parent) => parent.checkpoint.reference() == named,
            None => named.position == CheckpointPosition::root(checkpoint.message().era),
        };
        if !is_named {
            return self.reject(source, ticket, "checkpoint", "its certificate is not that of its parent");
        }
        match parent.map(|parent| self.quorums.verify(parent, self.electorates.now())).transpose() {
            Ok(parent) => self.offer(EngineMessage::Checkpoint(checkpoint, parent, Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, "checkpoint", error),
        }
    }

    /// The BLS signature is the engine's to check, with those of others.
    pub(super) fn vote(&self, source: PeerId, ticket: GossipTicket, vote: Signed<CastVote>) {
        match self.member(vote) {
            Some(vote) => self.offer(EngineMessage::Vote(vote, Origin::Gossip(ticket))),
            None => self.reject(source, ticket, "vote", "nobody in the set signed it"),
        }
    }

    pub(super) fn quorum(&self, source: PeerId, ticket: GossipTicket, certified: CertifiedCheckpoint) {
        let CertifiedCheckpoint { certificate, parent } = certified;
        if parent.is_some_and(|parent| parent.reference() != certificate.checkpoint.parent) {
            return self.reject(source, ticket, "quorum certificate", "the checkpoint beside it is not its parent");
        }
        match self.quorums.verify(certificate, self.electorates.now()) {
            Ok(certificate) => self.offer(EngineMessage::Quorum(certificate, parent, Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, "quorum certificate", error),
        }
    }

    pub(super) fn set_change(&self, source: PeerId, ticket: GossipTicket, change: Arc<SetChange>) {
        match change.verify(self.electorates.now()) {
            Ok(change) => self.offer(EngineMessage::SetChange(Box::new(change), Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, "set change", error),
        }
    }

    pub(super) fn evidence(&self, source: PeerId, ticket: GossipTicket, evidence: &Evidence) {
        let Some(electorate) = self.electorates.of(evidence.era()) else {
            return self.network.report(ticket, Verdict::Ignore);
        };
        match evidence.clone().verify(electorate) {
            Ok(evidence) => self.offer(EngineMessage::Evidence(evidence, Origin::Gossip(ticket))),
            Err(error) => self.reject(source, ticket, "evidence", error),
        }
    }

    /// Who is not in the set is ignored and blames nobody: this node may not have heard of the set in which it is. An older record
    /// that comes again is no fault either.
    pub(super) fn record(&self, source: PeerId, ticket: GossipTicket, signed: Signed<SequencerRecord>) {
        match signed.verify(&self.electorates.context()) {
            Ok(verified) => {
                let verdict = if self.records.take(verified) { Verdict::Accept } else { Verdict::Ignore };
                self.network.report(ticket, verdict);
            }
            Err(error) => self.reject(source, ticket, SequencerRecord::DOMAIN, error),
        }
    }

    /// A message that a member signed with its operator's key.
    pub(super) fn member<M: Message>(&self, signed: Signed<M>) -> Option<Verified<M>> {
        let verified = signed.verify(&self.electorates.context()).ok()?;
        self.electorates.now().set.contains(verified.signer()).then_some(verified)
    }

    fn reject(&self, source: PeerId, ticket: GossipTicket, what: &'static str, reason: impl fmt::Display) {
        warn!(%source, what, %reason, "rejected a message");
        self.count_malformed();
        self.network.report(ticket, Verdict::Reject);
    }
}
