use crate::core::tree::{Branch, BranchSummary, Progress};
use crate::core::{Core, Effect, ExecutionFailure, Report};
use crate::journal::JournalEntry;
use crate::messages::{Cause, Seal};
use crate::signing::Signed;
use crate::simulation::mutation::{self, Mutation};
use crate::types::{BlockRef, Time, VerifiedBlock};
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
                let sealed = self.tree.seal_of(hash).map(|seal| seal.message().term);
                let dropped = self.tree.remove(hash);
                self.emit(Effect::Discard(dropped));
                if failure == ExecutionFailure::Invalid {
                    if let Some(term) = sealed {
                        self.report(Report::InvalidSealedBlock(block.reference()));
                        if term == self.schedule.term() {
                            self.accuse(Cause::Invalid, now);
                        }
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
        self.try_adopt(now);
        self.seal_ready(now);
        // A restarted leader waits for its own blocks.
        self.try_lead(now);
    }

    /// Goes over to the best branch as long as there is a better one than the head's.
    pub(in crate::core) fn advance(&mut self, now: Time) {
        while let Some(branch) = self.better_branch().filter(|_| !self.era_is_over()) {
            if !self.refuse_bases_of(&branch, now) {
                self.go_over_to(branch, now);
            }
        }
    }

    /// The best branch that beats the head: it extends it, or it is sealed in a later term, or the current term builds on
    /// it. Nothing that is sealed in an older term comes above the current term's base.
    fn better_branch(&self) -> Option<Branch> {
        let (head, term) = (self.tree.tip(), self.schedule.term());
        // What is final is gone over to whatever the term builds on.
        let awaited = self.awaited_in_reach();
        let base = awaited.or_else(|| self.accepted_base());
        let on_base = base.is_none_or(|base| self.tree.is_on_chain(base));
        let allowed = |block: &VerifiedBlock, sealed_in| {
            awaited.is_some() || sealed_in == term || base.is_none_or(|base| block.height() <= base.height)
        };
        let beats = |branch: &BranchSummary| {
            let extends = branch.from == head.block;
            let later = branch.tip > head && (branch.tip.term > head.term || mutation::breaks(Mutation::HeightAlone));
            // A chain that holds the base leaves it for nothing.
            let keeps = base.is_none_or(|base| !on_base || branch.from.height >= base.height);
            keeps && (extends || (later && !branch.marked) || (!on_base && branch.contains))
        };
        let refused = |block: &VerifiedBlock| self.stands_on_refused(block);
        let branches = self.tree.branches(allowed, refused, base).into_iter();
        let better = branches.filter(|branch| branch.from.height >= self.irreversible() && beats(branch));
        let best = better.max_by_key(|branch| (branch.contains, branch.tip))?;
        self.tree.branch(best.tip.block.hash)
    }

    /// Makes the end of a branch the head.
    pub(in crate::core) fn go_over_to(&mut self, branch: Branch, now: Time) {
        if branch.from != self.head() {
            self.revert(branch.from);
        }
        for (block, seal) in branch.blocks {
            if self.era_is_over() {
                // What comes above is void.
                return;
            }
            self.commit(&block, seal.into_signed(), None, now);
        }
    }

    /// Takes the head back to a committed block, which is not below the final one.
    pub(in crate::core) fn revert(&mut self, to: BlockRef) {
        let from = self.head();
        let (_, dropped) = self.tree.revert(to.height);
        if !dropped.is_empty() {
            self.emit(Effect::Discard(dropped));
        }
        self.depth.restart(crate::core::producers(&self.tree, self.depth.finalized()));
        self.leading = None;
        self.emit(Effect::Revert { to });
        self.report(Report::Reverted { from, to });
    }

    /// Makes a block the head.
    pub(in crate::core) fn commit(
        &mut self,
        block: &VerifiedBlock,
        seal: Signed<Seal>,
        journal: Option<JournalEntry>,
        now: Time,
    ) {
        let term = seal.message.term;
        self.depth.observe(&self.set, block.leader(), block.height());
        let finalized = self.finalized();
        self.emit(Effect::Commit { block: block.clone(), seal, journal, finalized });
        *self.blocks_led.entry(block.leader()).or_default() += 1;
        let sealed_in = term;
        let dropped = self.tree.advance(block, sealed_in);
        if !dropped.is_empty() {
            self.emit(Effect::Discard(dropped));
        }
        self.settle(now);
        self.prune();
        self.head_seen = Some(now);
        self.watch.waits(now);
        if term == self.schedule.term() {
            self.watch.sealed(now);
        }
        // What waited for this block as a head that came by another way.
        for child in self.tree.start_children(block.hash()) {
            self.emit(Effect::Execute(child));
        }
        self.schedule_build(now);
        self.try_lead(now);
        self.try_vote(now);
        if self.schedule.planned_last() == Some(block.height()) || self.scheduler_resigned() {
            self.consider_leaving(now);
        }
    }
}
