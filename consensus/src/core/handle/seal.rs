use crate::core::{Core, Effect, Ignored, Rejected, Timer, Verdict};
use crate::messages::{Cause, Seal};
use crate::signing::Verified;
use crate::types::{BlockRef, Time};

impl Core {
    pub(in crate::core) fn on_seal(&mut self, seal: Verified<Seal>, now: Time) {
        let message = *seal.message();
        let signer = seal.signer();
        if message.era < self.schedule.era() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if message.era > self.schedule.era() || message.term > self.schedule.term() {
            self.judge(Verdict::Ignore(Ignored::Early));
            if self.set.contains(signer) {
                self.emit(Effect::fetch(message.block(), vec![signer]));
            }
            return;
        }
        if signer != self.schedule.scheduler_of(&self.set, message.term) {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        self.witness_message(&seal, now);
        let block = message.block();
        if self.tree.is_on_chain(block) {
            let known = self.tree.is_recent(message.hash);
            return self.judge(if known { Verdict::Accept } else { Verdict::Ignore(Ignored::Stale) });
        }
        if message.height <= self.tree.floor() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if !self.tree.in_window(message.height) {
            self.judge(Verdict::Ignore(Ignored::Early));
            return self.emit(Effect::fetch(message.block(), vec![signer]));
        }
        let conflicts = self.tree.sealed_at(message.height, message.term).is_some_and(|known| known != message.hash);
        let known = self.tree.seal_of(message.hash).is_some();
        self.tree.note_seal(seal);
        if conflicts {
            return self.on_conflicting_seal(&message, known, now);
        }
        if !self.tree.contains(message.hash) {
            let at = now.after(self.parameters.block_time / 2);
            self.emit(Effect::StartTimer { timer: Timer::Missing { block }, at });
        }
        // Also if it came by another way: those who get it from us may not have it.
        self.judge(Verdict::Accept);
        self.advance(now);
        self.try_adopt(now);
    }

    /// A scheduler sealed two blocks at one height.
    fn on_conflicting_seal(&mut self, message: &Seal, known: bool, now: Time) {
        if known {
            return self.judge(Verdict::Ignore(Ignored::Equivocation));
        }
        self.judge(Verdict::Accept);
        if message.term == self.schedule.term() {
            self.accuse(Cause::Equivocation, now);
        }
        self.advance(now);
    }

    /// A sealed block should have come by now.
    pub(in crate::core) fn on_missing_timer(&mut self, block: BlockRef) {
        if !self.tree.contains(block.hash) {
            let holders = vec![self.schedule.scheduler()];
            self.emit(Effect::fetch(block, holders));
        }
    }
}
