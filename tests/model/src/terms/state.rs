//! What a moment of the whole network is.

use super::Bounds;
use crate::chain::Chain;
use crate::members::{MEMBERS, Member};

/// The terms that a state has room for.
pub(super) const TERMS: usize = Bounds::MAX_TERMS as usize;

/// The reports of a member for one term that a state has room for.
pub(super) const REPORTS: usize = 2;

/// The height and term of a seal, as a position: those of later terms are above (R1).
pub(super) type Position = (u8, u8);

/// What an honest member knows and has signed. The slot of the byzantine one stays as it began: it needs no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// The term that it is in. Journaled, with the certificate.
    pub(super) entered: u8,
    /// How many picks its election has made. The scheduler that it follows is the last one picked.
    pub(super) picks: u8,
    /// The term below which it signs nothing, in memory.
    pub(super) fence: u8,
    /// The highest term change that the journal holds.
    pub(super) asked: u8,
    /// The highest seal that it signed, in memory.
    pub(super) sealed: Position,
    /// The highest seal that the journal holds.
    pub(super) sealed_journaled: Position,
    /// The sealed chain that it holds, executed and durable.
    pub(super) head: Chain,
    /// What the scheduler of its term builds on, once that is announced to it; its head contains it.
    pub(super) base: Option<Chain>,
}

/// A chain with a tip that an honest scheduler sealed, and who.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Sealed {
    pub(super) chain: Chain,
    pub(super) signer: Member,
}

/// The network: who knows what, and every message that was ever sent. A message may reach a member at any later moment, in
/// any order, more than once, or never: what a member may do asks only whether the messages for it exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) nodes: [Node; MEMBERS],
    /// The heads that honest members reported for each term from 2 on, each once, in the order of their names.
    pub(super) reports: [[[Option<Chain>; REPORTS]; TERMS - 1]; MEMBERS],
    /// The longest chains that honest schedulers sealed in each term: one, unless rules are broken.
    pub(super) sealed: [[Sealed; 2]; TERMS],
    /// What each honest scheduler of a term from 2 on announced that it builds on.
    pub(super) bases: [[Option<Chain>; TERMS - 1]; MEMBERS],
    /// For the properties: the best chain, with a tip that is sealed in this term, that all honest members held that signed
    /// for a later term by now, each before it did.
    pub(super) held: [Option<Chain>; TERMS - 1],
    /// For the properties: an honest member signed for a term after it had asked for a later one in public.
    pub(super) below_fence: bool,
}

impl State {
    /// Everyone is in the first term, which genesis opens, at genesis.
    pub(super) fn genesis() -> Self {
        let node = Node {
            entered: 1,
            picks: 1,
            fence: 1,
            asked: 1,
            sealed: (0, 0),
            sealed_journaled: (0, 0),
            head: Chain::GENESIS,
            base: Some(Chain::GENESIS),
        };
        Self {
            nodes: [node; MEMBERS],
            reports: Default::default(),
            sealed: Default::default(),
            bases: Default::default(),
            held: Default::default(),
            below_fence: false,
        }
    }

    /// The sealed chain that an honest member holds.
    #[must_use]
    pub const fn head(&self, member: Member) -> Chain {
        self.node(member).head
    }

    /// The term below which an honest member signs nothing.
    #[must_use]
    pub const fn fence(&self, member: Member) -> u8 {
        self.node(member).fence
    }

    pub(super) const fn node(&self, member: Member) -> &Node {
        &self.nodes[member as usize]
    }

    pub(super) const fn node_mut(&mut self, member: Member) -> &mut Node {
        &mut self.nodes[member as usize]
    }

    /// The heads that a member reported for a term.
    pub(super) fn reported(&self, member: Member, term: u8) -> impl DoubleEndedIterator<Item = Chain> + '_ {
        let sent: &[_] = if term < 2 { &[] } else { &self.reports[member as usize][term as usize - 2] };
        sent.iter().copied().flatten()
    }

    /// Sends a report, unless it was sent before or `most` others were.
    pub(super) fn send_report(&mut self, member: Member, term: u8, head: Chain, most: u8) {
        let sent = &mut self.reports[member as usize][term as usize - 2];
        if sent.contains(&Some(head)) || sent.iter().flatten().count() >= most as usize {
            return;
        }
        if let Some(slot) = sent.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(head);
            sent.sort_unstable();
        }
    }

    /// The highest term that this member asked for in public.
    pub(super) fn asked_in_public(&self, member: Member) -> u8 {
        (2..=TERMS as u8).rev().find(|term| self.reported(member, *term).next().is_some()).unwrap_or(1)
    }

    /// Whether an honest scheduler sealed this chain's tip in `term`.
    pub(super) fn has_seal(&self, term: u8, chain: Chain) -> bool {
        self.sealed[term as usize - 1].iter().any(|sealed| sealed.chain.contains(chain))
    }

    /// Publishes an honest scheduler's seal on the tip of `chain`.
    pub(super) fn publish(&mut self, term: u8, chain: Chain, signer: Member) {
        let known = &mut self.sealed[term as usize - 1];
        let continued = |sealed: &Sealed| sealed.signer == signer && sealed.chain == chain.parent();
        let free = |sealed: &Sealed| sealed.chain == Chain::GENESIS;
        let slot = known.iter().position(continued).or_else(|| known.iter().position(free));
        if let Some(slot) = slot {
            known[slot] = Sealed { chain, signer };
        }
    }

    /// What a member holds of what is sealed in `term`, if it signed for no later one.
    const fn holds_in(&self, member: Member, term: u8) -> Chain {
        let node = self.node(member);
        if node.fence == term && node.head.term() == term { node.head } else { Chain::GENESIS }
    }

    /// The best chain, with a tip that is sealed in `term`, that all these members held before they signed for a later one.
    pub(super) fn held_by_all(&self, honest: impl Iterator<Item = Member>, term: u8) -> Chain {
        let there = honest.filter(|member| self.node(*member).fence <= term);
        let held = there.map(|member| self.holds_in(member, term));
        let held = held.chain(self.held[term as usize - 1]).reduce(Chain::common).unwrap_or_default();
        sealed_in(term, held)
    }

    /// Raises a member's fence, and notes what it held until now in every term that it leaves.
    pub(super) fn raise_fence(&mut self, member: Member, fence: u8) {
        for term in self.node(member).fence..fence {
            let holds = self.holds_in(member, term);
            let held = &mut self.held[term as usize - 1];
            *held = Some(sealed_in(term, held.map_or(holds, |held| held.common(holds))));
        }
        let node = self.node_mut(member);
        node.fence = node.fence.max(fence);
    }
}

/// The chain, if its tip is sealed in `term`.
fn sealed_in(term: u8, chain: Chain) -> Chain {
    if chain.term() == term { chain } else { Chain::GENESIS }
}
