//! What R10 to R12 allow, and what they do not promise, played step by step.

use baton_model::chain::Chain;
use baton_model::check;
use baton_model::gadget::{Action, Bounds, Certified, Checkpoint, Gadget, Orders, Position, Proposals, State};
use baton_model::members::Member;
use stateright::Model;

/// The scheduler of the first term is byzantine; members 1 and 2 schedule the second and the third.
const MODEL: Gadget = Gadget {
    bounds: Bounds { terms: 3, rounds: 3, height: 1 },
    byzantine: 0,
    proposals: Proposals::Elected,
    commit_votes: false,
    orders: Orders::All,
    broken: None,
};

const ONE: Chain = Chain::GENESIS.with(1, 0);
const RIVAL: Chain = Chain::GENESIS.with(1, 1);

const fn checkpoint(term: u8, round: u8, head: Chain, parent: Certified) -> Checkpoint {
    Checkpoint { position: Position { term, round }, head, parent }
}

fn votes<const N: usize>(members: [Member; N], checkpoint: Checkpoint) -> [Action; N] {
    members.map(|member| Action::Vote { member, checkpoint })
}

fn asks<const N: usize>(members: [Member; N], term: u8) -> [Action; N] {
    members.map(|member| Action::Ask { member, term })
}

fn enters<const N: usize>(members: [Member; N], term: u8, opening: Certified) -> [Action; N] {
    members.map(|member| Action::Enter { member, term, opening })
}

fn play(model: &Gadget, steps: &[Action]) -> State {
    check::play(model, steps, |state, step| Some(model.after(state, step)))
}

/// Whether a step is possible after others.
fn is_possible(model: &Gadget, steps: &[Action], step: Action) -> bool {
    let mut possible = Vec::new();
    model.actions(&play(model, steps), &mut possible);
    possible.contains(&step)
}

/// The floor falls: what one QC certifies may be left, and whoever built on it goes along.
#[test]
fn the_floor_falls_with_a_certificate() {
    let hidden = checkpoint(1, 1, ONE, Certified::GENESIS);
    let mut steps = votes([1, 2], hidden).to_vec();
    steps.extend(votes([3], checkpoint(1, 2, ONE, hidden.certified())));
    steps.extend(asks([1, 2], 2));
    assert_eq!(play(&MODEL, &steps).floor(3), hidden.position);
    steps.extend(enters([3, 1], 2, Certified::GENESIS));
    assert_eq!(play(&MODEL, &steps).floor(3), Position::GENESIS);
    let rival = checkpoint(2, 1, RIVAL, Certified::GENESIS);
    steps.push(Action::Propose { member: 1, checkpoint: rival });
    steps.extend(votes([1, 3], rival));
    play(&MODEL, &steps);
}

/// A byzantine member shows a hidden QC of another branch to one member alone, in the certificate by which that one enters:
/// it refuses what the honest scheduler proposes on the certificate that all others have. With the byzantine member silent,
/// no quorum votes in this term. Either the byzantine member votes after all, and the QC unites them again; or the next term does.
#[test]
fn a_member_that_entered_by_another_certificate_is_stuck_for_a_term() {
    let hidden = checkpoint(1, 1, ONE, Certified::GENESIS);
    let rivals = [1, 2, 3].map(|round| checkpoint(2, round, RIVAL, Certified::GENESIS));
    let mut stuck = votes([1, 2], hidden).to_vec();
    stuck.extend(asks([1, 2], 2));
    stuck.extend(enters([1, 2], 2, Certified::GENESIS));
    stuck.extend(enters([3], 2, hidden.certified()));
    for rival in rivals {
        stuck.push(Action::Propose { member: 1, checkpoint: rival });
        assert!(!is_possible(&MODEL, &stuck, Action::Vote { member: 3, checkpoint: rival }));
    }

    let mut united = stuck[..stuck.len() - 2].to_vec();
    united.extend(votes([1, 2], rivals[0]));
    let next = checkpoint(2, 2, RIVAL, rivals[0].certified());
    united.extend([
        Action::See { member: 1, certified: rivals[0].certified() },
        Action::Propose { member: 1, checkpoint: next },
    ]);
    united.extend(votes([1, 3], next));
    assert_eq!(play(&MODEL, &united).finals(), [rivals[0].certified()]);

    stuck.extend(asks([1, 2, 3], 3));
    stuck.extend(enters([1, 2, 3], 3, hidden.certified()));
    let first = checkpoint(3, 1, ONE, hidden.certified());
    let second = checkpoint(3, 2, ONE, first.certified());
    stuck.push(Action::Propose { member: 2, checkpoint: first });
    stuck.extend(votes([1, 2, 3], first));
    stuck.extend([
        Action::See { member: 2, certified: first.certified() },
        Action::Propose { member: 2, checkpoint: second },
    ]);
    stuck.extend(votes([1, 2, 3], second));
    assert_eq!(play(&MODEL, &stuck).finals(), [first.certified()]);
}

/// A member that signed a commit vote refuses the next checkpoint of an honest scheduler that has not seen the QC. It answers
/// with the QC, and votes for the retry.
#[test]
fn a_commit_vote_may_cost_a_round() {
    let model = Gadget { commit_votes: true, byzantine: 3, ..MODEL };
    let first = checkpoint(1, 1, ONE, Certified::GENESIS);
    let late = checkpoint(1, 2, ONE, Certified::GENESIS);
    let retry = checkpoint(1, 3, ONE, first.certified());
    let mut steps = vec![Action::Propose { member: 0, checkpoint: first }];
    steps.extend(votes([0, 1], first));
    steps.extend([Action::Commit { member: 1, checkpoint: first }, Action::Propose { member: 0, checkpoint: late }]);
    assert!(is_possible(&model, &steps, Action::Vote { member: 2, checkpoint: late }));
    assert!(!is_possible(&model, &steps, Action::Vote { member: 1, checkpoint: late }));
    steps.extend([
        Action::See { member: 0, certified: first.certified() },
        Action::Propose { member: 0, checkpoint: retry },
    ]);
    assert!(is_possible(&model, &steps, Action::Vote { member: 1, checkpoint: retry }));
}
