//! What a leader does: build a block every `block_time` on its own newest block, sign, journal, publish.

use super::tree::Progress;
use super::{BuildRequest, Core, Effect, MAX_UNSEALED, Outgoing, Timer};
use crate::journal::JournalEntry;
use crate::keys::OperatorKey;
use crate::signing::Signed;
use crate::types::{Block, BlockRef, Epoch, ExtraData, Height, SignedBlock, Time};
use std::sync::Arc;

/// An epoch that this node leads.
#[derive(Clone, Debug)]
pub(super) struct Leading {
    epoch: Epoch,
    /// The block to build on.
    tip: BlockRef,
    /// When the next block is due.
    slot: Time,
    /// What is being built.
    building: Option<BuildRequest>,
}

impl Leading {
    pub(super) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch == epoch
    }
}

impl Core {
    /// Begins to lead if the newest announcement names this node and its head is at the epoch's parent or beyond.
    pub(super) fn try_lead(&mut self, now: Time) {
        let Some(latest) = self.schedule.latest() else { return };
        let announcement = &latest.announcement;
        let (epoch, parent) = (announcement.epoch, announcement.parent());
        if self.address() != Some(announcement.leader) || announcement.last <= self.head().height {
            return;
        }
        if self.leading.as_ref().is_some_and(|leading| leading.epoch == epoch) {
            return;
        }
        if self.is_fenced() || self.accepted_base().is_none() || !self.tree.is_on_chain(parent) {
            return;
        }
        let Some(tip) = self.own_tip(epoch) else { return };
        self.leading = Some(Leading { epoch, tip, slot: self.first_slot(now), building: None });
        self.schedule_build(now);
    }

    /// Builds on if there is room above the head and nothing is being built.
    pub(super) fn schedule_build(&mut self, now: Time) {
        let head = self.head();
        let Some(latest) = self.schedule.latest() else { return };
        let last = latest.announcement.last;
        let Some(leading) = &mut self.leading else { return };
        if leading.epoch != latest.announcement.epoch {
            self.leading = None;
            return;
        }
        if leading.tip.height < head.height {
            leading.tip = head;
        }
        let height = leading.tip.height.next();
        if leading.building.is_some() || height > last || height.0 > head.height.0 + MAX_UNSEALED {
            return;
        }
        let (epoch, at) = (leading.epoch, leading.slot.max(now));
        self.emit(Effect::StartTimer { timer: Timer::Build { epoch, height }, at });
    }

    pub(super) fn on_build_timer(&mut self, epoch: Epoch, height: Height, now: Time) {
        let head = self.head();
        let Some(address) = self.address() else { return };
        let Some(latest) = self.schedule.latest() else { return };
        let Some(leading) = &mut self.leading else { return };
        let due = leading.epoch == epoch
            && latest.announcement.epoch == epoch
            && leading.tip.height.next() == height
            && leading.building.is_none()
            && now >= leading.slot
            && height.0 <= head.height.0 + MAX_UNSEALED;
        let Some(parent_timestamp) = self.tree.timestamp_of(leading.tip.hash).filter(|_| due) else { return };
        let request = BuildRequest {
            parent: leading.tip,
            timestamp: now.as_secs().max(parent_timestamp),
            beneficiary: address,
            position: ExtraData { era: self.schedule.era(), term: self.schedule.term(), epoch },
            announcement: latest.hash,
        };
        leading.building = Some(request.clone());
        // A leader that fell behind its pace does not make up for it with a burst.
        let next = leading.slot.after(self.parameters.block_time);
        leading.slot = if next < now { now } else { next };
        self.emit(Effect::Build(request));
    }

