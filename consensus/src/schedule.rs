//! The chain of announcements, and the rule by which everyone recomputes the next leader (R8).
//!
//! Announcements are kept by hash, as blocks name them, each with the priorities after it. So the schedules of past terms,
//! whose blocks are still fetched, and two announcements that a faulty scheduler made for one epoch, stand side by side.

use crate::certificate::{TermCertificate, VerifiedCertificate};
use crate::election::{Election, Priorities};
use crate::messages::{Announcement, Skip};
use crate::reign::Reign;
use crate::types::{BlockRef, Epoch, Era, Height, SequencerSet, Term};
use alloy_primitives::{Address, B256};
use std::{collections::BTreeMap, sync::Arc};
use thiserror::Error;

/// Below this many members that are not skipped, the scheduler may lead too.
const MEMBERS_THAT_SPARE_THE_SCHEDULER: usize = 3;

/// Announcements of one epoch that are kept: two prove the fault.
const MAX_VARIANTS: usize = 2;

/// Why an announcement does not continue the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// The same announcement again.
    #[error("it is known")]
    Known,
    /// What it links to is missing here.
    #[error("what it links to, {0}, is not known")]
    Gap(B256),
    /// It does not follow what it links to.
    #[error("it does not follow what it links to")]
    Link,
    /// Two others of the same epoch are known already.
    #[error("epoch {0} was announced too often")]
    TooMany(Epoch),
    /// The era's first term does not build on the block with which the era begins.
    #[error("it builds on {found}, but the era on {expected}")]
    Base {
        /// The block with which the era begins.
        expected: BlockRef,
        /// The block that it names.
        found: BlockRef,
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

/// How a valid announcement stands to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// It is the newest of the current term.
    Newest,
    /// It belongs to a past term.
    Past,
    /// The scheduler has announced the same epoch differently: both are kept, the first one counts.
    Conflict,
}

/// An announcement with its hash and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// What was announced.
    pub announcement: Announcement,
    /// Its hash, which blocks carry.
    pub hash: B256,
    /// The hash of the term's first announcement.
    pub first: B256,
    /// The block that the term's first epoch builds on.
    pub base: BlockRef,
    /// The last height that the term is planned to have.
    pub planned_last: Height,
    priorities: Priorities,
}

#[derive(Clone, Debug)]
struct Opening {
    era: Era,
    term: Term,
    scheduler: Address,
    priorities: Priorities,
    opened_by: OpenedBy,
}

#[derive(Clone, Debug)]
enum OpenedBy {
    /// The first term, which the era opens itself: it builds on this block.
    Era {
        base: BlockRef,
    },
    Certificate(Arc<TermCertificate>),
}

/// The schedules of the current term and of the past terms whose blocks may still come.
#[derive(Clone, Debug)]
pub struct Schedule {
    epoch_blocks: u64,
    term_blocks: u64,
    election: Election,
    era: Era,
    term: Term,
    scheduler: Address,
    openings: BTreeMap<B256, Opening>,
    announced: BTreeMap<B256, Announced>,
    latest: Option<B256>,
}

impl Schedule {
    /// The schedule of an era's first term.
    #[must_use]
    pub fn new(reign: &Reign, epoch_blocks: u64, term_blocks: u64) -> Self {
        let (era, term) = (reign.era(), Term(1));
        let mut election = Election::new(Priorities::clone(&reign.priorities));
        let (scheduler, priorities) = election.turn(&reign.electorate.set, term);
        let opening = Opening { era, term, scheduler, priorities, opened_by: OpenedBy::Era { base: reign.base } };
        Self {
            epoch_blocks,
            term_blocks,
            election,
            era,
            term,
            scheduler,
            openings: BTreeMap::from([(reign.root.hash, opening)]),
            announced: BTreeMap::new(),
            latest: None,
        }
    }

    /// Enters the term of a certificate if it is later than the current one; whether it is.
    pub fn enter(&mut self, set: &SequencerSet, certificate: &VerifiedCertificate) -> bool {
        self.open(set, certificate);
        let later = certificate.term() > self.term;
        if later {
            self.term = certificate.term();
            self.scheduler = self.scheduler_of(set, self.term);
            self.latest = None;
        }
        later
    }

    /// Takes a certificate in that an announcement may link to, of the current term or a past one.
    pub fn open(&mut self, set: &SequencerSet, certificate: &VerifiedCertificate) {
        let (era, term) = (certificate.era(), certificate.term());
        let (scheduler, priorities) = self.election.turn(set, term);
        let opened_by = OpenedBy::Certificate(certificate.certificate().clone());
        let opening = Opening { era, term, scheduler, priorities, opened_by };
        self.openings.entry(certificate.hash()).or_insert(opening);
    }

