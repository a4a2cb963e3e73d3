//! Set changes (R13).

use super::{millis, seconds};
use crate::byzantine::Vice;
use crate::faults;
use crate::run::Run;
use crate::world::World;
use baton_consensus::{
    Parameters,
    core::Report,
    types::{Era, Height},
};
use rand::Rng;
use std::time::Duration;

/// A set may change after this many blocks.
const TERM_BLOCKS: u64 = 40;

/// A network of four whose terms last ten seconds, and nodes beside it that want to join.
pub(super) fn world_with_observers(run: &Run<'_>, observers: usize) -> World {
    world_of(run, &[1; 4], observers)
}

/// The same with members of these weights.
pub(super) fn world_of(run: &Run<'_>, weights: &[u64], observers: usize) -> World {
    let parameters = Parameters { term_blocks: TERM_BLOCKS, ..run.parameters() };
    let mut world = run.weighted_world(weights, parameters);
    (0..observers).for_each(|_| {
        world.add_observer();
    });
    world
}

/// How long a planned term takes.
pub(super) fn term(world: &World) -> Duration {
    world.parameters.block_time * u32::try_from(TERM_BLOCKS).unwrap()
}

pub(super) fn is_in_era(world: &World, nodes: &[usize], era: u64) -> bool {
    nodes.iter().all(|index| world.era(*index) >= Era(era))
}

/// Runs until these nodes are in an era.
pub(super) fn expect_era(world: &mut World, nodes: &[usize], era: u64, limit: Duration) {
    let reached = world.run_until(limit, |world| is_in_era(world, nodes, era));
    let eras: Vec<_> = nodes.iter().map(|index| world.era(*index).0).collect();
    assert!(reached, "era {era} is not open after {limit:?}: {eras:?}");
}

/// Runs until these nodes agree and call final what is the newest head now.
pub(super) fn expect_progress(world: &mut World, nodes: &[usize], limit: Duration) {
    let height = world.highest().0 + 8;
    world.agree_at(nodes, height, limit);
    let is_final = |world: &World| nodes.iter().all(|index| world.disk(*index).finalized >= Height(height));
    assert!(world.run_until(limit, is_final), "block {height} is not final");
}

pub(super) fn has_led(world: &World, node: usize, since: Height) -> bool {
    let chain = &world.disk(0).chain;
    let leads = chain.iter().filter(|sealed| sealed.block.height() > since);
    leads.map(|sealed| sealed.block.leader()).any(|leader| leader == world.address(node))
}

/// Who registers is in the set after a planned term at the latest, and leads within two; blocks hardly wait for it.
pub(super) fn a_newcomer_joins_and_leads_within_two_terms(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    world.run_for(seconds(3) + run.moment(12_000));
    let (since, height) = (world.now, world.highest());
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    let limit = term(&world) + seconds(5);
    expect_era(&mut world, &[0, 1, 2, 3, 4], 1, limit);
    run.measure("registered to era", world.now.since(since), limit);
    let limit = term(&world) * 2 + seconds(5);
    let led = world.run_until(limit, |world| has_led(world, 4, height));
    assert!(led, "the newcomer does not lead");
    run.measure("registered to leading", world.now.since(since), term(&world) * 3);
    run.measure("longest gap", world.longest_gap(0, since), seconds(1));
    expect_progress(&mut world, &[0, 1, 2, 3, 4], seconds(10));
}

/// Any of the members leaves, the scheduler too: the others go on, and it follows.
pub(super) fn a_member_leaves_and_the_others_go_on(run: &Run<'_>) {
    let mut world = world_with_observers(run, 0);
    world.run_for(seconds(3) + run.moment(12_000));
    let leaver = if run.pick(1, 2) == 0 { world.scheduler() } else { run.pick(2, 4) as usize };
    let since = world.now;
    let staying: Vec<_> = (0..4).filter(|index| *index != leaver).collect();
    world.register(&staying.iter().map(|index| (*index, 1)).collect::<Vec<_>>());
    let limit = term(&world) + seconds(5);
    expect_era(&mut world, &[0, 1, 2, 3], 1, limit);
    run.measure("longest gap", world.longest_gap(0, since), seconds(1));
    expect_progress(&mut world, &[0, 1, 2, 3], seconds(10));
    assert!(world.core(leaver).address().is_none(), "it is not in the set any more");
}

/// Everyone at once is replaced by others.
pub(super) fn a_whole_set_makes_way_for_another(run: &Run<'_>) {
    let mut world = world_with_observers(run, 4);
    world.run_for(seconds(3) + run.moment(12_000));
    world.register(&[(4, 3), (5, 1), (6, 1), (7, 1)]);
    let all: Vec<_> = (0..8).collect();
    let limit = term(&world) + seconds(5);
    expect_era(&mut world, &all, 1, limit);
    // The old members can go.
    (0..4).for_each(|index| world.kill(index));
    expect_progress(&mut world, &[4, 5, 6, 7], seconds(10));
}

