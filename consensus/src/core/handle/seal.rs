use crate::core::{Core, Effect, Ignored, Rejected, Report, Timer, Verdict};
use crate::messages::Seal;
use crate::signing::Verified;
use crate::types::{Height, Time};

impl Core {
    pub(in crate::core) fn on_seal(&mut self, seal: Verified<Seal>, now: Time) {
        let message = *seal.message();
        if (message.era, message.term) != (self.schedule.era(), self.schedule.term()) {
            return self.judge(Verdict::Ignore(Ignored::Early));
        }
        let signer = seal.signer();
        if signer != self.schedule.scheduler() {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        let head = self.head();
        if message.height <= head.height {
            let same_height = message.height == head.height;
            if same_height && message.hash != head.hash {
                self.report(Report::Equivocation { signer, kind: "seal", position: message.height.0 });
                return self.judge(Verdict::Ignore(Ignored::Equivocation));
            }
            let known = self.tree.is_recent(message.hash);
            return self.judge(if known { Verdict::Accept } else { Verdict::Ignore(Ignored::Stale) });
        }
        if !self.tree.in_window(message.height) {
            self.judge(Verdict::Ignore(Ignored::Early));
            return self.emit(Effect::CatchUp { target: message.height });
        }
        if !self.tree.contains(message.hash) {
            let at = now.after(self.parameters.block_time / 2);
            self.emit(Effect::StartTimer { timer: Timer::Missing { height: message.height }, at });
        }
        if self.tree.note_seal(seal).is_some() {
            self.report(Report::Equivocation { signer, kind: "seal", position: message.height.0 });
            return self.judge(Verdict::Ignore(Ignored::Equivocation));
        }
        // Also if it came by another way: those who get it from us may not have it.
        self.judge(Verdict::Accept);
        self.advance(now);
    }

    /// A sealed block should have come by now.
    pub(in crate::core) fn on_missing_timer(&mut self, height: Height) {
        let missing = self.tree.seal_at(height).is_some_and(|seal| !self.tree.contains(seal.message().hash));
        if missing {
            self.emit(Effect::CatchUp { target: height });
        }
    }
}
