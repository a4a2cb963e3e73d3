//! Rounds, as the scheduler runs them (R10): at network speed, each over everything sealed since.

use crate::core::{Core, Effect, Outgoing, Timer};
use crate::finality::{ProposedCheckpoint, VerifiedQuorum};
use crate::journal::JournalEntry;
use crate::messages::{Checkpoint, CheckpointPosition, CheckpointRef, L1Anchor};
use crate::signing::Signed;
use crate::types::{BlockRef, Round as RoundNumber, Time};

/// The wait for votes doubles this often at most.
const MAX_DOUBLINGS: u32 = 3;

/// A checkpoint that waits for its votes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    position: CheckpointPosition,
    head: BlockRef,
    /// How many rounds in a row found no quorum before this one.
    failures: u32,
}

impl Core {
    /// Opens a round if something sealed is not final and no round is open; whether it did.
    pub(in crate::core) fn drive_rounds(&mut self, now: Time) -> bool {
        let waits = self.gadget.round.is_none() && self.head().height > self.settled();
        waits && self.open_round(self.head(), 0, now)
    }

    /// The votes of a round did not come: another one, on the same head. What was certified meanwhile is its parent.
    pub(in crate::core) fn on_vote_timer(&mut self, position: CheckpointPosition, now: Time) {
        let Some(round) = self.gadget.round.filter(|round| round.position == position) else { return };
        self.gadget.round = None;
        let head = if self.tree.is_on_chain(round.head) && round.head.height > self.settled() {
            round.head
        } else {
            self.head()
        };
        if head.height > self.settled() {
            self.open_round(head, round.failures.saturating_add(1), now);
        }
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
        if self.is_fenced() || self.is_adopting() || self.schedule.latest().is_none() || self.without_checkpoints {
            return false;
        }
        let Some(state_root) = self.tree.committed(head.height).map(|committed| committed.state_root) else {
            return false;
        };
        let below = |height| height <= head.height;
        let parent = self.gadget.certificates.newest(|quorum| {
            let certified = quorum.checkpoint().head;
            below(certified.height) && (certified.height < self.tree.floor() || self.tree.is_on_chain(certified))
        });
        let certificate = parent.cloned();
        let parent =
            certificate.as_ref().map_or(CheckpointRef::genesis(self.context.genesis_hash), VerifiedQuorum::reference);
        if parent.position < self.safety.floor {
            // Nobody who entered by the same certificate would vote for it.
            return false;
        }
        let last = self.journal.checkpoint().map(|signed| signed.message).filter(|last| last.term == term);
        let round = last.map_or(RoundNumber(1), |last| last.round.next());
        let checkpoint = Checkpoint {
            era: self.schedule.era(),
            term,
            round,
            head,
            state_root,
            parent,
            set_root: self.electorate.set_root,
            anchor: L1Anchor::default(),
            next_set_root: None,
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
        self.gadget.round = Some(Round { position, head, failures });
        let wait = self.parameters.vote_timeout.saturating_mul(1 << failures.min(MAX_DOUBLINGS));
        self.emit(Effect::StartTimer { timer: Timer::Votes { position }, at: now.after(wait) });
        self.gadget.keep(checkpoint, checkpoint.reference());
        self.gadget.proposal = Some(checkpoint);
        self.try_vote(now);
        true
    }
}
