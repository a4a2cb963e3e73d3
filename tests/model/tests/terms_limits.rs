//! What R7 does not promise, played step by step: it is why finality needs votes.

use baton_model::chain::Chain;
use baton_model::check;
use baton_model::terms::{Action, Bounds, State, Terms};
use stateright::Model;

const MODEL: Terms = Terms { bounds: Bounds { terms: 3, height: 2, reports: 1 }, byzantine: 3, broken: None };

fn play(steps: &[Action]) -> State {
    check::play(&MODEL, steps, |state, step| MODEL.next_state(state, step))
}

/// Two honest members hold a block while they follow its term, so with the byzantine one a quorum says so. All schedulers
/// are honest and fetch what they like. Still the next term builds without the block: the third honest member reports a
/// branch of the term before, the byzantine one supports it, and what more than a third reports must be kept.
#[test]
fn what_a_quorum_held_with_a_byzantine_member_can_be_left() {
    let first = Chain::GENESIS.with(1, 0);
    let (stale, held) = (first.with(1, 0), first.with(2, 0));
    let mut steps = vec![
        Action::Seal { member: 0, variant: 0 },
        Action::Commit { member: 1, head: first },
        Action::Commit { member: 2, head: first },
        Action::Ask { member: 1, term: 2 },
        Action::Ask { member: 2, term: 2 },
        // The scheduler of the first term does not know yet, and seals once more.
        Action::Seal { member: 0, variant: 0 },
        Action::Commit { member: 2, head: stale },
        Action::Enter { member: 1, term: 2 },
        Action::TakeOver { member: 1, base: first },
        Action::Seal { member: 1, variant: 0 },
        Action::Enter { member: 0, term: 2 },
        Action::Accept { member: 0, base: first },
        Action::Commit { member: 0, head: held },
    ];
    let state = play(&steps);
    assert_eq!([0, 1].map(|member| (state.head(member), state.fence(member))), [(held, 2), (held, 2)]);

    steps.extend([
        Action::Enter { member: 2, term: 2 },
        Action::Ask { member: 2, term: 3 },
        Action::Ask { member: 0, term: 3 },
        Action::Enter { member: 2, term: 3 },
        Action::TakeOver { member: 2, base: stale },
        Action::Enter { member: 0, term: 3 },
        Action::Accept { member: 0, base: stale },
    ]);
    let state = play(&steps);
    assert!(!state.head(0).contains(held) && !state.head(2).contains(held));
}
