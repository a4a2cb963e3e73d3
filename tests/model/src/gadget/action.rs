//! What may happen next.

use super::rules::{Broken, Gadget, Orders};
use super::state::Tally;
use super::{Certified, Checkpoint, Position, State};
use crate::members::{self, Member};

/// One step of one honest member, on messages that reached it. What the byzantine member does shows in what they pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Makes the next checkpoint of its term, as its scheduler (R7, R10).
    Propose {
        /// Who.
        member: Member,
        /// What.
        checkpoint: Checkpoint,
    },
    /// Votes for a checkpoint (R11).
    Vote {
        /// Who.
        member: Member,
        /// For what.
        checkpoint: Checkpoint,
    },
    /// Is shown a QC.
    See {
        /// Who.
        member: Member,
        /// What is certified.
        certified: Certified,
    },
    /// Signs a commit vote for a checkpoint, whose QC it is shown.
    Commit {
        /// Who.
        member: Member,
        /// For what.
        checkpoint: Checkpoint,
    },
    /// Signs a term change, whose report names the highest QC that it holds (R6).
    Ask {
        /// Who.
        member: Member,
        /// For which term.
        term: u8,
    },
    /// Enters a term by a certificate (R6).
    Enter {
        /// Who.
        member: Member,
        /// Which term.
        term: u8,
        /// The highest QC among the certificate's reports.
        opening: Certified,
    },
    /// Crashes and starts again from its journal (R3).
    Restart {
        /// Who.
        member: Member,
    },
}

impl Gadget {
    /// Everything that may happen in a state.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let there = |member: &Member| state.node(*member).entered <= self.bounds.terms;
        for member in self.honest().filter(there) {
            self.proposing(state, member, actions);
            self.voting(state, member, actions);
            self.seeing(state, member, actions);
            self.changing(state, member, actions);
            actions.push(Action::Restart { member });
        }
        actions.retain(|action| self.is_in_order(state, *action));
    }

    /// Every QC that can exist: of what as many honest members voted for as it takes with the byzantine one's vote.
    pub(super) fn certified<'a>(&self, state: &'a State) -> impl Iterator<Item = Certified> + use<'a> {
        let needed = self.needed();
        let certified = state.tallies.iter().filter(move |tally| tally.votes.count() >= needed);
        certified.map(|tally| tally.checkpoint.certified()).chain([Certified::GENESIS])
    }

    fn proposing(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        let (term, last) = (node.entered, node.proposed);
        if self.scheduler(term) != Some(member) || node.fence > term {
            return;
        }
        let round = last.map_or(0, |last| last.position.round) + 1;
        if round > self.bounds.rounds {
            return;
        }
        let base = last.map_or(node.opening.head, |last| last.head);
        for head in self.heads().into_iter().filter(|head| head.contains(base)) {
            // The highest QC on its chain, of those that it began with, built on, or learnt of last.
            let kept = last.map(|last| last.parent).filter(|_| !self.breaks(Broken::ParentFalls));
            let known = kept.into_iter().chain([node.highest]).filter(|known| head.contains(known.head));
            let parent = known.fold(node.opening, Ord::max);
            let position = Position { term, round };
            actions.push(Action::Propose { member, checkpoint: Checkpoint { position, head, parent } });
        }
    }

    fn voting(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let term = state.node(member).entered;
        let mut vote = |checkpoint: Checkpoint| {
            if self.votes_for(state, member, checkpoint) {
                actions.push(Action::Vote { member, checkpoint });
            }
        };
        if self.scheduler(term).is_some() {
            let proposed = state.tallies.iter().map(|tally| tally.checkpoint);
            return proposed.filter(|checkpoint| checkpoint.position.term == term).for_each(vote);
        }
        for parent in self.certified(state) {
            for head in self.heads() {
                for round in 1..=self.bounds.rounds {
                    vote(Checkpoint { position: Position { term, round }, head, parent });
                }
            }
        }
    }

    /// Whether a member votes for a checkpoint of the term that it is in (R11).
    fn votes_for(&self, state: &State, member: Member, checkpoint: Checkpoint) -> bool {
        let node = state.node(member);
        let Checkpoint { position, head, parent } = checkpoint;
        let again = position == node.voted && self.breaks(Broken::VotesTwice);
        parent.position < position
            && (node.fence == node.entered || self.breaks(Broken::NoFence))
            && (position > node.voted || again)
            && (parent.position >= node.floor || self.breaks(Broken::NoFloor))
            && (head.contains(parent.head) || self.breaks(Broken::LeavesTheParent))
    }

    fn seeing(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        let proposes = self.scheduler(node.entered) == Some(member);
        // The damage of broken rules is seen without.
        let shown = self.orders == Orders::All && self.broken.is_none();
        if proposes || shown {
            let higher = self.certified(state).filter(|certified| certified.position > node.highest.position);
            actions.extend(higher.map(|certified| Action::See { member, certified }));
        }
        if self.commit_votes {
            let commits = state.tallies.iter().filter(|tally| self.commits(state, member, tally));
            actions.extend(commits.map(|tally| Action::Commit { member, checkpoint: tally.checkpoint }));
        }
    }

    /// Whether a member signs a commit vote.
    pub(super) fn commits(&self, state: &State, member: Member, tally: &Tally) -> bool {
        let node = state.node(member);
        let position = tally.checkpoint.position;
        self.certifies(tally.votes.count())
            && position.term == node.entered
            && (node.fence == node.entered || self.breaks(Broken::CommitAfterAsking))
            && (position >= node.voted || self.breaks(Broken::CommitAfterVote))
            && position > node.committed
    }

    fn changing(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        for term in node.fence + 1..=self.bounds.terms {
            let asks = |other: &Member| state.asked_in_public(*other) >= term;
            let joined = members::is_third(1 + self.honest().filter(asks).count());
            if term == node.entered + 1 || joined {
                actions.push(Action::Ask { member, term });
            }
        }
        for term in node.entered + 1..=self.bounds.terms {
            let openings = self.openings(state, term).into_iter();
            actions.extend(openings.map(|opening| Action::Enter { member, term, opening }));
        }
    }

    /// The highest QCs of all certificates that there can be for a term. The byzantine member reports any QC that exists, so
    /// this is every one that is no lower than the reports of just so many honest members as are needed.
    pub(super) fn openings(&self, state: &State, term: u8) -> Vec<Certified> {
        let mut reports: Vec<Position> = state.reports(term).iter().copied().flatten().collect();
        reports.sort_unstable();
        let Some(lowest) = self.needed().checked_sub(1).and_then(|last| reports.get(last)) else { return Vec::new() };
        let lowest = if self.breaks(Broken::AnyReport) { Position::GENESIS } else { *lowest };
        self.certified(state).filter(|certified| certified.position >= lowest).collect()
    }
}
