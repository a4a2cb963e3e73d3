//! Rounds, as the scheduler runs them (R10): at network speed, each over everything sealed since.

use crate::core::{Core, Effect, Outgoing, Timer};
use crate::finality::{ProposedCheckpoint, VerifiedQuorum};
use crate::journal::JournalEntry;
use crate::messages::{Checkpoint, CheckpointPosition, L1Anchor};
use crate::signing::Signed;
use crate::types::{BlockRef, Round as RoundNumber, Time};
use alloy_primitives::B256;

/// The wait for votes doubles this often at most.
const MAX_DOUBLINGS: u32 = 3;

/// A checkpoint that waits for its votes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    position: CheckpointPosition,
    head: BlockRef,
    /// How many rounds in a row found no quorum before this one.
    failures: u32,
    closing: bool,
}

impl Round {
    pub(super) const fn is_closing(self) -> bool {
        self.closing
    }
}

/// What a checkpoint says beside its position, its parent and the set.
struct Subject {
    head: BlockRef,
    state_root: B256,
    anchor: L1Anchor,
    next_set_root: Option<B256>,
}

impl Core {
    /// Opens a round if something sealed is not final, or the era is about to end, and no round is open; whether it did. Once
    /// the era is over there is nothing left to vote on.
    pub(in crate::core) fn drive_rounds(&mut self, now: Time) -> bool {
        if self.gadget.round.is_some() || self.scheduling.is_none() || self.era_is_over() {
            return false;
        }
        let head = self.head();
        let waits = head.height > self.settled() || self.closing().is_some() || self.due_set(head.height).is_some();
        waits && self.open_round(head, 0, now)
    }

    /// The votes of a round did not come: another one, on the same head. What was certified meanwhile is its parent.
    pub(in crate::core) fn on_vote_timer(&mut self, position: CheckpointPosition, now: Time) {
        let Some(round) = self.gadget.round.filter(|round| round.position == position) else { return };
        self.gadget.round = None;
        if round.closing && self.closing().is_none() {
            self.postpone_change(round.head.height);
        }
        let head = if self.tree.is_on_chain(round.head) && round.head.height > self.settled() {
            round.head
        } else {
            self.head()
        };
        if head.height > self.settled() || self.closing().is_some() {
            self.open_round(head, round.failures.saturating_add(1), now);
        }
        // What waited for the end of the era may go on.
        self.seal_ready(now);
    }

    /// A checkpoint is certified: if it is the open round's, the next round may begin.
    pub(super) fn close_round(&mut self, certified: CheckpointPosition) {
        if self.gadget.round.is_some_and(|round| round.position <= certified) {
            self.gadget.round = None;
        }
    }

    fn open_round(&mut self, head: BlockRef, failures: u32, now: Time) -> bool {
        let term = self.schedule.term();
        let Some(key) = self.key.clone().filter(|_| self.scheduling.is_some()) else { return false };
        // A scheduler that has not settled on a base has nothing of its own to put to the vote.
        if self.is_fenced()
            || self.is_adopting()
            || self.schedule.latest().is_none()
            || self.identity.without_checkpoints
        {
            return false;
        }
        let below = |height| height <= head.height;
        let parent = self.gadget.certificates.newest(|quorum| {
            let certified = quorum.checkpoint().head;
            below(certified.height) && (certified.height < self.tree.floor() || self.tree.is_on_chain(certified))
        });
        let certificate = parent.cloned();
        let parent = certificate.as_ref().map_or(self.reign.root, VerifiedQuorum::reference);
        if parent.position < self.safety.floor {
            // Nobody who entered by the same certificate would vote for it.
            return false;
        }
        let Some(subject) = self.subject(head, certificate.as_ref().map(VerifiedQuorum::checkpoint)) else {
            return false;
        };
        let Subject { head, state_root, anchor, next_set_root } = subject;
        let era = self.schedule.era();
        let last = self.journal.checkpoint().map(|signed| signed.message);
        let last = last.filter(|last| (last.era, last.term) == (era, term));
        let round = last.map_or(RoundNumber(1), |last| last.round.next());
        let checkpoint = Checkpoint {
            era,
            term,
            round,
            head,
            state_root,
            parent,
            set_root: self.reign.electorate.set_root,
            anchor,
            next_set_root,
        };
        let signed = Signed::new(checkpoint, &self.context, &key);
        let entry = JournalEntry::Checkpoint(signed.clone());
        if !self.may_sign(&entry) {
            return false;
        }
        self.persist_safety(vec![entry]);
        let parent = certificate.map(|quorum| quorum.certificate().clone());
        self.emit(Effect::Gossip(Outgoing::Checkpoint(ProposedCheckpoint { checkpoint: signed, parent })));
        let position = checkpoint.position();
        self.gadget.round = Some(Round { position, head, failures, closing: checkpoint.is_closing() });
        let wait = self.parameters.vote_timeout.saturating_mul(1 << failures.min(MAX_DOUBLINGS));
        self.emit(Effect::StartTimer { timer: Timer::Votes { position }, at: now.after(wait) });
        self.gadget.keep(checkpoint, checkpoint.reference());
        self.gadget.proposal = Some(checkpoint);
        self.try_vote(now);
        true
    }

    /// What to put to the vote on this parent: what ends the era is repeated; else it may end with this head.
    fn subject(&mut self, head: BlockRef, parent: Option<&Checkpoint>) -> Option<Subject> {
        if let Some(&Checkpoint { head, state_root, anchor, next_set_root, .. }) =
            parent.filter(|it| it.binds_what_follows())
        {
            return Some(Subject { head, state_root, anchor, next_set_root });
        }
        let state_root = self.tree.committed(head.height)?.state_root;
        let next = self.due_set(head.height);
        let anchor = next.map_or(self.reign.anchor, |next| next.anchor);
        Some(Subject { head, state_root, anchor, next_set_root: next.map(|next| next.root) })
    }
}
