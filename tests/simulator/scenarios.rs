//! What is claimed of the protocol, each over many seeds.

use crate::byzantine::Vice;
use crate::world::{Link, Mutation, World, fingerprint};
use baton_consensus::{
    FinalityRule, Parameters,
    core::{Input, Report},
    messages::{Proposal, Seal, SkipReason},
    signing::Signed,
    types::{BlockRef, Height, SignedBlock, Term, Time},
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

/// The bar of recovery: the term timeout, and then at most as long again.
#[test]
fn a_dead_scheduler_is_replaced_in_time_and_steps_down_when_it_returns() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 29));
        let (scheduler, since, term) = (world.scheduler(), world.now, world.term());
        world.kill(scheduler);
        world.run_for(seconds(10));
        let follower = (0..4).find(|index| *index != scheduler).unwrap();
        let gap = longest_gap(&world, follower, since);
        assert!(gap < world.parameters.term_timeout * 2, "seed {seed}: a gap of {gap:?}\n{}", tail(&world));
        assert_eq!(world.term(), term.next(), "seed {seed}\n{}", tail(&world));
        world.start(scheduler);
        let height = world.disk(follower).head().height.0 + 20;
        agree_at(&mut world, height, seconds(20));
        assert_eq!(world.term(), term.next(), "seed {seed}: its return costs a term\n{}", tail(&world));
    }
}

#[test]
fn a_paused_scheduler_is_replaced_and_steps_down() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 31));
        let (scheduler, term) = (world.scheduler(), world.term());
        world.pause(scheduler);
        world.run_for(seconds(8));
        world.resume(scheduler);
        let height = world.disk((scheduler + 1) % 4).head().height.0 + 30;
        agree_at(&mut world, height, seconds(30));
        assert_eq!(world.term(), term.next(), "seed {seed}\n{}", tail(&world));
    }
}

/// The scheduler and one more on one side go on for a while; the others change the term, and all agree when it heals.
#[test]
fn a_partition_heals_on_the_branch_of_the_later_term() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 41));
        let scheduler = world.scheduler();
        let friend = (scheduler + 1) % 5;
        let one_sided = seed % 3 == 2;
        for here in if seed % 2 == 0 { vec![scheduler] } else { vec![scheduler, friend] } {
            for there in
                (0..5).filter(|there| ![scheduler, friend].contains(there) || (seed % 2 == 0 && *there == friend))
            {
                world.cut_one_way(here, there);
                if !one_sided {
                    world.cut_one_way(there, here);
                }
            }
        }
        world.run_for(seconds(10));
        world.heal();
        let height = (0..5).map(|index| world.disk(index).head().height.0).max().unwrap();
        agree_at(&mut world, height + 30, seconds(40));
    }
}

#[test]
fn a_planned_handover_costs_less_than_two_block_times() {
    for seed in seeds() {
        let parameters = Parameters { term_blocks: 20, ..parameters() };
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters);
        world.run_for(seconds(5));
        let since = world.now;
        world.run_for(seconds(30));
        assert!(world.term() > Term(5), "seed {seed}: term {}\n{}", world.term(), tail(&world));
        let gap = longest_gap(&world, 0, since);
        assert!(gap < world.parameters.block_time * 2, "seed {seed}: a gap of {gap:?}\n{}", tail(&world));
    }
}

#[test]
fn an_operator_hands_the_schedule_over() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(5) + Duration::from_millis(seed * 17));
        let (scheduler, since, term) = (world.scheduler(), world.now, world.term());
        world.inject((scheduler + 1) % 4, Input::Resign);
        world.inject(scheduler, Input::Resign);
        world.run_for(seconds(5));
        assert_eq!(world.term(), term.next(), "seed {seed}\n{}", tail(&world));
        let gap = longest_gap(&world, 0, since);
        assert!(gap < world.parameters.block_time * 2, "seed {seed}: a gap of {gap:?}\n{}", tail(&world));
    }
}

