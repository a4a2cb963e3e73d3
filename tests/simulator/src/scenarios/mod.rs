//! What is claimed of the protocol, each claim to be run over many seeds.

mod byzantine;
mod calm;
mod chaos;
mod crashes;
mod eras;
mod finality;
mod leaders;
mod partitions;
mod successions;
mod terms;

use crate::run::Run;
use std::time::Duration;

/// A claim and the play that puts it to the test.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What is claimed.
    pub name: &'static str,
    pub(crate) play: fn(&Run<'_>),
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! catalogue {
    ($($module:ident: $($name:ident),+;)+) => {
        /// All of them.
        pub const ALL: &[Scenario] = &[$($(Scenario { name: stringify!($name), play: $module::$name },)+)+];
    };
}

catalogue! {
    calm: blocks_keep_their_pace, everyone_leads_in_proportion_to_stake, a_single_node_and_a_pair_work,
        clocks_are_wrong_and_nothing_stops, a_slow_member_does_not_flap;
    leaders: a_dead_leader_is_replaced_in_time, a_paused_leader_is_replaced_and_its_late_blocks_change_nothing,
        a_leader_that_always_fails_is_jailed_for_growing_spans, an_equivocating_leader_forks_nobody;
    terms: a_dead_scheduler_is_replaced_in_time_and_steps_down_when_it_returns,
        a_paused_scheduler_is_replaced_and_steps_down, a_planned_handover_costs_less_than_two_block_times,
        an_operator_hands_the_schedule_over, whoever_stops_cleanly_costs_less_than_two_block_times,
        schedulers_die_one_after_the_other;
    partitions: isolated_nodes_fence_nobody, a_partition_heals_on_the_branch_of_the_later_term,
        a_scheduler_dies_as_a_partition_heals, a_later_terms_block_outranks_a_longer_branch, a_follower_that_was_cut_off_catches_up;
    crashes: everyone_dies_at_once_and_goes_on, everyone_dies_after_a_term_change_and_goes_on,
        nodes_die_and_return_at_random_over_a_bad_network;
    finality: blocks_are_final_before_the_next_is_built, without_a_quorum_nothing_is_final_and_sealing_waits,
        finality_goes_on_over_many_terms, depth_rules_finalize_over_leaders_and_terms, a_hidden_certificate_neither_forks_nor_stalls,
        a_certificate_that_is_published_late_stops_nobody, a_scheduler_that_cheats_with_checkpoints_is_replaced,
        bad_votes_delay_nothing, what_must_not_be_stops_the_node, keys_that_run_twice_fork_nobody;
    eras: a_newcomer_joins_and_leads_within_two_terms, a_member_leaves_and_the_others_go_on,
        a_whole_set_makes_way_for_another, the_scheduler_dies_as_the_set_changes,
        everyone_dies_in_a_set_change_and_goes_on, lagging_views_of_l1_delay_the_change_alone,
        without_l1_blocks_and_finality_go_on, who_slept_through_eras_catches_up, coming_and_going_steers_no_election,
        an_invented_set_is_voted_for_by_nobody, sets_change_while_everything_fails;
    successions: a_hidden_end_of_an_era_neither_forks_nor_stalls, a_rotated_bls_key_votes_before_and_after,
        a_reorganized_l1_changes_the_set_in_the_end, who_left_comes_back_after_several_eras,
        a_lone_member_takes_others_in_and_is_alone_again, keys_that_run_twice_open_one_era;
    byzantine: a_scheduler_that_does_not_work_is_replaced, an_equivocating_scheduler_loses_its_term,
        a_scheduler_that_leaves_sealed_blocks_out_loses_its_term, an_unfair_scheduler_loses_its_term, one_byzantine_member_costs_no_honest_scheduler_its_term,
        a_liar_about_branches_delays_and_does_not_stop;
    chaos: everything_fails_at_random, everything_fails_at_random_among_the_byzantine;
}

/// The scenario of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
