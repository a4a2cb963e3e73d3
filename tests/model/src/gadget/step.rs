//! What happens then.

use super::rules::{Broken, Gadget};
use super::{Action, Certified, Checkpoint, Position, State};
use crate::members::Member;

impl Gadget {
    /// The state after an action, with all names as they are, and nothing forgotten.
    #[must_use]
    pub fn after(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        self.apply(&mut next, action);
        self.note(&mut next);
        next
    }

    /// Notes what the properties ask of QCs, before any of them is forgotten.
    fn note(&self, state: &mut State) {
        let certified: Vec<Certified> = self.certified(state).collect();
        let leaves =
            |later: &Certified, known: &Certified| later.position > known.position && !later.head.contains(known.head);
        state.left |= certified.iter().any(|later| state.finals.iter().any(|known| leaves(later, known)));
        let among = |position: Position| certified.iter().filter(move |other| other.position == position).count();
        state.doubled |= certified.iter().any(|one| among(one.position) > 1);
    }

    fn apply(&self, state: &mut State, action: Action) {
        state.stage = self.stage(state, action);
        match action {
            Action::Propose { member, checkpoint } => {
                state.tally_mut(checkpoint);
                state.node_mut(member).proposed = Some(checkpoint);
            }
            Action::Vote { member, checkpoint } => self.vote(state, member, checkpoint),
            Action::See { member, certified } => see(state, member, certified),
            Action::Commit { member, checkpoint } => self.commit(state, member, checkpoint),
            Action::Ask { member, term } => {
                let node = state.node_mut(member);
                node.fence = term;
                let report = node.highest.position;
                state.reports[term as usize - 2][member as usize] = Some(report);
            }
            Action::Enter { member, term, opening } => {
                see(state, member, opening);
                let node = state.node_mut(member);
                node.entered = term;
                node.fence = node.fence.max(term);
                let floor = if self.breaks(Broken::FloorKept) { node.floor } else { Position::GENESIS };
                node.floor = floor.max(opening.position);
                (node.opening, node.proposed) = (opening, None);
            }
            Action::Restart { member } => {
                let node = state.node_mut(member);
                match self.broken {
                    Some(Broken::VoteForgotten) => node.voted = Position::GENESIS,
                    Some(Broken::FloorForgotten) => node.floor = Position::GENESIS,
                    Some(Broken::HighestForgotten) => node.highest = Certified::GENESIS,
                    _ => {}
                }
            }
        }
    }

    fn vote(&self, state: &mut State, member: Member, checkpoint: Checkpoint) {
        let node = state.node_mut(member);
        node.voted = checkpoint.position;
        node.floor = checkpoint.parent.position;
        see(state, member, checkpoint.parent);
        let tally = state.tally_mut(checkpoint);
        tally.votes = tally.votes.with(member);
        if self.certifies(tally.votes.count()) && self.is_final_under(checkpoint) {
            state.finalize(checkpoint.parent);
        }
    }

    /// Whether a QC makes the parent of its checkpoint final (R12).
    fn is_final_under(&self, checkpoint: Checkpoint) -> bool {
        let Checkpoint { position, parent, .. } = checkpoint;
        let related = match self.broken {
            Some(Broken::AnyChild) => position.term == parent.position.term,
            Some(Broken::AcrossTerms) => position.follows(parent.position) || position.term > parent.position.term,
            _ => position.follows(parent.position),
        };
        related && parent != Certified::GENESIS
    }

    fn commit(&self, state: &mut State, member: Member, checkpoint: Checkpoint) {
        let certified = checkpoint.certified();
        let node = state.node_mut(member);
        node.committed = certified.position;
        if !self.breaks(Broken::CommitWithoutFloor) {
            node.floor = node.floor.max(certified.position);
        }
        if !self.breaks(Broken::CommitWithoutReport) {
            see(state, member, certified);
        }
        let tally = state.tally_mut(checkpoint);
        tally.commits = tally.commits.with(member);
        if self.certifies(tally.commits.count()) {
            state.finalize(certified);
        }
    }
}

/// A member holds a QC.
fn see(state: &mut State, member: Member, certified: Certified) {
    let node = state.node_mut(member);
    node.highest = node.highest.max(certified);
}
