//! The chain of announcements of a term, and the rule by which everyone recomputes the next leader (R8).

use crate::election::Priorities;
use crate::messages::{Announcement, Skip};
use crate::types::{BlockRef, Epoch, Era, ExtraData, Height, SequencerSet, Term};
use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

/// Below this many members that are not skipped, the scheduler may lead too.
const MEMBERS_THAT_SPARE_THE_SCHEDULER: usize = 3;

/// Why an announcement does not continue the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// Of an era or term that this node is not in.
    #[error("it is of era {era}, term {term}; this node is in era {our_era}, term {our_term}")]
    OtherTerm {
        /// Its era.
        era: Era,
        /// Its term.
        term: Term,
        /// The era of this node.
        our_era: Era,
        /// The term of this node.
        our_term: Term,
    },
    /// The same announcement again.
    #[error("it is known")]
    Known,
    /// Older than what this node keeps in mind.
    #[error("epoch {0} is over")]
    Past(Epoch),
    /// Announcements before it are missing here.
    #[error("epoch {found} comes after epoch {latest}, and those between are missing")]
    Gap {
        /// The newest epoch known.
        latest: Epoch,
        /// The epoch announced.
        found: Epoch,
    },
    /// Another announcement of the same epoch is known: the scheduler signed two.
    #[error("epoch {0} was announced differently before")]
    Conflict(Epoch),
    /// It does not link to the announcement before it.
    #[error("it links to {found}, not to {expected}")]
    Link {
        /// The hash of the announcement before it.
        expected: B256,
        /// What it links to.
        found: B256,
    },
    /// The heights do not continue the epoch before, or are not an epoch's length.
    #[error("the heights {first} to {last} do not continue the schedule")]
    Heights {
        /// Its first height.
        first: Height,
        /// Its last height.
        last: Height,
    },
    /// A stranger is skipped, one twice, or the order is wrong.
    #[error("the list of skipped members is not in order, or names a stranger")]
    Skipped,
    /// Not whose turn it is.
    #[error("it names {found}, but it is the turn of {expected:?}")]
    Leader {
        /// Whose turn it is; nobody's if everyone is skipped.
        expected: Option<Address>,
        /// Who is named.
        found: Address,
    },
}

/// What a node needs to go on from an announcement after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSnapshot {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The newest epoch announced; 0 if none is.
    pub epoch: Epoch,
    /// The leaders' priorities after it.
    pub priorities: Priorities,
}

/// An announcement with its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What was announced.
    pub announcement: Announcement,
    /// Its hash, which blocks carry.
    pub hash: B256,
}

/// The schedule of the term that this node is in.
#[derive(Clone, Debug)]
pub struct Schedule {
    era: Era,
    term: Term,
    scheduler: Address,
    /// The hash of what opened the term: its first announcement links to it.
    opening: B256,
    epoch_blocks: u64,
    priorities: Priorities,
    latest: Epoch,
    /// Announcements whose blocks may still come, and the newest one always.
    recent: BTreeMap<Epoch, Announced>,
}

impl Schedule {
    /// The empty schedule of a term.
    #[must_use]
    pub fn open(
        (era, term): (Era, Term),
        scheduler: Address,
        opening: B256,
        epoch_blocks: u64,
        priorities: Priorities,
    ) -> Self {
        Self { era, term, scheduler, opening, epoch_blocks, priorities, latest: Epoch(0), recent: BTreeMap::new() }
    }

    /// Takes up the schedule where a snapshot left it, with the announcements whose blocks may still come.
    pub fn restore(&mut self, snapshot: ScheduleSnapshot, announcements: impl IntoIterator<Item = Announcement>) {
        if (snapshot.era, snapshot.term) != (self.era, self.term) {
            return;
        }
        self.priorities = snapshot.priorities;
        self.latest = snapshot.epoch;
        for announcement in announcements {
            if (announcement.era, announcement.term) == (self.era, self.term) && announcement.epoch <= self.latest {
                let hash = announcement.hash();
                self.recent.insert(announcement.epoch, Announced { announcement, hash });
            }
        }
    }

    /// What to keep for a restart.
    #[must_use]
    pub fn snapshot(&self) -> ScheduleSnapshot {
        ScheduleSnapshot { era: self.era, term: self.term, epoch: self.latest, priorities: self.priorities.clone() }
    }

