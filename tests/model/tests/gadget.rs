//! R10 to R12 hold within the bounds, whoever is byzantine.

use baton_model::check;
use baton_model::gadget::{Bounds, Certified, Gadget, Orders, Proposals, State};
use baton_model::members::Member;

/// Two terms of three rounds, and two blocks in conflict.
const BOUNDS: Bounds = Bounds { terms: 2, rounds: 3, height: 1 };

/// Anything may be proposed.
const ANY: Gadget = Gadget {
    bounds: BOUNDS,
    byzantine: 3,
    proposals: Proposals::Any,
    commit_votes: false,
    orders: Orders::Distinct,
    broken: None,
};

/// Schedulers are elected.
const fn elected(byzantine: Member) -> Gadget {
    Gadget { byzantine, proposals: Proposals::Elected, ..ANY }
}

#[test]
fn anything_is_proposed() {
    check::holds(ANY, 295_589);
}

#[test]
fn anything_is_proposed_and_commit_votes_are_signed() {
    check::holds(Gadget { commit_votes: true, ..ANY }, 452_767);
}

#[test]
fn the_scheduler_of_the_first_term_is_byzantine() {
    check::holds(elected(0), 1_531_234);
}

#[test]
fn the_scheduler_of_the_second_term_is_byzantine() {
    check::holds(Gadget { bounds: Bounds { rounds: 2, ..BOUNDS }, ..elected(1) }, 11_303);
}

#[test]
fn a_follower_is_byzantine() {
    check::holds(elected(3), 1_574_575);
}

#[test]
#[ignore = "takes a minute"]
fn the_scheduler_of_the_second_term_is_byzantine_for_longer() {
    check::holds(elected(1), 453_386);
}

#[test]
#[ignore = "takes minutes"]
fn anything_is_proposed_in_three_terms() {
    let bounds = Bounds { terms: 3, rounds: 2, height: 1 };
    check::holds(Gadget { bounds, ..ANY }, 322_760);
}

#[test]
#[ignore = "takes minutes"]
fn anything_is_proposed_and_commit_votes_are_signed_in_three_terms() {
    let bounds = Bounds { terms: 3, rounds: 2, height: 1 };
    check::holds(Gadget { bounds, commit_votes: true, ..ANY }, 477_909);
}

#[test]
#[ignore = "takes minutes"]
fn schedulers_of_three_terms_are_elected() {
    let bounds = Bounds { terms: 3, rounds: 2, height: 1 };
    check::holds(Gadget { bounds, ..elected(0) }, 3_605_387);
}

#[test]
#[ignore = "takes a minute"]
fn anything_is_proposed_on_higher_branches() {
    check::holds(Gadget { bounds: Bounds { terms: 2, rounds: 2, height: 2 }, ..ANY }, 36_362);
}

/// The orders that are left out make nothing else final.
fn orders_are_enough(model: Gadget) {
    let told = |known: &Certified| (known.position, known.head.height());
    let told = |state: &State| state.finals().iter().map(told).collect::<Vec<_>>();
    let finals = |orders| check::reached(&Gadget { orders, ..model }, told);
    let distinct = finals(Orders::Distinct);
    assert!(distinct.len() > 1);
    assert_eq!(distinct, finals(Orders::All));
}

#[test]
fn other_orders_come_to_the_same() {
    let bounds = Bounds { terms: 1, rounds: 3, height: 1 };
    orders_are_enough(Gadget { bounds, ..ANY });
    orders_are_enough(Gadget { bounds: Bounds { terms: 2, rounds: 1, height: 1 }, commit_votes: true, ..ANY });
    orders_are_enough(Gadget { bounds, ..elected(3) });
}

#[test]
#[ignore = "takes minutes"]
fn all_orders_are_tried() {
    let bounds = Bounds { terms: 2, rounds: 2, height: 1 };
    check::holds(Gadget { bounds, orders: Orders::All, ..ANY }, 330_203);
}

#[test]
#[ignore = "takes minutes"]
fn other_orders_come_to_the_same_over_terms() {
    let bounds = Bounds { terms: 2, rounds: 2, height: 1 };
    orders_are_enough(Gadget { bounds, ..ANY });
    orders_are_enough(Gadget { bounds, ..elected(0) });
}
