//! What term certificates oblige to (R6, R7).
//!
//! A certificate is any choice of one report a member, of a quorum. What matters of it is the best block that more than a
//! third of its weight descends from, and the branches that it tells of.

use super::State;
use super::rules::{Broken, Terms};
use super::state::REPORTS;
use crate::chain::Chain;
use crate::members::{self, Member};

/// How many honest members there are.
const HONEST: usize = members::MEMBERS - 1;

/// One report of each honest member that is part of the certificate.
type Reports = [Option<Chain>; HONEST];

impl Terms {
    /// Whether there is a certificate for a term: the byzantine member reports whenever it likes.
    pub(super) fn is_certified(&self, state: &State, term: u8) -> bool {
        let honest = self.honest().filter(|member| state.reported(*member, term).next().is_some()).count();
        honest > 0 && self.certifies(honest + 1)
    }

    /// Every choice of reports of honest members that makes a certificate together with the byzantine one's.
    fn choices(&self, state: &State, term: u8) -> impl Iterator<Item = Reports> + use<'_> {
        let members: Vec<Member> = self.honest().collect();
        let sent: Vec<Vec<Chain>> = members.iter().map(|member| state.reported(*member, term).collect()).collect();
        let base = REPORTS + 1;
        (0..base.pow(HONEST as u32)).filter_map(move |number| {
            let mut chosen = [None; HONEST];
            for (place, choice) in chosen.iter_mut().enumerate() {
                match number / base.pow(place as u32) % base {
                    0 => {}
                    index => *choice = Some(*sent[place].get(index - 1)?),
                }
            }
            let count = chosen.iter().flatten().count();
            (count > 0 && self.certifies(count + 1)).then_some(chosen)
        })
    }

    /// The best block that reports of more than a third of the weight descend from. `extra` is what the byzantine member
    /// reports.
    fn obliged(&self, reports: &Reports, extra: Option<Chain>) -> Chain {
        if self.breaks(Broken::NoObligation) {
            return Chain::GENESIS;
        }
        let all = || reports.iter().copied().flatten().chain(extra);
        let pairs =
            all().enumerate().flat_map(|(index, one)| all().skip(index + 1).map(move |other| one.common(other)));
        pairs.max_by_key(|common| self.rank(*common)).unwrap_or_default()
    }

    /// Whether followers may take `base` from a byzantine scheduler of `term`: some certificate does not forbid it. None
    /// obliges to less than the reports of two honest members with a worthless one.
    pub(super) fn is_fit_base(&self, state: &State, term: u8, base: Chain, checked: bool) -> bool {
        if term == 1 {
            return base == Chain::GENESIS;
        }
        let lax =
            [Broken::BaseUnchecked, Broken::NoObligation, Broken::QuorumOfHalf].iter().any(|rule| self.breaks(*rule));
        if !checked || lax {
            return self.is_certified(state, term);
        }
        let honest = self.honest();
        let pairs = honest
            .clone()
            .flat_map(|one| honest.clone().filter(move |other| one < *other).map(move |other| (one, other)));
        pairs.into_iter().any(|(one, other)| {
            let other = || state.reported(other, term);
            state.reported(one, term).any(|one| other().any(|other| base.contains(one.common(other))))
        })
    }

    /// Every base that a certificate of its term, and its luck in fetching, may lead an honest member to.
    pub(super) fn takeovers(&self, state: &State, member: Member) -> Vec<Chain> {
        let node = state.node(member);
        let term = node.entered;
        let known = self.sealed_chains(state, term, term);
        let mut bases = Vec::new();
        for reports in self.choices(state, term) {
            let alone = self.certifies(reports.iter().flatten().count());
            // The byzantine member reports a branch that can be fetched, or an invented one on top of an honest member's.
            let fetchable = known.iter().map(|chain| (Some(*chain), Some(*chain)));
            let invented = reports.iter().flatten().map(|chain| (Some(*chain), None));
            for (extra, rival) in fetchable.chain(invented).chain(alone.then_some((None, None))) {
                let obliged = self.obliged(&reports, extra);
                let told = reports.iter().copied().flatten().chain(rival).chain([node.head, obliged]);
                let fit = told.filter(|base| base.contains(obliged));
                // Its own branch is at hand: nothing below it is taken.
                let own = node.head.contains(obliged).then(|| self.rank(node.head));
                bases.extend(fit.filter(|base| own.is_none_or(|own| self.rank(*base) >= own)));
            }
        }
        bases.sort_unstable();
        bases.dedup();
        bases
    }
}
