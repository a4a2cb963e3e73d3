//! The checks of consensus messages, in order of cost: who signed it, or who vouches for it, costs a recovery; what only a
//! pairing tells is looked at if that one is a member, and it is not of a term that is over. So nobody outside the set makes
//! this node pair: what members once signed is there for anyone to send again, but is known, or old.

use super::Router;
use crate::engine::{EngineMessage, Origin};
use alloy_primitives::Address;
use baton_consensus::{
    certificate::{Appointment, TermCertificate},
    endorsement::{Endorsable, Endorsed, NotEndorsed},
    evidence::Evidence,
    finality::{CertifiedCheckpoint, ProposedCheckpoint, SetChange},
    messages::{
        Announcement, CastVote, Checkpoint, CheckpointPosition, Heartbeat, Seal, SequencerRecord, TermReport,
        TermRequest, VerifiedTermChange,
    },
    signing::{Message, Signed, Verified},
    types::{CompactBlock, Era, ExtraData, Term},
};
use baton_network::{GossipTicket, PeerId, Verdict};
use std::{fmt, sync::Arc};
use tracing::{debug, warn};

impl Router {
    /// A heartbeat of a later era may be of someone who is no member yet: it may show who is ahead, and no more.
    pub(super) fn heartbeat(&self, source: PeerId, ticket: GossipTicket, signed: Signed<Heartbeat>) {
        let era = signed.message.era;
        match signed.verify(&self.electorates.context()) {
            Ok(verified)
                if self.is_member(verified.signer()) || (era > self.electorates.now().era && self.hints.0.take()) =>
            {
                self.offer(EngineMessage::Heartbeat(verified, Origin::Gossip(ticket)));
            }
            Ok(_) if era == self.electorates.now().era => {
                self.reject(source, ticket, "heartbeat", "nobody in the set signed it");
            }
            Ok(_) => self.network.report(ticket, Verdict::Ignore),
            Err(error) => self.reject(source, ticket, "heartbeat", error),
        }
    }

    pub(super) fn seal(&self, source: PeerId, ticket: GossipTicket, signed: Signed<Seal>) {
        match self.member(signed) {
            Some(seal) => self.offer(EngineMessage::Seal(seal, Origin::Gossip(ticket))),
            None => self.reject(source, ticket, "seal", "nobody in the set signed it"),
        }
    }

    /// A block that a member signed is put together; whether the member leads is for the engine to judge before anything is
    /// executed.
    pub(super) fn block(&self, source: PeerId, ticket: GossipTicket, block: Arc<CompactBlock>) {
        match block.verify_by(&self.electorates.context(), |leader| self.is_member(leader)) {
            Ok(verified) => self.assembler.take(source, ticket, verified),
            Err(error) => self.reject(source, ticket, "block", error),
        }
    }

    /// The announcement is signed, and names the certificate beside it by a hash of all of it.
    pub(super) fn appointment(&self, source: PeerId, ticket: GossipTicket, appointment: Appointment) {
        let Appointment { announcement, certificate } = appointment;
        let Some(announcement) = self.member(announcement) else {
            return self.reject(source, ticket, "announcement", "nobody in the set signed it");
        };
        let Announcement { era, term, previous, .. } = *announcement.message();
        if certificate.as_ref().is_some_and(|certificate| certificate.hash() != previous) {
            return self.reject(
                source,
                ticket,
                "announcement",
                "the certificate beside it is not the one that it names",
            );
        }
        // Nobody needs what opened a term that is over.
        let certificate = certificate.filter(|_| self.term_entered(era) <= term);
        match certificate.map(|certificate| self.known.verify_term(certificate, self.electorates.now())).transpose() {
            Ok(certificate) => {
                self.offer(EngineMessage::Announcement(announcement, certificate, Origin::Gossip(ticket)));
            }
            Err(error) => self.reject(source, ticket, "announcement", error),
        }
    }

