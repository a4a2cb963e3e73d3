//! The network falls apart, and heals.

use super::{millis, seconds};
use crate::run::Run;
use crate::world::World;
use baton_consensus::{Parameters, types::Term};

/// Whoever hears no quorum asks for nothing.
pub(super) fn isolated_nodes_fence_nobody(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(5));
    let members = world.members();
    let (away, term) = ((world.scheduler() + 1 + run.pick(0, members as u64 - 1) as usize) % members, world.term());
    cut_off(&mut world, &[away]);
    world.run_for(seconds(20));
    world.cuts.heal();
    world.run_for(seconds(10));
    assert_eq!((world.term(), world.core(away).fence()), (term, term));
}

/// The scheduler, alone or with a friend, goes on for a while; the others change the term; all agree when it heals.
pub(super) fn a_partition_heals_on_the_branch_of_the_later_term(run: &Run<'_>) {
    let mut world = run.world(5);
    world.run_for(seconds(4) + run.moment(3_000));
    divide(&mut world, run);
    world.run_for(seconds(10));
    world.cuts.heal();
    let (everyone, height) = (world.honest(), world.highest().0 + 30);
    world.agree_at(&everyone, height, seconds(40));
}

/// As the network heals, the scheduler of the later term dies: what it finalized outlives the older term's blocks, which
/// may be more.
pub(super) fn a_scheduler_dies_as_a_partition_heals(run: &Run<'_>) {
    let mut world = run.world(7);
    world.run_for(seconds(4) + run.moment(3_000));
    divide(&mut world, run);
    let term = world.term();
    world.run_until(seconds(20), |world| world.term() > term);
    world.run_for(seconds(8) + run.moment(4_000));
    let scheduler = world.scheduler();
    world.kill(scheduler);
    world.cuts.heal();
    world.run_for(seconds(20));
    world.start(scheduler);
    let (everyone, height) = (world.honest(), world.highest().0 + 30);
    world.agree_at(&everyone, height, seconds(40));
}

/// The scheduler of the first term is cut off and goes on alone, far. That of the second dies when its first block has
/// reached one member alone, who then sleeps until the others make it the third: it keeps that block, as what a later term
/// sealed outranks the longer branch of an earlier one.
pub(super) fn a_later_terms_block_outranks_a_longer_branch(run: &Run<'_>) {
    // At this pace the stale branch stays short enough to be fetched in one go.
    let parameters = Parameters { block_time: millis(500), ..run.parameters() };
    // Without the first one's report there is no third term; with it, the third one's own is not needed.
    let mut world = run.weighted_world(&[2, 1, 1, 1, 1, 1, 1], parameters);
    world.run_for(seconds(4) + run.moment(3_000));
    let members = world.members();
    let [first, second, third] = [1, 2, 3].map(|term| world.scheduler_of(Term(term)));
    let others: Vec<_> = (0..members).filter(|index| ![first, second, third].contains(index)).collect();
    cut_off(&mut world, &[first]);
    let opened = world.run_until(seconds(20), |world| world.scheduler() == second);
    assert!(opened, "the second term does not open");
    // From here on it is heard, and still hears nobody.
    world.cuts.heal();
    (0..members).filter(|index| *index != first).for_each(|index| world.cuts.one_way(index, first));
    others.iter().for_each(|other| world.cuts.one_way(second, *other));
    let sealed = world.run_until(seconds(20), |world| world.disk(third).tip().term == Term(2));
    assert!(sealed, "nothing is sealed in the second term");
    world.kill(second);
    world.pause(third);
    let kept = world.disk(third).tip();
    let asked = world.run_until(seconds(30), |world| others.iter().all(|other| world.core(*other).fence() == Term(3)));
    assert!(asked, "the others do not ask for a third term");
    assert!(world.disk(first).head().height > kept.block.height, "the stale branch is not longer");
    world.cuts.heal();
    world.run_for(millis(300) + run.moment(300));
    world.resume(third);
    world.run_for(seconds(3));
    world.start(second);
    let (everyone, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&everyone, height, seconds(40));
    assert_eq!(world.disk(first).hash_at(kept.block.height), Some(kept.block.hash), "the later term's block is lost");
}

pub(super) fn a_follower_that_was_cut_off_catches_up(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4));
    let (scheduler, leader) = (world.scheduler(), world.leader());
    let away = (0..world.members()).find(|index| ![scheduler, leader].contains(index)).unwrap();
    cut_off(&mut world, &[away]);
    world.run_for(seconds(40));
    assert!(world.disk(away).head().height.0 < 40);
    world.cuts.heal();
    let (everyone, height) = (world.honest(), world.highest().0 + 10);
    world.agree_at(&everyone, height, seconds(30));
}

/// Cuts the scheduler off, by the seed alone or with as many friends as leave a quorum on the other side, by the seed both
/// ways or only in what it says.
fn divide(world: &mut World, run: &Run<'_>) {
    let members = world.members();
    let scheduler = world.scheduler();
    let friends = run.pick(1, (members as u64 - 1) / 3) as usize;
    let side: Vec<_> = (0..=friends).map(|offset| (scheduler + offset) % members).collect();
    if run.pick(2, 3) == 0 {
        for there in (0..members).filter(|there| !side.contains(there)) {
            side.iter().for_each(|here| world.cuts.one_way(*here, there));
        }
    } else {
        cut_off(world, &side);
    }
}

fn cut_off(world: &mut World, side: &[usize]) {
    for there in (0..world.members()).filter(|there| !side.contains(there)) {
        side.iter().for_each(|here| world.cuts.both_ways(*here, there));
    }
}
