use super::*;
use crate::core::{Input, Outgoing, Report};
use crate::messages::SkipReason;
use crate::testing::Mesh;
use crate::types::Epoch;

impl Mesh {
    fn resign(&mut self, member: usize) -> Result<Term, CannotResign> {
        self.since(member);
        self.feed(member, Input::Resign);
        let answers: Vec<_> = self.effects[member]
            .iter()
            .filter_map(|effect| match effect {
                Effect::Resigned(answer) => Some(*answer),
                _ => None,
            })
            .collect();
        assert_eq!(answers.len(), 1, "every wish gets one answer");
        answers[0]
    }

    /// The terms that a member's heartbeats named, in order.
    fn pledges(&self, member: usize) -> Vec<Term> {
        let pledge = |effect: &Effect| match effect {
            Effect::Gossip(Outgoing::Heartbeat(signed)) => Some(signed.message.term),
            _ => None,
        };
        self.effects[member].iter().filter_map(pledge).collect()
    }
}

#[test]
fn a_scheduler_that_resigns_hands_over_and_its_asker_hears_after_it_is_durable() {
    let mut mesh = Mesh::open(&[1; 4]);
    let old = mesh.scheduler();
    assert_eq!(mesh.resign(old), Ok(Term(2)));
    let effects = &mesh.effects[old];
    let place = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let durable = place(|effect| matches!(effect, Effect::PersistSafety { .. }));
    let sent = place(|effect| matches!(effect, Effect::Gossip(Outgoing::TermChange(_))));
    let answered = place(|effect| matches!(effect, Effect::Resigned(_)));
    assert!(durable < sent && durable < answered, "{effects:?}");
    assert_ne!(mesh.scheduler(), old);
    for core in &mesh.cores {
        assert_eq!((core.schedule().term(), core.schedule().epoch()), (Term(2), Epoch(1)));
        assert_eq!(core.status().term_cause, Some(Cause::Resigned));
    }
}

#[test]
fn who_cannot_resign_says_why_and_does_nothing() {
    let mut mesh = Mesh::open(&[1; 4]);
    let scheduler = mesh.scheduler();
    let other = (scheduler + 1) % 4;
    let address = mesh.cores[scheduler].address().unwrap();
    assert_eq!(mesh.resign(other), Err(CannotResign::NotTheScheduler { scheduler: address, term: Term(1) }));
    assert_eq!(mesh.effects[other].len(), 1, "{:?}", mesh.effects[other]);

    let mut alone = Mesh::open(&[1]);
    assert_eq!(alone.resign(0), Err(CannotResign::Alone));
    assert_eq!(alone.cores[0].fence(), Term(1));

    let mut deaf = Mesh::new(&[1; 4]);
    let scheduler = deaf.scheduler();
    assert_eq!(deaf.resign(scheduler), Err(CannotResign::NoQuorum));
    assert_eq!(deaf.cores[scheduler].fence(), Term(1));
}

#[test]
fn a_schedule_is_not_handed_to_a_silent_member() {
    let mut mesh = Mesh::new(&[1; 4]);
    let scheduler = mesh.scheduler();
    let set = mesh.cores[0].set().clone();
    let successor = mesh.cores[0].schedule.scheduler_of(&set, Term(2));
    let silent = mesh.member(successor);
    for member in (0..4).filter(|member| *member != silent).chain((0..4).filter(|member| *member != silent)) {
        mesh.beat(member);
    }
    assert_eq!(mesh.resign(scheduler), Err(CannotResign::SuccessorIsSilent(successor)));
    // To stop is another matter: the next term is over the sooner.
    mesh.feed(scheduler, Input::Leave);
    assert!(mesh.cores.iter().all(|core| core.schedule().term() == Term(2)));
}

