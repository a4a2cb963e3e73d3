use super::*;
use crate::messages::{L1Anchor, SkipReason};
use crate::signing::SigningContext;
use crate::testing::{address, set_of};

fn opening() -> B256 {
    B256::repeat_byte(9)
}

fn schedule_of(set: &SequencerSet, epoch_blocks: u64, term_blocks: u64) -> Schedule {
    let context = SigningContext { chain_id: 7, genesis_hash: opening() };
    let reign = Reign::genesis(context, Arc::new(set.clone()), L1Anchor::default());
    Schedule::new(&Reign { base: parent(0), ..reign }, epoch_blocks, term_blocks)
}

fn schedule(set: &SequencerSet) -> Schedule {
    schedule_of(set, 4, 1024)
}

fn parent(height: u64) -> BlockRef {
    BlockRef { height: Height(height), hash: B256::with_last_byte(u8::try_from(height).unwrap()) }
}

fn skip(number: u8) -> Skip {
    Skip { sequencer: address(number), reason: SkipReason::Silent }
}

fn announce(schedule: &mut Schedule, set: &SequencerSet, height: u64, skipped: Vec<Skip>) -> Announcement {
    let announcement = schedule.next(set, opening(), parent(height), skipped).unwrap();
    schedule.extend(set, announcement.clone()).unwrap();
    announcement
}

#[test]
fn a_follower_recomputes_what_the_scheduler_announces() {
    let set = set_of(&[1, 1, 2, 1]);
    let (mut ours, mut theirs) = (schedule(&set), schedule(&set));
    for height in [0, 4, 8, 9, 13] {
        let announcement = announce(&mut ours, &set, height, vec![]);
        assert_ne!(announcement.leader, ours.scheduler(), "the scheduler is spared");
        theirs.extend(&set, announcement).unwrap();
    }
    assert_eq!(ours.latest(), theirs.latest());
}

#[test]
fn the_scheduler_leads_where_fewer_than_three_stand() {
    let set = set_of(&[1, 1, 1]);
    let mut schedule = schedule(&set);
    let leaders: Vec<_> =
        [0, 4, 8, 12].map(|height| announce(&mut schedule, &set, height, vec![skip(3)]).leader).into();
    assert_eq!(leaders, [2, 2, 1, 2].map(address), "the scheduler, who has just had a turn, too");
    let alone = set_of(&[7]);
    let mut schedule = self::schedule(&alone);
    assert_eq!(announce(&mut schedule, &alone, 0, vec![]).leader, address(1));
}

#[test]
fn the_skipped_gain_no_turns() {
    let set = set_of(&[1, 1, 1, 1]);
    let mut schedule = schedule(&set);
    for turn in 0..10 {
        assert_ne!(announce(&mut schedule, &set, turn * 4, vec![skip(4)]).leader, address(4));
    }
    let leaders: Vec<_> = (10..16).map(|turn| announce(&mut schedule, &set, turn * 4, vec![]).leader).collect();
    assert_eq!(leaders.iter().filter(|leader| **leader == address(4)).count(), 2);
}

#[test]
fn every_deviation_is_refused_by_name() {
    let set = set_of(&[1, 1, 1, 1]);
    let mut schedule = schedule(&set);
    let first = announce(&mut schedule, &set, 0, vec![]);
    let good = schedule.next(&set, opening(), parent(4), vec![]).unwrap();
    let mut refused = |change: &dyn Fn(&mut Announcement)| {
        let mut announcement = good.clone();
        change(&mut announcement);
        schedule.extend(&set, announcement).unwrap_err()
    };
    assert!(matches!(refused(&|a| a.term = Term(2)), ScheduleError::Link));
    assert!(matches!(refused(&|a| *a = first.clone()), ScheduleError::Known));
    assert!(matches!(refused(&|a| a.epoch = Epoch(3)), ScheduleError::Link));
    assert!(matches!(refused(&|a| a.previous = B256::ZERO), ScheduleError::Gap(B256::ZERO)));
    assert!(matches!(refused(&|a| a.last = Height(9)), ScheduleError::Heights { .. }));
    assert!(matches!(refused(&|a| (a.first, a.last) = (Height(6), Height(9))), ScheduleError::Heights { .. }));
    assert!(matches!(refused(&|a| a.skipped = vec![skip(9)]), ScheduleError::Skipped));
    assert!(matches!(refused(&|a| a.skipped = vec![skip(4), skip(3)]), ScheduleError::Skipped));
    assert!(matches!(refused(&|a| a.skipped = vec![skip(4), skip(4)]), ScheduleError::Skipped));
    assert!(matches!(refused(&|a| a.leader = address(1)), ScheduleError::Leader { .. }));
    let mut elsewhere = self::schedule(&set);
    let first = Announcement { parent: B256::repeat_byte(1), ..first };
    assert!(matches!(elsewhere.extend(&set, first), Err(ScheduleError::Base { .. })), "an era has one base");
    schedule.extend(&set, good).unwrap();
}

#[test]
fn a_successor_supersedes() {
    let set = set_of(&[1, 1, 1, 1]);
    let mut schedule = schedule(&set);
    let one = announce(&mut schedule, &set, 0, vec![]).hash();
    assert!(!schedule.is_superseded(one, Height(4)));
    announce(&mut schedule, &set, 2, vec![]);
    assert!(schedule.is_superseded(one, Height(3)) && !schedule.is_superseded(one, Height(2)));
    schedule.prune(Height(4));
    assert!(schedule.at(one).is_some(), "what comes next may link to it");
    schedule.prune(Height(5));
    assert!(schedule.at(one).is_none());
    schedule.prune(Height(100));
    assert!(schedule.latest().is_some());
}

#[test]
fn two_announcements_of_one_epoch_stand_side_by_side() {
    let set = set_of(&[1, 1, 1, 1]);
    let mut ours = schedule(&set);
    let mut theirs = ours.clone();
    let first = announce(&mut ours, &set, 0, vec![]);
    let other = announce(&mut theirs, &set, 0, vec![skip(2)]);
    assert_eq!(ours.extend(&set, other.clone()), Ok(Extension::Conflict));
    assert_eq!(ours.latest().unwrap().hash, first.hash());
    assert!(ours.rival_of(&first, first.hash()).is_some());
    let next = theirs.next(&set, opening(), parent(4), vec![]).unwrap();
    assert_eq!(ours.extend(&set, next), Ok(Extension::Past));
    assert_eq!(ours.epoch(), Epoch(1));
}

#[test]
fn the_last_epoch_ends_with_the_term() {
    let set = set_of(&[1, 1, 1, 1]);
    let mut schedule = schedule_of(&set, 4, 6);
    assert_eq!(announce(&mut schedule, &set, 0, vec![]).last, Height(4));
    assert_eq!(announce(&mut schedule, &set, 4, vec![]).last, Height(6));
    assert_eq!(schedule.planned_last(), Some(Height(6)));
    assert!(schedule.next(&set, opening(), parent(6), vec![]).is_none());
}
