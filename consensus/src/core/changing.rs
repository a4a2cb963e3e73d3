//! Changing the scheduler (R6): asking for a term, joining those who ask, assembling certificates, entering terms.

use super::scheduling::Scheduling;
use super::{Core, Effect, Ignored, Outgoing, Rejected, Report, Verdict};
use crate::certificate::VerifiedCertificate;
use crate::finality::VerifiedQuorum;
use crate::jail::Jail;
use crate::messages::{Cause, Checkpoint, TermChange, TermReport, TermRequest, VerifiedTermChange};
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Stake, Term, Time};
use alloy_primitives::Address;
use std::{collections::BTreeMap, sync::Arc};

/// The newest term change of each member, its own included, for terms that this node has not entered.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes(BTreeMap<Address, VerifiedTermChange>);

impl Changes {
    /// Takes a term change in if it is newer than the member's last; whether it is.
    fn note(&mut self, change: VerifiedTermChange) -> bool {
        let order = |change: &VerifiedTermChange| (change.report().term, change.message().sent_at);
        let newer = self.0.get(&change.signer()).is_none_or(|known| order(known) < order(&change));
        if newer {
            self.0.insert(change.signer(), change);
        }
        newer
    }

    fn forget_up_to(&mut self, term: Term) {
        self.0.retain(|_, change| change.report().term > term);
    }

    /// Those for exactly this term.
    fn of(&self, term: Term) -> impl Iterator<Item = &VerifiedTermChange> {
        self.0.values().filter(move |change| change.report().term == term)
    }

    /// The reason that most members give for this term, joining apart.
    fn cause(&self, term: Term) -> Option<Cause> {
        let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
        for change in self.of(term).filter(|change| change.message().cause != Cause::Joined) {
            *counts.entry(change.message().cause).or_default() += 1;
        }
        counts.into_iter().max_by_key(|(cause, count)| (*count, std::cmp::Reverse(*cause))).map(|(cause, _)| cause)
    }
}

impl Core {
    pub(super) fn on_term_change(&mut self, change: VerifiedTermChange, now: Time) {
        let report = *change.report();
        let certificate = change.certificate().cloned();
        if report.era != self.schedule.era() || report.term <= self.schedule.term() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if report.head.term >= report.term || report.certified.position.term >= report.term {
            return self.judge(Verdict::Reject(Rejected::Inconsistent));
        }
        if Some(change.signer()) == self.address() || !self.changes.note(change) {
            return self.judge(Verdict::Ignore(Ignored::Duplicate));
        }
        self.judge(Verdict::Accept);
        if let Some(certificate) = certificate {
            self.take_certificate(certificate, None, now);
        }
        self.try_certificate(report.term, now);
        self.join(now);
        self.consider_leaving(now);
    }