/// The scheduler dies anywhere between the change on L1 and the next era.
pub(super) fn the_scheduler_dies_as_the_set_changes(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    world.run_for(term(&world) + seconds(1) + run.moment(9_000));
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 2)]);
    let scheduler = world.scheduler();
    match run.pick(1, 3) {
        0 => world.kill_in_a_step(scheduler, run.pick(2, 64) as usize),
        _ => {
            let pause = millis(world.random.random_range(0..250));
            world.run_for(pause);
            world.kill(scheduler);
        }
    }
    world.run_for(seconds(5));
    world.spare(scheduler);
    if !world.is_running(scheduler) {
        world.start(scheduler);
    }
    let all: Vec<_> = (0..5).collect();
    let limit = term(&world) * 2 + seconds(20);
    expect_era(&mut world, &all, 1, limit);
    expect_progress(&mut world, &all, seconds(20));
}

/// Everyone dies anywhere in a set change, and comes back.
pub(super) fn everyone_dies_in_a_set_change_and_goes_on(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    world.run_for(term(&world) + seconds(1) + run.moment(5_000));
    world.register(&[(0, 1), (1, 1), (2, 1), (4, 2)]);
    if run.pick(1, 2) == 0 {
        (0..5).for_each(|index| world.kill_in_a_step(index, run.pick(2 + index as u64, 16) as usize));
        world.run_for(seconds(2));
    } else {
        let pause = millis(world.random.random_range(0..150));
        world.run_for(pause);
    }
    for index in 0..5 {
        world.spare(index);
        if world.is_running(index) {
            world.kill(index);
        }
    }
    (0..5).for_each(|index| world.start(index));
    let all: Vec<_> = (0..5).collect();
    let limit = term(&world) * 2 + seconds(20);
    expect_era(&mut world, &all, 1, limit);
    expect_progress(&mut world, &all, seconds(20));
}

/// Half of the members see L1 seconds later than the others: the change is tried, dropped, tried again; blocks and finality
/// wait for it no longer than for a vote.
pub(super) fn lagging_views_of_l1_delay_the_change_alone(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    world.run_for(term(&world) + seconds(1) + run.moment(3_000));
    let late: Vec<_> = (0..2).map(|place| (run.pick(1, 4) as usize + place) % 4).collect();
    let lag = 4_000 + run.moment(4_000).as_millis() as u64;
    late.iter().for_each(|index| world.lag_behind_l1(*index, Some(lag)));
    let since = world.now;
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    world.run_for(millis(lag - 100));
    assert!(!is_in_era(&world, &[0], 1), "half of the members cannot end an era");
    let bound = world.parameters.vote_timeout + world.parameters.block_time * 3;
    run.measure("longest gap while views lag", world.longest_gap(0, since), bound);
    let limit = term(&world) * 2;
    expect_era(&mut world, &[0, 1, 2, 3, 4], 1, limit);
    expect_progress(&mut world, &[0, 1, 2, 3, 4], seconds(10));
}

