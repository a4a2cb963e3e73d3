//! Everything fails at random, and then the faults stop.

use super::{millis, seconds};
use crate::byzantine::Vice;
use crate::faults;
use crate::run::Run;
use crate::world::World;
use rand::Rng;

/// Whatever happened: once faults stop, the chain grows within a bound, and all agree.
pub(super) fn everything_fails_at_random(run: &Run<'_>) {
    let mut world = run.world(4 + run.pick(1, 4) as usize);
    fail_and_recover(run, &mut world);
}

/// The same, with as many byzantine members as the protocol bears.
pub(super) fn everything_fails_at_random_among_the_byzantine(run: &Run<'_>) {
    let mut world = run.world(4 + run.pick(1, 4) as usize);
    let members = world.members();
    for bad in 0..(members - 1) / 3 {
        let index = (run.pick(2, members as u64) as usize + bad * 2) % members;
        let deaf_to = (1..=members / 3 + 1).map(|offset| world.address((index + offset) % members)).collect();
        let vice = match world.random.random_range(0..12) {
            0 => Vice::Silent,
            1 => Vice::HeartbeatOnly,
            2 => Vice::BodyWithholder,
            3 => Vice::InventorOfDeepBranches,
            4 => Vice::Forgetter,
            5 => Vice::OutdatedReplayer(Vec::new()),
            6 => Vice::LatePublisher,
            7 => Vice::EquivocatingLeader,
            8 => Vice::EquivocatingScheduler,
            9 => Vice::UnfairScheduler(deaf_to),
            10 => Vice::BaseForger,
            _ => Vice::Impersonator,
        };
        world.corrupt(index, vice);
    }
    fail_and_recover(run, &mut world);
}

fn fail_and_recover(run: &Run<'_>, world: &mut World) {
    for index in 0..world.members() {
        if run.pick(3 + index as u64, 2) == 0 {
            world.skew(index);
        }
    }
    for _ in 0..30 {
        let pause = millis(world.random.random_range(20..1_500));
        world.run_for(pause);
        faults::strike(world);
    }
    faults::stop(world, run.calm());
    let since = world.now;
    let (honest, height) = (world.honest(), world.highest().0 + 10);
    // A member that just became patient waits that long, and may then find that the next scheduler is byzantine.
    let patience = world.longest_patience();
    let byzantine = u32::try_from(world.members() - honest.len()).unwrap();
    world.agree_at(&honest, height, patience * (1 + byzantine) * 2 + seconds(30));
    run.measure("ten blocks after faults stop", world.now.since(since), seconds(100_000));
}
