//! Orders of events that come to the same.
//!
//! Most events do not depend on each other, and a model that tries them in every order visits millions of states to find
//! what it knew. What a vote depends on is the votes of the same member, which come in the order of their positions, and the
//! QC of the parent, whose position is below. A commit vote depends on the QC of its own position. A term change depends on
//! what its member signed in older terms, and the entrance into a term on the term changes for it. So whatever can happen in
//! some order can also happen **in the order of R1**: round by round, in every round the votes first, after the last round
//! the term changes, then the entrances into the next term. A member that lags, or hears of things late, does nothing that it
//! could not have done before others went on. What has happened in the end, every QC and everything final, is the same, and
//! as no such thing ever unhappens, the properties are.
//!
//! Nor need a QC be shown to a member before it makes use of it: what it holds besides only makes its reports name more, and
//! so fewer certificates possible. (One thing is not covered: a scheduler's own commit vote tells it of a QC before it makes
//! the next checkpoint, though it might have made that one first. With commit votes, [`super::Proposals::Any`] covers it.)
//!
//! [`Orders::Distinct`] explores that order alone, [`Orders::All`] all; tests hold that they lead to the same ends. Some
//! broken rules break this as well, and need all orders.

use super::rules::{Broken, Gadget, Orders};
use super::{Action, Position, State};
use crate::members::Member;

/// When something happens, in the order of R1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stage {
    term: u8,
    part: Part,
}

/// A part of a term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Part {
    /// Nothing is voted for yet.
    #[default]
    Opened,
    /// A round's votes, then its commit votes.
    Round { round: u8, commits: bool },
    /// The next term is asked for.
    Asking,
    /// The next term is entered.
    Entering,
}

impl Gadget {
    /// The stage that the network is in after an action.
    pub(super) fn stage(&self, state: &State, action: Action) -> Stage {
        let (term, part) = match action {
            _ if self.orders == Orders::All => return state.stage,
            Action::See { .. } | Action::Restart { .. } => return state.stage,
            Action::Ask { .. } if self.signs_after_asking() => return state.stage,
            Action::Propose { checkpoint, .. } | Action::Vote { checkpoint, .. } => {
                (checkpoint.position.term, Part::Round { round: checkpoint.position.round, commits: false })
            }
            Action::Commit { checkpoint, .. } => {
                (checkpoint.position.term, Part::Round { round: checkpoint.position.round, commits: true })
            }
            Action::Ask { term, .. } => (term - 1, Part::Asking),
            Action::Enter { term, .. } => (term - 1, Part::Entering),
        };
        Stage { term, part }
    }

    /// Whether an action comes in order.
    pub(super) fn is_in_order(&self, state: &State, action: Action) -> bool {
        self.stage(state, action) >= state.stage
    }

    fn signs_after_asking(&self) -> bool {
        self.breaks(Broken::NoFence) || self.breaks(Broken::CommitAfterAsking)
    }

    fn is_over(&self, state: &State, term: u8, part: Part) -> bool {
        self.orders == Orders::Distinct && state.stage > Stage { term, part }
    }

    /// Whether a member may sign for the term that it is in, now or later.
    pub(super) fn acts(&self, state: &State, member: Member) -> bool {
        let node = state.node(member);
        let last = Part::Round { round: self.bounds.rounds, commits: true };
        let may_sign = node.fence == node.entered || self.signs_after_asking();
        node.entered <= self.bounds.terms && may_sign && !self.is_over(state, node.entered, last)
    }

    /// Whether a member may ask for a term, now or later.
    pub(super) fn may_ask(&self, state: &State, member: Member, term: u8) -> bool {
        term > state.node(member).fence && !self.is_over(state, term - 1, Part::Asking)
    }

    /// Whether a member may enter a term, now or later.
    pub(super) fn may_enter(&self, state: &State, member: Member, term: u8) -> bool {
        term > state.node(member).entered && !self.is_over(state, term - 1, Part::Entering)
    }

    /// The highest position of a term that nobody votes for any more, or commit-votes for.
    pub(super) fn passed(&self, state: &State, term: u8, commits: bool) -> Position {
        let mut rounds = (1..=self.bounds.rounds).rev();
        let passed = rounds.find(|round| self.is_over(state, term, Part::Round { round: *round, commits }));
        passed.map_or(Position::GENESIS, |round| Position { term, round })
    }
}
