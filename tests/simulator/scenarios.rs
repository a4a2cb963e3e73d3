//! What is claimed of the protocol, each over many seeds.

use crate::world::{Link, World, fingerprint};
use baton_consensus::{
    FinalityRule, Parameters,
    core::{Input, Report},
    messages::{Proposal, Seal, SkipReason},
    signing::Signed,
    types::{BlockRef, Height, SignedBlock, Time},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How many seeds each scenario runs unless told otherwise.
const SEEDS: u64 = 20;

/// The seeds of a scenario: `BATON_SEED=17` replays one, `BATON_SEEDS=1000` runs more than usual.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    match number("BATON_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BATON_SEEDS").unwrap_or(SEEDS),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn parameters() -> Parameters {
    Parameters { finality: FinalityRule::DepthStake, ..Parameters::default() }
}

/// Runs until every running node has the same head at or above `height`.
fn agree_at(world: &mut World, height: u64, limit: Duration) {
    let reached = world
        .run_until(limit, |world| (0..world.members()).all(|index| world.disk(index).head().height >= Height(height)));
    assert!(reached, "the chain stands still\n{}", tail(world));
}

fn tail(world: &World) -> String {
    if std::env::var_os("BATON_SEED").is_some() {
        return world.trace().to_owned();
    }
    let lines: Vec<_> = world.trace().lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// The longest time between two commits of `node` after `since`.
fn longest_gap(world: &World, node: usize, since: Time) -> Duration {
    let mut last = since;
    let mut longest = Duration::ZERO;
    for (at, index, _) in &world.commits {
        if *index == node && *at >= since {
            longest = longest.max(at.since(last));
            last = *at;
        }
    }
    longest.max(world.now.since(last))
}

#[test]
fn one_seed_gives_one_trace() {
    let run = |seed| {
        let mut world = World::new(seed, &[1, 2, 3, 4], parameters());
        world.link = Link { latency: (1, 60), loss: 5, duplication: 5 };
        world.run_for(seconds(10));
        fingerprint(&world)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn everyone_but_the_scheduler_leads_in_proportion_to_stake() {
    let mut world = World::new(1, &[4, 1, 2, 1], parameters());
    let scheduler = world.scheduler();
    agree_at(&mut world, 8 * 40, seconds(200));
    let mut led: BTreeMap<usize, u64> = BTreeMap::new();
    for sealed in &world.disk(0).chain[..8 * 40] {
        *led.entry(world.index_of(sealed.block.block.header.beneficiary)).or_default() += 1;
    }
    assert_eq!(scheduler, 0, "the heaviest is elected first");
    assert_eq!(led, BTreeMap::from([(1, 80), (2, 160), (3, 80)]));
}

#[test]
fn blocks_keep_their_pace() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(5));
        let since = world.now;
        world.run_for(seconds(20));
        let blocks = world.commits.iter().filter(|(at, index, _)| *index == 0 && *at >= since).count();
        assert!((70..=81).contains(&blocks), "seed {seed}: {blocks} blocks in 20 s of 250 ms");
        assert!(longest_gap(&world, 0, since) < Duration::from_millis(400), "seed {seed}");
    }
}

#[test]
fn a_dead_leader_is_replaced_in_time_and_nothing_sealed_is_lost() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(5) + Duration::from_millis(seed * 37));
        let (leader, scheduler, since) = (world.leader(), world.scheduler(), world.now);
        world.kill(leader);
        world.run_for(seconds(10));
        let follower = (0..4).find(|index| ![leader, scheduler].contains(index)).unwrap();
        let bound = world.parameters.block_time * 3 + world.parameters.leader_timeout;
        let gap = longest_gap(&world, follower, since);
        assert!(gap <= bound, "seed {seed}: a gap of {gap:?}\n{}", tail(&world));
        let height = world.disk(follower).head().height.0 + 20;
        world.start(leader);
        agree_at(&mut world, height, seconds(30));
        let redeemed = world.run_until(seconds(30), |world| world.leader() == leader);
        assert!(redeemed, "seed {seed}: it never leads again");
    }
}

#[test]
fn a_paused_leader_is_replaced_and_its_late_blocks_change_nothing() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(5));
        let leader = world.leader();
        world.pause(leader);
        world.run_for(seconds(4));
        world.resume(leader);
        let height = world.disk(world.scheduler()).head().height.0 + 40;
        agree_at(&mut world, height, seconds(40));
        let replaced = world.reports.iter().any(|(_, _, report)| {
            matches!(report, Report::LeaderReplaced { reason: SkipReason::Late, leader: late, .. } if *late == world.address(leader))
        });
        assert!(replaced, "seed {seed}");
    }
}

#[test]
fn everyone_dies_at_once_and_goes_on() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 2, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 13));
        for index in 0..4 {
            world.kill(index);
        }
        let height = (0..4).map(|index| world.disk(index).head().height.0).max().unwrap();
        for index in 0..4 {
            world.start(index);
        }
        agree_at(&mut world, height + 20, seconds(30));
    }
}

#[test]
fn a_scheduler_that_returns_seals_what_waits_and_blames_nobody() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 29));
        let (scheduler, since) = (world.scheduler(), world.now);
        world.kill(scheduler);
        world.run_for(seconds(3));
        world.start(scheduler);
        let height = world.disk(scheduler).head().height.0 + 20;
        agree_at(&mut world, height, seconds(20));
        let blamed =
            world.reports.iter().any(|(at, _, report)| *at > since && matches!(report, Report::LeaderReplaced { .. }));
        assert!(!blamed, "seed {seed}: the leader was replaced\n{}", tail(&world));
    }
}

