//! Nothing fails.

use super::{millis, seconds};
use crate::network::{Latency, Link};
use crate::run::Run;
use baton_consensus::core::Report;
use std::collections::BTreeMap;

pub(super) fn blocks_keep_their_pace(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(5));
    let since = world.now;
    world.run_for(seconds(20));
    let blocks = world.commits.iter().filter(|(at, index, _)| *index == 0 && *at >= since).count();
    let expected = usize::try_from(seconds(20).as_millis() / world.parameters.block_time.as_millis()).unwrap();
    assert!(blocks <= expected + 1, "{blocks} blocks, where {expected} were due");
    run.measure("calm gap", world.longest_gap(0, since), world.parameters.block_time + millis(150));
}

/// The heaviest member is elected first, and appoints the others in proportion to their stake.
pub(super) fn everyone_leads_in_proportion_to_stake(run: &Run<'_>) {
    let mut world = run.weighted_world(&[4, 1, 2, 1], run.parameters());
    assert_eq!(world.scheduler(), 0);
    world.agree_at(&[0, 1, 2, 3], 8 * 40, seconds(200));
    let mut led: BTreeMap<usize, u64> = BTreeMap::new();
    for sealed in &world.disk(0).chain[..8 * 40] {
        *led.entry(world.index_of(sealed.block.leader())).or_default() += 1;
    }
    assert_eq!(led, BTreeMap::from([(1, 80), (2, 160), (3, 80)]));
}

pub(super) fn a_single_node_and_a_pair_work(run: &Run<'_>) {
    for nodes in 1..=2 {
        let mut world = run.weighted_world(&vec![1; nodes], run.parameters());
        world.agree_at(&(0..nodes).collect::<Vec<_>>(), 40, seconds(30));
    }
}

/// Clocks delay; they decide nothing. Members' clocks are seconds apart and drift, and no term is lost.
pub(super) fn clocks_are_wrong_and_nothing_stops(run: &Run<'_>) {
    let mut world = run.world(4);
    for index in 0..world.members() {
        world.skew(index);
    }
    world.run_for(seconds(10));
    let (since, term) = (world.now, world.term());
    world.run_for(seconds(20));
    assert_eq!(world.term(), term);
    run.measure("gap with wrong clocks", world.longest_gap(0, since), world.parameters.block_time + millis(200));
}

/// A member behind a slow and lossy network keeps its place: nobody is replaced because of late signs of life alone.
pub(super) fn a_slow_member_does_not_flap(run: &Run<'_>) {
    let mut world = run.world(4);
    world.link = Link { latency: Latency::Uniform(50, 140), loss: 5, duplication: 0 };
    world.run_for(seconds(5));
    let (since, term) = (world.now, world.term());
    world.run_for(seconds(25));
    assert_eq!(world.term(), term, "the scheduler lost its term");
    let silent = |report: &Report| match report {
        Report::Appointed { skipped, .. } => {
            skipped.iter().any(|skip| skip.reason == baton_consensus::messages::SkipReason::Silent)
        }
        _ => false,
    };
    let flaps = world.reports.iter().filter(|(at, _, report)| *at >= since && silent(report)).count();
    assert_eq!(flaps, 0, "members were taken for silent");
}
