//! What a moment of the whole network is.

use super::order::Stage;
use super::{Bounds, Certified, Checkpoint, Position};
use crate::members::{MEMBERS, Member};

/// The terms that a state has room for.
const TERMS: usize = Bounds::MAX_TERMS as usize;

/// What an honest member knows and has signed, all of it journaled (R3). The slot of the byzantine one stays as it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node {
    /// The term that it is in.
    pub(super) entered: u8,
    /// The highest term that it asked for or entered: it signs nothing of lower ones.
    pub(super) fence: u8,
    /// The position of its last vote.
    pub(super) voted: Position,
    /// The position below which it accepts no parent.
    pub(super) floor: Position,
    /// The position of its last commit vote.
    pub(super) committed: Position,
    /// The highest QC that it ever held.
    pub(super) highest: Certified,
    /// The highest QC of the certificate by which it entered its term.
    pub(super) opening: Certified,
    /// The last checkpoint that it proposed in its term, as the scheduler.
    pub(super) proposed: Option<Checkpoint>,
}

impl Node {
    /// Everyone is in the first term, at genesis.
    pub(super) const GENESIS: Self = Self {
        entered: 1,
        fence: 1,
        voted: Position::GENESIS,
        floor: Position::GENESIS,
        committed: Position::GENESIS,
        highest: Certified::GENESIS,
        opening: Certified::GENESIS,
        proposed: None,
    };

    /// One that does nothing any more, beyond all terms.
    pub(super) const LEFT_BEHIND: Self =
        Self { entered: Bounds::MAX_TERMS, fence: Bounds::MAX_TERMS + 1, ..Self::GENESIS };
}

/// A checkpoint, and the honest members that voted for it. The byzantine one votes for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Tally {
    pub(super) checkpoint: Checkpoint,
    pub(super) votes: Members,
    pub(super) commits: Members,
}

/// A set of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Members(pub(super) u8);

impl Members {
    pub(super) const fn with(self, member: Member) -> Self {
        Self(self.0 | 1 << member)
    }

    pub(super) const fn has(self, member: Member) -> bool {
        self.0 & 1 << member != 0
    }

    pub(super) const fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// The network: who knows what, and every message that was ever sent. A message may reach a member at any later moment, in
/// any order, more than once, or never.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    pub(super) nodes: [Node; MEMBERS],
    /// The QC that each honest member's report for each term from 2 on names.
    pub(super) reports: [[Option<Position>; MEMBERS]; TERMS - 1],
    /// Every checkpoint that an honest member proposed or voted for, in order.
    pub(super) tallies: Vec<Tally>,
    /// What is final, in order.
    pub(super) finals: Vec<Certified>,
    /// For the properties: there was a QC above something final, on a branch without it.
    pub(super) left: bool,
    /// For the properties: there were two QCs at one position.
    pub(super) doubled: bool,
    /// The latest stage that anything happened in, where only distinct orders are explored.
    pub(super) stage: Stage,
}

impl State {
    /// Everyone is in the first term, which genesis opens, at genesis.
    pub(super) fn genesis() -> Self {
        Self {
            nodes: [Node::GENESIS; MEMBERS],
            reports: [[None; MEMBERS]; TERMS - 1],
            tallies: Vec::new(),
            finals: Vec::new(),
            left: false,
            doubled: false,
            stage: Stage::default(),
        }
    }

    /// The position below which an honest member accepts no parent.
    #[must_use]
    pub const fn floor(&self, member: Member) -> Position {
        self.node(member).floor
    }

    /// What is final, in order of position, without what an earlier one implies.
    #[must_use]
    pub fn finals(&self) -> &[Certified] {
        &self.finals
    }

    pub(super) const fn node(&self, member: Member) -> &Node {
        &self.nodes[member as usize]
    }

    pub(super) const fn node_mut(&mut self, member: Member) -> &mut Node {
        &mut self.nodes[member as usize]
    }

    /// The reports for a term, by member.
    pub(super) const fn reports(&self, term: u8) -> &[Option<Position>; MEMBERS] {
        &self.reports[term as usize - 2]
    }

    /// The highest term that this member asked for in public.
    pub(super) fn asked_in_public(&self, member: Member) -> u8 {
        (2..=TERMS as u8).rev().find(|term| self.reports(*term)[member as usize].is_some()).unwrap_or(1)
    }

    /// The tally of a checkpoint, which may be its first mention.
    pub(super) fn tally_mut(&mut self, checkpoint: Checkpoint) -> &mut Tally {
        let place = self.tallies.iter().position(|tally| tally.checkpoint == checkpoint).unwrap_or_else(|| {
            self.tallies.push(Tally { checkpoint, votes: Members::default(), commits: Members::default() });
            self.tallies.len() - 1
        });
        &mut self.tallies[place]
    }

    /// Notes that a checkpoint is final.
    pub(super) fn finalize(&mut self, new: Certified) {
        let implied = |by: Certified, what: Certified| by.position <= what.position && by.head.contains(what.head);
        if !self.finals.iter().any(|known| implied(*known, new)) {
            self.finals.retain(|known| !implied(new, *known));
            self.finals.push(new);
            self.finals.sort_unstable();
        }
    }
}