#[test]
fn nodes_die_and_return_at_random_over_a_bad_network() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1, 1], parameters());
        world.link = Link { latency: (1, 120), loss: 10, duplication: 10 };
        for round in 0..20 {
            let victim = usize::try_from((seed * 7 + round * 3) % 5).unwrap();
            world.kill(victim);
            world.run_for(Duration::from_millis(300 + (seed * 31 + round * 177) % 1500));
            world.start(victim);
            world.run_for(Duration::from_millis((seed * 17 + round * 91) % 900));
        }
        world.link = Link::default();
        let height = (0..5).map(|index| world.disk(index).head().height.0).max().unwrap();
        agree_at(&mut world, height + 20, seconds(90));
    }
}

#[test]
fn a_follower_that_was_cut_off_catches_up() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4));
        let away = (0..4).find(|index| ![world.scheduler(), world.leader()].contains(index)).unwrap();
        for other in (0..4).filter(|other| *other != away) {
            world.cut(away, other);
        }
        world.run_for(seconds(60));
        assert!(world.disk(away).head().height.0 < 40);
        world.heal();
        let height = world.disk(world.scheduler()).head().height.0 + 10;
        agree_at(&mut world, height, seconds(30));
    }
}

#[test]
fn a_single_node_and_a_pair_work() {
    for weights in [&[1][..], &[1, 1]] {
        let mut world = World::new(3, weights, parameters());
        agree_at(&mut world, 40, seconds(30));
    }
}

#[test]
fn a_leader_that_always_fails_is_jailed_for_growing_spans() {
    let mut world = World::new(5, &[1, 1, 1, 1], parameters());
    world.run_for(seconds(4));
    let scheduler = world.scheduler();
    let bad = (0..4).find(|index| *index != scheduler).unwrap();
    // It hears and beats, but its blocks reach nobody in time.
    let mut spans = Vec::new();
    for _ in 0..4 {
        let led = world.run_until(seconds(60), |world| world.leader() == bad);
        assert!(led, "it gets its chance again");
        world.pause(bad);
        world.run_for(Duration::from_millis(800));
        world.resume(bad);
        world.run_for(Duration::from_millis(100));
        let record = world.core(scheduler).members(world.now);
        let record = record.iter().find(|member| member.address == world.address(bad)).unwrap().record;
        spans.push((record.strikes, record.jailed_until.0));
    }
    assert!(spans.windows(2).all(|pair| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1), "{spans:?}");
}

/// A byzantine leader signs two blocks for one height and shows each to half of the network: the seal decides, everyone
/// agrees, and those who saw both name the culprit.
#[test]
fn an_equivocating_leader_forks_nobody() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4));
        let (leader, scheduler) = (world.leader(), world.scheduler());
        let latest = world.core(scheduler).schedule().latest().unwrap().clone();
        let head = world.disk(scheduler).head();
        world.kill(leader);
        let mut twins = Vec::new();
        for salt in 1..=2u8 {
            let position = baton_consensus::types::ExtraData {
                era: latest.announcement.era,
                term: latest.announcement.term,
                epoch: latest.announcement.epoch,
            };
            let header = alloy_consensus::Header {
                number: head.height.0 + 1,
                parent_hash: head.hash,
                timestamp: world.now.as_secs(),
                beneficiary: world.address(leader),
                extra_data: position.to_bytes(),
                parent_beacon_block_root: Some(latest.hash),
                mix_hash: alloy_primitives::B256::with_last_byte(salt),
                ..Default::default()
            };
            let reference = BlockRef { height: head.height.next(), hash: header.hash_slow() };
            let proposal = Proposal::new(position, reference.height, reference.hash);
            let signature = Signed::new(proposal, &world.context(), &world.key(leader)).signature;
            let block = baton_consensus::types::Block { header, body: Default::default() };
            twins.push(Arc::new(SignedBlock { block, signature }).verify(&world.context()).unwrap());
        }
        for index in (0..4).filter(|index| *index != leader) {
            let order = if index % 2 == 0 { [0, 1] } else { [1, 0] };
            for twin in order {
                world.inject(index, Input::Block(twins[twin].clone()));
            }
        }
        world.run_for(seconds(5));
        let honest: Vec<_> = (0..4).filter(|index| *index != leader).collect();
        assert!(honest.iter().all(|index| world.disk(*index).head().height.0 > head.height.0 + 4), "seed {seed}");
        let named = world.reports.iter().any(|(_, _, report)| {
            matches!(report, Report::Equivocation { signer, kind: "block", .. } if *signer == world.address(leader))
        });
        assert!(named || world.disk(scheduler).head().height == head.height, "seed {seed}");
    }
}

/// A seal that is not the scheduler's, and one for another block, move nobody.
#[test]
fn an_impersonator_moves_nobody() {
    let mut world = World::new(9, &[1, 1, 1, 1], parameters());
    world.run_for(seconds(4));
    let scheduler = world.scheduler();
    let impostor = (0..4).find(|index| *index != scheduler).unwrap();
    let victim = (0..4).find(|index| ![scheduler, impostor].contains(index)).unwrap();
    let head = world.disk(victim).head();
    let seal = Seal {
        era: Default::default(),
        term: baton_consensus::types::Term(1),
        height: head.height.next(),
        hash: alloy_primitives::B256::repeat_byte(1),
    };
    let forged = Signed::new(seal, &world.context(), &world.key(impostor)).verify(&world.context()).unwrap();
    world.inject(victim, Input::Seal(forged));
    agree_at(&mut world, head.height.0 + 20, seconds(20));
}
