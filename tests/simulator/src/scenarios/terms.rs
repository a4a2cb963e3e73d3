//! Schedulers fail, or hand over.

use super::{millis, seconds};
use crate::run::Run;
use crate::world::World;
use baton_consensus::{
    Parameters,
    core::{Input, Report},
};

/// The bar of recovery: the term timeout, and then at most as long again.
pub(super) fn a_dead_scheduler_is_replaced_in_time_and_steps_down_when_it_returns(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, since, term) = (world.scheduler(), world.now, world.term());
    world.kill(scheduler);
    world.run_for(world.parameters.term_timeout * 3);
    let follower = (0..world.members()).find(|index| *index != scheduler).unwrap();
    run.measure("scheduler killed", world.longest_gap(follower, since), world.parameters.term_timeout * 2);
    let opened = world.term();
    world.start(scheduler);
    let (everyone, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&everyone, height, seconds(20));
    assert_eq!((opened, world.term()), (term.next(), term.next()), "more than one term is lost");
}

pub(super) fn a_paused_scheduler_is_replaced_and_steps_down(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, since, term) = (world.scheduler(), world.now, world.term());
    world.pause(scheduler);
    world.run_for(seconds(8));
    let follower = (0..world.members()).find(|index| *index != scheduler).unwrap();
    run.measure("scheduler paused", world.longest_gap(follower, since), world.parameters.term_timeout * 2);
    world.resume(scheduler);
    let (everyone, height) = (world.honest(), world.highest().0 + 30);
    world.agree_at(&everyone, height, seconds(30));
    assert_eq!(world.term(), term.next(), "its return costs a term");
}

pub(super) fn a_planned_handover_costs_less_than_two_block_times(run: &Run<'_>) {
    let parameters = Parameters { term_blocks: 20, ..run.parameters() };
    let mut world = run.weighted_world(&vec![1; run.nodes(4)], parameters);
    world.run_for(seconds(5));
    let (since, term) = (world.now, world.term());
    world.run_for(seconds(30));
    assert!(world.term().0 > term.0 + 3, "terms do not end: term {}", world.term());
    expect_nothing_taken_back(&world);
    run.measure("planned hand-over", world.longest_gap(0, since), world.parameters.block_time * 2);
}

pub(super) fn an_operator_hands_the_schedule_over(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(5) + run.moment(3_000));
    let (scheduler, since, term) = (world.scheduler(), world.now, world.term());
    // Those who do not schedule have nothing to hand over.
    world.inject((scheduler + 1) % world.members(), Input::Resign);
    world.inject(scheduler, Input::Resign);
    world.run_for(seconds(5));
    assert_eq!(world.term(), term.next());
    expect_nothing_taken_back(&world);
    run.measure("hand-over by an operator", world.longest_gap(0, since), world.parameters.block_time * 2);
}

/// Who leaves in peace leaves nothing behind.
fn expect_nothing_taken_back(world: &World) {
    let reverted = world.reports.iter().find(|(_, _, report)| matches!(report, Report::Reverted { .. }));
    assert!(reverted.is_none(), "a hand-over costs a sealed block: {reverted:?}");
}

/// A follower, a leader and a scheduler, in any order, each back before the next.
pub(super) fn whoever_stops_cleanly_costs_less_than_two_block_times(run: &Run<'_>) {
    let mut world = run.world(4);
    let mut term = world.term();
    for turn in 0..3 {
        world.run_for(seconds(5) + run.moment(3_000));
        let (scheduler, leader) = (world.scheduler(), world.leader());
        let follower = (0..world.members()).find(|index| ![scheduler, leader].contains(index)).unwrap();
        let leaver = [follower, leader, scheduler][(turn + usize::try_from(run.pick(1, 3)).unwrap()) % 3];
        let watcher = (0..world.members()).find(|index| *index != leaver).unwrap();
        if leaver == scheduler {
            term = term.next();
        }
        let since = world.now;
        world.inject(leaver, Input::Leave);
        world.run_for(millis(1));
        let released = world.run_until(seconds(2), |world| !world.core(leaver).is_relied_upon());
        assert!(released, "the others still rely on it");
        world.kill(leaver);
        // Longer than it takes to notice that it is silent.
        world.run_for(seconds(4));
        let gap = world.longest_gap(watcher, since);
        run.measure("clean shutdown", gap, world.parameters.block_time * 2);
        world.start(leaver);
        let (everyone, height) = (world.honest(), world.highest().0 + 10);
        world.agree_at(&everyone, height, seconds(20));
        assert_eq!(world.term(), term, "a shutdown costs a term too many, or too few");
    }
}

pub(super) fn schedulers_die_one_after_the_other(run: &Run<'_>) {
    let mut world = run.world(7);
    world.link = run.bad(80, 5);
    world.run_for(seconds(4) + run.moment(3_000));
    let mut dead = Vec::new();
    // As many as the others are a quorum without.
    for _ in 0..(world.members() - 1) / 3 {
        let scheduler = world.scheduler();
        dead.push(scheduler);
        world.kill(scheduler);
        let replaced = world.run_until(seconds(60), |world| world.scheduler() != scheduler);
        assert!(replaced, "it is not replaced");
    }
    let alive: Vec<_> = (0..world.members()).filter(|index| !dead.contains(index)).collect();
    let height = world.highest().0 + 20;
    world.agree_at(&alive, height, seconds(60));
    dead.into_iter().for_each(|index| world.start(index));
    let everyone = world.honest();
    world.agree_at(&everyone, height + 40, seconds(60));
}
