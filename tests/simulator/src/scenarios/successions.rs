//! Set changes (R13): ends that are hidden, keys that rotate, an L1 that changes its mind, members that come back.

use super::eras::{expect_era, expect_progress, has_led, is_in_era, term, world_of, world_with_observers};
use super::{millis, seconds};
use crate::byzantine::Vice;
use crate::run::Run;
use baton_consensus::{core::VoteRoute, types::Stake};
use rand::Rng;

/// A scheduler shows the certificate of a closing checkpoint to one member alone, and then says nothing. The era ends all the
/// same, as that checkpoint says or as another does.
pub(super) fn a_hidden_end_of_an_era_neither_forks_nor_stalls(run: &Run<'_>) {
    VoteRoute::force(Some(VoteRoute::Scheduler));
    let mut world = world_with_observers(run, 1);
    world.run_for(term(&world) + seconds(1) + run.moment(3_000));
    let (scheduler, first) = (world.scheduler(), world.term());
    let shown_to = (scheduler + 1 + run.pick(1, 3) as usize) % 4;
    world.corrupt(scheduler, Vice::HidesTheEnd { shown_to });
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    match run.pick(2, 3) {
        0 => {}
        // What it then says reaches the others late: they take over without its report.
        1 => world.slow_links_of(shown_to, 120),
        // It learns of the next term only when that is under way.
        _ => {
            world.run_for(millis(600));
            (0..5).filter(|other| *other != shown_to).for_each(|other| world.cuts.both_ways(shown_to, other));
        }
    }
    let replaced = world.run_until(seconds(30), |world| is_in_era(world, &[4], 1) || world.term() > first);
    assert!(replaced, "it keeps its term");
    world.run_for(millis(300));
    world.cuts.heal();
    let honest = world.honest();
    let limit = term(&world) * 2 + seconds(30);
    expect_era(&mut world, &honest, 1, limit);
    expect_progress(&mut world, &honest, seconds(40));
    assert!(world.halted.is_empty());
}

/// A member's BLS key rotates with a set change. One of the others is dead, so nothing is final without its votes: before the
/// change by the old key, after it by the new one, over a restart as well.
pub(super) fn a_rotated_bls_key_votes_before_and_after(run: &Run<'_>) {
    let mut world = world_with_observers(run, 0);
    world.run_for(seconds(3) + run.moment(9_000));
    let rotating = run.pick(1, 4) as usize;
    let dead = (rotating + 1 + run.pick(2, 3) as usize) % 4;
    world.kill(dead);
    world.rotate(rotating);
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1)]);
    let running: Vec<_> = (0..4).filter(|index| *index != dead).collect();
    let limit = term(&world) * 2 + seconds(30);
    expect_era(&mut world, &running, 1, limit);
    if run.pick(3, 2) == 0 {
        world.kill(rotating);
        world.run_for(seconds(1));
        world.start(rotating);
    }
    expect_progress(&mut world, &running, seconds(60));
    world.start(dead);
    expect_progress(&mut world, &[0, 1, 2, 3], seconds(60));
}

/// L1 takes a change back while it is tried, and makes another. Who voted before it saw that may end the era with the first;
/// in the end the set is the one that L1 has.
pub(super) fn a_reorganized_l1_changes_the_set_in_the_end(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    let all = [0, 1, 2, 3, 4];
    for index in all {
        let lag = world.random.random_range(0..400);
        world.lag_behind_l1(index, Some(lag));
    }
    world.run_for(term(&world) - seconds(1) + run.moment(3_000));
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    let pause = millis(world.random.random_range(0..1_500));
    world.run_for(pause);
    world.reorganize(&[(0, 2), (1, 1), (2, 1), (3, 1)]);
    let limit = term(&world) * 3 + seconds(30);
    let (first, stranger) = (world.address(0), world.address(4));
    let settled = world.run_until(limit, |world| {
        let newest = world.era(0);
        let set = &world.reign(newest).unwrap().electorate.set;
        let is_heavy = set.get(first).is_some_and(|member| member.weight > Stake(alloy_primitives::U256::ONE));
        is_in_era(world, &all, newest.0) && is_heavy && !set.contains(stranger)
    });
    assert!(settled, "the set is not what L1 has in the end");
    expect_progress(&mut world, &all, seconds(20));
}