    pub(super) fn on_built(&mut self, request: &BuildRequest, result: Option<Box<Block>>, now: Time) {
        let Some(leading) = self.leading.as_mut().filter(|leading| leading.building.as_ref() == Some(request)) else {
            // The epoch ended meanwhile: the block was never signed, and its transactions are still in the pool.
            if let Some(block) = result {
                self.emit(Effect::Discard(vec![block.header.hash_slow()]));
            }
            return;
        };
        leading.building = None;
        let Some(key) = self.key.clone() else { return };
        let block = match result {
            Some(block) if self.still_leads(request.position.epoch) => block,
            Some(block) => return self.emit(Effect::Discard(vec![block.header.hash_slow()])),
            None => {
                if let Some(leading) = &mut self.leading {
                    leading.slot = now.after(self.parameters.block_time);
                }
                return self.schedule_build(now);
            }
        };
        self.publish(*block, request.position, &key, now);
    }

    fn publish(&mut self, block: Block, position: ExtraData, key: &OperatorKey, now: Time) {
        let reference = BlockRef { height: Height(block.header.number), hash: block.header.hash_slow() };
        let proposal = crate::messages::Proposal::new(position, reference.height, reference.hash);
        let signed = Signed::new(proposal, &self.context, key);
        let entry = JournalEntry::Block(signed.clone());
        if !self.may_sign(&entry) {
            self.leading = None;
            return self.emit(Effect::Discard(vec![reference.hash]));
        }
        let block = Arc::new(SignedBlock { block, signature: signed.signature });
        let Ok(verified) = Arc::clone(&block).verify_own(&self.context) else { return };
        self.emit(Effect::PersistProposal { block: Arc::clone(&block), journal: entry });
        self.send_block(&block);
        self.tree.insert(verified, Progress::Executed);
        if let Some(leading) = &mut self.leading {
            leading.tip = reference;
        }
        self.schedule_build(now);
        self.on_block_executed(reference.hash, now);
    }

    /// Publishes an own block and hands it to the scheduler.
    pub(super) fn send_block(&mut self, block: &Arc<SignedBlock>) {
        let scheduler = self.schedule.scheduler();
        if self.address() != Some(scheduler) {
            self.emit(Effect::Submit { to: scheduler, block: Arc::clone(block) });
        }
        self.emit(Effect::Gossip(Outgoing::Block(Arc::clone(block))));
    }

    /// Hands the own unsealed blocks to the scheduler again if none was sealed since the last look: they may be lost, or
    /// the scheduler may have restarted.
    pub(super) fn resubmit_stalled(&mut self) {
        let head = self.head();
        let Some(epoch) = self.leading.as_ref().map(|leading| leading.epoch) else {
            self.stalled_at = None;
            return;
        };
        if self.stalled_at.replace(head) != Some(head) {
            return;
        }
        let scheduler = self.schedule.scheduler();
        if self.address() == Some(scheduler) {
            return;
        }
        for height in (1..=MAX_UNSEALED).map(|above| Height(head.height.0 + above)) {
            let own = self
                .tree
                .at(height)
                .find(|block| Some(block.leader()) == self.address() && block.position().epoch == epoch);
            if let Some(block) = own.map(|block| Arc::clone(block.signed())) {
                self.emit(Effect::Submit { to: scheduler, block });
            }
        }
    }

    fn still_leads(&self, epoch: Epoch) -> bool {
        self.schedule.epoch() == epoch && !self.is_fenced()
    }

    /// The block to build on: the own newest block of this epoch if there is one, else the head. None while an own block
    /// that is signed already has not been executed again after a restart: its position cannot be built anew.
    fn own_tip(&self, epoch: Epoch) -> Option<BlockRef> {
        let position = (self.schedule.era(), self.schedule.term(), epoch);
        let signed = self.journal.block().map(|signed| signed.message);
        match signed {
            Some(block) if (block.era, block.term, block.epoch) == position && block.height > self.head().height => {
                self.tree.is_executed(block.hash).then_some(block.block())
            }
            _ => Some(self.head()),
        }
    }

    /// When the first block of an epoch is due: a block time after the head came.
    fn first_slot(&self, now: Time) -> Time {
        self.head_seen.map_or(now, |seen| seen.after(self.parameters.block_time).max(now))
    }
}
