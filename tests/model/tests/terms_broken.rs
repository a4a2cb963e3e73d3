//! Each rule of R1 to R7, broken, is seen by the model: a counterexample is found, and it is the one that the rule prevents.

use baton_model::check;
use baton_model::members::Member;
use baton_model::terms::properties::{
    HELD_BY_ALL_IS_KEPT, NO_RIVAL_SEALS, NOTHING_BELOW_THE_FENCE, ONE_SCHEDULER_A_TERM, ONE_SEAL_A_POSITION,
};
use baton_model::terms::{Bounds, Broken, Terms};

/// Looks for a short way in which `rule`, broken, violates `property`.
fn is_seen(rule: Broken, byzantine: Member, bounds: Bounds, property: &'static str) {
    check::violates(Terms { bounds, byzantine, broken: Some(rule) }, property);
}

const fn bounds(terms: u8, height: u8) -> Bounds {
    Bounds { terms, height, reports: 2 }
}

#[test]
fn no_fence() {
    is_seen(Broken::NoFence, 3, bounds(2, 2), NOTHING_BELOW_THE_FENCE);
}

#[test]
fn a_fence_that_a_restart_forgets() {
    is_seen(Broken::FenceForgotten, 3, bounds(2, 2), NOTHING_BELOW_THE_FENCE);
}

#[test]
fn a_seal_that_a_restart_forgets() {
    is_seen(Broken::SealsForgotten, 3, bounds(2, 2), ONE_SEAL_A_POSITION);
    is_seen(Broken::SealsForgotten, 3, bounds(2, 2), NO_RIVAL_SEALS);
}

#[test]
fn a_quorum_of_half() {
    is_seen(Broken::QuorumOfHalf, 1, bounds(2, 1), HELD_BY_ALL_IS_KEPT);
}

#[test]
fn branches_by_height_alone() {
    is_seen(Broken::HeightAlone, 3, bounds(3, 2), HELD_BY_ALL_IS_KEPT);
}

#[test]
fn nothing_that_must_be_kept() {
    is_seen(Broken::NoObligation, 0, bounds(2, 2), HELD_BY_ALL_IS_KEPT);
}

#[test]
fn followers_that_take_any_base() {
    is_seen(Broken::BaseUnchecked, 1, bounds(2, 1), HELD_BY_ALL_IS_KEPT);
}

#[test]
fn followers_that_take_any_base_of_past_terms() {
    is_seen(Broken::PastBaseUnchecked, 1, bounds(3, 1), HELD_BY_ALL_IS_KEPT);
}

#[test]
fn an_election_by_certificates() {
    is_seen(Broken::ElectionByCertificates, 3, bounds(3, 1), ONE_SCHEDULER_A_TERM);
}
