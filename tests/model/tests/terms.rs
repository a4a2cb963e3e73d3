//! R1 to R7 hold within the bounds, whoever is byzantine.

use baton_model::check;
use baton_model::members::Member;
use baton_model::terms::{Bounds, Terms};

fn check(byzantine: Member, bounds: Bounds, states: usize) {
    check::holds(Terms { bounds, byzantine, broken: None }, states);
}

#[test]
fn the_scheduler_of_the_first_term_is_byzantine() {
    check(0, Bounds { terms: 3, height: 1, reports: 2 }, 418_878);
    check(0, Bounds { terms: 2, height: 2, reports: 2 }, 160_112);
}

#[test]
fn the_scheduler_of_the_second_term_is_byzantine() {
    check(1, Bounds { terms: 3, height: 1, reports: 2 }, 1_595_972);
}

#[test]
fn the_scheduler_of_the_third_term_is_byzantine() {
    check(2, Bounds { terms: 3, height: 2, reports: 2 }, 1_521_794);
}

#[test]
fn a_follower_is_byzantine() {
    check(3, Bounds { terms: 3, height: 2, reports: 2 }, 451_486);
}

#[test]
#[ignore = "takes minutes"]
fn the_scheduler_of_the_first_term_is_byzantine_and_seals_more() {
    check(0, Bounds { terms: 3, height: 2, reports: 1 }, 3_483_165);
}

#[test]
#[ignore = "takes minutes"]
fn the_scheduler_of_the_second_term_is_byzantine_and_more_is_sealed() {
    check(1, Bounds { terms: 3, height: 2, reports: 1 }, 7_274_341);
}

#[test]
#[ignore = "takes minutes"]
fn a_follower_is_byzantine_and_more_is_sealed() {
    check(3, Bounds { terms: 3, height: 3, reports: 2 }, 3_176_750);
}
