//! Leaders fail.

use super::{millis, seconds};
use crate::byzantine::Vice;
use crate::run::Run;
use baton_consensus::evidence::EvidenceKind;
use baton_consensus::{core::Report, messages::SkipReason};

/// The bar of a leader's replacement: its timeout and two block times.
pub(super) fn a_dead_leader_is_replaced_in_time(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (leader, since, term) = (world.leader(), world.now, world.term());
    world.kill(leader);
    world.run_for(seconds(3));
    let follower = (0..world.members()).find(|index| *index != leader).unwrap();
    let bound = world.parameters.leader_timeout + world.parameters.block_time * 2;
    run.measure("leader killed", world.longest_gap(follower, since), bound);
    assert_eq!(world.term(), term, "a leader's death costs the scheduler its term");
    world.start(leader);
    let (everyone, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&everyone, height, seconds(20));
}

pub(super) fn a_paused_leader_is_replaced_and_its_late_blocks_change_nothing(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(5) + run.moment(2_000));
    // One that published its last block already is missed by nobody.
    let busy = world.run_until(seconds(5), |world| world.blocks_left() >= 3);
    assert!(busy, "no leader has blocks before it");
    let leader = world.leader();
    world.pause(leader);
    world.run_for(seconds(4));
    world.resume(leader);
    let (everyone, height) = (world.honest(), world.highest().0 + 40);
    world.agree_at(&everyone, height, seconds(40));
    let replaced = world.reports.iter().any(|(_, _, report)| {
        matches!(report, Report::LeaderReplaced { reason: SkipReason::Late, leader: late, .. } if *late == world.address(leader))
    });
    assert!(replaced);
}

/// It hears and beats, but its blocks reach nobody in time.
pub(super) fn a_leader_that_always_fails_is_jailed_for_growing_spans(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4));
    let scheduler = world.scheduler();
    let bad = (0..world.members()).find(|index| *index != scheduler).unwrap();
    let mut spans = Vec::new();
    for _ in 0..4 {
        let led = world.run_until(seconds(90), |world| world.leader() == bad);
        assert!(led, "it does not get its chance again");
        world.pause(bad);
        world.run_for(millis(800));
        world.resume(bad);
        world.run_for(millis(100));
        let records = world.core(scheduler).members(world.now);
        let record = records.iter().find(|member| member.address == world.address(bad)).unwrap().record;
        spans.push((record.strikes, record.jailed_until.0));
    }
    assert!(spans.windows(2).all(|pair| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1), "{spans:?}");
}

/// A leader signs two blocks for each position and shows each to half of the network: the seal decides, everyone agrees,
/// and those who saw both name the culprit.
pub(super) fn an_equivocating_leader_forks_nobody(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4));
    let (leader, term) = (world.leader(), world.term());
    world.corrupt(leader, Vice::EquivocatingLeader);
    world.run_for(seconds(15));
    let (honest, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&honest, height, seconds(20));
    assert_eq!(world.term(), term, "a leader's fault costs the scheduler its term");
    let named = world.reports.iter().any(|(_, _, report)| {
        matches!(report, Report::Equivocation(fault) if fault.signer == world.address(leader) && fault.kind == EvidenceKind::Block)
    });
    assert!(named, "nobody names it");
}