#[test]
fn isolated_nodes_fence_nobody() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(5));
        let (away, term) = ((world.scheduler() + 1 + usize::try_from(seed % 3).unwrap()) % 4, world.term());
        for other in (0..4).filter(|other| *other != away) {
            world.cut(away, other);
        }
        world.run_for(seconds(20));
        world.heal();
        world.run_for(seconds(10));
        assert_eq!(world.term(), term, "seed {seed}\n{}", tail(&world));
        assert_eq!(world.core(away).fence(), term, "seed {seed}");
    }
}

#[test]
fn schedulers_die_one_after_the_other() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1, 1, 1, 1], parameters());
        world.link = Link { latency: (1, 80), loss: 5, duplication: 5 };
        world.run_for(seconds(4) + Duration::from_millis(seed * 37));
        let (first, mut dead) = (world.scheduler(), Vec::new());
        dead.push(first);
        world.kill(first);
        world.run_until(seconds(60), |world| world.scheduler() != first);
        let second = world.scheduler();
        dead.push(second);
        world.kill(second);
        let alive: Vec<_> = (0..7).filter(|index| !dead.contains(index)).collect();
        let height = alive.iter().map(|index| world.disk(*index).head().height.0).max().unwrap() + 20;
        let grows =
            world.run_until(seconds(60), |world| alive.iter().all(|index| world.disk(*index).head().height.0 > height));
        assert!(grows, "seed {seed}\n{}", tail(&world));
        dead.into_iter().for_each(|index| world.start(index));
        agree_at(&mut world, height + 40, seconds(60));
    }
}

/// The honest nodes agree and the chain grows.
fn honest_agree_at(world: &mut World, height: u64, limit: Duration) {
    let honest: Vec<_> = (0..world.members()).filter(|index| world.is_honest(*index)).collect();
    let reached =
        world.run_until(limit, |world| honest.iter().all(|index| world.disk(*index).head().height >= Height(height)));
    assert!(reached, "the chain stands still\n{}", tail(world));
}

/// A byzantine scheduler loses its term, whatever it does not do.
#[test]
fn a_scheduler_that_does_not_work_is_replaced() {
    for seed in seeds() {
        for vice in [Vice::Silent, Vice::HeartbeatOnly] {
            let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
            world.run_for(seconds(4) + Duration::from_millis(seed * 19));
            let (scheduler, term) = (world.scheduler(), world.term());
            world.corrupt(scheduler, vice);
            let height = world.disk((scheduler + 1) % 4).head().height.0 + 20;
            honest_agree_at(&mut world, height, seconds(20));
            assert!(world.term() > term, "seed {seed}");
        }
    }
}

/// One byzantine member must not cost honest schedulers their terms, nor stop the chain.
#[test]
fn one_byzantine_member_costs_no_honest_scheduler_its_term() {
    for seed in seeds() {
        for vice in [Vice::LatePublisher, Vice::BodyWithholder, Vice::OutdatedReplayer(Vec::new())] {
            let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
            world.run_for(seconds(4));
            let (bad, term) = ((world.scheduler() + 1 + usize::try_from(seed % 3).unwrap()) % 4, world.term());
            world.corrupt(bad, vice.clone());
            world.run_for(seconds(60));
            assert_eq!(world.term(), term, "seed {seed} {vice:?}\n{}", tail(&world));
            let height = world.disk(world.scheduler()).head().height.0;
            honest_agree_at(&mut world, height + 20, seconds(20));
        }
    }
}

/// Reports of branches that nobody has delay the hand-over by the adopt timeout, and no more.
#[test]
fn an_inventor_of_deep_branches_delays_and_does_not_stop() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 23));
        let scheduler = world.scheduler();
        let inventor = (scheduler + 1 + usize::try_from(seed % 4).unwrap()) % 5;
        world.corrupt(inventor, Vice::InventorOfDeepBranches);
        let since = world.now;
        // One dead and one byzantine: the quorum of four needs the inventor's report.
        world.kill(scheduler);
        let follower = (0..5).find(|index| ![scheduler, inventor].contains(index)).unwrap();
        world.run_for(seconds(12));
        let gap = longest_gap(&world, follower, since);
        // Should the inventor be the next scheduler, it adopts like any other.
        assert!(gap < world.parameters.term_timeout * 2, "seed {seed}: a gap of {gap:?}\n{}", tail(&world));
    }
}

