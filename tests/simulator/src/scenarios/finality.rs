//! Checkpoints, votes, and what they make final.

use super::{millis, seconds};
use crate::byzantine::Vice;
use crate::run::Run;
use crate::world::World;
use alloy_primitives::B256;
use baton_consensus::{
    Parameters,
    core::{Input, Report, VoteRoute},
    messages::Checkpoint,
    types::{BlockRef, Height, Round, Term},
};
use std::time::Duration;

/// The newest height that all of these nodes call final.
fn finalized(world: &World, nodes: &[usize]) -> Height {
    nodes.iter().map(|index| world.disk(*index).finalized).min().unwrap_or_default()
}

/// Runs until these nodes call final what is the newest head now.
fn expect_finality(world: &mut World, nodes: &[usize], limit: Duration) {
    let height = world.highest();
    let reached = world.run_until(limit, |world| finalized(world, nodes) >= height);
    let heights: Vec<_> = nodes.iter().map(|index| world.disk(*index).finalized.0).collect();
    assert!(reached, "block {height} is not final after {limit:?}: {heights:?}, term {}", world.term());
}

/// From idle it is six hops where votes go to the scheduler, five where they go to everyone.
pub(super) fn blocks_are_final_before_the_next_is_built(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(5));
    let since = world.now;
    world.run_for(seconds(20));
    for node in 0..world.members() {
        let delays = world.finality_delays(node, since);
        assert!(!delays.is_empty());
        delays.iter().for_each(|delay| run.measure("published to final", *delay, world.parameters.block_time));
        let slowest = delays.into_iter().max().unwrap();
        run.measure("published to final, slowest block", slowest, world.parameters.block_time);
        for delay in world.commit_vote_delays(node, since) {
            run.measure("the same with a commit vote", delay, world.parameters.block_time);
        }
    }
}

/// The scheduler and the leader go on without the other two until as many blocks wait as may; with a third member, all of
/// them become final.
pub(super) fn without_a_quorum_nothing_is_final_and_sealing_waits(run: &Run<'_>) {
    let parameters = Parameters { max_unfinalized_blocks: 40, ..run.parameters() };
    let mut world = run.weighted_world(&[1; 4], parameters);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, leader) = (world.scheduler(), world.leader());
    let dead: Vec<_> = (0..4).filter(|index| ![scheduler, leader].contains(index)).collect();
    dead.iter().for_each(|index| world.kill(*index));
    world.run_for(seconds(1));
    let before = [scheduler, leader].map(|index| world.disk(index).finalized);
    world.run_for(seconds(30));
    let after = [scheduler, leader].map(|index| world.disk(index).finalized);
    assert_eq!(before, after, "something is final by two of four");
    let waiting = world.disk(scheduler).head().height.0 - after[0].0;
    assert_eq!(waiting, 40, "sealing does not wait, or waits too soon");
    let (since, head, term) = (world.now, world.disk(scheduler).head(), world.term());
    world.start(dead[0]);
    let alive = [scheduler, leader, dead[0]];
    let limit = world.parameters.term_timeout * 2;
    let resumed = world.run_until(limit, |world| world.disk(scheduler).finalized >= head.height);
    assert!(resumed, "finality does not resume");
    run.measure("finality after a third returns", world.now.since(since), limit);
    assert_eq!(world.term(), term, "the scheduler loses its term");
    let height = world.highest().0 + 20;
    world.agree_at(&alive, height, seconds(20));
    expect_finality(&mut world, &alive, seconds(2));
}

/// The scheduler shows a certificate to one member alone, which votes on top of it, and falls silent: nobody forks, and the
/// next terms finalize, with or without that member's report.
pub(super) fn a_hidden_certificate_neither_forks_nor_stalls(run: &Run<'_>) {
    VoteRoute::force(Some(VoteRoute::Scheduler));
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (members, scheduler) = (world.members(), world.scheduler());
    let shown_to = (scheduler + 1 + run.pick(1, members as u64 - 1) as usize) % members;
    world.corrupt(scheduler, Vice::HidesACertificate { shown_to, shown: false });
    let term = world.term();
    match run.pick(2, 3) {
        0 => {}
        // What it then says reaches the others late: they take over without its report.
        1 => world.slow_links_of(shown_to, 120),
        // It learns of the next term only when that is under way.
        _ => {
            world.run_for(millis(600));
            (0..members).filter(|other| *other != shown_to).for_each(|other| world.cuts.both_ways(shown_to, other));
        }
    }
    let replaced = world.run_until(seconds(30), |world| world.term() > term);
    assert!(replaced, "it keeps its term");
    world.run_for(millis(300));
    world.cuts.heal();
    let honest = world.honest();
    let height = world.highest().0 + 8;
    world.agree_at(&honest, height, seconds(30));
    expect_finality(&mut world, &honest, seconds(20));
}

