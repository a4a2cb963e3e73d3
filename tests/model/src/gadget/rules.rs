//! What a run of the model is about: its bounds, who proposes, and which rule is broken.

use crate::chain::{Chain, VARIANTS};
use crate::members::{self, MEMBERS, Member};

/// How far the model goes. Everything within is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The last term, at most [`Self::MAX_TERMS`].
    pub terms: u8,
    /// The last round of each term.
    pub rounds: u8,
    /// The greatest height of a head. Every block has two children: with 1, there is genesis and two blocks in conflict.
    pub height: u8,
}

impl Bounds {
    /// The terms that a state has room for.
    pub const MAX_TERMS: u8 = 3;
}

/// Who makes checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposals {
    /// The scheduler of each term. An honest one makes those that R7 and R10 tell it to; a byzantine one makes any.
    Elected,
    /// Anybody makes any, in every term.
    Any,
}

/// Which orders of events are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orders {
    /// All.
    All,
    /// One of all those that come to the same. Honest schedulers that sign commit votes need [`Self::All`].
    Distinct,
}

/// A rule, broken: the tests show that the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A member votes whatever its floor is (R11).
    NoFloor,
    /// A certificate of a term does not let the floor fall (R11).
    FloorKept,
    /// A member votes again at the position of its last vote (R2, R11).
    VotesTwice,
    /// A member votes for a head that does not extend the parent's (R11).
    LeavesTheParent,
    /// A member that asked for a later term goes on voting (R6, R11).
    NoFence,
    /// Half of the weight makes a certificate.
    QuorumOfHalf,
    /// A term's certificate may carry less than the highest QC of its reports (R6).
    AnyReport,
    /// The last vote is not journaled: a restart forgets it (R3).
    VoteForgotten,
    /// The floor is not journaled: a restart forgets it (R3).
    FloorForgotten,
    /// The highest QC is not journaled: a restart forgets it (R3).
    HighestForgotten,
    /// A checkpoint is final under any QC of its term whose parent it is, not only under that of the next round (R12).
    AnyChild,
    /// A checkpoint is final under a QC of a later term as well, if it is the parent (R12).
    AcrossTerms,
    /// A scheduler that learns of a QC on another branch goes back to the QC that its term began with (R10).
    ParentFalls,
    /// A member signs a commit vote though it voted above already.
    CommitAfterVote,
    /// A member signs a commit vote for a term though it asked for a later one.
    CommitAfterAsking,
    /// A commit vote does not raise the floor.
    CommitWithoutFloor,
    /// A commit vote does not make its QC part of later reports.
    CommitWithoutReport,
}

/// The model of R10 to R12.
#[derive(Clone, Copy, Debug)]
pub struct Gadget {
    /// How far to go.
    pub bounds: Bounds,
    /// The byzantine member. Members 0, 1 and 2 schedule the terms 1, 2 and 3.
    pub byzantine: Member,
    /// Who makes checkpoints.
    pub proposals: Proposals,
    /// Whether members sign commit votes, which make a checkpoint final as well.
    pub commit_votes: bool,
    /// Which orders are explored.
    pub orders: Orders,
    /// What rule is broken, if any.
    pub broken: Option<Broken>,
}

impl Gadget {
    pub(super) fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = Member> + Clone + use<> {
        members::all_but(self.byzantine)
    }

    /// Whether so many honest members can make a certificate, together with the byzantine one, which signs anything.
    pub(super) fn certifies(&self, honest: usize) -> bool {
        honest >= self.needed()
    }

    /// How many honest members a certificate needs at least.
    pub(super) fn needed(&self) -> usize {
        let certifies = |count: &usize| {
            if self.breaks(Broken::QuorumOfHalf) { 2 * count >= MEMBERS } else { members::is_quorum(*count) }
        };
        (1..=MEMBERS).find(certifies).unwrap_or(MEMBERS) - 1
    }

    /// The honest scheduler of a term, unless anything may be proposed in it.
    pub(super) fn scheduler(&self, term: u8) -> Option<Member> {
        let scheduler = members::elected(term);
        (self.proposals == Proposals::Elected && scheduler != self.byzantine).then_some(scheduler)
    }

    /// Every block that can be a head.
    pub(super) fn heads(&self) -> Vec<Chain> {
        let mut heads = vec![Chain::GENESIS];
        let mut next = 0;
        while let Some(head) = heads.get(next).copied() {
            next += 1;
            if head.height() < self.bounds.height {
                heads.extend((0..VARIANTS).map(|variant| head.with(1, variant)));
            }
        }
        heads
    }
}
