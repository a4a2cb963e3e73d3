//! What nobody can use any more is forgotten. Where a rule is broken, less of it is: only what no rule here brings back.

use super::rules::Gadget;
use super::state::{Members, Node, Tally};
use super::{Certified, Checkpoint, Position, State};
use crate::members::Member;

/// Above every position.
const NEVER: Position = Position { term: u8::MAX, round: 0 };

impl Gadget {
    /// Forgets what makes no difference to what may happen, nor to the properties.
    pub(super) fn forget(&self, state: &mut State) {
        for member in self.honest() {
            let node = self.remembered(state, member);
            *state.node_mut(member) = node;
        }
        for term in 2..=self.bounds.terms {
            self.settle_reports(state, term);
        }
        let everyone = self.honest().fold(Members::default(), Members::with);
        let mut tallies = state.tallies.clone();
        for tally in &mut tallies {
            if tally.commits.count() > 0 && !self.may_be_committed(state, tally) {
                tally.commits = Members::default();
            }
            for signers in [&mut tally.votes, &mut tally.commits] {
                if self.certifies(signers.count()) {
                    *signers = everyone;
                }
            }
        }
        tallies.retain(|tally| self.matters(state, tally));
        state.tallies = tallies;
    }

    /// What matters of what a member knows.
    fn remembered(&self, state: &State, member: Member) -> Node {
        let mut node = *state.node(member);
        let (term, acts) = (node.entered, self.acts(state, member));
        let asks = (term + 1..=self.bounds.terms).any(|term| self.may_ask(state, member, term));
        let enters = (term + 1..=self.bounds.terms).any(|term| self.may_enter(state, member, term));
        let scheduler = self.scheduler(term);
        if !acts && !enters && scheduler != Some(member) {
            return Node::LEFT_BEHIND;
        }
        if !acts {
            (node.voted, node.committed) = Default::default();
            node.proposed = None;
        }
        if node.voted.term < term {
            node.voted = Position::GENESIS;
        }
        if acts {
            if node.floor.term == term {
                node.voted = node.voted.max(node.floor);
            }
            node.voted = node.voted.max(self.passed(state, term, false));
        }
        if self.broken.is_none() && (!acts || node.voted.round == self.bounds.rounds) {
            node.floor = Position::GENESIS;
        }
        if (self.broken.is_none() && node.committed < node.voted) || node.committed <= self.passed(state, term, true) {
            node.committed = Position::GENESIS;
        }
        let proposed = node.proposed.map_or(0, |proposed| proposed.position.round);
        let proposes = acts && scheduler == Some(member) && proposed < self.bounds.rounds;
        let will_propose = enters && (term + 1..=self.bounds.terms).any(|term| self.scheduler(term) == Some(member));
        if !asks && !proposes && !will_propose {
            node.highest = Certified::GENESIS;
        }
        if scheduler.is_none() || (!acts && scheduler != Some(member)) {
            node.opening = Certified::GENESIS;
        }
        node
    }

    /// Of the reports for a term, only the lowest that make a certificate matter.
    fn settle_reports(&self, state: &mut State, term: u8) {
        let enters = self.honest().any(|member| self.may_enter(state, member, term));
        let asks = self.honest().any(|member| self.may_ask(state, member, term));
        let settled = self.lowest_opening(state, term);
        let reports = &mut state.reports[term as usize - 2];
        if !enters {
            *reports = Default::default();
        } else if !asks && settled != NEVER {
            reports.iter_mut().flatten().for_each(|report| *report = settled);
        }
    }

    /// The lowest QC that a certificate for a term can still have as its highest.
    fn lowest_opening(&self, state: &State, term: u8) -> Position {
        let report = |member: Member| {
            let asks = self.may_ask(state, member, term).then_some(state.node(member).highest.position);
            state.reports(term)[member as usize].or(asks)
        };
        let mut reports: Vec<Position> = self.honest().filter_map(report).collect();
        reports.sort_unstable();
        reports.get(self.needed() - 1).copied().unwrap_or(NEVER)
    }

    /// Whether a checkpoint can still win votes, or its QC can still be used.
    fn matters(&self, state: &State, tally: &Tally) -> bool {
        let checkpoint = tally.checkpoint;
        if !self.certifies(tally.votes.count()) {
            let may_vote = |member: &Member| self.may_vote(state, *member, checkpoint);
            let voters = self.honest().filter(|member| tally.votes.has(*member) || may_vote(member));
            // An honest scheduler's checkpoints are kept for the property that nobody refuses them.
            let asked =
                self.scheduler(checkpoint.position.term).is_some() && self.honest().any(|member| may_vote(&member));
            return asked || self.certifies(voters.count());
        }
        if self.broken.is_some() {
            return true;
        }
        let position = checkpoint.position;
        let opens = (2..=self.bounds.terms).any(|term| {
            let enters = self.honest().any(|member| self.may_enter(state, member, term));
            enters && position >= self.lowest_opening(state, term)
        });
        opens
            || self.honest().any(|member| {
                let node = state.node(member);
                let votes = node.voted.round < self.bounds.rounds && position >= node.floor;
                let schedules = self.scheduler(node.entered) == Some(member) && node.highest.position < position;
                let commits = self.commit_votes && self.may_commit(state, member, position);
                self.acts(state, member) && (votes || schedules || commits)
            })
    }

    /// Whether a member may vote for a checkpoint now or later.
    fn may_vote(&self, state: &State, member: Member, checkpoint: Checkpoint) -> bool {
        let node = state.node(member);
        let Checkpoint { position, parent, .. } = checkpoint;
        let floor = node.floor <= parent.position || self.scheduler(position.term).is_some();
        let allows = (node.voted < position && floor) || self.broken.is_some();
        let now = node.entered == position.term && self.acts(state, member) && allows;
        position > self.passed(state, position.term, false) && (now || self.may_enter(state, member, position.term))
    }

    /// Whether a quorum may have signed commit votes for a checkpoint, now or later.
    fn may_be_committed(&self, state: &State, tally: &Tally) -> bool {
        let position = tally.checkpoint.position;
        let signs = |member: &Member| tally.commits.has(*member) || self.may_commit(state, *member, position);
        self.certifies(self.honest().filter(signs).count())
    }

    /// Whether a member may sign a commit vote for a position now or later.
    fn may_commit(&self, state: &State, member: Member, position: Position) -> bool {
        let node = state.node(member);
        let allows = (node.voted <= position && node.committed < position) || self.broken.is_some();
        let now = node.entered == position.term && self.acts(state, member) && allows;
        position > self.passed(state, position.term, true) && (now || self.may_enter(state, member, position.term))
    }
}
