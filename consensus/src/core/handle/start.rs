use crate::core::{Core, Effect, Report, Timer};
use crate::types::{Time, VerifiedBlock};

impl Core {
    pub(in crate::core) fn on_start(&mut self, proposals: Vec<VerifiedBlock>, now: Time) {
        let scheduler = self.schedule.scheduler();
        self.report(Report::Started { scheduler });
        for block in proposals {
            // What was signed and not sealed goes out again as it was; it counts only if its epoch still does.
            if self.admit(block.clone()).is_ok() {
                let signed = block.signed().clone();
                self.send_block(&signed);
            }
        }
        self.emit(Effect::StartTimer { timer: Timer::Heartbeat, at: now });
        self.watch.start(now, self.irreversible());
        if self.head().height > self.settled() {
            self.watch.waits(now);
        }
        self.start_term_timer(now);
        self.resend_vote(now);
        self.resume_scheduling(now);
        self.distrust_a_convicted_scheduler(now);
        self.try_lead(now);
    }
}