/// What was certified and kept back comes out when others have long been scheduling: nobody stops, as nothing final
/// contradicts it.
pub(super) fn a_certificate_that_is_published_late_stops_nobody(run: &Run<'_>) {
    VoteRoute::force(Some(VoteRoute::Scheduler));
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, term) = (world.scheduler(), world.term());
    world.corrupt(scheduler, Vice::PublishesLate(15_000));
    let replaced = world.run_until(seconds(30), |world| world.term() > term);
    assert!(replaced, "it keeps its term");
    world.run_for(seconds(30));
    let honest = world.honest();
    expect_finality(&mut world, &honest, seconds(20));
    assert!(world.halted.is_empty());
}

/// A scheduler whose checkpoints break the rules finalizes nothing, and is replaced by one that does.
pub(super) fn a_scheduler_that_cheats_with_checkpoints_is_replaced(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, term) = (world.scheduler(), world.term());
    let stale = run.pick(1, 2) == 0;
    let alone = (0..world.members()).filter(|index| *index != scheduler).nth(run.pick(2, 3) as usize).unwrap();
    let divided = !stale && run.pick(3, 2) == 0;
    if divided {
        // One member stays with it: too few to depose it, however plain its fault is.
        for other in (0..world.members()).filter(|index| ![scheduler, alone].contains(index)) {
            [scheduler, alone].iter().for_each(|here| world.cuts.both_ways(*here, other));
        }
        world.run_for(seconds(2));
    }
    world.corrupt(scheduler, if stale { Vice::StaleParent } else { Vice::EquivocatingCheckpoints });
    if divided {
        world.run_for(seconds(3));
        world.cuts.heal();
    }
    let replaced = world.run_until(seconds(30), |world| world.term() > term);
    assert!(replaced, "it keeps its term");
    let honest = world.honest();
    let height = world.highest().0 + 8;
    world.agree_at(&honest, height, seconds(30));
    expect_finality(&mut world, &honest, seconds(20));
    let named =
        |report: &Report| matches!(report, Report::Equivocation(fault) if fault.signer == world.address(scheduler));
    let convicted = world.reports.iter().any(|(_, _, report)| named(report));
    assert_eq!(convicted, !stale, "whoever signs twice is convicted, and nobody else");
}

/// Bad votes are found among the good ones, double ones are evidence; finality goes on in the same term.
pub(super) fn bad_votes_delay_nothing(run: &Run<'_>) {
    let mut world = run.world(7);
    world.run_for(seconds(4) + run.moment(3_000));
    let (members, scheduler, term) = (world.members(), world.scheduler(), world.term());
    let twice = run.pick(1, 2) == 0;
    let bad: Vec<_> = (1..=(members - 1) / 3).map(|offset| (scheduler + offset) % members).collect();
    for index in &bad {
        world.corrupt(*index, if twice { Vice::VotesTwice } else { Vice::SpoilsVotes });
    }
    world.run_for(seconds(2));
    let since = world.now;
    world.run_for(seconds(10));
    assert_eq!(world.term(), term);
    for index in world.honest() {
        let delays = world.finality_delays(index, since);
        let slowest = delays.into_iter().max().unwrap();
        run.measure("published to final, with bad votes", slowest, world.parameters.block_time * 4);
    }
    for index in bad {
        let address = world.address(index);
        let named = |report: &Report| match report {
            Report::Equivocation(fault) => twice && fault.signer == address,
            Report::BadVote { signer, .. } => !twice && *signer == address,
            _ => false,
        };
        assert!(world.reports.iter().any(|(_, _, report)| named(report)), "nobody names {address}");
    }
}

/// The scheduler resigns under load again and again: every block becomes final in some term.
pub(super) fn finality_goes_on_over_many_terms(run: &Run<'_>) {
    let parameters = Parameters { term_blocks: 12, epoch_blocks: 4, ..run.parameters() };
    let mut world = run.weighted_world(&vec![1; run.nodes(4)], parameters);
    world.link = run.bad(60, 3);
    world.run_for(seconds(30) + run.moment(3_000));
    assert!(world.term() > Term(4), "terms do not end");
    let everyone = world.honest();
    world.link = run.calm();
    expect_finality(&mut world, &everyone, seconds(20));
}

