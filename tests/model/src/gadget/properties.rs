//! What must always hold, and what must happen sometimes, so that the rest is not true of nothing.

use super::{Certified, Gadget, Proposals, State};
use stateright::Property;

/// R12: no two final blocks contradict each other.
pub const NO_FORK: &str = "no two final blocks contradict each other";
/// R11: at most one checkpoint a position is certified.
pub const ONE_QC_A_POSITION: &str = "no two QCs at one position";
/// R12: a final block is on the branch of every later QC, so that no scheduler can leave it.
pub const FINAL_IS_KEPT: &str = "a final block is on the branch of every later QC";
/// R11: a member that entered as an honest scheduler did never refuses its checkpoints for the floor. (Commit votes break
/// this: `tests/gadget_limits.rs` plays it.)
pub const NEVER_REFUSED: &str =
    "whoever entered as the honest scheduler did never refuses its checkpoints for the floor";

/// Something is final in the first term.
pub const FINAL_IN_FIRST_TERM: &str = "something is final in the first term";
/// Something is final in the last term.
pub const FINAL_IN_LAST_TERM: &str = "something is final in the last term";
/// A QC was hidden from a certificate: what is final in the term after contradicts it.
pub const HIDDEN_QC_IS_LEFT: &str = "a QC was hidden, and a rival is final in the next term";

pub(super) fn all(model: &Gadget) -> Vec<Property<Gadget>> {
    let mut properties = vec![
        Property::<Gadget>::always(NO_FORK, no_fork),
        Property::<Gadget>::always(ONE_QC_A_POSITION, |_, state| !state.doubled),
        Property::<Gadget>::always(FINAL_IS_KEPT, |_, state| !state.left),
        Property::<Gadget>::sometimes(FINAL_IN_FIRST_TERM, |_, state| is_final_in(state, 1)),
        Property::<Gadget>::sometimes(FINAL_IN_LAST_TERM, |model, state| is_final_in(state, model.bounds.terms)),
    ];
    if model.bounds.terms > 1 {
        properties.push(Property::<Gadget>::sometimes(HIDDEN_QC_IS_LEFT, hidden_qc_is_left));
    }
    if model.proposals == Proposals::Elected && !model.commit_votes {
        properties.push(Property::<Gadget>::always(NEVER_REFUSED, never_refused));
    }
    properties
}

fn is_final_in(state: &State, term: u8) -> bool {
    state.finals.iter().any(|known| known.position.term == term)
}

fn no_fork(_: &Gadget, state: &State) -> bool {
    let fits = |one: &Certified, other: &Certified| one.head.contains(other.head) || other.head.contains(one.head);
    state.finals.iter().all(|one| state.finals.iter().all(|other| fits(one, other)))
}

fn never_refused(model: &Gadget, state: &State) -> bool {
    state.tallies.iter().all(|tally| {
        let checkpoint = tally.checkpoint;
        let term = checkpoint.position.term;
        let Some(scheduler) = model.scheduler(term) else { return true };
        let opening = state.node(scheduler).opening;
        model.honest().map(|member| state.node(member)).all(|node| {
            let asked = node.entered == term && node.fence == term && node.voted < checkpoint.position;
            let same = state.node(scheduler).entered == term && node.opening == opening;
            let refuses = checkpoint.parent.position < node.floor;
            !(asked && same && refuses)
        })
    })
}

fn hidden_qc_is_left(model: &Gadget, state: &State) -> bool {
    let left = |hidden: Certified, known: &Certified| {
        hidden.position.term + 1 == known.position.term
            && !known.head.contains(hidden.head)
            && !hidden.head.contains(known.head)
    };
    model.certified(state).any(|hidden| state.finals.iter().any(|known| left(hidden, known)))
}
