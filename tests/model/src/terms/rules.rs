//! What a run of the model is about: its bounds, who is byzantine, and which rule is broken.

use super::State;
use super::state::Node;
use crate::chain::{Chain, VARIANTS};
use crate::members::{self, MEMBERS, Member};

/// How far the model goes. Everything within is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The last term, at most [`Self::MAX_TERMS`].
    pub terms: u8,
    /// The greatest height, at most [`Chain::MAX_HEIGHT`].
    pub height: u8,
    /// How many different reports a member sends for one term, 1 or 2: the second once its head has changed.
    pub reports: u8,
}

impl Bounds {
    /// The terms that a state has room for. The fourth member schedules none of them.
    pub const MAX_TERMS: u8 = 3;
}

/// A rule, broken: the tests show that the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// A member that asked for a term goes on signing for lower ones (R6).
    NoFence,
    /// The fence is not journaled: a restart forgets it (R3).
    FenceForgotten,
    /// A seal is sent before it and its block are synced: a restart forgets the last one (R3).
    SealsForgotten,
    /// Half of the weight makes a certificate.
    QuorumOfHalf,
    /// Branches are compared by height, whatever term their tips were sealed in (R7).
    HeightAlone,
    /// A new scheduler may build without what more than a third of the weight reports (R7).
    NoObligation,
    /// Followers take any base from their scheduler (R7), or check it only if it links to the certificate that they entered
    /// by, which comes to the same: there is always another one.
    BaseUnchecked,
    /// Followers check the base of the term that they are in, but not those of past terms that they catch up with.
    PastBaseUnchecked,
    /// The scheduler is elected by the certificates that a member saw, instead of by the term's number (R4).
    ElectionByCertificates,
}

/// The model of R1 to R7.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How far to go.
    pub bounds: Bounds,
    /// The byzantine member: members 0, 1 and 2 schedule the terms 1, 2 and 3.
    pub byzantine: Member,
    /// What rule is broken, if any.
    pub broken: Option<Broken>,
}

impl Terms {
    pub(super) fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = Member> + Clone + use<> {
        members::all_but(self.byzantine)
    }

    /// Whether so many members make a certificate.
    pub(super) fn certifies(&self, count: usize) -> bool {
        if self.breaks(Broken::QuorumOfHalf) { 2 * count >= MEMBERS } else { members::is_quorum(count) }
    }

    /// What orders branches (R7).
    pub(super) fn rank(&self, chain: Chain) -> (u8, u8, Chain) {
        let (term, height, tie) = chain.rank();
        if self.breaks(Broken::HeightAlone) { (height, term, tie) } else { (term, height, tie) }
    }

    /// Whether the byzantine member schedules this term.
    pub(super) fn is_lawless(&self, term: u8) -> bool {
        members::elected(term) == self.byzantine
    }

    /// Whether a member may sign for the term that it is in.
    pub(super) fn may_sign(&self, node: &Node) -> bool {
        node.fence == node.entered || self.breaks(Broken::NoFence)
    }

    /// Whether a member takes itself for the scheduler of its term.
    pub(super) fn schedules(&self, state: &State, member: Member) -> bool {
        members::elected(state.node(member).picks) == member
    }

    /// Every chain of blocks with entitled seals of terms before `end` that can exist now, as a member that is in the term
    /// `viewer` judges it. Whatever the byzantine scheduler could seal counts as sealed.
    pub(super) fn sealed_chains(&self, state: &State, end: u8, viewer: u8) -> Vec<Chain> {
        let mut chains = vec![Chain::GENESIS];
        let mut next = 0;
        while let Some(chain) = chains.get(next).copied() {
            next += 1;
            for term in chain.term().max(1)..end {
                chains.extend(self.sealed_on(state, chain, term, viewer));
            }
        }
        chains
    }

    /// The blocks on a sealed chain that are sealed in `term`, or could be.
    pub(super) fn sealed_on(
        &self,
        state: &State,
        chain: Chain,
        term: u8,
        viewer: u8,
    ) -> impl Iterator<Item = Chain> + use<> {
        let (lawless, honest) = (self.is_lawless(term), chain.with(term, 0));
        let mut variants = 0..0;
        if chain.height() < self.bounds.height {
            let checked = viewer <= term || !self.breaks(Broken::PastBaseUnchecked);
            if !lawless {
                let both = self.breaks(Broken::SealsForgotten) && state.has_seal(term, chain.with(term, 1));
                let first = u8::from(!state.has_seal(term, honest));
                variants = first..1 + u8::from(both);
            } else if chain.term() == term || self.is_fit_base(state, term, chain, checked) {
                variants = 0..VARIANTS;
            }
        }
        variants.map(move |variant| chain.with(term, variant))
    }
}
