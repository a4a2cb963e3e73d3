//! Nodes die and come back with what their disks have.

use super::{millis, seconds};
use crate::run::Run;
use crate::world::World;

pub(super) fn everyone_dies_at_once_and_goes_on(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    restart_everyone(&mut world);
}

/// The members depose a scheduler that they do not hear, everyone dies, and all come back.
pub(super) fn everyone_dies_after_a_term_change_and_goes_on(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4));
    let (members, deposed, term) = (world.members(), world.scheduler(), world.term());
    for other in (0..members).filter(|other| *other != deposed) {
        world.cuts.both_ways(deposed, other);
    }
    let asked = world.run_until(seconds(10), |world| (0..members).any(|index| world.core(index).fence() > term));
    assert!(asked, "nobody asks for another term");
    world.run_for(run.moment(2_000));
    world.cuts.heal();
    restart_everyone(&mut world);
}

fn restart_everyone(world: &mut World) {
    (0..world.members()).for_each(|index| world.kill(index));
    (0..world.members()).for_each(|index| world.start(index));
    let (everyone, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&everyone, height, seconds(40));
}

pub(super) fn nodes_die_and_return_at_random_over_a_bad_network(run: &Run<'_>) {
    let mut world = run.world(5);
    world.link = run.bad(120, 10);
    for round in 0..20 {
        let victim = run.pick(round * 3, world.members() as u64) as usize;
        world.kill(victim);
        world.run_for(millis(300 + run.pick(round * 3 + 1, 1_500)));
        world.start(victim);
        world.run_for(millis(run.pick(round * 3 + 2, 900)));
    }
    world.link = run.calm();
    let (everyone, height) = (world.honest(), world.highest().0 + 20);
    let patience = world.longest_patience();
    world.agree_at(&everyone, height, patience * 3 + seconds(30));
}
