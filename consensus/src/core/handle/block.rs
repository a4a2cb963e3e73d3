use crate::core::tree::{MAX_PENDING_AT_HEIGHT, Progress};
use crate::core::{Core, Effect, Ignored, MAX_RIVALS, Rejected, Verdict};
use crate::types::{Time, VerifiedBlock};

/// Blocks kept for epochs that are not announced yet.
const MAX_EARLY: usize = 16;

impl Core {
    pub(in crate::core) fn on_block(&mut self, block: VerifiedBlock, now: Time) {
        self.witness_message(&block.verified_proposal(), now);
        if self.tree.contains(block.hash()) || self.tree.is_recent(block.hash()) {
            // It came by another way, a submission or a catch-up: those who get it from us may not have it.
            return self.judge(Verdict::Accept);
        }
        let verdict = match self.admit(block) {
            Ok(()) => Verdict::Accept,
            Err(verdict) => verdict,
        };
        self.judge(verdict);
    }

    /// Looks again at the blocks that came before the announcement of their epoch.
    pub(in crate::core) fn admit_early(&mut self) {
        for block in std::mem::take(&mut self.early) {
            // Those that are early still are kept again; the others are judged by nobody, as nobody waits.
            let _ = self.admit(block);
        }
    }

    /// Takes a leader's block into the tree if it fits the schedule, and executes it as soon as its parent is executed.
    pub(in crate::core) fn admit(&mut self, block: VerifiedBlock) -> Result<(), Verdict> {
        if self.tree.contains(block.hash()) {
            return Err(Verdict::Ignore(Ignored::Duplicate));
        }
        if let Err(verdict) = self.check_schedule(&block) {
            let known = self.early.iter().any(|early| early.hash() == block.hash());
            if verdict == Verdict::Ignore(Ignored::Early) && !known && self.early.len() < MAX_EARLY {
                self.early.push(block);
            }
            return Err(verdict);
        }
        let position = (block.leader(), block.position());
        let rivals =
            self.tree.at(block.height()).filter(|rival| (rival.leader(), rival.position()) == position).count();
        let crowded = rivals >= MAX_RIVALS || self.tree.at(block.height()).count() >= MAX_PENDING_AT_HEIGHT;
        if crowded && !self.is_sealed(&block) {
            return Err(Verdict::Ignore(Ignored::TooManyRivals));
        }
        let parent = block.parent();
        if self.tree.is_executed(parent) {
            self.tree.insert(block.clone(), Progress::Executing);
            self.emit(Effect::Execute(block));
        } else {
            self.tree.insert(block, Progress::Waiting);
        }
        Ok(())
    }

    /// Whether the block's leader was appointed for its height, and the block stands on that appointment.
    fn check_schedule(&self, block: &VerifiedBlock) -> Result<(), Verdict> {
        let position = block.position();
        if position.era != self.schedule.era() {
            let early = position.era > self.schedule.era();
            return Err(Verdict::Ignore(if early { Ignored::Early } else { Ignored::Stale }));
        }
        if !self.set.contains(block.leader()) {
            return Err(Verdict::Reject(Rejected::NotEntitled));
        }
        if block.height() <= self.tree.floor() {
            return Err(Verdict::Ignore(Ignored::Stale));
        }
        if !self.tree.in_window(block.height()) {
            return Err(Verdict::Ignore(Ignored::Early));
        }
        let Some(announced) = self.schedule.at(block.announcement()) else {
            let newest = (self.schedule.era(), self.schedule.term(), self.schedule.epoch());
            let late = (position.era, position.term, position.epoch) <= newest;
            return Err(Verdict::Ignore(if late { Ignored::Stale } else { Ignored::Early }));
        };
        let announcement = &announced.announcement;
        if block.leader() != announcement.leader {
            return Err(Verdict::Reject(Rejected::NotEntitled));
        }
        let named = (announcement.era, announcement.term, announcement.epoch);
        if named != (position.era, position.term, position.epoch) || !announcement.covers(block.height()) {
            return Err(Verdict::Reject(Rejected::Inconsistent));
        }
        if block.height() == announcement.first && block.parent() != announcement.parent {
            return Err(Verdict::Reject(Rejected::Inconsistent));
        }
        let overtaken =
            block.height() <= self.head().height || self.schedule.is_superseded(announced.hash, block.height());
        if overtaken && !self.is_sealed(block) {
            return Err(Verdict::Ignore(Ignored::Stale));
        }
        Ok(())
    }

    fn is_sealed(&self, block: &VerifiedBlock) -> bool {
        self.tree.seal_of(block.hash()).is_some()
    }
}