    /// The era.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.era
    }

    /// The term.
    #[must_use]
    pub const fn term(&self) -> Term {
        self.term
    }

    /// Who schedules this term.
    #[must_use]
    pub const fn scheduler(&self) -> Address {
        self.scheduler
    }

    /// The newest epoch announced; 0 before the first.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.latest
    }

    /// The newest announcement.
    #[must_use]
    pub fn latest(&self) -> Option<&Announced> {
        self.recent.get(&self.latest)
    }

    /// The announcement that a block of this position stands on, if its blocks may still come.
    #[must_use]
    pub fn at(&self, position: ExtraData) -> Option<&Announced> {
        if (position.era, position.term) != (self.era, self.term) {
            return None;
        }
        self.recent.get(&position.epoch)
    }

    /// The last height at which blocks of `epoch` count: its own last, or less if a successor took over early.
    #[must_use]
    pub fn last_height_of(&self, epoch: Epoch) -> Option<Height> {
        let own = self.recent.get(&epoch)?.announcement.last;
        let successor = self.recent.range(epoch.next()..).next();
        Some(successor.map_or(own, |(_, next)| own.min(next.announcement.first.previous())))
    }

    /// The next announcement, as the scheduler of this term makes it; nobody's if everyone is skipped.
    #[must_use]
    pub fn next(&self, set: &SequencerSet, parent: BlockRef, skipped: Vec<Skip>) -> Option<Announcement> {
        let (leader, _) = self.turn(set, &skipped)?;
        let first = parent.height.next();
        Some(Announcement {
            era: self.era,
            term: self.term,
            epoch: self.latest.next(),
            leader,
            first,
            last: self.last_of(first),
            parent: parent.hash,
            previous: self.link(),
            skipped,
        })
    }

    /// Checks an announcement by recomputing it, and continues the schedule with it.
    ///
    /// # Errors
    /// [`ScheduleError`]; nothing has changed then.
    pub fn extend(&mut self, set: &SequencerSet, announcement: Announcement) -> Result<&Announced, ScheduleError> {
        let hash = announcement.hash();
        let priorities = self.check(set, &announcement, hash)?;
        self.priorities = priorities;
        self.latest = announcement.epoch;
        Ok(self.recent.entry(announcement.epoch).or_insert(Announced { announcement, hash }))
    }

    /// Forgets epochs whose blocks can no longer come: those that end at or below `head`. The newest one stays.
    pub fn prune(&mut self, head: Height) {
        while let Some((&epoch, _)) = self.recent.first_key_value() {
            let over = self.last_height_of(epoch).is_some_and(|last| last <= head);
            if epoch == self.latest || !over {
                break;
            }
            self.recent.pop_first();
        }
    }

    fn check(&self, set: &SequencerSet, announcement: &Announcement, hash: B256) -> Result<Priorities, ScheduleError> {
        let Announcement { era, term, epoch, leader, first, last, parent: _, previous, skipped } = announcement;
        if (*era, *term) != (self.era, self.term) {
            let (era, term) = (*era, *term);
            return Err(ScheduleError::OtherTerm { era, term, our_era: self.era, our_term: self.term });
        }
        if let Some(known) = self.recent.get(epoch) {
            return Err(if known.hash == hash { ScheduleError::Known } else { ScheduleError::Conflict(*epoch) });
        }
        if *epoch <= self.latest {
            return Err(ScheduleError::Past(*epoch));
        }
        if *epoch != self.latest.next() {
            return Err(ScheduleError::Gap { latest: self.latest, found: *epoch });
        }
        if *previous != self.link() {
            return Err(ScheduleError::Link { expected: self.link(), found: *previous });
        }
        let continues = self
            .latest()
            .is_none_or(|latest| (latest.announcement.first..=latest.announcement.last.next()).contains(first));
        if *first == Height(0) || *last != self.last_of(*first) || !continues {
            return Err(ScheduleError::Heights { first: *first, last: *last });
        }
        let ordered = skipped.windows(2).all(|pair| pair[0].sequencer < pair[1].sequencer);
        if !ordered || !skipped.iter().all(|skip| set.contains(skip.sequencer)) {
            return Err(ScheduleError::Skipped);
        }
        match self.turn(set, skipped) {
            Some((expected, priorities)) if expected == *leader => Ok(priorities),
            turn => Err(ScheduleError::Leader { expected: turn.map(|(expected, _)| expected), found: *leader }),
        }
    }

    /// Whose turn it is, and the priorities after it.
    fn turn(&self, set: &SequencerSet, skipped: &[Skip]) -> Option<(Address, Priorities)> {
        let is_skipped = |address| skipped.iter().any(|skip| skip.sequencer == address);
        let standing = set.members().iter().filter(|member| !is_skipped(member.address)).count();
        let spare_scheduler = standing >= MEMBERS_THAT_SPARE_THE_SCHEDULER;
        let mut priorities = self.priorities.clone();
        let leader = priorities.take_turn(set, |address| {
            let spared = spare_scheduler && address == self.scheduler;
            !spared && !is_skipped(address)
        })?;
        Some((leader, priorities))
    }

    fn last_of(&self, first: Height) -> Height {
        Height(first.0.saturating_add(self.epoch_blocks).saturating_sub(1))
    }

    /// What the next announcement links to.
    fn link(&self) -> B256 {
        self.latest().map_or(self.opening, |latest| latest.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::SkipReason;
    use crate::testing::{address, set_of};

    fn schedule(set: &SequencerSet) -> Schedule {
        let opening = B256::repeat_byte(9);
        Schedule::open((Era(0), Term(1)), address(1), opening, 4, Priorities::genesis(set))
    }

    fn parent(height: u64) -> BlockRef {
        BlockRef { height: Height(height), hash: B256::with_last_byte(u8::try_from(height).unwrap()) }
    }

    fn skip(number: u8) -> Skip {
        Skip { sequencer: address(number), reason: SkipReason::Silent }
    }

    fn announce(schedule: &mut Schedule, set: &SequencerSet, height: u64, skipped: Vec<Skip>) -> Announcement {
        let announcement = schedule.next(set, parent(height), skipped).unwrap();
        schedule.extend(set, announcement.clone()).unwrap();
        announcement
    }

    #[test]
    fn a_follower_recomputes_what_the_scheduler_announces() {
        let set = set_of(&[1, 1, 2, 1]);
        let (mut ours, mut theirs) = (schedule(&set), schedule(&set));
        for height in [0, 4, 8, 9, 13] {
            let announcement = announce(&mut ours, &set, height, vec![]);
            assert_ne!(announcement.leader, address(1), "the scheduler is spared");
            theirs.extend(&set, announcement).unwrap();
        }
        assert_eq!(ours.snapshot(), theirs.snapshot());
    }

    #[test]
    fn the_scheduler_leads_where_fewer_than_three_stand() {
        let set = set_of(&[1, 1, 1]);
        let mut schedule = schedule(&set);
        let leaders: Vec<_> =
            [0, 4, 8, 12].map(|height| announce(&mut schedule, &set, height, vec![skip(3)]).leader).into();
        assert_eq!(leaders, [address(1), address(2), address(1), address(2)]);
        let alone = set_of(&[7]);
        let mut schedule = super::tests::schedule(&alone);
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
        let good = schedule.next(&set, parent(4), vec![]).unwrap();
        let mut refused = |change: &dyn Fn(&mut Announcement)| {
            let mut announcement = good.clone();
            change(&mut announcement);
            schedule.extend(&set, announcement).unwrap_err()
        };
        assert!(matches!(refused(&|a| a.term = Term(2)), ScheduleError::OtherTerm { .. }));
        assert!(matches!(refused(&|a| *a = first.clone()), ScheduleError::Known));
        assert!(matches!(refused(&|a| a.epoch = Epoch(1)), ScheduleError::Conflict(Epoch(1))));
        assert!(matches!(refused(&|a| a.epoch = Epoch(0)), ScheduleError::Past(Epoch(0))));
        assert!(matches!(refused(&|a| a.epoch = Epoch(3)), ScheduleError::Gap { .. }));
        assert!(matches!(refused(&|a| a.previous = B256::ZERO), ScheduleError::Link { .. }));
        assert!(matches!(refused(&|a| a.last = Height(9)), ScheduleError::Heights { .. }));
        assert!(matches!(refused(&|a| (a.first, a.last) = (Height(6), Height(9))), ScheduleError::Heights { .. }));
        assert!(matches!(refused(&|a| a.skipped = vec![skip(9)]), ScheduleError::Skipped));
        assert!(matches!(refused(&|a| a.skipped = vec![skip(4), skip(3)]), ScheduleError::Skipped));
        assert!(matches!(refused(&|a| a.skipped = vec![skip(4), skip(4)]), ScheduleError::Skipped));
        assert!(matches!(refused(&|a| a.leader = address(1)), ScheduleError::Leader { .. }));
        schedule.extend(&set, good).unwrap();
    }

    #[test]
    fn a_successor_cuts_an_epoch_short() {
        let set = set_of(&[1, 1, 1, 1]);
        let mut schedule = schedule(&set);
        announce(&mut schedule, &set, 0, vec![]);
        assert_eq!(schedule.last_height_of(Epoch(1)), Some(Height(4)));
        announce(&mut schedule, &set, 2, vec![]);
        assert_eq!(schedule.last_height_of(Epoch(1)), Some(Height(2)));
        schedule.prune(Height(1));
        assert!(schedule.last_height_of(Epoch(1)).is_some());
        schedule.prune(Height(2));
        assert_eq!(schedule.last_height_of(Epoch(1)), None);
        schedule.prune(Height(100));
        assert!(schedule.latest().is_some());
    }

    #[test]
    fn a_snapshot_takes_the_schedule_up_again() {
        let set = set_of(&[1, 2, 3, 4]);
        let mut ours = schedule(&set);
        let announcements: Vec<_> = [0, 4, 8].map(|height| announce(&mut ours, &set, height, vec![])).into();
        let mut restored = schedule(&set);
        restored.restore(ours.snapshot(), announcements.last().cloned());
        let next = announce(&mut ours, &set, 12, vec![]);
        restored.extend(&set, next).unwrap();
        assert_eq!(ours.snapshot(), restored.snapshot());
    }
}
