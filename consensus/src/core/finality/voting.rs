//! Voting (R11).

use super::VoteRoute;
use crate::core::{Core, Effect, Ignored, Outgoing, Rejected, Report, Verdict};
use crate::finality::VerifiedQuorum;
use crate::journal::JournalEntry;
use crate::messages::{CastVote, Cause, Checkpoint, Vote};
use crate::signing::{Signed, Verified};
use crate::simulation::mutation::{self, Mutation};
use crate::types::Time;

/// A head whose timestamp is further ahead of a member's clock gets no vote before its time, in seconds.
pub(in crate::core) const MAX_AHEAD: u64 = 30;

/// What keeps a member from voting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hindrance {
    /// It is behind, or the time has not come: the vote waits.
    Wait,
    /// It may not vote, and will not: its place is taken, or its term is over.
    Void,
    /// The certificate below is lower than the floor.
    Floor,
    /// The scheduler broke a rule.
    Fault,
}

impl Core {
    pub(in crate::core) fn on_checkpoint(
        &mut self,
        checkpoint: &Verified<Checkpoint>,
        parent: Option<VerifiedQuorum>,
        now: Time,
    ) {
        let message = *checkpoint.message();
        if message.era < self.schedule.era() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        if message.era > self.schedule.era() || message.term > self.schedule.term() {
            self.judge(Verdict::Ignore(Ignored::Early));
            if self.set.contains(checkpoint.signer()) {
                self.emit(Effect::fetch(message.head, vec![checkpoint.signer()]));
            }
            return;
        }
        if checkpoint.signer() != self.schedule.scheduler_of(&self.set, message.term) {
            return self.judge(Verdict::Reject(Rejected::NotEntitled));
        }
        // The scheduler did not sign what travels beside: who passed on something else is to blame.
        if parent.as_ref().map_or(self.reign.root, VerifiedQuorum::reference) != message.parent {
            return self.judge(Verdict::Reject(Rejected::Inconsistent));
        }
        self.witness_message(checkpoint, now);
        if let Some(parent) = parent {
            self.take_certificate(parent, None, now);
        }
        if message.term < self.schedule.term() {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        let reference = message.reference();
        self.judge(if self.gadget.checkpoint(reference).is_some() {
            Verdict::Ignore(Ignored::Duplicate)
        } else {
            Verdict::Accept
        });
        if !self.is_well_formed(&message) {
            return self.accuse(Cause::Invalid, now);
        }
        self.gadget.keep(message, reference);
        if self.gadget.proposal.is_none_or(|known| known.position() < reference.position) {
            self.gadget.proposal = Some(message);
        }
        self.try_vote(now);
        self.tally(reference, now);
    }

    /// What a checkpoint must be whatever this node holds.
    fn is_well_formed(&self, checkpoint: &Checkpoint) -> bool {
        let anchored = if checkpoint.is_closing() {
            checkpoint.anchor.number > self.reign.anchor.number && self.may_close_at(checkpoint.head.height)
        } else {
            checkpoint.anchor == self.reign.anchor
        };
        let named = checkpoint.set_root == self.reign.electorate.set_root;
        named && anchored && checkpoint.round.0 > 0 && checkpoint.parent.position < checkpoint.position()
    }

    /// Votes for the newest checkpoint of the term as soon as nothing is in the way.
    pub(in crate::core) fn try_vote(&mut self, now: Time) {
        let Some(checkpoint) = self.gadget.proposal else { return };
        match self.hindrance(&checkpoint, now) {
            None => {
                self.gadget.proposal = None;
                self.vote(&checkpoint, now);
            }
            Some(Hindrance::Wait) => {}
            Some(Hindrance::Void) => self.gadget.proposal = None,
            Some(Hindrance::Floor) => {
                self.gadget.proposal = None;
                let opening = self.safety.certificate.as_ref().map(|certificate| certificate.hash());
                self.report(Report::BelowFloor {
                    checkpoint: checkpoint.reference(),
                    floor: self.safety.floor,
                    opening,
                });
                self.show_highest();
            }
            Some(Hindrance::Fault) => {
                self.gadget.proposal = None;
                self.report(Report::BadCheckpoint(checkpoint.reference()));
                self.accuse(Cause::Invalid, now);
            }
        }
    }

    fn hindrance(&mut self, checkpoint: &Checkpoint, now: Time) -> Option<Hindrance> {
        let twice = mutation::breaks(Mutation::VoteTwice);
        let last = self.journal.vote().map(|signed| signed.message.vote.checkpoint().position);
        let taken = last.is_some_and(|last| last >= checkpoint.position()) && !twice;
        if self.key.is_none() || taken || checkpoint.term != self.schedule.term() || self.is_fenced() {
            return Some(Hindrance::Void);
        }
        if checkpoint.parent.position < self.safety.floor && !mutation::breaks(Mutation::NoFloor) {
            return Some(Hindrance::Floor);
        }
        let Some(head) = self.tree.committed(checkpoint.head.height).filter(|known| known.block == checkpoint.head)
        else {
            let contradicts = checkpoint.head.height <= self.settled();
            return Some(if contradicts { Hindrance::Fault } else { Hindrance::Wait });
        };
        // What the term builds on is announced before anything is put to the vote, and is in every chain that it may finalize.
        match self.accepted_base() {
            Some(base) if base.height > checkpoint.head.height => return Some(Hindrance::Fault),
            Some(base) if self.tree.is_on_chain(base) || base.height < self.tree.floor() => {}
            _ => return Some(Hindrance::Wait),
        }
        if head.state_root != checkpoint.state_root || !self.extends_parent(checkpoint) {
            return Some(Hindrance::Fault);
        }
        if head.timestamp > now.as_secs().saturating_add(MAX_AHEAD) {
            return Some(Hindrance::Wait);
        }
        self.hindrance_of_change(checkpoint)
    }

    /// What keeps a member from voting for the end of the era (R13).
    fn hindrance_of_change(&mut self, checkpoint: &Checkpoint) -> Option<Hindrance> {
        let parent = self.gadget.certificates.get(checkpoint.parent).map(VerifiedQuorum::checkpoint);
        if let Some(closing) = parent.filter(|parent| parent.binds_what_follows()) {
            // A quorum looked at L1 already.
            return (!checkpoint.repeats(closing)).then_some(Hindrance::Fault);
        }
        let root = checkpoint.next_set_root.filter(|_| !mutation::breaks(Mutation::SetUnchecked))?;
        match self.next_set(checkpoint.anchor) {
            Some(next) if next.root == root => None,
            Some(_) => Some(Hindrance::Fault),
            // This node has not read as far, or reads something else: it does not vote for what it cannot see.
            None => Some(Hindrance::Wait),
        }
    }

    /// Whether a head of this chain equals or extends the head of its checkpoint's parent.
    fn extends_parent(&self, checkpoint: &Checkpoint) -> bool {
        let Some(parent) = self.gadget.certificates.get(checkpoint.parent) else {
            return checkpoint.parent == self.reign.root;
        };
        let below = parent.checkpoint().head;
        // What lies below the final block is not in reach. Its certificate cannot contradict that block, as the floors of a
        // quorum are not lower than the one that made it final.
        let out_of_reach = below.height < self.tree.floor();
        below.height <= checkpoint.head.height && (out_of_reach || self.tree.is_on_chain(below))
    }

    fn vote(&mut self, checkpoint: &Checkpoint, now: Time) {
        let (Some(key), Some(bls)) = (&self.key, &self.bls) else { return };
        let vote = CastVote::sign(Vote::new(checkpoint.reference()), &self.context, (key, bls));
        let entry = JournalEntry::Vote(vote.clone());
        if !self.may_sign(&entry) && !mutation::breaks(Mutation::VoteTwice) {
            return;
        }
        self.safety.floor = self.safety.floor.max(checkpoint.parent.position);
        self.persist_safety(vec![entry]);
        self.send_vote(vote, now);
    }

    /// Sends a vote on its way, and counts it here if this node counts.
    fn send_vote(&mut self, vote: Signed<CastVote>, now: Time) {
        let scheduler = self.schedule.scheduler();
        let own = self.address();
        match VoteRoute::of(self.set.len()) {
            VoteRoute::Everyone => self.emit(Effect::Gossip(Outgoing::Vote(vote.clone()))),
            VoteRoute::Scheduler if own == Some(scheduler) => {}
            VoteRoute::Scheduler => return self.emit(Effect::CastVote { to: scheduler, vote }),
        }
        if let Some(own) = own {
            self.count(own, vote.message, now);
        }
    }

    /// A restart sends the newest vote again, as the same bytes.
    pub(in crate::core) fn resend_vote(&mut self, now: Time) {
        let current = (self.schedule.era(), self.schedule.term());
        let of_term = |vote: &Vote| (vote.era, vote.term) == current;
        let vote = self.journal.vote().filter(|signed| of_term(&signed.message.vote)).cloned();
        if let Some(vote) = vote.filter(|_| !self.is_fenced()) {
            self.send_vote(vote, now);
        }
    }

    /// Asks for the head that a vote waits for, if it has not come by itself.
    pub(in crate::core) fn fetch_what_a_vote_waits_for(&mut self, now: Time) {
        self.try_vote(now);
        let Some(head) = self.gadget.proposal.map(|checkpoint| checkpoint.head) else { return };
        if self.key.is_some() && !self.tree.is_on_chain(head) {
            let holders = vec![self.schedule.scheduler()];
            self.emit(Effect::fetch(head, holders));
        }
    }

    /// Answers a checkpoint below the floor with the certificate that this node holds.
    fn show_highest(&mut self) {
        if let Some(highest) = self.gadget.certificates.highest().cloned() {
            let certified = self.gadget.certificates.as_it_travels(&highest);
            self.emit(Effect::Gossip(Outgoing::Quorum(certified)));
        }
    }
}
