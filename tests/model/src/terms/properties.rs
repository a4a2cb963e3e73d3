//! What must always hold, and what must happen sometimes, so that the rest is not true of nothing.

use super::state::{Node, Sealed, TERMS};
use super::{State, Terms};
use crate::chain::Chain;
use crate::members::{Member, elected};
use stateright::{Expectation, Property};

/// R2: an honest key signs one seal at most for a position (term, height).
pub const ONE_SEAL_A_POSITION: &str = "an honest key signs one seal a position";
/// R6: an honest member signs nothing of a lower term than it asked for.
pub const NOTHING_BELOW_THE_FENCE: &str = "no honest member signs below its fence";
/// R4: all honest members in one term follow the same scheduler, by whatever certificates they came there.
pub const ONE_SCHEDULER_A_TERM: &str = "all certificates of a term lead to one scheduler";
/// No two seals by honest and entitled schedulers contradict each other, whoever signed them.
pub const NO_RIVAL_SEALS: &str = "no two entitled honest seals on one position";
/// R7: what is sealed in a term, and held by all honest members before any of them asked for a later one, stays with all of
/// them and is in every base that honest schedulers of later terms announce, whoever else schedules.
pub const HELD_BY_ALL_IS_KEPT: &str = "what all honest members held in a term is never left";

/// The last term is entered by everybody, and its schedule is followed.
pub const LAST_TERM_IS_FOLLOWED: &str = "all honest members follow the last term";
/// A scheduler fetches a branch from others.
pub const TAKES_OVER_A_BRANCH: &str = "a scheduler takes over a branch that it did not hold when it asked";
/// A base was sealed before the term before: that one left nothing, or was skipped.
pub const SKIPS_A_TERM: &str = "a term builds on a block sealed two terms before";
/// Sealed branches part: one of them will be reverted.
pub const PARTED: &str = "two honest members hold branches that contradict each other";
/// Two schedulers seal at once: the older one has not heard that its term is over.
pub const TWO_SEAL_AT_ONCE: &str = "the schedulers of two terms are both at work";
/// The claim of R7 is about something: all honest members held a block of the first term, and somebody follows the third.
pub const KEPT_OVER_TERMS: &str = "all held a block of the first term, and the third is followed";

pub(super) fn all(model: &Terms) -> Vec<Property<Terms>> {
    let mut properties = vec![
        always(ONE_SEAL_A_POSITION, |_, state| rival_seals(state).all(|(one, other)| one.signer != other.signer)),
        always(NOTHING_BELOW_THE_FENCE, |_, state| !state.below_fence),
        always(ONE_SCHEDULER_A_TERM, one_scheduler),
        always(NO_RIVAL_SEALS, |_, state| rival_seals(state).next().is_none()),
        always(HELD_BY_ALL_IS_KEPT, held_by_all_is_kept),
        sometimes(LAST_TERM_IS_FOLLOWED, |model, state| {
            nodes(model, state).all(|node| node.entered == model.bounds.terms && node.base.is_some())
        }),
        sometimes(TAKES_OVER_A_BRANCH, |model, state| {
            bases(model, state).any(|(member, term, base)| {
                let mut reported = state.reported(member, term).peekable();
                reported.peek().is_some() && !reported.any(|head| head.contains(base))
            })
        }),
        sometimes(PARTED, |model, state| {
            let parted = |one: Chain, other: Chain| !one.contains(other) && !other.contains(one);
            nodes(model, state).any(|one| nodes(model, state).any(|other| parted(one.head, other.head)))
        }),
    ];
    if model.bounds.terms > 2 {
        properties.push(sometimes(SKIPS_A_TERM, |model, state| {
            nodes(model, state)
                .any(|node| node.base.is_some_and(|base| base.term() > 0 && node.entered >= base.term() + 2))
        }));
        properties.push(sometimes(KEPT_OVER_TERMS, |model, state| {
            let kept = state.held_by_all(model.honest(), 1);
            kept != Chain::GENESIS && nodes(model, state).any(|node| node.entered == 3 && node.base.is_some())
        }));
    }
    // Nobody seals in the last term.
    let working = model.honest().filter(|member| *member < model.bounds.terms - 1).count();
    if working > 1 {
        properties.push(sometimes(TWO_SEAL_AT_ONCE, |model, state| {
            let at_work = |member: &Member| {
                let node = state.node(*member);
                model.schedules(state, *member) && node.sealed.0 == node.entered && model.may_sign(node)
            };
            model.honest().filter(at_work).count() > 1
        }));
    }
    properties
}

fn always(name: &'static str, condition: fn(&Terms, &State) -> bool) -> Property<Terms> {
    Property { expectation: Expectation::Always, name, condition }
}

fn sometimes(name: &'static str, condition: fn(&Terms, &State) -> bool) -> Property<Terms> {
    Property { expectation: Expectation::Sometimes, name, condition }
}

fn nodes<'a>(model: &Terms, state: &'a State) -> impl Iterator<Item = &'a Node> + use<'a> {
    model.honest().map(|member| state.node(member))
}

/// The bases that honest schedulers announced, with who and for which term.
fn bases<'a>(model: &Terms, state: &'a State) -> impl Iterator<Item = (Member, u8, Chain)> + use<'a> {
    model.honest().flat_map(move |member| {
        let terms = (2..).zip(&state.bases[member as usize]);
        terms.filter_map(move |(term, base)| Some((member, term, (*base)?)))
    })
}

/// Seals of honest schedulers on different blocks at one position.
fn rival_seals(state: &State) -> impl Iterator<Item = (Sealed, Sealed)> + '_ {
    (1..).zip(&state.sealed).filter_map(|(term, [one, other])| {
        let lower = one.chain.height().min(other.chain.height());
        let rival = (1..=lower).any(|height| {
            let (one, other) = (one.chain.up_to(height), other.chain.up_to(height));
            (one.term(), other.term()) == (term, term) && one != other
        });
        rival.then_some((*one, *other))
    })
}

fn one_scheduler(model: &Terms, state: &State) -> bool {
    let mut scheduler = [None; TERMS];
    nodes(model, state).all(|node| {
        let picked = elected(node.picks);
        *scheduler[node.entered as usize - 1].get_or_insert(picked) == picked
    })
}

fn held_by_all_is_kept(model: &Terms, state: &State) -> bool {
    (1..model.bounds.terms).all(|term| {
        let kept = state.held_by_all(model.honest(), term);
        kept == Chain::GENESIS
            || (nodes(model, state).all(|node| node.head.contains(kept))
                && bases(model, state).all(|(_, of, base)| of <= term || base.contains(kept)))
    })
}
