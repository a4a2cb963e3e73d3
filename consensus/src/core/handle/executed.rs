use crate::core::tree::Progress;
use crate::core::{Core, Effect, ExecutionFailure, Report};
use crate::journal::JournalEntry;
use crate::messages::Seal;
use crate::signing::Signed;
use crate::types::{Time, VerifiedBlock};
use alloy_primitives::B256;

impl Core {
    pub(in crate::core) fn on_executed(&mut self, hash: B256, result: Result<(), ExecutionFailure>, now: Time) {
        let Some(block) = self.tree.get(hash).cloned() else {
            // Overtaken while it was being executed.
            return self.emit(Effect::Discard(vec![hash]));
        };
        match result {
            Ok(()) => self.on_block_executed(hash, now),
            Err(failure) => {
                let sealed = self.tree.seal_at(block.height()).is_some_and(|seal| seal.message().hash == hash);
                let dropped = self.tree.remove(hash);
                self.emit(Effect::Discard(dropped));
                if failure == ExecutionFailure::Invalid {
                    if sealed {
                        self.report(Report::InvalidSealedBlock(block.reference()));
                    }
                    self.report(Report::InvalidBlock { block: block.reference(), leader: block.leader() });
                    self.punish_invalid(&block, now);
                }
            }
        }
    }

    /// A block in the tree is executed: what waited for it is executed next, and what is sealed is committed.
    pub(in crate::core) fn on_block_executed(&mut self, hash: B256, now: Time) {
        self.tree.set_progress(hash, Progress::Executed);
        for child in self.tree.start_children(hash) {
            self.emit(Effect::Execute(child));
        }
        self.advance(now);
        self.seal_ready(now);
        // A restarted leader waits for its own blocks.
        self.try_lead(now);
    }

    /// Commits sealed and executed blocks on the head as long as there are any.
    pub(in crate::core) fn advance(&mut self, now: Time) {
        while let Some((block, seal)) = self.tree.next_sealed() {
            self.commit(&block, seal.into_signed(), None, now);
        }
    }

    /// Makes a block the head.
    pub(in crate::core) fn commit(
        &mut self,
        block: &VerifiedBlock,
        seal: Signed<Seal>,
        journal: Option<JournalEntry>,
        now: Time,
    ) {
        let finalized = self.depth.observe(&self.set, block.leader(), block.height());
        self.emit(Effect::Commit { block: block.clone(), seal, journal, finalized });
        *self.blocks_led.entry(block.leader()).or_default() += 1;
        let dropped = self.tree.advance(block);
        if !dropped.is_empty() {
            self.emit(Effect::Discard(dropped));
        }
        self.schedule.prune(self.tree.head().height);
        self.head_seen = Some(now);
        // What waited for this block as a head that came by another way.
        for child in self.tree.start_children(block.hash()) {
            self.emit(Effect::Execute(child));
        }
        self.schedule_build(now);
        self.try_lead(now);
    }
}
