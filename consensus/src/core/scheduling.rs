//! What a scheduler does: open the term, appoint, seal, and replace leaders that fail.

use super::finality::MAX_AHEAD;
use super::tree::Progress;
use super::{Core, Effect, Outgoing, Report, Timer};
use crate::certificate::{Appointment, VerifiedCertificate};
use crate::journal::JournalEntry;
use crate::messages::{Seal, Skip, SkipReason};
use crate::signing::Signed;
use crate::types::{Epoch, Height, Term, Time, VerifiedBlock};
use alloy_primitives::{Address, B256};

/// A leader further below the scheduler's head than this is passed over, in blocks. Heartbeats lag by a few.
const MAX_LEADER_LAG: u64 = 16;

/// How far a new scheduler has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Takeover {
    /// There is nothing to take over, or it is done.
    #[default]
    Done,
    /// It waits for the members first.
    Waiting,
    /// It looks for the best branch.
    Looking,
}

/// What the scheduler of a term keeps in mind.
#[derive(Clone, Debug, Default)]
pub(super) struct Scheduling {
    pub(super) takeover: Takeover,
    /// Tips of branches that reports tell of and nobody serves.
    pub(super) given_up: Vec<B256>,
    /// When the current leader's next block is due.
    deadline: Option<Time>,
}

impl Core {
    /// The scheduler's part of a start: appoint as soon as the members are live, or send again what was signed last.
    pub(super) fn resume_scheduling(&mut self, now: Time) {
        if self.scheduling.is_none() {
            return;
        }
        if self.schedule.latest().is_none() {
            if let Some(scheduling) = self.scheduling.as_mut().filter(|_| self.opening.is_some()) {
                scheduling.takeover = Takeover::Waiting;
            }
            return self.wait_for_members(now);
        }
        if let Some(seal) = self.journal.seal().cloned() {
            self.emit(Effect::Gossip(Outgoing::Seal(seal)));
        }
        if let Some(announcement) = self.journal.announcement().cloned() {
            let certificate = self.schedule.certificate_of(announcement.message.previous);
            self.emit(Effect::Gossip(Outgoing::Announcement(Appointment { announcement, certificate })));
        }
        self.drive_rounds(now);
        if self.epoch_is_over() {
            // The members have to be heard again before one of them is appointed.
            return self.wait_for_members(now);
        }
        // Others need a moment to connect before they can be late.
        self.set_deadline(now.after(self.parameters.opening_timeout));
    }

    /// Appoints as soon as every member is live, and in any case after `opening_timeout`.
    fn wait_for_members(&mut self, now: Time) {
        let at = now.after(self.parameters.opening_timeout);
        self.emit(Effect::StartTimer { timer: Timer::Opening, at });
        self.open_if_everyone_is_live(now);
    }

    /// Appoints where nobody leads and every member is live.
    pub(super) fn open_if_everyone_is_live(&mut self, now: Time) {
        if self.scheduling.is_none() || !self.epoch_is_over() {
            return;
        }
        let own = self.address();
        let everyone = self
            .set
            .members()
            .iter()
            .all(|member| Some(member.address) == own || self.liveness.is_live(member.address));
        if everyone {
            self.open_term(now);
        }
    }

    pub(super) fn on_opening_timer(&mut self, now: Time) {
        if self.scheduling.is_some() && self.epoch_is_over() {
            self.open_term(now);
        }
    }

    fn open_term(&mut self, now: Time) {
        match self.scheduling.as_ref().map(|scheduling| scheduling.takeover) {
            Some(Takeover::Waiting) => self.start_adopting(now),
            Some(Takeover::Done) => self.appoint(None, now),
            Some(Takeover::Looking) | None => {}
        }
    }

    /// Whether nobody leads: no epoch was announced, or its last block is the head.
    pub(super) fn epoch_is_over(&self) -> bool {
        self.schedule.latest().is_none_or(|latest| latest.announcement.last <= self.head().height)
    }