/// L1 is gone for more than a third: nothing changes, and nothing stops. It changes once they see it again.
pub(super) fn without_l1_blocks_and_finality_go_on(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    (0..2).for_each(|index| world.lag_behind_l1(index, None));
    world.run_for(term(&world) + run.moment(3_000));
    let since = world.now;
    world.register(&[(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
    world.run_for(term(&world) * 3);
    assert_eq!(world.era(0), Era(0), "the era ends though a quorum does not see why");
    run.measure("longest gap", world.longest_gap(0, since), seconds(2));
    let tries = world.reports.iter().filter(|(_, _, report)| matches!(report, Report::ChangePostponed { .. })).count();
    assert!((1..=15).contains(&tries), "{tries} attempts");
    let nodes: Vec<_> = (0..5).collect();
    expect_progress(&mut world, &nodes, seconds(10));
    (0..2).for_each(|index| world.lag_behind_l1(index, Some(0)));
    let limit = term(&world) * 2;
    expect_era(&mut world, &nodes, 1, limit);
    expect_progress(&mut world, &nodes, seconds(10));
}

/// A node that was away for several eras comes back, in whatever set it then is.
pub(super) fn who_slept_through_eras_catches_up(run: &Run<'_>) {
    let mut world = world_with_observers(run, 2);
    world.run_for(seconds(2) + run.moment(6_000));
    let sleeper = run.pick(1, 6) as usize;
    let others: Vec<_> = (0..6).filter(|index| *index != sleeper).collect();
    world.kill(sleeper);
    for era in 1..=3u64 {
        let stakes: Vec<_> = (0..6).map(|index| (index, 2 + (index as u64 + era) % 3)).collect();
        world.register(&stakes);
        let limit = term(&world) * 2 + seconds(20);
        expect_era(&mut world, &others, era, limit);
    }
    world.start(sleeper);
    expect_era(&mut world, &[sleeper], 3, seconds(20));
    let all: Vec<_> = (0..6).collect();
    expect_progress(&mut world, &all, seconds(20));
}

/// Who comes and goes with every era schedules and leads no more than who stays.
pub(super) fn coming_and_going_steers_no_election(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    let height = world.highest();
    world.run_for(seconds(2) + run.moment(6_000));
    let mut stakes: Vec<_> = (0..4).map(|index| (index, 1)).collect();
    for era in 1..=8u64 {
        if stakes.len() == 4 {
            stakes.push((4, 1));
        } else {
            stakes.pop();
        }
        world.register(&stakes);
        let limit = term(&world) * 2 + seconds(10);
        expect_era(&mut world, &[0, 1, 2, 3], era, limit);
    }
    let share = |node: usize| {
        let blocks = world.disk(0).chain.iter().filter(|sealed| sealed.block.height() > height);
        blocks.filter(|sealed| sealed.block.leader() == world.address(node)).count()
    };
    let fewest = (0..4).map(share).min().unwrap();
    assert!(share(4) <= fewest, "{} blocks by who comes and goes, {fewest} by who stays", share(4));
    let opened = |node: usize| {
        let address = world.address(node);
        world
            .reports
            .iter()
            .filter(|(_, index, report)| {
                *index == 0 && matches!(report, Report::TermOpened { scheduler, .. } if *scheduler == address)
            })
            .count()
    };
    assert!(opened(4) <= 2, "it schedules {} terms", opened(4));
}

/// A scheduler that would have a set of its own making gets no votes, and loses its term.
pub(super) fn an_invented_set_is_voted_for_by_nobody(run: &Run<'_>) {
    let mut world = world_with_observers(run, 1);
    world.run_for(term(&world) * 2 + run.moment(3_000));
    let scheduler = world.scheduler();
    let before = world.term();
    world.corrupt(scheduler, Vice::InventsASet);
    let replaced = world.run_until(term(&world) + seconds(20), |world| world.term() > before);
    assert!(replaced, "it keeps its term");
    let honest = world.honest();
    expect_progress(&mut world, &honest, seconds(40));
    assert!(is_in_era(&world, &[0], 0) && world.reign(Era(1)).is_none(), "its set rules");
}

/// The set changes again and again while everything fails.
pub(super) fn sets_change_while_everything_fails(run: &Run<'_>) {
    let mut world = world_with_observers(run, 3);
    let mut stakes: Vec<_> = (0..4).map(|index| (index, 1u64)).collect();
    for _ in 0..30 {
        let pause = millis(world.random.random_range(20..2_000));
        world.run_for(pause);
        faults::strike(&mut world);
        match world.random.random_range(0..6) {
            0 => {
                stakes = (0..world.members())
                    .filter_map(|index| {
                        let weight = world.random.random_range(0..4);
                        (weight > 0).then_some((index, weight))
                    })
                    .collect();
                if stakes.is_empty() {
                    stakes.push((0, 1));
                }
                world.register(&stakes);
            }
            1 => {
                let index = world.random.random_range(0..world.members());
                let lag = *[None, Some(0), Some(300), Some(3_000)].get(world.random.random_range(0..4)).unwrap();
                world.lag_behind_l1(index, lag);
            }
            _ => {}
        }
    }
    faults::stop(&mut world, run.calm());
    (0..world.members()).for_each(|index| world.lag_behind_l1(index, Some(0)));
    let all: Vec<_> = (0..world.members()).collect();
    let limit = world.longest_patience() * 2 + seconds(30);
    expect_progress(&mut world, &all, limit);
    let limit = term(&world) * 3 + seconds(30);
    let named: Vec<_> = stakes.iter().map(|(index, weight)| (world.address(*index), *weight)).collect();
    let settled = world.run_until(limit, |world| {
        let newest = world.era(0);
        let set = &world.reign(newest).unwrap().electorate.set;
        is_in_era(world, &all, newest.0)
            && set.len() == named.len()
            && named.iter().all(|(address, weight)| {
                set.get(*address).is_some_and(|member| member.weight.0.to_string() == weight.to_string())
            })
    });
    assert!(settled, "the registry's set does not rule in the end");
    expect_progress(&mut world, &all, seconds(30));
}