    /// The certificate of this hash, which opens a term in reach.
    #[must_use]
    pub fn certificate_of(&self, hash: B256) -> Option<Arc<TermCertificate>> {
        match &self.openings.get(&hash)?.opened_by {
            OpenedBy::Era { .. } => None,
            OpenedBy::Certificate(certificate) => Some(Arc::clone(certificate)),
        }
    }

    /// Who schedules a term. Ask only for terms that are proven.
    pub fn scheduler_of(&mut self, set: &SequencerSet, term: Term) -> Address {
        self.election.turn(set, term).0
    }

    /// The priorities after the election of a term, 1 or later; the work is that of [`Election::turn`].
    pub fn priorities_after(&mut self, set: &SequencerSet, term: Term) -> Priorities {
        self.election.turn(set, term).1
    }

    /// The era.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.era
    }

    /// The current term.
    #[must_use]
    pub const fn term(&self) -> Term {
        self.term
    }

    /// Who schedules the current term.
    #[must_use]
    pub const fn scheduler(&self) -> Address {
        self.scheduler
    }

    /// The newest epoch announced in the current term; 0 before the first.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.latest().map_or(Epoch(0), |latest| latest.announcement.epoch)
    }

    /// The newest announcement of the current term.
    #[must_use]
    pub fn latest(&self) -> Option<&Announced> {
        self.announced.get(&self.latest?)
    }

    /// The last height that the current term is planned to have, once its base is announced.
    #[must_use]
    pub fn planned_last(&self) -> Option<Height> {
        self.latest().map(|latest| latest.planned_last)
    }

    /// The announcement of this hash.
    #[must_use]
    pub fn at(&self, hash: B256) -> Option<&Announced> {
        self.announced.get(&hash)
    }

    /// Another announcement of the same position.
    #[must_use]
    pub fn rival_of(&self, announcement: &Announcement, hash: B256) -> Option<&Announced> {
        self.variants(announcement).find(|known| known.hash != hash)
    }

    fn variants<'a>(&'a self, announcement: &Announcement) -> impl Iterator<Item = &'a Announced> {
        let position = (announcement.era, announcement.term, announcement.epoch);
        self.announced.values().filter(move |known| {
            (known.announcement.era, known.announcement.term, known.announcement.epoch) == position
        })
    }

    /// Whether a successor of this announcement took over at or below `height`.
    #[must_use]
    pub fn is_superseded(&self, hash: B256, height: Height) -> bool {
        self.announced.values().any(|next| next.announcement.previous == hash && next.announcement.first <= height)
    }

    /// The next announcement of the current term on `parent`, as its scheduler makes it. `opening` is what the first one
    /// links to. None if everyone is skipped, or the term's planned length is over.
    #[must_use]
    pub fn next(
        &self,
        set: &SequencerSet,
        opening: B256,
        parent: BlockRef,
        skipped: Vec<Skip>,
    ) -> Option<Announcement> {
        let previous = self.latest().map_or(opening, |latest| latest.hash);
        let before = self.before(previous)?;
        let (leader, _) = turn(set, before.scheduler, before.priorities, &skipped)?;
        let first = parent.height.next();
        let planned_last = before.planned.unwrap_or_else(|| self.planned(parent.height));
        if first > planned_last {
            return None;
        }
        Some(Announcement {
            era: self.era,
            term: self.term,
            epoch: before.epoch.next(),
            leader,
            first,
            last: self.last_of(first, planned_last),
            parent: parent.hash,
            previous,
            skipped,
        })
    }

    /// Checks an announcement by recomputing it, and takes it in.
    ///
    /// # Errors
    /// [`ScheduleError`]; nothing has changed then.
    pub fn extend(&mut self, set: &SequencerSet, announcement: Announcement) -> Result<Extension, ScheduleError> {
        let hash = announcement.hash();
        if self.announced.contains_key(&hash) {
            return Err(ScheduleError::Known);
        }
        let variants = self.variants(&announcement).count();
        if variants >= MAX_VARIANTS {
            return Err(ScheduleError::TooMany(announcement.epoch));
        }
        let announced = self.check(set, announcement, hash)?;
        let of_current_term = announced.announcement.term == self.term;
        let follows_latest = match self.latest {
            Some(latest) => announced.announcement.previous == latest,
            None => announced.announcement.epoch == Epoch(1),
        };
        self.announced.insert(hash, announced);
        Ok(if variants > 0 {
            Extension::Conflict
        } else if of_current_term && follows_latest {
            self.latest = Some(hash);
            Extension::Newest
        } else {
            Extension::Past
        })
    }

    /// Forgets epochs that end below `floor`, which no branch can revert. The one that ends there stays, as what comes next links
    /// to it; so does the newest one, and so do the openings of their terms and later ones.
    pub fn prune(&mut self, floor: Height) {
        let latest = self.latest;
        self.announced.retain(|hash, announced| Some(*hash) == latest || announced.announcement.last >= floor);
        let oldest = self.announced.values().map(|announced| announced.announcement.term).min().unwrap_or(self.term);
        self.openings.retain(|_, opening| opening.term >= oldest);
    }

    fn check(&self, set: &SequencerSet, announcement: Announcement, hash: B256) -> Result<Announced, ScheduleError> {
        let Announcement { era, term, epoch, leader, first, last, parent: _, previous, ref skipped } = announcement;
        let Some(before) = self.before(previous) else { return Err(ScheduleError::Gap(previous)) };
        if (era, term, epoch) != (before.era, before.term, before.epoch.next()) {
            return Err(ScheduleError::Link);
        }
        let planned_last = before.planned.unwrap_or_else(|| self.planned(first.previous()));
        let continues = before.heights.is_none_or(|(earliest, latest)| (earliest..=latest).contains(&first));
        if first == Height(0) || first > planned_last || last != self.last_of(first, planned_last) || !continues {
            return Err(ScheduleError::Heights { first, last });
        }
        let base = before.base.unwrap_or_else(|| announcement.parent());
        if before.epoch == Epoch(0) && base != announcement.parent() {
            return Err(ScheduleError::Base { expected: base, found: announcement.parent() });
        }
        let ordered = skipped.windows(2).all(|pair| pair[0].sequencer < pair[1].sequencer);
        if !ordered || !skipped.iter().all(|skip| set.contains(skip.sequencer)) {
            return Err(ScheduleError::Skipped);
        }
        match turn(set, before.scheduler, before.priorities, skipped) {
            Some((expected, priorities)) if expected == leader => {
                let first = before.first.unwrap_or(hash);
                Ok(Announced { announcement, hash, first, base, planned_last, priorities })
            }
            turn => Err(ScheduleError::Leader { expected: turn.map(|(expected, _)| expected), found: leader }),
        }
    }

    /// What an announcement that links to `previous` continues.
    fn before(&self, previous: B256) -> Option<Before<'_>> {
        if let Some(known) = self.announced.get(&previous) {
            let Announcement { era, term, epoch, first, last, .. } = known.announcement;
            let scheduler =
                self.openings.values().find(|opening| (opening.era, opening.term) == (era, term))?.scheduler;
            return Some(Before {
                era,
                term,
                epoch,
                scheduler,
                heights: Some((first, last.next())),
                planned: Some(known.planned_last),
                first: Some(known.first),
                base: Some(known.base),
                priorities: &known.priorities,
            });
        }
        let opening = self.openings.get(&previous)?;
        Some(Before {
            era: opening.era,
            term: opening.term,
            epoch: Epoch(0),
            scheduler: opening.scheduler,
            heights: None,
            planned: None,
            first: None,
            base: match opening.opened_by {
                OpenedBy::Era { base } => Some(base),
                OpenedBy::Certificate(_) => None,
            },
            priorities: &opening.priorities,
        })
    }

    const fn planned(&self, base: Height) -> Height {
        Height(base.0.saturating_add(self.term_blocks))
    }

    fn last_of(&self, first: Height, planned_last: Height) -> Height {
        Height(first.0.saturating_add(self.epoch_blocks).saturating_sub(1)).min(planned_last)
    }
}

/// What comes before an announcement: another one, or its term's opening.
struct Before<'a> {
    era: Era,
    term: Term,
    epoch: Epoch,
    scheduler: Address,
    /// The lowest and the highest height that the next epoch may begin at.
    heights: Option<(Height, Height)>,
    planned: Option<Height>,
    first: Option<B256>,
    base: Option<BlockRef>,
    priorities: &'a Priorities,
}

/// Whose turn it is, and the priorities after it.
fn turn(
    set: &SequencerSet,
    scheduler: Address,
    priorities: &Priorities,
    skipped: &[Skip],
) -> Option<(Address, Priorities)> {
    let is_skipped = |address| skipped.iter().any(|skip| skip.sequencer == address);
    let standing = set.members().iter().filter(|member| !is_skipped(member.address)).count();
    let spare_scheduler = standing >= MEMBERS_THAT_SPARE_THE_SCHEDULER;
    let mut priorities = priorities.clone();
    let leader = priorities.take_turn(set, |address| {
        let spared = spare_scheduler && address == scheduler;
        !spared && !is_skipped(address)
    })?;
    Some((leader, priorities))
}

#[cfg(test)]
mod tests;
