//! One state for all that differ in nothing that matters.
//!
//! Two things are removed after every step. What nobody can read any more is forgotten: the reports for a term that all have
//! entered and whose base is settled, seals that everyone is past. And the rivals that an equivocator seals on one block are
//! named in the order in which the state mentions them, since which of them is which makes no difference.

use super::rules::Terms;
use super::state::{Sealed, State};
use crate::chain::Chain;
use crate::members::elected;

impl Terms {
    /// Brings a state to its canonical form. Everything that may happen after it may happen after the original, and the
    /// properties say the same of both.
    pub(super) fn canonical(&self, state: &mut State) {
        if self.broken.is_none() {
            self.forget(state);
        }
        self.name(state);
    }

    fn forget(&self, state: &mut State) {
        for term in 1..=self.bounds.terms {
            let node = |member| state.nodes[member as usize];
            let mut past = self.honest().map(node);
            // In the term, or before it, or looking back at it for want of a base.
            let may_enter = past.clone().any(|node| node.entered < term);
            let needs_base = past.clone().any(|node| node.entered == term && node.base.is_none());
            let looks_back = past.clone().any(|node| node.entered > term && node.base.is_none());
            let follows = past.any(|node| node.entered == term);
            let scheduler = elected(term);
            let lawless = self.is_lawless(term);
            let takes_over = !lawless && node(scheduler).entered == term && node(scheduler).base.is_none();
            let judges = lawless && (needs_base || looks_back);
            if term > 1 && !may_enter && !takes_over && !judges {
                for reports in &mut state.reports {
                    reports[term as usize - 2] = Default::default();
                }
            }
            if term > 1 && !may_enter && !needs_base {
                for bases in &mut state.bases {
                    bases[term as usize - 2] = None;
                }
            }
            if !may_enter && !follows && !looks_back {
                state.sealed[term as usize - 1] = [Sealed::default(); 2];
            }
        }
        for node in &mut state.nodes {
            // Every position of a later term is above.
            if node.sealed.0 < node.entered {
                (node.sealed, node.sealed_journaled) = ((0, 0), (0, 0));
            }
            node.asked = node.asked.max(node.entered);
        }
    }

    fn name(&self, state: &mut State) {
        let Some(lawless) = (1..self.bounds.terms).find(|term| self.is_lawless(*term)) else { return };
        let mut names = Names::default();
        let mut rename = |chain: &mut Chain| *chain = names.of(*chain, lawless);
        for node in &mut state.nodes {
            rename(&mut node.head);
            node.base.iter_mut().for_each(&mut rename);
        }
        state.reports.as_flattened_mut().as_flattened_mut().iter_mut().flatten().for_each(&mut rename);
        state.sealed.as_flattened_mut().iter_mut().for_each(|sealed| rename(&mut sealed.chain));
        state.bases.as_flattened_mut().iter_mut().flatten().for_each(&mut rename);
        state.held.iter_mut().flatten().for_each(&mut rename);
        state.reports.as_flattened_mut().iter_mut().for_each(|sent| sent.sort_unstable());
    }
}

/// The new names of chains that end in an equivocator's block.
#[derive(Default)]
struct Names(Vec<(Chain, Chain)>);

impl Names {
    fn of(&mut self, chain: Chain, lawless: u8) -> Chain {
        let Some(lowest) = (1..=chain.height()).find(|height| chain.term_at(*height) == lawless) else { return chain };
        let mut old = chain.up_to(lowest - 1);
        let mut new = old;
        for height in lowest..=chain.height() {
            let parent = old;
            old = chain.up_to(height);
            let term = old.term();
            if term != lawless {
                new = new.with(term, old.variant());
                continue;
            }
            new = match self.0.iter().find(|(known, _)| *known == old) {
                Some((_, name)) => *name,
                None => {
                    let rivals =
                        self.0.iter().filter(|(known, _)| known.parent() == parent && known.height() == height);
                    let name = new.with(term, rivals.count() as u8);
                    self.0.push((old, name));
                    name
                }
            };
        }
        new
    }
}
