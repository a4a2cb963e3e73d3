//! Every claim about the protocol over some hundred seeds, and the proof that a broken rule would be seen.
//!
//! `BATON_SEEDS` runs more or fewer; `scripts/simulate.sh` runs as many as one likes, in a release build.

use baton_consensus::{FinalityRule, core::VoteRoute, simulation::mutation::Mutation};
use baton_simulator::{
    campaign::{campaign, first_failure},
    run::{Broken, Setup, run},
    scenarios::{ALL, named},
};

/// Seeds for each scenario unless told otherwise.
const SEEDS: u64 = 100;

/// A broken rule is seen within this many seeds.
const SEEDS_TO_SEE: u64 = 1_000;

fn holds(name: &str) {
    let seeds = std::env::var("BATON_SEEDS").map_or(SEEDS, |value| value.parse().expect("BATON_SEEDS is a number"));
    let scenario = named(name).expect("the scenario is in the catalogue");
    let summary = campaign(&[scenario], 0..seeds, &Setup::default());
    assert_eq!(summary.runs as u64, seeds);
    if let Some(first) = summary.failures.first() {
        let failure = first.failure.as_deref().unwrap_or_default();
        panic!(
            "{} of {seeds} seeds fail, seed {} first: {failure}\nreplay: scripts/simulate.sh --scenario {name} --replay {}",
            summary.failures.len(),
            first.seed,
            first.seed
        );
    }
}