/// Who was in the set, left, and observed or slept for several eras, is a member like all others once it is back: it leads,
/// and nothing is final without its vote while another is dead.
pub(super) fn who_left_comes_back_after_several_eras(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    let height = world.highest();
    world.run_for(seconds(2) + run.moment(6_000));
    let (leaver, sleeps) = (run.pick(1, 4) as usize, run.pick(2, 2) == 0);
    let others: Vec<_> = (0..5).filter(|index| *index != leaver).collect();
    for era in 1..=3u64 {
        let stakes: Vec<_> = others.iter().map(|index| (*index, 2 + (*index as u64 + era) % 2)).collect();
        world.register(&stakes);
        let limit = term(&world) * 2 + seconds(10);
        expect_era(&mut world, &others, era, limit);
        if era == 1 && sleeps {
            world.kill(leaver);
        }
    }
    if sleeps {
        world.start(leaver);
    }
    let since = world.highest();
    assert!(since > height);
    let all = [0, 1, 2, 3, 4];
    world.register(&all.map(|index| (index, 1)));
    let limit = term(&world) * 2 + seconds(20);
    expect_era(&mut world, &all, 4, limit);
    let base = world.highest();
    let limit = term(&world) * 3;
    assert!(world.run_until(limit, |world| has_led(world, leaver, base)), "it does not lead again");
    let dead = others[run.pick(3, 4) as usize];
    world.kill(dead);
    let running: Vec<_> = all.into_iter().filter(|index| *index != dead).collect();
    expect_progress(&mut world, &running, seconds(60));
}

/// Whoever is a quorum alone ends its era with nobody's help: a chain that begins with one member grows, and shrinks again.
pub(super) fn a_lone_member_takes_others_in_and_is_alone_again(run: &Run<'_>) {
    let mut world = world_of(run, &[1], 3);
    world.run_for(seconds(3) + run.moment(12_000));
    let all = [0, 1, 2, 3];
    let sets: [&[(usize, u64)]; 3] = [&[(0, 1), (1, 1), (2, 1), (3, 1)], &[(0, 9), (1, 1), (2, 1)], &[(1, 1)]];
    for (era, stakes) in (1..).zip(sets) {
        world.register(stakes);
        let limit = term(&world) * 2 + seconds(5);
        expect_era(&mut world, &all, era, limit);
        expect_progress(&mut world, &all, seconds(20));
    }
    world.register(&[(2, 1)]);
    let limit = term(&world) * 2 + seconds(5);
    expect_era(&mut world, &all, 4, limit);
    expect_progress(&mut world, &all, seconds(20));
}

/// One member's keys run twice while the set changes, on both sides of partitions that come and go. The seed counts through
/// whose keys those are and who is on which side in each of two spans.
pub(super) fn keys_that_run_twice_open_one_era(run: &Run<'_>) {
    let mut world = world_with_observers(run, 0);
    let mut schedule = run.seed;
    let mut digit = |base: u64| {
        let digit = schedule % base;
        schedule /= base;
        digit
    };
    world.run_for(term(&world) + seconds(1));
    let of = (world.scheduler() + digit(4) as usize) % 4;
    let twin = world.add_twin(of);
    // It catches up before anything is hard.
    world.run_for(seconds(1));
    let others: Vec<_> = (0..5).filter(|index| *index != of).collect();
    for span in 0..2 {
        let sides = digit(16);
        let side =
            |index: usize| others.iter().position(|other| *other == index).is_some_and(|at| sides >> at & 1 == 1);
        for (here, there) in (0..5).flat_map(|here| (0..here).map(move |there| (here, there))) {
            if side(here) != side(there) {
                world.cuts.both_ways(here, there);
            }
        }
        world.run_for(millis(100));
        // Whoever has the twin stays below a third.
        world.register(&[(0, 3 + span), (1, 3), (2, 3), (3, 3)]);
        world.run_for(seconds(6));
        world.cuts.heal();
        world.run_for(millis(300));
    }
    world.kill(twin);
    let honest = world.honest();
    let limit = world.longest_patience() * 3 + term(&world) * 3 + seconds(30);
    let first = world.address(0);
    let heavy = Stake(alloy_primitives::U256::from(4));
    let settled = world.run_until(limit, |world| {
        let newest = world.era(honest[0]);
        let set = &world.reign(newest).unwrap().electorate.set;
        is_in_era(world, &honest, newest.0) && set.get(first).is_some_and(|member| member.weight == heavy)
    });
    assert!(settled, "the registry's set does not rule in the end");
    expect_progress(&mut world, &honest, limit);
}