    /// Appoints the next leader from head + 1. `failed` is the leader that is being replaced.
    pub(super) fn appoint(&mut self, failed: Option<(Address, SkipReason)>, now: Time) {
        let Some(key) = self.key.clone() else { return };
        self.liveness.sweep(now);
        let skipped = self.skipped(failed);
        let opening = self.opening.as_ref().map_or(self.reign.root.hash, VerifiedCertificate::hash);
        let Some(announcement) = self.schedule.next(&self.set, opening, self.head(), skipped) else { return };
        let signed = Signed::new(announcement, &self.context, &key);
        let entry = JournalEntry::Announcement(signed.clone());
        if !self.may_sign(&entry) {
            return;
        }
        if let Err(error) = self.schedule.extend(&self.set, signed.message.clone()) {
            let epoch = signed.message.epoch;
            return self.report(Report::BadAnnouncement { epoch, error });
        }
        self.adopt_announcement(signed.clone(), Some(entry), now);
        let certificate = self.schedule.certificate_of(signed.message.previous);
        self.emit(Effect::Gossip(Outgoing::Announcement(Appointment { announcement: signed, certificate })));
        self.expect_block(now);
        self.try_lead(now);
    }

    /// The members to pass over, with reasons, in order of their addresses.
    fn skipped(&self, failed: Option<(Address, SkipReason)>) -> Vec<Skip> {
        let own = self.address();
        let epoch = self.schedule.epoch().next();
        let reason = |member: Address| {
            if let Some((_, reason)) = failed.filter(|(address, _)| *address == member) {
                return Some(reason);
            }
            if Some(member) == own {
                return None;
            }
            if self.is_convicted(member) {
                return Some(SkipReason::Equivocated);
            }
            let live = self.liveness.get(member).filter(|known| known.live);
            let Some(known) = live else { return Some(SkipReason::Silent) };
            if self.jail.holds(member, epoch) {
                return Some(SkipReason::Jailed);
            }
            if (known.heartbeat.era, known.heartbeat.term) > (self.schedule.era(), self.schedule.term()) {
                return Some(SkipReason::Left);
            }
            let behind = known.heartbeat.height.0.saturating_add(MAX_LEADER_LAG) < self.head().height.0;
            behind.then_some(SkipReason::Behind)
        };
        let mut skipped: Vec<_> = self
            .set
            .members()
            .iter()
            .filter_map(|member| Some(Skip { sequencer: member.address, reason: reason(member.address)? }))
            .collect();
        if skipped.len() == self.set.len() {
            // Everyone fails, this node included: it leads itself rather than nobody.
            skipped.retain(|skip| Some(skip.sequencer) != own);
        }
        skipped
    }

    /// Seals executed blocks on the head as long as there are any, and appoints when the epoch is over.
    pub(super) fn seal_ready(&mut self, now: Time) {
        while self.may_seal() {
            let Some(block) = self.next_to_seal(now) else { return };
            let Some(key) = self.key.clone() else { return };
            let (height, hash) = (block.height(), block.hash());
            let seal = Seal { era: self.schedule.era(), term: self.schedule.term(), height, hash };
            let signed = Signed::new(seal, &self.context, &key);
            let entry = JournalEntry::Seal(signed.clone());
            if !self.may_sign(&entry) {
                return;
            }
            self.commit(&block, signed.clone(), Some(entry), now);
            self.emit(Effect::Gossip(Outgoing::Seal(signed)));
            self.drive_rounds(now);
            self.expect_block(now);
            if self.epoch_is_over() {
                self.appoint(None, now);
            }
        }
    }

    fn may_seal(&self) -> bool {
        let schedules = self.scheduling.is_some() && !self.is_fenced() && !self.is_adopting();
        schedules && !self.waits_for_finality() && !self.is_closing()
    }