/// One member's keys run twice, on both sides of partitions that come and go: the method of twins (Bano et al., 2020). The
/// seed counts through whose keys those are and who is on which side in each of two spans.
pub(super) fn keys_that_run_twice_fork_nobody(run: &Run<'_>) {
    let members = run.nodes(4);
    let mut world = run.weighted_world(&vec![1; members], run.parameters());
    let mut schedule = run.seed;
    let mut digit = |base: u64| {
        let digit = schedule % base;
        schedule /= base;
        digit
    };
    // The first scheduler first: where nobody's keys run twice at the top, little happens.
    let of = (world.scheduler() + usize::try_from(digit(members as u64)).unwrap()) % members;
    world.run_for(seconds(3));
    let twin = world.add_twin(of);
    for _ in 0..2 {
        // The original is always on the first side: the other half of the sides are mirror images.
        let sides = digit(1 << members);
        let others: Vec<_> = (0..=members).filter(|index| *index != of).collect();
        let side =
            |index: usize| others.iter().position(|other| *other == index).is_some_and(|at| sides >> at & 1 == 1);
        for (here, there) in (0..=members).flat_map(|here| (0..here).map(move |there| (here, there))) {
            if side(here) != side(there) {
                world.cuts.both_ways(here, there);
            }
        }
        world.run_for(seconds(5));
        world.cuts.heal();
        world.run_for(millis(300));
    }
    world.kill(twin);
    let honest = world.honest();
    let height = world.highest().0 + 8;
    let patience = world.longest_patience();
    world.agree_at(&honest, height, patience * 3 + seconds(30));
    expect_finality(&mut world, &honest, patience * 3 + seconds(30));
}

/// Two certificates of one position, or a proof of finality that contradicts what is final, stop the node that sees them,
/// with both sides kept. The others go on.
pub(super) fn what_must_not_be_stops_the_node(run: &Run<'_>) {
    let mut world = run.world(5);
    world.run_for(seconds(5) + run.moment(3_000));
    let victim = (world.scheduler() + 1) % world.members();
    let proof = world.disk(victim).finality.clone().expect("something is final");
    let wrong = BlockRef { hash: B256::repeat_byte(0xbb), ..proof.checkpoint.head };
    if run.pick(1, 2) == 0 {
        world.show_forged(victim, Checkpoint { head: wrong, ..proof.checkpoint }, None);
    } else {
        // Of a later term, so that no position is taken twice.
        let checkpoint = Checkpoint { head: wrong, term: Term(7), round: Round(1), ..proof.checkpoint };
        let parent = checkpoint.reference();
        let child = Checkpoint { parent, round: Round(2), ..checkpoint };
        world.show_forged(victim, child, Some(checkpoint));
    }
    world.run_for(seconds(1));
    assert_eq!(world.halted, [victim]);
    let others: Vec<_> = (0..world.members()).filter(|index| *index != victim).collect();
    let height = world.highest().0 + 8;
    world.agree_at(&others, height, seconds(20));
    // By a depth rule, three of the four have to lead again.
    expect_finality(&mut world, &others, seconds(20));
}

/// The two weaker rules, over leaders and terms that change.
pub(super) fn depth_rules_finalize_over_leaders_and_terms(run: &Run<'_>) {
    for finality in [baton_consensus::FinalityRule::DepthCount, baton_consensus::FinalityRule::DepthStake] {
        let parameters = Parameters { finality, term_blocks: 40, ..run.parameters() };
        let mut world = run.weighted_world(&[1; 5], parameters);
        world.run_for(seconds(8) + run.moment(3_000));
        let leader = world.leader();
        world.kill(leader);
        world.run_for(seconds(6));
        world.start(leader);
        let scheduler = world.scheduler();
        world.inject(scheduler, Input::Resign);
        world.run_for(seconds(8));
        world.kill(scheduler);
        world.run_for(seconds(10));
        world.start(scheduler);
        let everyone = world.honest();
        let height = world.highest().0 + 10;
        world.agree_at(&everyone, height, seconds(40));
        // Three of five must lead after it, and no other.
        expect_finality(&mut world, &everyone, seconds(30));
        assert!(world.halted.is_empty());
    }
}
