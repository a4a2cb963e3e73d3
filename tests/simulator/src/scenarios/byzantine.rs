//! Members cheat.

use super::seconds;
use crate::byzantine::Vice;
use crate::run::Run;
use crate::world::World;
use baton_consensus::{
    core::{Input, Report},
    types::Term,
};

/// The honest nodes go on in a later term.
fn expect_another_term(world: &mut World, term: Term) {
    let replaced = world.run_until(seconds(60), |world| world.term() > term);
    assert!(replaced, "it keeps its term");
    let (honest, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&honest, height, seconds(40));
}

pub(super) fn a_scheduler_that_does_not_work_is_replaced(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, term) = (world.scheduler(), world.term());
    world.corrupt(scheduler, if run.pick(1, 2) == 0 { Vice::Silent } else { Vice::HeartbeatOnly });
    expect_another_term(&mut world, term);
}

/// It signs two announcements and two seals for every position: it is found out and loses its term.
pub(super) fn an_equivocating_scheduler_loses_its_term(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (scheduler, term) = (world.scheduler(), world.term());
    world.corrupt(scheduler, Vice::EquivocatingScheduler);
    expect_another_term(&mut world, term);
    let named = world.reports.iter().any(
        |(_, _, report)| matches!(report, Report::Equivocation(fault) if fault.signer == world.address(scheduler)),
    );
    assert!(named, "nobody names it");
}

/// It takes over and announces a base without the last blocks that everyone holds, and that are not final, as the scheduler
/// before it put nothing to the vote: nobody goes along.
pub(super) fn a_scheduler_that_leaves_sealed_blocks_out_loses_its_term(run: &Run<'_>) {
    let mut world = run.world(7);
    let forger = world.scheduler_of(Term(2));
    world.corrupt(forger, Vice::BaseForger);
    world.run_for(seconds(4) + run.moment(3_000));
    world.corrupt(world.scheduler(), Vice::NoCheckpoints);
    world.run_for(seconds(2));
    let sealed = world.disk(world.scheduler()).head();
    world.inject(world.scheduler(), Input::Resign);
    let announced = world.run_until(seconds(5), |world| world.term() == Term(2));
    assert!(announced, "the forger does not take over");
    expect_another_term(&mut world, Term(2));
    for index in world.honest() {
        assert_eq!(world.disk(index).hash_at(sealed.height), Some(sealed.hash), "sealed blocks are lost");
    }
}

/// It passes over members with more than a third of the weight that everyone else hears well.
pub(super) fn an_unfair_scheduler_loses_its_term(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4) + run.moment(3_000));
    let (members, scheduler, term) = (world.members(), world.scheduler(), world.term());
    let wronged = (1..=members / 3 + 1).map(|offset| world.address((scheduler + offset) % members)).collect();
    world.corrupt(scheduler, Vice::UnfairScheduler(wronged));
    expect_another_term(&mut world, term);
}

/// One byzantine member neither stops the chain nor makes the others distrust an honest scheduler.
pub(super) fn one_byzantine_member_costs_no_honest_scheduler_its_term(run: &Run<'_>) {
    let mut world = run.world(4);
    world.run_for(seconds(4));
    let members = world.members();
    let (bad, term) = ((world.scheduler() + 1 + run.pick(1, members as u64 - 1) as usize) % members, world.term());
    let vice = match run.pick(2, 5) {
        0 => Vice::LatePublisher,
        1 => Vice::BodyWithholder,
        2 => Vice::OutdatedReplayer(Vec::new()),
        3 => Vice::EquivocatingLeader,
        _ => Vice::Impersonator,
    };
    world.corrupt(bad, vice.clone());
    world.run_for(seconds(40));
    assert_eq!(world.term(), term, "{vice:?}");
    let (honest, height) = (world.honest(), world.highest().0 + 20);
    world.agree_at(&honest, height, seconds(20));
}

/// Reports of branches that nobody has delay a hand-over by the adopt timeout, and no more; nor does a member that claims
/// to know nothing cost anyone a block.
pub(super) fn a_liar_about_branches_delays_and_does_not_stop(run: &Run<'_>) {
    let mut world = run.world(5);
    world.run_for(seconds(4) + run.moment(3_000));
    let (members, scheduler) = (world.members(), world.scheduler());
    let liar = (scheduler + 1 + run.pick(1, members as u64 - 1) as usize) % members;
    world.corrupt(liar, if run.pick(2, 2) == 0 { Vice::InventorOfDeepBranches } else { Vice::Forgetter });
    let (since, sealed) = (world.now, world.disk(scheduler).head());
    // One dead and one byzantine: the quorum of four needs the liar's report.
    world.kill(scheduler);
    let follower = (0..members).find(|index| ![scheduler, liar].contains(index)).unwrap();
    world.run_for(seconds(12));
    // Should the liar be the next scheduler, it adopts like any other.
    run.measure("scheduler killed, with a liar", world.longest_gap(follower, since), world.parameters.term_timeout * 2);
    let kept = world.disk(follower).hash_at(sealed.height.previous());
    assert_eq!(kept, world.disk(scheduler).hash_at(sealed.height.previous()), "sealed blocks are lost");
}
