//! What may happen next.

use super::State;
use super::rules::{Broken, Terms};
use crate::chain::{Chain, VARIANTS};
use crate::members::{self, Member};

/// One step of one honest member, on messages that reached it. What the byzantine member does shows in what they pick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Signs a term change (R5, R6).
    Ask {
        /// Who.
        member: Member,
        /// For which term.
        term: u8,
    },
    /// Sends the term change again with its head as it is now (R6).
    AskAgain {
        /// Who.
        member: Member,
    },
    /// Enters a term by a certificate (R6).
    Enter {
        /// Who.
        member: Member,
        /// Which term.
        term: u8,
    },
    /// Takes over as the scheduler of its term, and announces what it builds on (R7).
    TakeOver {
        /// Who.
        member: Member,
        /// The base.
        base: Chain,
    },
    /// Seals a block on its head, as the scheduler of its term.
    Seal {
        /// Who.
        member: Member,
        /// Which of two blocks with that parent.
        variant: u8,
    },
    /// Accepts the base that the scheduler of its term announces, and goes to it.
    Accept {
        /// Who.
        member: Member,
        /// The base.
        base: Chain,
    },
    /// Commits sealed blocks so that its head is this one.
    Commit {
        /// Who.
        member: Member,
        /// The head after it.
        head: Chain,
    },
    /// Crashes and starts again from its disk.
    Restart {
        /// Who.
        member: Member,
    },
}

impl Terms {
    /// Everything that may happen in a state.
    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        for member in self.honest() {
            self.asking(state, member, actions);
            self.scheduling(state, member, actions);
            self.following(state, member, actions);
            actions.push(Action::Restart { member });
        }
    }

    fn asking(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        for term in node.fence + 1..=self.bounds.terms {
            let asks = |other: &Member| state.asked_in_public(*other) >= term;
            let joined = members::is_third(1 + self.honest().filter(asks).count());
            if term == node.entered + 1 || joined {
                actions.push(Action::Ask { member, term });
            }
        }
        if node.fence > node.entered {
            actions.push(Action::AskAgain { member });
        }
        for term in node.entered + 1..=self.bounds.terms {
            if self.is_certified(state, term) {
                actions.push(Action::Enter { member, term });
            }
        }
    }

    fn scheduling(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        if !self.schedules(state, member) || !self.may_sign(node) {
            return;
        }
        if node.base.is_none() {
            let bases = self.takeovers(state, member).into_iter();
            return actions.extend(bases.map(|base| Action::TakeOver { member, base }));
        }
        if node.entered == self.bounds.terms {
            // No later term could lose it.
            return;
        }
        let position = (node.entered, node.head.height() + 1);
        if node.head.height() < self.bounds.height && position > node.sealed {
            // One is as good as the other, unless it can happen twice.
            let variants = if self.breaks(Broken::SealsForgotten) { VARIANTS } else { 1 };
            actions.extend((0..variants).map(|variant| Action::Seal { member, variant }));
        }
    }

    fn following(&self, state: &State, member: Member, actions: &mut Vec<Action>) {
        let node = state.node(member);
        let (head, term) = (node.head, node.entered);
        if node.base.is_some() {
            // Nothing that is sealed in an older term comes above the base.
            if term < self.bounds.terms {
                let commits = self.sealed_on(state, head, term, term);
                actions.extend(commits.map(|head| Action::Commit { member, head }));
            }
            return;
        }
        let chains = self.sealed_chains(state, term, term);
        let scheduler = members::elected(node.picks);
        if scheduler == self.byzantine {
            let fit = chains.iter().filter(|base| self.is_fit_base(state, term, **base, true));
            actions.extend(fit.map(|base| Action::Accept { member, base: *base }));
        } else if let Some(base) = state.bases[scheduler as usize][term as usize - 2].filter(|_| scheduler != member) {
            actions.push(Action::Accept { member, base });
        }
        let commits = chains.into_iter().filter(|chain| self.goes_over(head, *chain));
        actions.extend(commits.map(|head| Action::Commit { member, head }));
    }

    /// Whether a member that knows no base goes over to a sealed chain. What is longer by several blocks comes block by block.
    fn goes_over(&self, head: Chain, chain: Chain) -> bool {
        let better = |chain: Chain| {
            if self.breaks(Broken::HeightAlone) { chain.height() > head.height() } else { chain.term() > head.term() }
        };
        let next = chain.parent() == head && chain != head;
        next || (better(chain) && !better(chain.parent()))
    }
}