    pub(super) fn on_certificate(&mut self, certificate: VerifiedCertificate, now: Time) {
        if certificate.era() != self.schedule.era() || certificate.term() <= self.schedule.term() {
            if certificate.era() == self.schedule.era() {
                // A catch-up brings those of past terms, whose announcements link to them.
                self.schedule.open(&self.set, &certificate);
            }
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        self.judge(Verdict::Accept);
        self.enter_term(certificate, now);
    }

    /// Whether the scheduler of the current term asked for another one itself, which binds it to sign nothing any more, and
    /// all that it sealed is here: whoever left earlier would report less, and the last block could be lost.
    pub(super) fn scheduler_resigned(&self) -> bool {
        let change = self.changes.0.get(&self.schedule.scheduler());
        change.is_some_and(|change| self.tree.is_on_chain(change.report().head.block))
    }

    /// Asks for the next term if there is a reason to leave this one and a quorum of members is heard.
    pub(super) fn consider_leaving(&mut self, now: Time) {
        if self.key.is_none() || self.has_asked() || !self.hears_a_quorum() {
            return;
        }
        if let Some(cause) = self.cause_to_leave(now) {
            self.ask_for(self.schedule.term().next(), cause, now);
        }
    }

    /// Joins the highest term that more than a third of the weight asks for, or passes.
    fn join(&mut self, now: Time) {
        let mut asked: Vec<_> = self
            .changes
            .0
            .iter()
            .filter_map(|(member, change)| Some((change.report().term, self.set.get(*member)?.weight)))
            .collect();
        asked.sort_unstable_by(|one, other| other.cmp(one));
        let mut sum = Stake::default();
        let joined = asked.into_iter().find_map(|(term, weight)| {
            sum = sum.checked_add(weight)?;
            sum.is_third_of(self.set.total()).then_some(term)
        });
        if let Some(term) = joined.filter(|term| *term > self.fence()) {
            self.ask_for(term, Cause::Joined, now);
        }
    }

    /// Signs a term change, which fences this node.
    pub(super) fn ask_for(&mut self, term: Term, cause: Cause, now: Time) {
        if self.key.is_none() {
            return;
        }
        self.report(Report::TermChangeSigned { term, cause });
        self.sign_term_change(term, cause, now);
        self.leading = None;
        self.try_certificate(term, now);
    }

    /// Sends the term change again, with a report that may have grown, until its term is entered.
    pub(super) fn resend_term_change(&mut self, now: Time) {
        if !self.has_asked() {
            return;
        }
        if let Some(change) = self.safety.term_change.as_ref().map(|signed| signed.message) {
            self.sign_term_change(change.report.term, change.cause, now);
            self.try_certificate(change.report.term, now);
        }
    }

    fn sign_term_change(&mut self, term: Term, cause: Cause, now: Time) {
        let (Some(key), Some(bls)) = (&self.key, &self.bls) else { return };
        let last = self.safety.term_change.as_ref().map(|signed| signed.message);
        let head = self.tree.tip();
        let signed = self.journal.block().filter(|signed| signed.message.era == self.schedule.era());
        let signed = signed.map_or(head.block, |signed| signed.message.block());
        let signed = if signed.height > head.block.height { signed } else { head.block };
        let highest = self.highest_quorum_before(term).cloned();
        let certified = highest.as_ref().map_or(self.reign.root, VerifiedQuorum::reference);
        let report = TermReport { era: self.schedule.era(), term, certified, head, signed };
        let sent_at = now.0.max(last.map_or(0, |last| last.sent_at.saturating_add(1)));
        let change = TermChange::sign(report, cause, sent_at, &self.context, (key, bls));
        let own = change.clone().verify(&self.context).ok();
        let certificate = highest.as_ref().map(|quorum| Arc::clone(quorum.certificate()));
        self.safety.term_change = Some(change.clone());
        if last.is_none_or(|last| last.report != report) {
            self.persist_safety(Vec::new());
        }
        if let Some(own) = own {
            self.changes.note(VerifiedTermChange::of_own(own, highest));
        }
        self.emit(Effect::Gossip(Outgoing::TermChange(TermRequest { change, certificate })));
    }

    /// Enters a term if a quorum asks for it.
    fn try_certificate(&mut self, term: Term, now: Time) {
        if term <= self.schedule.term() {
            return;
        }
        let changes: Vec<_> = self.changes.of(term).collect();
        let assembled = VerifiedCertificate::assemble(&self.reign.electorate, term, changes);
        if let Some(certificate) = assembled {
            let gossip = Outgoing::Certificate(certificate.certificate().clone());
            self.enter_term(certificate, now);
            self.emit(Effect::Gossip(gossip));
        }
    }

    /// Leaves the current term for the one that a certificate opens.
    pub(super) fn enter_term(&mut self, certificate: VerifiedCertificate, now: Time) {
        if !self.schedule.enter(&self.set, &certificate) {
            return;
        }
        let (term, scheduler) = (self.schedule.term(), self.schedule.scheduler());
        self.safety.certificate = Some(certificate.certificate().clone());
        let floor = certificate.highest().map_or(self.reign.root.position, VerifiedQuorum::position);
        // It may fall: what this node alone was shown must not keep it from voting.
        self.safety.floor = if mutation::breaks(Mutation::FloorKept) { self.safety.floor.max(floor) } else { floor };
        let highest = certificate.highest().cloned();
        highest.iter().for_each(|highest| self.note_highest(highest));
        self.gadget.enter_term();
        self.persist_safety(Vec::new());
        self.term_cause = self.changes.cause(term);
        self.report(Report::TermOpened { term, scheduler, cause: self.term_cause });
        self.opening = Some(certificate);
        self.refused.retain(|first| self.schedule.at(*first).is_some());
        self.changes.forget_up_to(term);
        self.jail = Jail::default();
        self.leading = None;
        self.scheduling = None;
        self.watch.open(now, self.irreversible());
        self.start_term_timer(now);
        if let Some(highest) = highest {
            self.take_certificate(highest, None, now);
        }
        self.distrust_a_convicted_scheduler(now);
        if term != self.schedule.term() {
            return;
        }
        if self.address() == Some(scheduler) && !self.is_fenced() {
            self.scheduling = Some(Scheduling::default());
            self.start_adopting(now);
        }
        if self.leaving {
            self.send_heartbeat(now);
        }
    }

    /// The block that the current term's first announcement must contain, as far as this node knows the branches of the
    /// reports (R7): the best one that more than a third of the weight descends from, of those that extend the head of the
    /// highest quorum certificate; else that head itself.
    pub(super) fn obliged_base(&self, certificate: &VerifiedCertificate) -> Option<BlockRef> {
        if let Some(closing) = closing_of(certificate) {
            return Some(closing.head);
        }
        let mut weights: BTreeMap<BlockRef, Stake> = BTreeMap::new();
        for (report, signers) in certificate.reports() {
            for signer in signers {
                let Some(member) = self.set.get(*signer) else { continue };
                let sum = weights.entry(report.head.block).or_default();
                *sum = sum.checked_add(member.weight).unwrap_or(*sum);
            }
        }
        let mut candidates: Vec<_> = certificate.reports().iter().map(|(report, _)| report.head).collect();
        // Where branches part, their common part may have the weight that none of them has alone.
        let roots = weights.keys().filter_map(|block| self.tree.root_of(block.hash)).collect::<Vec<_>>();
        candidates.extend(roots.iter().filter_map(|root| Some(self.tree.committed(root.height)?.tip())));
        candidates.sort_unstable();
        let certified = certificate.highest().map(|quorum| quorum.checkpoint().head);
        // What lies below the final block is in every branch that is in reach.
        let certified = certified.filter(|head| head.height >= self.tree.floor());
        let mut extending = candidates
            .into_iter()
            .rev()
            .map(|candidate| candidate.block)
            .filter(|candidate| certified.is_none_or(|certified| self.tree.descends(*candidate, certified)));
        let weighty = extending.find(|candidate| {
            let descending = weights.iter().filter(|(block, _)| self.tree.descends(**block, *candidate));
            descending.map(|(_, weight)| *weight).sum::<Stake>().is_third_of(self.set.total())
        });
        weighty.or(certified)
    }
}

/// What a certificate says of the end of the era: everything above that is void (R13).
pub(super) fn closing_of(certificate: &VerifiedCertificate) -> Option<&Checkpoint> {
    certificate.highest().map(VerifiedQuorum::checkpoint).filter(|certified| certified.is_closing())
}