    pub(super) fn term_change(&self, source: PeerId, ticket: GossipTicket, endorsed: Endorsed<TermRequest>) {
        let Some((request, ticket, endorser)) = self.endorsed(source, ticket, endorsed) else { return };
        let TermRequest { change, certificate } = request;
        let TermReport { era, term, .. } = change.message.report;
        if term <= self.term_entered(era) {
            return self.network.report(ticket, Verdict::Ignore);
        }
        let verify = |certificate| self.known.verify(certificate, self.electorates.now()).ok();
        let checked = self
            .member(change)
            .and_then(|change| VerifiedTermChange::check_by(change, certificate, self.electorates.now(), verify));
        match checked {
            Some(change) => self.offer(EngineMessage::TermChange(change, Origin::Gossip(ticket))),
            None => {
                let reason = "nobody in the set signed it, or its certificate is bad";
                self.reject_endorsed(source, ticket, "term change", endorser, reason);
            }
        }
    }

    pub(super) fn certificate(&self, source: PeerId, ticket: GossipTicket, endorsed: Endorsed<Arc<TermCertificate>>) {
        let Some((certificate, ticket, endorser)) = self.endorsed(source, ticket, endorsed) else { return };
        if certificate.term < self.term_entered(certificate.era) {
            return self.network.report(ticket, Verdict::Ignore);
        }
        match self.known.verify_term(certificate, self.electorates.now()) {
            Ok(verified) => self.offer(EngineMessage::Certificate(verified, Origin::Gossip(ticket))),
            Err(error) => self.reject_endorsed(source, ticket, "term certificate", endorser, error),
        }
    }

    pub(super) fn checkpoint(&self, source: PeerId, ticket: GossipTicket, endorsed: Endorsed<ProposedCheckpoint>) {
        let Some((proposed, ticket, endorser)) = self.endorsed(source, ticket, endorsed) else { return };
        let ProposedCheckpoint { checkpoint, parent } = proposed;
        let Some(checkpoint) = self.member(checkpoint) else {
            let reason = "nobody in the set signed it";
            return self.reject_endorsed(source, ticket, "checkpoint", endorser, reason);
        };
        let named = checkpoint.message().parent;
        let is_named = match &parent {
            Some(parent) => parent.checkpoint.reference() == named,
            None => named.position == CheckpointPosition::root(checkpoint.message().era),
        };
        if !is_named {
            let reason = "its certificate is not that of its parent";
            return self.reject_endorsed(source, ticket, "checkpoint", endorser, reason);
        }
        let Checkpoint { era, term, .. } = *checkpoint.message();
        if term < self.term_entered(era) || parent.as_ref().is_some_and(|parent| !self.known.admits(parent)) {
            return self.network.report(ticket, Verdict::Ignore);
        }
        match parent.map(|parent| self.known.verify(parent, self.electorates.now())).transpose() {
            Ok(parent) => self.offer(EngineMessage::Checkpoint(checkpoint, parent, Origin::Gossip(ticket))),
            Err(error) => self.reject_endorsed(source, ticket, "checkpoint", endorser, error),
        }
    }

    /// The BLS signature is the engine's to check, with those of others.
    pub(super) fn vote(&self, source: PeerId, ticket: GossipTicket, vote: Signed<CastVote>) {
        match self.member(vote) {
            Some(vote) => self.offer(EngineMessage::Vote(vote, Origin::Gossip(ticket))),
            None => self.reject(source, ticket, "vote", "nobody in the set signed it"),
        }
    }

    pub(super) fn quorum(&self, source: PeerId, ticket: GossipTicket, endorsed: Endorsed<CertifiedCheckpoint>) {
        let Some((certified, ticket, endorser)) = self.endorsed(source, ticket, endorsed) else { return };
        let CertifiedCheckpoint { certificate, parent } = certified;
        if parent.is_some_and(|parent| parent.reference() != certificate.checkpoint.parent) {
            let reason = "the checkpoint beside it is not its parent";
            return self.reject_endorsed(source, ticket, "quorum certificate", endorser, reason);
        }
        if !self.known.admits(&certificate) {
            return self.network.report(ticket, Verdict::Ignore);
        }
        match self.known.verify(certificate, self.electorates.now()) {
            Ok(certificate) => self.offer(EngineMessage::Quorum(certificate, parent, Origin::Gossip(ticket))),
            Err(error) => self.reject_endorsed(source, ticket, "quorum certificate", endorser, error),
        }
    }