macro_rules! claims {
    ($($name:ident),+ $(,)?) => {
        $(#[test] fn $name() { holds(stringify!($name)); })+

        #[test]
        fn every_scenario_is_tested() {
            let tested = [$(stringify!($name)),+];
            assert_eq!(tested.to_vec(), ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>());
        }
    };
}

claims! {
    blocks_keep_their_pace,
    everyone_leads_in_proportion_to_stake,
    a_single_node_and_a_pair_work,
    clocks_are_wrong_and_nothing_stops,
    a_slow_member_does_not_flap,
    a_dead_leader_is_replaced_in_time,
    a_paused_leader_is_replaced_and_its_late_blocks_change_nothing,
    a_leader_that_always_fails_is_jailed_for_growing_spans,
    an_equivocating_leader_forks_nobody,
    a_dead_scheduler_is_replaced_in_time_and_steps_down_when_it_returns,
    a_paused_scheduler_is_replaced_and_steps_down,
    a_planned_handover_costs_less_than_two_block_times,
    an_operator_hands_the_schedule_over,
    whoever_stops_cleanly_costs_less_than_two_block_times,
    schedulers_die_one_after_the_other,
    isolated_nodes_fence_nobody,
    a_partition_heals_on_the_branch_of_the_later_term,
    a_scheduler_dies_as_a_partition_heals,
    a_later_terms_block_outranks_a_longer_branch,
    a_follower_that_was_cut_off_catches_up,
    everyone_dies_at_once_and_goes_on,
    everyone_dies_after_a_term_change_and_goes_on,
    nodes_die_and_return_at_random_over_a_bad_network,
    blocks_are_final_before_the_next_is_built,
    without_a_quorum_nothing_is_final_and_sealing_waits,
    finality_goes_on_over_many_terms,
    depth_rules_finalize_over_leaders_and_terms,
    a_hidden_certificate_neither_forks_nor_stalls,
    a_certificate_that_is_published_late_stops_nobody,
    a_scheduler_that_cheats_with_checkpoints_is_replaced,
    bad_votes_delay_nothing,
    what_must_not_be_stops_the_node,
    keys_that_run_twice_fork_nobody,
    a_newcomer_joins_and_leads_within_two_terms,
    a_member_leaves_and_the_others_go_on,
    a_whole_set_makes_way_for_another,
    the_scheduler_dies_as_the_set_changes,
    everyone_dies_in_a_set_change_and_goes_on,
    lagging_views_of_l1_delay_the_change_alone,
    without_l1_blocks_and_finality_go_on,
    who_slept_through_eras_catches_up,
    coming_and_going_steers_no_election,
    an_invented_set_is_voted_for_by_nobody,
    sets_change_while_everything_fails,
    a_hidden_end_of_an_era_neither_forks_nor_stalls,
    a_rotated_bls_key_votes_before_and_after,
    a_reorganized_l1_changes_the_set_in_the_end,
    who_left_comes_back_after_several_eras,
    a_lone_member_takes_others_in_and_is_alone_again,
    keys_that_run_twice_open_one_era,
    a_scheduler_that_does_not_work_is_replaced,
    an_equivocating_scheduler_loses_its_term,
    a_scheduler_that_leaves_sealed_blocks_out_loses_its_term,
    an_unfair_scheduler_loses_its_term,
    one_byzantine_member_costs_no_honest_scheduler_its_term,
    a_liar_about_branches_delays_and_does_not_stop,
    everything_fails_at_random,
    everything_fails_at_random_among_the_byzantine,
}

#[test]
fn one_seed_gives_one_trace() {
    let scenario = named("everything_fails_at_random_among_the_byzantine").expect("it is in the catalogue");
    let setup = Setup { trace: true, ..Setup::default() };
    let trace = |seed| run(scenario, seed, &setup).trace;
    let first = trace(1);
    assert!(first.lines().count() > 1_000);
    assert!(first == trace(1), "the same seed gives another trace");
    assert!(first != trace(2));
}

/// Tags stand in for signatures: what happens is the same, only quicker.
#[test]
fn signatures_change_nothing() {
    let names = ["a_dead_scheduler_is_replaced_in_time_and_steps_down_when_it_returns", "everything_fails_at_random"];
    for scenario in names.map(|name| named(name).expect("it is in the catalogue")) {
        let tagged = run(scenario, 1, &Setup::default());
        let signed = run(scenario, 1, &Setup { signatures: true, ..Setup::default() });
        assert!(tagged.failure.is_none() && signed.failure.is_none(), "{tagged:?} {signed:?}");
        assert!(!tagged.measured.is_empty());
        assert_eq!(tagged.measured, signed.measured);
    }
}

/// Which scenarios would show this rule's breach, and how it then is told.
fn is_seen(broken: Broken, names: &[&str], told: &str) {
    let scenarios: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
    assert_eq!(scenarios.len(), names.len());
    let whole = first_failure(&scenarios, 4, &Setup::default());
    assert!(whole.is_none(), "it fails with every rule whole: {whole:?}");
    let setup = Setup { broken: Some(broken), ..Setup::default() };
    let seen = first_failure(&scenarios, SEEDS_TO_SEE, &setup).and_then(|outcome| outcome.failure);
    let seen = seen.unwrap_or_else(|| panic!("{broken:?} goes unseen"));
    assert!(seen.contains(told), "{seen}");
}

#[test]
fn no_fence_is_seen() {
    let names = ["a_partition_heals_on_the_branch_of_the_later_term", "everything_fails_at_random"];
    is_seen(Broken::Rule(Mutation::NoFence), &names, "signs below its fence");
}

#[test]
fn a_fence_that_is_not_journaled_is_seen() {
    is_seen(Broken::FenceNotJournaled, &["everyone_dies_after_a_term_change_and_goes_on"], "below its fence");
}

#[test]
fn a_journal_that_is_not_synced_is_seen() {
    is_seen(Broken::JournalNotSynced, &["everyone_dies_at_once_and_goes_on"], "signs two messages");
}

#[test]
fn a_quorum_of_half_is_seen() {
    is_seen(Broken::Rule(Mutation::QuorumOfHalf), &["schedulers_die_one_after_the_other"], "without a quorum");
    is_seen(Broken::Rule(Mutation::QuorumOfHalf), &["bad_votes_delay_nothing"], "a certificate without a quorum");
}

#[test]
fn branches_by_height_alone_are_seen() {
    is_seen(Broken::Rule(Mutation::HeightAlone), &["a_later_terms_block_outranks_a_longer_branch"], "and leaves");
}

#[test]
fn a_base_that_nobody_checks_is_seen() {
    let names = ["a_scheduler_that_leaves_sealed_blocks_out_loses_its_term"];
    is_seen(Broken::Rule(Mutation::BaseUnchecked), &names, "sealed blocks are lost");
}

#[test]
fn votes_below_the_floor_are_seen() {
    let names = ["a_scheduler_that_cheats_with_checkpoints_is_replaced"];
    is_seen(Broken::Rule(Mutation::NoFloor), &names, "votes below its floor");
}

#[test]
fn a_floor_that_is_kept_over_a_term_change_is_seen() {
    let names = ["a_hidden_certificate_neither_forks_nor_stalls"];
    is_seen(Broken::Rule(Mutation::FloorKept), &names, "though its certificate allows it");
}

#[test]
fn two_votes_in_one_round_are_seen() {
    let names = ["a_scheduler_that_cheats_with_checkpoints_is_replaced"];
    is_seen(Broken::Rule(Mutation::VoteTwice), &names, "signs two messages");
}

#[test]
fn votes_that_are_not_journaled_are_seen() {
    is_seen(Broken::VotesNotJournaled, &["everyone_dies_after_a_term_change_and_goes_on"], "lowers its floor");
}

#[test]
fn finality_without_the_direct_parent_is_seen() {
    let names = ["finality_goes_on_over_many_terms"];
    is_seen(Broken::Rule(Mutation::FinalWithoutParent), &names, "concludes from");
}

#[test]
fn finality_across_terms_is_seen() {
    is_seen(Broken::Rule(Mutation::FinalAcrossTerms), &["finality_goes_on_over_many_terms"], "concludes from");
}

#[test]
fn a_set_that_nobody_checks_is_seen() {
    let names = ["an_invented_set_is_voted_for_by_nobody"];
    is_seen(Broken::Rule(Mutation::SetUnchecked), &names, "certifies a set that L1 never had");
}

#[test]
fn the_end_of_an_era_that_is_not_repeated_is_seen() {
    let names = ["the_scheduler_dies_as_the_set_changes", "sets_change_while_everything_fails"];
    is_seen(Broken::Rule(Mutation::ClosingNotRepeated), &names, "does not repeat the end of the era");
}

#[test]
fn an_era_that_is_cut_short_is_seen() {
    let names = ["a_newcomer_joins_and_leads_within_two_terms"];
    is_seen(Broken::Rule(Mutation::EraCutShort), &names, "ends an era of");
}

#[test]
fn a_newcomer_that_starts_with_the_others_is_seen() {
    let names = ["coming_and_going_steers_no_election"];
    is_seen(Broken::Rule(Mutation::NewcomerUnpunished), &names, "by who comes and goes");
}

/// Twins, exhaustively: whose keys run twice, and who is on which side in each of two spans.
#[test]
fn keys_that_run_twice_fork_nobody_whoever_is_where() {
    let scenario = named("keys_that_run_twice_fork_nobody").expect("it is in the catalogue");
    let summary = campaign(&[scenario], 0..4 * 16 * 16, &Setup::default());
    assert!(summary.failures.is_empty(), "{:?}", summary.failures.first());
}

/// Everything random, under the two weaker rules as well: nobody's signatures contradict each other, so they hold. Who would
/// have to contradict what it called final by them stops.
#[test]
fn depth_rules_hold_while_nobody_cheats() {
    let names = ["everything_fails_at_random", "what_must_not_be_stops_the_node"];
    let scenarios: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
    for finality in [FinalityRule::DepthCount, FinalityRule::DepthStake] {
        let summary = campaign(&scenarios, 0..50, &Setup { finality: Some(finality), ..Setup::default() });
        assert!(summary.failures.is_empty(), "{:?}", summary.failures.first());
    }
}

/// The same scenarios where votes go to the scheduler alone.
#[test]
fn a_star_of_votes_works_as_well() {
    let names = ["finality_goes_on_over_many_terms", "everything_fails_at_random_among_the_byzantine"];
    let scenarios: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
    let summary = campaign(&scenarios, 0..100, &Setup { votes: Some(VoteRoute::Scheduler), ..Setup::default() });
    assert_eq!(summary.runs, 200);
    assert!(summary.failures.is_empty(), "{:?}", summary.failures.first());
}