/// A scheduler that announces two leaders for one epoch is found out, loses its term, and everyone agrees.
#[test]
fn an_equivocating_scheduler_loses_its_term() {
    for seed in seeds() {
        let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
        world.run_for(seconds(4) + Duration::from_millis(seed * 43));
        let (scheduler, term) = (world.scheduler(), world.term());
        world.blame_allowed = true;
        let latest = world.core(scheduler).schedule().latest().unwrap().announcement.clone();
        world.corrupt(scheduler, Vice::HeartbeatOnly);
        let others: Vec<_> = (0..4).filter(|index| *index != scheduler).collect();
        // The same schedule as its own, and one that passes the leader over, each for a part of the network.
        for (place, victim) in others.iter().enumerate() {
            let skipped = world.address(others[place % 2]);
            let skip = baton_consensus::messages::Skip { sequencer: skipped, reason: SkipReason::Late };
            let parent = latest.parent();
            let core = world.core(*victim);
            let next = core.schedule().next(core.set(), world.context().genesis_hash, parent, vec![skip]);
            let Some(next) = next.filter(|next| next.epoch == latest.epoch.next()) else { continue };
            let signed = Signed::new(next, &world.context(), &world.key(scheduler));
            let announcement = signed.verify(&world.context()).unwrap();
            for node in [*victim, others[(place + 1) % 3]] {
                world.inject(node, Input::Announcement { announcement: announcement.clone(), certificate: None });
            }
        }
        let height = world.disk(others[0]).head().height.0 + 20;
        honest_agree_at(&mut world, height, seconds(30));
        assert!(world.term() > term, "seed {seed}");
        let named = world.reports.iter().any(|(_, _, report)| {
            matches!(report, Report::Equivocation { signer, kind: "announcement", .. } if *signer == world.address(scheduler))
        });
        assert!(named, "seed {seed}");
    }
}

/// The invariants see a node that forgets: otherwise they would prove nothing.
#[test]
fn broken_persistence_is_caught() {
    for mutation in [Mutation::FenceNotJournaled, Mutation::JournalNotSynced] {
        let caught = (0..20).find(|seed| {
            let run = std::panic::AssertUnwindSafe(|| everyone_dies_after_a_term_change(*seed, Some(mutation)));
            std::panic::catch_unwind(run).is_err()
        });
        assert!(caught.is_some(), "{mutation:?} goes unseen");
    }
}

/// The members depose a scheduler that they do not hear, everyone dies, and all come back.
fn everyone_dies_after_a_term_change(seed: u64, mutation: Option<Mutation>) {
    let mut world = World::new(seed, &[1, 1, 1, 1], parameters());
    world.mutation = mutation;
    world.run_for(seconds(4));
    let deposed = world.scheduler();
    for other in (0..4).filter(|other| *other != deposed) {
        world.cut(deposed, other);
    }
    let term = world.term();
    let asked = world.run_until(seconds(10), |world| (0..4).any(|index| world.core(index).fence() > term));
    assert!(asked, "seed {seed}: nobody asks for another term");
    world.run_for(Duration::from_millis(seed * 3));
    for index in 0..4 {
        world.kill(index);
    }
    world.heal();
    for index in 0..4 {
        world.start(index);
    }
    let height = (0..4).map(|index| world.disk(index).head().height.0).max().unwrap();
    agree_at(&mut world, height + 30, seconds(40));
}

#[test]
fn everyone_dies_after_a_term_change_and_goes_on() {
    for seed in seeds() {
        everyone_dies_after_a_term_change(seed, None);
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
        world.blame_allowed = true;
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
        term: Term(1),
        height: head.height.next(),
        hash: alloy_primitives::B256::repeat_byte(1),
    };
    let forged = Signed::new(seal, &world.context(), &world.key(impostor)).verify(&world.context()).unwrap();
    world.inject(victim, Input::Seal(forged));
    agree_at(&mut world, head.height.0 + 20, seconds(20));
}
