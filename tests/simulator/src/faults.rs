//! Faults at random: crashes between any two effects, pauses, partitions of every shape, bad links.

use crate::network::{Latency, Link};
use crate::world::World;
use rand::{Rng, seq::IndexedRandom};

/// Breaks one thing, or mends one.
pub(crate) fn strike(world: &mut World) {
    let members = world.members();
    let any = world.random.random_range(0..members);
    match world.random.random_range(0..14) {
        0 => kill(world, any),
        1 => kill(world, world.scheduler()),
        2 => {
            let place = world.random.random_range(0..64);
            world.kill_in_a_step(any, place);
        }
        3 if world.is_running(any) => world.pause(any),
        4 => {
            let scheduler = world.scheduler();
            if world.is_running(scheduler) {
                world.pause(scheduler);
            }
        }
        5 => (0..members).for_each(|index| kill(world, index)),
        6 | 7 => raise(world, |_| true),
        8 => {
            let side: Vec<bool> = (0..members).map(|_| world.random.random()).collect();
            let one_sided = world.random.random_range(0..3) == 0;
            for (here, there) in (0..members).flat_map(|here| (0..members).map(move |there| (here, there))) {
                if side[here] && !side[there] {
                    world.cuts.one_way(here, there);
                    if !one_sided {
                        world.cuts.one_way(there, here);
                    }
                }
            }
        }
        9 => {
            let other = world.random.random_range(0..members);
            world.cuts.one_way(any, other);
        }
        10 => world.cuts.heal(),
        11 => {
            let high = *[20, 60, 150, 400].choose(&mut world.random).unwrap();
            let (loss, duplication) = (world.random.random_range(0..25), world.random.random_range(0..25));
            world.link = Link { latency: Latency::Uniform(1, high), loss, duplication };
        }
        12 => {
            let slowest = *[4, 40, 200].choose(&mut world.random).unwrap();
            world.slow_down(any, (1, slowest));
        }
        _ => raise(world, |index| index == any),
    }
}

/// Mends everything but the byzantine.
pub(crate) fn stop(world: &mut World, link: Link) {
    world.link = link;
    world.cuts.heal();
    for index in 0..world.members() {
        world.slow_down(index, (1, 4));
        world.spare(index);
    }
    raise(world, |_| true);
}

fn kill(world: &mut World, index: usize) {
    if world.is_running(index) || world.is_paused(index) {
        world.kill(index);
    }
}

/// Starts the dead and wakes the paused.
fn raise(world: &mut World, which: impl Fn(usize) -> bool) {
    for index in (0..world.members()).filter(|index| which(*index)) {
        if world.is_paused(index) {
            world.resume(index);
        } else if !world.is_running(index) {
            world.start(index);
        }
    }
}