#[test]
fn nobody_resigns_twice_from_one_term() {
    let mut mesh = Mesh::open(&[1; 4]);
    let scheduler = mesh.scheduler();
    // Its wish does not reach the others.
    let effects = mesh.cores[scheduler].handle(Input::Resign, mesh.now);
    assert!(matches!(effects.last(), Some(Effect::Resigned(Ok(Term(2))))), "{effects:?}");
    assert_eq!(mesh.resign(scheduler), Err(CannotResign::Asked(Term(2))));
}

#[test]
fn a_leader_that_stops_is_replaced_at_once_and_not_struck() {
    let mut mesh = Mesh::open(&[1; 4]);
    let (scheduler, leader) = (mesh.scheduler(), mesh.leader());
    let address = mesh.cores[leader].address().unwrap();
    assert!(mesh.cores[leader].is_relied_upon());
    mesh.since(scheduler);
    mesh.since(leader);
    mesh.feed(leader, Input::Leave);
    assert_eq!(mesh.pledges(leader), [Term(2)], "it says so at once");
    assert_ne!(mesh.leader(), leader);
    assert!(!mesh.cores[leader].is_relied_upon(), "it may go");
    let replaced = mesh.effects[scheduler].iter().find_map(|effect| match effect {
        Effect::Report(Report::LeaderReplaced { leader, reason, record, .. }) => Some((*leader, *reason, *record)),
        _ => None,
    });
    assert_eq!(replaced, Some((address, SkipReason::Left, Default::default())));
    assert_eq!(mesh.cores[scheduler].schedule().term(), Term(1), "a leader's stop costs no term");

    // It is passed over as long as it counts as live, and takes part again once it is back.
    let skipped = mesh.cores[scheduler].schedule().latest().unwrap().announcement.skipped.clone();
    assert_eq!(
        skipped.iter().map(|skip| (skip.sequencer, skip.reason)).collect::<Vec<_>>(),
        [(address, SkipReason::Left)]
    );
}

#[test]
fn a_scheduler_that_stops_stays_until_its_successor_has_appointed() {
    let mut mesh = Mesh::open(&[1; 4]);
    let scheduler = mesh.scheduler();
    assert!(mesh.cores[scheduler].is_relied_upon());
    // Its messages take their time.
    let effects = mesh.cores[scheduler].handle(Input::Leave, mesh.now);
    assert!(mesh.cores[scheduler].is_relied_upon());
    mesh.since(scheduler);
    for effect in effects {
        if let Effect::Gossip(message) = effect {
            for member in (0..4).filter(|member| *member != scheduler) {
                let input = mesh.verified(member, message.clone());
                mesh.feed(member, input);
            }
        }
    }
    assert_ne!(mesh.scheduler(), scheduler);
    assert!(!mesh.cores[scheduler].is_relied_upon());
    assert_eq!(mesh.pledges(scheduler), [Term(3)], "it signs nothing of the term that it made way for");
    let latest = mesh.cores[scheduler].schedule().latest().unwrap().announcement.clone();
    assert_ne!(latest.leader, mesh.cores[scheduler].address().unwrap());
}

#[test]
fn who_stops_signs_no_appointment() {
    let mut mesh = Mesh::new(&[1; 4]);
    let scheduler = mesh.scheduler();
    mesh.feed(scheduler, Input::Leave);
    assert!(!mesh.cores[scheduler].is_relied_upon(), "nobody was heard");
    for _ in 0..2 {
        // They would all be live now.
        let others: Vec<_> = (0..4).filter(|member| *member != scheduler).collect();
        others.into_iter().for_each(|member| mesh.beat(member));
    }
    let announced = |effect: &Effect| matches!(effect, Effect::PersistAnnouncement { journal: Some(_), .. });
    assert!(!mesh.effects[scheduler].iter().any(announced), "{:?}", mesh.effects[scheduler]);
    // As soon as it hears a quorum, it hands over.
    mesh.beat(scheduler);
    assert!(mesh.cores.iter().all(|core| core.schedule().term() == Term(2)));
}
