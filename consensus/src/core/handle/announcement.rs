use crate::certificate::{Appointment, VerifiedCertificate};
use crate::core::{Core, Effect, Ignored, Rejected, Report, Verdict};
use crate::journal::JournalEntry;
use crate::messages::{Announcement, Cause};
use crate::schedule::{Extension, ScheduleError};
use crate::signing::{Signed, Verified};
use crate::types::{BlockRef, Epoch, Time};

impl Core {
    pub(in crate::core) fn on_announcement(
        &mut self,
        announcement: &Verified<Announcement>,
        certificate: Option<VerifiedCertificate>,
        now: Time,
    ) {
        let message = announcement.message();
        let (epoch, signer) = (message.epoch, announcement.signer());
        if message.era < self.schedule.era() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if message.era > self.schedule.era() {
            self.judge(Verdict::Ignore(Ignored::Early));
            return self.emit(Effect::CatchUp { target: message.first.previous(), block: None, holders: vec![signer] });
        }
        let certificate = certificate.filter(|certificate| {
            (certificate.era(), certificate.term(), certificate.hash()) == (message.era, message.term, message.previous)
        });
        match certificate {
            Some(certificate) if certificate.term() > self.schedule.term() => self.enter_term(certificate, now),
            Some(certificate) => self.schedule.open(&self.set, &certificate),
            None => {}
        }
        if message.term > self.schedule.term() {
            self.judge(Verdict::Ignore(Ignored::Early));
            return self.emit(Effect::CatchUp { target: message.first.previous(), block: None, holders: vec![signer] });
        }
        if signer != self.schedule.scheduler_of(&self.set, message.term) {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        self.witness_message(announcement, now);
        let current = message.term == self.schedule.term();
        match self.schedule.extend(&self.set, message.clone()) {
            Ok(Extension::Newest) => {
                self.judge(Verdict::Accept);
                if !self.accept_base(message, now) {
                    // What links to it may be sealed all the same.
                    return self.persist_announcement(announcement.signed().clone(), None);
                }
                self.adopt_announcement(announcement.signed().clone(), None, now);
                self.try_lead(now);
            }
            Ok(Extension::Past) => {
                self.judge(Verdict::Accept);
                self.persist_announcement(announcement.signed().clone(), None);
                self.admit_early();
            }
            Ok(Extension::Conflict) => {
                // Passed on this once, so that everyone has the proof.
                self.judge(Verdict::Accept);
                self.persist_announcement(announcement.signed().clone(), None);
                self.admit_early();
                if current {
                    self.accuse(Cause::Equivocation, now);
                }
            }
            // It came by another way: those who get it from us may not have it.
            Err(ScheduleError::Known) => self.judge(Verdict::Accept),
            Err(ScheduleError::TooMany(_)) => self.judge(Verdict::Ignore(Ignored::Equivocation)),
            Err(ScheduleError::Gap(_)) => {
                let late = current && epoch <= self.schedule.epoch();
                self.judge(Verdict::Ignore(if late { Ignored::Stale } else { Ignored::Early }));
                if current && !late {
                    self.emit(Effect::CatchUp { target: message.first.previous(), block: None, holders: vec![signer] });
                }
            }
            Err(error) => {
                // The scheduler signed it, so whoever passed it on is not to blame, and all shall see it.
                self.judge(Verdict::Accept);
                self.report(Report::BadAnnouncement { epoch, error });
                if current {
                    self.accuse(Cause::Invalid, now);
                }
            }
        }
    }

    /// What follows from an announcement that continues the current schedule: it is kept, and overtaken blocks are void.
    pub(in crate::core) fn adopt_announcement(
        &mut self,
        announcement: Signed<Announcement>,
        journal: Option<JournalEntry>,
        now: Time,
    ) {
        let Announcement { term, epoch, leader, first, ref skipped, .. } = announcement.message;
        let skipped = skipped.clone();
        self.judge_fairness(&announcement.message);
        let base = announcement.message.parent();
        if let Some(before) = self.schedule.at(announcement.message.previous) {
            self.jail.follow(&before.announcement, &announcement.message);
        }
        self.persist_announcement(announcement, journal);
        let voided = self.tree.void(first, |block| (block.position().term, block.position().epoch) < (term, epoch));
        if !voided.is_empty() {
            self.emit(Effect::Discard(voided));
        }
        if self.leading.as_ref().is_some_and(|leading| !leading.is_of(epoch)) {
            self.leading = None;
        }
        self.report(Report::Appointed { epoch, leader, first, skipped });
        if epoch == Epoch(1) {
            self.go_to_base(base);
        }
        self.admit_early();
        self.advance(now);
        self.consider_leaving(now);
    }

    /// Takes the head back to the block that the term builds on, or asks for it.
    fn go_to_base(&mut self, base: BlockRef) {
        if self.tree.is_on_chain(base) {
            if base.height < self.head().height {
                self.revert(base);
            }
        } else {
            let holders = vec![self.schedule.scheduler()];
            self.emit(Effect::fetch(base, holders));
        }
    }

    fn persist_announcement(&mut self, announcement: Signed<Announcement>, journal: Option<JournalEntry>) {
        let certificate = self.schedule.certificate_of(announcement.message.previous);
        let appointment = Appointment { announcement, certificate };
        self.emit(Effect::PersistAnnouncement { appointment, journal });
    }
}