    pub(super) fn set_change(&self, source: PeerId, ticket: GossipTicket, endorsed: Endorsed<Arc<SetChange>>) {
        let Some((change, ticket, endorser)) = self.endorsed(source, ticket, endorsed) else { return };
        match change.verify(self.electorates.now()) {
            Ok(change) => self.offer(EngineMessage::SetChange(Box::new(change), Origin::Gossip(ticket))),
            Err(error) => self.reject_endorsed(source, ticket, "set change", endorser, error),
        }
    }

    /// Evidence of earlier eras comes from members of those, or from members of a set that this node has not seen yet: who
    /// that is, it cannot tell.
    pub(super) fn evidence(&self, source: PeerId, ticket: GossipTicket, endorsed: &Endorsed<Arc<Evidence>>) {
        let Some(of_era) = self.electorates.of(Endorsable::era(&endorsed.content)) else {
            return self.network.report(ticket, Verdict::Ignore);
        };
        let endorser = match endorsed.endorser(&self.electorates.context()) {
            Ok(endorser) => endorser,
            Err(error) => return self.reject(source, ticket, "evidence", error),
        };
        let known = of_era.set.contains(endorser) || self.is_member(endorser);
        if !known || !self.endorsers.trusts(endorser) {
            return self.network.report(ticket, Verdict::Ignore);
        }
        match Evidence::clone(&endorsed.content).verify(of_era) {
            Ok(evidence) => self.offer(EngineMessage::Evidence(evidence, Origin::Gossip(ticket))),
            Err(error) => self.reject_endorsed(source, ticket, "evidence", endorser, error),
        }
    }

    /// The term that the engine is in; 0 if it is not in this era.
    fn term_entered(&self, era: Era) -> Term {
        let ExtraData { era: now, term, .. } = self.engine.position().schedule;
        if now == era { term } else { Term(0) }
    }

    fn is_member(&self, address: Address) -> bool {
        self.electorates.now().set.contains(address)
    }

    pub(super) fn record(&self, source: PeerId, ticket: GossipTicket, signed: Signed<SequencerRecord>) {
        match self.records.take(signed, &self.electorates.context()) {
            Ok(verdict) => self.network.report(ticket, verdict),
            Err(error) => self.reject(source, ticket, SequencerRecord::DOMAIN, error),
        }
    }

    /// A message that a member signed with its operator's key.
    pub(super) fn member<M: Message>(&self, signed: Signed<M>) -> Option<Verified<M>> {
        let verified = signed.verify(&self.electorates.context()).ok()?;
        self.is_member(verified.signer()).then_some(verified)
    }

    /// What a member of this era vouches for, whose word was good so far; otherwise the verdict is given.
    fn endorsed<T: Endorsable>(
        &self,
        source: PeerId,
        ticket: GossipTicket,
        endorsed: Endorsed<T>,
    ) -> Option<(T, GossipTicket, Address)> {
        match endorsed.verify(self.electorates.now()) {
            Ok((content, endorser)) if self.endorsers.trusts(endorser) => Some((content, ticket, endorser)),
            Ok((_, endorser)) => {
                debug!(%source, %endorser, what = T::KIND, "this member vouched for what does not hold before");
                self.network.report(ticket, Verdict::Ignore);
                None
            }
            Err(error @ (NotEndorsed::Signature(_) | NotEndorsed::Stranger(_))) => {
                self.reject(source, ticket, T::KIND, error);
                None
            }
        }
    }

    /// Whoever vouched for it is to blame, and so is whoever passed it on, who could have seen it.
    fn reject_endorsed(
        &self,
        source: PeerId,
        ticket: GossipTicket,
        what: &'static str,
        endorser: Address,
        reason: impl fmt::Display,
    ) {
        warn!(%endorser, what, "a sequencer vouched for what does not hold; its endorsements count no more in this era");
        self.endorsers.distrust(endorser);
        self.reject(source, ticket, what, reason);
    }

    pub(super) fn reject(&self, source: PeerId, ticket: GossipTicket, what: &'static str, reason: impl fmt::Display) {
        warn!(%source, what, %reason, "rejected a message");
        self.count_malformed();
        self.network.report(ticket, Verdict::Reject);
    }
}
