use crate::core::{Core, Effect, Ignored, Rejected, Report, Verdict};
use crate::journal::JournalEntry;
use crate::messages::Announcement;
use crate::schedule::ScheduleError;
use crate::signing::{Signed, Verified};
use crate::types::Time;

impl Core {
    pub(in crate::core) fn on_announcement(&mut self, announcement: &Verified<Announcement>, now: Time) {
        let message = announcement.message();
        let same_term = (message.era, message.term) == (self.schedule.era(), self.schedule.term());
        if same_term && announcement.signer() != self.schedule.scheduler() {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        let epoch = message.epoch;
        match self.schedule.extend(&self.set, message.clone()) {
            Ok(_) => {}
            // It came by another way: those who get it from us may not have it.
            Err(ScheduleError::Known) => return self.judge(Verdict::Accept),
            Err(ScheduleError::Past(_)) => return self.judge(Verdict::Ignore(Ignored::Stale)),
            Err(ScheduleError::OtherTerm { .. }) => return self.judge(Verdict::Ignore(Ignored::Early)),
            Err(ScheduleError::Gap { .. }) => {
                self.judge(Verdict::Ignore(Ignored::Early));
                let target = message.first.previous();
                return self.emit(Effect::CatchUp { target });
            }
            Err(ScheduleError::Conflict(_)) => {
                self.judge(Verdict::Ignore(Ignored::Equivocation));
                let signer = announcement.signer();
                return self.report(Report::Equivocation { signer, kind: "announcement", position: epoch.0 });
            }
            Err(error) => {
                // The scheduler signed it, so whoever passed it on is not to blame; still nobody should follow it.
                self.judge(Verdict::Ignore(Ignored::Equivocation));
                return self.report(Report::BadAnnouncement { epoch, error });
            }
        }
        self.judge(Verdict::Accept);
        self.adopt_announcement(announcement.signed().clone(), None, now);
        self.try_lead(now);
    }

    /// What follows from an announcement that continues the schedule: it is kept, and overtaken blocks are void.
    pub(in crate::core) fn adopt_announcement(
        &mut self,
        announcement: Signed<Announcement>,
        journal: Option<JournalEntry>,
        now: Time,
    ) {
        let Announcement { epoch, leader, first, ref skipped, .. } = announcement.message;
        let skipped = skipped.clone();
        let schedule = self.schedule.snapshot();
        self.emit(Effect::PersistAnnouncement { announcement, schedule, journal });
        let voided = self.tree.void(first, |block| block.position().epoch < epoch);
        if !voided.is_empty() {
            self.emit(Effect::Discard(voided));
        }
        if self.leading.as_ref().is_some_and(|leading| !leading.is_of(epoch)) {
            self.leading = None;
        }
        self.report(Report::Appointed { epoch, leader, first, skipped });
        self.admit_early();
        self.advance(now);
    }
}