    /// Whether so many sealed blocks wait for finality that sealing waits as well. Checkpoints go on.
    #[must_use]
    pub fn waits_for_finality(&self) -> bool {
        self.head().height.0 >= self.irreversible().0.saturating_add(self.parameters.max_unfinalized_blocks)
    }

    /// An executed block of the current epoch on the head, whose time has come.
    fn next_to_seal(&self, now: Time) -> Option<VerifiedBlock> {
        let (term, epoch) = (self.schedule.term(), self.schedule.epoch());
        let mut ready: Vec<_> = self
            .tree
            .at(self.head().height.next())
            .filter(|block| block.parent() == self.head().hash)
            .filter(|block| (block.position().term, block.position().epoch) == (term, epoch))
            .filter(|block| self.tree.progress(block.hash()) == Some(Progress::Executed))
            // Members would not vote for it yet.
            .filter(|block| block.signed().block.header.timestamp <= now.as_secs().saturating_add(MAX_AHEAD))
            .collect();
        ready.sort_by_key(|block| block.hash());
        ready.first().map(|block| (*block).clone())
    }

    pub(super) fn on_deadline_timer(&mut self, epoch: Epoch, height: Height, now: Time) {
        let Some(due) = self.scheduling.as_ref().and_then(|scheduling| scheduling.deadline) else { return };
        if epoch != self.schedule.epoch() || height != self.head().height.next() || now < due {
            return;
        }
        let arrived = self.tree.at(height).any(|block| {
            (block.position().term, block.position().epoch) == (self.schedule.term(), epoch)
                && self.tree.progress(block.hash()) == Some(Progress::Executing)
        });
        if arrived || self.waits_for_finality() || self.is_closing() {
            // It came in time; this node is the one that is slow, or finality is, or the era ends.
            return self.set_deadline(now.after(self.parameters.leader_timeout));
        }
        self.replace_leader(SkipReason::Late, now);
    }

    /// Gives up on the current leader: a new epoch from head + 1 without it, and a strike if it failed.
    pub(super) fn replace_leader(&mut self, reason: SkipReason, now: Time) {
        if self.is_fenced() {
            return;
        }
        let Some(latest) = self.schedule.latest() else { return };
        let (epoch, leader) = (latest.announcement.epoch, latest.announcement.leader);
        let height = self.head().height.next();
        self.appoint(Some((leader, reason)), now);
        let record = self.jail.record(leader);
        self.report(Report::LeaderReplaced { epoch, leader, height, reason, record });
    }

    /// A leader whose heartbeat says that it signs nothing of this term any more will build no block: there is no use in
    /// waiting for its deadline.
    pub(super) fn replace_a_leader_that_left(&mut self, member: Address, pledge: Term, now: Time) {
        let leads = self.schedule.latest().is_some_and(|latest| latest.announcement.leader == member);
        if self.scheduling.is_some() && leads && pledge > self.schedule.term() && !self.epoch_is_over() {
            self.replace_leader(SkipReason::Left, now);
        }
    }

    /// A block of this leader does not execute: the leader is replaced if it leads still.
    pub(super) fn punish_invalid(&mut self, block: &VerifiedBlock, now: Time) {
        if self.scheduling.is_some()
            && self.schedule.latest().is_some_and(|latest| latest.hash == block.announcement())
            && !self.epoch_is_over()
        {
            self.replace_leader(SkipReason::Invalid, now);
        }
    }

    /// The leader's next block is due a block time from now, and late after the leader timeout.
    fn expect_block(&mut self, now: Time) {
        self.set_deadline(now.after(self.parameters.block_time + self.parameters.leader_timeout));
    }

    fn set_deadline(&mut self, at: Time) {
        let (epoch, height) = (self.schedule.epoch(), self.head().height.next());
        if let Some(scheduling) = &mut self.scheduling {
            scheduling.deadline = Some(at);
            self.emit(Effect::StartTimer { timer: Timer::Deadline { epoch, height }, at });
        }
    }
}
