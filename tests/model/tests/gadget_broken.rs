//! Each rule of R10 to R12, broken, is seen by the model: a counterexample is found, and it is the one that the rule prevents.

use baton_model::check;
use baton_model::gadget::properties::{FINAL_IS_KEPT, NEVER_REFUSED, NO_FORK, ONE_QC_A_POSITION};
use baton_model::gadget::{Bounds, Broken, Gadget, Orders, Proposals};

/// A rule, broken, with this many terms and rounds.
const fn broken(rule: Broken, terms: u8, rounds: u8) -> Gadget {
    let bounds = Bounds { terms, rounds, height: 1 };
    let orders = match rule {
        Broken::VoteForgotten | Broken::CommitAfterVote => Orders::All,
        _ => Orders::Distinct,
    };
    Gadget { bounds, byzantine: 3, proposals: Proposals::Any, commit_votes: false, orders, broken: Some(rule) }
}

#[test]
fn no_floor() {
    check::violates(broken(Broken::NoFloor, 1, 3), FINAL_IS_KEPT);
    check::violates(broken(Broken::NoFloor, 1, 4), NO_FORK);
}

#[test]
fn a_head_that_leaves_the_parents() {
    check::violates(broken(Broken::LeavesTheParent, 1, 3), FINAL_IS_KEPT);
    check::violates(broken(Broken::LeavesTheParent, 1, 3), NO_FORK);
}

#[test]
fn two_votes_at_one_position() {
    check::violates(broken(Broken::VotesTwice, 1, 2), ONE_QC_A_POSITION);
    check::violates(broken(Broken::VotesTwice, 1, 2), NO_FORK);
}

#[test]
fn a_quorum_of_half() {
    check::violates(broken(Broken::QuorumOfHalf, 1, 2), ONE_QC_A_POSITION);
    check::violates(broken(Broken::QuorumOfHalf, 1, 2), NO_FORK);
}

#[test]
fn a_certificate_below_its_reports() {
    check::violates(broken(Broken::AnyReport, 2, 2), NO_FORK);
}

#[test]
fn votes_after_asking() {
    check::violates(broken(Broken::NoFence, 2, 2), FINAL_IS_KEPT);
    check::violates(broken(Broken::NoFence, 2, 2), NO_FORK);
}

#[test]
fn a_vote_that_a_restart_forgets() {
    check::violates(broken(Broken::VoteForgotten, 1, 2), ONE_QC_A_POSITION);
}

#[test]
fn a_floor_that_a_restart_forgets() {
    check::violates(broken(Broken::FloorForgotten, 1, 3), FINAL_IS_KEPT);
    check::violates(broken(Broken::FloorForgotten, 1, 4), NO_FORK);
}

#[test]
fn a_highest_qc_that_a_restart_forgets() {
    check::violates(broken(Broken::HighestForgotten, 2, 2), NO_FORK);
}

#[test]
fn final_under_any_child() {
    check::violates(broken(Broken::AnyChild, 1, 3), FINAL_IS_KEPT);
    check::violates(broken(Broken::AnyChild, 1, 4), NO_FORK);
}

#[test]
fn final_across_terms() {
    check::violates(broken(Broken::AcrossTerms, 2, 2), FINAL_IS_KEPT);
    check::violates(broken(Broken::AcrossTerms, 2, 2), NO_FORK);
}

#[test]
fn a_floor_that_no_certificate_lowers() {
    let elected = Gadget { proposals: Proposals::Elected, ..broken(Broken::FloorKept, 2, 2) };
    check::violates(elected, NEVER_REFUSED);
    check::violates(Gadget { byzantine: 0, ..elected }, NEVER_REFUSED);
}

#[test]
fn a_scheduler_that_goes_back_to_an_older_parent() {
    let elected = Gadget { byzantine: 0, proposals: Proposals::Elected, ..broken(Broken::ParentFalls, 2, 2) };
    check::violates(elected, NEVER_REFUSED);
}

/// As [`broken`], with commit votes.
const fn commits(rule: Broken, terms: u8, rounds: u8) -> Gadget {
    Gadget { commit_votes: true, ..broken(rule, terms, rounds) }
}

#[test]
fn a_commit_vote_after_a_vote_above() {
    check::violates(commits(Broken::CommitAfterVote, 1, 2), FINAL_IS_KEPT);
    check::violates(commits(Broken::CommitAfterVote, 1, 2), NO_FORK);
}

#[test]
fn a_commit_vote_after_asking() {
    check::violates(commits(Broken::CommitAfterAsking, 2, 1), FINAL_IS_KEPT);
    check::violates(commits(Broken::CommitAfterAsking, 2, 1), NO_FORK);
}

#[test]
fn a_commit_vote_that_leaves_the_floor() {
    check::violates(commits(Broken::CommitWithoutFloor, 1, 2), FINAL_IS_KEPT);
    check::violates(commits(Broken::CommitWithoutFloor, 1, 2), NO_FORK);
}

#[test]
fn a_commit_vote_that_no_report_tells_of() {
    check::violates(commits(Broken::CommitWithoutReport, 2, 1), FINAL_IS_KEPT);
    check::violates(commits(Broken::CommitWithoutReport, 2, 1), NO_FORK);
}
